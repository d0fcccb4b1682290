"""Each funding payment has a moment of its own, as Hummingbot's database wants it."""

from hummingbot.connector.derivative.tegro_perpetual.funding_moments import FundingMoments
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.integers(min_value=0, max_value=20), max_size=30))
def test_no_moment_is_given_twice_and_none_is_early(times_ms):
    moments = FundingMoments()
    taken = [moments.take(time_ms) for time_ms in times_ms]
    assert len(set(taken)) == len(taken)
    assert all(0 <= moment - time_ms < len(taken) for moment, time_ms in zip(taken, times_ms, strict=True))


def test_a_free_moment_stays_as_it_is():
    moments = FundingMoments()
    assert [moments.take(time_ms) for time_ms in (5, 5, 7, 5)] == [5, 6, 7, 8]
