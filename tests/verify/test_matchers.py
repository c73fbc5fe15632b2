"""Matchers of Alertmanager's routes: what each text means is what the real amtool says."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from generator.verify import matchers
from generator.verify.matchers import MatcherError, UnfollowedError
from tests.conftest import obtained
from tests.lab.programs import AMTOOL

LABELS: Sequence[Mapping[str, str]] = (
    {"alertname": "A", "severity": "critical"},
    {"alertname": "A", "severity": "", "team": 'a"b'},
    {"alertname": "A", "severity": "warning,critical", "team": "a\\b"},
    {"alertname": "A", "severity": "CRITICAL", "team": "a b"},
    {"alertname": "A", "service.name": "dns", "team": "é"},
    {"alertname": "A", "team": "a{2}", "severity": "crit"},
    {"alertname": "A", "team": "a|b", "severity": "xcriticalx"},
    {"alertname": "A", "team": "aa", "severity": "critical "},
)
TAKEN: Sequence[Mapping[str, Any]] = (
    {"matchers": ['severity="critical"']},
    {"matchers": ["severity=critical"]},
    {"matchers": [" severity  =  critical  "]},
    {"matchers": ['{severity="critical",team=""}']},
    {"matchers": ["{severity=critical"]},
    {"matchers": ["severity!=critical,alertname=A,"]},
    {"matchers": ['severity="warning,critical"']},
    {"matchers": ["severity=~warning|critical"]},
    {"matchers": ['severity=~"crit.*"']},
    {"matchers": ['severity=~"(?i)critical"']},
    {"matchers": ['severity!~"crit.*|x.+"']},
    {"matchers": ['severity=~"critical?.?"', 'team!~".+"']},
    {"matchers": ['severity=~".*"']},
    {"matchers": ['severity=~"|critical"']},
    {"matchers": ['severity=~"criticalx*"', "team=~a{2}"]},
    {"matchers": ["team=~a{2}"]},
    {"matchers": ['team=~"a{2}"']},
    {"matchers": ['team="a{2}"']},
    {"matchers": ['team="a|b"']},
    {"matchers": ['team=~"a\\\\|b"']},
    {"matchers": ['team=~"a\\|b"']},
    {"matchers": ['team="a\\"b"']},
    {"matchers": ["team=a\\b"]},
    {"matchers": ['team="a\\\\b"']},
    {"matchers": ["team=a b"]},
    {"matchers": ['"service.name"="dns"']},
    {"matchers": ['{"service.name"=~"d.+",alertname=A}']},
    {"matchers": ['service.name="dns"']},
    {"matchers": ['"team"="\\u00e9"']},
    {"matchers": ["team=é"]},
    {"matchers": ["severity==~("]},
    {"matchers": [""]},
    {"match": {"severity": "critical"}},
    {"match": {"severity": "critical", "alertname": "A"}, "match_re": {"team": "|a.*"}},
    {"match_re": {"severity": "crit|critical"}},
    {"match_re": {"severity": "crit.+"}, "matchers": ["team=aa"]},
)
REFUSED = (
    "severity",
    "=critical",
    'severity=~"("',
    'severity="a"b"',
    'severity="a',
    "a b=c",
    '"a"="b" "c"="d"',
    'severity="critical" team="a"',
    '{"service.name"="dns"',
    "{{a=b}}",
    '"\\q.x"=a',
)


@pytest.fixture(scope="module")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(AMTOOL, AMTOOL.pinned[0], tmp_path_factory)


def configuration(folder: Path, nodes: Sequence[Mapping[str, Any]]) -> Path:
    """Each node is a route with a receiver of its own, and lets alerts go on."""
    names = [f"r{number}" for number in range(len(nodes))]
    routes = [
        {**node, "receiver": name, "continue": True}
        for node, name in zip(nodes, names, strict=True)
    ]
    path = folder / "alertmanager.yml"
    receivers = [{"name": name} for name in (*names, "none")]
    config = {"route": {"receiver": "none", "routes": routes}, "receivers": receivers}
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize("labels", LABELS, ids=str)
def test_each_text_means_what_amtool_says(
    labels: Mapping[str, str], amtool: Path, tmp_path: Path
) -> None:
    config = configuration(tmp_path, TAKEN)
    pairs = [f'"{name}"="{_quoted(value)}"' for name, value in labels.items()]
    command = [str(amtool), "config", "routes", "test", f"--config.file={config}", *pairs]
    ok, said = subprocesses.run(command, tmp_path)
    assert ok, said
    reached = said.splitlines()[-1].split(",")
    holding = [
        f"r{number}"
        for number, node in enumerate(TAKEN)
        if matchers.hold(matchers.matchers_of(node), labels)
    ]
    assert (holding or ["none"]) == reached


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


@pytest.mark.parametrize("text", REFUSED)
def test_what_alertmanager_refuses_is_refused(text: str, amtool: Path, tmp_path: Path) -> None:
    config = configuration(tmp_path, [{"matchers": [text]}])
    ok, _ = subprocesses.run([str(amtool), "check-config", str(config)], tmp_path)
    assert not ok
    with pytest.raises(MatcherError):
        matchers.matchers_of({"matchers": [text]})


LONG = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        'a="' + "x" * LONG + '"',
        'a="' + '\\"' * LONG + '"',
        "a" + " " * LONG + "=b",
        "a=" + "b" + " " * LONG + "c",
        'a=~"' + "x" * LONG + '"',
        'a=~"' + "[a-z]" * (LONG // 5) + '"',
        'a=~"' + "|".join(map(str, range(LONG // 7))) + '"',
        ",".join(f'a{number}!="b"' for number in range(LONG // 20)),
        '"' * LONG,
        "{" * LONG,
        "," * LONG,
        "a " * (LONG // 2) + "=b",
        '"a.b"="' + "x" * LONG,
    ],
    ids=lambda text: text[:12],
)
def test_the_time_for_matchers_grows_with_their_length_alone(text: str) -> None:
    began = time.process_time()
    said = ""
    try:
        matchers.hold(matchers.matchers_of({"matchers": [text]}), {"a": "xyz"})
    except (MatcherError, UnfollowedError) as error:
        said = str(error)
    assert time.process_time() - began < 5
    assert len(said) < 200
