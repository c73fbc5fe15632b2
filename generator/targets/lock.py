"""What each rule does, in short: what `changelog` compares."""

from generator import lock
from generator.file import File
from generator.model import Catalog, Profile
from generator.names import LOCK
from generator.rules import Rules


def files(rules: Rules, catalog: Catalog, profile: Profile) -> list[File]:
    return [File(LOCK, lock.dump(lock.lock(rules, catalog)))]
