"""What a book knows before its first snapshot, how long it remembers changes, and exact sums of depth."""

from decimal import Decimal

import pytest

from tegro.model import BookChange, BookLevel, BookSnapshot, Side
from tegro.order_book import OrderBook

KEPT_MS = 60_000
MANY = 4_097
"""One change more than a book keeps without looking at their age."""


def rows(pairs):
    return tuple(BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in pairs)


def snapshot(bids=(), asks=(), at_ms=100_000):
    return BookSnapshot(symbol="X", bids=rows(bids), asks=rows(asks), timestamp_ms=at_ms)


def changed(book, side, price, quantity, at_ms):
    sides = {"bids": (), "asks": ()} | {"bids" if side is Side.BUY else "asks": rows([(price, quantity)])}
    book.apply_change(BookChange(symbol="X", timestamp_ms=at_ms, **sides))


def test_a_book_without_a_snapshot_is_empty_and_says_whose_it_is():
    book = OrderBook("WETH_USDC")
    assert (book.symbol, book.timestamp_ms, book.changes) == ("WETH_USDC", 0, 0)
    assert (book.best_bid, book.best_ask, book.is_crossed) == (None, None, False)
    assert [book.quantity_at(side, Decimal(1)) for side in Side] == [0, 0]


@pytest.mark.parametrize("side", Side)
def test_what_is_remembered_of_either_side_does_not_grow_without_end(side):
    book = OrderBook("X")
    for second in range(2 * MANY):
        changed(book, side, second + 1, 1, second * 1000)
    book.apply_snapshot(snapshot(at_ms=0))
    remembered = len(book.bids()) + len(book.asks())
    assert KEPT_MS // 1000 <= remembered <= MANY


@pytest.mark.parametrize(("age_ms", "is_kept"), [(KEPT_MS, True), (KEPT_MS + 1, False)])
def test_a_change_is_remembered_as_long_as_a_snapshot_may_take(age_ms, is_kept):
    """The first change is that old when there are more than are kept; then a snapshot of its second comes."""
    book = OrderBook("X")
    changed(book, Side.BUY, 1, 5, 100_000)
    for number in range(MANY):
        changed(book, Side.SELL, number + 2, 1, 100_000 + age_ms)
    book.apply_snapshot(snapshot())
    assert book.quantity_at(Side.BUY, Decimal(1)) == (5 if is_kept else 0)


@pytest.mark.parametrize(("age_ms", "found"), [(0, ["buy 10 is 1 here and 2 there"]), (KEPT_MS + 1, [])])
def test_a_comparison_from_the_beginning_is_made_as_long_as_nothing_was_forgotten(age_ms, found):
    book = OrderBook("X")
    book.apply_snapshot(snapshot(bids=[("10", "1")]))
    for number in range(MANY):
        changed(book, Side.SELL, number + 11, 1, 200_000 + age_ms * (number > 0))
    theirs = snapshot(bids=[("10", "2")], asks=[(number + 11, 1) for number in range(MANY)])
    assert [str(each) for each in book.differences(theirs, since=0)] == found


@pytest.mark.parametrize("side", Side)
def test_a_depth_of_many_digits_is_exact(side):
    """Each total has 28 digits, as many as a decimal context has unless it is told; the sum has more."""
    quantities = [10**27 + number for number in range(1, 20)]
    levels = [(price, Decimal(quantity).scaleb(-18)) for price, quantity in enumerate(quantities, start=1)]
    book = OrderBook("X")
    book.apply_snapshot(snapshot(**{"bids" if side is Side.BUY else "asks": levels}))
    depth = book.depth(side, Decimal(1 if side is Side.BUY else 99))
    assert int(depth.scaleb(18)) == sum(quantities)
