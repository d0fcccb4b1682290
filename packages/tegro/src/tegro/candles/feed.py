"""Candles as they grow: history first, then live, with no gap that is not known and nothing twice."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Final, Protocol, Self

import msgspec

from tegro.backoff import Backoff, Sleep
from tegro.candles.candle import Candle, CandleBuilder, SeenTrade, flat_candle, seen
from tegro.candles.history import MAX_CANDLES, now_ms
from tegro.candles.interval import Interval
from tegro.candles.reader import GRACE_SECS, CandleReader, CandleSource, Window
from tegro.candles.spans import Span
from tegro.candles.store import CandleStore
from tegro.candles.waiting import EventOrTime, Moment, StreamSource
from tegro.errors import InvalidInput, NotConnected, RateLimited
from tegro.events import Connected, Disconnected, Lagged, StreamEvent, TradeEvent
from tegro.model import Market, Trade

_log = logging.getLogger(__name__)

_CONFIRM_MS: Final = 5000
"""A silent market is asked about at most this often."""


class LiveSource(CandleSource, StreamSource, Protocol):
    """What is needed of a client to read and follow a market; `AsyncTegro` has it."""


class CandleFeed:
    """Candles of one market: `async for candle in feed`.

    First come the closed candles of the past, then the current one each time it changes, and each candle once more when
    it has closed. Open times never go back, and a closed candle comes once. Where nothing traded a flat candle closes.

    A candle closes only when its time was seen to the end: an event of the stream that arrived afterwards shows that
    nothing is missing before it, or the venue's list of trades is read. After a break of the stream that list is read
    as well. If it does not reach back to the break, the candles of that time are read from the venue's chart when they
    have closed; what is not there either (shorter than 5m) is left out (`missing`), and the open times show the gap.

    A trade counts once, when it was matched; that it settles or fails later changes nothing. One that arrives later
    than `grace_secs` after its candle ended is kept in the store, but the candle does not come again (`late`).

    One reader at a time; a wait for the next candle may be cancelled and repeated. Use it in `async with`, or close it.

    Parameters
    ----------
    client
        Such as `AsyncTegro`. Its stream is opened with the first candle that is asked for.
    market, interval
        What.
    history
        How many closed candles of the past to begin with; fewer come if fewer are known.
    store
        Keeps what is seen. None keeps what is needed in memory.
    grace_secs
        How late a trade may arrive, and how far this machine's clock may be off the venue's.
    clock_ms
        Unix time in milliseconds.
    backoff, sleep, rng
        The waits for the end of a candle and between failed reads; passed in so that a test need not wait.

    Raises
    ------
    InvalidInput
        If `history` is no number of candles that may be read at once.
    """

    def __init__(
        self,
        client: LiveSource,
        market: Market,
        interval: Interval,
        *,
        history: int = 0,
        store: CandleStore | None = None,
        grace_secs: float = GRACE_SECS,
        clock_ms: Callable[[], int] = now_ms,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        if not 0 <= history < MAX_CANDLES:
            raise InvalidInput(f"the candles of the past must be 0 to {MAX_CANDLES - 1}, were {history}")
        self._client = client
        self._market = market
        self._interval = interval
        self._history = history
        self._store = CandleStore() if store is None else store
        self._owns_store = store is None
        self._clock_ms = clock_ms
        self._backoff = backoff or Backoff(first_secs=1.0, cap_secs=30.0)
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._reader = CandleReader(client, market, self._store, clock_ms=clock_ms, grace_secs=grace_secs)
        self._sleep = sleep
        self._events: EventOrTime | None = None
        self._is_closed = False
        self._ready: deque[Candle] = deque()
        self._is_live = False
        self._is_behind = True
        self._failures = 0
        self._ask_at_ms = 0
        self._since_ms = 0
        self._until_ms = 0
        self._seen_ms = 0
        self._told: SeenTrade | None = None
        self._builder: CandleBuilder | None = None
        self._counted: set[str] = set()
        """Ids of the trades that need not be added to the current candle any more."""
        self._is_whole = False
        self._seed: Candle | None = None
        self._close: Decimal | None = None
        self._shown: Candle | None = None
        self.missing = 0
        """Candles left out so far, because not all of their time was seen."""
        self.late = 0
        """Trades that arrived too late for their candle."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[Candle]:
        return self

    async def __anext__(self) -> Candle:
        while not self._ready:
            if not await self._step():
                raise StopAsyncIteration
        return self._ready.popleft()

    @property
    def is_connected(self) -> bool:
        """Whether its stream is connected. While it is not, the candles stand still."""
        return self._is_live

    async def aclose(self) -> None:
        """End the feed: the iteration stops. May be repeated."""
        self._is_closed = True
        self._ready.clear()
        if self._events is not None:
            await self._events.aclose()
        if self._owns_store:
            self._store.close()

    async def _step(self) -> bool:
        """Wait for something to happen and take it in; return whether there can be more.

        It may be cancelled at each wait: what is left to do is in the state, and done by the next step.
        """
        if self._is_closed:
            return False
        if self._events is None:
            self._events = EventOrTime(self._client.stream([self._market]), self._sleep)
        event = await self._events.next(self._wait_secs())
        if event is Moment.END:
            return False
        self._note(event, was_waited_for=self._events.was_waited_for)
        if self._is_live and self._is_behind and self._clock_ms() >= self._ask_at_ms:
            await self._catch_up()
        return True

    def _wait_secs(self) -> float | None:
        """Return after which time to act if nothing happens; None where only an event can help."""
        if not self._is_live:
            return None
        return max(self._due_ms() - self._clock_ms(), 0) / 1000

    def _due_ms(self) -> int:
        if self._is_behind or self._builder is None:
            return self._ask_at_ms
        return max(self._builder.close_time_ms + self._reader.grace_ms, self._ask_at_ms)

    def _note(self, event: StreamEvent | Moment, *, was_waited_for: bool) -> None:
        match event:
            case Connected():
                self._is_live = self._is_behind = True
                self._ask_at_ms = 0
            case Disconnected():
                self._is_live = False
            case Lagged():
                self._is_behind = True
                self._ask_at_ms = 0
            case TradeEvent(trade=trade) if trade.symbol == self._market.symbol:
                self._take(trade, is_update=event.is_update)
        if event is Moment.TIME:
            self._is_behind = self._is_behind or self._clock_ms() >= self._due_ms()
        elif self._is_following:
            if was_waited_for:
                # Nothing else was waiting to be read: all that the venue sent before this has been taken in.
                self._until_ms = max(self._until_ms, self._clock_ms() - self._reader.grace_ms)
            self._close_due()

    @property
    def _is_following(self) -> bool:
        """Whether what the stream brings goes on, without a gap, from what is known."""
        return self._is_live and not self._is_behind

    def _take(self, trade: Trade, *, is_update: bool) -> None:
        observed = None
        if self._is_following:
            # The venue tells in the order of the matches, give or take the grace: what was before this has been told.
            self._seen_ms = max(self._seen_ms, min(trade.timestamp_ms, self._clock_ms()))
            self._until_ms = max(self._until_ms, self._seen_ms - self._reader.grace_ms)
            observed = Span(self._since_ms, max(self._seen_ms, self._until_ms))
        one = seen(trade)
        is_fresh = bool(self._store.add_trades(self._market.id, [one], observed))
        builder = self._builder
        if builder is None:
            return
        is_late = trade.timestamp_ms < builder.open_time_ms
        # What is not fresh may have been kept by another feed of the same store, and is still to be counted here.
        if not is_fresh and (is_late or trade.trade_id in self._counted):
            return
        if self._is_following:
            self._told = one
        if is_late:
            # The second event of a trade that was forgotten meanwhile is not a late trade.
            self.late += not is_update
        elif trade.timestamp_ms < builder.close_time_ms and self._is_following:
            self._counted.add(trade.trade_id)
            builder.add(one)
            self._show(self._current(builder))

    async def _catch_up(self) -> None:
        """Read what the stream has not told, from the candle that is not closed yet on."""
        builder = self._builder
        self._keep_span()
        try:
            if builder is None:
                window = await self._reader.read(self._interval, limit=self._history + 1)
            else:
                window = await self._reader.read(self._interval, start_ms=builder.open_time_ms, told=self._told)
        except (NotConnected, RateLimited) as error:
            self._failures += 1
            wait_secs = self._backoff.delay_secs(self._failures, self._rng)
            self._ask_at_ms = self._clock_ms() + round(wait_secs * 1000)
            _log.warning("candles of %s wait for the venue: %s", self._market.symbol, error)
            return
        self._failures = 0
        self._ask_at_ms = self._clock_ms() + _CONFIRM_MS
        self._is_behind = False
        self._adopt(window)

    def _adopt(self, window: Window) -> None:
        """Hand on the candles that have closed, and go on with the one that has not."""
        open_time_ms = self._interval.floor(window.until_ms)
        in_order = list(zip(window.open_times_ms, window.candles, strict=True))
        closed = [candle for time_ms, candle in in_order if time_ms < open_time_ms]
        if self._builder is None:
            if None in closed:
                # The past begins with the first candle after which all are known.
                closed = closed[len(closed) - closed[::-1].index(None) :]
            closed = closed[max(len(closed) - self._history, 0) :]
        else:
            # A clock that was set back must not bring a candle twice.
            open_time_ms = max(open_time_ms, self._builder.open_time_ms)
            self._count_missing([time_ms for time_ms in window.unseen_ms if time_ms < open_time_ms])
        self._ready.extend(candle for candle in closed if candle is not None)
        self._since_ms, self._until_ms = window.traded_since_ms, window.until_ms
        self._seen_ms = window.until_ms
        if self._told is not None and self._told.timestamp_ms < window.until_ms:
            self._told = None
        last = window.candles[-1] if window.candles else None
        if window.candles:
            self._close = None if last is None else last.close
        self._enter(open_time_ms, None if last is None or last.is_closed else last)

    def _count_missing(self, times_ms: Sequence[int]) -> None:
        if times_ms:
            self.missing += len(times_ms)
            what = f"{len(times_ms)} candles {self._interval} of {self._market.symbol}"
            _log.warning("%s are left out, from the one at %s ms: nobody saw them whole", what, times_ms[0])

    def _enter(self, open_time_ms: int, seed: Candle | None) -> None:
        """Begin a candle: from its trades if all of them were seen, else from what the chart has of it."""
        self._builder = builder = CandleBuilder(self._interval, open_time_ms)
        self._is_whole = self._since_ms <= open_time_ms
        self._seed = None if self._is_whole else seed
        kept = self._store.trades(self._market.id, open_time_ms, builder.close_time_ms)
        self._counted = {trade.trade_id for trade in kept}
        if self._is_whole:
            for trade in kept:
                builder.add(trade)
        self._show(self._current(builder))

    def _current(self, builder: CandleBuilder) -> Candle | None:
        """Return the candle that is not closed; None where not enough of it is known."""
        candle = builder.candle(is_closed=False)
        if self._is_whole or self._seed is None or candle is None:
            return candle if self._is_whole else self._seed
        # The chart may already count a trade that the stream brings: prices do not mind, volumes would.
        return msgspec.structs.replace(
            self._seed,
            high=max(self._seed.high, candle.high),
            low=min(self._seed.low, candle.low),
            close=candle.close,
            base_volume=None,
            quote_volume=None,
            trades=None,
        )

    def _show(self, candle: Candle | None) -> None:
        if candle is not None and candle != self._shown:
            self._shown = candle
            self._ready.append(candle)

    def _close_due(self) -> None:
        while self._builder is not None and self._builder.close_time_ms <= self._until_ms:
            if not self._is_whole:
                self._is_behind = True
                self._ask_at_ms = 0
                return
            ended = self._builder
            candle = ended.candle(is_closed=True)
            if candle is None and self._close is not None:
                candle = flat_candle(self._interval, ended.open_time_ms, self._close, is_closed=True)
            if candle is not None:
                self._close = candle.close
                self._ready.append(candle)
            self._keep_span()
            self._enter(ended.close_time_ms, None)

    def _keep_span(self) -> None:
        """Say in the store up to when every trade was seen, and forget what only this feed has kept."""
        market_id = self._market.id
        self._store.add_trades(market_id, [], Span(self._since_ms, max(self._seen_ms, self._until_ms)))
        if self._owns_store and self._builder is not None:
            # The last trade before the current candle stays: a flat candle takes its price.
            last = self._store.last_trade_before(market_id, self._builder.open_time_ms)
            if last is not None:
                self._store.forget_trades_before(market_id, last.timestamp_ms)
