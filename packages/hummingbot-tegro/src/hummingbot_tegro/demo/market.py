"""The demo's venue: a localnet in a process of its own, and a wallet with worthless money on it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from hummingbot_tegro.demo.options import DemoOptions
from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.processes import Child, Children
from tegro.errors import InvalidInput
from tegro.settings import Environment, Settings
from tegro_localnet.config import DEFAULT_MARKETS, MarketConfig
from tegro_localnet.info import LocalnetInfo

_READY_SECS: Final = 60.0
_POLL_SECS: Final = 0.05
_STOP_SECS: Final = 10.0
_FUNDS_VALUE: Final = Decimal(50_000)
"""What the wallet gets of each token, in quote."""
_CAP_VALUE: Final = Decimal(20_000)
"""The most that the exchange contract may move of each token at a time, in quote."""
_OURS: Final = ("TEGRO", "HUMMINGBOT_TEGRO", "HBOT", "CONFIG_PASSWORD")


def clean_variables(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return environment variables without those that could lead a child to another venue, or hand it a key."""
    return {name: value for name, value in variables.items() if not name.startswith(_OURS)}


def market_of(pair: str) -> MarketConfig:
    """Return localnet's market of a Hummingbot pair.

    Raises
    ------
    InvalidInput
        If it has none.
    """
    markets = {market.symbol.replace("_", "-"): market for market in DEFAULT_MARKETS}
    if pair not in markets:
        raise InvalidInput(f"localnet has no market {pair}; choose one of {', '.join(markets)}")
    return markets[pair]


def funds_of(market: MarketConfig) -> dict[str, Decimal]:
    """Return what the demo's wallet is given, in human units by symbol."""
    return _worth(market, _FUNDS_VALUE)


def caps_of(market: MarketConfig) -> dict[str, Decimal]:
    """Return the caps of the approvals, in human units by symbol."""
    return _worth(market, _CAP_VALUE)


def environment_of(info: LocalnetInfo, caps: Mapping[str, Decimal]) -> Environment:
    """Return the client's environment for a running localnet."""
    variables = {
        "TEGRO_LOCALNET_REST_URL": info.rest_url,
        "TEGRO_LOCALNET_STREAM_URL": info.stream_url,
        "TEGRO_LOCALNET_RPC_URL": info.rpc_url,
    }
    return msgspec.structs.replace(Settings.load(env=variables).environment("localnet"), approvals=dict(caps))


@asynccontextmanager
async def running_localnet(
    children: Children, options: DemoOptions, folder: Path
) -> AsyncIterator[tuple[Child, LocalnetInfo]]:
    """Run a localnet on free ports for the time of the block.

    Raises
    ------
    DemoFailure
        If it ends, or is not ready in time.
    """
    ready_file = folder / "localnet.json"
    arguments = ["--port", "0", "--rpc-port", "0", "--seed", str(options.seed), "--ready-file", str(ready_file)]
    if options.replay is not None:
        market = options.pair.replace("-", "_")
        arguments += ["--replay", str(options.replay), "--replay-market", market]
    with children.running(
        "localnet",
        ["tegro_localnet", *arguments],
        folder=folder,
        log=folder / "localnet.log",
        variables=clean_variables(),
    ) as child:
        try:
            yield child, await _ready(child, ready_file)
        finally:
            await child.stop(_STOP_SECS)


async def fund(info: LocalnetInfo, wallet: str, amounts: Mapping[str, Decimal]) -> None:
    """Give a wallet tokens, and coins for gas.

    Raises
    ------
    DemoFailure
        If localnet refuses or does not answer.
    """
    body = {"wallet": wallet, "amounts": {symbol: str(amount) for symbol, amount in amounts.items()}}
    try:
        async with aiohttp.ClientSession() as session, session.post(info.faucet_url, json=body) as response:
            if response.status != 200:
                raise DemoFailure(f"the faucet of localnet refused: {await response.text()}")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DemoFailure(f"the faucet of localnet did not answer: {error}") from error


async def _ready(child: Child, ready_file: Path) -> LocalnetInfo:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _READY_SECS
    while (info := _read_info(ready_file)) is None:
        child.require_running()
        if loop.time() > deadline:
            raise DemoFailure(f"localnet was not ready within {_READY_SECS:.0f} seconds")
        await asyncio.sleep(_POLL_SECS)
    return info


def _read_info(ready_file: Path) -> LocalnetInfo | None:
    if not ready_file.exists():
        return None
    return msgspec.json.decode(ready_file.read_bytes(), type=LocalnetInfo)


def _worth(market: MarketConfig, value: Decimal) -> dict[str, Decimal]:
    base = (value / market.start_price).quantize(Decimal(1).scaleb(-min(market.base_precision, 4)))
    return {market.base.symbol: base, market.quote.symbol: value}
