"""Intervals against pandas and dateutil, which count the calendar in their own ways."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from dateutil.relativedelta import MO, relativedelta
from hypothesis import example, given
from hypothesis import strategies as st

from tegro.candles import VENUE_INTERVALS, Interval
from tegro.errors import InvalidInput

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PANDAS = {
    "1s": "1s",
    "1m": "1min",
    "3m": "3min",
    "5m": "5min",
    "15m": "15min",
    "30m": "30min",
    "1h": "1h",
    "2h": "2h",
    "4h": "4h",
    "6h": "6h",
    "8h": "8h",
    "12h": "12h",
    "1d": "1D",
    "3d": "3D",
}
moments = st.integers(0, 7_258_118_400_000_000).map(lambda after_us: EPOCH + timedelta(microseconds=after_us))


def ms(moment):
    return (moment - EPOCH) // timedelta(milliseconds=1)


def monday(moment):
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + relativedelta(weekday=MO(-1))


def first_of_month(moment):
    return moment + relativedelta(day=1, hour=0, minute=0, second=0, microsecond=0)


def test_there_are_sixteen_and_a_minute_is_no_month():
    assert len(Interval) == 16
    assert (Interval("1m"), Interval("1M")) == (Interval.ONE_MINUTE, Interval.ONE_MONTH)
    assert [str(interval) for interval in VENUE_INTERVALS] == ["5m", "15m", "1h", "4h", "1d", "1w"]


@pytest.mark.parametrize("word", ["", "7m", "1D", "1H", 5, None])
def test_another_word_is_refused_in_one_sentence(word):
    with pytest.raises(InvalidInput, match=r"an interval must be one of 1s, 1m, .*1M \(1m is a minute"):
        Interval(word)


@given(moments, st.sampled_from(sorted(PANDAS)))
def test_the_fixed_intervals_are_those_of_pandas(moment, word):
    start = pd.Timestamp(moment).floor(PANDAS[word])
    interval = Interval(word)
    assert interval.floor(ms(moment)) == ms(start.to_pydatetime())
    assert interval.next(ms(moment)) == ms((start + pd.Timedelta(PANDAS[word])).to_pydatetime())


@given(moments)
@example(datetime(1970, 1, 1, tzinfo=UTC))
@example(datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC))
@example(datetime(2025, 12, 31, tzinfo=UTC))
def test_weeks_begin_on_monday_and_months_on_the_first(moment):
    for interval, start, length in (
        (Interval.ONE_WEEK, monday(moment), relativedelta(weeks=1)),
        (Interval.ONE_MONTH, first_of_month(moment), relativedelta(months=1)),
    ):
        assert interval.floor(ms(moment)) == ms(start)
        assert interval.next(ms(moment)) == ms(start + length)


@given(moments, st.integers(-1000, 1000))
def test_shifting_counts_candles(moment, count):
    months = first_of_month(moment) + relativedelta(months=count)
    assert Interval.ONE_MONTH.shift(ms(moment), count) == ms(months)
    days = pd.Timestamp(moment).floor("D") + pd.Timedelta(days=count)
    assert Interval.ONE_DAY.shift(ms(moment), count) == ms(days.to_pydatetime())


def test_february_of_a_leap_year_has_29_days_and_that_of_2100_has_28():
    for year, days in ((2024, 29), (2100, 28), (2000, 29)):
        start = ms(datetime(year, 2, 1, tzinfo=UTC))
        assert Interval.ONE_MONTH.next(start) - start == days * 86_400_000


@pytest.mark.parametrize("time_ms", [10**17, -(10**17)])
def test_a_time_outside_the_calendar_is_refused(time_ms):
    with pytest.raises(InvalidInput, match="years 1 to 9999"):
        Interval.ONE_MONTH.next(time_ms)


@given(moments, st.sampled_from(list(Interval)), st.sampled_from(list(Interval)))
def test_an_interval_divides_another_exactly_if_every_longer_candle_is_made_of_whole_shorter_ones(moment, short, long):
    # Some candle of each length around the moment shows it, where the two do not fit.
    starts = [long.shift(ms(moment), count) for count in range(-20, 20)]
    assert short.divides(long) == all(short.floor(start) == start for start in starts)


def test_months_have_no_length_of_their_own():
    assert Interval.ONE_MONTH.step_ms is None
    assert Interval.THREE_DAYS.step_ms == 259_200_000
