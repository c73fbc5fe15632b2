"""A rule as rules.lock.json knows it, of which tests make changes."""

from generator.history.rule_lock import Locked

SLOW = Locked(
    "GateSlow",
    "prometheus",
    "gate-slow",
    "stable",
    "30s",
    "10m",
    {"severity": "warning"},
    "aa",
    "bb",
)
