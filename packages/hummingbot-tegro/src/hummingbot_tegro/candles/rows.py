"""Candles in Hummingbot's form, and what is to be said of those that are not known: pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from tegro.candles import Candle, Interval
from tegro.candles.reader import Window

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def row_of(candle: Candle) -> Any:  # noqa: ANN401  (numpy's array of floats, as Hummingbot keeps its rows)
    """Return a candle as a row of `CandlesBase.columns`: time, four prices, two volumes, count, two takers' volumes.

    What is not known is 0, as in every feed of Hummingbot: its backtesting drops rows that have a NaN. The takers' side
    is never known, volumes and count are not where a candle comes from the venue's chart (protocol 10).
    """
    amounts = (candle.base_volume or 0, candle.quote_volume or 0, candle.trades or 0)
    prices = (candle.open, candle.high, candle.low, candle.close)
    return np.array([candle.open_time_ms // 1000, *prices, *amounts, 0, 0]).astype(float)


def known_at_the_end(window: Window) -> list[Candle]:
    """Return the candles of a window that follow the last one that is not known."""
    known: list[Candle] = []
    for candle in reversed(window.candles):
        if candle is None:
            break
        known.append(candle)
    return known[::-1]


def what_is_missing(pair: str, interval: Interval, known: Sequence[Candle], wanted: int) -> str | None:
    """Return one sentence on what a feed cannot give from its start, and from when it can; None if it gives all.

    Parameters
    ----------
    pair, interval
        Whose candles.
    known
        Those that are there, without a gap.
    wanted
        How many were asked for.
    """
    if len(known) >= wanted:
        return None
    if not known:
        return (
            f"No candle {interval} of {pair} is known yet: Tegro does not show enough of its past. "
            "The feed is ready with the first one."
        )
    since_ms = known[0].open_time_ms
    return (
        f"Only {len(known)} of {wanted} candles {interval} of {pair} are known, from {_shown(since_ms)} on: "
        "Tegro shows nothing older and this machine has not seen more. The feed is ready with these; all are there at "
        f"{_shown(interval.shift(since_ms, wanted))}."
    )


def what_came_instead(pair: str, interval: Interval, known: Sequence[Candle], first_ms: int) -> str:
    """Return one sentence on candles that were asked for from a moment on and are not known from there on."""
    since = f"only those from {_shown(known[0].open_time_ms)} on are" if known else "none of them is"
    return f"Candles {interval} of {pair} were asked for from {_shown(first_ms)} on, {since} known."


def what_has_no_volume(pair: str, interval: Interval, known: Sequence[Candle]) -> str | None:
    """Return one sentence on candles whose volume is not known; None if there are none."""
    count = sum(candle.base_volume is None for candle in known)
    if not count:
        return None
    return f"The volumes of {count} candles {interval} of {pair} are 0: Tegro's chart does not name them."


def _shown(time_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(timespec="seconds").replace("+00:00", "Z")
