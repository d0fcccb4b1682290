"""Shared helpers: an engine with named traders, in human units."""

import asyncio
import json
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from aiohttp import web

from tegro.model import Side
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.contract import DEFAULT_CONTRACTS
from tegro_localnet.perpetual.engine.engine import PerpetualEngine
from tegro_localnet.perpetual.engine.events import Event
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.liquidation_price import liquidation_price_e18
from tegro_localnet.perpetual.engine.margin import AccountMargin, account_margin
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.terms import MarginType, OrderType, PositionSide, TimeInForce
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.venue import PerpetualVenue

START_MS = 1_700_000_000_000
E8, E18 = 10**8, 10**18


class Bench:
    """An engine at work. BTCUSDT begins at 50000; quantities, prices and amounts are human numbers as text."""

    def __init__(self, **options: Any) -> None:
        self.events: list[Event] = []
        self.now_ms = START_MS
        contracts = [
            msgspec.structs.replace(contract, start_price_e18=50_000 * E18) if contract.base == "BTC" else contract
            for contract in DEFAULT_CONTRACTS
        ]
        self.engine = PerpetualEngine(contracts=contracts, now_ms=START_MS, listener=self.events.append, **options)
        self.state = self.engine.state

    def do(self, command: c.Command) -> Any:
        return self.engine.apply(command, self.now_ms)

    def tick(self, milliseconds: int = 1000) -> None:
        self.now_ms += milliseconds
        self.do(c.Tick())

    def account(self, amount: str = "0", *, hedge: bool = False, isolated: str | None = None) -> int:
        account_id: int = self.do(c.OpenAccount())
        self.do(c.Transfer(account_id=account_id, amount_e8=e8(amount)))
        if hedge:
            self.do(c.SetPositionMode(account_id=account_id, is_hedge=True))
        if isolated:
            self.do(c.SetMarginType(account_id=account_id, symbol=isolated, margin_type=MarginType.ISOLATED))
        return account_id

    def place(
        self, account_id: int, side: str, quantity: str, price: str | None = None, symbol: str = "BTCUSDT", **more: Any
    ) -> Order:
        more.setdefault("type", OrderType.MARKET if price is None else OrderType.LIMIT)
        if "tif" in more:
            more["time_in_force"] = TimeInForce(more.pop("tif"))
        command = c.PlaceOrder(
            account_id=account_id,
            symbol=symbol,
            side=Side(side),
            price_e18=e18(price or "0"),
            quantity_e8=e8(quantity),
            **{name: PositionSide(value) if name == "position_side" else value for name, value in more.items()},
        )
        return self.do(command).order

    def trade(self, buyer: int, seller: int, quantity: str, price: str, **sides: str) -> None:
        """Let two accounts trade at a price; `buyer_side` and `seller_side` name their position sides."""
        self.place(seller, "sell", quantity, price, position_side=sides.get("seller_side", "BOTH"))
        self.place(buyer, "buy", quantity, price, position_side=sides.get("buyer_side", "BOTH"))

    def index(self, price: str, symbol: str = "BTCUSDT") -> None:
        self.do(c.SetIndex(symbol=symbol, price_e18=e18(price)))

    def fund_at(self, rate: str, interval_ms: int = 60_000, symbol: str = "BTCUSDT") -> None:
        terms = FundingTerms(interval_ms=interval_ms, fixed_rate_e8=e8(rate))
        self.do(c.SetFunding(symbol=symbol, terms=terms))

    def position(self, account_id: int, side: str = "BOTH", symbol: str = "BTCUSDT") -> Position:
        return self.state.accounts[account_id].position(symbol, PositionSide(side))

    def margin(self, account_id: int) -> AccountMargin:
        return account_margin(self.state.accounts[account_id], self.state.markets)

    def liquidation_price(self, account_id: int, side: str = "BOTH", symbol: str = "BTCUSDT") -> Decimal:
        account = self.state.accounts[account_id]
        price = liquidation_price_e18(account, self.state.markets, self.position(account_id, side, symbol))
        return Decimal(price).scaleb(-18)

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def e8(text: str) -> int:
    return int(Decimal(text).scaleb(8))


def e18(text: str) -> int:
    return int(Decimal(text).scaleb(18))


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(scope="session")
def new_bench() -> Callable[..., Bench]:
    return Bench


class RunningVenue:
    """A perpetual venue on a socket, in a thread of its own, so that clients of every kind can be tried on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.venue: PerpetualVenue
        self._runner: web.AppRunner
        self._clock: asyncio.Task[None]
        self.port: int = self.call(self._start())

    def call[T](self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()

    def do(self, command: c.Command) -> Any:
        """Give the engine a command in its own thread."""

        async def carry_out() -> Any:
            return self.venue.apply(command)

        return self.call(carry_out())

    def post(self, path: str, body: dict[str, Any]) -> Any:
        url = f"http://127.0.0.1:{self.port}/localnet/perpetual/{path}"
        with urlopen(Request(url, json.dumps(body).encode(), method="POST")) as answer:
            return json.load(answer)

    def new_key(self, deposit: str = "100000") -> Any:
        return self.post("api-keys", {"deposit": deposit})

    def stop(self) -> None:
        async def end() -> None:
            self._clock.cancel()
            await asyncio.gather(self._clock, return_exceptions=True)
            await self._doors.sockets.close_all()
            await self._runner.cleanup()

        self.call(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> int:
        self.venue = PerpetualVenue(PerpetualConfig(), lambda: time.time_ns() // 10**6, random.Random(7))
        self._doors = PerpetualDoors(self.venue)
        application = web.Application()
        application.add_routes(self._doors.routes())
        self._runner = web.AppRunner(application, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._clock = asyncio.create_task(self.venue.run())
        return self._runner.addresses[0][1]


@pytest.fixture(scope="session")
def a_venue() -> Callable[[], AbstractContextManager[RunningVenue]]:
    """Return what starts a venue and stops it at the end of the block."""

    @contextmanager
    def start() -> Iterator[RunningVenue]:
        running = RunningVenue()
        yield running
        running.stop()

    return start


@pytest.fixture(scope="module")
def running_venue(a_venue: Callable[[], AbstractContextManager[RunningVenue]]) -> Iterator[RunningVenue]:
    with a_venue() as running:
        yield running


@pytest.fixture(scope="session")
def until() -> Callable[..., Awaitable[Any]]:
    """Return a helper that asks again and again until the answer is true, or a deadline has passed."""

    async def wait(ask: Callable[[], Any], what: str, deadline_secs: float = 60) -> Any:
        async with asyncio.timeout(deadline_secs):
            while True:
                found = ask()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.05)
        raise AssertionError(what)

    return wait
