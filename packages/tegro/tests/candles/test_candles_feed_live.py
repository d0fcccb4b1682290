"""The feed: history then live, each candle once, closed when nothing is missing."""

import asyncio

import pytest
from candle_follower import DEADLINE_SECS, M1, S1, SECOND_MS, START_MS, minutes

from tegro.candles import CandleFeed, CandleStore
from tegro.candles.candle import seen
from tegro.errors import InvalidInput

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
