"""`init`: a site's first profile, from what its Loki and Prometheus hold, and what the rules would not see there."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from generator.base.names import FOUND, TOOL
from generator.commands import beside
from generator.commands.completion import one_of, preset_names
from generator.commands.options import examples, json_option, server_options
from generator.commands.printing import client_of, say, tell, tell_json

if TYPE_CHECKING:
    from generator.base.file import File
    from generator.base.problems import Problem
    from generator.catalog.profile import Preset
    from generator.servers.http import Endpoint
    from generator.sites.fitting import Choice, Engine, Gap, SiteFacts

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
    from generator.catalog.load import shipped_catalog
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
    endpoints = {kind: access.endpoint(kind, url, {}, os.environ) for kind, url in urls.items()}
    loki, prometheus = (
        client_of(each) if each else None for each in (endpoints["loki"], endpoints["prometheus"])
    )
    profiles_of = {engine: [preset.profile for preset in found] for engine, found in wanted.items()}
    facts = survey.look(profiles_of["loki"], loki, profiles_of["prometheus"], prometheus)
    found = {
        "loki": facts.streams,
        "prometheus": {key: job.targets for key, job in (facts.jobs or {}).items()},
    }
    choices = {
        engine: fitting.choose(wanted[engine], engine, found[engine] or {})
        or _default(wanted[engine], engine)
        for engine in wanted
    }
    assumed = choices["prometheus"].preset.profile.kubernetes.labels.get("release")
    folder = Path(output).parent
    schemas = [] if output == _STDOUT else beside.schema_files(folder, "profile")
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
    beside.put_changed(folder, schemas)
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
    found = [preset for preset in able if preset.name == name]
    if not found:
        from generator.catalog.profiles import no_preset

        say(f"{TOOL}: {no_preset(name, [preset.name for preset in able])}")
        raise click.exceptions.Exit(FOUND)
    return found


def _default(presets: Sequence["Preset"], engine: "Engine") -> "Choice":
    from generator.sites.fitting import Choice

    return Choice(
        next((preset for preset in presets if preset.name == _DEFAULTS[engine]), presets[0])
    )


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
    chosen = [
        *(choice.preset for choice in choices.values()),
        *([deployment] if deployment else []),
    ]
    broad_first = sorted(chosen, key=lambda preset: -len(preset.sections))
    labels = {"labels": {"cluster": cluster_label}} if cluster_label else {}
    sections: dict[Engine, dict[str, Any]] = {
        engine: {**({"selector": choice.selector} if choice.selector else {}), **labels}
        for engine, choice in choices.items()
    }
    kernel = fitting.kernel_log(choices["loki"].preset, facts)
    if kernel or kernel is None:
        sections["loki"]["kernel"] = kernel
    logs, metrics = (
        choices["loki"].preset.profile.loki,
        choices["prometheus"].preset.profile.prometheus,
    )
    seen = fitting.clusters(
        facts, cluster_label or logs.labels.cluster, cluster_label or metrics.labels.cluster
    )
    return scaffold.profile(
        output if output != _STDOUT else "site.yaml",
        list(dict.fromkeys(preset.name for preset in broad_first)),
        clusters or (seen if len(seen) > 1 else ()),
        sections["loki"],
        sections["prometheus"],
        {
            kind: {"url": each.url, **({"tenant": each.tenant} if each.tenant else {})}
            for kind, each in endpoints.items()
            if each
        },
        {"labels": {"release": release}} if release else {},
        runbooks,
        schema,
    )


def _with(schemas: Sequence["File"]) -> str:
    return f", and beside it {schemas[0].path}, which editors complete from" if schemas else ""


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
    with tempfile.TemporaryDirectory() as folder:
        disk.populate(Path(folder), [File(name, file.text)])
        read = load(profile=Path(folder) / name)
        problems = [
            *read.problems,
            *(row for check in SITE_CHECKS for row in check(read.catalog, read.profile)),
        ]
        stop_on_errors(errors(dict.fromkeys(_said(row, Path(folder)) for row in problems)))
    return fitting.findings(read.catalog, read.profile, facts)


def _said(problem: "Problem", folder: Path) -> "Problem":
    """Without the name of a file that nobody has: what is wrong in it came by an option."""
    from generator.base.problems import Location

    if not Path(problem.where.path).resolve().is_relative_to(folder.resolve()):
        return problem
    return replace(problem, where=Location(""))


def _seen(choices: Mapping["Engine", "Choice"], facts: "SiteFacts") -> list[str]:
    """A line for each server that was asked."""
    lines = []
    if facts.streams is not None:
        choice = choices["loki"]
        selector = choice.selector or choice.preset.profile.loki.selector
        lines.append(
            f"logs: {choice.preset.name}; {len(facts.streams.get(selector, ()))} streams {selector}"
        )
    if facts.kernel is not None and not any(facts.kernel.values()):
        lines.append(
            "kernel logs: none; the profile says `kernel: null`, and the alerts on them are left out"
        )
    lines += [
        f"kernel logs: {len(rows)} streams {selector}"
        for selector, rows in (facts.kernel or {}).items()
        if rows
    ]
    if facts.jobs is not None:
        choice = choices["prometheus"]
        selector = choice.selector or choice.preset.profile.prometheus.selector
        job = facts.jobs.get(selector)
        total, up = (len(job.targets), job.up) if job else (0, 0)
        versions = ", ".join(sorted(job.versions)) if job and job.versions else "of unknown version"
        lines.append(
            f"metrics: {choice.preset.name}; {up} of {total} targets {selector} answer, {versions}"
        )
    return lines


def _for_programs(
    file: "File",
    choices: Mapping["Engine", "Choice"],
    facts: "SiteFacts",
    findings: Sequence["Gap"],
) -> Mapping[str, Any]:
    return {
        "profile": file.path,
        "presets": {engine: choice.preset.name for engine, choice in choices.items()},
        "streams": {
            selector: len(rows) for selector, rows in (facts.streams or {}).items() if rows
        },
        "targets": {
            selector: {"all": len(job.targets), "up": job.up, "versions": dict(job.versions)}
            for selector, job in (facts.jobs or {}).items()
            if job.targets
        },
        "findings": [asdict(finding) for finding in findings],
    }
