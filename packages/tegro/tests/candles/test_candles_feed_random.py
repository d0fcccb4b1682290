"""The feed, whatever happens: each candle once, in order, and right."""

import asyncio
import random
from collections import Counter
from decimal import Decimal

import pytest
from candle_follower import M1, M5, MINUTE_MS, SECOND_MS, START_MS, Follower
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tegro.candles import CandleFeed, Interval, candles_from_trades
from tegro.errors import NotConnected

# Everything at once

BEGUN_MS = START_MS + 40 * MINUTE_MS + 30 * SECOND_MS

actions = st.lists(
    st.one_of(
        st.tuples(st.just("match"), st.integers(1, 50)),
        st.tuples(st.just("pass"), st.integers(1, 200)),
        st.tuples(st.just("repeat"), st.integers(0, 5)),
        st.tuples(st.just("other"), st.just(0)),
        st.tuples(st.just("cut"), st.booleans()),
        st.tuples(st.just("connect"), st.just(0)),
        st.tuples(st.just("lag"), st.just(0)),
        st.tuples(st.just("fail"), st.integers(1, 2)),
    ),
    max_size=40,
)


async def act(venue, follower, name, value):
    if name == "match":
        venue.match(str(value))
    elif name == "pass":
        await follower.at(follower.clock.now_ms + value * SECOND_MS)
    elif name == "repeat" and venue.is_connected and venue.trades:
        venue.tell(venue.trades[-1 - value % len(venue.trades)], is_update=True)
    elif name == "other" and venue.is_connected:
        venue.tell_of_other_market("99")
    elif name == "cut" and venue.is_connected:
        venue.cut(is_noticed=value)
    elif name == "connect":
        venue.connect()
    elif name == "lag" and venue.is_connected:
        venue.lag()
    elif name == "fail":
        venue.failures = [NotConnected("down")] * value
    await follower.settle()


# Shrinking a failure takes longer than the limit for one test.
@pytest.mark.timeout(600)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
# The stream came back in the middle of a millisecond, and the list that tells of its beginning came late.
@example([("cut", False), ("fail", 1), ("match", 2), ("connect", 0), ("match", 1)], M1, 2, 0)
@given(actions, st.sampled_from([M1, M5, Interval.FIFTEEN_MINUTES]), st.integers(1, 12), st.integers(0, 3))
async def test_whatever_happens_each_candle_comes_once_in_order_and_is_right(
    make_clock, make_venue, steps, interval, trades_shown, history
):
    clock = make_clock(START_MS)
    venue = make_venue(clock)
    venue.trades_shown = trades_shown
    options = {"clock_ms": clock, "sleep": clock.sleep, "rng": random.Random(7), "history": history}
    venue.match("1")
    clock.now_ms = BEGUN_MS
    async with CandleFeed(venue, venue.market, interval, **options) as feed:
        follower = Follower(venue, feed)
        await follower.connect()
        for name, value in steps:
            await act(venue, follower, name, value)
        venue.failures = []
        venue.connect()
        await follower.at(clock.now_ms + 20 * MINUTE_MS)
        candles = follower.candles
    await asyncio.wait({follower.task})
    check(venue, interval, candles, feed)


def check(venue, interval, candles, feed):
    true = {each.open_time_ms: each for each in candles_from_trades(venue.trades, interval, until_ms=10**14)}
    opens = [candle.open_time_ms for candle in candles]
    assert opens == sorted(opens)
    closed = [candle for candle in candles if candle.is_closed]
    assert max(Counter(candle.open_time_ms for candle in closed).values()) == 1
    for candle in closed:
        before = [each.close for time, each in true.items() if time < candle.open_time_ms]
        expected = true.get(candle.open_time_ms)
        flat = (before[-1],) * 4 if before else None
        shown = (candle.open, candle.high, candle.low, candle.close)
        assert shown == (flat if expected is None else (expected.open, expected.high, expected.low, expected.close))
        assert candle.base_volume in (None, Decimal(0) if expected is None else expected.base_volume)
    assert feed.late == 0
    # Each candle between the first and the last came, but for those that were counted as missing.
    times, time_ms = [], min(closed[0].open_time_ms, interval.floor(BEGUN_MS - SECOND_MS))
    while time_ms <= closed[-1].open_time_ms:
        times.append(time_ms)
        time_ms = interval.next(time_ms)
    assert len(times) - len(closed) == feed.missing
    if interval is not M1:
        assert feed.missing == 0
