"""Which perpetual venue, at which addresses, and whether its host was confirmed: readable without any key.

In `tegro.toml`, one table per environment; every member may be left out::

    [perpetual.testnet]
    rest_url = "https://testnet.tegrofuture.com"
    stream_url = "wss://stream.tegrofuture.com"    # where it is not set: a guess from the pattern of the dialect
    confirmed_host = "testnet.tegrofuture.com"     # written by `tegro perp confirm`

Environment variables win: `TEGRO_PERPETUAL_TESTNET_REST_URL`, `..._STREAM_URL`, and the same for `MAINNET` and
`LOCALNET`. Of hosts only the testnet's is named anywhere; the mainnet's must be set.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import tomlkit
from msgspec import Struct, field
from tomlkit import TOMLDocument

from tegro.errors import InvalidInput, SigningRefused
from tegro.settings import PERPETUAL_TABLE as TABLE
from tegro.settings_file import edit_document, listed, read_document, read_table, read_text, read_url

PERPETUAL_ENVIRONMENTS: Final = ("mainnet", "testnet", "localnet")

_HOSTS: Final[Mapping[str, tuple[str, str]]] = {
    "testnet": ("https://testnet.tegrofuture.com", "wss://stream.tegrofuture.com"),
    "localnet": ("http://127.0.0.1:8780", "ws://127.0.0.1:8780"),
}
_KEYS: Final = ("rest_url", "stream_url", "confirmed_host", "hummingbot")
NOT_PROVEN: Final = "perpetuals are proven on localnet only: no public API of Tegro's own futures is known"


class PerpetualEnvironment(Struct, frozen=True, kw_only=True):
    """One perpetual venue."""

    name: str
    """`mainnet`, `testnet` or `localnet`."""
    rest_url: str
    """Origin, without a path."""
    stream_url: str
    """Origin of the WebSockets, without a path."""
    is_stream_guessed: bool = False
    """Whether nobody named the WebSocket host: it follows the pattern of the dialect."""
    confirmed_host: str | None = None
    """Host to which signed requests may go; None: to this machine alone."""
    hummingbot: Mapping[str, object] = field(default_factory=dict)
    """What the file says for the Hummingbot plug-in; not looked at here."""

    @property
    def host(self) -> str:
        """Name and, where it is unusual, port of the REST host."""
        return urlsplit(self.rest_url).netloc

    @property
    def needs_confirmation(self) -> bool:
        """Whether nothing signed may go to the host until its user has confirmed it."""
        return not _is_this_machine(self.rest_url) and self.confirmed_host != self.host

    def require_confirmed(self) -> None:
        """Let a signed request pass, or not.

        Raises
        ------
        SigningRefused
            If the host is not this machine and was not confirmed.
        """
        if self.needs_confirmation:
            raise SigningRefused(
                f"nothing signed goes to {self.host} before you confirm that host: run "
                f"'tegro perp confirm --env {self.name}' ({NOT_PROVEN})"
            )


def load_perpetual(name: str, path: Path | None = None, env: Mapping[str, str] | None = None) -> PerpetualEnvironment:
    """Return one perpetual environment from the settings file and the environment variables over it.

    Parameters
    ----------
    name
        `mainnet`, `testnet` or `localnet`.
    path
        The settings file. None, or a file that is not there, means the defaults.
    env
        Environment variables; None means those of this process.

    Raises
    ------
    InvalidInput
        If there is no such environment, its host is not known, or a value is wrong.
    """
    if name not in PERPETUAL_ENVIRONMENTS:
        raise InvalidInput(f"unknown environment {name!r}; known are {listed(PERPETUAL_ENVIRONMENTS)}")
    source = str(path)
    tables = read_table(
        (read_document(path) if path else {}).get(TABLE, {}), f"{source}: [{TABLE}]", PERPETUAL_ENVIRONMENTS
    )
    where = f"{source}: [{TABLE}.{name}]"
    members = read_table(tables.get(name, {}), where, _KEYS)
    variables = os.environ if env is None else env
    prefix = f"TEGRO_PERPETUAL_{name.upper()}_"

    def url(key: str, scheme: str) -> str | None:
        return read_url(key, read_text(key, members, where, variables, prefix), scheme)

    rest_url, stream_url = url("rest_url", "http"), url("stream_url", "ws")
    named = _HOSTS.get(name)
    if rest_url is None and named is None:
        raise InvalidInput(
            f"no host of the perpetual {name} is known: set rest_url in [{TABLE}.{name}] of the settings file or "
            f"{prefix}REST_URL ({NOT_PROVEN})"
        )
    confirmed = read_text("confirmed_host", members, where, {}, prefix)
    return PerpetualEnvironment(
        name=name,
        rest_url=rest_url or (named[0] if named else ""),
        stream_url=stream_url or _derived_stream_url(rest_url, named),
        is_stream_guessed=stream_url is None and name != "localnet",
        confirmed_host=confirmed[0] if confirmed else None,
        hummingbot=read_table(members.get("hummingbot", {}), f"{where[:-1]}.hummingbot]"),
    )


def confirm_host(path: Path, environment: PerpetualEnvironment) -> None:
    """Write down that the user confirms the host of an environment. Everything else in the file stays; may be repeated.

    Raises
    ------
    InvalidInput
        If the file is there but cannot be read.
    """

    def confirm(document: TOMLDocument) -> None:
        tables = document.setdefault(TABLE, tomlkit.table(is_super_table=True))
        tables.setdefault(environment.name, tomlkit.table())["confirmed_host"] = environment.host

    edit_document(path, confirm)


def _derived_stream_url(rest_url: str | None, named: tuple[str, str] | None) -> str:
    if rest_url is None and named is not None:
        return named[1]
    return "ws" + (rest_url or "").removeprefix("http")


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
