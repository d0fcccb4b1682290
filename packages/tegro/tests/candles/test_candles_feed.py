"""The feed: history then live, each candle once, nothing lost where it can be read and nothing made up where not."""

import asyncio
import logging
import random
from collections import Counter
from contextlib import asynccontextmanager, closing
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tegro.backoff import Backoff
from tegro.candles import CandleFeed, CandleStore, Interval, candle_history, candles_from_trades
from tegro.candles.candle import seen
from tegro.candles.spans import Span
from tegro.errors import InvalidInput, NotConnected, RateLimited, Refused, StoreFailure

START_MS = 1_709_164_800_000
"""Thursday, 2024-02-29 00:00 UTC."""
SECOND_MS = 1000
MINUTE_MS = 60_000
DEADLINE_SECS = 20
M1, M5, S1 = (Interval(word) for word in ("1m", "5m", "1s"))


@pytest.fixture
def clock(make_clock):
    return make_clock(START_MS)


@pytest.fixture
def venue(make_venue, clock):
    return make_venue(clock)


class Follower:
    """A feed and all that it has told."""

    def __init__(self, venue, feed):
        self.venue = venue
        self.clock = venue.clock
        self.feed = feed
        self.candles = []
        self.task = asyncio.create_task(self._follow())

    async def _follow(self):
        async for candle in self.feed:
            self.candles.append(candle)

    async def settle(self):
        """Let the feed do all that it can do now; fail with what it failed with."""
        settled = asyncio.create_task(self.venue.settled())
        await asyncio.wait({settled, self.task}, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if self.task.done():
            self.task.result()

    async def connect(self):
        async with asyncio.timeout(DEADLINE_SECS):
            while not self.venue.streams:  # noqa: ASYNC110
                await asyncio.sleep(0)
        self.venue.connect()
        await self.settle()

    async def at(self, time_ms):
        """Let time pass, stopping wherever the feed wanted to be woken."""
        await self.settle()
        while self.clock.now_ms < time_ms:
            self.clock.move_to(min([time_ms, *(wake for wake in self.clock.wakes() if wake > self.clock.now_ms)]))
            await self.settle()

    def told(self):
        """Return all candles as (minutes after the start, closes, is closed), and forget them."""
        told, self.candles = self.candles, []
        return [((each.open_time_ms - START_MS) / MINUTE_MS, str(each.close), each.is_closed) for each in told]

    def closed(self):
        return [each for each in self.told() if each[2]]


@pytest.fixture
def follow(venue, clock):
    @asynccontextmanager
    async def start(interval=M1, **options):
        options = {"clock_ms": clock, "sleep": clock.sleep, "rng": random.Random(7)} | options
        feed = CandleFeed(venue, venue.market, interval, **options)
        follower = Follower(venue, feed)
        async with feed:
            yield follower
        async with asyncio.timeout(DEADLINE_SECS):
            await asyncio.wait({follower.task})

    return start


def minutes(count):
    return START_MS + round(count * MINUTE_MS)


# History, then live


async def test_history_then_each_change_then_each_close_once(venue, clock, follow):
    for minute in (0, 1, 3):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
    clock.now_ms = minutes(4.5)
    async with follow(history=2) as follower:
        await follower.connect()
        assert follower.told() == [(2, "2", True), (3, "4", True)]
        venue.match("7")
        venue.match("6")
        await follower.settle()
        assert follower.told() == [(4, "7", False), (4, "6", False)]
        await follower.at(minutes(5) + 1001)
        assert follower.told() == [(4, "6", True)]
        await follower.at(minutes(6) + 1001)
        assert follower.told() == [(5, "6", True)]
        assert (follower.feed.missing, follower.feed.late) == (0, 0)


async def test_the_current_candle_comes_at_the_start_if_there_is_one(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1) + 1
    venue.match("2")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        assert follower.told() == [(1, "2", False)]


async def test_fewer_candles_of_the_past_come_if_fewer_are_known(venue, clock, follow):
    venue.trades_shown = 4
    for minute in range(10):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
    clock.now_ms = minutes(9.5)
    async with follow(history=8) as follower:
        await follower.connect()
        assert follower.told() == [(7, "8", True), (8, "9", True), (9, "10", False)]
        assert follower.feed.missing == 0


async def test_on_a_market_that_never_traded_the_first_whole_candle_is_the_first(venue, clock, follow):
    clock.now_ms = minutes(0.5)
    async with follow(history=5) as follower:
        await follower.connect()
        venue.match("1")
        await follower.at(minutes(1.5))
        # Whether something traded in the first half minute, nobody has seen.
        assert follower.told() == []
        venue.match("2")
        await follower.at(minutes(3) + 1001)
        assert follower.told() == [(1, "2", False), (1, "2", True), (2, "2", True)]


async def test_no_price_no_candle(venue, clock, follow):
    async with follow() as follower:
        await follower.connect()
        await follower.at(minutes(3))
        assert follower.told() == []
        venue.match("5")
        await follower.at(minutes(4) + 1001)
        assert follower.closed() == [(3, "5", True)]


@pytest.mark.parametrize("history", [-1, 10**6])
def test_an_impossible_past_is_refused(venue, history):
    with pytest.raises(InvalidInput, match="the candles of the past must be 0 to"):
        CandleFeed(venue, venue.market, M1, history=history)


# Trades: once, late, of another market


async def test_a_trade_that_is_created_and_then_updated_counts_once(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        trade = venue.match("2", "3")
        venue.tell(trade, is_update=True)
        await follower.at(minutes(2) + 1001)
        venue.tell(trade, is_update=True)
        await follower.settle()
        [closed] = [candle for candle in follower.candles if candle.is_closed]
        assert (closed.base_volume, closed.trades, follower.feed.late) == (3, 1, 0)


async def test_a_trade_within_the_grace_is_in_its_candle_and_one_behind_it_is_counted_as_late(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    store = CandleStore()
    async with follow(store=store) as follower:
        await follower.connect()
        on_time = venue.match("2", time_ms=minutes(2) - 2, is_told=False)
        late = venue.match("9", time_ms=minutes(2) - 1, is_told=False)
        clock.move_to(minutes(2) + 900)
        venue.tell(on_time)
        venue.match("3")
        await follower.settle()
        assert follower.told() == [(1, "2", False)]
        await follower.at(minutes(2) + 1001)
        # The list of trades was read, because the market was silent: nothing was late after all.
        assert follower.told() == [(1, "9", True), (2, "3", False)]
        venue.tell(late)
        await follower.settle()
        assert follower.feed.late == 0
        stray = venue.match("8", time_ms=minutes(2) - 1)
        await follower.settle()
        assert (follower.told(), follower.feed.late) == ([], 1)
        assert seen(stray) in store.trades(venue.market.id, minutes(1), minutes(2))
    store.close()


async def test_trades_out_of_order_open_and_close_by_their_times(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        for price, second in (("5", 20), ("4", 10), ("6", 15)):
            venue.match(price, time_ms=minutes(1) + second * SECOND_MS)
        await follower.at(minutes(2) + 1001)
        closed = follower.candles[-1]
        assert (closed.open, closed.high, closed.low, closed.close) == (4, 6, 4, 5)


async def test_trades_of_other_markets_and_other_events_are_no_trades(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.tell_of_other_market("99")
        await follower.settle()
        assert follower.told() == []


# When a candle closes


async def test_any_event_afterwards_shows_that_nothing_is_missing(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.match("2")
        await follower.settle()
        asked = venue.trade_requests
        clock.now_ms = minutes(2) + 1000
        venue.tell_of_other_market("99")
        await follower.settle()
        assert follower.closed() == [(1, "2", True)]
        assert venue.trade_requests == asked


async def test_events_of_others_close_the_candles_of_a_silent_market(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        asked = venue.trade_requests
        for minute in (2, 3, 4):
            clock.now_ms = minutes(minute) + 1000
            venue.tell_of_other_market("99")
            await follower.settle()
        assert follower.told() == [(1, "1", True), (2, "1", True), (3, "1", True)]
        assert venue.trade_requests == asked


async def test_while_a_market_has_no_price_nothing_is_missing(venue, clock, follow):
    async with follow() as follower:
        await follower.connect()
        await follower.at(minutes(0.5))
        missing = follower.feed.missing
        for minute in (1, 2, 3):
            clock.now_ms = minutes(minute) + 1000
            venue.tell_of_other_market("99")
            await follower.settle()
        assert (follower.told(), follower.feed.missing) == ([], missing)


async def test_a_dead_connection_that_nobody_noticed_makes_nothing_up(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.cut(is_noticed=False)
        for minute in (1.6, 2.5, 3.5):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        await follower.at(minutes(4) + 1001)
        assert follower.closed() == [(1, "1.6", True), (2, "2.5", True), (3, "3.5", True)]


async def test_a_reader_that_is_slow_loses_nothing(venue, clock):
    """Events that wait to be read are no proof of what came after them."""
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with CandleFeed(venue, venue.market, M1, clock_ms=clock, sleep=clock.sleep) as feed:
        waiting = asyncio.create_task(anext(feed))
        while not venue.streams:  # noqa: ASYNC110
            await asyncio.sleep(0)
        venue.connect()
        await venue.settled()
        venue.match("2")
        assert (await waiting).close == 2
        # The reader is busy for two minutes; the list of trades forgets.
        venue.trades_shown = 1
        for second in range(1, 120):
            clock.move_to(minutes(1.5) + second * SECOND_MS)
            venue.match(str(second))
        clock.move_to(clock.now_ms + 10)
        closed = []
        async with asyncio.timeout(DEADLINE_SECS):
            while len(closed) < 2:
                candle = await anext(feed)
                closed += [candle] if candle.is_closed else []
        assert [(candle.close, candle.trades) for candle in closed] == [(29, 30), (89, 60)]
        assert feed.late == 0


async def test_a_silent_market_is_asked_about_every_five_seconds_at_most(venue, clock, follow):
    venue.match("1")
    clock.now_ms += 10 * SECOND_MS
    async with follow(S1) as follower:
        await follower.connect()
        asked = venue.trade_requests
        await follower.at(START_MS + 40 * SECOND_MS)
        assert venue.trade_requests - asked == 6
        opens = [candle.open_time_ms for candle in follower.candles if candle.is_closed]
        assert opens == list(range(START_MS + 9000, START_MS + 39_000, SECOND_MS))


# Breaks of the stream


async def test_what_was_missed_is_read_after_a_reconnect(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.match("2")
        await follower.settle()
        assert follower.feed.is_connected
        venue.cut()
        for minute in (1.7, 2.5, 4.5):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        assert not follower.feed.is_connected
        assert follower.closed() == []
        venue.connect()
        await follower.settle()
        assert follower.told() == [(1, "1.7", True), (2, "2.5", True), (3, "2.5", True), (4, "4.5", False)]


async def test_dropped_events_are_read_too(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.match("2", is_told=False)
        venue.lag()
        await follower.settle()
        assert follower.told() == [(1, "2", False)]


async def test_below_5m_a_gap_stays_a_gap(venue, clock, follow, caplog):
    venue.trades_shown = 2
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.match("2")
        await follower.settle()
        venue.cut()
        for minute in range(2, 8):
            await follower.at(minutes(minute + 0.5))
            venue.match(str(minute))
        with caplog.at_level(logging.WARNING):
            venue.connect()
            await follower.settle()
        # The list holds the trades of minutes 6 and 7: minute 6 was not seen from its beginning.
        assert follower.told() == [(1, "2", False), (7, "7", False)]
        assert follower.feed.missing == 6
        assert "6 candles 1m of WETH_USDT are left out" in caplog.text
        await follower.at(minutes(8) + 1001)
        assert follower.told() == [(7, "7", True)]


async def test_from_5m_on_the_chart_closes_the_gap(venue, clock, follow):
    venue.trades_shown = 2
    venue.match("1")
    clock.now_ms = minutes(5.5)
    async with follow(M5) as follower:
        await follower.connect()
        venue.match("2", "3")
        await follower.settle()
        assert follower.told() == [(5, "2", False)]
        venue.cut()
        for minute in (6, 9, 12, 15, 18, 20.2, 20.4, 20.6):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        venue.connect()
        await follower.settle()
        # The current candle too is not all seen: it is what the chart has of it, with no volume.
        assert follower.told() == [(5, "9", True), (10, "12", True), (15, "18", True), (20, "20.6", False)]
        venue.match("30")
        await follower.settle()
        [current] = follower.candles
        assert (current.open, current.high, current.close) == (Decimal("20.2"), 30, 30)
        assert (current.base_volume, current.quote_volume, current.trades) == (None, None, None)
        venue.has_volume = True
        await follower.at(minutes(25) + 1001)
        closed = follower.candles[-1]
        assert (closed.is_closed, closed.close, closed.base_volume, closed.trades) == (True, 30, 4, None)
        assert follower.feed.missing == 0


async def test_a_candle_that_was_begun_unseen_is_read_again_when_it_has_closed(venue, clock, follow):
    venue.trades_shown = 1
    for minute in range(4):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
    async with follow(M5) as follower:
        await follower.connect()
        assert follower.told() == [(0, "4", False)]
        # An event after its end shows that nothing is missing, but of its beginning it says nothing.
        await follower.at(minutes(5) + 900)
        clock.move_to(minutes(5) + 1001)
        venue.tell_of_other_market("99")
        await follower.settle()
        await follower.at(minutes(5) + 6000)
        [closed] = follower.candles
        assert (closed.is_closed, closed.open, closed.close) == (True, 1, 4)


# Failures


@pytest.mark.parametrize("failure", [NotConnected("down"), RateLimited("slow")])
async def test_reads_that_fail_are_repeated_with_growing_waits(venue, clock, follow, failure):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    venue.failures = [failure] * 3
    async with follow(backoff=Backoff(first_secs=1.0, cap_secs=2.0)) as follower:
        await follower.connect()
        assert venue.trade_requests == 1
        venue.match("2")
        await follower.at(minutes(1.5) + 10 * SECOND_MS)
        assert venue.trade_requests == 4
        assert follower.told() == [(1, "2", False)]


async def test_a_refusal_is_told_and_the_next_call_goes_on(venue, clock):
    venue.match("1")
    clock.now_ms = minutes(1) + 2
    venue.match("2")
    clock.now_ms = minutes(1.5)
    venue.failures = [Refused("no", status=400)]
    async with CandleFeed(venue, venue.market, M1, clock_ms=clock, sleep=clock.sleep) as feed:
        first = asyncio.create_task(anext(feed))
        while not venue.streams:  # noqa: ASYNC110
            await asyncio.sleep(0)
        venue.connect()
        with pytest.raises(Refused):
            await first
        assert (await anext(feed)).close == 2


async def test_a_wait_that_is_cancelled_loses_nothing(venue, clock):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with CandleFeed(venue, venue.market, M1, clock_ms=clock, sleep=clock.sleep) as feed:
        told = []
        for number in range(200):
            waiting = asyncio.create_task(anext(feed))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            if venue.streams and number == 20:
                venue.connect()
            if number in (60, 90):
                venue.match(str(number))
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            if not waiting.cancelled():
                told.append(waiting.result())
        async with asyncio.timeout(DEADLINE_SECS):
            while not told or told[-1].close != 90:
                told.append(await anext(feed))
        # What happened while a read was given up and begun again is in the candle all the same.
        assert told[-1].trades == 2
        assert len({(candle.close, candle.trades) for candle in told}) == len(told)


async def test_a_stream_that_breaks_for_good_is_told(venue, clock):
    async with CandleFeed(venue, venue.market, M1, clock_ms=clock, sleep=clock.sleep) as feed:
        waiting = asyncio.create_task(anext(feed))
        while not venue.streams:  # noqa: ASYNC110
            await asyncio.sleep(0)
        venue.streams[0].fail(StoreFailure("for good"))
        with pytest.raises(StoreFailure):
            await waiting


# The end


async def test_closing_ends_the_iteration_and_the_stream(venue, clock, follow):
    async with follow() as follower:
        await follower.connect()
        await follower.feed.aclose()
        await follower.feed.aclose()
    assert follower.task.done()
    assert venue.streams[0].is_closed
    assert [candle async for candle in follower.feed] == []


async def test_a_feed_that_was_never_read_closes_too(venue):
    feed = CandleFeed(venue, venue.market, M1)
    await feed.aclose()
    assert [candle async for candle in feed] == []
    assert venue.streams == []


async def test_it_ends_with_the_stream(venue, clock, follow):
    async with follow() as follower:
        await follower.connect()
        await venue.streams[0].aclose()
        async with asyncio.timeout(DEADLINE_SECS):
            await asyncio.wait({follower.task})
    assert follower.told() == []


# The store


async def test_what_a_feed_saw_is_history_for_the_next_run(venue, clock, follow, tmp_path):
    store = CandleStore(tmp_path / "candles.sqlite")
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow(store=store) as follower:
        await follower.connect()
        for minute in (1.6, 2.5, 4.5):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        await follower.at(minutes(5) + 1001)
    store.close()
    venue.trades_shown = 1
    again = CandleStore(tmp_path / "candles.sqlite")
    candles = await candle_history(
        venue, venue.market, M1, start_ms=minutes(1), end_ms=minutes(5), store=again, clock_ms=clock
    )
    again.close()
    assert [str(candle.close) for candle in candles] == ["1.6", "2.5", "2.5", "4.5"]


async def test_a_trade_that_another_feed_of_the_store_saw_first_counts_here_too(venue, clock, follow, tmp_path):
    clock.now_ms = minutes(0.5)
    file = tmp_path / "candles.sqlite"
    with closing(CandleStore(file)) as store, closing(CandleStore(file)) as other:
        async with follow(store=store) as follower:
            await follower.connect()
            await follower.at(minutes(1.5))
            for price in ("1", "2"):
                trade = venue.match(price, is_told=False)
                other.add_trades(venue.market.id, [seen(trade)])
                venue.tell(trade)
                venue.tell(trade, is_update=True)
                await follower.settle()
            await follower.at(minutes(2) + 1001)
    [*_, last] = follower.candles
    assert (last.close, last.trades, last.is_closed) == (2, 2, True)


async def test_a_crash_between_two_candles_keeps_what_was_proven(venue, clock, follow, tmp_path):
    store = CandleStore(tmp_path / "candles.sqlite")
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow(Interval.ONE_DAY, store=store) as follower:
        await follower.connect()
        for minute in (2, 3, 4):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        await follower.settle()
        # As a second process finds it, with no orderly end: up to the last trade that was told.
        other = CandleStore(tmp_path / "candles.sqlite")
        assert list(other.traded_spans(venue.market.id)) == [Span(START_MS + 1, minutes(4))]
        assert len(other.trades(venue.market.id, START_MS, minutes(10))) == 4
        other.close()
    store.close()


async def test_without_a_store_of_the_user_only_what_is_needed_is_kept(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        venue.trades_shown = 1
        for minute in range(2, 30):
            await follower.at(minutes(minute))
            venue.match(str(minute))
        await follower.at(minutes(35))
        assert len(follower.feed._store.trades(venue.market.id, 0, 10**14)) <= 2
        # The price of the last trade is still known after a break.
        venue.cut()
        await follower.settle()
        await follower.at(minutes(37))
        venue.connect()
        await follower.settle()
        assert follower.closed()[-1] == (36 - 1, "29", True)


async def test_a_clock_that_was_set_back_brings_nothing_twice(venue, clock, follow):
    venue.match("1")
    clock.now_ms = minutes(1.5)
    async with follow() as follower:
        await follower.connect()
        await follower.at(minutes(4) + 1001)
        assert [candle[0] for candle in follower.closed()] == [1, 2, 3]
        venue.cut()
        clock.now_ms = minutes(2.5)
        venue.connect()
        await follower.settle()
        await follower.at(minutes(5) + 6001)
        assert [candle[0] for candle in follower.closed()] == [4]


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
