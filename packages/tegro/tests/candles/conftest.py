"""Shared: a clock that a test moves, and a venue in this process whose list of trades and stream a test decides."""

import asyncio
import random
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
import pytest
from candle_follower import M1, START_MS, Follower

from tegro.candles import CandleFeed
from tegro.errors import Refused
from tegro.events import Connected, Disconnected, Lagged, StreamEvent, TradeEvent
from tegro.model import PRICE_DECIMALS, ChartBar, Market, Trade, TradeState, unscaled
from tegro_localnet.chart import ALL_INTERVALS, DEFAULT_INTERVALS, MarketChart

DEADLINE_SECS = 20


class Clock:
    """Time that moves only when told to."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self._sleepers: dict[asyncio.Future[None], int] = {}

    def __call__(self) -> int:
        return self.now_ms

    @property
    def sleepers(self) -> int:
        return sum(not sleeper.done() for sleeper in self._sleepers)

    def wakes(self) -> list[int]:
        """Return when somebody wants to be woken."""
        return [wake_ms for sleeper, wake_ms in self._sleepers.items() if not sleeper.done()]

    async def sleep(self, delay_secs: float) -> None:
        if delay_secs <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        self._sleepers[woken] = self.now_ms + round(delay_secs * 1000)
        try:
            await woken
        finally:
            del self._sleepers[woken]

    def move_to(self, now_ms: int) -> None:
        self.now_ms = now_ms
        for sleeper, wake_ms in self._sleepers.items():
            if wake_ms <= now_ms and not sleeper.done():
                sleeper.set_result(None)


class Stream:
    """A stream whose events a test sends."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[StreamEvent | Exception | None] = asyncio.Queue()
        self.is_waited_for = False
        self.is_closed = False

    def send(self, event: StreamEvent) -> None:
        self.is_waited_for = False
        self._events.put_nowait(event)

    def __aiter__(self) -> "Stream":
        return self

    def fail(self, error: Exception) -> None:
        self._events.put_nowait(error)

    async def __anext__(self) -> StreamEvent:
        self.is_waited_for = self._events.empty()
        event = await self._events.get()
        if event is None:
            raise StopAsyncIteration
        if isinstance(event, Exception):
            raise event
        return event

    async def aclose(self) -> None:
        self.is_closed = True
        self._events.put_nowait(None)


class FakeVenue:
    """A venue: matches make its list of trades, its chart (the one of localnet) and the events of its stream."""

    def __init__(self, market: Market, clock: Clock) -> None:
        self.market = market
        self.clock = clock
        self.trades: list[Trade] = []
        self.has_volume = False
        self.trades_shown = 500
        self.is_oldest_first = False
        self.failures: list[Exception] = []
        """Raised by the next reads, one each."""
        self.chart_failures: list[Exception] = []
        self.chart_requests: list[tuple[int, int, int]] = []
        self.trade_requests = 0
        self.is_range_ignored = False
        self.shift_ms = 0
        """How far the weeks of the chart are off Monday."""
        self.streams: list[Stream] = []
        self.is_connected = False
        self._is_told_connected = False
        self._chart = MarketChart(ALL_INTERVALS)

    def match(self, price: str, quantity: str = "1", *, time_ms: int | None = None, is_told: bool = True) -> Trade:
        """Let two orders match, now unless told otherwise; the stream hears of it if it is connected."""
        trade = self._trade(price, quantity, self.clock.now_ms if time_ms is None else time_ms)
        self.trades.append(trade)
        self._chart.record(
            trade.timestamp_ms, int(trade.price.scaleb(PRICE_DECIMALS)), int(trade.quantity.scaleb(PRICE_DECIMALS))
        )
        if is_told and self.is_connected:
            self.tell(trade)
        return trade

    def _trade(self, price: str, quantity: str, timestamp_ms: int) -> Trade:
        return Trade(
            trade_id=f"t{len(self.trades)}",
            symbol=self.market.symbol,
            price=Decimal(price),
            quantity=Decimal(quantity),
            state=TradeState.PENDING,
            is_buyer_maker=True,
            maker="",
            taker="",
            maker_fee=Decimal(0),
            taker_fee=Decimal(0),
            tx_hash=None,
            timestamp_ms=timestamp_ms,
        )

    def tell(self, trade: Trade, *, is_update: bool = False) -> None:
        self.streams[-1].send(TradeEvent(trade, is_update=is_update))

    def tell_of_other_market(self, price: str) -> None:
        self.tell(msgspec.structs.replace(self._trade(price, "1", self.clock.now_ms), symbol="DAI_USDT"))

    def connect(self) -> None:
        self.is_connected = self._is_told_connected = True
        self.streams[-1].send(Connected(1))

    def cut(self, *, is_noticed: bool = True) -> None:
        self.is_connected = False
        if is_noticed:
            self._is_told_connected = False
            self.streams[-1].send(Disconnected("cut"))

    def lag(self) -> None:
        self.streams[-1].send(Lagged(1))

    async def public_trades(self, symbol: str, *, limit: int = 50) -> list[Trade]:
        assert symbol == self.market.id
        self.trade_requests += 1
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        shown = min(limit, self.trades_shown, len(self.trades))
        latest = self.trades[len(self.trades) - shown :]
        return latest if self.is_oldest_first else latest[::-1]

    async def chart(self, symbol: str, *, interval_secs: int, start_ms: int, end_ms: int) -> list[ChartBar]:
        assert symbol == self.market.id
        self.chart_requests.append((interval_secs, start_ms, end_ms))
        await asyncio.sleep(0)
        if self.chart_failures:
            raise self.chart_failures.pop(0)
        if interval_secs not in DEFAULT_INTERVALS:
            raise Refused("HTTP 400: interval", status=400)
        shift_ms = self.shift_ms if interval_secs == 604_800 else 0
        if self.is_range_ignored:
            start_ms, end_ms = 10**9, 10**14
        bars = self._chart.bars(interval_secs, start_ms - shift_ms, end_ms - shift_ms)
        return [
            ChartBar(
                open_time_ms=bar.open_secs * 1000 + shift_ms,
                open=unscaled(bar.open_e18, PRICE_DECIMALS),
                high=unscaled(bar.high_e18, PRICE_DECIMALS),
                low=unscaled(bar.low_e18, PRICE_DECIMALS),
                close=unscaled(bar.close_e18, PRICE_DECIMALS),
                base_volume=unscaled(bar.base_wei, PRICE_DECIMALS) if self.has_volume else None,
                quote_volume=unscaled(bar.value, 2 * PRICE_DECIMALS) if self.has_volume else None,
            )
            for bar in reversed(bars)
        ]

    def stream(self, markets: Iterable[Market] = ()) -> Stream:
        assert list(markets) == [self.market]
        self.streams.append(Stream())
        return self.streams[-1]

    async def settled(self) -> None:
        """Wait until whoever reads the stream has nothing left to do."""
        async with asyncio.timeout(DEADLINE_SECS):
            # Reading the store happens in a thread, so there is no event to wait for.
            while not self._is_idle():  # noqa: ASYNC110
                await asyncio.sleep(0)

    def _is_idle(self) -> bool:
        # Without a connection the reader waits for nothing but the stream.
        is_waiting = bool(self.clock.sleepers) or not self._is_told_connected
        return bool(self.streams) and self.streams[-1].is_waited_for and is_waiting


@pytest.fixture
def make_clock() -> Callable[[int], Clock]:
    return Clock


@pytest.fixture
def make_venue(market: Market) -> Callable[[Clock], FakeVenue]:
    return lambda clock: FakeVenue(market, clock)


@pytest.fixture
def clock(make_clock):
    return make_clock(START_MS)


@pytest.fixture
def venue(make_venue, clock):
    return make_venue(clock)


@pytest.fixture
def follow(venue, clock):
    """Start a feed whose candles are kept, and wait for its end."""

    @asynccontextmanager
    async def start(interval=M1, **options):
        options = {"clock_ms": clock, "sleep": clock.sleep, "rng": random.Random(7)} | options
        feed = CandleFeed(venue, venue.market, interval, **options)
        follower = Follower(venue, feed)
        async with feed:
            yield follower
        async with asyncio.timeout(DEADLINE_SECS):
            await asyncio.wait({follower.task})

    return start
