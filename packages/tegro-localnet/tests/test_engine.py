"""The engine against the naive reference, step by step."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tegro.model import Side
from tegro_localnet.engine.matching import Fill, match
from tegro_localnet.engine.order_book import OrderBook, RestingOrder
from tegro_localnet.engine.reference import ReferenceBook

PRICES = st.integers(min_value=95, max_value=105)
QUANTITIES = st.integers(min_value=1, max_value=50)


class EngineAgainstReference(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.book = OrderBook()
        self.reference = ReferenceBook()
        self.ids: list[str] = []

    @rule(side=st.sampled_from(Side), price=PRICES, quantity=QUANTITIES)
    def place(self, side: Side, price: int, quantity: int) -> None:
        order_id = f"o{len(self.ids)}"
        self.ids.append(order_id)
        result = match(self.book, side, price, quantity)
        if result.remaining_wei:
            self.book.add(RestingOrder(order_id, side, price, result.remaining_wei))
        assert result.fills == self.reference.place(order_id, side, price, quantity)
        assert sum(fill.quantity_wei for fill in result.fills) + result.remaining_wei == quantity

    @rule(number=st.integers(min_value=0, max_value=10**6))
    def cancel(self, number: int) -> None:
        order_id = self.ids[number % len(self.ids)] if self.ids else "none"
        assert (self.book.remove(order_id) is not None) == self.reference.cancel(order_id)

    @invariant()
    def both_hold_the_same(self) -> None:
        for side in Side:
            orders = [(o.order_id, o.price_e18, o.quantity_wei) for o in self.book.orders(side)]
            assert orders == self.reference.orders(side)
            assert list(self.book.levels(side)) == self.reference.levels(side)
            for price, total in self.reference.levels(side):
                assert self.book.total_at(side, price) == total
        best_bid, best_ask = self.book.best(Side.BUY), self.book.best(Side.SELL)
        assert best_bid is None or best_ask is None or best_bid.price_e18 < best_ask.price_e18


EngineAgainstReference.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestEngineAgainstReference = EngineAgainstReference.TestCase


def test_a_sell_into_a_higher_bid_is_priced_at_its_own_limit() -> None:
    book = OrderBook()
    book.add(RestingOrder("bid", Side.BUY, 110, 5))
    assert match(book, Side.SELL, 100, 3).fills == (Fill("bid", 3, price_e18=100, resting_price_e18=110),)


def test_a_buy_into_a_lower_ask_is_priced_at_the_ask() -> None:
    book = OrderBook()
    book.add(RestingOrder("ask", Side.SELL, 100, 5))
    assert match(book, Side.BUY, 110, 3).fills == (Fill("ask", 3, price_e18=100, resting_price_e18=100),)


def test_within_a_price_the_older_order_trades_first_even_after_a_partial_fill() -> None:
    book = OrderBook()
    book.add(RestingOrder("old", Side.SELL, 100, 5))
    book.add(RestingOrder("new", Side.SELL, 100, 5))
    match(book, Side.BUY, 100, 2)
    assert [fill.maker_order_id for fill in match(book, Side.BUY, 100, 4).fills] == ["old", "new"]


@pytest.mark.parametrize("quantity", [0, -1])
def test_an_order_without_quantity_cannot_rest(quantity: int) -> None:
    with pytest.raises(ValueError, match="cannot rest"):
        OrderBook().add(RestingOrder("x", Side.BUY, 1, quantity))


def test_an_id_rests_once() -> None:
    book = OrderBook()
    book.add(RestingOrder("x", Side.BUY, 1, 1))
    with pytest.raises(ValueError, match="rests already"):
        book.add(RestingOrder("x", Side.BUY, 2, 1))
    assert len(book) == 1
