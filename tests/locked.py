"""A rule as rules.lock.json knows it, of which tests make changes."""

from generator.history.rule_lock import Locked

SLOW = Locked(
    name="GateSlow",
    engine="prometheus",
    failure="gate-slow",
    status="stable",
    interval="30s",
    hold="10m",
    labels={"severity": "warning"},
    expr="aa",
    text="bb",
)
