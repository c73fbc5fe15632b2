"""The advice for every row of the page's fix tables, one build below and at each fix; expectations are the page's."""

from functools import cache

import pytest
from msgspec.structs import replace

from generator.catalog.model import Entry
from generator.fixes.advice import Facts, advise, notes, upgrade_for_all
from generator.fixes.versions import parse_version
from tests import once

BACKEND = "iptables-backend-mismatch"
LOCK = "iptables-lock-not-mounted"
WAIT = "iptables-restore-without-wait"
HELD = "iptables-lock-held-too-long"
APISERVER = "apiserver-connection-broken"
STARTUP = "ipvs-startup-panic"
PARSE = "iptables-save-parse-panic"
SYNC = "ipvs-frequent-sync"

NO, YES, UNKNOWN = "not affected", "affected", "unknown"
IN_1_18 = "cluster 1.18 with kube-proxy v1.18.4-tke.26 or later"
ALL_IN_1_18 = "cluster 1.18 with kube-proxy v1.18.4-tke.49-rc1 or later"


@cache
def entries() -> dict[str, Entry]:
    return {entry.id: entry for entry in once.inputs().catalog.entries if entry.kind == "failure"}


def facts(kube_proxy: str = "", cluster: str = "", **known: object) -> Facts:
    return Facts(cluster=parse_version(cluster), kube_proxy=parse_version(kube_proxy), **known)  # type: ignore[arg-type]


def verdict(entry: str, known: Facts) -> tuple[str, str | None]:
    found = advise(entries()[entry], known)
    return found.verdict, found.upgrade


@pytest.mark.parametrize(
    ("entry", "version", "expected", "upgrade"),
    [
        # Not correctly adapted to the iptables backend of the node: below the build of the newer edition, which names a
        # higher one for each release but 1.10, and four releases that the English edition calls free of it.
        (BACKEND, "v1.26.1-tke.1", NO, None),
        (BACKEND, "v1.24.4-tke.4", YES, "kube-proxy v1.24.4-tke.5 or later"),
        (BACKEND, "v1.24.4-tke.5", NO, None),
        (BACKEND, "v1.22.5-tke.10", YES, "kube-proxy v1.22.5-tke.11 or later"),
        (BACKEND, "v1.22.5-tke.11", NO, None),
        (BACKEND, "v1.20.6-tke.30", YES, "kube-proxy v1.20.6-tke.31 or later"),
        (BACKEND, "v1.20.6-tke.31-rc2", YES, "kube-proxy v1.20.6-tke.31 or later"),
        (BACKEND, "v1.20.6-tke.31", NO, None),
        (BACKEND, "v1.19.1-tke.1", NO, None),
        (BACKEND, "v1.18.4-tke.25", YES, "kube-proxy v1.18.4-tke.35 or later"),
        (BACKEND, "v1.18.4-tke.26", YES, "kube-proxy v1.18.4-tke.35 or later"),
        (BACKEND, "v1.18.4-tke.35", NO, None),
        (BACKEND, "v1.16.3-tke.28", YES, "kube-proxy v1.16.3-tke.34 or later"),
        (BACKEND, "v1.16.3-tke.34", NO, None),
        (BACKEND, "v1.14.3-tke.27", YES, "kube-proxy v1.14.3-tke.28 or later"),
        (BACKEND, "v1.14.3-tke.28", NO, None),
        (BACKEND, "v1.12.4-tke.31", YES, "kube-proxy v1.12.4-tke.32 or later"),
        (BACKEND, "v1.12.4-tke.32", NO, None),
        (BACKEND, "v1.10.5-tke.19", YES, "kube-proxy v1.10.5-tke.20 or later"),
        (BACKEND, "v1.10.5-tke.20", NO, None),
        # Writes are blocked due to an earlier iptables-restore version
        (WAIT, "v1.14.3-tke.1", NO, None),
        (WAIT, "v1.13.5-tke.1", NO, None),
        (WAIT, "v1.12.4-tke.30", YES, "kube-proxy v1.12.4-tke.31 or later"),
        (WAIT, "v1.12.4-tke.31", NO, None),
        (WAIT, "v1.10.5-tke.20", YES, "cluster 1.12 with kube-proxy v1.12.4-tke.31 or later"),
        # kube-proxy to kube-apiserver connection exception
        (APISERVER, "v1.20.6-tke.1", NO, None),
        (APISERVER, "v1.18.4-tke.25", YES, "kube-proxy v1.18.4-tke.26 or later"),
        (APISERVER, "v1.18.4-tke.26", NO, None),
        (APISERVER, "v1.16.3-tke.28", YES, IN_1_18),
        (APISERVER, "v1.10.5-tke.20", YES, IN_1_18),
        # Panicked after the first startup
        (STARTUP, "v1.20.6-tke.1", NO, None),
        (STARTUP, "v1.18.4-tke.25", YES, "kube-proxy v1.18.4-tke.26 or later"),
        (STARTUP, "v1.18.4-tke.26", NO, None),
        (STARTUP, "v1.16.3-tke.1", NO, None),
        # Kept panicking
        (PARSE, "v1.16.3-tke.1", NO, None),
        (PARSE, "v1.14.3-tke.26", YES, "kube-proxy v1.14.3-tke.27 or later"),
        (PARSE, "v1.14.3-tke.27", NO, None),
        (PARSE, "v1.12.4-tke.30", YES, "kube-proxy v1.12.4-tke.31 or later"),
        (PARSE, "v1.12.4-tke.31", NO, None),
        (PARSE, "v1.10.5-tke.1", NO, None),
    ],
)
def test_every_row_for_tkes_builds(
    entry: str, version: str, expected: str, upgrade: str | None
) -> None:
    assert verdict(entry, facts(version)) == (expected, upgrade)


@pytest.mark.parametrize(
    ("system", "expected", "upgrade"),
    [
        ("CentOS Linux 7.1.1503 (Core)", YES, "CentOS 7.2 or later"),
        ("CentOS 7.2", NO, None),
        ("CentOS Linux 7 (Core)", UNKNOWN, "CentOS 7.2 or later"),
        ("CentOS Linux 8 (Core)", NO, None),
        ("Ubuntu 18.04.6 LTS", YES, "Ubuntu 20.04 or later"),
        ("Ubuntu 20.04.1 LTS", NO, None),
        ("Tencent tlinux 2.2 (Final)", YES, "Tencent Linux 2.4 or later"),
        ("TencentOS Server 2.4", NO, None),
        ("Debian GNU/Linux 9 (stretch)", UNKNOWN, None),
        (None, UNKNOWN, None),
    ],
)
def test_every_row_for_the_nodes_system(
    system: str | None, expected: str, upgrade: str | None
) -> None:
    """They count where kube-proxy is a program on the node; a DaemonSet brings its own iptables-restore."""
    known = facts("v1.12.4-tke.30", os=system, binary=True)
    assert verdict(WAIT, known) == (expected, upgrade)
    assert verdict(WAIT, facts("v1.12.4-tke.30", os=system))[0] == YES


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("TencentOS Server 2.6 (TK4)", YES),
        ("TencentOS Server 3.1 (Final)", YES),
        ("TencentOS Server 3.2 (Final)", YES),
        ("CentOS Linux 8 (Core)", YES),
        ("Ubuntu 20.04.6 LTS", YES),
        ("Ubuntu 22.04.1 LTS", YES),
        ("TencentOS Server 2.4", NO),
        ("CentOS Linux 7 (Core)", NO),
        ("Ubuntu 18.04.6 LTS", NO),
        ("Debian GNU/Linux 11 (bullseye)", UNKNOWN),
        (None, YES),
    ],
)
def test_the_systems_of_which_the_page_says_that_their_backend_is_nft(
    system: str | None, expected: str
) -> None:
    assert verdict(BACKEND, facts("v1.14.3-tke.26", os=system))[0] == expected


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (
            "v1.17.5-tke.3",
            "TKE's table does not list 1.17; in iptables mode: upstream fixed in 1.17.0: The kube-proxy image ",
        ),
        ("v1.15.1-tke.3", "TKE's table does not list 1.15; upstream fixed in 1.20.0, in no 1.15: "),
        ("v1.13.1-tke.3", "TKE's table does not list 1.13; upstream fixed in 1.20.0, in no 1.13: "),
        ("v1.11.1-tke.3", "TKE's table does not list 1.11; upstream fixed in 1.20.0, in no 1.11: "),
        ("v1.9.1-tke.3", "TKE's table does not list 1.9; nothing is known of releases before 1.10"),
    ],
)
def test_a_version_the_page_does_not_list_gets_what_is_known_upstream(
    version: str, said: str
) -> None:
    found = advise(entries()[BACKEND], facts(version))
    assert found.verdict == UNKNOWN
    assert "; ".join(found.reasons).startswith(said)


def test_of_a_version_between_the_pages_rows_nothing_is_guessed() -> None:
    found = advise(entries()[PARSE], facts("v1.13.1-tke.3"))
    assert found.verdict == UNKNOWN
    assert found.why == (
        "TKE's table does not list 1.13; upstream fixed in 1.15.0, in no 1.13: kube-proxy keeps the two outputs of "
        "iptables-save apart (kubernetes#78428); whether TKE has it is not known"
    )
    assert found.upgrade == "cluster 1.14 with kube-proxy v1.14.3-tke.27 or later"


@pytest.mark.parametrize(
    ("entry", "version", "mode", "expected", "upgrade"),
    [
        (APISERVER, "v1.18.17", None, YES, "kube-proxy v1.18.18 or later"),
        (APISERVER, "v1.18.18", None, NO, None),
        (APISERVER, "v1.19.4", None, YES, "kube-proxy v1.19.5 or later"),
        (APISERVER, "v1.19.5", None, NO, None),
        (APISERVER, "v1.20.0", None, NO, None),
        (APISERVER, "v1.17.17", None, YES, "cluster 1.18 with kube-proxy v1.18.18 or later"),
        (APISERVER, "v1.20.0-rc.0", None, UNKNOWN, "kube-proxy v1.20.0 or later"),
        (STARTUP, "v1.16.15", None, NO, None),
        (STARTUP, "v1.17.0", None, YES, "cluster 1.19 with kube-proxy v1.19.0 or later"),
        (STARTUP, "v1.18.20", None, YES, "cluster 1.19 with kube-proxy v1.19.0 or later"),
        (STARTUP, "v1.19.0", None, NO, None),
        (STARTUP, "v1.18.20", "iptables", NO, None),
        (PARSE, "v1.14.10", None, YES, "cluster 1.15 with kube-proxy v1.15.0 or later"),
        (PARSE, "v1.15.0", None, NO, None),
        (BACKEND, "v1.15.12", "ipvs", YES, "cluster 1.16 with kube-proxy v1.16.0 or later"),
        (BACKEND, "v1.16.0", "ipvs", NO, None),
        # Their own images find out the backend; of other images and of a second IP family a version tells nothing.
        (BACKEND, "v1.16.9", "iptables", YES, "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (BACKEND, "v1.16.10", "iptables", UNKNOWN, "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (BACKEND, "v1.19.16", "iptables", UNKNOWN, "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (BACKEND, "v1.19.16", None, UNKNOWN, "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (BACKEND, "v1.20.0", "iptables", NO, None),
        (BACKEND, "v1.18.20", "nftables", NO, None),
        (WAIT, "v1.36.3", None, UNKNOWN, "iptables (iptables-restore with -w) 1.6.2 or later"),
        (
            WAIT,
            "v1.18.9-eks-d1db3c",
            None,
            UNKNOWN,
            "iptables (iptables-restore with -w) 1.6.2 or later",
        ),
        (WAIT, "v1.37.0", None, NO, None),
        # Other builders hold upstream's fixes of their release; what else they hold is not known.
        (APISERVER, "v1.18.20-gke.900", None, NO, None),
        (APISERVER, "v1.18.9-eks-d1db3c", None, UNKNOWN, "kube-proxy v1.18.18 or later"),
        (
            PARSE,
            "v1.14.9-eks-c0eccc",
            None,
            UNKNOWN,
            "cluster 1.15 with kube-proxy v1.15.0 or later",
        ),
        (APISERVER, "v1.20.6-aliyun.1", None, NO, None),
    ],
)
def test_upstream_releases(
    entry: str, version: str, mode: str | None, expected: str, upgrade: str | None
) -> None:
    assert verdict(entry, facts(version, mode=mode)) == (expected, upgrade)


@pytest.mark.parametrize(
    ("cluster", "entry", "expected"),
    [
        ("1.26", BACKEND, NO),
        ("1.20", BACKEND, UNKNOWN),
        ("1.14", BACKEND, UNKNOWN),
        ("1.16", APISERVER, YES),
        ("1.11", WAIT, YES),
        ("1.16", STARTUP, NO),
        ("1.17", BACKEND, UNKNOWN),
    ],
)
def test_a_cluster_alone_is_one_of_tke_and_its_row_decides_where_it_can(
    cluster: str, entry: str, expected: str
) -> None:
    assert verdict(entry, facts(cluster=cluster))[0] == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (None, UNKNOWN),
        ({}, UNKNOWN),  # TKE's builds have had other defaults
        ({"--ipvs-sync-period": "5s"}, YES),
        ({"--ipvs-sync-period": "1s"}, YES),
        ({"--ipvs-sync-period": "10s"}, UNKNOWN),
        ({"--ipvs-sync-period": "30s", "--ipvs-min-sync-period": "1s"}, NO),
        ({"--ipvs-sync-period": "0h0m30s"}, NO),
    ],
)
def test_flags_decide_about_the_frequent_sync(
    settings: dict[str, str] | None, expected: str
) -> None:
    assert verdict(SYNC, facts("v1.18.4-tke.26", mode="ipvs", settings=settings))[0] == expected
    assert verdict(SYNC, facts("v1.18.4-tke.26", mode="iptables", settings=settings))[0] == NO


def test_upstreams_default_period_is_well() -> None:
    assert verdict(SYNC, facts("v1.18.20", mode="ipvs", settings={}))[0] == NO


def test_a_variable_brings_a_failure_back_that_the_version_has_ended() -> None:
    off = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "0"}
    assert verdict(APISERVER, facts("v1.20.0", settings=off)) == (
        YES,
        "HTTP2_READ_IDLE_TIMEOUT_SECONDS: 30, or not set",
    )
    assert (
        verdict(APISERVER, facts("v1.20.0", settings={"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "30"}))[0]
        == NO
    )


def test_mounts_of_the_lock_decide_whatever_the_version() -> None:
    assert verdict(LOCK, facts("v1.36.3"))[0] == UNKNOWN
    assert verdict(LOCK, facts("v1.36.3", mounts={"/run/xtables.lock": ()})) == (NO, None)
    found = advise(
        entries()[LOCK],
        facts("v1.36.3", mounts={"/run/xtables.lock": ("kube-router: not mounted",)}),
    )
    assert found.verdict == YES
    assert found.reasons[0] == "kube-router: not mounted"
    assert found.reasons[1].startswith("All iptables commands")
    assert found.upgrade == (
        "/run/xtables.lock: hostPath /run/xtables.lock, type FileOrCreate, mounted at /run/xtables.lock, readOnly false"
    )


@pytest.mark.parametrize(
    ("components", "expected", "upgrade"),
    [
        ({}, UNKNOWN, None),
        (
            {"kube-router": "v1.3.1"},
            YES,
            "NetworkPolicy (kube-router) add-on of TKE v1.3.2 or later",
        ),
        ({"kube-router": "v1.3.2"}, UNKNOWN, None),
        ({"my-kube-router": "v1.3.1"}, UNKNOWN, None),
        ({"linux": "4.14.105-19-0024"}, YES, "Linux kernel 4.15 or later"),
        ({"linux": "5.4.119-19-0009"}, UNKNOWN, None),
    ],
)
def test_add_ons_decide_about_the_lock_that_is_held(
    components: dict[str, str], expected: str, upgrade: str | None
) -> None:
    assert verdict(HELD, facts("v1.18.4-tke.26", components=components)) == (expected, upgrade)


def test_a_known_iptables_decides_where_only_old_ones_fail() -> None:
    assert verdict(WAIT, facts("v1.18.20", components={"iptables": "1.8.4"}))[0] == NO


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (facts("v1.14.3-tke.20"), ALL_IN_1_18),
        (facts("v1.18.4-tke.9"), "kube-proxy v1.18.4-tke.49-rc1 or later"),
        (facts("v1.18.4-tke.49-rc1"), None),
        (facts("v1.16.3-tke.34", cluster="1.18"), "kube-proxy v1.18.4-tke.49-rc1 or later"),
        (
            facts("v1.16.3-tke.34"),
            ALL_IN_1_18,
        ),  # and not v1.18.4-tke.1, which would bring the startup panic
        # Where only old iptables fail, iptables is what ends it, and no release of Kubernetes is asked for.
        (facts("v1.9.3"), "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (facts("v1.14.9-eks-c0eccc"), "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (facts("v1.18.4", mode="ipvs"), "cluster 1.19 with kube-proxy v1.19.5 or later"),
        (facts("v1.18.4", mode="iptables"), "cluster 1.20 with kube-proxy v1.20.0 or later"),
        (facts(cluster="1.12"), ALL_IN_1_18),
        (facts(), None),
    ],
)
def test_the_smallest_upgrade_that_ends_all(known: Facts, expected: str | None) -> None:
    assert (
        upgrade_for_all([advise(entry, known) for entry in entries().values()], known) == expected
    )


def test_where_editions_differ_the_answer_says_which_says_what() -> None:
    found = advise(entries()[BACKEND], facts("v1.20.6-tke.30", os="CentOS 8"))
    assert found.reasons == (
        "TKE 1.20: fixed in v1.20.6-tke.31 (newer Chinese edition)",
        "TKE > 1.18: the problem does not exist (English edition)",
    )
    assert found.sources == ("page-zh", "page")
    assert [(one.edition, one.fix and one.fix.text) for one in found.claims] == [
        ("newer Chinese edition", "v1.20.6-tke.31"),
        ("English edition", None),
    ]


def test_an_edition_that_does_not_list_a_release_is_said_not_to() -> None:
    found = advise(entries()[BACKEND], facts("v1.19.1-tke.3"))
    assert (found.verdict, found.reasons) == (
        NO,
        (
            "TKE > 1.18: the problem does not exist (English edition)",
            "the newer Chinese edition does not list 1.19",
        ),
    )


HYPERKUBE = "there only in the image hyperkube, whose iptables knows nft alone"


@pytest.mark.parametrize(
    ("version", "mode", "expected", "said", "upgrade"),
    [
        # What a version has ended, no system brings back.
        ("v1.20.0", "iptables", NO, "upstream fixed in 1.20.0: ", None),
        ("v1.16.0", "ipvs", NO, "upstream fixed in 1.16.0: ", None),
        # A legacy kube-proxy fits a legacy system; the image hyperkube of three releases brought nft.
        ("v1.14.10", None, NO, "CentOS Linux 7 (Core) is older than CentOS 8", None),
        ("v1.16.10", None, NO, "CentOS Linux 7 (Core) is older than CentOS 8", None),
        ("v1.16.11", None, UNKNOWN, HYPERKUBE, "kube-proxy v1.16.12 or later"),
        ("v1.16.11", "iptables", UNKNOWN, HYPERKUBE, "kube-proxy v1.16.12 or later"),
        ("v1.17.7", "iptables", UNKNOWN, HYPERKUBE, "kube-proxy v1.17.8 or later"),
        ("v1.16.12", None, NO, "CentOS Linux 7 (Core) is older than CentOS 8", None),
        ("v1.17.7", None, UNKNOWN, HYPERKUBE, "kube-proxy v1.17.8 or later"),
        ("v1.17.8", None, NO, "CentOS Linux 7 (Core) is older than CentOS 8", None),
        # In a dual-stack cluster kubelet up to 1.19 leaves one IP family without the chain, on any system.
        (
            "v1.18.20",
            "iptables",
            UNKNOWN,
            "there only where kube-proxy serves IPv4 and IPv6 ",
            None,
        ),
        ("v1.18.20", "ipvs", NO, "upstream fixed in 1.16.0: ", None),
        # Of other builders' images, of versions that are not given and of releases that nobody read nothing is said.
        (
            "v1.14.10-rancher1",
            None,
            UNKNOWN,
            "whether rancher's kube-proxy matches it is not known",
            None,
        ),
        ("", None, UNKNOWN, "no version is given", None),
        ("v1.9.3", None, UNKNOWN, "nothing is known of releases before 1.10", None),
        # The page names the systems for TKE's builds.
        ("v1.14.3-tke.26", None, NO, "CentOS Linux 7 (Core) is older than CentOS 8", None),
    ],
)
def test_a_system_with_the_legacy_backend(
    version: str, mode: str | None, expected: str, said: str, upgrade: str | None
) -> None:
    found = advise(entries()[BACKEND], facts(version, os="CentOS Linux 7 (Core)", mode=mode))
    assert found.verdict == expected
    assert said in found.why
    assert upgrade is None or found.upgrade == upgrade


def test_a_system_that_is_named_without_a_release_is_one_in_all_of_them() -> None:
    known = entries()[BACKEND]
    named = replace(known, affected=replace(known.affected, os=("Bottlerocket",)))
    assert advise(named, facts("v1.14.10", os="Bottlerocket OS 1.2.0")).verdict == YES
    assert advise(named, facts("v1.14.10", os="CentOS Linux 8 (Core)")).verdict == UNKNOWN


def test_a_system_whose_release_is_not_told_may_be_one_of_them() -> None:
    found = advise(entries()[BACKEND], facts("v1.14.3-tke.26", os="Tencent Linux"))
    assert (found.verdict, found.reasons[-1]) == (
        UNKNOWN,
        "Tencent Linux may be older than TLinux 2.6 (TK4)",
    )


@pytest.mark.parametrize("entry", [APISERVER, BACKEND, PARSE, STARTUP, WAIT])
@pytest.mark.parametrize("version", ["v1.9.11", "v1.0.0"])
def test_of_releases_that_nobody_read_nothing_is_known(entry: str, version: str) -> None:
    found = advise(entries()[entry], facts(version))
    assert (found.verdict, found.reasons[0]) == (
        UNKNOWN,
        "nothing is known of releases before 1.10",
    )


@pytest.mark.parametrize(
    ("entry", "version", "mode", "expected", "why"),
    [
        ("ipvs-unavailable", "v1.25.16", "ipvs", NO, "no release before 1.26 can have it"),
        ("ipvs-unavailable", "v1.25.16", None, NO, "no release before 1.26 can have it"),
        ("ipvs-unavailable", "v1.18.4-tke.26", "ipvs", NO, "no release before 1.26 can have it"),
        ("ipvs-unavailable", "v1.26.0", "ipvs", UNKNOWN, "no version of kube-proxy ends it"),
        ("nftables-unavailable", "v1.28.15", None, NO, "no release before 1.29 can have it"),
        ("nftables-nft-crash", "v1.9.11", None, NO, "no release before 1.29 can have it"),
        ("nftables-comment-too-long", "v1.28.15", None, NO, "no release before 1.29 can have it"),
        # Where `versions` begins with what the alert sees, older releases can have it.
        ("rules-flushed", "v1.16.15", None, UNKNOWN, "no version of kube-proxy ends it"),
    ],
)
def test_a_release_before_the_one_that_brought_it_is_not_affected(
    entry: str, version: str, mode: str | None, expected: str, why: str
) -> None:
    found = advise(entries()[entry], facts(version, mode=mode))
    assert (found.verdict, found.reasons[0]) == (expected, why)


def test_where_only_old_iptables_fail_iptables_ends_it_before_1_10_too() -> None:
    assert verdict(WAIT, facts("v1.9.11")) == (
        UNKNOWN,
        "iptables (iptables-restore with -w) 1.6.2 or later",
    )


def test_a_release_newer_than_the_newest_that_was_read_is_said_to_be_so() -> None:
    failures = list(entries().values())
    assert notes(failures, facts("v1.37.2")) == ()
    assert notes(failures, facts("v1.38.0")) == (
        "v1.38.0: nothing is known of releases after 1.37; what 1.37 has fixed is taken for fixed",
    )


@pytest.mark.parametrize("version", ["v1.9.11", "v1.38.0"])
def test_a_default_of_a_release_that_nobody_read_is_not_known(version: str) -> None:
    assert verdict(SYNC, facts(version, mode="ipvs", settings={}))[0] == UNKNOWN
    assert (
        verdict(SYNC, facts(version, mode="ipvs", settings={"--ipvs-sync-period": "5s"}))[0] == YES
    )


@pytest.mark.parametrize("version", ["v1.36.3", "v1.37.0"])
def test_a_program_on_an_old_system_is_judged_by_its_version_first(version: str) -> None:
    known = facts(version, os="CentOS Linux 7.1.1503 (Core)", binary=True)
    assert verdict(WAIT, known)[0] == (NO if version == "v1.37.0" else YES)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", YES), ("00", YES), ("30", NO), ("1", NO), ("off", NO), ("", NO)],
)
def test_a_number_is_the_same_however_it_is_written(value: str, expected: str) -> None:
    settings = {"HTTP2_READ_IDLE_TIMEOUT_SECONDS": value}
    assert verdict(APISERVER, facts("v1.20.0", settings=settings))[0] == expected
