"""Builds with a known failure, by hand from the fix tables, and what the alerts made of them say, for promtool."""

import yaml

# Builds with the failure, and where it ends.
KNOWN = {
    "iptables-backend-switch": {
        "v1.14.3-tke.33-rc2": ["v1.14.2-tke.40", "v1.14.3-tke.32", "v1.14.3-tke.33-rc1"],
        "v1.16.3-tke.42-rc2": ["v1.16.2-tke.50", "v1.16.3-tke.41", "v1.16.3-tke.42-rc1"],
        "v1.18.4-tke.49-rc1": ["v1.18.3-tke.60", "v1.18.4-tke.9", "v1.18.4-tke.48"],
        "v1.20.6-tke.52": ["v1.20.6-tke.51", "v1.20.6-tke.52-rc9"],
        "v1.22.5-tke.33": ["v1.22.5-tke.32", "v1.22.5-tke.33-rc1"],
        "v1.24.4-tke.24": ["v1.24.4-tke.23", "v1.24.4-tke.24-rc1"],
    },
    "apiserver-connection-broken": {
        "v1.18.4-tke.26": [
            "v1.8.13-tke.1",
            "v1.10.5-tke.20",
            "v1.17.2-tke.99",
            "v1.18.3-tke.30",
            "v1.18.4-tke.25",
        ],
        "v1.18.18": ["v1.10.13", "v1.17.17", "v1.18.0", "v1.18.17", "v1.18.17-rc.0"],
        "v1.19.5": ["v1.19.0", "v1.19.4"],
    },
    "iptables-backend-mismatch": {
        "v1.10.5-tke.20": ["v1.10.5-tke.19", "v1.10.5-tke.9"],
        # The newer edition of TKE's page names higher builds than the English one.
        "v1.12.4-tke.32": ["v1.12.4-tke.31"],
        "v1.14.3-tke.28": ["v1.14.3-tke.27", "v1.14.2-tke.1"],
        "v1.16.3-tke.34": ["v1.16.3-tke.28", "v1.16.3-tke.33"],
        "v1.18.4-tke.35": [
            "v1.18.4-tke.26",
            "v1.18.4-tke.34-dirty",
            "v1.18.4-tke.35-rc1",
            "v1.18.4-tke.35-rc12",
        ],
        "v1.20.6-tke.31": ["v1.20.6-tke.30", "v1.20.4-tke.1"],
        "v1.22.5-tke.11": ["v1.22.5-tke.10"],
        "v1.24.4-tke.5": ["v1.24.4-tke.4"],
        # From 1.16.10 and 1.17.0 on Kubernetes' own images find out the node's backend.
        "v1.20.0": ["v1.10.5", "v1.15.12", "v1.16.9"],
    },
    "iptables-restore-without-wait": {
        "v1.12.4-tke.31": ["v1.12.4-tke.30", "v1.11.2-tke.1", "v1.10.5-tke.20"],
    },
    "iptables-save-parse-panic": {
        "v1.12.4-tke.31": ["v1.12.4-tke.30"],
        "v1.14.3-tke.27": ["v1.14.3-tke.26"],
        "v1.15.0": ["v1.10.13", "v1.14.10"],
    },
    "ipvs-startup-panic": {
        "v1.18.4-tke.26": ["v1.18.4-tke.25", "v1.18.4-tke.0"],
        "v1.19.0": ["v1.17.0", "v1.18.20"],
    },
    "nftables-comment-too-long": {
        "v1.37.0": ["v1.29.0", "v1.30.14", "v1.35.8", "v1.36.5", "v1.36.12"],
    },
}

SYSTEMS = "on TLinux 2.6 (TK4), TLinux 3.1, TLinux 3.2, CentOS 8, Ubuntu 20 and later systems."

# Of one build of each failure: what its alert says, word for word.
SAID = {
    "apiserver-connection-broken": (
        "v1.19.4",
        "kube-proxy keeps using a broken connection to kube-apiserver",
        "It can happen.",
    ),
    "iptables-backend-mismatch": (
        "v1.16.9",
        "kube-proxy does not find kubelet's chain KUBE-MARK-DROP in its iptables backend",
        f"It can happen in iptables mode {SYSTEMS}",
    ),
    "iptables-backend-switch": (
        "v1.18.4-tke.48",
        "kube-proxy chooses the other iptables backend after a restart, and rules of both are in force",
        "It can happen in iptables mode on TencentOS Server 3.1 (TK4), TencentOS Server 3.1 (Final), "
        "CentOS 8 and later systems.",
    ),
    "iptables-restore-without-wait": (
        "v1.12.4-tke.30",
        "An earlier iptables-restore does not wait for the iptables lock, so kube-proxy's writes are blocked",
        "It can happen in iptables and ipvs mode.",
    ),
    "iptables-save-parse-panic": (
        "v1.14.10",
        "kube-proxy panics again and again when it reads the output of iptables-save",
        "It can happen in iptables and ipvs mode.",
    ),
    "ipvs-startup-panic": (
        "v1.18.20",
        "kube-proxy panics at its first start in IPVS mode and is normal after the restart",
        "It can happen in ipvs mode.",
    ),
    "nftables-comment-too-long": (
        "v1.36.5",
        "The name of one Service is too long for a comment of nft, and no rule is written any more",
        "It can happen in nftables mode.",
    ),
}
# Of those that no upgrade alone ends.
FIRST_STEPS = {
    "iptables-backend-switch": "Count kube-proxy's chains in both backends of the node (step 1 of the diagnosis). "
    "Where both hold some, empty the node, upgrade kube-proxy and reboot the node; "
    "elsewhere plan the upgrade, node by node.",
}
# These builds show the rules of iptables mode, in which the failure cannot happen.
NOT_IN_IPTABLES_MODE = {"nftables-comment-too-long"}
ALERTS = {
    "apiserver-connection-broken": "KubeProxyApiserverConnectionBrokenKnownBuild",
    "iptables-backend-mismatch": "KubeProxyIptablesBackendMismatchKnownBuild",
    "iptables-backend-switch": "KubeProxyIptablesBackendSwitchKnownBuild",
    "iptables-restore-without-wait": "KubeProxyIptablesRestoreWithoutWaitKnownBuild",
    "iptables-save-parse-panic": "KubeProxyIptablesSaveParsePanicKnownBuild",
    "ipvs-startup-panic": "KubeProxyIPVSStartupPanicKnownBuild",
    "nftables-comment-too-long": "KubeProxyNftablesCommentTooLongKnownBuild",
}

TARGET = (
    'job="kube-proxy", cluster="c1", namespace="kube-system", '
    'pod="kube-proxy-{0}", node="n{0}", instance="{0}:10249"'
)


def info(node: str, label: str, version: str, values: str) -> dict[str, str]:
    """What kube-proxy on a node says of its build."""
    return {
        "series": f'kubernetes_build_info{{{TARGET.format(node)}, {label}="{version}", goVersion="go1.13"}}',
        "values": values,
    }


def labels(node: str, failure: str, version: str, fixed_in: str) -> dict[str, str]:
    return {
        "failure": failure,
        "severity": "info",
        "cluster": "c1",
        "namespace": "kube-system",
        "pod": f"kube-proxy-{node}",
        "node": f"n{node}",
        "instance": f"{node}:10249",
        "version": version,
        "fixed_in": fixed_in,
    }


def in_iptables_mode(target: str) -> dict[str, str]:
    """What a kube-proxy in iptables mode alone shows."""
    return {
        "series": f'kubeproxy_sync_proxy_rules_iptables_total{{{target}, table="nat"}}',
        "values": "7x30",
    }


def _all_but_itself(node: str) -> list[str]:
    """Targets that each differ from a node's in one label."""
    own = {
        label: value
        for label, value in labels(node, "", "", "").items()
        if label in TARGET and value
    }
    others = [own | {label: "another"} for label in own]
    return [
        ", ".join(f'{label}="{value}"' for label, value in ({"job": "kube-proxy"} | one).items())
        for one in others
    ]


def unit_tests(failure: str, rules: str) -> str:
    """Tests for promtool: after ten minutes each known build has its alert and the build with the fix has none.

    The label of the version has either of its names, from node to node.
    """
    builds = [
        (version, fix) for fix, versions in KNOWN[failure].items() for version in (*versions, fix)
    ]
    series = [
        info(f"{number}", ("gitVersion", "git_version")[number % 2], version, "1x30")
        for number, (version, _) in enumerate(builds)
    ]
    firing = [
        {
            "labels": _as_series(labels(f"{number}", failure, version, fix) | _state(failure)),
            "value": 1,
        }
        for number, (version, fix) in enumerate(builds)
        if version != fix
    ]
    if failure in NOT_IN_IPTABLES_MODE:
        series += [
            info("i", "git_version", builds[0][0], "1x30"),
            in_iptables_mode(TARGET.format("i")),
        ]
        series += map(in_iptables_mode, _all_but_itself("0"))
    expr = f'ALERTS{{alertname="{ALERTS[failure]}", alertstate="firing"}}'
    of_each = {
        "interval": "30s",
        "input_series": series,
        "promql_expr_test": [
            {"expr": expr, "eval_time": "9m30s"},
            {"expr": expr, "eval_time": "11m", "exp_samples": firing},
        ],
    }
    tests = {
        "rule_files": [rules],
        "evaluation_interval": "30s",
        "tests": [of_each, _words(failure)],
    }
    return yaml.safe_dump(tests)


def _words(failure: str) -> dict[str, object]:
    """One node with a known build: what its alert says."""
    version, title, where = SAID[failure]
    fix = next(fix for fix, versions in KNOWN[failure].items() if version in versions)
    upgrade = (
        f"Upgrade kube-proxy to {fix} or later, "
        "with the cluster where that is another minor release."
    )
    said = {
        "summary": f"kube-proxy {version} on node na (cluster c1) has a known failure: {title}",
        "description": f"{where} {fix} has the fix. First step: {FIRST_STEPS.get(failure) or upgrade}",
        "runbook_url": f"https://runbooks.example.com/kube-proxy/{ALERTS[failure]}.md",
    }
    alert = {"exp_labels": labels("a", failure, version, fix), "exp_annotations": said}
    return {
        "interval": "30s",
        "input_series": [info("a", "git_version", version, "1x30")],
        "alert_rule_test": [
            {"eval_time": "11m", "alertname": ALERTS[failure], "exp_alerts": [alert]}
        ],
    }


def _state(failure: str) -> dict[str, str]:
    return {"alertname": ALERTS[failure], "alertstate": "firing"}


def _as_series(named: dict[str, str]) -> str:
    return "ALERTS{" + ", ".join(f'{label}="{value}"' for label, value in named.items()) + "}"
