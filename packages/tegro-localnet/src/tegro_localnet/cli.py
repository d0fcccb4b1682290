"""`tegro localnet`: run a local Tegro, or ask a running one for tokens or for faults."""

import asyncio
import logging
import os
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.panel import Panel
from rich.table import Table

from tegro_localnet import cli_conditions, cli_journal, cli_perpetual, cli_switches
from tegro_localnet.cli_faults import Url
from tegro_localnet.config import DEFAULT_PORT, DEFAULT_RPC_PORT, FairPriceConfig, LocalnetConfig, ReplayConfig
from tegro_localnet.control_client import DEFAULT_URL, ask
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.journal.frames import Durability
from tegro_localnet.latency import read_latency
from tegro_localnet.rate_limits import read_rate_limits
from tegro_localnet.switches import read_switches
from tegro_localnet.terminal import OUT, complete, failure, say

if TYPE_CHECKING:
    from tegro_localnet.localnet import Localnet

app = typer.Typer(name="localnet", help="Run a whole local Tegro: API, matching, settlement on a local EVM chain.")
app.add_typer(cli_conditions.app)
app.add_typer(cli_perpetual.app)
app.command("api-key")(cli_perpetual.api_key)
app.command()(cli_switches.switch)
app.command()(cli_journal.replay)

_DEFAULTS: Final = LocalnetConfig()


@app.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(help="Port of REST and WebSocket; 0 takes a free one.")] = DEFAULT_PORT,
    rpc_port: Annotated[int, typer.Option(help="Port of the chain's JSON-RPC; 0 takes a free one.")] = DEFAULT_RPC_PORT,
    chain_id: Annotated[
        int | None, typer.Option(help=f"EIP-155 chain id; {_DEFAULTS.chain_id} when absent.", show_default=False)
    ] = None,
    chain: Annotated[
        list[int] | None, typer.Option(help="Instead of --chain-id, repeatable: several chains behind one API.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random; drawn when absent.")] = None,
    agents: Annotated[bool, typer.Option(help="Let a market maker and a taker keep the markets alive.")] = True,
    volatility_bps: Annotated[
        int, typer.Option(help="Largest move of the agents' price in 2 s, in hundredths of a percent.")
    ] = _DEFAULTS.fair_price.volatility_bps,
    jump_bps: Annotated[
        int, typer.Option(help="Largest jump of the agents' price, in hundredths of a percent; 0: none.")
    ] = _DEFAULTS.fair_price.jump_bps,
    jump_probability: Annotated[str, typer.Option(help="Chance that a step of 2 s is a jump.")] = "0.01",
    replay: Annotated[
        Path | None, typer.Option(help="CSV of recorded trades that drive a market in place of the agents.")
    ] = None,
    replay_speed: Annotated[
        str, typer.Option(help="Recorded seconds that pass in one second, or 'max': as fast as possible.")
    ] = "1",
    replay_market: Annotated[str | None, typer.Option(help="Such as WETH_USDC; the first market when absent.")] = None,
    perpetual_replay: Annotated[
        Path | None, typer.Option(help="CSV of recorded trades that drive a contract of the perpetual venue.")
    ] = None,
    perpetual_replay_market: Annotated[str, typer.Option(help="Contract that they drive.")] = "ETHUSDT",
    fee_bps: Annotated[int, typer.Option(help="Fee in hundredths of a percent, 0 to 100.")] = _DEFAULTS.fee_bps,
    full_chart: Annotated[
        bool,
        typer.Option("--full-chart", help="Serve candles of all 16 intervals, with volume; Tegro serves 6 without."),
    ] = _DEFAULTS.full_chart,
    latency: Annotated[
        list[str] | None,
        typer.Option(metavar="[PATTERN=]MS", help="Delay answers: 20, 5-50 or 30~0.5 ms; 'stream=20' delays frames."),
    ] = None,
    rate_limit: Annotated[str | None, typer.Option(help="PER_SECOND or PER_SECOND/BURST for each address.")] = None,
    wallet_rate_limit: Annotated[
        str | None, typer.Option(help="PER_SECOND or PER_SECOND/BURST for each wallet.")
    ] = None,
    switch: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Do otherwise; 'tegro localnet switch' lists all.")
    ] = None,
    rpc_url: Annotated[
        str | None, typer.Option(help="Use this node, such as Anvil, and start none.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder in which everything survives a kill; in memory when absent.")
    ] = None,
    durable: Annotated[
        Durability, typer.Option(help="With --data: survive the process alone, or a loss of power too (slower).")
    ] = _DEFAULTS.durability,
    ready_file: Annotated[Path | None, typer.Option(help="Write URLs and contracts here as JSON when ready.")] = None,
) -> None:
    """Run a local Tegro until Ctrl-C."""
    if context.invoked_subcommand is not None:
        return
    try:
        config = LocalnetConfig(
            port=port,
            rpc_port=rpc_port,
            **_chains_of(chain_id, chain or []),
            seed=seed,
            agents=agents,
            fair_price=FairPriceConfig(
                volatility_bps=volatility_bps, jump_bps=jump_bps, jump_probability=_chance(jump_probability)
            ),
            latency=tuple(read_latency(rule) for rule in latency or ()),
            rate_limits=read_rate_limits(rate_limit, wallet_rate_limit),
            replay=_replay_of(replay, replay_speed, replay_market),
            perpetual_replay=_replay_of(perpetual_replay, replay_speed, perpetual_replay_market),
            fee_bps=fee_bps,
            full_chart=full_chart,
            switches=read_switches(switch or []),
            rpc_url=rpc_url,
            data=data,
            durability=durable,
        )
    except ValueError as error:
        raise failure(str(error), 2) from error
    complete(_serve(config, ready_file))


@app.command()
def fund(
    wallet: Annotated[str, typer.Argument(help="Address of the wallet.")],
    *,
    token: Annotated[
        list[str] | None, typer.Option(help="SYMBOL=AMOUNT, repeatable; some of each when absent.")
    ] = None,
    native: Annotated[str, typer.Option(help="Coins for gas.")] = "1",
    chain_id: Annotated[int | None, typer.Option(help="On which of several chains; the first when absent.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Give a wallet test tokens and coins for gas."""
    try:
        amounts = dict(_amount_of(entry) for entry in token) if token else None
        body: dict[str, Any] = {"wallet": wallet, "native": str(Decimal(native))}
        body |= {"amounts": amounts} if amounts else {}
        body |= {} if chain_id is None else {"chain_id": chain_id}
    except (ValueError, InvalidOperation) as error:
        raise failure(f"expected SYMBOL=AMOUNT and decimal amounts, such as --token USDC=500: {error}", 2) from error
    complete(_ask_faucet(url, body))


def _chains_of(chain_id: int | None, chains: list[int]) -> dict[str, Any]:
    if chains and chain_id is not None:
        message = "name the chains with --chain or one with --chain-id, not with both"
        raise ValueError(message)
    first, *more = chains or [_DEFAULTS.chain_id if chain_id is None else chain_id]
    return {"chain_id": first, "more_chains": tuple(more)}


def _chance(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        message = f"jump probability must be a number such as 0.01, was {text[:40]!r}"
        raise ValueError(message) from error


def _replay_of(path: Path | None, speed: str, market: str | None) -> ReplayConfig | None:
    if path is None:
        return None
    if speed != "max" and not (speed.isascii() and speed.isdigit()):
        message = f"replay speed must be a whole number or 'max', was {speed[:40]!r}"
        raise ValueError(message)
    return ReplayConfig(path=path, speed=None if speed == "max" else int(speed), market=market)


def _amount_of(entry: str) -> tuple[str, str]:
    symbol, _, amount = entry.partition("=")
    return symbol, str(Decimal(amount))


async def _serve(config: LocalnetConfig, ready_file: Path | None) -> None:
    from tegro_localnet.localnet import Localnet

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    session = asyncio.create_task(_run_until(Localnet(config), ready_file))
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({session, stopped}, return_when=asyncio.FIRST_COMPLETED)
    # Also reached while the localnet still starts: leaving its context stops what is already there.
    if not session.done():
        session.cancel()
        await asyncio.wait({session})
    stopped.cancel()
    if not session.cancelled():
        session.result()


async def _run_until(localnet: "Localnet", ready_file: Path | None) -> None:
    from tegro_localnet import faults
    from tegro_localnet.agents import replay

    _show_lines_of(faults.LOG)
    if not OUT.is_terminal:
        _show_lines_of(replay.LOG)
    async with localnet:
        if ready_file is not None:
            await asyncio.to_thread(_write_ready_file, ready_file, localnet.info)
        OUT.print(_panel(localnet.info))
        bar = asyncio.create_task(_show_replays(localnet))
        try:
            await localnet.wait()
        finally:
            bar.cancel()
            await asyncio.wait({bar})


async def _show_replays(localnet: "Localnet") -> None:
    """Draw how far each replay has come, one after the other, where there is a terminal; elsewhere the log tells."""
    from tegro_localnet.replay_view import show_bar

    perpetual = localnet.perpetual
    for replay in (localnet.replay, None if perpetual is None else perpetual.replay):
        if replay is not None and OUT.is_terminal:
            await show_bar(replay.progress, OUT)


def _show_lines_of(log: logging.Logger) -> None:
    """Let what a part of localnet says of itself appear on the terminal."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)


def _write_ready_file(path: Path, info: LocalnetInfo) -> None:
    """Write the file under another name first, so that a reader never sees half of it."""
    import msgspec

    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(info)) + b"\n")
    draft.replace(path)


def _panel(info: LocalnetInfo) -> Panel:
    table = Table.grid(padding=(0, 2))
    rows = (
        ("Page", f"{info.rest_url}/  (API: {info.rest_url}/docs)"),
        ("REST", f"{info.rest_url}/api/"),
        ("WebSocket", info.stream_url),
        ("Chain RPC", f"{info.rpc_url}  (chain id {info.chain_id})"),
        ("Markets", ", ".join(info.markets)),
        *((f"Chain {other.chain_id}", f"{other.rpc_url}  ({other.chain_name})") for other in info.more_chains),
        ("Exchange", info.exchange_contract),
        ("Settlement", info.settlement_contract),
        *((token.symbol, token.address) for token in info.tokens),
        ("Fee", f"{Decimal(info.fee_bps) / 100} % of what each side receives"),
        ("Seed", str(info.seed)),
        ("Tokens", f"tegro localnet fund YOUR_WALLET --url {info.rest_url}"),
        ("Stop", "Ctrl-C"),
    )
    for name, value in rows:
        table.add_row(name, value)
    return Panel(table, title=f"tegro localnet {info.version}", expand=False)


async def _ask_faucet(url: str, body: dict[str, Any]) -> None:
    reply = await ask(url, "POST", "faucet", body)
    given = ", ".join(f"{amount} {symbol}" for symbol, amount in reply["amounts"].items())
    say(f"{reply['wallet']} got {given} and {reply['native']} ETH")
