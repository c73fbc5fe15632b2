"""Checks of the steps of a runbook, at every way to run kube-proxy: a command is typed where it works."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial

from generator.base.document import Path
from generator.base.problems import Location, Problem
from generator.base.suggest import hint
from generator.catalog.model import Catalog, Entry, Step
from generator.catalog.profile import KubeProxyProfile, Profile
from generator.steps import shell, verbs
from generator.steps.deployment import Where, kinds, site_words
from generator.steps.filled import Filled, fill_in, typed_where, unknown_words
from generator.steps.shell import Run, Script

# What a machine with kubectl has of its own, and what asks servers from there; all else needs the node.
_CLIENTS = frozenset({"kubectl", "amtool"})
_ANYWHERE = frozenset({"curl", "python3"})
_OWN_PORTS = (":10249", ":10256")  # kube-proxy's metrics and health, on the node itself
_FILTERS = frozenset(
    {
        "awk",
        "column",
        "cut",
        "echo",
        "grep",
        "head",
        "jq",
        "printf",
        "read",
        "sed",
        "sleep",
        "sort",
        "tail",
        "test",
        "tr",
        "true",
        "uniq",
        "wc",
    }
)
_READING = frozenset(
    {
        "api-resources",
        "api-versions",
        "auth",
        "cluster-info",
        "config",
        "describe",
        "events",
        "exec",
        "explain",
        "get",
        "logs",
        "top",
        "version",
        "wait",
    }
)
_READING_ROLLOUTS = frozenset({"status", "history"})
_OF_EVERY_SHELL = frozenset({"HOME", "HOSTNAME", "PATH", "PWD", "USER"})


@dataclass(frozen=True)
class _Placed:
    """A step of an entry with its place in the file, in the order in which the page shows the steps."""

    step: Step
    path: Path


@dataclass(frozen=True)
class _AtKind:
    """A step's commands at one way to run kube-proxy."""

    placed: _Placed
    site: KubeProxyProfile
    where: Where
    text: str


def steps_have_a_place(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """Templates use words that there are, and all commands of a step are typed at the same place, which it names."""
    for entry in catalog.entries:
        for placed in _in_order(entry):
            unreadable = list(_templates(entry, placed, profile))
            yield from unreadable or _misplaced_steps(entry, placed, profile)


def commands_fit_their_place(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """With kubectl only kubectl and filters, on the node all but kubectl, and no variable that nobody has set."""
    for entry in catalog.entries:
        yield from _once(_commands(entry, site) for site in kinds(profile.kube_proxy))


def changes_are_named_and_undone(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A step that changes the cluster says what it changes; what cordons is followed by what uncordons."""
    for entry in catalog.entries:
        yield from _once(_changes(entry, site) for site in kinds(profile.kube_proxy))


def damage_is_stopped_first(catalog: Catalog, profile: Profile) -> Iterable[Problem]:
    """A critical entry has a mitigation that stops the damage before its reason is known; no diagnosis does that."""
    for entry in catalog.entries:
        at = entry.document.at
        stops = [step.stops_damage for step in entry.mitigation]
        if entry.severity.level == "critical" and not any(stops):
            message = "nothing stops the damage of a critical failure; mark what does with `stops_damage: true`"
            yield Problem(at("mitigation"), message)
        for index, stops_damage in enumerate(stops):
            if stops_damage and not all(stops[:index]):
                message = "what stops the damage comes first on the page; put it first here, so that the numbers agree"
                yield Problem(at("mitigation", index, "stops_damage"), message)
        for index, step in enumerate(entry.diagnosis):
            if step.stops_damage:
                message = "a diagnosis stops no damage; move the step under `mitigation`"
                yield Problem(at("diagnosis", index, "stops_damage"), message)


def _once(of_sites: Iterable[Iterable[Problem]]) -> Iterator[Problem]:
    """What is wrong at a place of the file, said of the first site where anything is."""
    told: set[Location] = set()
    for problems in of_sites:
        fresh = [problem for problem in problems if problem.where not in told]
        yield from fresh
        told.update(problem.where for problem in fresh)


def _in_order(entry: Entry) -> list[_Placed]:
    """An entry's steps as its page shows them, each with its place in the file."""
    paths: dict[int, Path] = {}
    for index, step in enumerate(entry.diagnosis):
        paths[id(step)] = ("diagnosis", index)
    for index, step in enumerate(entry.mitigation):
        paths[id(step)] = ("mitigation", index)
    return [_Placed(step, paths[id(step)]) for step in entry.steps()]


@cache  # each check reads each step at each site
def _at(site: KubeProxyProfile, template: str) -> Filled:
    return fill_in(template, site_words(site))


def _templates(entry: Entry, placed: _Placed, profile: Profile) -> Iterator[Problem]:
    step = placed.step
    for key, template in (("do", step.do), ("run", step.run), ("expect", step.expect)):
        if not template:
            continue
        at = partial(entry.document.at, *placed.path, key)
        try:
            for message in _template_problems(template, profile):
                yield Problem(at(), f"{key}: {message}")
        except ValueError as error:
            yield Problem(at(), f"{key} is not a template that can be filled in: {error}")


def _template_problems(template: str, profile: Profile) -> Iterator[str]:
    """Raises ValueError if it can be filled in at no site, or not at each."""
    known = site_words(profile.kube_proxy)
    unknown = unknown_words(template, known)
    for word in unknown:
        meant = hint(word, known, f"there are {', '.join(sorted(known))}")
        yield f"there is no word '{word}'; {meant}"
    if unknown:
        return
    for site in kinds(profile.kube_proxy):
        _at(site, template)


def _misplaced_steps(entry: Entry, placed: _Placed, profile: Profile) -> Iterator[Problem]:
    for site in kinds(profile.kube_proxy):
        run = _at(site, placed.step.run or "")
        message = _misled(placed.step, run, site)
        if message:
            yield Problem(entry.document.at(*placed.path, "run"), message)
            return


def _misled(step: Step, run: Filled, site: KubeProxyProfile) -> str | None:
    if len(run.places) > 1:
        return f"where kube-proxy runs as {site.runs_as}, its commands are typed at two places; make two steps"
    if not run.places:
        if step.where == "kube-proxy" and run.text:
            return (
                "nothing in it follows how kube-proxy runs; say `where: kubectl` or `where: node`"
            )
        return None
    (place,) = run.places
    if typed_where(step, run) == place:
        return None
    return (
        f"where kube-proxy runs as {site.runs_as}, a word in it is typed {_typed_where(place)}; "
        "say `where: kube-proxy`, or make two steps"
    )


def _typed_where(where: str) -> str:
    return "with kubectl" if where == "kubectl" else "on the node"


def _scripts(entry: Entry, site: KubeProxyProfile) -> Iterator[_AtKind]:
    """The commands of an entry at a site; what cannot be filled in is told by another check."""
    for placed in _in_order(entry):
        try:
            run = _at(site, placed.step.run or "")
        except ValueError:
            continue
        if run.text and placed.step.where and not _misled(placed.step, run, site):
            yield _AtKind(placed, site, typed_where(placed.step, run), run.text)


def _commands(entry: Entry, site: KubeProxyProfile) -> Iterator[Problem]:
    # The head of a page sets these; what a step sets, later ones at the same place may use.
    of_the_head = {"NODE", "POD"} if site.in_pod else {"NODE"}
    given: dict[Where, frozenset[str]] = {
        "kubectl": _OF_EVERY_SHELL | of_the_head,
        "node": _OF_EVERY_SHELL,
    }
    for commands in _scripts(entry, site):
        at = partial(entry.document.at, *commands.placed.path, "run")
        try:
            script = shell.script(commands.text)
        except ValueError as error:
            yield Problem(at(), f"not a shell script: {error}")
            continue
        for message in _misplaced(script, commands.where):
            yield Problem(at(), message)
        asks_for_logs = any(verb[:1] == ("logs",) for verb in _kubectl_verbs(script))
        if asks_for_logs and commands.site.log_file:
            yield Problem(
                at(),
                "`kubectl logs` is empty where the log is a file; use a word, or {% if prints_log %}",
            )
        given[commands.where] |= script.sets
        for name in sorted(script.reads - given[commands.where]):
            yield Problem(at(), _unset(name, commands))
        if script.mutes:
            message = "2>/dev/null hides that a command is missing or refused, and the rest then reads as an answer"
            yield Problem(at(), message)


def _kubectl_verbs(script: Script) -> list[tuple[str, ...]]:
    return [verbs.verb(run) for run in script.runs if run.program == "kubectl"]


def _misplaced(script: Script, where: Where) -> Iterator[str]:
    for run in script.runs:
        if run.program == "kubectl" and "debug" in verbs.verb(run):
            yield "no `kubectl debug`: the page tells how to get a shell on the node; say `where: node`"
        elif where == "node":
            if run.program in _CLIENTS:
                yield f"{run.program} is not typed on the node; make it a step of its own with `where: kubectl`"
        else:
            yield from _needs_the_node(run)


def _needs_the_node(run: Run) -> Iterator[str]:
    """What keeps a command from being typed on the machine with kubectl."""
    if run.program == "curl":
        for word in run.words:
            if any(port in word for port in _OWN_PORTS):
                yield f"{word} is kube-proxy's on the node; make it a step of its own with `where: node`"
    elif run.program in _FILTERS:
        for word in run.words:
            if word.startswith("/") and not word.startswith("/dev/"):
                yield f"{word} is a file of the node; make it a step of its own with `where: node`"
    elif run.program not in _CLIENTS | _ANYWHERE:
        yield f"'{run.program}' needs the node; make it a step of its own with `where: node`"


def _unset(name: str, commands: _AtKind) -> str:
    if name == "POD" and commands.where == "kubectl":
        return (
            f"there is no $POD where kube-proxy runs as {commands.site.runs_as}; "
            "use a word, or {% if in_pod %}"
        )
    if name in ("NODE", "POD"):
        return f"${name} is set on the machine with kubectl, not on the node"
    return f"nothing has set ${name} before; let the step set it, as in {name}=…"


def _changes(entry: Entry, site: KubeProxyProfile) -> Iterator[Problem]:
    cordoned: list[_Placed] = []
    for commands in _scripts(entry, site):
        try:
            asked = _kubectl_verbs(shell.script(commands.text))
        except ValueError:
            continue
        changing = [verb for verb in asked if verb and not _only_reads(verb)]
        if changing and not commands.placed.step.changes:
            where = entry.document.at(*commands.placed.path, "run")
            verb = " ".join(changing[0])
            yield Problem(where, f"`kubectl {verb}` changes something; say what, under `changes`")
        first_words = {verb[0] for verb in asked if verb}
        if "uncordon" in first_words:
            cordoned = []
        if not first_words.isdisjoint(("cordon", "drain")):
            cordoned.append(commands.placed)
    for placed in cordoned:
        where = entry.document.at(*placed.path, "run")
        yield Problem(
            where, "no Pod comes to this node any more; a later step must say `kubectl uncordon`"
        )


def _only_reads(verb: tuple[str, ...]) -> bool:
    if verb[0] == "rollout":
        return not _READING_ROLLOUTS.isdisjoint(verb[1:])
    return verb[0] in _READING
