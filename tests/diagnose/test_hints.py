"""What lines of logs and of support bundles tell of the kube-proxy that wrote them."""

from generator.diagnose.hints import Hints, hints_in


def test_what_lines_tell_of_a_kube_proxy() -> None:
    told = {
        "I1124 04:52:19.9   30155 server.go:583] Version: v1.18.4-tke.20": Hints(
            version="v1.18.4-tke.20"
        ),
        'I1124 04:52:20.6   30385 server.go:539] "Version info" version="v1.36.3"': Hints(
            version="v1.36.3"
        ),
        '{"ts":1.5,"caller":"app/server.go:539","msg":"Version info","v":0,"version":"v1.36.3"}': Hints(
            version="v1.36.3"
        ),
        "I0101 00:00:00.0       1 server_others.go:1] Using ipvs Proxier.": Hints(mode="ipvs"),
        "open /lib/modules/3.10.0-1160.el7.x86_64/modules.builtin:": Hints(
            kernel="3.10.0-1160.el7.x86_64", os="CentOS 7"
        ),
        "open /lib/modules/5.4.119-19-0009.tl3/modules.builtin:": Hints(
            kernel="5.4.119-19-0009.tl3", os="Tencent Linux"
        ),
        "  OS Image:                   Ubuntu 20.04.6 LTS": Hints(os="Ubuntu 20.04.6 LTS"),
        '"osImage": "CentOS Linux 8 (Core)",': Hints(os="CentOS Linux 8 (Core)"),
        'FLAG: --version="false"': Hints(),
    }
    assert {line: hints_in(line) for line in told} == told


def test_a_later_version_counts_and_what_else_was_told_stays() -> None:
    told = Hints(version="v1.18.4", node="n1").and_(Hints(version="v1.22.0", mode="ipvs"))
    assert told == Hints(version="v1.22.0", node="n1", mode="ipvs")
