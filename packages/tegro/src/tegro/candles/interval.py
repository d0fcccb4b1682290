"""The sixteen intervals, true to the calendar in UTC: pure integers, no time zone and no clock."""

from datetime import date
from enum import StrEnum
from typing import Final, Self

from tegro.errors import InvalidInput

DAY_MS: Final = 86_400_000
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_FIRST_MONDAY_MS: Final = 4 * DAY_MS
"""1970-01-05; the epoch itself was a Thursday."""
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000


class Interval(StrEnum):
    """Length of a candle; the value is the usual short word, such as `5m`. `1m` is a minute, `1M` a calendar month.

    Weeks begin on Monday (ISO 8601) and months on their first day, at 00:00 UTC. Everything else is counted from the
    Unix epoch. That fixes three days too, which no calendar does: without one common origin two programs would
    disagree about where such a candle begins.

    Raises
    ------
    InvalidInput
        On construction from a word that is none of the sixteen.
    """

    ONE_SECOND = "1s"
    ONE_MINUTE = "1m"
    THREE_MINUTES = "3m"
    FIVE_MINUTES = "5m"
    FIFTEEN_MINUTES = "15m"
    THIRTY_MINUTES = "30m"
    ONE_HOUR = "1h"
    TWO_HOURS = "2h"
    FOUR_HOURS = "4h"
    SIX_HOURS = "6h"
    EIGHT_HOURS = "8h"
    TWELVE_HOURS = "12h"
    ONE_DAY = "1d"
    THREE_DAYS = "3d"
    ONE_WEEK = "1w"
    ONE_MONTH = "1M"

    @classmethod
    def _missing_(cls, value: object) -> Self:
        known = ", ".join(cls)
        raise InvalidInput(f"an interval must be one of {known} (1m is a minute, 1M a month), was {value!r}")

    @property
    def step_ms(self) -> int | None:
        """Length in milliseconds; None for months, which differ."""
        return _STEPS_MS.get(self)

    def floor(self, time_ms: int) -> int:
        """Return when the candle that holds a moment opens, both in Unix milliseconds."""
        return self._start(self._index(time_ms))

    def next(self, time_ms: int) -> int:
        """Return when the candle after the one that holds a moment opens: the end of that one."""
        return self.shift(time_ms, 1)

    def shift(self, time_ms: int, count: int) -> int:
        """Return when the candle opens that is `count` candles after the one that holds a moment; negative is before.

        Raises
        ------
        InvalidInput
            If that is outside the years 1 to 9999.
        """
        try:
            return self._start(self._index(time_ms) + count)
        except (OverflowError, ValueError):
            raise InvalidInput(
                f"a time must lie in the years 1 to 9999, was {time_ms} ms and {count} x {self}"
            ) from None

    def divides(self, larger: "Interval") -> bool:
        """Return whether each candle of `larger` is made of whole candles of this interval: days do months, weeks not.

        Every interval divides itself.
        """
        step_ms = self.step_ms
        if step_ms is None or larger is self:
            return larger is self
        if larger.step_ms is None:
            return DAY_MS % step_ms == 0
        return larger.step_ms % step_ms == 0 and (_origin_ms(larger) - _origin_ms(self)) % step_ms == 0

    def _index(self, time_ms: int) -> int:
        """Return the place of the candle that holds a moment, in the order of all candles."""
        step_ms = self.step_ms
        if step_ms is not None:
            return (time_ms - _origin_ms(self)) // step_ms
        day = date.fromordinal(_EPOCH_DAY + time_ms // DAY_MS)
        return day.year * 12 + day.month - 1

    def _start(self, index: int) -> int:
        step_ms = self.step_ms
        if step_ms is not None:
            return index * step_ms + _origin_ms(self)
        year, month = divmod(index, 12)
        return (date(year, month + 1, 1).toordinal() - _EPOCH_DAY) * DAY_MS


def _origin_ms(interval: Interval) -> int:
    """Return when some candle of the interval opens."""
    return _FIRST_MONDAY_MS if interval is Interval.ONE_WEEK else 0


_STEPS_MS: Final = {
    Interval.ONE_SECOND: 1000,
    Interval.ONE_MINUTE: _MINUTE_MS,
    Interval.THREE_MINUTES: 3 * _MINUTE_MS,
    Interval.FIVE_MINUTES: 5 * _MINUTE_MS,
    Interval.FIFTEEN_MINUTES: 15 * _MINUTE_MS,
    Interval.THIRTY_MINUTES: 30 * _MINUTE_MS,
    Interval.ONE_HOUR: _HOUR_MS,
    Interval.TWO_HOURS: 2 * _HOUR_MS,
    Interval.FOUR_HOURS: 4 * _HOUR_MS,
    Interval.SIX_HOURS: 6 * _HOUR_MS,
    Interval.EIGHT_HOURS: 8 * _HOUR_MS,
    Interval.TWELVE_HOURS: 12 * _HOUR_MS,
    Interval.ONE_DAY: DAY_MS,
    Interval.THREE_DAYS: 3 * DAY_MS,
    Interval.ONE_WEEK: 7 * DAY_MS,
}

VENUE_INTERVALS: Final = (
    Interval.FIVE_MINUTES,
    Interval.FIFTEEN_MINUTES,
    Interval.ONE_HOUR,
    Interval.FOUR_HOURS,
    Interval.ONE_DAY,
    Interval.ONE_WEEK,
)
"""What the venue's chart is known to serve (protocol 10), from short to long."""
