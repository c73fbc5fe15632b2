"""Reads and writes the rule groups of real rulers: the API of Loki, Mimir and Cortex, and Prometheus's rule files."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import yaml

from generator.base import disk, document
from generator.base.durations import seconds
from generator.base.file import yaml_file
from generator.base.names import GENERATED, TOOL
from generator.base.problems import ToolError
from generator.base.reader import text_if_there
from generator.base.shapes import ShapeError
from generator.compile import as_shown
from generator.compile.as_shown import Group
from generator.rulers.plan import GroupChange
from generator.servers import answers
from generator.servers.http import Client

# Where each has its rule groups; Mimir below the path at which it answers as Prometheus does.
_PATHS = {
    "Loki": "/loki/api/v1/rules",
    "Mimir": "{prefix}/config/v1/rules",
    "Cortex": "/api/v1/rules",
}
_REFUSALS = (400, 405, 500, 501)  # whose text tells what kind of ruler it is
_NO_WRITING = (405, 501)
_READS_A_FOLDER = re.compile(
    "rule local store|unable to read dir|error parsing .*no such file or directory"
)
_LOAD_SECONDS = 20
_POLL_SECONDS = 0.2


class Ruler(Protocol):
    """Every method raises ToolError if the ruler cannot be reached, or refuses."""

    @property
    def place(self) -> str:
        """The ruler and the namespace or file of our groups there, for people."""

    def groups(self) -> Sequence[Group]:
        """The groups that are there now."""

    def apply(self, changes: Sequence[GroupChange], wanted: Sequence[Group]) -> None:
        """Make the changes, after which the ruler holds what is wanted."""


class Api:
    """A namespace of a ruler that is written over HTTP, group by group."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        path = _PATHS[client.endpoint.name].format(prefix=client.endpoint.prefix)
        self._path = f"{path}/{quote(namespace, safe='')}"

    @property
    def place(self) -> str:
        tenant = f", tenant {self._client.endpoint.tenant}" if self._client.endpoint.tenant else ""
        return f"{self._client.name}{tenant}, namespace {self._namespace}"

    def groups(self) -> Sequence[Group]:
        answer = self._ask("GET", self._path, allow=(404,))
        if answer.status_code == 404:
            self._ruler_is_there(answer)
            return ()
        try:
            held = answers.NAMESPACES.checked(document.plain_values(answer.text))
        except ShapeError as error:
            raise self._client.stranger(self._path, answer, str(error)) from error
        except ValueError as error:
            raise self._client.stranger(self._path, answer) from error
        # An empty Mimir answers with an empty mapping.
        groups: list[Group] = (held or {}).get(self._namespace, [])
        return groups

    def _ask(
        self, method: str, path: str, allow: tuple[int, ...] = (), **arguments: Any
    ) -> httpx.Response:
        """An answer that is a success or allowed. Raises ToolError that says which kind of ruler refuses."""
        answer = self._client.request(method, path, allow=(*allow, *_REFUSALS), **arguments)
        if answer.is_success or answer.status_code in allow:
            return answer
        if _READS_A_FOLDER.search(answer.text):
            raise self._client.error(
                "reads its rules from a folder (ruler storage `local`), so they cannot be written over HTTP. Put the "
                "rule file of output/ into that folder; `diff --namespace NAME` compares the file of that name there, "
                "`verify` tells whether it is live, and --only leaves this server out of a push"
            )
        if answer.status_code in _NO_WRITING:
            raise self._client.error(
                f"does not let its rules be written ({answer.status_code} to {method} {path}): it, or a proxy before "
                "it, has a rules API to read only. Give the address of the ruler itself, or load the rule file of "
                "output/ in the way its rules are loaded, and leave this server out with --only"
            )
        raise self._client.refusal(method, path, answer)

    def _ruler_is_there(self, answer: httpx.Response) -> None:
        """An empty namespace is answered with 404, as is everything where there is no ruler."""
        if "no rule groups found" not in answer.text:
            name = self._client.endpoint.name
            raise self._client.error(
                f"has no rules API at {self._path} (404: {self._client.said(answer)}); is this {name}, does its ruler "
                "run, and is the API enabled (ruler: {enable_api: true})?"
            )

    def apply(self, changes: Sequence[GroupChange], wanted: Sequence[Group]) -> None:
        done: list[str] = []
        for change in changes:
            try:
                if change.wanted is None:
                    self._ask("DELETE", f"{self._path}/{quote(change.name, safe='')}", allow=(404,))
                else:
                    body = yaml.safe_dump(dict(change.wanted), allow_unicode=True, sort_keys=False)
                    self._ask(
                        "POST",
                        self._path,
                        content=body.encode(),
                        headers={"Content-Type": "application/yaml"},
                    )
            except ToolError as error:
                so_far = (
                    f"{len(done)} of {len(changes)} groups were changed before that"
                    if done
                    else "nothing changed"
                )
                raise ToolError(
                    f"{change.name}: {error}; {so_far}; the same command goes on from there"
                ) from error
            done.append(change.name)


class RuleFile:
    """A file of its own in a folder from which a Prometheus reads its rules."""

    def __init__(self, client: Client, folder: Path, namespace: str) -> None:
        self._client = client
        self._folder = folder.resolve()
        self._file = self._folder / f"{namespace}.rules.yaml"

    @property
    def place(self) -> str:
        return f"{self._client.name}, file {self._file}"

    def groups(self) -> Sequence[Group]:
        """The groups of the file that Prometheus has loaded as they stand there."""
        text = self._text()
        loaded = self._seen()
        if text is None:
            return ()
        if GENERATED not in text[:500]:
            raise ToolError(
                f"{self._file}: was not generated by {TOOL} and would be lost; choose another --namespace"
            )
        try:
            groups = answers.RULE_FILE.checked(document.plain_values(text))["groups"]
            return [group for group in groups if _is_shown(group, loaded.get(group["name"]))]
        except ValueError as error:
            raise ToolError(f"{self._file}: is no rule file; remove it") from error

    def _seen(self) -> dict[str, Group]:
        """The groups of our file, as Prometheus shows them."""
        groups = self._client.json("/api/v1/rules", answers.RULES)["data"].get("groups", ())
        return {
            group["name"]: group
            for group in groups
            if Path(group.get("file", "")).name == self._file.name
        }

    def _text(self) -> str | None:
        return text_if_there(self._file)

    def apply(self, changes: Sequence[GroupChange], wanted: Sequence[Group]) -> None:
        """Prometheus takes a file whole: what was there comes back if the new one is not loaded."""
        if not self._folder.is_dir():
            raise ToolError(
                f"{self._folder}: is no folder; name the one that rule_files of {self._client.name} reads"
            )
        before = self._text()
        disk.put(
            self._file,
            yaml_file("", {"groups": [dict(group) for group in wanted]}).text if wanted else None,
        )
        try:
            self._reload()
            self._loaded(wanted)
        except ToolError:
            disk.put(self._file, before)
            with suppress(ToolError):
                self._reload()
            raise

    def _reload(self) -> None:
        answer = self._client.request("POST", "/-/reload", allow=(403, 404, 405))
        if not answer.is_success:
            raise self._client.error(
                f"does not reload over HTTP ({answer.status_code}: {self._client.said(answer)}); "
                "start it with --web.enable-lifecycle; nothing changed"
            )

    def _loaded(self, wanted: Sequence[Group]) -> None:
        """Wait until the groups are those; a reload that is done is not yet seen everywhere."""
        expected = {str(group["name"]): group for group in wanted}
        deadline = time.monotonic() + _LOAD_SECONDS
        while not _all_shown(expected, shown := self._seen()):
            if time.monotonic() > deadline:
                raise self._client.error(f"reloaded and {self._not_loaded(expected, shown)}")
            time.sleep(_POLL_SECONDS)

    def _not_loaded(self, wanted: Mapping[str, Group], shown: Mapping[str, Group]) -> str:
        if not shown:
            return (
                f"did not load {self._file}; does its rule_files name {self._folder}/*.rules.yaml?"
            )
        other = [
            name
            for name in sorted(wanted.keys() | shown.keys())
            if not _agree(wanted.get(name), shown.get(name))
        ]
        return (
            f"shows other rules than those of {self._file}, in {', '.join(other)}; does it read another file of this "
            "name, or another copy of this one?"
        )


def _all_shown(wanted: Mapping[str, Group], shown: Mapping[str, Group]) -> bool:
    return all(_agree(wanted.get(name), shown.get(name)) for name in wanted.keys() | shown.keys())


def _agree(group: Group | None, shown: Group | None) -> bool:
    return group is not None and _is_shown(group, shown)


def _is_shown(group: Group, shown: Group | None) -> bool:
    """Whether Prometheus shows a group as its file says it: the same rules in the same order, as often."""
    rules, shown_rules = group.get("rules", ()), shown.get("rules", ()) if shown else ()
    if shown is None or len(shown_rules) != len(rules):
        return False
    interval = group.get("interval")  # without one it is that of the server
    if interval and seconds(str(interval)) != float(shown.get("interval", 0)):
        return False
    return all(
        as_shown.rule_name(rule) == loaded["name"]
        and not as_shown.shown_otherwise("prometheus", rule, loaded)
        for rule, loaded in zip(rules, shown_rules, strict=True)
    )
