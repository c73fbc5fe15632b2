"""Fills in and inspects PromQL."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

import promql_parser

from generator.model import Profile

_TEXT = r'"(?:[^"\\\n]|\\.)*"|`[^`]*`'
_LABEL = r"\s*[A-Za-z_][A-Za-z0-9_]*\s*(?:=~|!~|!=|=)\s*"
_SELECTOR = re.compile(rf"\s*\{{(?:{_LABEL}(?:{_TEXT}|'(?:[^'\\\n]|\\.)*')\s*(?:,|(?=\}})))*\s*\}}\s*")
# Loki is stricter: no single quotes, no comma at the end, and none of the words that its language consists of.
_OF_LOKI = re.compile(rf"\s*\{{{_LABEL}(?:{_TEXT})\s*(?:,{_LABEL}(?:{_TEXT})\s*)*\}}\s*")
LOKI_WORDS = {"and", "bool", "by", "or", "unless", "without"} | {
    *("json", "label_format", "label_replace", "line_format", "logfmt", "regexp", "unpack", "unwrap")
}


def is_of_loki(selector: str) -> bool:
    """Whether Loki reads a selector that Prometheus reads."""
    return bool(_OF_LOKI.fullmatch(selector))


def matchers(selector: str) -> list[Any]:
    """The label matchers of a selector such as `{job="kube-proxy"}`, which Loki and Prometheus write alike.

    Raises ValueError if it is not a plain selector.
    """
    parsed = promql_parser.parse(selector)
    if not _SELECTOR.fullmatch(selector):  # offset, @, comments and quoted names, which only Prometheus understands
        raise ValueError('not a selector like {job="kube-proxy"}')
    if not isinstance(parsed, promql_parser.VectorSelector) or parsed.name or parsed.matchers.or_matchers:
        raise ValueError('not a selector like {job="kube-proxy"}')
    return list(parsed.matchers.matchers)


def pinned(selector: str) -> dict[str, str]:
    """The labels that a selector pins to one value."""
    return {matcher.name: matcher.value for matcher in matchers(selector) if matcher.op == promql_parser.MatchOp.Equal}


def labels(selector: str) -> dict[str, str]:
    """The labels that a selector of equalities names. Raises ValueError if it is none."""
    if any(matcher.op != promql_parser.MatchOp.Equal for matcher in matchers(selector)):
        raise ValueError('labels are given with =, as in {job="kube-proxy"}')
    return pinned(selector)


def placeholders(profile: Profile) -> dict[str, str]:
    """What the placeholders of an expression stand for at a site.

    $kube_proxy and $container are label matchers; $by, $pod and $cluster are labels. $namespace and $daemonset are the
    names of kube-proxy's. $expected is a series for each cluster that must be there, $expected_by the label that tells
    them apart; with none named, one series and no label.
    """
    labels = profile.prometheus.labels
    pod = [label for label in (labels.cluster, labels.namespace, labels.pod) if label]
    return {
        "kube_proxy": _inside(profile.prometheus.selector),
        "container": _inside(profile.prometheus.container_selector),
        "by": ", ".join([*pod, *([labels.node] if labels.node else []), labels.instance]),
        "pod": ", ".join(pod),
        "cluster": labels.cluster or "",
        "namespace": profile.kube_proxy.namespace,
        "daemonset": profile.kube_proxy.daemonset,
        "expected": " or ".join(_series(labels.cluster or "", name) for name in profile.clusters) or "vector(1)",
        "expected_by": (labels.cluster or "") if profile.clusters else "",
    }


def _series(label: str, value: str) -> str:
    """An expression that gives one series, of this label only."""
    return f'label_replace(vector(1), "{label}", {json.dumps(value, ensure_ascii=False).replace("$", "$$")}, "", "")'


def _inside(selector: str) -> str:
    return selector.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")


def fill(expr: str, values: Mapping[str, str]) -> str:
    """An expression with its placeholders filled in. Raises KeyError for an unknown one, ValueError for a lone $."""
    return Template(expr).substitute(values)


def parse(expr: str) -> Any:
    """The syntax tree. Raises ValueError with the parser's reason."""
    return promql_parser.parse(expr)


@dataclass(frozen=True)
class Selection:
    """One vector selector of an expression: the name of its series, and the labels it names."""

    series: str
    labels: frozenset[str]


def walk(node: Any) -> Iterator[Any]:
    """All nodes of a syntax tree, parents first."""
    found: list[Any] = []
    promql_parser.walk(node, lambda child: found.append(child))
    return iter(found)


def selections(tree: Any) -> list[Selection]:
    return [
        Selection(node.name or "", frozenset(matcher.name for matcher in node.matchers.matchers))
        for node in walk(tree)
        if isinstance(node, promql_parser.VectorSelector)
    ]


def grouping_labels(tree: Any) -> set[str]:
    """Every label that a by(), on() or group_left() names."""
    named: set[str] = set()
    for node in walk(tree):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            named.update(node.modifier.labels)
        if isinstance(node, promql_parser.BinaryExpr) and node.modifier:
            if node.modifier.matching:
                named.update(node.modifier.matching.labels)
            named.update(node.modifier.group_labels or ())
    return named
