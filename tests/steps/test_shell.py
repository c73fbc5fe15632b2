"""What a script runs, reads and sets, told without running it."""

import pytest

from generator.steps.shell import Run, script


def programs(text: str) -> list[str]:
    return [run.program for run in script(text).runs]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("kubectl get pods | grep -c proxy", ["kubectl", "grep"]),
        (
            'POD=$(kubectl get pods)\necho "$(ipset list | wc -l)"',
            ["kubectl", "echo", "ipset", "wc"],
        ),
        ("{\n  ps -e\n  systemctl cat x\n} | grep x", ["ps", "systemctl", "grep"]),
        ('for pid in $(pgrep ip); do ps -p "$pid"; done', ["pgrep", "ps"]),
        ("if [ -e /x ]; then cat /x; fi && date", ["cat", "date"]),
        ("cat x | sudo -n xargs -r kubectl delete", ["cat", "kubectl"]),
        ("timeout -k 5 60s kubectl get pods --watch", ["kubectl"]),
        ("A=1 iptables-save # kubectl", ["iptables-save"]),
        ("kubectl exec p -- iptables-save -t nat", ["kubectl"]),
        ("awk '{ system(\"kubectl\") }' # in quotes it is text", ["awk"]),
    ],
)
def test_programs_wherever_they_stand(text: str, found: list[str]) -> None:
    assert programs(text) == found


def test_words_are_those_without_quotes() -> None:
    (run,) = script("kubectl -n kube-system get pod \"$POD\" -o jsonpath='{.x}' --tail=5").runs
    assert run == Run("kubectl", ("-n", "kube-system", "get", "pod", "-o", "--tail=5"))


def test_variables_that_are_read_and_set() -> None:
    found = script(
        'IP=$(dig "$NAME")\nfor one in $LIST; do echo "${IP%:*} $one $? $1"; done\nwhile read -r a b; do :; done'
    )
    assert sorted(found.reads) == ["1", "IP", "LIST", "NAME", "one"]
    assert sorted(found.sets) == ["IP", "a", "b", "one"]


@pytest.mark.parametrize("text", ["awk '{ print $1 }'", "grep 'cost: $PRICE'", "echo \\$PRICE"])
def test_a_dollar_in_quotes_is_none(text: str) -> None:
    assert script(text).reads == frozenset()


@pytest.mark.parametrize(
    ("text", "mutes"),
    [
        ("a 2>/dev/null | b", True),
        ("a 2> /dev/null", True),
        ("a &>/dev/null", True),
        ("a >/dev/null 2>&1", True),
        ("a >/dev/null", False),
        ("a 2>&1 | b", False),
    ],
)
def test_errors_that_go_nowhere(text: str, mutes: bool) -> None:
    assert script(text).mutes is mutes


@pytest.mark.parametrize("text", ['echo "x', "if true; then", "a | | b", "$(kubectl"])
def test_what_is_no_script(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        script(text)
