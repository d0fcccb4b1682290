"""A candle, the trades it is made of, and how both add up: pure and exact."""

from collections.abc import Iterable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from itertools import groupby
from operator import attrgetter
from typing import Final

from msgspec import Struct

from tegro.candles.interval import Interval
from tegro.errors import InvalidInput
from tegro.model import Trade

_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Sums and products without rounding; they take only the digits that they need."""


class Candle(Struct, frozen=True, kw_only=True):
    """What traded in one interval. Human units: prices in quote per base.

    All matches count, also one that later failed to settle: a candle shows what was matched, as the venue's own chart
    does, and says the same whether it was built live or read afterwards.
    """

    open_time_ms: int
    """Unix milliseconds of the first moment that belongs to it."""
    close_time_ms: int
    """Unix milliseconds of the first moment that no longer does: the open time of the next candle."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    base_volume: Decimal | None
    """None where it is not known: the venue's chart names none by default (protocol 10)."""
    quote_volume: Decimal | None
    """Sum of price x quantity, not rounded; None as in `base_volume`."""
    trades: int | None
    """How many; None as in `base_volume`."""
    is_closed: bool
    """Whether its time is over, and all of it was seen. False for the current one, which will still change."""


class SeenTrade(Struct, frozen=True, kw_only=True):
    """What of a trade matters to a candle."""

    trade_id: str
    timestamp_ms: int
    price: Decimal
    quantity: Decimal


def seen(trade: Trade) -> SeenTrade:
    """Return what of a trade matters to a candle."""
    return SeenTrade(
        trade_id=trade.trade_id, timestamp_ms=trade.timestamp_ms, price=trade.price, quantity=trade.quantity
    )


class CandleBuilder:
    """One candle that grows by trades, which may come late and out of order. A trade counts each time it is added.

    Parameters
    ----------
    interval, open_time_ms
        Which candle; `open_time_ms` is one of the interval's.
    """

    def __init__(self, interval: Interval, open_time_ms: int) -> None:
        self.open_time_ms: Final = open_time_ms
        self.close_time_ms: Final = interval.next(open_time_ms)
        self._first: SeenTrade | None = None
        self._last: SeenTrade | None = None
        self._high = self._low = self._base = self._quote = Decimal(0)
        self._count = 0

    def add(self, trade: SeenTrade) -> None:
        """Add a trade of this candle's time. Of those of one millisecond, the first added opens, the last closes."""
        price = trade.price
        if self._first is None or trade.timestamp_ms < self._first.timestamp_ms:
            self._first = trade
        if self._last is None or trade.timestamp_ms >= self._last.timestamp_ms:
            self._last = trade
        self._high = max(self._high, price) if self._count else price
        self._low = min(self._low, price) if self._count else price
        self._base = _EXACT.add(self._base, trade.quantity)
        self._quote = _EXACT.add(self._quote, _EXACT.multiply(price, trade.quantity))
        self._count += 1

    def candle(self, *, is_closed: bool) -> Candle | None:
        """Return the candle as it stands; None before the first trade."""
        if self._first is None or self._last is None:
            return None
        return Candle(
            open_time_ms=self.open_time_ms,
            close_time_ms=self.close_time_ms,
            open=self._first.price,
            high=self._high,
            low=self._low,
            close=self._last.price,
            base_volume=self._base,
            quote_volume=self._quote,
            trades=self._count,
            is_closed=is_closed,
        )


def candles_from_trades(trades: Iterable[Trade], interval: Interval, *, until_ms: int) -> list[Candle]:
    """Return the candles of trades, oldest first. Where nothing traded there is none.

    Parameters
    ----------
    trades
        In any order. Each counts once by its id, in the candle of its own time; of those of one millisecond, the order
        in which they are given decides which one opens and which one closes.
    until_ms
        Up to when everything was seen, in Unix milliseconds: a candle that ends later is not closed.
    """
    once = {trade.trade_id: seen(trade) for trade in trades}
    in_order = sorted(once.values(), key=attrgetter("timestamp_ms"))
    return candles_of_sorted(in_order, interval, until_ms=until_ms)


def candles_of_sorted(trades: Iterable[SeenTrade], interval: Interval, *, until_ms: int) -> list[Candle]:
    """Return the candles of trades that are sorted by time and there once each. See `candles_from_trades`."""
    candles = []
    for open_time_ms, group in groupby(trades, lambda trade: interval.floor(trade.timestamp_ms)):
        builder = CandleBuilder(interval, open_time_ms)
        for trade in group:
            builder.add(trade)
        candles.append(builder.candle(is_closed=builder.close_time_ms <= until_ms))
    return [candle for candle in candles if candle is not None]


def candles_from_candles(candles: Iterable[Candle], interval: Interval, *, until_ms: int) -> list[Candle]:
    """Return larger candles from smaller ones, oldest first. Where there is no smaller one there is no larger one.

    A volume is known where all the smaller ones know it.

    Parameters
    ----------
    candles
        In any order; of two with the same open time the later given counts.
    until_ms
        As in `candles_from_trades`.

    Raises
    ------
    InvalidInput
        If a candle does not lie within one candle of the interval, as a week does not within a month.
    """
    once = {candle.open_time_ms: candle for candle in candles}
    in_order = sorted(once.values(), key=attrgetter("open_time_ms"))
    merged = []
    for open_time_ms, group in groupby(in_order, lambda candle: interval.floor(candle.open_time_ms)):
        close_time_ms = interval.next(open_time_ms)
        parts = list(group)
        too_long = next((part for part in parts if part.close_time_ms > close_time_ms), None)
        if too_long is not None:
            raise InvalidInput(
                f"a candle from {too_long.open_time_ms} to {too_long.close_time_ms} ms does not fit into {interval}"
            )
        merged.append(_merged(parts, open_time_ms, close_time_ms, is_closed=close_time_ms <= until_ms))
    return merged


def flat_candle(interval: Interval, open_time_ms: int, price: Decimal, *, is_closed: bool) -> Candle:
    """Return the candle of a time in which nothing traded: flat at the close of the one before, all volumes zero."""
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=interval.next(open_time_ms),
        open=price,
        high=price,
        low=price,
        close=price,
        base_volume=Decimal(0),
        quote_volume=Decimal(0),
        trades=0,
        is_closed=is_closed,
    )


def _merged(parts: list[Candle], open_time_ms: int, close_time_ms: int, *, is_closed: bool) -> Candle:
    counts = [part.trades for part in parts]
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=close_time_ms,
        open=parts[0].open,
        high=max(part.high for part in parts),
        low=min(part.low for part in parts),
        close=parts[-1].close,
        base_volume=_sum_if_known([part.base_volume for part in parts]),
        quote_volume=_sum_if_known([part.quote_volume for part in parts]),
        trades=None if None in counts else sum(count for count in counts if count is not None),
        is_closed=is_closed,
    )


def _sum_if_known(values: list[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for value in values:
        if value is None:
            return None
        total = _EXACT.add(total, value)
    return total
