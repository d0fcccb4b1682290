"""What the venue and the store together know of a market's past, as candles; nothing else is shown.

Two things are evidence. Every trade of a time was seen: its candles are built from the trades. Or the venue's chart was
read for a time: its bars are taken, or made up to larger ones. Where a time was seen without a break and nothing traded
in it, its candle is flat at the close before. A time that nobody has seen has no candle.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final, Protocol

from msgspec import Struct

from tegro.candles.candle import Candle, SeenTrade, candles_from_candles, candles_of_sorted, flat_candle, seen
from tegro.candles.interval import VENUE_INTERVALS, Interval
from tegro.candles.spans import Span, Spans
from tegro.candles.store import CandleStore
from tegro.errors import BadReply, RateLimited, Refused
from tegro.model import ChartBar, Market, Trade

_log = logging.getLogger(__name__)

GRACE_SECS: Final = 1.0
"""How long after a moment its trades may still arrive; also how far this machine's clock may be off the venue's."""
TRADES_LIMIT: Final = 500
"""Public trades asked for; the venue may give fewer."""
_CHART_ROWS: Final = 2880
"""Bars asked for at once: the ten days of 5m that the venue's web page asks for (protocol 10)."""
_CHART_SETTLE_MS: Final = 60_000
"""A chart may be drawn with a delay: a bar is kept for good only when it has ended this long ago."""


class CandleSource(Protocol):
    """What is needed of a client to read the past; `AsyncTegro` has it. Markets are named by symbol or id."""

    async def public_trades(self, symbol: str, *, limit: int = ...) -> list[Trade]:
        """Return a market's latest trades."""
        ...

    async def chart(self, symbol: str, *, interval_secs: int, start_ms: int, end_ms: int) -> list[ChartBar]:
        """Return a market's chart bars that open from one moment to another, both included."""
        ...


class Window(Struct, frozen=True, kw_only=True):
    """Candles without a break in their times; None is one of which not all was seen, or that has no price yet."""

    open_times_ms: Sequence[int]
    candles: Sequence[Candle | None]
    unseen_ms: Sequence[int]
    """Open times of those of which not all was seen."""
    until_ms: int
    """Up to when everything was seen that the window shows."""
    traded_since_ms: int
    """From when on, up to `until_ms`, every trade was seen."""


class _Chart(Struct, frozen=True):
    """What the venue's chart says: its own bars, and the times that they cover."""

    bars: Sequence[Candle] = ()
    spans: Spans = Spans()


class CandleReader:
    """Reads a market's past from a client into a store, and candles out of it.

    Parameters
    ----------
    source
        The client.
    market
        Whose trades.
    store
        Where they are kept.
    clock_ms
        Unix time in milliseconds.
    grace_secs
        See `GRACE_SECS`.
    """

    def __init__(
        self,
        source: CandleSource,
        market: Market,
        store: CandleStore,
        *,
        clock_ms: Callable[[], int],
        grace_secs: float = GRACE_SECS,
    ) -> None:
        self._source = source
        self._market = market
        self._store = store
        self._clock_ms = clock_ms
        self._silent_ms: int | None = None
        self.grace_ms: Final = round(grace_secs * 1000)

    async def read(
        self,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 1,
        told: SeenTrade | None = None,
    ) -> Window:
        """Return the candles that open before a moment, read from the venue as far as the store lacks them.

        Parameters
        ----------
        interval
            Length of the candles.
        start_ms
            The first candle is the one that holds this moment. None goes by `limit`.
        end_ms
            The candles open before this moment; None, or a moment to come, means now.
        limit
            Without `start_ms`: how many candles, back from the last one.
        told
            The last trade of an unbroken stream, if there was one. A list that holds it goes on where the stream ended.

        Raises
        ------
        NotConnected, RateLimited, Refused, BadReply
            If the venue did not give its public trades.
        StoreFailure
            If the store cannot be used.
        """
        until_ms = await self._read_trades(told)
        end_ms = until_ms if end_ms is None else min(end_ms, until_ms)
        open_times_ms = _open_times(interval, start_ms, end_ms, limit)
        traded = self._store.traded_spans(self._market.id)
        unseen = [time_ms for time_ms in open_times_ms if not _is_seen(traded, interval, time_ms, until_ms)]
        chart = _Chart()
        if unseen:
            chart = await self._read_chart(interval, unseen[0], interval.next(unseen[-1]), until_ms)
        candles = await asyncio.to_thread(self._compose, interval, open_times_ms, until_ms, traded, chart)
        recent = traded.around(until_ms)
        return Window(
            open_times_ms=open_times_ms,
            candles=candles,
            unseen_ms=[time_ms for time_ms in unseen if not _is_seen(chart.spans, interval, time_ms, until_ms)],
            until_ms=until_ms,
            traded_since_ms=until_ms if recent is None else recent.start_ms,
        )

    async def _read_trades(self, told: SeenTrade | None) -> int:
        """Take the venue's latest trades into the store; return up to when every trade was seen."""
        until_ms = self._clock_ms() - self.grace_ms
        trades = _oldest_first(await self._source.public_trades(self._market.id, limit=TRADES_LIMIT))
        # The list may end in the middle of a millisecond, and it says nothing of what was before.
        since_ms = trades[0].timestamp_ms + 1 if trades else self._silent_since_ms(until_ms)
        if told is not None and told.trade_id in {trade.trade_id for trade in trades}:
            since_ms = min(since_ms, told.timestamp_ms)
        self._store.add_trades(self._market.id, trades, Span(since_ms, until_ms))
        return until_ms

    def _silent_since_ms(self, until_ms: int) -> int:
        """Return since when nothing has traded, if the venue shows no trade."""
        if self._store.last_trade_before(self._market.id, until_ms) is not None:
            # There were trades, so the venue has forgotten them: what else it has forgotten nobody knows.
            return until_ms
        # None now, and none when this was last asked: one of the time between would be in the list.
        since_ms = until_ms if self._silent_ms is None else self._silent_ms
        self._silent_ms = until_ms
        return since_ms

    async def _read_chart(self, interval: Interval, start_ms: int, end_ms: int, until_ms: int) -> _Chart:
        """Read the chart by the longest of the venue's intervals that make up the wanted one."""
        for served in reversed(VENUE_INTERVALS):
            if served.divides(interval):
                try:
                    return await self._read_served(served, start_ms, end_ms, until_ms)
                except RateLimited:
                    raise
                except (Refused, BadReply) as error:
                    _log.warning("no chart of %s by %s: %s", self._market.symbol, served, error)
        return _Chart()

    async def _read_served(self, served: Interval, start_ms: int, end_ms: int, until_ms: int) -> _Chart:
        market_id = self._market.id
        start_ms = max(start_ms, 0)
        spans = self._store.charted_spans(market_id, served)
        lookback_ms = max(served.shift(start_ms, -_CHART_ROWS), 0)
        known = spans.around(start_ms)
        since_ms = start_ms if known is None else known.end_ms
        bars = await self._bars(served, since_ms, end_ms, until_ms)
        if known is None:
            if not bars or bars[0].open_time_ms > start_ms:
                bars = await self._bars(served, lookback_ms, start_ms, until_ms) + bars
            since_ms = bars[0].open_time_ms if bars else end_ms
        settled_ms = served.floor(min(end_ms, until_ms - _CHART_SETTLE_MS))
        settled = [bar for bar in bars if bar.close_time_ms <= settled_ms]
        self._store.add_bars(market_id, served, settled, Span(since_ms, settled_ms))
        kept = self._store.bars(market_id, served, lookback_ms, end_ms)
        return _Chart(
            bars=list({bar.open_time_ms: bar for bar in (*kept, *bars)}.values()),
            spans=spans | Spans([Span(since_ms, min(end_ms, until_ms))]),
        )

    async def _bars(self, served: Interval, start_ms: int, end_ms: int, until_ms: int) -> list[Candle]:
        """Return the chart's bars that open from one moment up to another, sorted, in requests of a size that works."""
        interval_secs = (served.step_ms or 0) // 1000
        found: dict[int, Candle] = {}
        while start_ms < end_ms:
            stop_ms = min(served.shift(start_ms, _CHART_ROWS), end_ms)
            rows = await self._source.chart(
                self._market.id, interval_secs=interval_secs, start_ms=start_ms, end_ms=stop_ms - 1
            )
            for row in rows:
                if start_ms <= row.open_time_ms < stop_ms:
                    found[row.open_time_ms] = _candle_of(row, served, until_ms)
            start_ms = stop_ms
        return sorted(found.values(), key=attrgetter("open_time_ms"))

    def _compose(
        self, interval: Interval, open_times_ms: Sequence[int], until_ms: int, traded: Spans, chart: _Chart
    ) -> list[Candle | None]:
        """Build every candle of which everything is known. Runs in a thread: there may be many trades."""
        if not open_times_ms:
            return []
        start_ms, end_ms = open_times_ms[0], interval.next(open_times_ms[-1])
        trades = self._store.trades(self._market.id, start_ms, end_ms)
        by_trades = _by_time(candles_of_sorted(trades, interval, until_ms=until_ms))
        by_chart = _by_time(candles_from_candles(chart.bars, interval, until_ms=until_ms))
        composed: list[Candle | None] = []
        close: Decimal | None = None
        for time_ms in open_times_ms:
            candle: Candle | None = None
            is_traded = _is_seen(traded, interval, time_ms, until_ms)
            if is_traded or _is_seen(chart.spans, interval, time_ms, until_ms):
                candle = (by_trades if is_traded else by_chart).get(time_ms)
                if candle is None:
                    close = self._close_before(time_ms, traded, chart) if close is None else close
                    candle = _flat_or_none(interval, time_ms, close, until_ms)
            close = None if candle is None else candle.close
            composed.append(candle)
        return composed

    def _close_before(self, time_ms: int, traded: Spans, chart: _Chart) -> Decimal | None:
        """Return the last price before a moment, if nothing between that price and the moment was missed."""
        span = traded.around(time_ms)
        if span is not None:
            trade = self._store.last_trade_before(self._market.id, time_ms)
            # The trade just before a span is the one that begins it.
            if trade is not None and trade.timestamp_ms >= span.start_ms - 1:
                return trade.price
        span = chart.spans.around(time_ms)
        since_ms = time_ms if span is None else span.start_ms
        earlier = [bar for bar in chart.bars if since_ms <= bar.open_time_ms < time_ms]
        return max(earlier, key=attrgetter("open_time_ms")).close if earlier else None


def _open_times(interval: Interval, start_ms: int | None, end_ms: int, limit: int) -> list[int]:
    first_ms = interval.shift(end_ms - 1, 1 - limit) if start_ms is None else interval.floor(start_ms)
    times: list[int] = []
    while first_ms < end_ms:
        times.append(first_ms)
        first_ms = interval.next(first_ms)
    return times


def _is_seen(spans: Spans, interval: Interval, open_time_ms: int, until_ms: int) -> bool:
    return spans.cover(open_time_ms, min(interval.next(open_time_ms), until_ms))


def _oldest_first(trades: Sequence[Trade]) -> list[SeenTrade]:
    """Sort trades by time. Those of one millisecond keep the list's order, turned if the list runs backwards.

    The venue does not say how it orders them; a list whose times do not tell is taken to have the newest first.
    """
    listed = [seen(trade) for trade in trades]
    if listed and listed[0].timestamp_ms >= listed[-1].timestamp_ms:
        listed.reverse()
    return sorted(listed, key=attrgetter("timestamp_ms"))


def _candle_of(row: ChartBar, served: Interval, until_ms: int) -> Candle:
    open_time_ms = row.open_time_ms
    if served.floor(open_time_ms) != open_time_ms:
        raise BadReply(f"the chart has a bar of {served} at {open_time_ms} ms, where none of {served} begins")
    close_time_ms = served.next(open_time_ms)
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=close_time_ms,
        open=row.open,
        high=row.high,
        low=row.low,
        close=row.close,
        base_volume=row.base_volume,
        quote_volume=row.quote_volume,
        trades=None,
        is_closed=close_time_ms <= until_ms,
    )


def _by_time(candles: Iterable[Candle]) -> dict[int, Candle]:
    return {candle.open_time_ms: candle for candle in candles}


def _flat_or_none(interval: Interval, open_time_ms: int, close: Decimal | None, until_ms: int) -> Candle | None:
    if close is None:
        return None
    return flat_candle(interval, open_time_ms, close, is_closed=interval.next(open_time_ms) <= until_ms)
