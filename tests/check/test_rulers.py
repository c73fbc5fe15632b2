"""What a profile asks of its rulers, by their releases."""

from pathlib import Path

import pytest

from generator.catalog.load import load
from generator.pipeline import compile_catalog
from tests.conftest import TINY

HOME = "runbooks: {base_url: https://runbooks.test/kp}\n"
NO_LOKI_KEEPS = (
    "keep_firing_for: no Loki keeps an alert firing: 2.2 refuses the whole file, and those up to 3.7 read the key and "
    "drop it; give the alert a longer `range`; if another evaluates the log rules, name it: `rulers: {vmalert: …}`"
)
NO_OFFSET = (
    "query_offset: vmalert refuses it; its flag -rule.evalDelay, 30s by default, looks back in every rule; if another "
    "evaluates the metric rules, name it: `rulers: {prometheus: …}`, `rulers: {cortex: …}`"
)
REFUSED = {
    'rulers: {loki: "2.2.1"}\nloki: {limit: 100}\n': "2:8: Loki 2.2.1 does not know limit; Loki has it from 2.9 on",
    'rulers: {prometheus: "2.41.0"}\nprometheus: {keep_firing_for: 1h}\n': "2:14: Prometheus 2.41.0 does not know keep_firing_for; Prometheus has it from 2.42 on",
    'rulers: {prometheus: "v2.52"}\nprometheus: {query_offset: 1m}\n': "2:14: Prometheus v2.52 does not know query_offset; Prometheus has it from 2.53 on",
    'rulers: {prometheus: "2.30"}\nprometheus: {limit: 9}\n': "2:14: Prometheus 2.30 does not know limit; Prometheus has it from 2.31 on",
    'rulers: {prometheus: "3.16", cortex: "1.17.1"}\nprometheus: {query_offset: 1m}\n': "2:14: Cortex 1.17.1 does not know query_offset; Cortex has it from 1.18 on",
    'rulers: {vmalert: "1.91"}\nprometheus: {keep_firing_for: 1h}\n': "2:14: vmalert 1.91 does not know keep_firing_for; vmalert has it from 1.92 on",
    'rulers: {vmalert: "1.140"}\nprometheus: {query_offset: 1m}\n': f"2:14: {NO_OFFSET}",
    'rulers: {prometheus: "2.41"}\nalerts: {KubeProxyGateSlow: {keep_firing_for: 1h}}\n': "2:30: Prometheus 2.41 does not know keep_firing_for; Prometheus has it from 2.42 on",
    "loki: {keep_firing_for: 1h}\n": f"1:8: {NO_LOKI_KEEPS}",
    'rulers: {loki: "3.7.8", vmalert: "1.140"}\nloki: {keep_firing_for: 1h}\n': f"2:8: {NO_LOKI_KEEPS}",
    "alerts: {KubeProxyBrokenGate: {keep_firing_for: 1h}}\n": f"1:32: {NO_LOKI_KEEPS}",
    "prometheus: {keep_firing_for: 999999y}\n": "1:14: keep_firing_for: '999999y' is longer than a ruler can count; 100 years are the most",
    "alerts: {KubeProxyGateSlow: {keep_firing_for: soon}}\n": "1:30: keep_firing_for: 'soon' does not have the form asked for: such as 90s, 10m or 1h30m",
    "alerts: {KubeProxyGateWatchdog: {keep_firing_for: 1h}}\n": "1:34: KubeProxyGateWatchdog has no setting 'keep_firing_for'; it has severity",
    "rulers: {prometheus: 2.53}\n": "1:10: prometheus must be text; put it in quotes",
    'rulers: {prometheus: "3"}\n': "1:10: prometheus: '3' does not have the form asked for: a release such as 3.7.8 or 2.53",
    "prometheus: {limit: -1}\n": "1:14: limit: -1 is too small; the smallest value is 0",
    "loki: {query_offset: 1m}\n": "1:8: unknown key 'query_offset'",
}
UNKNOWN = {
    "loki: {limit: 100}\n": "1:8: warning: which release of Loki evaluates the log rules is not known; it has limit from 2.9 on, and an older one may refuse the whole file; name it: `rulers: {loki: …}`",
    "prometheus: {query_offset: 1m}\n": "1:14: warning: which release of Prometheus evaluates the metric rules is not known; it has query_offset from 2.53 on, and an older one may refuse the whole file; name it: `rulers: {prometheus: …}`",
    'rulers: {loki: "3.7.8"}\nalerts: {KubeProxyGateSlow: {keep_firing_for: 1h}}\n': "2:30: warning: which release of Prometheus evaluates the metric rules is not known; it has keep_firing_for from 2.42 on, and an older one may refuse the whole file; name it: `rulers: {prometheus: …}`",
}  # fmt: skip
ACCEPTED = [
    'rulers: {loki: "2.9", prometheus: "2.53"}\nloki: {limit: 100}\nprometheus: {limit: 100, keep_firing_for: 1h, query_offset: 1m}\n',
    'rulers: {cortex: "1.18", vmalert: "1.92.0"}\nprometheus: {keep_firing_for: 1h}\nloki: {keep_firing_for: 1h}\n',
    'rulers: {vmalert: "1.140"}\nalerts: {KubeProxyBrokenGate: {keep_firing_for: 1h}}\n',
    # What asks for nothing asks no ruler.
    'rulers: {loki: "2.2.1", prometheus: "2.20"}\nloki: {limit: 0, keep_firing_for: 0s}\nprometheus: {query_offset: 0s}\n',
    "alerts: {KubeProxyGateSlow: {keep_firing_for: 0s}}\n",
]


def said(text: str, folder: Path) -> list[str]:
    site = folder / "site.yaml"
    site.write_text(text + HOME, encoding="utf-8")
    found = compile_catalog(load(profile=site, base=TINY), "output").problems
    return [str(problem).replace(f"{site}:", "") for problem in found]


@pytest.mark.parametrize(("text", "expected"), REFUSED.items(), ids=lambda text: text[:60])
def test_what_a_ruler_does_not_know_is_an_error_at_its_place(
    text: str, expected: str, tmp_path: Path
) -> None:
    (problem,) = said(text, tmp_path)
    assert problem.startswith(expected)


@pytest.mark.parametrize(("text", "expected"), UNKNOWN.items(), ids=lambda text: text[:60])
def test_where_the_release_is_not_known_that_is_said(
    text: str, expected: str, tmp_path: Path
) -> None:
    assert said(text, tmp_path) == [expected]


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_the_rulers_know_is_not_spoken_of(text: str, tmp_path: Path) -> None:
    assert said(text, tmp_path) == []
