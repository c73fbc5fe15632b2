"""What a ruler held before a push, kept in a file that anybody may edit."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base.problems import ToolError
from generator.rulers import kept

PLACE = "Loki at http://loki.example, namespace kube-proxy-alerts"
RULE = {"alert": "KubeProxyDown", "expr": "absent(up)", "for": "5m", "labels": {"severity": "info"}}
GROUP = {"name": "kube-proxy.down", "interval": "1m", "rules": [RULE]}
HELD = {"place": PLACE, "unfinished": False, "groups": [GROUP]}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a complete push has kept."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kept.begin(PLACE, [GROUP])
    kept.mark_complete(PLACE)
    (found,) = tmp_path.rglob("*.yaml")
    assert yaml.safe_load(found.read_text(encoding="utf-8")) == HELD
    return found


def test_what_was_kept_is_what_was_there(file: Path) -> None:
    assert kept.kept(PLACE) == [GROUP]
    kept.forget(PLACE)
    assert not file.exists()


def with_group(**changes: Any) -> dict[str, Any]:
    return {**HELD, "groups": [{**GROUP, **changes}]}


def with_rule(**changes: Any) -> dict[str, Any]:
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not ...}
    return with_group(rules=[rule])


EDITED: dict[str, tuple[Any, str]] = {
    "null": (None, "at the beginning: null"),
    "a list": ([GROUP], 'at the beginning: [{"name": '),
    "groups: null": ({**HELD, "groups": None}, "at groups: null"),
    "groups: text": ({**HELD, "groups": "all"}, 'at groups: "all"'),
    "groups: a mapping": ({**HELD, "groups": {"a": GROUP}}, 'at groups: {"a": '),
    "no groups": ({"place": PLACE, "unfinished": False}, 'at the beginning: no "groups"'),
    "no place": ({"unfinished": False, "groups": []}, 'at the beginning: no "place"'),
    "another place": ({**HELD, "place": "elsewhere"}, f"it is of 'elsewhere', not of '{PLACE}'"),
    "unfinished: text": ({**HELD, "unfinished": "no"}, 'at unfinished: "no"'),
    "a group that is null": ({**HELD, "groups": [None]}, "at groups[0]: null"),
    "a group that is text": ({**HELD, "groups": ["a"]}, 'at groups[0]: "a"'),
    "a name with a line break": (with_group(name="kube-proxy.a\nb"), "at groups[0].name: "),
    "a name with an escape": (with_group(name="kube-proxy.\x1b[31m"), "at groups[0].name: "),
    "a name that is a number": (with_group(name=5), "at groups[0].name: 5"),
    "a name that is empty": (with_group(name=""), 'at groups[0].name: ""'),
    "a group that is not ours": (with_group(name="other"), 'at groups[0].name: "other"'),
    "a group twice": (
        {**HELD, "groups": [GROUP, GROUP]},
        "the group kube-proxy.down more than once",
    ),
    "an interval that is none": (with_group(interval="soon"), 'at groups[0].interval: "soon"'),
    "rules: null": (with_group(rules=None), "at groups[0].rules: null"),
    "rules: text": (with_group(rules="x"), 'at groups[0].rules: "x"'),
    "no rules": ({**HELD, "groups": [{"name": GROUP["name"]}]}, 'at groups[0]: no "rules"'),
    "a rule that is null": (with_group(rules=[None]), "at groups[0].rules[0]: null"),
    "a rule without a name": (with_rule(alert=...), "at groups[0].rules[0]: {"),
    "a rule of two kinds": (with_rule(record="a"), "at groups[0].rules[0]: {"),
    "a rule without an expression": (with_rule(expr=...), 'at groups[0].rules[0]: no "expr"'),
    "an empty expression": (with_rule(expr=" "), 'at groups[0].rules[0].expr: " "'),
    "an expression that is a number": (with_rule(expr=1), "at groups[0].rules[0].expr: 1"),
    "a time that is none": (with_rule(**{"for": "soon"}), 'at groups[0].rules[0].for: "soon"'),
    "labels that are a list": (with_rule(labels=[]), "at groups[0].rules[0].labels: []"),
    "a label that is null": (with_rule(labels={"a": None}), "at groups[0].rules[0].labels.a: null"),
}
WRITTEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "at the beginning: null"),
    "not YAML": (b"groups: [\n", "(line 2, column 1)"),
    "two documents": (b"a: 1\n---\nb: 2\n", "another document (line 2, column 1)"),
    "a tag": (b"!!python/name:os.system x\n", "could not determine a constructor"),
    "a date": (b"groups: [{name: 2020-01-01}]\n", "it holds what JSON cannot"),
    "no day": (b"groups: 2020-02-99\n", "day is out of range for month"),
    "a key that is a list": (b"? [a]\n: b\n", "unhashable key"),
    "a number without end": (b"groups: 0x" + b"f" * 5000, "a number of 5002 characters"),
    "infinite": (b"groups: [{name: kube-proxy.a, interval: .inf}]", "at groups[0].interval"),
    "deep": (b"[" * 60_000, "nested more than 100 levels deep"),
    "binary": (bytes(range(256)), "not UTF-8"),
    "zeros": (bytes(1000), "control characters are not allowed"),
    "UTF-16": ("groups: []".encode("utf-16"), "not UTF-8"),
}


def refusals(file: Path) -> set[str]:
    """What a rollback and the next push say; neither writes into the file."""
    before = os.lstat(file)
    said = set()
    doors: list[Callable[[], object]] = [
        lambda: kept.kept(PLACE),
        lambda: kept.begin(PLACE, [GROUP]),
        lambda: kept.mark_complete(PLACE),
    ]
    for door in doors:
        with pytest.raises(ToolError) as error:
            door()
        said.add(str(error.value))
    assert os.lstat(file).st_mtime_ns == before.st_mtime_ns
    return said


def test_what_was_edited_is_said_with_its_place_and_what_to_do(file: Path) -> None:
    for name, (data, where) in EDITED.items():
        file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        (said,) = refusals(file)
        assert said.startswith(f"{file}: "), name
        assert where in said, name
        assert "nothing was changed. Put back what was in the file, or remove it" in said, name
        assert said.isprintable(), name


def test_what_is_no_text_or_no_yaml_is_said_with_its_place_and_what_to_do(file: Path) -> None:
    for name, (data, where) in WRITTEN.items():
        file.write_bytes(data)
        (said,) = refusals(file)
        assert said.startswith(f"{file}: "), name
        assert where in said, name
        assert "nothing was changed. Put back what was in the file, or remove it" in said, name


def test_a_place_that_is_no_file_is_said(file: Path) -> None:
    file.unlink()
    makers: list[Callable[[], None]] = [
        file.mkdir,
        lambda: os.mkfifo(file),
        lambda: file.symlink_to("/dev/zero"),
    ]
    for make in makers:
        make()
        (said,) = refusals(file)
        assert "cannot be read" in said
        assert "nothing was changed" in said
        file.rmdir() if file.is_dir() else file.unlink()


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    with file.open("wb") as large:
        large.truncate(20_000_000_000)
    (said,) = refusals(file)
    assert "larger than 16 MiB" in said
