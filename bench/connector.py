"""The connector beside Hummingbot's own binance connector, each on a loopback server that does the same work for both.

What is compared: `buy()` until the order is open; a change on the socket until it is in Hummingbot's book; a status
cycle of 100 open orders; start until ready, with 1 and with 50 pairs; the check of a rate limit with 1,000 orders in
its window. Rounds of the two take turns, and a ratio is the median of the ratios inside each round. Exits with 3 where
a target is missed.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import aiohttp
import hummingbot
from hummingbot.connector.exchange.binance import binance_constants
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.connector.exchange.tegro.tegro_exchange import TegroExchange
from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.api_throttler.async_throttler import AsyncThrottler
from hummingbot.core.api_throttler.data_types import RateLimit
from support.exit_status import exit_status
from support.side_by_side import (
    MOST_TIMES_OF_A_CHANGE,
    OPEN_ORDERS,
    OURS,
    THEIRS,
    Bench,
    Sample,
    Samples,
    Table,
    in_turns,
)
from support.venue_stub import START_PRICE, Stub, base_symbols

from tegro.limits import LimitGuard, Limits
from tegro.model import OrderRequest, Side

# The first well-known development key of Hardhat and Anvil; it guards nothing.
KEY: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAIR: Final = "T00-USDC"
IN_WINDOW: Final = 1000
MOST_PAIRS: Final = 50


def tegro(pairs: list[str]) -> ExchangePyBase:
    """Make our connector."""
    return TegroExchange(ADDRESS, KEY, "localnet", trading_pairs=pairs, domain="tegro_localnet")


def binance(pairs: list[str]) -> ExchangePyBase:
    """Make Hummingbot's."""
    return BinanceExchange("key", "secret", trading_pairs=pairs)


MAKERS: Final[dict[str, Callable[[list[str]], ExchangePyBase]]] = {OURS: tegro, THEIRS: binance}


async def measure(url: str, rounds: int) -> bool:
    """Measure everything and print it; return whether every target was met."""
    table = Table()
    table.head()
    async with aiohttp.ClientSession() as session:
        pairs = [f"{symbol}-USDC" for symbol in base_symbols(MOST_PAIRS)]
        bench = Bench(url, session, MAKERS, pairs, Decimal(START_PRICE - 100))
        connectors = {name: (await bench.started(name, 1))[0] for name in MAKERS}
        found = await in_turns(rounds, lambda name: bench.place(connectors[name], 20))
        table.row("buy() until the order is open, us (CPU us)", found)
        found = await in_turns(rounds, lambda name: bench.changes(name, connectors[name], 1000))
        table.row("a change of 5 levels a side, socket to book, CPU us (us)", found, MOST_TIMES_OF_A_CHANGE)
        for connector in connectors.values():
            await connector.stop_network()
        table.row(f"status cycle of {OPEN_ORDERS} open orders, ms (requests)", await in_turns(1, bench.status_cycle))
        for pairs in (1, MOST_PAIRS):
            found = await in_turns(1, lambda name, pairs=pairs: bench.start(name, pairs))
            table.row(f"start until ready, pairs: {pairs}, ms (requests)", found)
        request = await an_order(connectors[OURS])
    table.row(f"rate limit, {IN_WINDOW} orders in its window, us (of them in it)", await rate_limits(rounds, request))
    return table.is_met


async def an_order(connector: ExchangePyBase) -> OrderRequest:
    """Return an order that a rate limit can be asked about."""
    market = await connector._link.market(PAIR)  # noqa: SLF001
    return OrderRequest(market=market, side=Side.BUY, price=Decimal(START_PRICE), quantity=Decimal(1))


async def rate_limits(rounds: int, request: OrderRequest) -> Samples:
    """Measure our rate limit and Hummingbot's throttler, each with many orders in its window."""
    guard = LimitGuard(Limits(max_orders_per_sec=10 * IN_WINDOW), "localnet")
    stock = AsyncThrottler([RateLimit(limit_id="orders", limit=10 * IN_WINDOW, time_interval=60)])

    async def ours() -> None:
        guard.check(request, mid=None, open_notional=Decimal(0), now_ms=time.monotonic_ns() // 1_000_000)

    async def theirs() -> None:
        async with stock.execute_task("orders"):
            pass

    tasks = {OURS: ours, THEIRS: theirs}
    for task in tasks.values():
        for _ in range(IN_WINDOW):
            await task()

    async def one(name: str) -> Sample:
        begun = time.perf_counter()
        await tasks[name]()
        return Sample((time.perf_counter() - begun) * 1e6, IN_WINDOW)

    return await in_turns(rounds, one)


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    options = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    listener = socket.create_server(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=Stub(MOST_PAIRS).serve, args=(listener,), daemon=True)
    server.start()
    origin = f"127.0.0.1:{listener.getsockname()[1]}"
    binance_constants.REST_URL = f"http://{origin}/api/"
    binance_constants.WSS_URL = f"ws://{origin}/binance/ws"
    binance_constants.WSS_API_URL = f"ws://{origin}/binance/ws-api"
    try:
        with tempfile.TemporaryDirectory() as folder:
            hummingbot.set_data_path(folder)
            settings = Path(folder) / "tegro.toml"
            settings.write_text(f'[localnet]\nrest_url = "http://{origin}"\n')
            os.environ["TEGRO_SETTINGS"] = str(settings)
            is_met = asyncio.run(measure(f"http://{origin}", options.rounds))
    finally:
        server.terminate()
        server.join()
    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
