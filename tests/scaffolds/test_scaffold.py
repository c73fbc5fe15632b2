"""The first profile of a site: what it shows as comments is right as it stands there."""

import re
from pathlib import Path

import yaml

from generator.base.problems import errors
from generator.catalog.load import load
from generator.check import SITE_CHECKS
from generator.scaffolds import scaffold


def profile() -> str:
    """Without anything that is known of the site, so that all is a comment."""
    return scaffold.profile("site.yaml", ["alloy"], [], {}, {}, {}, {}, None, None).text


def uncommented(text: str) -> str:
    """With each key that stands in a comment, and what is below it."""
    _head, _, rest = text.partition("\n\n")
    lines = [
        line.removeprefix("# ")
        for line in rest.splitlines()
        if re.match(r"# ([a-z_]+:( |$)|  )", line)
    ]
    return "\n".join([*(line for line in rest.splitlines() if line[:1] not in ("#", "")), *lines])


def test_what_is_a_comment_is_a_profile_without_errors(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(uncommented(profile()) + "\n", encoding="utf-8")
    read = load(profile=site)
    assert read.problems == ()
    found = [problem for check in SITE_CHECKS for problem in check(read.catalog, read.profile)]
    assert errors(found) == []


def test_it_shows_what_most_sites_set() -> None:
    shown = set(yaml.safe_load(uncommented(profile())))
    assert shown >= {
        "alerts",
        "annotations",
        "disabled",
        "disabled_checks",
        "grafana",
        "outputs",
        "prometheus",
        "rulers",
    }
