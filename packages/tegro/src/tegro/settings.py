"""Which venue, on which chain, at which addresses: readable without any key.

A file `tegro.toml` may hold one table per environment; every member may be left out::

    [mainnet]
    chain = "base"
    rest_url = "https://api.tegro.com"
    stream_url = "wss://api.tegro.com/api/v1/events/ws"
    rpc_url = "https://mainnet.base.org"
    typed_data = "local"       # "server" lets the venue propose what to sign; it is refused if it is not what was meant
    max_slippage_bps = 500     # how much worse than the best price a market order may buy or sell, in basis points
    order_expiry_secs = 0      # how long a signed order lives; 0 means for ever
    maker_distance_ticks = 0   # how far a limit-maker order must stay away from the other side of the book
    fee_ceiling_wei = 10000000000000000    # most that one transaction may cost, in the chain's own coin

    [mainnet.approvals]        # most that the exchange contract may move, in human units, by symbol or token address
    USDC = "1000"
    WETH = "2"

    [mainnet.headers]          # sent to the venue's REST host alone
    X-Referrer = "me"

    [mainnet.pins]             # what the venue must say; where this is silent, what it said first (`tegro.pins`)
    exchange_contract = "0xa492c74aAc592F7951d98000a602A22157019563"
    tokens = { "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913" = 6 }    # decimals by token address

A table `[mainnet.limits]` limits what orders may do: see `tegro.limits`. A table `[mainnet.hummingbot]` is for the
Hummingbot plug-in alone, which reads and checks it; so is `[mainnet.paper]`, for its paper exchange.

Environment variables win over the file: `TEGRO_MAINNET_REST_URL`, `..._STREAM_URL`, `..._RPC_URL`, `..._CHAIN`, and the
same for `TESTNET` and `LOCALNET`.
"""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

import tomlkit
from msgspec import Struct, field
from tomlkit import TOMLDocument

from tegro.errors import InvalidInput
from tegro.limits import Limits, read_limits
from tegro.model import Token
from tegro.settings_file import (
    edit_document,
    listed,
    read_address,
    read_approvals,
    read_basis_points,
    read_count,
    read_decimals,
    read_document,
    read_headers,
    read_table,
    read_text,
    read_url,
    read_wei,
)

type TypedDataSource = Literal["local", "server"]
"""Who builds the data to sign: this client alone, or the venue, whose proposal is then compared with what was meant."""

PERPETUAL_TABLE: Final = "perpetual"
"""Table of the perpetual venues, which `tegro.perpetual` reads and checks."""

STREAM_PATH: Final = "/api/v1/events/ws"

DEFAULT_MAX_SLIPPAGE_BPS: Final = 500
DEFAULT_FEE_CEILING_WEI: Final = 10**16
"""0.01 of the chain's coin."""


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


class FixedPins(Struct, frozen=True, kw_only=True):
    """What the user says of a venue's contracts. It wins over whatever the venue said first."""

    exchange_contract: str | None = None
    """Lower case; None where the user says nothing."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """Decimals by lower-case token address."""


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
    order_expiry_secs: int = 0
    """How long an order lives after it was signed; 0 means for ever."""
    maker_distance_ticks: int = 0
    """How far a limit-maker order must stay away from the other side of the book; 0: it must only not reach it."""
    limits: Limits = Limits()
    """What orders may do at most."""
    fee_ceiling_wei: int = DEFAULT_FEE_CEILING_WEI
    """Most that one transaction may cost, in the chain's own coin."""
    pins: FixedPins = FixedPins()
    """What the user says of the venue's contracts."""
    typed_data: TypedDataSource = "local"
    """Who builds the data to sign."""
    hummingbot: Mapping[str, object] = field(default_factory=dict)
    """What the file says for the Hummingbot plug-in; not looked at here."""
    paper: Mapping[str, object] = field(default_factory=dict)
    """What the file says for the plug-in's paper exchange; not looked at here."""

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
    order_expiry_secs: int = 0
    maker_distance_ticks: int = 0
    limits: Limits = Limits()
    fee_ceiling_wei: int = DEFAULT_FEE_CEILING_WEI
    approvals: Mapping[str, Decimal] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    pins: FixedPins = FixedPins()
    typed_data: TypedDataSource = "local"
    hummingbot: Mapping[str, object] = field(default_factory=dict)
    paper: Mapping[str, object] = field(default_factory=dict)


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
        document = read_document(path) if path is not None else {}
        source = str(path)
        unknown = sorted(set(document) - {*ENVIRONMENTS, PERPETUAL_TABLE})
        if unknown:
            raise InvalidInput(f"{source}: unknown table [{unknown[0]}]; known are {listed(ENVIRONMENTS)}")
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
            raise InvalidInput(f"unknown environment {name!r}; known are {listed(ENVIRONMENTS)}")
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
            order_expiry_secs=table.order_expiry_secs,
            maker_distance_ticks=table.maker_distance_ticks,
            limits=table.limits,
            fee_ceiling_wei=table.fee_ceiling_wei,
            pins=table.pins,
            typed_data=table.typed_data,
            hummingbot=table.hummingbot,
            paper=table.paper,
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
        known = listed(chain_names(environment))
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
        raise InvalidInput(f"unknown environment {environment!r}; known are {listed(ENVIRONMENTS)}")
    name = normalise_chain(environment, chain)

    def choose(document: TOMLDocument) -> None:
        document.setdefault(environment, tomlkit.table())["chain"] = name

    edit_document(path, choose)


def _table(name: str, raw: object, source: str, env: Mapping[str, str]) -> _Table:
    where = f"{source}: [{name}]"
    members = read_table(raw, where, _Table.__struct_fields__)
    prefix = f"TEGRO_{name.upper()}_"

    def url(key: str, scheme: str) -> str | None:
        return read_url(key, read_text(key, members, where, env, prefix), scheme)

    def value[T](read: Callable[[object, str], T], key: str, default: object) -> T:
        return read(members.get(key, default), f"{where} {key}")

    def table[T](read: Callable[[object, str], T], key: str) -> T:
        return read(members.get(key, {}), f"{source}: [{name}.{key}]")

    chain = read_text("chain", members, where, env, prefix)
    return _Table(
        chain=None if chain is None else _known_chain(name, *chain),
        rest_url=url("rest_url", "http"),
        stream_url=url("stream_url", "ws"),
        rpc_url=url("rpc_url", "http"),
        max_slippage_bps=value(read_basis_points, "max_slippage_bps", DEFAULT_MAX_SLIPPAGE_BPS),
        order_expiry_secs=value(read_count, "order_expiry_secs", 0),
        maker_distance_ticks=value(read_count, "maker_distance_ticks", 0),
        limits=table(_limits, "limits"),
        fee_ceiling_wei=value(read_wei, "fee_ceiling_wei", DEFAULT_FEE_CEILING_WEI),
        approvals=table(read_approvals, "approvals"),
        headers=table(read_headers, "headers"),
        pins=table(_pins, "pins"),
        typed_data=value(_typed_data, "typed_data", "local"),
        hummingbot=table(read_table, "hummingbot"),
        paper=table(read_table, "paper"),
    )


def _known_chain(environment: str, text: str, where: str) -> str:
    try:
        return normalise_chain(environment, text)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None


def _limits(raw: object, where: str) -> Limits:
    return read_limits(read_table(raw, where), where)


def _pins(raw: object, where: str) -> FixedPins:
    members = read_table(raw, where, FixedPins.__struct_fields__)
    contract = members.get("exchange_contract")
    tokens = read_table(members.get("tokens", {}), f"{where} tokens")
    return FixedPins(
        exchange_contract=None if contract is None else read_address(contract, f"{where} exchange_contract"),
        tokens=MappingProxyType(
            {
                read_address(token, f"{where} tokens"): read_decimals(decimals, f"{where} tokens {token}")
                for token, decimals in tokens.items()
            }
        ),
    )


def _typed_data(raw: object, where: str) -> TypedDataSource:
    if raw == "local":
        return "local"
    if raw == "server":
        return "server"
    raise InvalidInput(f'{where} must be "local" or "server", was {raw!r}')


def _stream_url(rest_url: str) -> str:
    return "ws" + rest_url.removeprefix("http") + STREAM_PATH
