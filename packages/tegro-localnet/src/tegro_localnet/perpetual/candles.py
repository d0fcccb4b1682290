"""Candles of one price series in sixteen intervals, without gaps (perpetual dialect 3.7).

An interval in which nothing happened is flat at the close before it; before the first price that is known it is flat
at that one.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from sortedcontainers import SortedDict

from tegro_localnet.chart import MONTH_SECS, floor_secs

INTERVALS_SECS: Final = {
    "1s": 1,
    "1m": 60,
    "3m": 180,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "6h": 21_600,
    "8h": 28_800,
    "12h": 43_200,
    "1d": 86_400,
    "3d": 259_200,
    "1w": 604_800,
    "1M": MONTH_SECS,
}
_MONTH_PROBE_SECS: Final = 32 * 86_400


class Candle(Struct, kw_only=True, array_like=True):
    """What happened in one interval. Prices are scaled by 10^18; amounts count 10^-8."""

    open_ms: int
    close_ms: int
    """Its last millisecond."""
    open_e18: int
    high_e18: int
    low_e18: int
    close_e18: int
    base_e8: int = 0
    quote_e8: int = 0
    count: int = 0
    taker_buy_base_e8: int = 0
    taker_buy_quote_e8: int = 0
    first_id: int = -1
    last_id: int = -1


class Sample(Struct, frozen=True, kw_only=True):
    """A price at a time, with what traded at it, if anything."""

    time_ms: int
    price_e18: int
    base_e8: int = 0
    quote_e8: int = 0
    is_taker_buy: bool = False
    trade_id: int = -1


type Kept = dict[str, tuple[Candle, ...]]
"""Candles by interval, oldest first."""


class CandleSeries:
    """The candles of one series.

    Parameters
    ----------
    first_price_e18
        What the past is filled with.
    most
        How many candles of each interval are kept. A price that is sampled each second would else fill the memory.
    """

    def __init__(self, first_price_e18: int, most: int) -> None:
        self._first_price_e18 = first_price_e18
        self._most = most
        self._candles: dict[str, SortedDict] = {interval: SortedDict() for interval in INTERVALS_SECS}

    def record(self, sample: Sample) -> None:
        """Count a sample in the candle of its time, of each interval."""
        for interval, candles in self._candles.items():
            open_ms = opening_ms(interval, sample.time_ms)
            candle: Candle | None = candles.get(open_ms)
            if candle is None:
                candle = candles[open_ms] = _flat(interval, open_ms, sample.price_e18)
                candle.first_id = sample.trade_id
                if len(candles) > self._most:
                    candles.popitem(0)
            candle.high_e18 = max(candle.high_e18, sample.price_e18)
            candle.low_e18 = min(candle.low_e18, sample.price_e18)
            candle.close_e18 = sample.price_e18
            candle.base_e8 += sample.base_e8
            candle.quote_e8 += sample.quote_e8
            candle.count += 1
            candle.last_id = sample.trade_id
            if sample.is_taker_buy:
                candle.taker_buy_base_e8 += sample.base_e8
                candle.taker_buy_quote_e8 += sample.quote_e8

    def kept(self) -> Kept:
        """Return all candles in which something happened, as far back as they are kept."""
        return {interval: tuple(candles.values()) for interval, candles in self._candles.items()}

    def restore(self, kept: Kept) -> None:
        """Take over what `kept` returned, in place of all that is here. The candles belong to this series then."""
        for interval, candles in self._candles.items():
            candles.clear()
            candles.update((candle.open_ms, candle) for candle in kept[interval])

    def at(self, interval: str, time_ms: int) -> Candle:
        """Return the candle of a moment."""
        candles = self._candles[interval]
        open_ms = opening_ms(interval, time_ms)
        found: Candle | None = candles.get(open_ms)
        if found is not None:
            return found
        before = candles.bisect_left(open_ms) - 1
        last_e18 = candles.peekitem(before)[1].close_e18 if before >= 0 else self._earliest_e18(candles)
        return _flat(interval, open_ms, last_e18)

    def between(self, interval: str, start_ms: int, end_ms: int, limit: int) -> list[Candle]:
        """Return the first `limit` candles that open in a span, both ends included, oldest first."""
        open_ms = opening_ms(interval, start_ms)
        if open_ms < start_ms:
            open_ms = next_opening_ms(interval, open_ms)
        found: list[Candle] = []
        while open_ms <= end_ms and len(found) < limit:
            found.append(self.at(interval, open_ms))
            open_ms = next_opening_ms(interval, open_ms)
        return found

    def latest(self, interval: str, end_ms: int, limit: int) -> list[Candle]:
        """Return the last `limit` candles that open up to a moment, oldest first."""
        found: list[Candle] = []
        open_ms = opening_ms(interval, end_ms)
        while len(found) < limit and open_ms >= 0:
            found.append(self.at(interval, open_ms))
            open_ms = opening_ms(interval, open_ms - 1)
        return found[::-1]

    def filled(self, interval: str, start_ms: int, end_ms: int) -> list[Candle]:
        """Return the candles of a span in which something happened, oldest first."""
        candles = self._candles[interval]
        return [candles[open_ms] for open_ms in candles.irange(start_ms, end_ms)]

    def _earliest_e18(self, candles: SortedDict) -> int:
        return candles.peekitem(0)[1].open_e18 if candles else self._first_price_e18


def opening_ms(interval: str, time_ms: int) -> int:
    """Return when the candle of a moment opens."""
    return floor_secs(time_ms // 1000, INTERVALS_SECS[interval]) * 1000


def next_opening_ms(interval: str, open_ms: int) -> int:
    """Return when the next candle opens."""
    if interval != "1M":
        return open_ms + INTERVALS_SECS[interval] * 1000
    later = datetime.fromtimestamp(open_ms // 1000 + _MONTH_PROBE_SECS, UTC)
    return int(later.replace(day=1, hour=0, minute=0, second=0).timestamp()) * 1000


def _flat(interval: str, open_ms: int, price_e18: int) -> Candle:
    return Candle(
        open_ms=open_ms,
        close_ms=next_opening_ms(interval, open_ms) - 1,
        open_e18=price_e18,
        high_e18=price_e18,
        low_e18=price_e18,
        close_e18=price_e18,
    )
