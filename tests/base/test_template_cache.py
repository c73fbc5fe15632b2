"""Compiled templates are kept where compiled modules are, and what is wrong with that place only costs time."""

import sys
from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment, FileSystemLoader

from generator.base.template_cache import BesideTheTemplates


@pytest.fixture(autouse=True)
def python_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.j2").write_text("{{ 6 * 7 }}", encoding="utf-8")


def rendered(folder: Path) -> str:
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(folder), bytecode_cache=BesideTheTemplates()
    )
    return environment.get_template("page.j2").render()


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "__pycache__").iterdir())


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that are compiled."""
    seen: list[str] = []
    compile_template = Environment.compile

    def noted(self: Environment, source: str, *more: object, **named: object) -> object:
        seen.append(source)
        return compile_template(self, source, *more, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Environment, "compile", noted)
    return seen


def test_a_template_is_compiled_once(tmp_path: Path, compilations: list[str]) -> None:
    assert [rendered(tmp_path), rendered(tmp_path)] == ["42", "42"]
    assert compilations == ["{{ 6 * 7 }}"]
    assert len(kept(tmp_path)) == 1


def test_a_changed_template_is_compiled_again(tmp_path: Path, compilations: list[str]) -> None:
    rendered(tmp_path)
    (tmp_path / "page.j2").write_text("{{ 6 * 8 }}", encoding="utf-8")
    assert rendered(tmp_path) == "48"
    assert len(compilations) == 2


@pytest.mark.parametrize("length", [0, 10, 32, 40, 60, 100])
def test_what_is_damaged_is_compiled_again(
    tmp_path: Path, compilations: list[str], length: int
) -> None:
    rendered(tmp_path)
    (path,) = kept(tmp_path)
    whole = path.read_bytes()
    for damaged in (whole[:length], whole[:length] + b"\xff" + whole[length + 1 :]):
        path.write_bytes(damaged)
        assert rendered(tmp_path) == "42"
        assert path.read_bytes() == whole
    assert len(compilations) == 3


def test_a_place_that_cannot_be_written_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").write_text("in the way", encoding="utf-8")
    assert rendered(tmp_path) == "42"


def test_a_folder_in_its_place_is_no_matter(tmp_path: Path) -> None:
    rendered(tmp_path)
    (path,) = kept(tmp_path)
    path.unlink()
    (path / "more").mkdir(parents=True)
    assert rendered(tmp_path) == "42"
    assert kept(tmp_path) == [path]


def test_nothing_is_kept_where_python_shall_keep_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(tmp_path) == "42"
    assert not (tmp_path / "__pycache__").exists()


def test_they_follow_the_place_that_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    assert rendered(tmp_path) == "42"
    assert not (tmp_path / "__pycache__").exists()
    assert len([path for path in (tmp_path / "elsewhere").rglob("*") if path.is_file()]) == 1


def test_a_template_in_no_file_is_compiled_and_not_kept() -> None:
    environment = Environment(  # noqa: S701
        loader=DictLoader({"page": "{{ 6 * 7 }}"}), bytecode_cache=BesideTheTemplates()
    )
    assert environment.get_template("page").render() == "42"
