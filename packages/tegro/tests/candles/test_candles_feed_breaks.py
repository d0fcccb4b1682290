"""The feed in trouble: breaks of the stream, failures, its end, and the store that outlives it."""

import asyncio
import logging
from contextlib import closing
from decimal import Decimal

import pytest
from candle_follower import DEADLINE_SECS, M1, M5, SECOND_MS, START_MS, minutes

from tegro.backoff import Backoff
from tegro.candles import CandleFeed, CandleStore, Interval, candle_history
from tegro.candles.candle import seen
from tegro.candles.spans import Span
from tegro.errors import NotConnected, RateLimited, Refused, StoreFailure

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
