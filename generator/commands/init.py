"""`init`: a site's first profile, from what its Loki and Prometheus hold, and what the rules would not see there."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.base.names import FOUND, TOOL
from generator.commands import schema_files
from generator.commands.completion import one_of, preset_names
from generator.commands.options import examples, json_option, server_options
from generator.commands.printing import client_of, say, tell, tell_json

if TYPE_CHECKING:
    from generator.base.file import File
    from generator.base.problems import Problem
    from generator.catalog.profile import Engine, Preset
    from generator.servers.http import Endpoint
    from generator.sites.fitting import Choice, Gap, SiteFacts

_DEFAULTS: Mapping["Engine", str] = {"loki": "alloy", "prometheus": "kube-prometheus-stack"}
_STDOUT = "-"


@click.command(
    "init",
    epilog=examples(
        "init --logs fluent-bit --metrics mimir --runbooks https://wiki.example.com/kube-proxy",
        "init --loki http://loki.example:3100 --prometheus http://prometheus.example:9090",
    ),
)
@click.option(
    "--logs",
    metavar="PRESET",
    shell_complete=one_of(preset_names),
    help="How logs arrive; instead of what Loki shows.",
)
@click.option(
    "--metrics",
    metavar="PRESET",
    shell_complete=one_of(preset_names),
    help="How metrics arrive; instead of what Prometheus shows.",
)
@click.option(
    "--runs",
    metavar="PRESET",
    shell_complete=one_of(preset_names),
    help="How kube-proxy runs, such as eks, gke, aks, kops; for the runbooks.",
)
@server_options("loki", "prometheus")
@click.option("--cluster-label", metavar="LABEL", help="Label of the cluster, of logs and metrics.")
@click.option(
    "clusters",
    "--cluster",
    metavar="NAME",
    multiple=True,
    help="A cluster that must be there; repeatable.",
)
@click.option(
    "--release",
    metavar="NAME",
    help="Helm release of kube-prometheus-stack, which must stand on its objects.",
)
@click.option("--runbooks", metavar="URL", help="Where the runbooks are published.")
@click.option(
    "--output",
    default="site.yaml",
    show_default=True,
    metavar="FILE",
    help="File to write; - is standard output.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option("What was found, for programs.")
def command(
    logs: str | None,
    metrics: str | None,
    runs: str | None,
    cluster_label: str | None,
    clusters: tuple[str, ...],
    release: str | None,
    runbooks: str | None,
    output: str,
    force: bool,
    as_json: bool,
    **urls: str | None,
) -> None:
    """Write a commented profile, from presets named or from what a live Loki and Prometheus (or Mimir) hold.

    `kube-proxy-alerts docs sites` tells of the presets. What the rules would not see at the site is said, and what to
    change there.
    Credentials come from the environment, such as KUBE_PROXY_ALERTS_LOKI_TOKEN.
    """
    from generator.base import disk
    from generator.catalog import profiles
    from generator.catalog.package import shipped_catalog
    from generator.servers import access
    from generator.sites import fitting, survey

    if as_json and output == _STDOUT:
        raise click.UsageError("--json and --output - both want standard output")
    if output != _STDOUT:
        disk.takes_a_file(Path(output))
    if output != _STDOUT and os.path.lexists(output) and not force:
        say(
            f"{TOOL}: {output} exists already; choose another name with --output, or replace it with --force"
        )
        raise click.exceptions.Exit(FOUND)
    presets = profiles.read_presets(shipped_catalog())
    wanted: dict[Engine, list[Preset]] = {
        "loki": _presets_that_set(presets, "loki", logs),
        "prometheus": _presets_that_set(presets, "prometheus", metrics),
    }
    deployment = _presets_that_set(presets, "kube_proxy", runs)[0] if runs else None
    endpoints = {}
    for kind, url in urls.items():
        endpoints[kind] = access.endpoint(kind, url, {}, os.environ)
    loki, prometheus = endpoints["loki"], endpoints["prometheus"]
    facts = survey.look(
        [preset.profile for preset in wanted["loki"]],
        client_of(loki) if loki else None,
        [preset.profile for preset in wanted["prometheus"]],
        client_of(prometheus) if prometheus else None,
    )
    held = {
        "loki": facts.streams or {},
        "prometheus": {key: job.targets for key, job in (facts.jobs or {}).items()},
    }
    choices = {}
    for engine, able in wanted.items():
        best = fitting.choose(able, engine, held[engine])
        choices[engine] = best or _default(able, engine)
    assumed = choices["prometheus"].preset.profile.kubernetes.labels.get("release")
    folder = Path(output).parent
    schemas = [] if output == _STDOUT else schema_files.schema_files(folder, "profile")
    file = _proposed_profile(
        output,
        choices,
        deployment,
        facts,
        endpoints,
        cluster_label,
        clusters,
        release or assumed,
        runbooks,
        schemas[0].path if schemas else None,
    )
    findings = _gaps_of_profile(file, facts)
    if output == _STDOUT:
        tell(file.text, nl=False)
    else:
        disk.put(Path(output), file.text)
    schema_files.put_changed(folder, schemas)
    if as_json:
        tell_json(_for_programs(file, choices, facts, findings))
    for line in (*_seen(choices, facts), *map(str, findings)):
        say(line)
    if assumed and not release:
        say(
            f"objects: the Helm release is taken to be {assumed}; if `helm list -A` names another, give --release NAME"
        )
    if output != _STDOUT:
        say(f"{output}: written{_with(schemas)}; next: {TOOL} check --profile {output}")


def _presets_that_set(
    presets: Sequence["Preset"], section: str, name: str | None
) -> list["Preset"]:
    """The presets that set a section, or the one that is asked for."""
    able = [preset for preset in presets if section in preset.sections]
    if name is None:
        return able
    named = [preset for preset in able if preset.name == name]
    if not named:
        from generator.catalog.profiles import no_preset

        say(f"{TOOL}: {no_preset(name, [preset.name for preset in able])}")
        raise click.exceptions.Exit(FOUND)
    return named


def _default(presets: Sequence["Preset"], engine: "Engine") -> "Choice":
    from generator.sites.fitting import Choice

    by_name = {preset.name: preset for preset in presets}
    return Choice(by_name.get(_DEFAULTS[engine], presets[0]))


def _proposed_profile(
    output: str,
    choices: Mapping["Engine", "Choice"],
    deployment: "Preset | None",
    facts: "SiteFacts",
    endpoints: Mapping[str, "Endpoint | None"],
    cluster_label: str | None,
    clusters: Sequence[str],
    release: str | None,
    runbooks: str | None,
    schema: str | None,
) -> "File":
    from generator.scaffolds import scaffold
    from generator.sites import fitting

    # One that is for logs and metrics would overrule the other in what that one was chosen for.
    chosen = [choice.preset for choice in choices.values()]
    if deployment:
        chosen.append(deployment)
    broad_first = sorted(chosen, key=lambda preset: -len(preset.sections))
    sections: dict[Engine, dict[str, Any]] = {}
    for engine, choice in choices.items():
        section: dict[str, Any] = {}
        if choice.selector:
            section["selector"] = choice.selector
        if cluster_label:
            section["labels"] = {"cluster": cluster_label}
        sections[engine] = section
    kernel = fitting.kernel_log(choices["loki"].preset, facts)
    if kernel or kernel is None:
        sections["loki"]["kernel"] = kernel
    servers = {}
    for kind, endpoint in endpoints.items():
        if endpoint:
            servers[kind] = {"url": endpoint.url}
            if endpoint.tenant:
                servers[kind]["tenant"] = endpoint.tenant
    logs = choices["loki"].preset.profile.loki.labels
    metrics = choices["prometheus"].preset.profile.prometheus.labels
    seen = fitting.clusters(facts, cluster_label or logs.cluster, cluster_label or metrics.cluster)
    return scaffold.profile(
        output if output != _STDOUT else "site.yaml",
        list(dict.fromkeys(preset.name for preset in broad_first)),
        clusters or (seen if len(seen) > 1 else ()),
        sections["loki"],
        sections["prometheus"],
        servers,
        {"labels": {"release": release}} if release else {},
        runbooks,
        schema,
    )


def _with(schemas: Sequence["File"]) -> str:
    if not schemas:
        return ""
    return f", and beside it {schemas[0].path}, which editors complete from"


def _gaps_of_profile(file: "File", facts: "SiteFacts") -> list["Gap"]:
    """What the profile would not see; ends the command if what was given makes no good profile."""
    import tempfile

    from generator.base import disk
    from generator.base.file import File
    from generator.base.problems import errors
    from generator.catalog.load import load
    from generator.check import SITE_CHECKS
    from generator.commands.compiling import stop_on_errors
    from generator.sites import fitting

    name = Path(file.path).name
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        disk.populate(folder, [File(name, file.text)])
        read = load(profile=folder / name)
        problems = [*read.problems]
        for check in SITE_CHECKS:
            problems += check(read.catalog, read.profile)
        named = [_without_temporary(problem, folder) for problem in problems]
        stop_on_errors(errors(dict.fromkeys(named)))
    return fitting.findings(read.catalog, read.profile, facts)


def _without_temporary(problem: "Problem", folder: Path) -> "Problem":
    """Without the name of a file that nobody has: what is wrong in it came by an option."""
    from generator.base.problems import Location

    path = Path(problem.where.path).resolve()
    if not path.is_relative_to(folder.resolve()):
        return problem
    return replace(problem, where=Location(""))


def _seen(choices: Mapping["Engine", "Choice"], facts: "SiteFacts") -> list[str]:
    """A line for each server that was asked."""
    from generator.sites.fitting import Job

    lines = []
    if facts.streams is not None:
        choice = choices["loki"]
        selector = choice.selector or choice.preset.profile.loki.selector
        count = len(facts.streams.get(selector, ()))
        lines.append(f"logs: {choice.preset.name}; {count} streams {selector}")
    if facts.kernel is not None and not any(facts.kernel.values()):
        lines.append(
            "kernel logs: none; the profile says `kernel: null`, and the alerts on them are left out"
        )
    for selector, streams in (facts.kernel or {}).items():
        if streams:
            lines.append(f"kernel logs: {len(streams)} streams {selector}")
    if facts.jobs is not None:
        choice = choices["prometheus"]
        selector = choice.selector or choice.preset.profile.prometheus.selector
        job = facts.jobs.get(selector, Job())
        versions = ", ".join(sorted(job.versions)) or "of unknown version"
        answering = f"{job.up} of {len(job.targets)} targets {selector} answer"
        lines.append(f"metrics: {choice.preset.name}; {answering}, {versions}")
    return lines


def _for_programs(
    file: "File",
    choices: Mapping["Engine", "Choice"],
    facts: "SiteFacts",
    findings: Sequence["Gap"],
) -> Mapping[str, Any]:
    counts = {}
    for selector, streams in (facts.streams or {}).items():
        if streams:
            counts[selector] = len(streams)
    targets = {}
    for selector, job in (facts.jobs or {}).items():
        if job.targets:
            targets[selector] = {
                "all": len(job.targets),
                "up": job.up,
                "versions": dict(job.versions),
            }
    return {
        "profile": file.path,
        "presets": {engine: choice.preset.name for engine, choice in choices.items()},
        "streams": counts,
        "targets": targets,
        "findings": [asdict(finding) for finding in findings],
    }
