"""Taking, sharing and books that come to us: nothing fills that is not there."""

from decimal import Decimal

import pytest
from connector_desk import public_trade
from hypothesis import given, settings
from hypothesis import strategies as st

from hummingbot_tegro.paper.engine import PaperMarket, PaperOrder
from hummingbot_tegro.paper.realism import PRESETS
from tegro.errors import InvalidInput
from tegro.model import BookChange, BookLevel, BookSnapshot, OrderType, Side

LOT = Decimal("0.1")
SYMBOL = "WETH_USDC"

amounts = st.integers(1, 50).map(lambda count: count * LOT)
asks = st.dictionaries(st.integers(101, 110), amounts, max_size=6)
bids = st.dictionaries(st.integers(90, 99), amounts, max_size=6)


def levels(side):
    return tuple(BookLevel(Decimal(price), total) for price, total in side.items())


def market(bids, asks, preset="neutral"):
    made = PaperMarket(SYMBOL, lot_size=LOT, realism=PRESETS[preset])
    made.apply_snapshot(BookSnapshot(symbol=SYMBOL, bids=levels(bids), asks=levels(asks), timestamp_ms=0), 0)
    return made


def order(name, side, price, quantity, order_type=OrderType.LIMIT):
    return PaperOrder(order_id=name, side=side, order_type=order_type, price=Decimal(price), quantity=quantity)


def trade(price, quantity, taker):
    return public_trade(SYMBOL, Decimal(price), quantity, is_buyer_maker=taker is Side.SELL, trade_id="1")


wanted = st.tuples(
    st.sampled_from(list(Side)), st.integers(88, 112), amounts, st.sampled_from((OrderType.LIMIT, OrderType.MARKET))
)


@settings(max_examples=150, deadline=None)
@given(bids, asks, st.lists(wanted, max_size=6))
def test_orders_together_take_what_the_book_holds_within_their_limits(bids, asks, orders):
    engine = market(bids, asks)
    left = {Side.BUY: dict(asks), Side.SELL: dict(bids)}
    for number, (side, limit, quantity, order_type) in enumerate(orders):
        fills = engine.arrive(order(str(number), side, limit, quantity, order_type), number)
        expected, missing = [], quantity
        for price in sorted(left[side], reverse=side is Side.SELL):
            if (price > limit if side is Side.BUY else price < limit) or not missing:
                break
            part = min(left[side][price], missing)
            left[side][price] -= part
            missing -= part
            # The contract settles at the limit of the sell order (protocol 7.3).
            at = limit if side is Side.SELL and order_type is OrderType.LIMIT else price
            if part:
                expected.append((at, part, False))
        assert [(fill.price, fill.quantity, fill.is_maker) for fill in fills] == expected
        rests = [each for each in engine.orders if each.order_id == str(number)]
        assert bool(rests) == (order_type is OrderType.LIMIT and missing > 0)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(PRESETS)),
    st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(95, 105), amounts), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(92, 108), amounts), max_size=12),
)
def test_a_trade_fills_no_more_than_was_traded_and_the_better_price_first(preset, orders, trades):
    engine = market({}, {}, preset)
    resting = [order(str(number), *each) for number, each in enumerate(orders)]
    for each in resting:
        engine.arrive(each, 0)
    for price_side, price, quantity in trades:
        taker = price_side
        before = {each.order_id: each.remaining for each in resting}
        fills = engine.apply_trade(trade(price, quantity, taker), 1)
        assert sum((fill.quantity for fill in fills), Decimal(0)) <= quantity
        touched = [each for each in resting if each.remaining < before[each.order_id]]
        for each in touched:
            assert each.side is taker.opposite
            assert each.price >= price if each.side is Side.BUY else each.price <= price
            better = [
                other
                for other in resting
                if other.side is each.side
                and (other.price > each.price if each.side is Side.BUY else other.price < each.price)
            ]
            assert all(not other.remaining for other in better)
    assert all(0 <= each.remaining <= each.quantity for each in resting)


def totals(*asks):
    return BookChange(
        symbol=SYMBOL,
        bids=(),
        asks=[BookLevel(Decimal(price), Decimal(total)) for price, total in asks],
        timestamp_ms=0,
    )


def test_what_we_took_stays_taken_and_what_others_add_is_there():
    engine = market({}, {101: Decimal(5)})
    engine.arrive(order("1", Side.BUY, 101, Decimal(4)), 0)
    (fill,) = engine.arrive(order("2", Side.BUY, 101, Decimal(9)), 1)
    assert fill.quantity == 1
    # The order rests at the price of the level, so what comes there meets it.
    assert engine.apply_change(totals((101, 2)), 2) == []
    (fill,) = engine.apply_change(totals((101, 6)), 3)
    assert (fill.quantity, fill.is_maker) == (4, True)
    assert engine.apply_change(totals((101, 6)), 4) == []
    engine.apply_snapshot(BookSnapshot(symbol=SYMBOL, bids=(), asks=totals((101, 6)).asks, timestamp_ms=0), 5)
    assert [each.remaining for each in engine.orders] == [4]
    assert engine.apply_change(totals((101, 0)), 6) == []
    (fill,) = engine.apply_change(totals((101, 3)), 7)
    assert fill.quantity == 3


@settings(max_examples=150, deadline=None)
@given(amounts, st.lists(st.integers(0, 50).map(lambda count: count * LOT), max_size=12), amounts)
def test_what_waits_in_a_crossed_book_gets_what_was_ever_added_and_no_more(first, later, quantity):
    engine = market({}, {99: first}, "strict")
    fills = engine.arrive(order("1", Side.BUY, 100, quantity), 0)
    added = total = first
    for number, after in enumerate(later):
        fills += engine.apply_change(totals((99, after)), number)
        added += max(after - total, Decimal(0))
        total = after
    assert sum(fill.quantity for fill in fills) == min(quantity, added)


def test_a_book_that_comes_to_us_fills_at_our_price_and_once():
    engine = market({}, {105: Decimal(5)})
    engine.arrive(order("1", Side.BUY, 100, Decimal(3)), 0)
    assert (
        engine.apply_change(
            BookChange(symbol=SYMBOL, bids=(), asks=(BookLevel(Decimal(99), Decimal(2)),), timestamp_ms=0), 1
        )[0].price
        == 100
    )
    assert engine.apply_change(BookChange(symbol=SYMBOL, bids=(), asks=(), timestamp_ms=0), 2) == []
    assert [each.remaining for each in engine.orders] == [1]


def test_a_limit_maker_rests_or_is_refused():
    engine = market({99: Decimal(1)}, {101: Decimal(1)})
    with pytest.raises(InvalidInput, match="to sell at 99 would take: others buy at 99"):
        engine.arrive(order("1", Side.SELL, 99, Decimal(1), OrderType.LIMIT_MAKER), 0)
    assert engine.arrive(order("2", Side.SELL, 100, Decimal(1), OrderType.LIMIT_MAKER), 0) == []
    assert [each.order_id for each in engine.orders] == ["2"]


def test_an_order_is_refused_while_the_book_is_not_known():
    engine = market({99: Decimal(1)}, {101: Decimal(1)})
    engine.mark_stale("the stream broke")
    with pytest.raises(InvalidInput, match="not known just now"):
        engine.arrive(order("1", Side.SELL, 100, Decimal(1)), 0)


def test_a_withdrawn_order_fills_no_more():
    engine = market({}, {}, "optimistic")
    engine.arrive(order("1", Side.BUY, 100, Decimal(1)), 0)
    assert engine.withdraw("1") is not None
    assert engine.withdraw("1") is None
    assert engine.apply_trade(trade(90, Decimal(9), Side.SELL), 1) == []


def test_an_order_whose_queue_went_during_a_gap_keeps_its_place():
    engine = market({100: Decimal(8)}, {101: Decimal(1)})
    ours = order("1", Side.BUY, 100, Decimal(1))
    engine.arrive(ours, 0)
    engine.mark_stale("the stream broke")
    snapshot = BookSnapshot(symbol=SYMBOL, bids=(BookLevel(Decimal(100), Decimal(2)),), asks=(), timestamp_ms=5)
    engine.apply_snapshot(snapshot, 10)
    assert ours.ahead == 8
    engine.apply_change(BookChange(symbol=SYMBOL, bids=(), asks=(), timestamp_ms=5), 5_000)
    assert ours.ahead == 2
