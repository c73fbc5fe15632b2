"""Recorded series written out, and promtool's word that they are the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from generator.query.recorded import written_out

RECORDS = {
    "node:load:sum": "sum by (node) (load)",
    "node:load:sum_by_disk": "sum by (node, disk) (load)",
    "node:version:info": 'max by (node, version) (build{job="a"})',
}


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("up > 3", "up > 3"),
        ("node:load:sum > 3", "(\nsum by (node) (load)\n) > 3"),
        ("other:node:load:sum > node:load:sum2", "other:node:load:sum > node:load:sum2"),
        ("rate(node:load:sum[5m])", "rate((\nsum by (node) (load)\n)[5m:])"),
        (
            "max_over_time(node:load:sum [1h:1m])",
            "max_over_time((\nsum by (node) (load)\n)[1h:1m])",
        ),
        ('up{a="node:load:sum"} # node:load:sum', 'up{a="node:load:sum"} # node:load:sum'),
        ("node:load:sum{} > 1", "(\nsum by (node) (load)\n) > 1"),
    ],
)
def test_what_is_recorded_is_written_out(expr: str, said: str) -> None:
    assert written_out(expr, RECORDS) == said


@pytest.mark.parametrize("modifier", ["offset 5m", "@ 0", "@ end()"])
def test_what_needs_a_stored_series_is_refused(modifier: str) -> None:
    with pytest.raises(ValueError, match=r"^node:load:sum is recorded, and (offset|@) needs"):
        written_out(f"node:load:sum {modifier}", RECORDS)
    assert written_out(f"rate(node:load:sum[5m] {modifier})", RECORDS).endswith(
        f"[5m:] {modifier})"
    )


@pytest.mark.parametrize("function", ["absent", "absent_over_time"])
def test_the_labels_that_absent_takes_from_a_selector_are_not_lost_silently(function: str) -> None:
    with pytest.raises(ValueError, match=f"^{function} of the recorded node:load:sum needs"):
        written_out(f'{function}(node:load:sum{{node="n"}})', RECORDS)


SERIES = {
    'load{node="a.b", disk="1"}': "0+1x100",
    'load{node="axb", disk="1"}': "0+2x100",
    'load{node="axb", disk="2"}': "5x100",
    "load": "7x100",
    'build{node="a.b", version="v1.2.3", job="a"}': "1x100",
    'build{node="axb", version="v1.2.3-eks", job="a"}': "1x100",
    'build{node="c", version="v1.3.0", job="b"}': "1x100",
}
READ = [
    'node:version:info{version=~"v1[.]2[.].*"}',
    'node:version:info{version=~`v1\\.2\\.3`}',
    'node:version:info{version!~"v1.*"}',
    'node:version:info{version!="v1.2.3"}',
    'node:load:sum{node="a.b"}',
    'node:load:sum{node=""}',
    'node:load:sum{node!=""} > 3',
    'node:load:sum_by_disk{node=~"a.*", disk!="2"}',
    'sum by (node) (node:load:sum_by_disk{node="axb", disk=~"1|2"}) / on (node) node:load:sum',
    'max_over_time(node:load:sum{node="axb"}[5m])',
    'label_replace(node:version:info{version=~"v.*"} unless on (node) node:load:sum, "x", "y", "", "")',
    "absent(node:load:sum)",
]  # fmt: skip


@pytest.mark.parametrize("expr", READ)
def test_it_gives_what_the_recorded_series_gives(
    expr: str, pinned_promtool: Path, tmp_path: Path
) -> None:
    """promtool evaluates both: neither has a series that the other lacks, and the values are the same."""
    recorded, alone = f"sum without (__name__) ({expr})", written_out(expr, RECORDS)
    recording = [{"record": name, "expr": text} for name, text in RECORDS.items()]
    checks: list[dict[str, Any]] = [
        {"expr": f"({recorded}) unless ({alone})", "eval_time": "30m", "exp_samples": []},
        {"expr": f"({alone}) unless ({recorded})", "eval_time": "30m", "exp_samples": []},
        {"expr": f"({alone}) != ({recorded})", "eval_time": "30m", "exp_samples": []},
    ]
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": checks}],
    }
    rules = {"groups": [{"name": "records", "rules": recording}]}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests), encoding="utf-8")
    passed, said = subprocesses.run([str(pinned_promtool), "test", "rules", "tests.yaml"], tmp_path)
    assert passed, said
