"""From what was read to the files to write: checks, rules, outputs, links. No IO."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from generator import check, outputs
from generator.base.file import File
from generator.base.problems import Problem, errors
from generator.catalog.load import Inputs
from generator.compile.rule import Rules
from generator.compile.rules import compile_rules
from generator.outputs import links

_LOG_RULES = {"loki": "loki", "victorialogs": "victoriametrics"}  # folder of the files: its output


@dataclass(frozen=True)
class Compiled:
    """What a run produces. Without files if the input has errors."""

    problems: tuple[Problem, ...]
    rules: Rules | None = None
    by_output: Mapping[str, Sequence[File]] = field(default_factory=dict)

    @property
    def files(self) -> tuple[File, ...]:
        """The files of all outputs, sorted by path."""
        return self.of_outputs(["all"])

    def of_outputs(self, chosen: Collection[str]) -> tuple[File, ...]:
        """The files of some outputs, as a profile names them."""
        found: list[File] = []
        for output, files in self.by_output.items():
            if output in chosen or "all" in chosen:
                found += files
        return tuple(sorted(found))


def checked_rules(inputs: Inputs) -> Compiled:
    """Check the inputs and compile their rules for their profile, without the files to write."""
    catalog, profile = inputs.catalog, inputs.profile
    problems = list(inputs.problems)
    problems += check.check(catalog, profile, inputs.default_profile)
    wrong = errors(problems)
    if wrong:
        return Compiled(tuple(wrong))  # warnings wait until the rest is right
    rules = compile_rules(catalog, profile)
    if not rules.alerts:
        where = profile.document.at("disabled")
        return Compiled((Problem(where, "no alert is left; everything is disabled"),))
    return Compiled(tuple(problems), rules)


def compile_catalog(inputs: Inputs, output: str) -> Compiled:
    """Check the inputs and compile them for their profile. `output` is how problems name the output folder."""
    checked = checked_rules(inputs)
    if checked.rules is None:
        return checked
    catalog, profile, rules = inputs.catalog, inputs.profile, checked.rules
    problems = list(checked.problems)
    by_output = outputs.render(rules, catalog, profile)
    files = Compiled((), rules, by_output).files
    problems += links.links_resolve(files, output)
    problems += links.runbook_urls_resolve(files, rules.alerts, profile, output)
    return Compiled(tuple(problems), rules, by_output)


def default_log_rules(inputs: Inputs, folder: str = "loki") -> list[str]:
    """The log rules of the same catalog for the default profile: what the entries' unit tests speak of.

    `folder` is that of their files: loki or victorialogs.
    """
    catalog, profile = inputs.catalog, inputs.default_profile
    rules = compile_rules(catalog, profile)
    files = outputs.render_one(_LOG_RULES[folder], rules, catalog, profile)
    return [file.text for file in files if file.path.startswith(f"{folder}/")]
