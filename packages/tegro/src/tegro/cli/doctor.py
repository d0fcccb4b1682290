"""The command `tegro doctor`: what stands between a trader and an order, one line for each thing that is needed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import typer
from msgspec import Struct

from tegro.cli.approving import market_tokens
from tegro.cli.output import Form, form_of, printable, show_json
from tegro.cli.progress import progress
from tegro.cli.session import (
    AsJson,
    ChainName,
    EnvironmentName,
    SignerName,
    home,
    journal_path,
    load_environment,
    pins_path,
    settings_path,
)
from tegro.cli.signing import KEY_VARIABLE, SIGNER_VARIABLE, has_signer, open_signer
from tegro.errors import InvalidInput, TegroError

if TYPE_CHECKING:
    from tegro.client import AsyncTegro
    from tegro.pins import Pins
    from tegro.settings import Environment
    from tegro.signer import Signer

_MAX_SKEW_SECS: Final = 5
_REQUEST_SECS: Final = 10.0


class Level(StrEnum):
    """How it stands."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, but something is not set up or could not be looked at."""
    ERROR = "error"


class Check(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    subject: str
    level: Level
    seen: str
    advice: str = ""


def doctor(
    signer: SignerName = None, env: EnvironmentName = "mainnet", chain: ChainName = None, as_json: AsJson = False
) -> None:
    """Look at everything that trading needs, and say what to do. Reads only, signs nothing. Exit code 1: an error."""
    form = form_of(as_json=as_json)
    checks = [_settings(env, chain)]
    if checks[0].level is not Level.ERROR:
        opened, found = _signer(signer)
        checks += [found, _journal(env)]
        with progress("asking venue and node"):
            checks += asyncio.run(_look(load_environment(env, chain), opened))
    if form is Form.JSON:
        show_json({"is_ok": not _has_error(checks), "checks": checks})
    else:
        for check in checks:
            advice = f"; {check.advice}" if check.advice else ""
            typer.echo(printable(f"{check.level:<5} {check.subject}: {check.seen}{advice}"))
    if _has_error(checks):
        raise typer.Exit(1)


def _has_error(checks: list[Check]) -> bool:
    return any(check.level is Level.ERROR for check in checks)


def _settings(env: str, chain: str | None) -> Check:
    try:
        path = settings_path()
        environment = load_environment(env, chain)
    except InvalidInput as error:
        return Check(subject="settings", level=Level.ERROR, seen=str(error), advice="mend the file or the variable")
    where = f"the file {path}" if path is not None else f"no file (./tegro.toml or {home() / 'tegro.toml'}): defaults"
    return Check(subject="settings", level=Level.OK, seen=f"{where}; {environment.name} on {environment.chain}")


def _signer(named: str | None) -> "tuple[Signer | None, Check]":
    try:
        if not has_signer(named):
            advice = f"set {SIGNER_VARIABLE} or {KEY_VARIABLE}, or make a wallet: tegro wallet new FILE"
            return None, Check(subject="signer", level=Level.NOTE, seen="none is named", advice=advice)
        signer = open_signer(named)
    except InvalidInput as error:
        return None, Check(subject="signer", level=Level.ERROR, seen=str(error), advice="nothing can be signed")
    return signer, Check(subject="signer", level=Level.OK, seen=f"opened, wallet {signer.address}")


def _journal(environment: str) -> Check:
    from tegro.journal import UNRESOLVED, EntryState, read_entries

    path = journal_path(environment)
    if not path.exists():
        return Check(subject="journal", level=Level.OK, seen=f"none yet; it will be {path}")
    try:
        states = [entry.state for entry in read_entries(path)]
    except TegroError as error:
        return Check(
            subject="journal", level=Level.ERROR, seen=str(error), advice="no order can be placed until it opens"
        )
    counts = ", ".join(f"{states.count(state)} {state}" for state in EntryState if state in states) or "empty"
    is_open = not UNRESOLVED.isdisjoint(states)
    return Check(
        subject="journal",
        level=Level.NOTE if is_open else Level.OK,
        seen=f"{path}: {counts}",
        advice="find out what became of the open ones: tegro order resume" if is_open else "",
    )


async def _look(environment: "Environment", signer: "Signer | None") -> list[Check]:
    from tegro.client import AsyncTegro
    from tegro.pins import MemoryPins
    from tegro.web3signer import Web3Signer

    # With pins of its own: a doctor neither pins anything nor lets a change stop it from looking.
    async with AsyncTegro(environment, signer=signer, pins=MemoryPins(), on_first_use=lambda _: None) as client:
        steps: list[tuple[str, str, Callable[[], Awaitable[Check]]]] = [
            ("venue", f"look at rest_url of [{environment.name}] and the network", lambda: _venue(client)),
            ("clock", "", lambda: _clock(environment)),
            ("pins", "", lambda: _pins(client)),
            ("node", f"look at rpc_url of [{environment.name}]", lambda: _node(environment)),
        ]
        if isinstance(signer, Web3Signer):
            steps.append(("web3signer", "nothing can be signed", lambda: _web3signer(signer)))
        if signer is not None and environment.rpc_url is not None:
            steps.append(("allowances", "", lambda: _allowances(client)))
        checks = [await _checked(subject, advice, look) for subject, advice, look in steps]
    if isinstance(signer, Web3Signer):
        await signer.aclose()
    return checks


async def _checked(subject: str, advice: str, look: Callable[[], Awaitable[Check]]) -> Check:
    try:
        return await look()
    except TegroError as error:
        return Check(subject=subject, level=Level.ERROR, seen=str(error), advice=advice)


async def _venue(client: "AsyncTegro") -> Check:
    environment = client.environment
    if not await client.is_healthy():
        seen = f"{environment.rest_url} says that it is not well"
        return Check(subject="venue", level=Level.ERROR, seen=seen, advice="wait, and ask again")
    chain = await client.chain()
    markets = await client.markets()
    return Check(
        subject="venue",
        level=Level.OK if markets else Level.ERROR,
        seen=f"{environment.rest_url} answers, lists chain {chain.id} and {len(markets)} markets",
    )


async def _clock(environment: "Environment") -> Check:
    import aiohttp

    limit = aiohttp.ClientTimeout(total=_REQUEST_SECS)
    url = f"{environment.rest_url}/api/v1/trading/health"
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url) as response:
            told = response.headers.get("Date", "")
        venue_secs = round(parsedate_to_datetime(told).timestamp())
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError):
        return Check(subject="clock", level=Level.NOTE, seen="the venue does not say its time, so it was not compared")
    skew_secs = round(time.time()) - venue_secs
    if abs(skew_secs) <= _MAX_SKEW_SECS:
        return Check(subject="clock", level=Level.OK, seen=f"within {_MAX_SKEW_SECS} s of the venue's")
    direction = "ahead of" if skew_secs > 0 else "behind"
    return Check(
        subject="clock",
        level=Level.ERROR,
        seen=f"{abs(skew_secs)} s {direction} the venue's",
        advice="set this machine's clock: expiry times are counted on it",
    )


async def _pins(client: "AsyncTegro") -> Check:
    from tegro.pins import pin_book

    environment = client.environment
    pins = pin_book(environment, pins_path()).pinned(environment)
    if pins is None:
        seen = "not kept for localnet" if environment.name == "localnet" else "nothing yet: the first use pins"
        return Check(subject="pins", level=Level.OK, seen=seen)
    chain = await client.chain()
    changes = list(_pin_changes(pins, chain.exchange_contract))
    return Check(
        subject="pins",
        level=Level.ERROR if changes else Level.OK,
        seen="; ".join(changes) or f"the contract and {len(pins.tokens)} tokens, unchanged",
        advice="find out why, then: tegro pins confirm" if changes else "",
    )


def _pin_changes(pins: "Pins", offered: str) -> Iterator[str]:
    for question in pins.questions:
        yield f"the {question.what} was {question.pinned}, then {question.offered}"
    if pins.exchange_contract not in (None, offered):
        yield f"the exchange contract was {pins.exchange_contract}, the venue says {offered}"


async def _node(environment: "Environment") -> Check:
    from tegro.evm import EvmNode

    if environment.rpc_url is None:
        advice = f"set rpc_url of [{environment.name}] to see and change allowances"
        return Check(subject="node", level=Level.NOTE, seen="none is known", advice=advice)
    node = EvmNode(environment.rpc_url, environment.chain_id)
    try:
        chain_id = await node.chain_id()
    finally:
        await node.aclose()
    return Check(subject="node", level=Level.OK, seen=f"answers, on chain {chain_id}")


async def _web3signer(signer: "Signer") -> Check:
    from tegro.web3signer import Web3Signer

    if isinstance(signer, Web3Signer):
        await signer.check()
    return Check(subject="web3signer", level=Level.OK, seen=f"has the key of {signer.address}")


async def _allowances(client: "AsyncTegro") -> Check:
    states = await client.allowances.state(await market_tokens(client))
    allowed = [
        f"{state.token.from_wei(state.allowance_wei):f} {state.token.symbol}" for state in states if state.allowance_wei
    ]
    short = [
        state.token.symbol for state in states if state.cap_wei is not None and state.allowance_wei < state.cap_wei
    ]
    beyond = [
        state.token.symbol for state in states if state.cap_wei is not None and state.allowance_wei > state.cap_wei
    ]
    seen = f"allowed: {', '.join(allowed) or 'nothing'}"
    if beyond:
        advice = f"more than the settings allow: tegro allowance revoke {' '.join(beyond)}"
        return Check(subject="allowances", level=Level.ERROR, seen=seen, advice=advice)
    if short or not allowed:
        advice = f"to trade: tegro allowance approve {' '.join(short) or 'TOKEN --cap AMOUNT'}"
        return Check(subject="allowances", level=Level.NOTE, seen=seen, advice=advice)
    return Check(subject="allowances", level=Level.OK, seen=seen)
