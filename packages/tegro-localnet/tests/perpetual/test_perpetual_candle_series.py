"""Candles of a series: what a naive tally makes of the samples, for as many of each interval as are kept."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.perpetual.candles import INTERVALS_SECS, Candle, CandleSeries, Sample

MOST = 7
FIRST_E18 = 2_000
START_MS = 1_706_659_198_000
"""Two seconds before the last day of January 2024 begins, a Wednesday."""

SAMPLES = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 400, 1_000, 61_000, 3_600_000, 86_400_000, 20 * 86_400_000]),
        st.integers(1, 50),
        st.integers(0, 9),
        st.booleans(),
    ),
    max_size=60,
)


def opening_secs(interval: str, time_ms: int) -> int:
    """Return when the candle of a moment opens, by the calendar of the standard library."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0)
    if interval == "1M":
        return int(midnight.replace(day=1).timestamp())
    if interval == "1w":
        return int((midnight - timedelta(days=moment.weekday())).timestamp())
    return time_ms // 1000 // INTERVALS_SECS[interval] * INTERVALS_SECS[interval]


def samples_of(drawn: list[tuple[int, int, int, bool]]) -> list[Sample]:
    found, time_ms = [], START_MS
    for number, (step_ms, price_e18, base_e8, is_taker_buy) in enumerate(drawn):
        time_ms += step_ms
        amounts = {"base_e8": base_e8, "quote_e8": base_e8 * price_e18, "is_taker_buy": is_taker_buy}
        found.append(Sample(time_ms=time_ms, price_e18=price_e18, trade_id=number, **amounts))
    return found


def tallied(interval: str, samples: list[Sample]) -> list[tuple[int, ...]]:
    """Return open, prices, amounts, count and ids of each interval with a sample, oldest first."""
    groups: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[opening_secs(interval, sample.time_ms)].append(sample)
    rows = []
    for open_secs, group in sorted(groups.items()):
        prices = [sample.price_e18 for sample in group]
        bought = [sample for sample in group if sample.is_taker_buy]
        rows.append(
            (
                *(open_secs * 1000, prices[0], max(prices), min(prices), prices[-1]),
                *(sum(sample.base_e8 for sample in group), sum(sample.quote_e8 for sample in group), len(group)),
                *(sum(sample.base_e8 for sample in bought), sum(sample.quote_e8 for sample in bought)),
                *(group[0].trade_id, group[-1].trade_id),
            )
        )
    return rows


def row_of(candle: Candle) -> tuple[int, ...]:
    whole = msgspec.structs.astuple(candle)
    return whole[:1] + whole[2:]


@given(SAMPLES)
def test_the_newest_of_each_interval_are_kept_and_equal_a_naive_tally(drawn):
    samples = samples_of(drawn)
    series = CandleSeries(FIRST_E18, MOST)
    for sample in samples:
        series.record(sample)
    kept = series.kept()
    assert list(kept) == list(INTERVALS_SECS)
    for interval, candles in kept.items():
        assert [row_of(candle) for candle in candles] == tallied(interval, samples)[-MOST:]


@given(SAMPLES, SAMPLES)
def test_what_is_restored_goes_on_as_the_other_would_have(before, after):
    samples = samples_of(before + after)
    one, other = CandleSeries(FIRST_E18, MOST), CandleSeries(FIRST_E18, MOST)
    for sample in samples[: len(before)]:
        one.record(sample)
    written = msgspec.json.encode(one.kept())
    other.restore(msgspec.json.decode(written, type=dict[str, tuple[Candle, ...]]))
    for sample in samples[len(before) :]:
        one.record(sample)
        other.record(sample)
    assert one.kept() == other.kept()


def test_what_is_older_than_all_that_is_kept_is_flat_where_that_begins():
    series = CandleSeries(FIRST_E18, 2)
    assert series.at("1s", START_MS).close_e18 == FIRST_E18
    for number in range(5):
        series.record(Sample(time_ms=START_MS + number * 1_000, price_e18=10 + number))
    rows = [(candle.open_e18, candle.count) for candle in series.latest("1s", START_MS + 5_000, 6)]
    assert rows == [(13, 0), (13, 0), (13, 0), (13, 1), (14, 1), (14, 0)]
