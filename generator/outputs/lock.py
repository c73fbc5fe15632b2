"""What each rule does, in short: what `changelog` compares."""

from generator.base.file import File
from generator.base.names import LOCK
from generator.catalog.model import Catalog
from generator.catalog.profile import Profile
from generator.compile.rule import Rules
from generator.history import rule_lock


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    return [File(LOCK, rule_lock.dump(rule_lock.lock(rules, catalog)))]
