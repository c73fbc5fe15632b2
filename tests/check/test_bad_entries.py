"""One bad file for each kind of error, and exactly what is said about it.

Each case takes the golden catalog, replaces one piece of text in one file (`also`: in a second one), and loads it.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from generator.base.problems import errors
from generator.catalog.load import load
from generator.pipeline import compile_catalog
from tests.conftest import TINY


@dataclass(frozen=True)
class Case:
    name: str
    old: str
    new: str
    said: str
    file: str = "broken-gate/failure.yaml"
    also: tuple[str, str, str] | None = None


GATE = "broken-gate/failure.yaml"
SLOW = "gate-slow/failure.yaml"

RUST = "rm /gate/rust"
CORDON = 'kubectl cordon "$NODE"'
MILDER = "{alert: KubeProxyBrokenGateRust, holds: rust, severity: {level: critical, reason: Rust.}}"
UNCORDON = 'kubectl uncordon "$NODE"'

CASES = [
    # What the schema refuses.
    Case(
        "unknown-key",
        "severity: {level",
        "severty: {level",
        f"{GATE}:2:1: key 'severity' is missing: critical wakes somebody, warning waits for the morning, "
        f"info is for looking things up.\n{GATE}:8:1: unknown key 'severty'; did you mean 'severity'?",
    ),
    Case(
        "missing-key",
        "title: the gate is broken | and {{ stays }} so\n",
        "",
        f"{GATE}:2:1: key 'title' is missing: One line, plain text: what is wrong.",
    ),
    Case(
        "wrong-word",
        "kind: failure",
        "kind: failing",
        f"{GATE}:3:1: kind: 'failing' is not one of failure, symptom, watchdog",
    ),
    Case(
        "wrong-type",
        "    threshold: 2\n",
        "    threshold: many\n",
        f"{GATE}:87:5: threshold must be a whole number",
    ),
    Case(
        "unquoted-version",
        'from: "1.10"',
        "from: 1.10",
        f"{GATE}:17:14: from must be text; put it in quotes",
    ),
    Case(
        "two-lines-where-one",
        "first_step: Look at the gate.",
        'first_step: "Look\\nat it."',
        f"{GATE}:10:1: first_step: 'Look\\nat it.' does not have the form asked for: one line without spaces at its ends",
    ),
    Case(
        "empty-list",
        "causes:\n  - {text: Rust., sources: [manual]}",
        "causes: []",
        f"{GATE}:22:1: causes is empty; give at least 1",
    ),
    Case(
        "twice",
        "modes: [iptables, ipvs]",
        "modes: [ipvs, ipvs]",
        f"{GATE}:15:3: modes lists a value twice",
    ),
    Case(
        "negative",
        "    threshold: 2\n",
        "    threshold: -1\n",
        f"{GATE}:87:5: threshold: -1 is too small; the smallest value is 0",
    ),
    Case(
        "not-yaml",
        "id: broken-gate",
        "id: [broken-gate",
        f"{GATE}:3:5: not valid YAML: did not find expected ',' or ']'",
    ),
    Case(
        "duplicate-key",
        "kind: failure",
        "kind: failure\nkind: symptom",
        f"{GATE}:4:1: duplicate key 'kind'; the first one is on line 3, remove one of them",
    ),
    Case(
        "not-utf-8",
        "Look at the gate.",
        "\udcff",
        f"{GATE}:10:13: not UTF-8 text; save the file as UTF-8",
    ),
    # What only the whole entry shows.
    Case(
        "folder-name",
        "id: broken-gate",
        "id: broken-door",
        f"{GATE}:2:1: id 'broken-door' must be the name of its folder, 'broken-gate'",
    ),
    Case(
        "alert-twice",
        "alert: KubeProxyGateWatchdog",
        "alert: KubeProxyBrokenGate",
        f"gate-watchdog/failure.yaml:3:1: the name 'KubeProxyBrokenGate' is taken by {GATE}:4:1; choose another",
        "gate-watchdog/failure.yaml",
    ),
    Case(
        "no-signal-of-its-name",
        "      - alert: KubeProxyGateSlow",
        "      - alert: KubeProxyGateSlowToo",
        f"{SLOW}:18:1: one signal, and only one, gives KubeProxyGateSlow: logs, heartbeat, or a metric alert of that name",
        SLOW,
    ),
    Case(
        "alert-of-another-name",
        "      - alert: KubeProxyGateSlow",
        "      - alert: KubeProxyDoor",
        f"{SLOW}:18:1: one signal, and only one, gives KubeProxyGateSlow: logs, heartbeat, or a metric alert of that name\n{SLOW}:25:9: 'KubeProxyDoor' must be 'KubeProxyGateSlow' with a word added",
        SLOW,
    ),
    Case(
        "milder-that-is-as-grave",
        "    persistence: broken for good\n",
        f"    persistence: broken for good\n    milder: {MILDER}\n",
        f"{GATE}:90:59: KubeProxyBrokenGateRust is critical and its entry critical; "
        "it must be less grave, or its lines need no alert of their own",
    ),
    Case(
        "milder-that-is-graver",
        "    persistence: broken for good\n",
        f"    persistence: broken for good\n    milder: {MILDER}\n",
        f"{GATE}:90:59: KubeProxyBrokenGateRust is critical and its entry warning; "
        "it must be less grave, or its lines need no alert of their own",
        also=(GATE, "severity: {level: critical", "severity: {level: warning"),
    ),
    Case(
        "watchdog-without-heartbeat",
        "kind: failure",
        "kind: watchdog",
        f"{GATE}:3:1: a watchdog has `signals: {{heartbeat: …}}`, and only a watchdog has it",
    ),
    Case(
        "status-without-reason",
        "status_reason: a made-up failure that shows every part of an entry\n",
        "",
        f"{GATE}:6:1: status experimental needs a `status_reason`",
    ),
    Case(
        "unknown-source",
        "sources: [manual, hearsay]",
        "sources: [manual, hearsey]",
        f"{GATE}:20:62: there is no source 'hearsey'; add it under `sources:`",
    ),
    Case(
        "uncited-source",
        "  hearsay: {title: Hearsay}",
        "  hearsay: {title: Hearsay}\n  gossip: {title: Gossip}",
        f"{GATE}:14:3: no statement cites the source 'gossip'; cite it or remove it",
    ),
    Case(
        "unknown-relation",
        "related: [{id: gate-slow",
        "related: [{id: gate-sow",
        f"{GATE}:73:12: there is no other entry 'gate-sow'",
    ),
    Case(
        "inhibits-no-symptom",
        "inhibits: [gate-slow]",
        "inhibits: [gate-watchdog]",
        f"{GATE}:74:12: 'gate-watchdog' is not another entry of kind symptom, or with alerts on metrics",
    ),
    Case(
        "inhibits-a-graver-symptom",
        "severity: {level: critical, reason: nothing passes}",
        "severity: {level: warning, reason: some pass}",
        f"{GATE}:74:12: KubeProxyBrokenGate (warning) must not hold back KubeProxyGateSlow, which is critical; "
        "name 'gate-slow' under `explains:` instead\n"
        f"{SLOW}:15:1: nothing stops the damage of a critical failure; mark what does with `stops_damage: true`",
        also=(SLOW, "severity: {level: warning", "severity: {level: critical"),
    ),
    Case(
        "an-info-inhibits-a-warning",
        "severity: {level: critical, reason: nothing passes}",
        "severity: {level: info, reason: all pass}",
        f"{GATE}:74:12: KubeProxyBrokenGate (info) must not hold back KubeProxyGateSlow, which is warning; "
        "name 'gate-slow' under `explains:` instead",
    ),
    Case(
        "explains-no-symptom",
        "inhibits: [gate-slow]",
        "explains: [gate-watchdog]",
        f"{GATE}:74:12: 'gate-watchdog' is not another entry of kind symptom, or with alerts on metrics",
    ),
    Case(
        "explains-what-it-inhibits",
        "inhibits: [gate-slow]",
        "inhibits: [gate-slow]\nexplains: [gate-slow]",
        f"{GATE}:75:12: 'gate-slow' stands under `inhibits:` too; name it once",
    ),
    Case(
        "build-without-need",
        '{cluster: "> 1.18", action: none}',
        '{cluster: "> 1.18", action: none, minimum: v1.18.4-tke.26}',
        f"{GATE}:59:9: `minimum` names the build to upgrade to; give it with upgrade-kube-proxy and only there",
    ),
    Case(
        "build-of-another-release",
        "minimum: v1.18.4-tke.26",
        "minimum: v1.16.4-tke.26",
        f"{GATE}:60:9: v1.16.4-tke.26 is not a build of 1.18",
    ),
    # Steps: what is typed, and where.
    Case(
        "run-without-place",
        "    where: node\n",
        "",
        f"{GATE}:41:5: run needs the key 'where': Where `run` is typed: on a machine with kubectl; in a shell of root on the node; or, for commands that follow how kube-proxy runs at the site, wherever that leads.",
    ),
    Case(
        "place-without-run",
        "    run: |\n      rm /gate/rust\n    changes: The file is gone.\n",
        "",
        f"{GATE}:41:5: where needs the key 'run': Shell commands to paste, a Jinja template over the words of `kube-proxy-alerts docs steps`; $NODE and $POD are set on top of the page.",
    ),
    Case(
        "changes-without-run",
        "    yaml: |\n",
        "    changes: All.\n    yaml: |\n",
        f"{GATE}:53:5: changes needs the key 'run': Shell commands to paste, a Jinja template over the words of `kube-proxy-alerts docs steps`; $NODE and $POD are set on top of the page.",
    ),
    Case(
        "unknown-word",
        RUST,
        "{{ metric }}",
        f"{GATE}:42:5: run: there is no word 'metric'; did you mean 'metrics'?",
    ),
    Case(
        "unknown-word-in-the-instruction",
        "do: Take the rust off.",
        'do: "Take {{ rust }} off."',
        f"{GATE}:40:5: do: there is no word 'rust'; there are config_map, configuration, daemonset, find_pod, in_pod, inside, log, metrics, metrics_address, namespace, pod_selector, previous_log, prints_log, restart, restart_everywhere, runs_as, status, unit, version, whole_log",
    ),
    Case(
        "word-without-what-it-takes",
        RUST,
        "{{ inside }}",
        f'{GATE}:42:5: run is not a template that can be filled in: a word that takes something is written with it, as in {{{{ log("1h") }}}}; `kube-proxy-alerts docs steps` lists the words and what they take',
    ),
    Case(
        "word-with-what-it-does-not-take",
        RUST,
        "{{ metrics(1) }}",
        f"{GATE}:42:5: run is not a template that can be filled in: 'Command' object is not callable; `kube-proxy-alerts docs steps` lists the words and what they take",
    ),
    Case(
        "broken-template",
        RUST,
        "{{ metrics",
        f"{GATE}:42:5: run is not a template that can be filled in: unexpected end of template, expected 'end of print statement'.",
    ),
    Case(
        "unknown-filter",
        RUST,
        "{{ metrics | odd }}",
        f"{GATE}:42:5: run is not a template that can be filled in: No filter named 'odd'.",
    ),
    Case(
        "kubectl-on-the-node",
        RUST,
        "kubectl get nodes",
        f"{GATE}:42:5: kubectl is not typed on the node; make it a step of its own with `where: kubectl`",
    ),
    Case(
        "kubectl-on-the-node-in-disguise",
        RUST,
        "cat nodes | sudo xargs -r kubectl get node",
        f"{GATE}:42:5: kubectl is not typed on the node; make it a step of its own with `where: kubectl`",
    ),
    Case(
        "node-command-with-kubectl",
        CORDON,
        "iptables-save -t nat | grep -c KUBE",
        f"{GATE}:35:5: 'iptables-save' needs the node; make it a step of its own with `where: node`",
    ),
    Case(
        "node-command-inside-a-text",
        CORDON,
        'echo "$(ipset list)"',
        f"{GATE}:35:5: 'ipset' needs the node; make it a step of its own with `where: node`",
    ),
    Case(
        "file-of-the-node-with-kubectl",
        CORDON,
        "grep -c nat /proc/net/ip_tables_names",
        f"{GATE}:35:5: /proc/net/ip_tables_names is a file of the node; make it a step of its own with `where: node`",
    ),
    Case(
        "port-of-the-node-with-kubectl",
        CORDON,
        "curl -sSf http://127.0.0.1:10256/healthz",
        f"{GATE}:35:5: http://127.0.0.1:10256/healthz is kube-proxy's on the node; make it a step of its own with `where: node`",
    ),
    Case(
        "two-places",
        f"where: node\n    run: |\n      {RUST}",
        "where: kube-proxy\n    run: |\n      {{ status }}\n      {{ metrics }}",
        f"{GATE}:42:5: where kube-proxy runs as daemonset, its commands are typed at two places; make two steps",
    ),
    Case(
        "place-of-a-word",
        CORDON,
        "{{ status }}",
        f"{GATE}:35:5: where kube-proxy runs as systemd, a word in it is typed on the node; say `where: kube-proxy`, or make two steps",
    ),
    Case(
        "place-of-nothing",
        "where: node",
        "where: kube-proxy",
        f"{GATE}:42:5: nothing in it follows how kube-proxy runs; say `where: kubectl` or `where: node`",
    ),
    Case(
        "shell-on-the-node",
        CORDON,
        'kubectl -n default debug "node/$NODE" -it --image=busybox',
        f"{GATE}:35:5: no `kubectl debug`: the page tells how to get a shell on the node; say `where: node`",
    ),
    Case(
        "node-is-not-set-on-the-node",
        RUST,
        'ls "/gate/$NODE"',
        f"{GATE}:42:5: $NODE is set on the machine with kubectl, not on the node",
    ),
    Case(
        "pod-where-there-is-none",
        CORDON,
        'kubectl get pod "$POD"',
        f"{GATE}:35:5: there is no $POD where kube-proxy runs as systemd; use a word, or {{% if in_pod %}}",
    ),
    Case(
        "logs-that-are-not-printed",
        CORDON,
        "{% if in_pod %}kubectl -n x logs -l y=z{% endif %}",
        f"{GATE}:35:5: `kubectl logs` is empty where the log is a file; use a word, or {{% if prints_log %}}",
    ),
    Case(
        "variable-that-nobody-sets",
        RUST,
        'ls "/gate/${COLOUR}"',
        f"{GATE}:42:5: nothing has set $COLOUR before; let the step set it, as in COLOUR=…",
    ),
    Case(
        "errors-hidden",
        RUST,
        "ls /gate/rust 2>/dev/null | wc -l",
        f"{GATE}:42:5: 2>/dev/null hides that a command is missing or refused, and the rest then reads as an answer",
    ),
    Case(
        "no-shell",
        RUST,
        'ls "/gate',
        f"{GATE}:42:5: not a shell script: what begins on its line 1 has no end, or no sense to a shell",
    ),
    Case(
        "never-uncordoned",
        UNCORDON,
        "kubectl get nodes",
        f"{GATE}:35:5: no Pod comes to this node any more; a later step must say `kubectl uncordon`",
    ),
    Case(
        "drained-at-the-end",
        UNCORDON,
        'kubectl uncordon "$NODE"\n      kubectl --context x drain "$NODE"',
        f"{GATE}:48:5: no Pod comes to this node any more; a later step must say `kubectl uncordon`",
    ),
    Case(
        "change-without-a-word",
        "    changes: No new Pods come to the node.\n",
        "",
        f"{GATE}:35:5: `kubectl cordon` changes something; say what, under `changes`",
    ),
    Case(
        "rollout-without-a-word",
        '    run: |\n      kubectl uncordon "$NODE"\n    changes: New Pods come to the node again.\n',
        '    run: |\n      kubectl uncordon "$NODE"\n      kubectl -n kube-system rollout restart daemonset gate\n',
        f"{GATE}:48:5: `kubectl uncordon` changes something; say what, under `changes`",
    ),
    Case(
        "damage-goes-on",
        "    stops_damage: true\n",
        "",
        f"{GATE}:32:1: nothing stops the damage of a critical failure; mark what does with `stops_damage: true`",
    ),
    Case(
        "damage-is-stopped-late",
        "    changes: The file is gone.\n",
        "    changes: The file is gone.\n    sources: [manual]\n  - do: Lock it.\n    stops_damage: true\n",
        f"{GATE}:47:5: what stops the damage comes first on the page; put it first here, so that the numbers agree",
    ),
    Case(
        "diagnosis-stops-no-damage",
        "    expect: A gate",
        "    stops_damage: true\n    expect: A gate",
        f"{GATE}:30:5: a diagnosis stops no damage; move the step under `mitigation`",
    ),
    Case(
        "edition-of-no-source",
        '{cluster: "> 1.18", action: none}',
        '{cluster: "> 1.18", action: none, edition: hearsay}',
        f"{GATE}:59:9: the edition 'hearsay' is none of the sources of the table; list it there",
    ),
    Case(
        "build-with-a-word",
        "minimum: v1.18.4-tke.26",
        "minimum: v1.18.4-tke.26-beta1",
        f"{GATE}:60:55: minimum: 'v1.18.4-tke.26-beta1' does not have the form asked for: "
        "Smallest kube-proxy build with the fix; with upgrade-kube-proxy only (^v1\\.[0-9]+\\.[0-9]+-tke\\.[0-9]+(-rc[0-9]+)?$)",
    ),
    Case(
        "setting-that-nobody-can-look-at",
        "flag: --oil, ",
        "",
        f"{GATE}:70:14: give one of `flag`, `variable` and `path`, which say what is looked at",
    ),
    Case(
        "setting-with-two-places",
        "flag: --oil, ",
        "flag: --oil, variable: OIL, ",
        f"{GATE}:70:14: give one of `flag`, `variable` and `path`, which say what is looked at",
    ),
    Case(
        "mount-with-a-value",
        "flag: --oil, ",
        "path: /oil, ",
        f"{GATE}:70:14: a `path` is mounted or not; `value` and `safe` are for flags and variables",
    ),
    Case(
        "setting-that-decides-by-no-value",
        'value: {equals: "0"}, ',
        "ends: true, ",
        f"{GATE}:70:14: `ends` needs the `value` that hurts",
    ),
    Case(
        "component-by-a-bad-pattern",
        "match: hinge",
        'match: "hinge("',
        f"{GATE}:69:30: not an RE2 pattern: missing ): hinge(",
    ),
    Case(
        "systems-without-a-name",
        "os: [CentOS 8]",
        'os: ["8"]',
        f"{GATE}:16:8: os: '8' does not have the form asked for: "
        "name, and the oldest release if there is one, "
        "such as CentOS 8 (^[A-Za-z][A-Za-z ]*( [0-9]+(\\.[0-9]+)*( \\([^()]+\\))?)?$)",
    ),
    Case(
        "other-systems-of-none",
        "  os: [CentOS 8]",
        '  other_os: [{from: "1.16.1", to: "1.16.2", only: at night, sources: [manual]}]',
        f"{GATE}:16:3: `other_os` needs the systems of `os`",
    ),
    Case(
        "other-systems-the-wrong-way-round",
        "  os: [CentOS 8]",
        '  os: [CentOS 8]\n  other_os: [{from: "1.16.10", to: "1.16.9", only: at night, sources: [manual]}]',
        f"{GATE}:17:14: 1.16.10 is newer than 1.16.9; `from` is the oldest release",
    ),
    # Names, and samples for what is said to be seen.
    Case(
        "name-of-the-versions",
        "record: instance:gate:p99",
        "record: instance:kubeproxy_build:info",
        f"{SLOW}:21:9: the name 'instance:kubeproxy_build:info' is that of the versions; choose another",
        SLOW,
        also=(SLOW, "instance:gate:p99 >", "instance:kubeproxy_build:info >"),
    ),
    Case(
        "wording-of-another-entry-and-no-sample",
        "signals: {heartbeat: logs}",
        "signals:\n"
        "  logs:\n"
        "    variants: [{name: a, literal: rust, printed_by: a, evidence: source, sources: [manual]}]\n"
        "    persistence: a\n",
        "broken-gate/samples/fires/line.log:1:1: belongs to broken-gate, but matches gate-watchdog too\n"
        "gate-watchdog/failure.yaml:19:3: no sample proves this signal; add a file under samples/fires/",
        "gate-watchdog/failure.yaml",
        also=("gate-watchdog/failure.yaml", "kind: watchdog", "kind: failure"),
    ),
    Case(
        "since-after-the-first-release",
        '  versions: {from: "1.10", to: "1.18"}',
        '  versions: {from: "1.10", to: "1.18"}\n  since: "1.11"',
        f"{GATE}:18:3: 1.11 is newer than 1.10, where `versions` begins",
    ),
    # Log signals.
    Case(
        "no-re2",
        'gate "?is"? broken',
        "gate (?=is)",
        f"{GATE}:83:21: not an RE2 pattern: invalid perl operator: (?=; Loki has no look-around and no backreferences",
    ),
    Case(
        "matches-everything",
        'gate "?is"? broken',
        "(gate)?",
        f"{GATE}:83:21: matches the empty line and so every line; make some text in it required\n"
        "broken-gate/samples/silent/line.log:2:1: must stay silent, but matches broken-gate",
    ),
    Case(
        "needs-two-lines",
        "contains: [gate]",
        'contains: ["gate\\nis"]',
        f"{GATE}:80:16: can never match: Loki stores each physical line by itself; describe one line\n"
        "broken-gate/samples/fires/line.log: no line matches broken-gate",
    ),
    Case(
        "literal-and-pattern",
        "{name: new, pattern:",
        "{name: new, literal: gate is, pattern:",
        f"{GATE}:83:9: give either `literal` or `pattern`",
    ),
    Case(
        "holds-what-the-pattern-does-not-say",
        "{name: new, pattern: 'gate \"?is\"? broken'",
        "{name: new, holds: gate is broken, pattern: 'gate \"?is\"? broken'",
        f"{GATE}:83:21: `holds` must be a text of the pattern as it stands there; it is searched for before the pattern",
    ),
    Case(
        "no-sample",
        '  fires/line.log: {evidence: documented, from: "Manual, page 3"}\n',
        "",
        "broken-gate/samples/fires/line.log: say where these lines come from: list 'fires/line.log' under `samples:`",
    ),
    Case(
        "sample-without-file",
        "  fires/line.log:",
        "  fires/lost.log: {evidence: source, from: x}\n  fires/line.log:",
        f"{GATE}:76:3: there is no file samples/fires/lost.log; add it or remove this line",
    ),
    Case(
        "sample-does-not-fire",
        "E gate `broken` (rust)\nsomething else\nE gate is broken",
        "E door",
        "broken-gate/samples/fires/line.log: no line matches broken-gate",
        "broken-gate/samples/fires/line.log",
    ),
    Case(
        "sample-is-not-silent",
        "gate of hell, ",
        "",
        "broken-gate/samples/silent/line.log:1:1: must stay silent, but matches broken-gate",
        "broken-gate/samples/silent/line.log",
    ),
    Case(
        "depends-on-wrapping",
        'gate "?is"? broken',
        "^E gate is broken",
        "broken-gate/samples/fires/line.log:3:1: matches broken-gate as raw only; a pattern must not depend on the wrapping",
    ),
    Case(
        "for-not-shorter-than-range",
        "    for: 1m\n",
        "    for: 15m\n",
        f"{GATE}:88:5: KubeProxyBrokenGate: for (15m) must be shorter than the range (15m), or a line that comes once never fires",
    ),
    Case(
        "range-too-short",
        "    range: 15m\n",
        "    range: 90s\n",
        f"{GATE}:86:5: KubeProxyBrokenGate: the range (90s) must be at least two evaluation intervals and the ingest delay, 120 s",
    ),
    Case(
        "recent-not-shorter-than-range",
        "    range: 15m\n",
        "    recent: 15m\n    range: 15m\n",
        f"{GATE}:86:5: KubeProxyBrokenGate: recent (15m) must be shorter than the range (15m) and at least two evaluation "
        "intervals and the ingest delay, 120 s",
    ),
    Case(
        "recent-too-short",
        "    range: 15m\n",
        "    recent: 90s\n    range: 15m\n",
        f"{GATE}:86:5: KubeProxyBrokenGate: recent (90s) must be shorter than the range (15m) and at least two evaluation "
        "intervals and the ingest delay, 120 s",
    ),
    # Metric signals.
    Case(
        "no-promql",
        "rate(kubeproxy",
        "rate((kubeproxy",
        f"{SLOW}:22:9: not PromQL: unclosed left parenthesis",
        SLOW,
    ),
    Case(
        "unknown-placeholder",
        "$kube_proxy",
        "$kubeproxy",
        f"{SLOW}:22:9: $kubeproxy is no placeholder; there are $by, $by_node, $cluster, $container, $daemonset, $expected, $expected_by, $kube_proxy, $namespace, $node, $node_exporter, $node_target, $pod",
        SLOW,
    ),
    Case(
        "unknown-metric",
        "kubeproxy_sync_proxy_rules_duration_seconds_bucket",
        "kubeproxy_sync_rules_duration_seconds_bucket",
        f"{SLOW}:22:9: unknown metric 'kubeproxy_sync_rules_duration_seconds_bucket'; did you mean 'kubeproxy_sync_proxy_rules_duration_seconds'?",
        SLOW,
    ),
    Case(
        "histogram-without-suffix",
        "rules_duration_seconds_bucket",
        "rules_duration_seconds",
        f"{SLOW}:22:9: unknown metric 'kubeproxy_sync_proxy_rules_duration_seconds'; it is a histogram: use its _bucket, _sum or _count",
        SLOW,
    ),
    Case(
        "unknown-matcher-label",
        "{$kube_proxy}",
        '{$kube_proxy, mode="ipvs"}',
        f"{SLOW}:22:9: kubeproxy_sync_proxy_rules_duration_seconds_bucket has no label 'mode'",
        SLOW,
    ),
    Case(
        "unknown-grouping-label",
        "by ($by, le)",
        "by ($by, le, mode)",
        f"{SLOW}:22:9: no metric of this expression has the label 'mode'",
        SLOW,
    ),
    Case(
        "family-left-in",
        "by ($by, le)",
        "by ($by, ip_family, le)",
        f"{SLOW}:22:9: the result carries ip_family from 1.33 on and would fire once for each; aggregate it away with by ($by)",
        SLOW,
    ),
    Case(
        "metric-too-young",
        'versions: {from: "1.14", to: "1.37"}\n        param',
        'versions: {from: "1.12", to: "1.37"}\n        param',
        f"{SLOW}:26:9: none of its metrics exists in 1.12, 1.13; narrow `versions` or use another metric",
        SLOW,
    ),
    Case(
        "above-the-buckets",
        "default: 2.5",
        "default: 20",
        f"{SLOW}:32:34: KubeProxyGateSlow: threshold 20 can never fire; the histogram ends at 16.384 s and no quantile exceeds it",
        SLOW,
    ),
    Case(
        "above-its-limit",
        "default: 2.5",
        "below: 0.2, default: 2.5",
        f"{SLOW}:32:46: KubeProxyGateSlow: threshold 2.5 can never fire; it must be below 0.2",
        SLOW,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_said_exactly(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(TINY, tmp_path / "c")
    for file, old, new in ((case.file, case.old, case.new), *([case.also] if case.also else ())):
        path = tmp_path / "c" / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_bytes(text.replace(old, new, 1).encode("utf-8", errors="surrogateescape"))
    monkeypatch.chdir(tmp_path / "c")
    compiled = compile_catalog(load(base=tmp_path / "c"), "output")
    said = "\n".join(str(problem) for problem in sorted(errors(compiled.problems)))
    assert _without_echoes(said, case) == case.said
    assert compiled.files == ()


def test_an_entry_without_signals_needs_builds_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(TINY, tmp_path / "c")
    path = tmp_path / "c" / SLOW
    told, _, _ = path.read_text(encoding="utf-8").partition("signals:")
    path.write_text(told, encoding="utf-8")
    (path.parent / "tests.yaml").unlink(missing_ok=True)
    monkeypatch.chdir(tmp_path / "c")
    said = [
        str(problem)
        for problem in errors(compile_catalog(load(base=tmp_path / "c"), "output").problems)
    ]
    assert said == [
        f"{SLOW}:1:1: nothing gives KubeProxyGateSlow: give `signals`, or `fixes` that say which builds have it"
    ]


def _without_echoes(said: str, case: Case) -> str:
    """An entry that could not be read is missing for the others; those lines are not what a case is about."""
    echoes = ("gate-slow' is not another entry", "there is no other entry 'gate-slow'")
    return "\n".join(line for line in said.splitlines() if not any(echo in line for echo in echoes))
