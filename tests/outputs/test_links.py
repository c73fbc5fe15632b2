"""Every link and anchor of the pages leads somewhere, and every page can be reached."""

from pathlib import Path

from generator.base.file import File
from generator.outputs.links import links_resolve
from tests.conftest import compiled_for

INDEX = File("runbooks/README.md", "# Runbooks\n\n[A](A.md)\n")


def problems(*files: File) -> list[str]:
    return [str(problem) for problem in links_resolve(files, "output")]


def test_a_link_to_a_page_and_to_a_heading_resolves() -> None:
    page = File(
        "runbooks/A.md", "# A\n\n## How `x` *works*\n\n[home](README.md), [here](#how-x-works)\n"
    )
    assert problems(INDEX, page) == []


def test_a_link_to_another_site_is_not_followed() -> None:
    assert (
        problems(INDEX, File("runbooks/A.md", "[k8s](https://kubernetes.io/nowhere#at-all)\n"))
        == []
    )


def test_a_link_to_no_page_is_a_problem_on_its_line() -> None:
    page = File("runbooks/A.md", "# A\n\n[gone](B.md)\n")
    assert problems(INDEX, page) == ["output/runbooks/A.md:3:1: the link B.md leads to no page"]


def test_a_link_to_no_heading_is_a_problem() -> None:
    page = File("runbooks/A.md", "# A\n\n| a |\n|---|\n| [fix](README.md#fix) |\n")
    assert problems(INDEX, page) == [
        "output/runbooks/A.md:5:1: the link README.md#fix leads to no heading of runbooks/README.md"
    ]


def test_what_looks_like_a_link_in_code_is_none() -> None:
    assert (
        problems(
            INDEX, File("runbooks/A.md", "`[x](B.md)`\n\n```sh\n[x](B.md) # <a href=B.md>\n```\n")
        )
        == []
    )


def test_a_page_without_a_link_to_it_is_a_problem() -> None:
    page, orphan = File("runbooks/A.md", "# A\n"), File("runbooks/B.md", "[A](A.md)\n")
    assert problems(INDEX, page, orphan) == [
        "output/runbooks/B.md: no link leads here from runbooks/README.md"
    ]


def test_where_an_entry_is_without_its_own_alert_pages_lead_to_another_of_it(
    tmp_path: Path,
) -> None:
    """Without the kernel's log conntrack-table-full is seen by node_exporter alone."""
    pages = compiled_for("loki: {kernel: null}\n", tmp_path)
    assert "runbooks/KubeProxyConntrackTableFull.md" not in pages
    assert (
        "(KubeProxyConntrackTableFullDrops.md)"
        in pages["runbooks/KubeProxyConntrackCleanupSlow.md"]
    )


def test_the_page_of_an_entry_that_is_known_by_builds_alone_has_its_steps(tmp_path: Path) -> None:
    pages = compiled_for("loki: {interval: 1m}\n", tmp_path)
    assert "runbooks/KubeProxyIptablesBackendSwitch.md" not in pages
    page = pages["runbooks/KubeProxyIptablesBackendSwitchKnownBuild.md"]
    for heading in ("Does it apply here?", "Impact", "Diagnosis", "Mitigation", "Fix by version"):
        assert f"\n## {heading}\n" in page
    assert "> **First:** Count kube-proxy's chains in both backends" in page
    assert (
        "(KubeProxyIptablesBackendSwitchKnownBuild.md)"
        in pages["runbooks/KubeProxyIptablesBackendMismatch.md"]
    )
