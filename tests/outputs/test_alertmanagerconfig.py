"""The AlertmanagerConfig, as the Prometheus operator's own code makes a configuration of it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from generator.base import subprocesses
from tests.conftest import ROOT, compiled_for, obtained
from tests.lab.programs import AMTOOL
from tests.outputs.test_alertmanager import ALERTS, CONFIG

OBJECT = ROOT / "output" / "kubernetes" / "alertmanager.alertmanagerconfig.yaml"
FREE = {"type": "None"}
BY_NAMESPACE = {"type": "OnNamespace"}
BUT_FOR_ITS_OWN = {"type": "OnNamespaceExceptForAlertmanagerNamespace"}
RAW = "route: {receiver: others}\nreceivers: [{name: others}]\n"


@pytest.fixture(scope="module")
def amtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return obtained(AMTOOL, AMTOOL.pinned[0], tmp_path_factory)


def rendered(
    operator: Path, text: str, strategy: dict[str, str], secret: bool = True
) -> subprocess.CompletedProcess[str]:
    """What the operator makes of the object for an Alertmanager in the namespace `monitoring`."""
    keys = ("critical", "warning", "info", "watchdog")
    data = {key: "aHR0cDovLzEyNy4wLjAuMTo5L3g=" for key in keys if secret}  # http://127.0.0.1:9/x
    place = {"namespace": "monitoring"}
    given = {
        "alertmanager": {
            "metadata": {"name": "main", **place},
            "spec": {"alertmanagerConfigMatcherStrategy": strategy},
        },
        "secret": {"metadata": {"name": "kube-proxy-alerts-receivers", **place}, "data": data},
        "raw": RAW,
        "object": yaml.safe_load(text),
    }
    return subprocess.run(
        [str(operator), "render"],
        input=yaml.safe_dump(given),
        capture_output=True,
        text=True,
        check=False,
    )


def config(operator: Path, folder: Path, strategy: dict[str, str], text: str = "") -> Path:
    done = rendered(operator, text or OBJECT.read_text(encoding="utf-8"), strategy)
    assert done.returncode == 0, done.stderr
    path = folder / "alertmanager.yaml"
    path.write_text(done.stdout, encoding="utf-8")
    return path


def receiver(amtool: Path, path: Path, alert: dict[str, str]) -> str:
    """The receivers that are told of an alert; those of the object without its name."""
    told = {name: "n1" if "{{" in value else value for name, value in alert.items()}
    labels = [f"{name}={value}" for name, value in told.items()]
    command = [str(amtool), "config", "routes", "test", f"--config.file={path}", *labels]
    ok, said = subprocesses.run(command, path.parent)
    assert ok, said
    return said.strip().removeprefix("monitoring/kube-proxy-alerts/")


@pytest.mark.parametrize("strategy", [FREE, BUT_FOR_ITS_OWN], ids=lambda one: one["type"])
def test_every_alert_reaches_the_receiver_of_its_severity(
    strategy: dict[str, str], operator: Path, amtool: Path, tmp_path: Path
) -> None:
    path = config(operator, tmp_path, strategy)
    ok, said = subprocesses.run([str(amtool), "check-config", str(path)], tmp_path)
    assert ok, said
    assert " - 5 receivers" in said
    for alert in ALERTS:
        wanted = "watchdog" if alert["alertname"].endswith("Watchdog") else alert["severity"]
        assert receiver(amtool, path, alert) == f"kube-proxy-{wanted}"


def test_the_default_strategy_is_the_trap_that_the_comment_tells_of(
    operator: Path, amtool: Path, tmp_path: Path
) -> None:
    path = config(operator, tmp_path, BY_NAMESPACE)
    assert {receiver(amtool, path, alert) for alert in ALERTS} == {"others"}
    assert "alertmanagerConfigMatcherStrategy: {type: None}" in OBJECT.read_text(encoding="utf-8")


@pytest.mark.parametrize("strategy", [FREE, BUT_FOR_ITS_OWN], ids=lambda one: one["type"])
def test_what_holds_back_what_is_the_same_as_in_the_file(
    strategy: dict[str, str], operator: Path, tmp_path: Path
) -> None:
    found = yaml.safe_load(config(operator, tmp_path, strategy).read_text(encoding="utf-8"))
    wanted = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["inhibit_rules"]
    assert found["inhibit_rules"] == wanted


def test_the_routes_are_those_of_the_file(operator: Path, tmp_path: Path) -> None:
    found = yaml.safe_load(config(operator, tmp_path, FREE).read_text(encoding="utf-8"))
    (wanted,) = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["route"]["routes"]
    assert _named(found["route"]["routes"][0]) == {**wanted, "continue": True}


def _named(route: dict[str, Any]) -> dict[str, Any]:
    """A route with the receivers as the object names them."""
    found = {**route, "receiver": route["receiver"].removeprefix("monitoring/kube-proxy-alerts/")}
    if "routes" in route:
        found["routes"] = [_named(one) for one in route["routes"]]
    return found


def test_the_operator_refuses_the_object_without_the_secret(operator: Path) -> None:
    done = rendered(operator, OBJECT.read_text(encoding="utf-8"), FREE, secret=False)
    assert done.returncode == 1
    assert 'key "critical" in secret "kube-proxy-alerts-receivers" not found' in done.stderr


def test_sites_that_name_one_receiver_twice_get_it_once(
    operator: Path, amtool: Path, tmp_path: Path
) -> None:
    profile = (
        "alertmanager: {receivers: {critical: pager, warning: chat, info: chat, watchdog: dms}}\n"
    )
    text = compiled_for(profile, tmp_path)["kubernetes/alertmanager.alertmanagerconfig.yaml"]
    path = config(operator, tmp_path, FREE, text)
    assert subprocesses.run([str(amtool), "check-config", str(path)], tmp_path)[0]
    names = [one["name"] for one in yaml.safe_load(path.read_text(encoding="utf-8"))["receivers"]]
    assert [name.rpartition("/")[2] for name in names] == ["others", "pager", "chat", "dms"]


@pytest.mark.parametrize("part", ["title", "text"])
def test_the_chat_gets_the_texts_of_the_file_of_templates(
    part: str, amtool: Path, tmp_path: Path
) -> None:
    receivers = yaml.safe_load(OBJECT.read_text(encoding="utf-8"))["spec"]["receivers"]
    written = receivers[0]["slackConfigs"][0][part]
    named = f'{{{{ template "kube_proxy.{part}" . }}}}'
    (tmp_path / "none.tmpl").write_text("")
    said = [
        subprocesses.run(
            [
                str(amtool),
                "template",
                "render",
                f"--template.glob={glob}",
                f"--template.text={text}",
            ],
            tmp_path,
        )
        for glob, text in ((CONFIG.parent / "*.tmpl", named), (tmp_path / "*.tmpl", written))
    ]
    assert said[0] == said[1]
    assert said[0][0]
    assert len(said[0][1]) > 10
