"""Which servers a command speaks to, and with what credentials: option, environment, profile, in this order."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from generator.base.names import SERVERS
from generator.base.problems import ToolError
from generator.base.reader import text_of
from generator.catalog.profile import ServerProfile
from generator.servers.http import Endpoint

# Where each that does so answers as Prometheus, if the profile says nothing else.
PREFIXES = {
    "loki": "/prometheus",
    "mimir": "/prometheus",
    "cortex": "/prometheus",
    "prometheus": "",
    "alertmanager": "",
}


def variable(kind: str, setting: str) -> str:
    """The environment variable of a setting, such as KUBE_PROXY_ALERTS_LOKI_TOKEN."""
    return f"KUBE_PROXY_ALERTS_{kind.upper()}_{setting.upper()}"


def endpoint(
    kind: str,
    url: str | None,
    profiles: Mapping[str, ServerProfile],
    environment: Mapping[str, str],
) -> Endpoint | None:
    """The server of a kind, or None if nothing names its address. Raises ToolError if a file cannot be read."""
    site = profiles.get(kind, ServerProfile())

    def given(setting: str) -> str | None:
        return environment.get(variable(kind, setting), "").strip() or None

    address = url or given("url") or site.url
    if not address:
        return None
    usual_prefix = PREFIXES.get(kind, "")
    return Endpoint(
        SERVERS[kind],
        address,
        prefix=usual_prefix if site.prefix is None else site.prefix,
        tenant=given("tenant") or site.tenant,
        user=given("user") or site.user,
        password=given("password") or _secret(site.password_file),
        token=given("token") or _secret(site.token_file),
        ca=site.ca_file,
        cert=site.cert_file,
        key=site.key_file,
    )


def named_servers(
    kinds: Iterable[str],
    urls: Mapping[str, str | None],
    only: Collection[str],
    profiles: Mapping[str, ServerProfile],
    environment: Mapping[str, str],
) -> dict[str, Endpoint]:
    """The servers of these kinds that something names; with `only`, no others. Raises ToolError as `endpoint` does."""
    servers = {}
    for kind in kinds:
        if only and kind not in only:
            if urls[kind]:
                raise ToolError(
                    f"--{kind} names a server that --only leaves out; remove one of the two"
                )
            continue
        server = endpoint(kind, urls[kind], profiles, environment)
        if server:
            servers[kind] = server
        elif only:
            raise ToolError(f"--only names {kind}, whose address nothing says; give --{kind} URL")
    return servers


def _secret(path: Path | None) -> str | None:
    return None if path is None else text_of(path).strip()
