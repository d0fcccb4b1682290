"""The venue's candles of one market, built on integers from the matches as they happen.

The calendar is UTC. Weeks begin on Monday and months on their first day; three days are counted from the epoch. No
public source says where the venue's weeks begin (protocol 10): this is our choice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct
from sortedcontainers import SortedDict

_WEEK_SECS: Final = 604_800
MONTH_SECS: Final = 2_592_000
"""Thirty days: the name of a calendar month on the wire, which has no length of its own."""
_FIRST_MONDAY_SECS: Final = 4 * 86_400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DEFAULT_INTERVALS: Final = (300, 900, 3600, 14_400, 86_400, _WEEK_SECS)
"""In seconds: what the venue is known to serve (protocol 10)."""
ALL_INTERVALS: Final = (
    *(1, 60, 180, 300, 900, 1800),
    *(3600, 7200, 14_400, 21_600, 28_800, 43_200),
    *(86_400, 259_200, _WEEK_SECS, MONTH_SECS),
)
"""In seconds: the sixteen that exchanges usually serve."""
PAGE_INTERVALS: Final = (60, *DEFAULT_INTERVALS)
"""In seconds: what localnet's own page shows where the venue serves only its six."""


class Bar(Struct):
    """What traded in one interval. Prices are scaled by 10^18."""

    open_secs: int
    open_e18: int
    high_e18: int
    low_e18: int
    close_e18: int
    base_wei: int = 0
    value: int = 0
    """Sum of price_e18 x quantity_wei, not rounded."""


class MarketChart:
    """The bars of one market. An interval in which nothing traded has none.

    Parameters
    ----------
    intervals
        Which are kept, in seconds.
    """

    def __init__(self, intervals: Sequence[int] = DEFAULT_INTERVALS) -> None:
        self.intervals: Final = tuple(intervals)
        self._bars: dict[int, SortedDict] = {interval_secs: SortedDict() for interval_secs in intervals}
        self._newest_secs: int | None = None
        self._newest: list[Bar] = []
        """The bars of the second in which the last match was: most matches are in the same one."""

    def record(self, time_ms: int, price_e18: int, quantity_wei: int) -> None:
        """Count a match in the bar of its time, of each interval."""
        time_secs = time_ms // 1000
        if time_secs != self._newest_secs:
            self._newest = [self._bar_at(time_secs, interval_secs, price_e18) for interval_secs in self.intervals]
            self._newest_secs = time_secs
        value = price_e18 * quantity_wei
        for bar in self._newest:
            if price_e18 > bar.high_e18:
                bar.high_e18 = price_e18
            elif price_e18 < bar.low_e18:
                bar.low_e18 = price_e18
            bar.close_e18 = price_e18
            bar.base_wei += quantity_wei
            bar.value += value

    def _bar_at(self, time_secs: int, interval_secs: int, price_e18: int) -> Bar:
        """Return the bar of a moment; a new one begins at a price."""
        bars = self._bars[interval_secs]
        open_secs = floor_secs(time_secs, interval_secs)
        bar: Bar | None = bars.get(open_secs)
        if bar is None:
            bar = bars[open_secs] = Bar(open_secs, price_e18, price_e18, price_e18, price_e18)
        return bar

    def bars(self, interval_secs: int, from_ms: int, to_ms: int) -> list[Bar]:
        """Return the bars of an interval that open between two moments, both included, oldest first."""
        bars = self._bars[interval_secs]
        return [bars[open_secs] for open_secs in bars.irange(-(-from_ms // 1000), to_ms // 1000)]


def floor_secs(time_secs: int, interval_secs: int) -> int:
    """Return when the bar of a moment opens, both in Unix seconds."""
    if interval_secs == MONTH_SECS:
        first_day = (_EPOCH + timedelta(seconds=time_secs)).replace(day=1, hour=0, minute=0, second=0)
        return (first_day - _EPOCH) // timedelta(seconds=1)
    origin_secs = _FIRST_MONDAY_SECS if interval_secs == _WEEK_SECS else 0
    return time_secs - (time_secs - origin_secs) % interval_secs
