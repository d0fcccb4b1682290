"""Trades to candles and candles to larger ones, against pandas."""

from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.candles import Candle, Interval, candles_from_candles, candles_from_trades
from tegro.candles.candle import CandleBuilder, flat_candle
from tegro.errors import InvalidInput
from tegro.model import Trade, TradeState

START_MS = 1_709_164_800_000
"""Thursday, 2024-02-29 00:00 UTC."""
DAY_MS = 86_400_000
FAR_MS = 10**14
FLOORS = {
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
amounts = st.decimals(min_value="0.000001", max_value=10**12, places=18)


def trade(number, timestamp_ms, price, quantity="1"):
    return Trade(
        trade_id=str(number),
        symbol="WETH_USDT",
        price=Decimal(price),
        quantity=Decimal(quantity),
        state=TradeState.SUCCESS,
        is_buyer_maker=None,
        maker="",
        taker="",
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        tx_hash=None,
        timestamp_ms=timestamp_ms,
    )


@st.composite
def tapes(draw, days=100):
    """Trades in the order in which they happened, several of them in one millisecond now and then."""
    times = sorted(draw(st.lists(st.integers(0, days * DAY_MS), min_size=1, max_size=30)))
    rows = [(time, draw(amounts), draw(amounts)) for time in times for _ in range(draw(st.integers(1, 2)))]
    return [trade(number, START_MS + time, price, quantity) for number, (time, price, quantity) in enumerate(rows)]


def opens_by_pandas(times_ms, interval):
    stamps = pd.to_datetime(times_ms, unit="ms")
    periods = {"1w": "W-SUN", "1M": "M"}
    starts = stamps.to_period(periods[interval]).start_time if interval in periods else stamps.floor(FLOORS[interval])
    return [int(start.timestamp()) * 1000 for start in starts]


def by_pandas(trades, interval):
    """Open time, open, high, low, close, base and quote volume and count of each candle; sums as exact fractions."""
    rows = [(each.price, Fraction(each.quantity), Fraction(each.price) * Fraction(each.quantity)) for each in trades]
    frame = pd.DataFrame(rows, columns=["price", "base", "quote"], dtype=object)
    groups = frame.groupby(pd.Series(opens_by_pandas([each.timestamp_ms for each in trades], interval)))
    prices = groups.price.agg(["first", "max", "min", "last", "count"])
    sums = groups[["base", "quote"]].agg(sum)
    joined = prices.join(sums)[["first", "max", "min", "last", "base", "quote", "count"]]
    return [tuple(row) for row in joined.itertuples()]


def rows_of(candles):
    return [
        (
            *(each.open_time_ms, each.open, each.high, each.low, each.close),
            *(Fraction(each.base_volume), Fraction(each.quote_volume), each.trades),
        )
        for each in candles
    ]


def bar(open_time_ms, interval, price, *, volume="1", count=1):
    amount = None if volume is None else Decimal(volume)
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal(price))
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=interval.next(open_time_ms),
        base_volume=amount,
        quote_volume=amount,
        trades=count,
        is_closed=True,
        **prices,
    )


@given(tapes(), st.sampled_from(list(Interval)))
def test_trades_become_the_candles_of_pandas(tape, interval):
    candles = candles_from_trades(tape, interval, until_ms=FAR_MS)
    assert rows_of(candles) == by_pandas(tape, interval)
    assert all(each.close_time_ms == interval.next(each.open_time_ms) for each in candles)


@given(tapes(), st.sampled_from(list(Interval)), st.randoms(use_true_random=False))
def test_late_and_repeated_trades_change_nothing(tape, interval, rng):
    """One trade of each millisecond is kept: of two, the order given decides, as nothing else tells."""
    apart = list({each.timestamp_ms: each for each in tape}.values())
    shuffled = apart + rng.choices(apart, k=5)
    rng.shuffle(shuffled)
    expected = candles_from_trades(apart, interval, until_ms=FAR_MS)
    assert candles_from_trades(shuffled, interval, until_ms=FAR_MS) == expected


@given(tapes(days=2), st.randoms(use_true_random=False))
def test_one_candle_grows_to_the_same_whatever_the_order(tape, rng):
    apart = list({each.timestamp_ms: each for each in tape}.values())
    [expected] = candles_from_trades(apart, Interval.ONE_MONTH, until_ms=0)[:1]
    rng.shuffle(apart)
    builder = CandleBuilder(Interval.ONE_MONTH, expected.open_time_ms)
    for each in apart:
        if each.timestamp_ms < builder.close_time_ms:
            builder.add(each)
    assert builder.candle(is_closed=False) == expected


@given(tapes(), st.sampled_from(list(Interval)), st.sampled_from(list(Interval)))
def test_smaller_candles_become_the_candles_of_the_trades(tape, short, long):
    small = candles_from_trades(tape, short, until_ms=FAR_MS)
    if short.divides(long):
        merged = candles_from_candles(small[::-1], long, until_ms=FAR_MS)
        assert merged == candles_from_trades(tape, long, until_ms=FAR_MS)


def test_a_candle_that_does_not_fit_is_refused():
    week = bar(START_MS - 3 * DAY_MS, Interval.ONE_WEEK, 1)
    with pytest.raises(InvalidInput, match="does not fit into 1M"):
        candles_from_candles([week], Interval.ONE_MONTH, until_ms=FAR_MS)


def test_only_what_all_parts_know_is_known_of_the_whole():
    one = bar(START_MS, Interval.FIVE_MINUTES, 1, volume="0.1", count=2)
    other = bar(START_MS + 300_000, Interval.FIVE_MINUTES, 2, volume="0.2", count=3)
    [whole] = candles_from_candles([one, other], Interval.FIFTEEN_MINUTES, until_ms=FAR_MS)
    assert (whole.base_volume, whole.quote_volume, whole.trades) == (Decimal("0.3"), Decimal("0.3"), 5)
    silent = bar(START_MS + 300_000, Interval.FIVE_MINUTES, 2, volume=None, count=None)
    [whole] = candles_from_candles([one, silent], Interval.FIFTEEN_MINUTES, until_ms=FAR_MS)
    assert (whole.base_volume, whole.quote_volume, whole.trades) == (None, None, None)
    assert (whole.open, whole.high, whole.low, whole.close) == (1, 2, 1, 2)


def test_of_two_candles_of_one_time_the_later_given_counts():
    [whole] = candles_from_candles(
        [bar(START_MS, Interval.FIVE_MINUTES, 1), bar(START_MS, Interval.FIVE_MINUTES, 2)],
        Interval.FIVE_MINUTES,
        until_ms=FAR_MS,
    )
    assert whole.close == 2


def test_a_candle_is_closed_once_its_time_was_seen_to_the_end():
    end_ms = START_MS + 60_000
    for until_ms, is_closed in ((end_ms - 1, False), (end_ms, True)):
        [one] = candles_from_trades([trade(1, START_MS, 1)], Interval.ONE_MINUTE, until_ms=until_ms)
        [same] = candles_from_candles([one], Interval.ONE_MINUTE, until_ms=until_ms)
        assert (one.is_closed, same.is_closed) == (is_closed, is_closed)


def test_nothing_makes_no_candle():
    assert candles_from_trades([], Interval.ONE_MINUTE, until_ms=FAR_MS) == []
    assert candles_from_candles([], Interval.ONE_MINUTE, until_ms=FAR_MS) == []
    assert CandleBuilder(Interval.ONE_MINUTE, START_MS).candle(is_closed=False) is None


def test_a_flat_candle_has_no_volume_rather_than_an_unknown_one():
    flat = flat_candle(Interval.ONE_MONTH, START_MS - 28 * DAY_MS, Decimal(7), is_closed=True)
    assert (flat.base_volume, flat.quote_volume, flat.trades) == (0, 0, 0)
    assert (flat.open, flat.high, flat.low, flat.close) == (7, 7, 7, 7)
    assert flat.close_time_ms == START_MS + DAY_MS
