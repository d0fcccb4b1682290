"""The local book: absolute totals, staleness, replay over a snapshot, and what taking a quantity comes to."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro import convert
from tegro.model import BookChange, BookLevel, BookSnapshot, Side
from tegro.order_book import NO_SNAPSHOT, OrderBook


def levels(pairs):
    return tuple(BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in pairs)


def snapshot(bids=(), asks=(), at_ms=100_000):
    return BookSnapshot(symbol="WETH_USDC", bids=levels(bids), asks=levels(asks), timestamp_ms=at_ms)


def change(bids=(), asks=(), at_ms=100_000):
    return BookChange(symbol="WETH_USDC", bids=levels(bids), asks=levels(asks), timestamp_ms=at_ms)


def pairs(book_levels):
    return [(str(level.price), str(level.quantity)) for level in book_levels]


@pytest.fixture
def book():
    made = OrderBook("WETH_USDC")
    made.apply_snapshot(
        snapshot(bids=[("10", "1"), ("9", "2"), ("8", "4")], asks=[("11", "1"), ("12", "2"), ("13", "4")])
    )
    return made


def test_defect_19_levels_are_plain_totals_not_cumulative(book):
    assert pairs(book.bids()) == [("10", "1"), ("9", "2"), ("8", "4")]
    assert pairs(book.asks()) == [("11", "1"), ("12", "2"), ("13", "4")]


def test_defect_20_a_change_replaces_a_total_and_zero_removes_the_level(book):
    book.apply_change(change(bids=[("10", "5"), ("9", "0"), ("7", "1")], asks=[("11", "0"), ("12", "3")]))
    assert pairs(book.bids()) == [("10", "5"), ("8", "4"), ("7", "1")]
    assert pairs(book.asks()) == [("12", "3"), ("13", "4")]


def test_defect_21_a_change_of_one_side_leaves_the_other(book):
    book.apply_change(change(bids=[("10", "5")]))
    assert len(book.asks()) == 3


def test_removing_a_level_that_is_not_there_is_nothing(book):
    book.apply_change(change(bids=[("1", "0")]))
    assert len(book.bids()) == 3


def test_equal_prices_written_differently_are_one_level(book):
    book.apply_change(change(bids=[("10.00", "7")]))
    assert [level.quantity for level in book.bids(1)] == [7]
    assert len(book.bids()) == 3


def test_a_book_is_stale_until_a_snapshot_and_after_each_gap():
    book = OrderBook("WETH_USDC")
    assert (book.is_stale, book.stale_reason) == (True, NO_SNAPSHOT)
    book.apply_change(change(bids=[("10", "1")]))
    assert book.is_stale
    assert book.best_bid is None
    book.apply_snapshot(snapshot())
    assert (book.is_stale, book.stale_reason) == (False, None)
    book.mark_stale("the connection was lost")
    assert book.stale_reason == "the connection was lost"


def test_changes_before_the_snapshot_are_applied_over_it_if_they_are_not_older():
    book = OrderBook("WETH_USDC")
    book.apply_change(change(bids=[("10", "1")], at_ms=99_000))
    book.apply_change(change(bids=[("9", "5")], at_ms=100_000))
    book.apply_change(change(bids=[("8", "0")], at_ms=101_000))
    book.apply_snapshot(snapshot(bids=[("9", "2"), ("8", "4")]))
    assert pairs(book.bids()) == [("9", "5")]
    assert book.timestamp_ms == 101_000


def test_a_later_snapshot_does_not_undo_a_change_that_came_while_it_was_fetched(book):
    book.apply_change(change(asks=[("11", "0")], at_ms=102_000))
    book.apply_snapshot(snapshot(asks=[("11", "1"), ("12", "2")], at_ms=101_000))
    assert pairs(book.asks()) == [("12", "2")]


def test_a_change_from_before_a_gap_is_not_replayed_after_it(book):
    book.apply_change(change(bids=[("10", "9")], at_ms=200_000))
    book.mark_stale("gap")
    book.apply_snapshot(snapshot(bids=[("10", "1")], at_ms=150_000))
    assert pairs(book.bids()) == [("10", "1")]


def test_a_change_older_than_the_snapshot_is_ignored(book):
    book.apply_change(change(bids=[("10", "9")], at_ms=99_999))
    assert pairs(book.bids(1)) == [("10", "1")]


def test_a_change_in_whole_seconds_counts_against_a_snapshot_in_milliseconds():
    book = OrderBook("WETH_USDC")
    book.apply_snapshot(snapshot(bids=[("10", "1")], at_ms=100_900))
    book.apply_change(change(bids=[("10", "2")], at_ms=100_000))
    assert pairs(book.bids()) == [("10", "2")]


def test_what_is_kept_for_a_snapshot_does_not_grow_without_end():
    book = OrderBook("WETH_USDC")
    for second in range(20_000):
        book.apply_change(change(bids=[(str(second + 1), "1")], at_ms=second * 1000))
    assert len(book._bids.recent) <= 4097


def test_many_levels_that_all_changed_lately_are_all_kept():
    book = OrderBook("WETH_USDC")
    for number in range(5_000):
        book.apply_change(change(bids=[(str(number + 1), "1")]))
    book.apply_snapshot(snapshot())
    assert len(book.bids()) == 5_000
    # What was forgotten is told from what was not: nothing has been.
    assert len(book.differences(snapshot(), since=4_990)) == 4_990


def test_a_late_change_of_a_level_is_ignored_and_its_other_levels_are_not(book):
    book.apply_change(change(bids=[("10", "5")], at_ms=102_000))
    book.apply_change(change(bids=[("10", "7"), ("9", "8")], at_ms=101_000))
    assert pairs(book.bids(2)) == [("10", "5"), ("9", "8")]
    assert book.timestamp_ms == 102_000


def test_a_late_change_is_ignored_while_the_book_waits_for_its_snapshot():
    book = OrderBook("WETH_USDC")
    book.apply_change(change(bids=[("10", "0")], at_ms=102_000))
    book.apply_change(change(bids=[("10", "7")], at_ms=101_000))
    book.apply_snapshot(snapshot(bids=[("10", "7")]))
    assert book.bids() == []


def test_a_snapshot_may_be_in_any_order_with_empty_and_repeated_levels():
    book = OrderBook("WETH_USDC")
    asks = [("12", "2"), ("11", "1"), ("13", "5"), ("12.0", "3"), ("13", "0")]
    book.apply_snapshot(snapshot(bids=[("8", "1"), ("9", "2")], asks=asks))
    assert pairs(book.bids()) == [("9", "2"), ("8", "1")]
    assert pairs(book.asks()) == [("11", "1"), ("12.0", "3")]


@pytest.mark.parametrize(
    ("bid", "ask", "is_crossed"),
    [("10", "11", False), ("11", "11", True), ("12", "11", True), (None, "11", False), ("10", None, False)],
)
def test_a_crossed_book_is_one_whose_sides_touch(bid, ask, is_crossed):
    book = OrderBook("WETH_USDC")
    book.apply_snapshot(snapshot(bids=[(bid, "1")] if bid else [], asks=[(ask, "1")] if ask else []))
    assert book.is_crossed is is_crossed


def test_differences_name_what_rests_here_and_there(book):
    theirs = snapshot(bids=[("10", "1"), ("9", "5")], asks=[("11", "1"), ("12", "2"), ("13", "4"), ("14", "1")])
    found = sorted(str(each) for each in book.differences(theirs, since=0))
    assert found == ["buy 8 is 4 here and 0 there", "buy 9 is 2 here and 5 there", "sell 14 is 0 here and 1 there"]


def test_differences_leave_out_what_changed_since(book):
    book.apply_change(change(bids=[("10", "2")]))
    mark = book.changes
    book.apply_change(change(bids=[("9", "7")]))
    theirs = snapshot(bids=[("8", "4")], asks=[("11", "1"), ("12", "2"), ("13", "4")])
    assert [str(each.price) for each in book.differences(theirs, mark)] == ["10"]


def test_differences_are_silent_where_a_change_since_may_have_been_forgotten(book):
    for second in range(5_000):
        book.apply_change(change(bids=[(str(second + 20), "1")], at_ms=200_000 + second * 1000))
    assert book.differences(snapshot(), since=1) == []
    assert book.differences(snapshot(), since=book.changes)


def test_best_prices_and_depth(book):
    assert (str(book.best_bid.price), str(book.best_ask.price)) == ("10", "11")
    assert book.depth(Side.BUY, Decimal(9)) == 3
    assert book.depth(Side.SELL, Decimal(12)) == 3
    assert book.depth(Side.BUY, Decimal(11)) == 0
    assert book.depth(Side.SELL, Decimal(100)) == 7


def test_what_a_buy_and_a_sell_come_to(book):
    buy = book.vwap_for(Side.BUY, Decimal(2))
    assert (buy.quantity, buy.cost, buy.worst_price, buy.is_complete) == (2, 23, 12, True)
    assert buy.average_price == Decimal("11.5")
    sell = book.vwap_for(Side.SELL, Decimal(10))
    assert (sell.quantity, sell.cost, sell.worst_price, sell.is_complete) == (7, 60, 8, False)


def test_an_empty_side_gives_nothing_to_take(book):
    book.apply_snapshot(snapshot())
    assert book.vwap_for(Side.BUY, Decimal(1)) is None
    with pytest.raises(ValueError, match="quantity must be above zero"):
        book.vwap_for(Side.BUY, Decimal(0))


def test_a_cost_of_many_digits_is_exact():
    book = OrderBook("X")
    price, quantity = Decimal("123456789012345678.123456789012345678"), Decimal("98765432109876543.210987654321098765")
    book.apply_snapshot(BookSnapshot(symbol="X", bids=(), asks=(BookLevel(price, quantity),), timestamp_ms=0))
    digits = int(str(price).replace(".", "")) * int(str(quantity).replace(".", ""))
    assert f"{book.vwap_for(Side.BUY, quantity).cost:f}".replace(".", "") == str(digits)


PRICES = st.integers(1, 12).map(Decimal)
CHANGES = st.lists(st.tuples(PRICES, st.integers(0, 3).map(Decimal)), max_size=4)


@given(CHANGES, CHANGES, st.lists(st.tuples(CHANGES, CHANGES), max_size=20))
def test_the_book_is_what_a_plain_dictionary_of_totals_is(first_bids, first_asks, changes):
    book, bids, asks = OrderBook("X"), dict(first_bids), dict(first_asks)
    book.apply_snapshot(snapshot(bids=first_bids, asks=first_asks))
    for bid_change, ask_change in changes:
        book.apply_change(change(bids=bid_change, asks=ask_change))
        bids |= dict(bid_change)
        asks |= dict(ask_change)
    assert [(each.price, each.quantity) for each in book.bids()] == sorted(
        ((p, q) for p, q in bids.items() if q), reverse=True
    )
    assert [(each.price, each.quantity) for each in book.asks()] == sorted((p, q) for p, q in asks.items() if q)


@given(CHANGES, st.lists(CHANGES, max_size=12), st.data())
def test_changes_that_come_twice_and_out_of_order_end_in_the_same_book(first, changes, data):
    """Each change has its own time, so the order of arrival does not matter."""
    truth = dict(first)
    for bids in changes:
        truth |= dict(bids)
    numbered = list(enumerate(changes))
    repeated = data.draw(st.lists(st.sampled_from(numbered), max_size=6)) if numbered else []
    arrived = data.draw(st.permutations(numbered + repeated))
    snapshot_after = data.draw(st.integers(0, len(arrived)))
    book = OrderBook("X")
    for position, (number, bids) in enumerate(arrived):
        if position == snapshot_after:
            book.apply_snapshot(snapshot(bids=first, at_ms=0))
        book.apply_change(change(bids=bids, at_ms=number + 1))
    if snapshot_after == len(arrived):
        book.apply_snapshot(snapshot(bids=first, at_ms=0))
    assert {each.price: each.quantity for each in book.bids()} == {p: q for p, q in truth.items() if q}


@given(CHANGES, st.lists(st.tuples(CHANGES, CHANGES), max_size=20), st.data())
def test_a_snapshot_fetched_at_any_time_meanwhile_changes_nothing(first, changes, data):
    """The venue's book is a dictionary; a snapshot of it at any moment, applied at any later one, must fit."""
    taken_at = data.draw(st.integers(0, len(changes)))
    applied_at = data.draw(st.integers(taken_at, len(changes)))
    truth = {price: quantity for price, quantity in dict(first).items() if quantity}
    book = OrderBook("X")
    if data.draw(st.booleans()):
        book.apply_snapshot(snapshot(bids=truth.items(), at_ms=0))
    fetched = None
    for number in range(len(changes) + 1):
        if number == taken_at:
            fetched = snapshot(bids=truth.items(), at_ms=number * 300)
        if number == applied_at:
            book.apply_snapshot(fetched)
        if number < len(changes):
            truth |= dict(changes[number][0])
            truth = {price: quantity for price, quantity in truth.items() if quantity}
            # Stamped in whole seconds, as the venue does.
            book.apply_change(change(bids=changes[number][0], at_ms=number * 300 // 1000 * 1000))
    assert {each.price: each.quantity for each in book.bids()} == truth


WRITINGS = st.sampled_from(["{}", "{}.0", "{}.00", "0{}", "{}e0"])
"""Ways to write a whole number: a snapshot with some of them stays text, one with others does not."""
WRITTEN = st.lists(st.tuples(st.integers(1, 12), WRITINGS, st.integers(0, 3), WRITINGS), max_size=6)
AS_THE_VENUE = st.dictionaries(st.integers(10, 20), st.tuples(st.integers(1, 3), WRITINGS), max_size=6).map(
    lambda totals: [(price, "{}.0", *totals[price]) for price in sorted(totals, reverse=True)]
)
QUERIES = st.lists(st.tuples(CHANGES, CHANGES), max_size=4)


def read_side(rows):
    """Return one side as JSON, and as a plain dictionary of totals; a later level replaces an earlier one."""
    written = [
        {"price": price_form.format(price), "quantity": quantity_form.format(quantity)}
        for price, price_form, quantity, quantity_form in rows
    ]
    return written, {Decimal(price): Decimal(quantity) for price, _, quantity, _ in rows if quantity}


def naive_side(totals, is_bid):
    return sorted(((price, total) for price, total in totals.items() if total), reverse=is_bid)


def naive_cost(rows, quantity):
    """Return what is taken and what it costs."""
    taken = cost = Decimal(0)
    for price, total in rows:
        part = min(total, quantity - taken)
        taken, cost = taken + part, cost + part * price
    return taken, cost


def check_side(book, side, rows, quantity):
    """Look at a side in every way, a little of it first, so that what is made later is looked at too."""
    is_bid = side is Side.BUY
    best = book.best_bid if is_bid else book.best_ask
    assert (best and (best.price, best.quantity)) == (rows[0] if rows else None)
    sweep = book.vwap_for(side.opposite, quantity)
    assert (sweep and (sweep.quantity, sweep.cost)) == (naive_cost(rows, quantity) if rows else None)
    for count in (2, 0, None):
        found = book.bids(count) if is_bid else book.asks(count)
        assert [(each.price, each.quantity) for each in found] == rows[:count]
    within = [total for price, total in rows if (price >= 6 if is_bid else price <= 6)]
    assert book.depth(side, Decimal(6)) == sum(within)


@given(WRITTEN | AS_THE_VENUE, WRITTEN | AS_THE_VENUE, QUERIES, st.integers(1, 20).map(Decimal))
def test_a_book_of_a_snapshot_in_any_writing_is_what_a_plain_dictionary_is(bid_rows, ask_rows, changes, quantity):
    (bids_written, bids), (asks_written, asks) = read_side(bid_rows), read_side(ask_rows)
    body = json.dumps({"timestamp": 100, "bids": bids_written, "asks": asks_written}).encode()
    book = OrderBook("X")
    book.apply_snapshot(convert.read_snapshot(body, "X"))
    for bid_change, ask_change in [([], []), *changes]:
        book.apply_change(change(bids=bid_change, asks=ask_change))
        bids |= dict(bid_change)
        asks |= dict(ask_change)
        check_side(book, Side.BUY, naive_side(bids, is_bid=True), quantity)
        check_side(book, Side.SELL, naive_side(asks, is_bid=False), quantity)
    before = convert.read_snapshot(body, "X")
    differing = {each.price for each in book.differences(before, since=book.changes) if each.side is Side.BUY}
    first = {level.price: level.quantity for level in before.bids}
    assert differing == {price for price in first | bids if first.get(price, 0) != bids.get(price, 0)}


TEXT = b'{"timestamp":100,"bids":[{"price":"9.5","quantity":"2"},{"price":"9.0","quantity":"1"}],"asks":[]}'


def test_a_change_finds_its_level_in_a_snapshot_that_is_still_text():
    book = OrderBook("X")
    book.apply_snapshot(convert.read_snapshot(TEXT, "X"))
    assert book.quantity_at(Side.BUY, Decimal("9.50")) == 2
    book.apply_snapshot(convert.read_snapshot(TEXT, "X"))
    book.apply_change(change(bids=[("9", "7"), ("9.500", "0")]))
    assert pairs(book.bids()) == [("9", "7")]


def test_a_side_taken_for_the_other_is_sorted_anew():
    text = convert.read_snapshot(TEXT, "X")
    book = OrderBook("X")
    book.apply_snapshot(BookSnapshot(symbol="X", bids=text.asks, asks=text.bids, timestamp_ms=100_000))
    assert pairs(book.asks()) == [("9.0", "1"), ("9.5", "2")]


@pytest.mark.parametrize("text", [True, False])
def test_a_negative_number_of_levels_is_refused(book, text):
    if text:
        book.apply_snapshot(convert.read_snapshot(TEXT, "X"))
    with pytest.raises(ValueError, match="islice"):
        book.bids(-1)


def test_what_rests_at_a_price_is_told_and_nothing_is_zero(book):
    for side, shown in ((Side.BUY, book.bids()), (Side.SELL, book.asks())):
        for level in shown:
            assert book.quantity_at(side, level.price) == level.quantity
        assert book.quantity_at(side, Decimal("0.5")) == 0
        assert book.quantity_at(side, Decimal(10**9)) == 0
