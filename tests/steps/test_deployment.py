"""The words of steps at each way to run kube-proxy, and what they do where a program can be asked."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from generator.catalog.profile import KubeProxyProfile
from generator.steps.deployment import Command, kinds, site_words
from generator.steps.filled import fill_in
from tests import once

SITE = once.inputs().default_profile.kube_proxy
KINDS = {f"{site.runs_as}-{site.config_map}-{site.log_file}": site for site in kinds(SITE)}


def said(template: str, site: KubeProxyProfile = SITE) -> str:
    return fill_in(template, site_words(site)).text


def test_every_way_to_run_it_is_there_once_and_the_site_is_the_first() -> None:
    own = replace(SITE, config_map="kube-proxy-config")
    assert [(site.runs_as, site.config_map, site.log_file) for site in kinds(own)] == [
        ("daemonset", "kube-proxy-config", None),
        ("daemonset", "kube-proxy", None),
        ("daemonset", None, None),
        ("static-pod", "kube-proxy", None),
        ("static-pod", None, None),
        ("systemd", "kube-proxy-config", None),
        ("k3s", "kube-proxy-config", None),
        ("static-pod", None, "/var/log/kube-proxy.log"),
    ]
    assert kinds(SITE)[0] == SITE
    assert len(set(kinds(SITE))) == len(kinds(SITE)) == 7


@pytest.mark.parametrize("site", KINDS.values(), ids=KINDS)
def test_the_words_are_the_same_everywhere_and_each_leads_to_one_place(
    site: KubeProxyProfile,
) -> None:
    assert site_words(site).keys() == site_words(SITE).keys()
    for name, word in site_words(site).items():
        template = f'{{{{ {name}("1h") }}}}' if callable(word) else f"{{{{ {name} }}}}"
        assert len(fill_in(template, site_words(site)).places) == (
            0 if isinstance(word, str) or template_is_empty(word) else 1
        )


def template_is_empty(word: object) -> bool:
    return isinstance(word, Command) and not word.text


def test_a_site_names_its_pods_and_settings() -> None:
    eks = replace(SITE, namespace="net", pod_selector="app=proxy", config_map="kube-proxy-config")
    assert said("{{ find_pod }}", eks) == (
        'POD=$(kubectl -n net get pods -l app=proxy --field-selector spec.nodeName="$NODE" '
        "-o jsonpath='{.items[0].metadata.name}')"
    )
    assert "kubectl -n net get configmap kube-proxy-config -o yaml" in said(
        "{{ configuration }}", eks
    )
    assert "configmap" not in said("{{ configuration }}", replace(eks, config_map=None))
    assert said("{{ restart_everywhere }}", replace(eks, daemonset="proxy")).endswith(
        "restart daemonset proxy"
    )


@pytest.mark.parametrize(
    ("runs_as", "log", "restart"),
    [
        (
            "daemonset",
            'kubectl -n kube-system logs "$POD" --since=5m',
            'kubectl -n kube-system delete pod "$POD"',
        ),
        ("static-pod", 'kubectl -n kube-system logs "$POD" --since=5m', "pkill -e -x kube-proxy"),
        (
            "systemd",
            "journalctl --no-pager --unit 'kube-proxy' --output cat --since=-5m",
            "systemctl restart 'kube-proxy'",
        ),
        (
            "k3s",
            "journalctl --no-pager --unit 'kube-proxy' --output cat --since=-5m",
            "systemctl restart 'kube-proxy'",
        ),
    ],
)
def test_log_and_restart(runs_as: str, log: str, restart: str) -> None:
    site = replace(SITE, runs_as=runs_as)
    assert (said('{{ log("5m") }}', site), said("{{ restart }}", site)) == (log, restart)
    assert site.in_pod is (runs_as in ("daemonset", "static-pod"))


def test_a_log_file_is_read_from_a_time_on(tmp_path: Path) -> None:
    """What is newer, with the lines that belong to it; the file has the time of UTC."""
    now = datetime.now(UTC)

    def head(age: timedelta) -> str:
        return f"E{now - age:%m%d %H:%M:%S}.123456       1 proxier.go:1]"

    old, new = head(timedelta(hours=2)), head(timedelta(minutes=10))
    log = tmp_path / "kube-proxy.log"
    log.write_text(
        f"no head\n{old} a err=<\n\told reason\n >\n{new} b err=<\n\tnew reason\n >\nI{new[1:]} c\n"
    )
    script = said('{{ log("1h") }}', replace(SITE, runs_as="static-pod", log_file=str(log)))
    shown = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"TZ": "Asia/Tokyo"}
    )
    assert shown.stdout == f"{new} b err=<\n\tnew reason\n >\nI{new[1:]} c\n"
    whole = subprocess.run(
        [
            "sh",
            "-c",
            said("{{ whole_log }}", replace(SITE, runs_as="static-pod", log_file=str(log))),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert whole.stdout == log.read_text()
