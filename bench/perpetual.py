"""What the perpetual venue and its client cost: risk check, mark price, orders over HTTP, placing beside a bare POST.

The engine is measured alone, in processor time. Orders over HTTP go through loopback to a venue in a process of its
own; all of them are limits that take what is there or expire, so that no order costs more than the one before. A bare
POST sends an order that was signed before; `AsyncPerpetual.place` builds, checks, signs, posts and decodes.
Their rounds take turns, and the ratio is the median of the ratios inside each round. Exits with 3 if a target is
missed.
"""

import argparse
import asyncio
import contextlib
import gc
import itertools
import multiprocessing
import random
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Final

import aiohttp
from aiohttp import web
from support.exit_status import exit_status

from tegro.model import Side
from tegro.perpetual import Accepted, ApiKey, AsyncPerpetual, PerpetualOrderRequest, TimeInForce, load_perpetual
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.engine import PerpetualEngine
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.venue import PerpetualVenue

MOST_RISK_CHECK_US: Final = 100.0
MOST_TICK_MS: Final = 500.0
LEAST_ORDERS_PER_SECOND: Final = 1_000.0
MOST_TIMES_THE_BARE_POST: Final = 1.6
POSITIONS: Final = 10_000
OPEN_ORDERS: Final = 20
CONNECTIONS: Final = 8
SYMBOL: Final = "ETHUSDT"
START_MS: Final = 1_700_000_000_000
E8: Final = 10**8
E18: Final = 10**18
LONG_WINDOW_MS: Final = 60_000


class Bench:
    """An engine with accounts that hold one position each, half of them long."""

    def __init__(self, positions: int) -> None:
        self.engine = PerpetualEngine(now_ms=START_MS)
        self.now_ms = START_MS
        self.price_e18 = self.engine.state.market(SYMBOL).mark_e18
        self.accounts = [self._funded() for _ in range(positions)]
        for seller, buyer in itertools.batched(self.accounts, 2):
            self.place(seller, Side.SELL)
            self.place(buyer, Side.BUY)
        held = sum(len(list(account.held())) for account in self.engine.state.accounts.values())
        assert held == positions, f"{held} positions instead of {positions}"

    def place(self, account_id: int, side: Side, *, below_parts: int = 0, is_test: bool = False) -> None:
        """Place a limit order of one coin, some hundredths below the price."""
        tick_e18 = self.engine.state.market(SYMBOL).contract.tick_e18
        price_e18 = self.price_e18 * (100 - below_parts) // 100 // tick_e18 * tick_e18
        command = c.PlaceOrder(
            account_id=account_id, symbol=SYMBOL, side=side, price_e18=price_e18, quantity_e8=E8, is_test=is_test
        )
        self.engine.apply(command, self.now_ms)

    def tick(self) -> None:
        """Let a second pass: samples, mark prices, and the margin of everybody."""
        self.now_ms += 1000
        self.engine.apply(c.Tick(), self.now_ms)

    def _funded(self) -> int:
        account_id: int = self.engine.apply(c.OpenAccount(), self.now_ms)
        self.engine.apply(c.Transfer(account_id=account_id, amount_e8=10**6 * E8), self.now_ms)
        return account_id


def milliseconds(work: Callable[[], None], rounds: int) -> float:
    """Return the median processor time of a piece of work."""
    gc.collect()
    times = []
    for _ in range(rounds):
        start_ns = time.process_time_ns()
        work()
        times.append((time.process_time_ns() - start_ns) / 1e6)
    return statistics.median(times)


def risk_check_us(rounds: int) -> float:
    """Return what all checks of an order cost for an account with a position and some open orders."""
    bench = Bench(2)
    own = bench.accounts[1]
    for _ in range(OPEN_ORDERS):
        bench.place(own, Side.BUY, below_parts=2)

    def check() -> None:
        for _ in range(1000):
            bench.place(own, Side.BUY, below_parts=2, is_test=True)

    return milliseconds(check, rounds)


async def serve(listener: socket.socket) -> None:
    """Be the venue until the process is ended."""
    venue = PerpetualVenue(PerpetualConfig(), lambda: time.time_ns() // 10**6, random.Random(1))
    application = web.Application()
    application.add_routes(PerpetualDoors(venue).routes())
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    await venue.run()


@contextlib.contextmanager
def running_venue() -> Iterator[str]:
    """Run a venue in a process of its own and give its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        work = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(serve(listener)), daemon=True)
        work.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            work.terminate()
            work.join()


class Trader:
    """One account, its client, and bare requests of the same kind."""

    def __init__(self, url: str, session: aiohttp.ClientSession, key: ApiKey, request: PerpetualOrderRequest) -> None:
        self._url = f"{url}/fapi/v1/order"
        self._session = session
        self._key = key
        self._request = request

    def signed(self, count: int) -> list[str]:
        """Return the bodies of that many orders."""
        request = self._request
        values = {
            "symbol": SYMBOL,
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "IOC",
            "quantity": str(request.quantity),
            "price": str(request.price),
        }
        now_ms = time.time_ns() // 10**6
        return [self._key.signed(values, timestamp_ms=now_ms, recv_window_ms=LONG_WINDOW_MS) for _ in range(count)]

    async def post(self, body: str) -> None:
        """Send one order that was signed before."""
        headers = {"X-MBX-APIKEY": self._key.key, "Content-Type": "application/x-www-form-urlencoded"}
        async with self._session.post(self._url, data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()


@contextlib.asynccontextmanager
async def trader_at(url: str) -> AsyncIterator[tuple[Trader, Callable[[], Awaitable[None]]]]:
    """Open an account; give it with what places one order through the client."""
    environment = load_perpetual("localnet", env={"TEGRO_PERPETUAL_LOCALNET_REST_URL": url})
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/localnet/perpetual/api-keys") as answer:
            opened = await answer.json()
        key = ApiKey(opened["apiKey"], opened["apiSecret"])
        async with AsyncPerpetual(environment, api_key=key, session=session) as client:
            contract = await client.contract(SYMBOL)
            price = (await client.mark_price(SYMBOL)).mark.quantize(Decimal(1)) - 100
            request = PerpetualOrderRequest(
                contract=contract, side=Side.BUY, quantity=Decimal(1), price=price, time_in_force=TimeInForce.IOC
            )

            async def place() -> None:
                assert isinstance(await client.place(request), Accepted)

            yield Trader(url, session, key, request), place


async def over_http(url: str, rounds: int, count: int) -> tuple[float, float, float, float]:
    """Return orders a second, microseconds of a placed order and of a bare one, and the ratio of these two."""
    async with trader_at(url) as (trader, place):
        bodies = iter(trader.signed(CONNECTIONS * count))

        async def send() -> None:
            for body in bodies:
                await trader.post(body)

        start_ns = time.perf_counter_ns()
        await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
        per_second = CONNECTIONS * count * 1e9 / (time.perf_counter_ns() - start_ns)
        placed, bare = [], []
        for round_number in range(rounds + 1):
            signed = trader.signed(count)
            start_ns = time.perf_counter_ns()
            for _ in range(count):
                await place()
            middle_ns = time.perf_counter_ns()
            for body in signed:
                await trader.post(body)
            if round_number:  # the first round fills caches
                placed.append((middle_ns - start_ns) / count / 1000)
                bare.append((time.perf_counter_ns() - middle_ns) / count / 1000)
    ratio = statistics.median(ours / theirs for ours, theirs in zip(placed, bare, strict=True))
    return per_second, statistics.median(placed), statistics.median(bare), ratio


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--count", type=int, default=100, help="orders of each candidate in a round")
    options = arguments.parse_args()
    with running_venue() as url:
        per_second, placed_us, bare_us, ratio = asyncio.run(over_http(url, options.rounds, options.count))
    check_us = risk_check_us(options.rounds)
    tick_ms = milliseconds(Bench(POSITIONS).tick, options.rounds)
    rows = [
        (f"all checks of an order, {OPEN_ORDERS} open orders, us", check_us, "at most", MOST_RISK_CHECK_US),
        (f"tick of the mark price, {POSITIONS:,} positions, ms", tick_ms, "at most", MOST_TICK_MS),
        ("orders a second over HTTP", per_second, "at least", LEAST_ORDERS_PER_SECOND),
        ("AsyncPerpetual.place beside a bare POST", ratio, "at most", MOST_TIMES_THE_BARE_POST),
    ]
    missed = 0
    print(f"AsyncPerpetual.place {placed_us:,.0f} us, bare POST {bare_us:,.0f} us")
    for name, value, bound, target in rows:
        is_met = value <= target if bound == "at most" else value >= target
        missed += not is_met
        print(f"{value:>10,.2f}  {name}: {bound} {target:,} {'met' if is_met else 'MISSED'}")
    return exit_status(is_met=not missed)


if __name__ == "__main__":
    sys.exit(main())
