"""What a kubectl command asks for: its verb, and the release of kubectl that it needs. No IO."""

from generator.steps.shell import Run, Script

# Options and verbs that came after 1.10, the oldest release in the catalog: the minor that has them first. From the
# sources of kubectl.
_SINCE = {
    "rollout restart": 15,
    "-A": 14,
    "--max-log-requests": 14,
    "--prefix": 17,
    "--delete-emptydir-data": 20,  # --delete-local-data before
}
_WITH_VALUE = frozenset({"-n", "--namespace", "--context", "--kubeconfig"})


def verb(run: Run) -> tuple[str, ...]:
    """What kubectl is asked to do: its verb and the word after it, without options."""
    left: list[str] = []
    skip = False
    for word in run.words:
        if not skip and not word.startswith("-"):
            left.append(word)
        skip = word in _WITH_VALUE
    return tuple(left[:2])


def options(run: Run) -> frozenset[str]:
    """The names of its own options; what stands behind -- is a command of somebody else."""
    names = set()
    for word in run.words:
        if word == "--":
            break
        if word.startswith("-"):
            name, _, _ = word.partition("=")
            names.add(name)
    return frozenset(names)


def oldest(script: Script) -> str | None:
    """The oldest kubectl that knows all that a script asks for; None if any does."""
    asked: set[str] = set()
    for run in script.runs:
        if run.program == "kubectl":
            asked |= {" ".join(verb(run)), *options(run)}
    minors = [_SINCE[word] for word in asked & _SINCE.keys()]
    return f"1.{max(minors)}" if minors else None
