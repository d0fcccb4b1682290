"""Which venue, on which chain, at which addresses: readable without any key.

A file `tegro.toml` may hold one table per environment; every member may be left out::

    [mainnet]
    chain = "base"
    rest_url = "https://api.tegro.com"
    stream_url = "wss://api.tegro.com/api/v1/events/ws"
    rpc_url = "https://mainnet.base.org"
    max_slippage_bps = 500     # how much worse than the best price a market order may buy or sell, in basis points

    [mainnet.approvals]        # most that the exchange contract may move, in human units, by symbol or token address
    USDC = "1000"
    WETH = "2"

    [mainnet.headers]          # sent to the venue's REST host alone
    X-Referrer = "me"

Environment variables win over the file: `TEGRO_MAINNET_REST_URL`, `..._STREAM_URL`, `..._RPC_URL`, `..._CHAIN`, and the
same for `TESTNET` and `LOCALNET`.
"""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import tomlkit
from msgspec import Struct, field
from tomlkit.exceptions import TOMLKitError

from tegro.errors import InvalidInput
from tegro.model import Token

STREAM_PATH: Final = "/api/v1/events/ws"

DEFAULT_MAX_SLIPPAGE_BPS: Final = 500

_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


class _Network(Struct, frozen=True):
    chain_id: int
    rpc_url: str


_CHAINS: Final[Mapping[str, Mapping[str, _Network]]] = {
    "mainnet": {"base": _Network(8453, "https://mainnet.base.org")},
    "testnet": {
        "base": _Network(84532, "https://sepolia.base.org"),
        "polygon": _Network(80002, "https://rpc-amoy.polygon.technology"),
        "optimism": _Network(11155420, "https://sepolia.optimism.io"),
    },
    "localnet": {"localnet": _Network(31337, "http://127.0.0.1:8781")},
}
"""Chains of each environment and a public node of each (protocol 2.2 and 2.3). The first one is the default."""

_REST_URLS: Final[Mapping[str, str]] = {
    "mainnet": "https://api.tegro.com",
    "testnet": "https://api.testnet.tegro.com",
    "localnet": "http://127.0.0.1:8780",
}

ENVIRONMENTS: Final = tuple(_CHAINS)
"""Names of the environments."""


class Environment(Struct, frozen=True, kw_only=True):
    """One venue on one chain."""

    name: str
    """`mainnet`, `testnet` or `localnet`."""
    chain: str
    """Name of the chain, lower case, one of `chain_names(name)`."""
    chain_id: int
    rest_url: str
    """Origin of the REST API, without `/api` and without a slash at the end."""
    stream_url: str
    rpc_url: str | None
    """A node of the chain, for approvals; None where none is known."""
    approvals: Mapping[str, Decimal] = field(default_factory=dict)
    """Caps of approvals in human units, by token symbol or lower-case token address."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Extra headers, sent to the venue's REST host alone."""
    max_slippage_bps: int = DEFAULT_MAX_SLIPPAGE_BPS
    """How much worse than the best price a market order may buy or sell, in basis points."""

    def approval_cap_wei(self, token: Token) -> int | None:
        """Return the most that the exchange contract may move of a token; None where the user set no cap.

        A cap by token address wins over one by symbol.

        Raises
        ------
        InvalidInput
            If the cap is finer than the token can hold.
        """
        cap = self.approvals.get(token.address, self.approvals.get(token.symbol))
        if cap is None:
            return None
        try:
            return token.to_wei(cap)
        except ValueError as error:
            raise InvalidInput(f"approvals of {self.name}: {error}") from None

    def __repr__(self) -> str:
        # A node's address may carry an access key, so no address is shown.
        return f"Environment(name={self.name!r}, chain={self.chain!r}, chain_id={self.chain_id})"


class _Table(Struct, frozen=True, kw_only=True):
    """What one table of the file and the environment variables say."""

    chain: str | None = None
    rest_url: str | None = None
    stream_url: str | None = None
    rpc_url: str | None = None
    max_slippage_bps: int = DEFAULT_MAX_SLIPPAGE_BPS
    approvals: Mapping[str, Decimal] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Settings:
    """Everything the settings file and the environment variables say, checked.

    Use `Settings.load` to read them.
    """

    def __init__(self, tables: Mapping[str, _Table]) -> None:
        self._tables = tables

    @classmethod
    def load(cls, path: Path | None = None, env: Mapping[str, str] | None = None) -> "Settings":
        """Read a settings file and the environment variables over it.

        Parameters
        ----------
        path
            The file. None, or a file that is not there, means the defaults.
        env
            Environment variables; None means those of this process.

        Raises
        ------
        InvalidInput
            If the file cannot be read, or a table, key or value is not one that is known; the sentence names the file
            (or the variable) and the key.
        """
        document = _read(path) if path is not None else {}
        source = str(path)
        unknown = sorted(set(document) - set(ENVIRONMENTS))
        if unknown:
            raise InvalidInput(f"{source}: unknown table [{unknown[0]}]; known are {_listed(ENVIRONMENTS)}")
        variables = os.environ if env is None else env
        return cls({name: _table(name, document.get(name, {}), source, variables) for name in ENVIRONMENTS})

    def environment(self, name: str, chain: str | None = None) -> Environment:
        """Return one environment, ready to be connected to.

        Parameters
        ----------
        name
            `mainnet`, `testnet` or `localnet`.
        chain
            Name of the chain; None (or empty) takes the one of the settings, else the environment's first.

        Raises
        ------
        InvalidInput
            If there is no such environment or chain.
        """
        if name not in _CHAINS:
            raise InvalidInput(f"unknown environment {name!r}; known are {_listed(ENVIRONMENTS)}")
        table = self._tables[name]
        chosen = normalise_chain(name, chain) if chain else table.chain or chain_names(name)[0]
        network = _CHAINS[name][chosen]
        rest_url = table.rest_url or _REST_URLS[name]
        # Another venue may well run on another chain with the same id, so the public node is no default for it.
        rpc_url = table.rpc_url or (None if table.rest_url else network.rpc_url)
        return Environment(
            name=name,
            chain=chosen,
            chain_id=network.chain_id,
            rest_url=rest_url,
            stream_url=table.stream_url or _stream_url(rest_url),
            rpc_url=rpc_url,
            approvals=table.approvals,
            headers=table.headers,
            max_slippage_bps=table.max_slippage_bps,
        )


def chain_names(environment: str) -> tuple[str, ...]:
    """Return the names of the chains of an environment; the first one is the default."""
    return tuple(_CHAINS[environment])


def normalise_chain(environment: str, text: str) -> str:
    """Return a chain's name as it is stored: lower case, without surrounding blanks.

    Raises
    ------
    InvalidInput
        If the environment has no such chain.
    """
    name = text.strip().lower()
    if name not in _CHAINS[environment]:
        known = _listed(chain_names(environment))
        raise InvalidInput(f"{environment} has no chain {text.strip()!r}; choose one of {known}")
    return name


def save_chain(path: Path, environment: str, chain: str) -> None:
    """Write the chosen chain into the settings file, keeping everything else in it, comments too.

    The file is replaced in one step; it and its folder are made where missing. May be repeated.

    Raises
    ------
    InvalidInput
        If there is no such environment or chain, or the file is there but cannot be read.
    """
    if environment not in _CHAINS:
        raise InvalidInput(f"unknown environment {environment!r}; known are {_listed(ENVIRONMENTS)}")
    name = normalise_chain(environment, chain)
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None
    document.setdefault(environment, tomlkit.table())["chain"] = name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(tomlkit.dumps(document), encoding="utf-8")
    draft.replace(path)


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None


def _table(name: str, raw: object, source: str, env: Mapping[str, str]) -> _Table:
    where = f"{source}: [{name}]"
    members = _members(raw, where)
    unknown = sorted(set(members) - set(_Table.__struct_fields__))
    if unknown:
        raise InvalidInput(f"{where} has an unknown key {unknown[0]!r}; known are {_listed(_Table.__struct_fields__)}")
    prefix = f"TEGRO_{name.upper()}_"
    chain = _setting("chain", members, where, env, prefix)
    return _Table(
        chain=None if chain is None else _known_chain(name, *chain),
        rest_url=_url("rest_url", _setting("rest_url", members, where, env, prefix), "http"),
        stream_url=_url("stream_url", _setting("stream_url", members, where, env, prefix), "ws"),
        rpc_url=_url("rpc_url", _setting("rpc_url", members, where, env, prefix), "http"),
        max_slippage_bps=_basis_points(
            members.get("max_slippage_bps", DEFAULT_MAX_SLIPPAGE_BPS), f"{where} max_slippage_bps"
        ),
        approvals=_approvals(members.get("approvals", {}), f"{source}: [{name}.approvals]"),
        headers=_headers(members.get("headers", {}), f"{source}: [{name}.headers]"),
    )


def _members(raw: object, where: str) -> dict[str, object]:
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where} must be a table")
    return raw


def _setting(
    key: str, members: Mapping[str, object], where: str, env: Mapping[str, str], prefix: str
) -> tuple[str, str] | None:
    """Return a value and the words for where it comes from; an empty text counts as not set."""
    variable = prefix + key.upper()
    if env.get(variable, "").strip():
        return env[variable].strip(), variable
    value = members.get(key, "")
    if not isinstance(value, str):
        raise InvalidInput(f"{where} {key} must be a text in quotes")
    return (value.strip(), f"{where} {key}") if value.strip() else None


def _known_chain(environment: str, text: str, where: str) -> str:
    try:
        return normalise_chain(environment, text)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None


def _url(key: str, setting: tuple[str, str] | None, scheme: str) -> str | None:
    if setting is None:
        return None
    text, where = setting
    try:
        parts = urlsplit(text)
        good = parts.scheme in (scheme, f"{scheme}s") and bool(parts.hostname) and (parts.port is None or parts.port)
    except ValueError:
        good = False
    if not good:
        # The address of a node may carry an access key, so that one is not repeated.
        was = "" if key == "rpc_url" else f", was {text!r}"
        raise InvalidInput(f"{where} must be an address like {scheme}s://host:port{was}")
    url = text.rstrip("/")
    return url.removesuffix("/api").rstrip("/") if key == "rest_url" else url


def _basis_points(raw: object, where: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 10_000:
        raise InvalidInput(f"{where} must be a whole number from 0 to 9999 (500 is 5 percent), was {raw!r}")
    return raw


def _approvals(raw: object, where: str) -> Mapping[str, Decimal]:
    caps = {}
    for token, amount in _members(raw, where).items():
        # A TOML number with a point would be a binary float; a text is exact.
        try:
            cap = Decimal(amount) if isinstance(amount, str | int) and not isinstance(amount, bool) else Decimal("NaN")
        except InvalidOperation:
            cap = Decimal("NaN")
        if not cap.is_finite() or cap < 0:
            raise InvalidInput(f'{where} {token} must be an amount in quotes such as "1000", was {amount!r}')
        caps[token.lower() if token.lower().startswith("0x") else token] = cap
    return MappingProxyType(caps)


def _headers(raw: object, where: str) -> Mapping[str, str]:
    headers = _members(raw, where)
    for name, value in headers.items():
        if not isinstance(value, str) or any(character in name + value for character in "\r\n"):
            raise InvalidInput(f"{where} {name} must be a text in quotes, on one line")
    return MappingProxyType({name: str(value) for name, value in headers.items()})


def _stream_url(rest_url: str) -> str:
    return "ws" + rest_url.removeprefix("http") + STREAM_PATH


def _listed(names: "tuple[str, ...]") -> str:
    return ", ".join(names)
