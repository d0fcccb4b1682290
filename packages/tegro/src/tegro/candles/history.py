"""Candles of the past, complete or not at all."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from tegro.candles.candle import Candle
from tegro.candles.interval import DAY_MS, Interval
from tegro.candles.reader import GRACE_SECS, CandleReader, CandleSource, Window
from tegro.candles.store import CandleStore
from tegro.errors import HistoryMissing, InvalidInput
from tegro.model import Market

MAX_CANDLES: Final = 100_000
"""Largest number of candles of one call."""
_LATEST_MS: Final = 10**14
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


async def candle_history(
    source: CandleSource,
    market: Market,
    interval: Interval,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int | None = None,
    store: CandleStore | None = None,
    clock_ms: Callable[[], int] = now_ms,
    grace_secs: float = GRACE_SECS,
) -> list[Candle]:
    """Return a market's candles, oldest first, without a gap.

    They come from trades where every trade was seen, else from the venue's chart, which has no volume by default. Where
    nothing traded the candle is flat at the close before, its volume zero, if that time was seen. Nothing is made up.
    The last candle is the current one, not closed, unless `end_ms` is before it. Reads only; may be repeated.

    Parameters
    ----------
    source
        A client, such as `AsyncTegro`.
    market, interval
        What.
    start_ms
        Unix milliseconds; the first candle is the one that holds this moment. Give it or `limit`.
    end_ms
        The candles open before this moment; None means now.
    limit
        How many candles, back from `end_ms`.
    store
        What was seen before; it learns what is read. None knows only what the venue shows now: its latest trades, and
        a chart of 5m and longer.
    clock_ms
        Unix time in milliseconds.
    grace_secs
        How late a trade may become visible. The candles reach up to this long ago.

    Raises
    ------
    HistoryMissing
        If not everything of that time is known; `since_ms` says from when on it is.
    InvalidInput
        If the times cannot be right, or are too many.
    NotConnected, Refused, BadReply
        If the venue did not give its public trades. A chart that it refuses is done without.
    StoreFailure
        If the store cannot be used.
    """
    _check(interval, start_ms, clock_ms() if end_ms is None else end_ms, limit)
    kept = CandleStore() if store is None else store
    try:
        reader = CandleReader(source, market, kept, clock_ms=clock_ms, grace_secs=grace_secs)
        window = await reader.read(interval, start_ms=start_ms, end_ms=end_ms, limit=limit or 1)
    finally:
        if store is None:
            kept.close()
    known = [candle for candle in window.candles if candle is not None]
    if len(known) < len(window.candles):
        raise _missing(market, interval, window)
    return known


def _check(interval: Interval, start_ms: int | None, end_ms: int, limit: int | None) -> None:
    if (start_ms is None) == (limit is None):
        raise InvalidInput("give the start of the candles or their number (limit), one of the two")
    if not 0 < end_ms <= _LATEST_MS:
        raise InvalidInput(f"the end must be Unix milliseconds above zero and at most {_LATEST_MS}, was {end_ms}")
    if start_ms is not None and not 0 <= start_ms < end_ms:
        raise InvalidInput(f"the start must be Unix milliseconds before the end {end_ms}, was {start_ms}")
    shortest_ms = interval.step_ms or 28 * DAY_MS
    count = limit if limit is not None else (end_ms - (start_ms or 0)) // shortest_ms
    if count > MAX_CANDLES or limit == 0 or count < 0:
        raise InvalidInput(f"ask for 1 to {MAX_CANDLES} candles at once, a longer time in several parts; was {count}")


def _missing(market: Market, interval: Interval, window: Window) -> HistoryMissing:
    since_ms = known_since_ms(interval, window)
    asked = f"candles {interval} of {market.symbol} were asked for from {_shown(window.open_times_ms[0])}"
    if since_ms is None:
        return HistoryMissing(
            f"{asked}, but the venue shows nothing of that time; a store keeps what is seen from now on", since_ms=None
        )
    return HistoryMissing(f"{asked}, but everything is known only from {_shown(since_ms)}", since_ms=since_ms)


def known_since_ms(interval: Interval, window: Window) -> int | None:
    """Return the open time of the first candle of those that are known without a gap up to the last; None: not one.

    If the last is not known but trades are followed by now, it is the first candle that will be.
    """
    if window.candles and window.candles[-1] is not None:
        last_missing = max(place for place, candle in enumerate(window.candles) if candle is None)
        return window.open_times_ms[last_missing + 1]
    first_ms = interval.next(window.traded_since_ms - 1)
    is_to_come = window.open_times_ms[-1] < first_ms and window.traded_since_ms < window.until_ms
    return first_ms if is_to_come else None


def _shown(time_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="seconds").replace("+00:00", "Z")
