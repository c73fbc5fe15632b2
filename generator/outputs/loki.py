"""Alerting rules for the Loki ruler."""

from generator.base import file
from generator.base.names import rules_path
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile import rule_files
from generator.compile.rule import Rules


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[file.File]:
    return [rule_files.rules_file(rules_path("loki"), rules.groups["loki"])]
