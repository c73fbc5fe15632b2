"""Recording and alerting rules for Prometheus."""

from generator import file
from generator.model import Catalog, Profile
from generator.names import rules_file
from generator.rules import Rules


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[file.File]:
    return [file.rules_file(rules_file("prometheus"), rules.groups["prometheus"])]
