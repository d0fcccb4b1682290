"""The connector beside Hummingbot's own binance connector, each on a loopback server that does the same work for both.

What is compared: `buy()` until the order is open; a change on the socket until it is in Hummingbot's book; a status
cycle of 100 open orders; start until ready, with 1 and with 50 pairs; the check of a rate limit with 1,000 orders in
its window. Rounds of the two take turns, and a ratio is the median of the ratios inside each round. Exits with 1 where
a target is missed.
"""

import argparse
import asyncio
import logging
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
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
from hummingbot.core.data_type.common import OrderType
from msgspec import Struct
from support.venue_stub import START_PRICE, Stub, base_symbols

from tegro.limits import LimitGuard, Limits
from tegro.model import OrderRequest, Side

# The first well-known development key of Hardhat and Anvil; it guards nothing.
KEY: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAIR: Final = "T00-USDC"
OPEN_ORDERS: Final = 100
IN_WINDOW: Final = 1000
MOST_PAIRS: Final = 50
START_LIMIT_SECS: Final = 300.0
MOST_TIMES: Final = 1.0
"""Target of every row: ours is not the slower one."""
MOST_TIMES_OF_A_CHANGE: Final = 1.5
"""More is allowed here: the change goes into an exact book too, each number checked, that orders are held against."""


def tegro(pairs: list[str]) -> ExchangePyBase:
    """Make our connector."""
    return TegroExchange(ADDRESS, KEY, "localnet", trading_pairs=pairs, domain="tegro_localnet")


def binance(pairs: list[str]) -> ExchangePyBase:
    """Make Hummingbot's."""
    return BinanceExchange("key", "secret", trading_pairs=pairs)


MAKERS: Final[dict[str, Callable[[list[str]], ExchangePyBase]]] = {"tegro": tegro, "binance": binance}


class Sample(Struct, frozen=True):
    """What one round took: the figure that counts, and one more that explains it."""

    figure: float
    beside: float


type Samples = dict[str, list[Sample]]


class Table:
    """Prints a row for each subject, and remembers whether every target was met."""

    def __init__(self) -> None:
        self.is_met = True

    def head(self) -> None:
        """Print what the columns are."""
        print(f"{'':62}  {'tegro':>18}  {'binance':>18}  {'ratio':>7}  target")

    def row(self, what: str, found: Samples, most: float = MOST_TIMES) -> None:
        """Print medians of both, what stands beside them, and the median ratio."""
        ratios = [ours.figure / theirs.figure for ours, theirs in zip(found["tegro"], found["binance"], strict=True)]
        ratio = statistics.median(ratios)
        shown = "  ".join(f"{_shown(found[name]):>18}" for name in MAKERS)
        print(f"{what:62}  {shown}  {ratio:7.3f}  {most:.1f} {'met' if ratio <= most else 'MISSED'}", flush=True)
        self.is_met = self.is_met and ratio <= most


def _shown(samples: list[Sample]) -> str:
    figure, beside = (statistics.median(values) for values in zip(*map(_pair, samples), strict=True))
    return f"{figure:,.1f} ({beside:,.0f})"


def _pair(sample: Sample) -> tuple[float, float]:
    return sample.figure, sample.beside


class Bench:
    """Measures against one server."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def started(self, name: str, pairs: int) -> tuple[ExchangePyBase, float]:
        """Return a connector that is ready, and the milliseconds that took."""
        connector = MAKERS[name]([f"{symbol}-USDC" for symbol in base_symbols(pairs)])
        connector._set_current_timestamp(time.time())  # noqa: SLF001
        begun = time.perf_counter()
        await connector.start_network()
        connector.tick(time.time())
        await until(lambda: connector.ready)
        return connector, (time.perf_counter() - begun) * 1000

    async def place(self, connector: ExchangePyBase, count: int) -> Sample:
        """Return the microseconds of one order from `buy()` to open, and of CPU."""
        wall = cpu = 0.0
        for _ in range(count):
            wall_before, cpu_before = time.perf_counter(), time.process_time()
            order_id = connector.buy(PAIR, Decimal("0.01"), OrderType.LIMIT, Decimal(START_PRICE - 100))
            await asyncio.sleep(0)  # the order is tracked from here on
            await connector.in_flight_orders[order_id].wait_until_processed_by_exchange()
            wall += time.perf_counter() - wall_before
            cpu += time.process_time() - cpu_before
        return Sample(wall / count * 1e6, cpu / count * 1e6)

    async def changes(self, name: str, connector: ExchangePyBase, count: int) -> Sample:
        """Return the microseconds of CPU of one change from the socket to the book, and those on the clock.

        The clock also sees the server, which writes the changes in a row while they are read.
        """
        wall_before, cpu_before = time.perf_counter(), time.process_time()
        async with self._session.post(f"{self._url}/flood/{name}/{count}") as answer:
            mark = float((await answer.json())["mark"])
        book = connector.get_order_book(PAIR)
        await until(lambda: book.get_price(False) == mark)
        wall, cpu = time.perf_counter() - wall_before, time.process_time() - cpu_before
        return Sample(cpu / count * 1e6, wall / count * 1e6)

    async def status_cycle(self, name: str) -> Sample:
        """Return the milliseconds of one status cycle of many open orders, and its requests."""
        await self._post("forget")
        connector, _ = await self.started(name, 1)
        await self.place(connector, OPEN_ORDERS)
        await self.requests()
        begun = time.perf_counter()
        await connector._update_order_status()  # noqa: SLF001
        took_ms = (time.perf_counter() - begun) * 1000
        requests = await self.requests()
        await connector.stop_network()
        return Sample(took_ms, requests)

    async def start(self, name: str, pairs: int) -> Sample:
        """Return the milliseconds of one start, and its requests."""
        await self.requests()
        connector, took_ms = await self.started(name, pairs)
        requests = await self.requests()
        await connector.stop_network()
        return Sample(took_ms, requests)

    async def requests(self) -> int:
        """Return how many requests came since the last call."""
        counts: dict[str, int] = await self._post("requests")
        return sum(count for path, count in counts.items() if path != "/requests")

    async def _post(self, path: str) -> dict[str, int]:
        async with self._session.post(f"{self._url}/{path}") as answer:
            found: dict[str, int] = await answer.json()
            return found


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(START_LIMIT_SECS):
        while not condition():  # noqa: ASYNC110  Hummingbot tells nobody
            await asyncio.sleep(0.001)


async def in_turns(rounds: int, work: Callable[[str], Awaitable[Sample]]) -> Samples:
    """Do the same with both, round by round; a round before the first fills caches, unless there is only one."""
    found: Samples = {name: [] for name in MAKERS}
    for round_number in range(rounds if rounds == 1 else rounds + 1):
        for name, samples in found.items():
            sample = await work(name)
            if round_number or rounds == 1:
                samples.append(sample)
    return found


async def measure(url: str, rounds: int) -> bool:
    """Measure everything and print it; return whether every target was met."""
    table = Table()
    table.head()
    async with aiohttp.ClientSession() as session:
        bench = Bench(url, session)
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
        request = await an_order(connectors["tegro"])
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

    tasks = {"tegro": ours, "binance": theirs}
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
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
