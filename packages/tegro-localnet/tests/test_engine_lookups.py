"""What the book and the ledger answer when they are asked, against plain dictionaries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.model import Side
from tegro_localnet.engine.ledger import Lack, Ledger
from tegro_localnet.engine.matching import crosses, match
from tegro_localnet.engine.order_book import OrderBook, RestingOrder
from tegro_localnet.engine.reference import ReferenceBook

PAIRS = st.tuples(st.sampled_from(["w1", "w2", "w3"]), st.sampled_from(["t1", "t2"]))
AMOUNTS = st.integers(min_value=0, max_value=3)
READINGS = st.lists(st.tuples(PAIRS, AMOUNTS, AMOUNTS, st.booleans()), max_size=20)
ORDERS = st.lists(st.tuples(st.sampled_from(Side), st.integers(95, 105), st.integers(1, 9)), max_size=12)


@given(READINGS)
def test_the_ledger_knows_what_it_was_told_and_nothing_else(
    readings: list[tuple[tuple[str, str], int, int, bool]],
) -> None:
    ledger = Ledger()
    told: dict[tuple[str, str], tuple[int, int]] = {}
    wallets: dict[str, None] = {}
    for (wallet, token), balance, allowance, is_read in readings:
        wallets[wallet] = None
        if is_read:
            before = told.get((wallet, token), (0, 0))
            fell = ledger.mirror(wallet, token, balance, allowance)
            assert fell is (balance < before[0] or allowance < before[1])
            told[wallet, token] = (balance, allowance)
        holding = ledger.holding(wallet, token)
        assert (holding.balance_wei, holding.allowance_wei, holding.reserved_wei) == (
            *told.get((wallet, token), (0, 0)),
            0,
        )
        assert ledger.is_mirrored(wallet, token) is ((wallet, token) in told)
    assert ledger.wallets() == list(wallets)
    assert {pair: (held.balance_wei, held.allowance_wei) for pair, held in ledger.mirrored()} == told


def test_all_that_is_held_may_be_reserved_and_not_one_more() -> None:
    ledger = Ledger()
    ledger.mirror("w", "t", 10, 8)
    ledger.reserve("k", "w", "t", 3)
    assert [ledger.lack_for("w", "t", more) for more in (5, 6, 7, 8)] == [
        None,
        Lack.ALLOWANCE,
        Lack.ALLOWANCE,
        Lack.FUNDS,
    ]
    holding = ledger.holding("w", "t")
    assert [holding.lack_of(amount) for amount in (8, 9, 10, 11)] == [None, Lack.ALLOWANCE, Lack.ALLOWANCE, Lack.FUNDS]


def test_a_refused_reservation_says_its_amount_and_leaves_the_old_one() -> None:
    ledger = Ledger()
    ledger.reserve("k", "w", "t", 5)
    with pytest.raises(ValueError, match=r"^a reservation cannot be negative, was -1$"):
        ledger.reserve("k", "w", "t", -1)
    assert ledger.holding("w", "t").reserved_wei == 5


@given(ORDERS, st.sampled_from(Side), st.integers(90, 110))
def test_the_book_finds_what_rests_and_nothing_else(
    orders: list[tuple[Side, int, int]], side: Side, price: int
) -> None:
    book = OrderBook()
    resting: dict[str, RestingOrder] = {}
    for number, (order_side, order_price, quantity) in enumerate(orders):
        order = resting[str(number)] = RestingOrder(str(number), order_side, order_price, quantity)
        book.add(order)
    for number in range(len(orders) + 1):
        assert (str(number) in book) is (str(number) in resting)
        assert book.get(str(number)) is resting.get(str(number))
    assert len(book) == len(resting)
    own = [order.quantity_wei for order in resting.values() if (order.side, order.price_e18) == (side, price)]
    assert book.total_at(side, price) == sum(own)
    assert (book.best(side) is None) is not any(order.side is side for order in resting.values())
    for order_id, order in resting.items():
        assert book.remove(order_id) is order
        assert book.remove(order_id) is None
    assert (len(book), list(book.levels(side)), book.best(side)) == (0, [], None)


@pytest.mark.parametrize(("order_id", "quantity"), [("new", 0), ("old", 1)])
def test_what_cannot_rest_is_named_and_changes_nothing(order_id: str, quantity: int) -> None:
    book = OrderBook()
    book.add(RestingOrder("old", Side.BUY, 5, 7))
    with pytest.raises(ValueError, match=f"^order {order_id} cannot rest: {quantity} wei, or it rests already$"):
        book.add(RestingOrder(order_id, Side.BUY, 5, quantity))
    assert [(order.order_id, order.quantity_wei) for order in book.orders(Side.BUY)] == [("old", 7)]
    assert book.total_at(Side.BUY, 5) == 7


def test_matching_of_nothing_takes_nothing() -> None:
    book = OrderBook()
    book.add(RestingOrder("ask", Side.SELL, 5, 7))
    result = match(book, Side.BUY, 9, 0)
    assert (result.fills, result.remaining_wei) == ((), 0)
    assert book.total_at(Side.SELL, 5) == 7


@given(st.sampled_from(Side), st.integers(1, 4), st.integers(1, 4))
def test_an_order_reaches_a_price_if_it_would_trade_with_what_rests_there(side: Side, price: int, resting: int) -> None:
    book = OrderBook()
    book.add(RestingOrder("other", side.opposite, resting, 1))
    reaches = price >= resting if side is Side.BUY else price <= resting
    assert crosses(side, price, resting) is bool(match(book, side, price, 1).fills) is reaches


NEIGHBOURS = st.lists(st.tuples(st.sampled_from(Side), st.integers(0, 3), st.integers(1, 3)), max_size=12)


@given(NEIGHBOURS)
def test_prices_and_amounts_of_many_digits_are_told_apart(orders: list[tuple[Side, int, int]]) -> None:
    """Levels one unit of the 18th decimal apart, amounts of a whole supply: what a float could not hold."""
    book, reference = OrderBook(), ReferenceBook()
    for number, (side, step, amount) in enumerate(orders):
        price, quantity = 3_000 * 10**18 + step, amount * 10**30 + 1
        result = match(book, side, price, quantity)
        assert result.fills == reference.place(str(number), side, price, quantity)
        if result.remaining_wei:
            book.add(RestingOrder(str(number), side, price, result.remaining_wei))
        if number % 3 == 2:
            assert (book.remove(str(number - 1)) is not None) is reference.cancel(str(number - 1))
        for own in Side:
            assert list(book.levels(own)) == reference.levels(own)
            for level_price, total in reference.levels(own):
                assert book.total_at(own, level_price) == total


def test_a_reservation_of_zero_ends_the_one_before() -> None:
    ledger = Ledger()
    ledger.reserve("k", "w", "t", 5)
    ledger.reserve("other", "w", "t", 2)
    ledger.reserve("k", "w", "t", 0)
    assert (ledger.holding("w", "t").reserved_wei, ledger.release("k"), ledger.release("other")) == (2, 0, 2)
