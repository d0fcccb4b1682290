"""History: complete or refused, from trades, the chart and the store; nothing made up."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tegro.candles import VENUE_INTERVALS, CandleStore, Interval, candle_history, candles_from_trades
from tegro.candles.history import MAX_CANDLES
from tegro.errors import BadReply, HistoryMissing, InvalidInput, NotConnected, RateLimited, Refused

START_MS = 1_709_164_800_000
"""Thursday, 2024-02-29 00:00 UTC."""
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
GRACE_MS = 1000
M1, M5, M30, H1, D1, W1 = (Interval(word) for word in ("1m", "5m", "30m", "1h", "1d", "1w"))

fresh_fixtures_are_not_needed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def clock(make_clock):
    return make_clock(START_MS)


@pytest.fixture
def venue(make_venue, clock):
    return make_venue(clock)


@pytest.fixture
def ask(venue, clock):
    """Ask for candles, a second after the present, when all that happened is surely visible."""

    async def history(interval, **options):
        clock.now_ms += GRACE_MS
        try:
            return await candle_history(venue, venue.market, interval, clock_ms=clock, **options)
        finally:
            clock.now_ms -= GRACE_MS

    return history


def minutes(count):
    return START_MS + count * MINUTE_MS


def prices(candles):
    return [str(candle.close) for candle in candles]


def truth(trades, interval, start_ms, until_ms):
    """Every candle from the one of a moment on: of the trades, and flat where there are none. The first has trades."""
    by_time = {each.open_time_ms: each for each in candles_from_trades(trades, interval, until_ms=until_ms)}
    time_ms, close, expected = interval.floor(min(trade.timestamp_ms for trade in trades)), None, []
    while time_ms < until_ms:
        candle = by_time.get(time_ms)
        row = (close,) * 4 if candle is None else (candle.open, candle.high, candle.low, candle.close)
        close = row[3]
        if time_ms >= interval.floor(start_ms):
            volume = Decimal(0) if candle is None else candle.base_volume
            expected.append((time_ms, interval.next(time_ms) <= until_ms, row, volume))
        time_ms = interval.next(time_ms)
    return expected


def matches_truth(candles, expected):
    shown = [(each.open_time_ms, each.is_closed, (each.open, each.high, each.low, each.close)) for each in candles]
    volumes = [(each.base_volume, row[3]) for each, row in zip(candles, expected, strict=True)]
    return shown == [row[:3] for row in expected] and all(known in (None, true) for known, true in volumes)


@fresh_fixtures_are_not_needed
@given(
    st.lists(st.tuples(st.integers(0, 8 * 24 * 60), st.integers(1, 50)), min_size=1, max_size=25),
    st.sampled_from([Interval(word) for word in ("1m", "3m", "5m", "15m", "30m", "2h", "6h", "1d", "3d", "1w", "1M")]),
    st.integers(1, 30),
    st.integers(0, 300),
    st.booleans(),
)
async def test_what_is_known_is_right_and_what_is_not_is_refused_from_the_right_time_on(
    make_clock, make_venue, tape, interval, trades_shown, limit, has_volume
):
    clock = make_clock(START_MS)
    venue = make_venue(clock)
    venue.trades_shown, venue.has_volume = trades_shown, has_volume
    for minute, price in sorted(tape):
        clock.now_ms = minutes(minute) + 500
        venue.match(str(price))
    clock.now_ms = until_ms = minutes(8 * 24 * 60) + 30_000
    clock.now_ms += GRACE_MS
    oldest_ms = venue.trades[-trades_shown:][0].timestamp_ms
    served = [each.floor(venue.trades[0].timestamp_ms) for each in VENUE_INTERVALS if each.divides(interval)]
    since_ms = interval.next(min([served[-1], oldest_ms + 1] if served else [oldest_ms + 1]) - 1)
    start_ms = max(interval.shift(until_ms - 1, -limit), 0)

    async def ask(first_ms):
        return await candle_history(venue, venue.market, interval, start_ms=first_ms, clock_ms=clock)

    if start_ms < since_ms:
        with pytest.raises(HistoryMissing) as caught:
            await ask(start_ms)
        assert caught.value.since_ms == since_ms
        start_ms = since_ms
    if start_ms < until_ms:
        assert matches_truth(await ask(start_ms), truth(venue.trades, interval, start_ms, until_ms))


async def test_times_without_trades_are_flat_at_the_close_before(venue, clock, ask):
    for minute, price in ((0, "5"), (1, "10"), (4, "12")):
        clock.now_ms = minutes(minute) + 1
        venue.match(price, "2")
    clock.now_ms = minutes(6) + 30_000
    candles = await ask(M1, start_ms=minutes(1))
    assert prices(candles) == ["10", "10", "10", "12", "12", "12"]
    assert [candle.base_volume for candle in candles] == [2, 0, 0, 2, 0, 0]
    assert [candle.trades for candle in candles] == [1, 0, 0, 1, 0, 0]
    assert [candle.is_closed for candle in candles] == [True] * 5 + [False]
    assert all(earlier.close_time_ms == later.open_time_ms for earlier, later in pairwise(candles))


async def test_the_candle_of_the_earliest_trade_is_not_whole_and_none_before_it_is_made_up(venue, clock, ask):
    clock.now_ms = minutes(2) + 1
    venue.match("5")
    clock.now_ms = minutes(5)
    with pytest.raises(HistoryMissing) as caught:
        await ask(M1, start_ms=START_MS)
    assert caught.value.since_ms == minutes(3)
    assert str(caught.value) == (
        "candles 1m of WETH_USDT were asked for from 2024-02-29T00:00:00Z, "
        "but everything is known only from 2024-02-29T00:03:00Z"
    )
    assert prices(await ask(M1, start_ms=minutes(3))) == ["5", "5"]


async def test_a_market_that_never_traded_has_no_history(ask, clock):
    for interval in (M1, M5):
        with pytest.raises(HistoryMissing, match="the venue shows nothing of that time") as caught:
            await ask(interval, limit=3)
        assert caught.value.since_ms is None
    assert isinstance(caught.value, InvalidInput)


async def test_if_only_what_is_to_come_will_be_known_the_error_says_from_when(venue, clock, ask):
    clock.now_ms = START_MS + 1
    venue.match("5")
    clock.now_ms = minutes(0) + 30_000
    with pytest.raises(HistoryMissing) as caught:
        await ask(M1, limit=2)
    assert caught.value.since_ms == minutes(1)


async def test_an_end_in_the_past_leaves_out_what_came_later(venue, clock, ask):
    for minute in range(6):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
    candles = await ask(M1, start_ms=minutes(1), end_ms=minutes(3))
    assert prices(candles) == ["2", "3"]
    assert prices(await ask(M1, limit=2, end_ms=minutes(3))) == ["2", "3"]
    assert prices(await ask(M1, limit=2, end_ms=minutes(500))) == ["5", "6"]


async def test_a_start_within_the_last_second_has_no_candle_yet(venue, clock, ask):
    venue.match("1")
    assert await ask(M1, start_ms=START_MS + 500, end_ms=START_MS + 900) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "give the start of the candles or their number"),
        ({"start_ms": 1, "limit": 1}, "give the start of the candles or their number"),
        ({"start_ms": 2, "end_ms": 2}, "the start must be Unix milliseconds before the end 2, was 2"),
        ({"start_ms": -1}, "the start must be"),
        ({"limit": 1, "end_ms": 0}, "the end must be"),
        ({"limit": 1, "end_ms": 10**15}, "the end must be"),
        ({"limit": 0}, "ask for 1 to 100000 candles at once"),
        ({"limit": -5}, "ask for 1 to 100000 candles at once"),
        ({"limit": MAX_CANDLES + 1}, "ask for 1 to 100000 candles at once"),
        ({"start_ms": 0}, "ask for 1 to 100000 candles at once"),
    ],
)
async def test_what_cannot_be_right_is_refused_before_anything_is_asked(venue, ask, options, words):
    with pytest.raises(InvalidInput, match=words):
        await ask(M1, **options)
    assert venue.trade_requests == 0


async def test_more_months_than_the_calendar_has_are_refused(ask):
    with pytest.raises(InvalidInput, match="years 1 to 9999"):
        await ask(Interval.ONE_MONTH, limit=MAX_CANDLES)


# The list of trades


async def test_trades_of_one_millisecond_keep_the_order_of_the_venue(venue, clock, ask):
    for is_oldest_first in (False, True):
        venue.is_oldest_first = is_oldest_first
        clock.now_ms += MINUTE_MS
        venue.match("1")
        clock.now_ms += MINUTE_MS
        for price in ("2", "3", "4"):
            venue.match(price)
        clock.now_ms += 1
        [candle] = await ask(M1, limit=1)
        assert (candle.open, candle.close) == (2, 4)


async def test_a_list_that_ends_in_the_middle_of_a_millisecond_does_not_show_that_millisecond(venue, clock, ask):
    for price in ("1", "2", "3"):
        venue.match(price)
    venue.trades_shown = 2
    clock.now_ms = minutes(1) + 1
    with pytest.raises(HistoryMissing) as caught:
        await ask(M1, start_ms=START_MS)
    assert caught.value.since_ms == minutes(1)


async def test_trades_that_the_venue_does_not_give_are_an_error(venue, ask):
    venue.failures.append(NotConnected("no"))
    with pytest.raises(NotConnected):
        await ask(M1, limit=1)


# The chart


async def test_the_longest_interval_of_the_venue_that_fits_is_asked_for(venue, clock, ask):
    clock.now_ms = START_MS - 60 * DAY_MS
    venue.match("1")
    clock.now_ms = START_MS
    venue.match("1")
    clock.now_ms = START_MS + DAY_MS
    venue.trades_shown = 0
    for word, seconds in (
        ("5m", 300),
        ("15m", 900),
        ("30m", 900),
        ("1h", 3600),
        ("2h", 3600),
        ("4h", 14_400),
        ("6h", 3600),
        ("8h", 14_400),
        ("12h", 14_400),
        ("1d", 86_400),
        ("3d", 86_400),
        ("1w", 604_800),
        ("1M", 86_400),
    ):
        venue.chart_requests.clear()
        assert prices(await ask(Interval(word), limit=2)) == ["1", "1"]
        assert {request[0] for request in venue.chart_requests} == {seconds}
    for word in ("1s", "1m", "3m"):
        venue.chart_requests.clear()
        with pytest.raises(HistoryMissing):
            await ask(Interval(word), limit=2)
        assert venue.chart_requests == []


async def test_a_long_time_is_read_in_the_ten_days_that_the_web_page_asks_for(venue, clock, ask):
    venue.match("1")
    clock.now_ms = START_MS + 25 * DAY_MS
    venue.match("2")
    venue.trades_shown = 0
    candles = await ask(M5, start_ms=START_MS)
    assert len(candles) == 25 * 288
    spans = [(first_ms, last_ms) for _, first_ms, last_ms in venue.chart_requests]
    assert all(last_ms - first_ms < 10 * DAY_MS for first_ms, last_ms in spans)
    assert [first_ms for first_ms, _ in spans[1:]] == [last_ms + 1 for _, last_ms in spans[:-1]]


async def test_bars_of_other_times_are_left_aside(venue, clock, ask):
    for minute in range(0, 60, 5):
        clock.now_ms = minutes(minute)
        venue.match(str(minute + 1))
    venue.trades_shown, venue.is_range_ignored = 0, True
    clock.now_ms = minutes(60)
    assert prices(await ask(M5, start_ms=minutes(10), end_ms=minutes(20))) == ["11", "16"]


async def test_a_quiet_beginning_takes_its_price_from_an_earlier_bar(venue, clock, ask):
    venue.match("7")
    clock.now_ms = minutes(30) + 1
    venue.match("8")
    venue.trades_shown = 0
    clock.now_ms = minutes(40)
    assert prices(await ask(M5, start_ms=minutes(20))) == ["7", "7", "8", "8"]
    # And nothing more is asked for where the first bar is there.
    venue.chart_requests.clear()
    assert prices(await ask(M5, start_ms=minutes(30))) == ["8", "8"]
    assert len(venue.chart_requests) == 1


async def test_weeks_that_do_not_begin_on_monday_are_built_from_days(venue, clock, ask):
    venue.shift_ms = 3 * DAY_MS
    clock.now_ms = START_MS - 20 * DAY_MS
    venue.match("1")
    clock.now_ms = START_MS
    venue.match("2")
    venue.trades_shown = 0
    clock.now_ms = START_MS + DAY_MS
    candles = await ask(W1, limit=2)
    assert [candle.open_time_ms for candle in candles] == [START_MS - 10 * DAY_MS, START_MS - 3 * DAY_MS]
    assert prices(candles) == ["1", "2"]


@pytest.mark.parametrize("failure", [Refused("no", status=404), BadReply("odd")])
async def test_without_a_chart_there_are_still_the_trades(venue, clock, ask, failure):
    for minute in (0, 6):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
    clock.now_ms = minutes(12)
    venue.chart_failures = [failure] * 5
    with pytest.raises(HistoryMissing) as caught:
        await ask(M5, start_ms=START_MS)
    assert caught.value.since_ms == minutes(5)
    assert prices(await ask(M5, start_ms=minutes(5))) == ["7", "7"]


async def test_a_limit_of_requests_is_told(venue, clock, ask):
    venue.chart_failures = [RateLimited("later")]
    with pytest.raises(RateLimited):
        await ask(M5, limit=3)


async def test_volume_comes_from_trades_where_all_were_seen_and_is_else_unknown(venue, clock, ask):
    for minute in range(0, 20, 2):
        clock.now_ms = minutes(minute)
        venue.match("1", "2")
    venue.trades_shown = 6
    clock.now_ms = minutes(20)
    assert [candle.base_volume for candle in await ask(M5, start_ms=START_MS)] == [None, None, 6, 4]
    venue.has_volume = True
    assert [candle.base_volume for candle in await ask(M5, start_ms=START_MS)] == [6, 4, 6, 4]


# The store


async def test_history_grows_with_each_run(venue, clock, ask):
    store = CandleStore()
    venue.trades_shown = 3
    for minute in range(10):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
        clock.now_ms += 1
        if minute:
            await ask(M1, limit=1, store=store)
    clock.now_ms = minutes(10)
    assert prices(await ask(M1, start_ms=minutes(1), store=store)) == [str(price) for price in range(2, 11)]
    with pytest.raises(HistoryMissing):
        await ask(M1, start_ms=minutes(1))
    store.close()


async def test_a_run_that_comes_too_late_leaves_a_gap_that_is_not_filled(venue, clock, ask):
    store = CandleStore()
    venue.trades_shown = 3
    for minute in range(20):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1))
        if minute in (3, 19):
            clock.now_ms += 1
            await ask(M1, limit=1, store=store)
    with pytest.raises(HistoryMissing) as caught:
        await ask(M1, start_ms=minutes(2), store=store)
    assert caught.value.since_ms == minutes(18)
    # Before the gap nothing was lost.
    assert prices(await ask(M1, start_ms=minutes(2), end_ms=minutes(3), store=store)) == ["3"]
    with pytest.raises(HistoryMissing) as caught:
        await ask(M1, start_ms=minutes(5), end_ms=minutes(8), store=store)
    assert caught.value.since_ms == minutes(18)
    store.close()


async def test_the_gap_is_read_from_the_chart_where_there_is_one(venue, clock, ask):
    store = CandleStore()
    venue.trades_shown = 3
    for minute in range(30):
        clock.now_ms = minutes(minute) + 1
        venue.match(str(minute + 1), "2")
        if minute in (9, 29):
            clock.now_ms += 1
            await ask(M5, limit=1, store=store)
    clock.now_ms = minutes(30)
    candles = await ask(M5, start_ms=START_MS, store=store)
    assert prices(candles) == ["5", "10", "15", "20", "25", "30"]
    store.close()


async def test_bars_that_the_store_has_are_not_read_again_and_the_last_minute_is(venue, clock, ask):
    store = CandleStore()
    for minute in range(0, 60, 5):
        clock.now_ms = minutes(minute)
        venue.match(str(minute + 1))
    venue.trades_shown = 0
    clock.now_ms = minutes(55) + 30_000
    await ask(M5, start_ms=START_MS, store=store)
    venue.chart_requests.clear()
    candles = await ask(M5, start_ms=START_MS, store=store)
    assert len(candles) == 12
    # Up to half past, the bar of 00:50 had ended less than a minute ago, so it is asked for again.
    assert [first_ms for _, first_ms, _ in venue.chart_requests] == [minutes(50)]
    venue.chart_requests.clear()
    assert prices(await ask(M5, start_ms=START_MS, end_ms=minutes(20), store=store)) == ["1", "6", "11", "16"]
    assert venue.chart_requests == []
    store.close()


async def test_the_store_outlives_what_the_venue_forgets(venue, clock, ask, make_venue):
    store = CandleStore()
    for minute in range(0, 60, 5):
        clock.now_ms = minutes(minute)
        venue.match(str(minute + 1))
    clock.now_ms = minutes(70)
    expected = prices(await ask(M5, start_ms=START_MS, end_ms=minutes(60), store=store))
    empty = make_venue(clock)
    again = await candle_history(
        empty, venue.market, M5, start_ms=START_MS, end_ms=minutes(60), store=store, clock_ms=clock
    )
    assert prices(again) == expected
    store.close()


async def test_many_readers_share_a_store(venue, clock, ask):
    store = CandleStore()
    for minute in range(10):
        clock.now_ms = minutes(minute)
        venue.match(str(minute + 1))
    clock.now_ms = minutes(10) + GRACE_MS
    answers = await asyncio.gather(
        *(candle_history(venue, venue.market, M1, start_ms=minutes(1), store=store, clock_ms=clock) for _ in range(5))
    )
    assert [prices(answer) for answer in answers] == [[str(price) for price in range(2, 11)]] * 5
    store.close()
