"""Steps of a runbook as they read at a site: the words of their templates filled in. No IO."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, meta, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from msgspec.structs import replace

from generator.catalog.model import Step
from generator.steps import shell, verbs
from generator.steps.deployment import Command, Where, Word

_NO_TEMPLATE = "not a template"
_USED = "_used"  # no word: the commands that a template has printed


@dataclass(frozen=True)
class Filled:
    """A template filled in, and where its commands are typed."""

    text: str
    places: frozenset[Where]


@dataclass(frozen=True)
class SiteStep:
    """A step at a site, its templates filled in. `where` its commands are typed; None without any.

    `kubectl` is the oldest release that can do it, where not all can.
    """

    step: Step
    where: Where | None
    kubectl: str | None


def at_site(step: Step, words: Mapping[str, Word]) -> SiteStep:
    """A step with its words filled in. A step of which no command is left at a site has no `run` there."""
    do = fill_in(step.do, words)
    run = fill_in(step.run or "", words)
    expect = fill_in(step.expect or "", words)
    return SiteStep(
        replace(
            step, do=do.text, run=run.text or None, expect=expect.text if step.expect else None
        ),
        where=typed_where(step, run) if run.text else None,
        kubectl=verbs.oldest(shell.script(run.text)),
    )


def typed_where(step: Step, run: Filled) -> Where:
    """Where a step's commands are typed: where it says, or for kube-proxy's own where the words lead."""
    if step.where in ("kubectl", "node"):
        return step.where
    return "kubectl" if "kubectl" in run.places else "node"


def fill_in(template: str, words: Mapping[str, Word]) -> Filled:
    """Fill in the words. Lines that become empty vanish. Raises ValueError with what is wrong with the template."""
    used: list[Command] = []
    if "{" not in template:
        return Filled(_dense(template), frozenset())
    compiled = _compiled(template)
    try:
        text = compiled.render(words, **{_USED: used})
    except TemplateError as error:
        raise ValueError(error.message or _NO_TEMPLATE) from None
    # A template can do whatever an expression of Python can, and fail likewise.
    except Exception as error:
        known = "`kube-proxy-alerts docs steps` lists the words and what they take"
        raise ValueError(f"{error}; {known}") from None
    places = {command.where for command in used if not command.helper}
    if not places:
        return Filled(_dense(text), frozenset(command.where for command in used))
    for command in used:
        if command.helper and command.where not in places:
            text = text.replace(command.text, "")
    return Filled(_dense(text), frozenset(places))


def unknown_words(template: str, words: Collection[str]) -> list[str]:
    """The names in a template that are no words. Raises ValueError if it is not a template."""
    return sorted(_names(template).difference(words))


@cache
def _names(template: str) -> frozenset[str]:
    """The names that a template takes from outside."""
    if "{" not in template:
        return frozenset()
    with _faults_of_template():
        return frozenset(meta.find_undeclared_variables(_syntax_of(template)))


@cache
def _syntax_of(template: str) -> nodes.Template:
    return _sandbox().parse(template)


@cache
def _compiled(template: str) -> Template:
    with _faults_of_template():
        return _sandbox().from_string(_syntax_of(template))


@contextmanager
def _faults_of_template() -> Iterator[None]:
    """Raises ValueError with what is wrong with the template."""
    try:
        yield
    except TemplateError as error:
        raise ValueError(error.message or _NO_TEMPLATE) from None
    except (RecursionError, SyntaxError):  # of Jinja, and of Python for what Jinja made of it
        raise ValueError("nested too deep") from None


def _dense(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


@cache
def _sandbox() -> ImmutableSandboxedEnvironment:
    # Catalogs of other people are data: their templates reach nothing but the words.
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_printed, trim_blocks=True, lstrip_blocks=True
    )


@pass_context
def _printed(context: Context, value: Any) -> Any:
    """What {{ … }} prints: of a command its text, and it is noted."""
    if isinstance(value, Command):
        if value.text:
            context[_USED].append(value)
        return value.text
    if callable(value) and not isinstance(value, Undefined):
        raise TypeError('a word that takes something is written with it, as in {{ log("1h") }}')
    return value
