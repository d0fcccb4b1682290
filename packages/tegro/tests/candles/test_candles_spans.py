"""Observed times against plain sets of moments."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tegro.candles.spans import Span, Spans

edges = st.integers(0, 30)
lists = st.lists(st.builds(Span, edges, edges), max_size=8)


def moments(spans):
    return {moment for span in spans for moment in range(span.start_ms, span.end_ms)}


@given(lists, lists)
def test_a_union_holds_what_either_holds_in_the_fewest_spans(left, right):
    union = list(Spans(left) | Spans(right))
    assert moments(union) == moments(left) | moments(right)
    assert all(earlier.end_ms < later.start_ms for earlier, later in pairwise(union))


@given(lists, edges, edges)
def test_a_range_is_covered_if_all_its_moments_are(spans, start, end):
    assert Spans(spans).cover(start, end) == (set(range(start, end)) <= moments(spans))


@given(lists, edges)
def test_around_finds_the_span_that_holds_a_moment_or_ends_there(spans, moment):
    found = Spans(spans).around(moment)
    held = moments(spans)
    assert (found is not None) == (moment in held or moment - 1 in held)
    if found is not None:
        assert found.start_ms <= moment <= found.end_ms
        assert moments([found]) <= held
