"""Patterns of builds with a known failure agree with the advice, and the alerts made of them name the fix."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st
from msgspec import structs
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from generator.base import subprocesses
from generator.catalog.model import Entry, Fixes, Versions
from generator.compile.rule_files import rules_file
from generator.compile.rules import compile_rules
from generator.fixes.advice import Facts, advise
from generator.fixes.known_builds import KnownBuilds, _number_patterns, conditions, known_builds
from generator.fixes.versions import parse_version
from generator.prove.needed_rules import needed
from generator.query.signature import compile_re2
from tests import once
from tests.conftest import compiled_for, obtained
from tests.fixes.builds import KNOWN, SYSTEMS, TARGET, info, labels, unit_tests
from tests.lab import servers
from tests.lab.programs import PROMETHEUS
from tests.plain import HTTP
from tests.waiting import until


@cache
def entries() -> dict[str, Entry]:
    return {entry.id: entry for entry in once.inputs().catalog.entries}


def rows(entry: Entry, version: str, mode: str | None = None) -> list[KnownBuilds]:
    """Those whose pattern matches the whole string, as Prometheus matches."""
    return [known for known in known_builds(entry, mode) if whole(known.pattern, version)]


def matched(entry: Entry, version: str, mode: str | None = None) -> list[str]:
    return [known.fixed_in.text for known in rows(entry, version, mode)]


def whole(pattern: str, text: str) -> bool:
    return compile_re2(f"^(?s:{pattern})$").search(text) is not None


def test_the_failures_that_a_version_tells() -> None:
    found = {
        key: list(dict.fromkeys(known.fixed_in.text for known in known_builds(entry)))
        for key, entry in entries().items()
    }
    assert {key: fixes for key, fixes in found.items() if fixes} == {
        key: [*fixes] for key, fixes in KNOWN.items()
    }


@pytest.mark.parametrize(
    ("entry", "version", "fix"),
    [
        (entry, version, fix)
        for entry, fixes in KNOWN.items()
        for fix, versions in fixes.items()
        for version in (*versions, fix)
    ],
)
def test_a_build_is_known_up_to_the_one_with_the_fix(entry: str, version: str, fix: str) -> None:
    assert matched(entries()[entry], version) == ([] if version == fix else [fix])


def test_patterns_stay_short() -> None:
    assert (
        max(len(known.pattern) for entry in entries().values() for known in known_builds(entry))
        <= 160
    )


@pytest.mark.parametrize("version", ["v1.16.10", "v1.16.15", "v1.17.0", "v1.18.20", "v1.19.16"])
def test_releases_whose_own_images_find_out_the_backend_are_not_named(version: str) -> None:
    assert matched(entries()["iptables-backend-mismatch"], version) == []


@pytest.mark.parametrize(
    ("version", "mode", "expected"),
    [
        ("v1.15.12", None, ["v1.20.0"]),
        ("v1.15.12", "iptables", ["v1.20.0"]),
        ("v1.15.12", "ipvs", ["v1.16.0"]),
        ("v1.16.3", "iptables", ["v1.20.0"]),
        ("v1.16.3", "ipvs", []),
        ("v1.15.12", "nftables", []),
    ],
)
def test_where_the_profile_tells_the_mode_its_fixes_count(
    version: str, mode: str | None, expected: list[str]
) -> None:
    assert matched(entries()["iptables-backend-mismatch"], version, mode) == expected


@pytest.mark.parametrize(
    ("version", "mode", "where", "note"),
    [
        ("v1.15.12", None, f"It can happen in iptables and ipvs mode {SYSTEMS}", ""),
        ("v1.16.3", None, f"It can happen in iptables mode {SYSTEMS}", ""),
        ("v1.16.3", "iptables", f"It can happen {SYSTEMS}", ""),
        ("v1.10.5-tke.19", None, f"It can happen in iptables and ipvs mode {SYSTEMS}", ""),
        (
            "v1.20.6-tke.3",
            "ipvs",
            f"It can happen {SYSTEMS}",
            "The editions of TKE's page differ: the newer Chinese edition says: fixed in v1.20.6-tke.31; "
            "the English edition says: the problem does not exist.",
        ),
    ],
)
def test_what_else_must_be_so(version: str, mode: str | None, where: str, note: str) -> None:
    (known,) = rows(entries()["iptables-backend-mismatch"], version, mode)
    assert (known.where, known.note) == (where, note)


def said_of(entry: str, mode: str | None = None) -> tuple[str, ...]:
    return conditions(entries()[entry], known_builds(entries()[entry], mode), mode)


def test_the_page_of_the_alert_says_when_it_fires_and_the_failure_cannot_happen() -> None:
    assert said_of("ipvs-startup-panic") == (
        "It can happen in ipvs mode only, which a version does not tell. Where all nodes have the same mode, name it "
        "in the profile (kube_proxy: mode).",
        "It does not see builds of others (EKS, GKE, k3s and more), because only their builder knows which fixes they "
        "hold.",
    )
    said = said_of("iptables-backend-mismatch", "iptables")
    assert said[0].startswith(
        "It needs a node with TLinux 2.6 (TK4), TLinux 3.1, TLinux 3.2, CentOS 8, Ubuntu 20 or "
    )
    assert said[1] == (
        "It does not see releases of Kubernetes that have it only where kube-proxy does not run in its own image, or "
        "serves IPv4 and IPv6: those from 1.17.0 and 1.16.10 on up to the fix that it names."
    )


# The releases and builds around every fix, and what no table names.
MINORS = st.integers(0, 40) | st.sampled_from([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 37])
SMALL = st.integers(0, 400) | st.sampled_from([0, 3, 4, 5, 17, 18, 19, 20, 25, 26, 27, 28, 30, 31])
SUFFIX = st.one_of(
    st.just(""),
    st.builds("-tke.{}".format, SMALL),
    st.builds(
        "-tke.{}{}".format,
        SMALL,
        st.sampled_from(["-dirty", "+3c9a12", ".1", "x", ".", "-rc", "-beta.1"]),
    ),
    st.builds("-tke.{}-rc{}{}".format, SMALL, SMALL, st.sampled_from(["", "-dirty", "x", ".1"])),
    st.builds("-tke.{}-rc.{}".format, SMALL, SMALL),
    st.builds("-{}.{}".format, st.sampled_from(["alpha", "beta", "rc"]), SMALL),
    st.sampled_from(
        ["-rc.1+k3s1", "-alpha.1.227+94ec940998d730-dirty", "-alpha.1.227", "-alpha", "-rc"]
    ),
    st.sampled_from(
        [
            "-dirty",
            "+k3s1",
            "-eks-d1db3c",
            "-gke.1200",
            "-aliyun.1",
            "+2fbd7c7",
            "-rancher1-1",
            " ",
            "\n",
        ]
    ),
    st.text("-+.abgtke0123456789 ", max_size=9),
)
VERSIONS = st.builds("v1.{}.{}{}".format, MINORS, SMALL, SUFFIX) | st.text(max_size=12)


# The catalog has no candidate as a fix yet; TKE's pages name some.
CANDIDATE = "made-up-candidate"


@cache
def with_candidate() -> Mapping[str, Entry]:
    known = entries()["ipvs-startup-panic"]
    table = known.fixes.tke
    assert table
    fixed = [
        structs.replace(row, minimum=row.minimum and f"{row.minimum}-rc12") for row in table.rows
    ]
    fixes = structs.replace(known.fixes, tke=structs.replace(table, rows=tuple(fixed)))
    made_up = structs.replace(known, fixes=fixes)
    return {**entries(), CANDIDATE: made_up}


@given(
    st.sampled_from([*sorted(KNOWN), CANDIDATE]),
    VERSIONS,
    st.sampled_from([None, "iptables", "ipvs", "nftables"]),
)
@example("ipvs-startup-panic", "v1.18.4-tke.26", None)
@example("ipvs-startup-panic", "v1.18.4-tke.2x", None)
@example("ipvs-startup-panic", "v1.17.0-alpha.1", None)
@example("apiserver-connection-broken", "v1.18.18-rc.0", None)
@example("iptables-backend-mismatch", "v1.18.4-tke.35-rc1", "ipvs")
@example("iptables-backend-mismatch", "v1.18.4-tke.35-rc", "ipvs")
@example("iptables-backend-mismatch", "v1.16.10-rc.0", "iptables")
@example(CANDIDATE, "v1.18.4-tke.26-rc9", None)
@example(CANDIDATE, "v1.18.4-tke.26-rc12", None)
@example(CANDIDATE, "v1.18.4-tke.26", None)
def test_pattern_and_comparison_agree_on_every_string(
    key: str, text: str, mode: str | None
) -> None:
    assume(not re.search(r"(\.|rc)0[0-9]", text))  # versions have no leading zeros
    entry, version = with_candidate()[key], parse_version(text) if text == text.strip() else None
    found = advise(entry, Facts(kube_proxy=version, mode=mode))
    expected = (
        [found.version.text]
        if version and version.full and found.verdict == "affected" and found.version
        else []
    )
    assert matched(entry, text, mode) == expected


@given(st.sets(st.integers(0, 1200)).filter(bool))
def test_a_pattern_of_numbers_matches_these_and_no_others(numbers: set[int]) -> None:
    pattern = "|".join(_number_patterns(sorted(numbers)))
    assert {number for number in range(1300) if whole(pattern, str(number))} == numbers


def verdict(promtool: Path, folder: Path, tests: str) -> str:
    """What promtool says of the shipped rules where unit tests find other alerts than expected."""
    rules = rules_file("", needed(once.rules().groups["prometheus"], tests)).text
    (folder / "rules.yaml").write_text(rules, encoding="utf-8")
    (folder / "tests.yaml").write_text(tests, encoding="utf-8")
    passed, said = subprocesses.run([str(promtool), "test", "rules", "tests.yaml"], folder)
    return "" if passed else said


def as_tests(series: list[dict[str, str]], checks: list[object]) -> str:
    test = {"interval": "30s", "input_series": series, "alert_rule_test": checks}
    return yaml.safe_dump(
        {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": [test]}
    )


@pytest.mark.parametrize("failure", KNOWN)
def test_each_known_build_is_named_with_its_fix_and_the_fix_is_not(
    failure: str, tmp_path: Path, pinned_promtool: Path
) -> None:
    assert verdict(pinned_promtool, tmp_path, unit_tests(failure, "rules.yaml")) == ""


def test_each_affected_node_has_one_alert_that_ends_with_the_upgrade(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    series = [
        # Upgraded after half an hour.
        info("a", "gitVersion", "v1.18.4-tke.9", "1x59 _x60"),
        info("a", "gitVersion", "v1.18.4-tke.26", "_x60 1x60"),
        info("b", "gitVersion", "v1.18.20", "1x120"),
        info("c", "git_version", "v1.19.16", "1x120"),
        info("d", "git_version", "v1.18.9-eks-d1db3c", "1x120"),
    ]
    alert = "KubeProxyIPVSStartupPanicKnownBuild"
    page = f"https://runbooks.example.com/kube-proxy/{alert}.md"

    def fires(node: str, version: str, fixed_in: str) -> dict[str, object]:
        return {
            "exp_labels": labels(node, "ipvs-startup-panic", version, fixed_in),
            "exp_annotations": {
                "summary": f"kube-proxy {version} on node n{node} (cluster c1) has a known failure: "
                "kube-proxy panics at its first start in IPVS mode and is normal after the restart",
                "description": f"It can happen in ipvs mode. {fixed_in} has the fix. First step: Upgrade kube-proxy to "
                f"{fixed_in} or later, with the cluster where that is another minor release.",
                "runbook_url": page,
            },
        }

    checks: list[object] = [
        {"eval_time": "9m30s", "alertname": alert},
        {
            "eval_time": "11m",
            "alertname": alert,
            "exp_alerts": [
                fires("a", "v1.18.4-tke.9", "v1.18.4-tke.26"),
                fires("b", "v1.18.20", "v1.19.0"),
            ],
        },
        {"eval_time": "40m", "alertname": alert, "exp_alerts": [fires("b", "v1.18.20", "v1.19.0")]},
    ]
    assert verdict(pinned_promtool, tmp_path, as_tests(series, checks)) == ""


BACKEND = "KubeProxyIptablesBackendMismatchKnownBuild"


def test_each_alert_says_what_must_be_so_for_its_own_build(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    """IPVS mode is fixed from 1.16 on; two editions of TKE's page differ, and agree on 1.10."""
    said = {
        "a": ("v1.15.12", "v1.20.0", f"It can happen in iptables and ipvs mode {SYSTEMS}"),
        "b": ("v1.16.3", "v1.20.0", f"It can happen in iptables mode {SYSTEMS}"),
        "c": (
            "v1.20.6-tke.30",
            "v1.20.6-tke.31",
            f"It can happen in iptables and ipvs mode {SYSTEMS} The editions of TKE's page differ: the newer Chinese "
            "edition says: fixed in v1.20.6-tke.31; the English edition says: the problem does not exist.",
        ),
        "d": (
            "v1.10.5-tke.19",
            "v1.10.5-tke.20",
            f"It can happen in iptables and ipvs mode {SYSTEMS}",
        ),
    }
    silent = [
        info("e", "gitVersion", "v1.17.17", "1x20"),
        info("f", "gitVersion", "v1.16.10", "1x20"),
    ]
    series = [
        info(node, "gitVersion", version, "1x30") for node, (version, _, _) in said.items()
    ] + silent
    alerts = [
        {
            "exp_labels": labels(node, "iptables-backend-mismatch", version, fix),
            "exp_annotations": {
                "summary": f"kube-proxy {version} on node n{node} (cluster c1) has a known failure: "
                "kube-proxy does not find kubelet's chain KUBE-MARK-DROP in its iptables backend",
                "description": f"{where} {fix} has the fix. First step: Upgrade kube-proxy to {fix} or later, with the "
                "cluster where that is another minor release.",
                "runbook_url": f"https://runbooks.example.com/kube-proxy/{BACKEND}.md",
            },
        }
        for node, (version, fix, where) in said.items()
    ]
    checks: list[object] = [{"eval_time": "12m", "alertname": BACKEND, "exp_alerts": alerts}]
    assert verdict(pinned_promtool, tmp_path, as_tests(series, checks)) == ""


def test_a_mode_that_all_nodes_have_leaves_out_what_it_cannot_have(tmp_path: Path) -> None:
    def alerts(mode: str) -> set[str]:
        groups = yaml.safe_load(
            compiled_for(f"kube_proxy: {{mode: {mode}}}\n", tmp_path, "prometheus")[RULES]
        )["groups"]
        return {
            rule["alert"]
            for group in groups
            for rule in group["rules"]
            if "KnownBuild" in rule.get("alert", "")
        }

    assert alerts("ipvs") - alerts("iptables") == {"KubeProxyIPVSStartupPanicKnownBuild"}
    assert alerts("nftables") == {
        "KubeProxyApiserverConnectionBrokenKnownBuild",
        "KubeProxyNftablesCommentTooLongKnownBuild",
    }


RULES = "prometheus/kube-proxy.rules.yaml"


def test_a_kube_proxy_that_shows_rules_of_iptables_mode_has_no_failure_of_another_mode(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    """By the panic of IPVS mode, as if it were of releases whose metrics show the mode."""
    known = entries()["ipvs-startup-panic"]
    change = structs.replace(known.fixes.upstream[0], fixed_in=("1.29.0",), since="1.21")
    affected = structs.replace(known.affected, versions=Versions("1.21", "1.28"))
    made_up = structs.replace(known, affected=affected, fixes=Fixes(upstream=(change,)))
    inputs = once.inputs()
    rules = compile_rules(replace(inputs.catalog, entries=(made_up,)), inputs.default_profile)
    (tmp_path / "rules.yaml").write_text(
        rules_file("", rules.groups["prometheus"]).text, encoding="utf-8"
    )
    series = [info(node, "git_version", "v1.28.15", "1x40") for node in "ab"]
    shown = f'kubeproxy_sync_proxy_rules_iptables_total{{{TARGET.format("a")}, table="nat"}}'
    series.append({"series": shown, "values": "7x40"})
    alert = "KubeProxyIPVSStartupPanicKnownBuild"
    expr = f'count by (pod) (ALERTS{{alertname="{alert}", alertstate="firing"}})'
    fires = [{"labels": '{pod="kube-proxy-b"}', "value": 1}]
    test = {
        "interval": "30s",
        "input_series": series,
        "promql_expr_test": [{"expr": expr, "eval_time": "15m", "exp_samples": fires}],
    }
    text = yaml.safe_dump(
        {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": [test]}
    )
    (tmp_path / "tests.yaml").write_text(text, encoding="utf-8")
    assert subprocesses.run([str(pinned_promtool), "test", "rules", "tests.yaml"], tmp_path)[0]
    assert (
        "from 1.21 on the alert leaves out those whose metrics show iptables mode"
        in conditions(made_up, known_builds(made_up))[0]
    )


RESTORE = "kubeproxy_sync_proxy_rules_iptables_restore_failures_total"


def test_a_symptom_names_the_known_failures_of_its_own_build(
    tmp_path: Path, pinned_promtool: Path
) -> None:
    """Node a runs a build with two of them, node b says nothing of its build, node c runs one with the fixes."""
    series = [
        info("a", "gitVersion", "v1.12.4-tke.30", "1x80"),
        info("c", "gitVersion", "v1.12.4-tke.32", "1x80"),
        *({"series": f"{RESTORE}{{{TARGET.format(node)}}}", "values": "0+1x80"} for node in "abc"),
    ]
    said = (
        " kube-proxy v1.12.4-tke.30 is known for iptables-backend-mismatch, fixed in v1.12.4-tke.32."
        " kube-proxy v1.12.4-tke.30 is known for iptables-restore-without-wait, fixed in v1.12.4-tke.31."
    )

    def fires(node: str, known: str = "") -> dict[str, object]:
        own = labels(node, "iptables-restore-failing", "", "")
        del own["version"], own["fixed_in"]
        return {
            "exp_labels": {**own, "severity": "warning"},
            "exp_annotations": {
                "summary": f"iptables-restore or nft has refused kube-proxy's rules on node n{node} (cluster c1)",
                "description": "kube-proxy's rules were refused about 20 times within the range. First step: Search "
                'kube-proxy\'s log on that node for "Failed to execute iptables-restore" or "nftables sync failed", '
                f"and read the exit status and the lines after it.{known}",
                "runbook_url": "https://runbooks.example.com/kube-proxy/KubeProxyIptablesRestoreFailing.md",
            },
        }

    alerts = [fires("a", said), fires("b"), fires("c")]
    checks: list[object] = [
        {"eval_time": "20m", "alertname": "KubeProxyIptablesRestoreFailing", "exp_alerts": alerts}
    ]
    assert verdict(pinned_promtool, tmp_path, as_tests(series, checks)) == ""


def test_a_site_turns_an_alert_off_or_changes_it(tmp_path: Path) -> None:
    name = "KubeProxyIPVSStartupPanicKnownBuild"
    texts = compiled_for(
        f"disabled: [{name}]\nalerts: {{{PANIC}: {{severity: warning, for: 1h}}}}\n", tmp_path
    )
    groups = yaml.safe_load(texts["prometheus/kube-proxy.rules.yaml"])["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    assert name not in rules
    assert f"runbooks/{name}.md" not in texts
    assert (rules[PANIC]["labels"]["severity"], rules[PANIC]["for"]) == ("warning", "1h")
    assert name not in texts["prometheus/kube-proxy.rules.yaml"]


PANIC = "KubeProxyIptablesSaveParsePanicKnownBuild"


def test_without_any_of_them_nobody_reads_the_versions(tmp_path: Path) -> None:
    names = [f"{entries()[key].alert}KnownBuild" for key in KNOWN]
    rules = compiled_for(f"disabled: [{', '.join(names)}]\n", tmp_path, "prometheus")[RULES]
    assert "kubernetes_build_info" not in rules
    assert "ALERTS" not in rules


def test_a_real_prometheus_names_them_in_what_it_sends(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    alerts = ("KubeProxyIptablesRestoreFailing", "KubeProxyIptablesBackendMismatchKnownBuild")
    holds = "".join(f"  {name}: {{for: 0s}}\n" for name in alerts)
    site = f"prometheus: {{interval: 1s}}\nalerts:\n{holds}"
    (tmp_path / "kube-proxy.rules.yaml").write_text(
        compiled_for(site, tmp_path, "prometheus")[RULES]
    )
    binary = obtained(PROMETHEUS, PROMETHEUS.pinned[0], tmp_path_factory)
    with metrics() as target:
        scraping = [
            {
                "job_name": "kube-proxy",
                "scrape_interval": "1s",
                "static_configs": [{"targets": [target]}],
            }
        ]
        config = {
            "rule_files": [str(tmp_path / "kube-proxy.rules.yaml")],
            "scrape_configs": scraping,
        }
        with servers.prometheus(binary, config, tmp_path) as url:
            said = " kube-proxy v1.14.3-tke.26 is known for iptables-backend-mismatch, fixed in v1.14.3-tke.28."
            assert until(lambda: said in description(url, alerts[0]), 60)


def description(url: str, alert: str) -> str:
    active = HTTP.get(f"{url}/api/v1/alerts").json()["data"]["alerts"]
    return "".join(
        one["annotations"]["description"] for one in active if one["labels"]["alertname"] == alert
    )


@contextmanager
def metrics() -> Iterator[str]:
    """The metrics of a kube-proxy whose iptables-restore fails again before each scrape; gives their address."""
    reads = count(1)

    def scraped(_: Request) -> Response:
        lines = [
            'kubernetes_build_info{gitVersion="v1.14.3-tke.26"} 1',
            f"{RESTORE} {next(reads)}",
        ]
        text = "".join(f"{line}\n" for line in lines)
        return Response(text, content_type="text/plain; version=0.0.4")

    with HTTPServer("127.0.0.1") as server:
        server.expect_request("/metrics").respond_with_handler(scraped)
        yield f"127.0.0.1:{server.port}"
