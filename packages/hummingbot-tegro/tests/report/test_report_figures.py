"""The figures against pandas, which computes them another way, and against what must always hold."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_tegro.report.figures import compute
from hummingbot_tegro.report.records import FillRecord, FundingRecord, OrderRecord, Records
from tegro.model import Side

prices = st.integers(1, 10_000_000).map(lambda units: Decimal(units) / 100)
quantities = st.integers(1, 10**9).map(lambda units: Decimal(units) / 10**6)
trades = st.lists(st.tuples(st.sampled_from(list(Side)), prices, quantities, st.integers(0, 60)), max_size=30)


def order(order_id, side, price, quantity, status, pair="WETH-USDC", **changes):
    values = {"order_type": "LIMIT", "connector": "tegro_localnet", "created_at_ms": 0} | changes
    return OrderRecord(
        order_id=order_id, pair=pair, side=side, price=price, quantity=quantity, last_status=status, **values
    )


def fill(order_id, side, price, quantity, at_ms=0, pair="WETH-USDC", **changes):
    base, quote = pair.split("-")
    with localcontext(prec=60):
        fee = {base: quantity * 7 / 10_000} if side is Side.BUY else {quote: quantity * price * 7 / 10_000}
    values = {"order_type": "LIMIT", "connector": "tegro_localnet", "fees": fee} | changes
    return FillRecord(
        trade_id=f"{order_id}-{at_ms}-{quantity}",
        order_id=order_id,
        pair=pair,
        side=side,
        price=price,
        quantity=quantity,
        at_ms=at_ms,
        **values,
    )


def records(orders=(), fills=(), funding=()):
    return Records(orders=orders, fills=fills, executors=(), funding=funding, held=())


def average_cost(signed_trades):
    """Return a position and its average cost in rational numbers."""
    position, cost = Fraction(0), Fraction(0)
    for quantity, price in signed_trades:
        if position * quantity >= 0:
            cost += quantity * price
        elif abs(quantity) <= abs(position):
            cost += quantity * cost / position
        else:
            cost = (position + quantity) * price
        position += quantity
    return position, cost / position if position else None


@given(trades)
def test_the_figures_are_those_of_pandas_and_of_rational_numbers(drawn):
    fills = [fill("o", side, price, quantity, index) for index, (side, price, quantity, _) in enumerate(drawn)]
    orders = [order("o", Side.BUY, Decimal(1), Decimal(1), "BuyOrderCreated")]
    [market] = compute(records(orders, fills)).markets
    frame = pd.DataFrame(
        [(1 if one.side is Side.BUY else -1, Fraction(one.price), Fraction(one.quantity)) for one in fills],
        columns=["sign", "price", "quantity"],
    )
    frame["signed"] = frame["sign"] * frame["quantity"]
    frame["value"] = frame["price"] * frame["quantity"]
    rate = Fraction(7, 10_000)
    bought, sold = frame[frame["sign"] > 0], frame[frame["sign"] < 0]
    base = bought["quantity"].sum() * (1 - rate) - sold["quantity"].sum()
    quote = sold["value"].sum() * (1 - rate) - bought["value"].sum()
    last = frame["price"].iloc[-1] if fills else Fraction(0)
    assert Fraction(market.base_change) == base
    assert Fraction(market.quote_change) == quote
    assert Fraction(market.net_pnl) == quote + base * last
    assert Fraction(market.volume) == frame["value"].sum()
    position, cost = average_cost(zip(frame["signed"], frame["price"], strict=True))
    assert Fraction(market.position) == position
    if cost is None:
        assert market.average_cost is None
        assert market.unrealised_pnl == 0
    else:
        assert float(market.average_cost) == pytest.approx(float(cost), rel=1e-12)
    with localcontext(prec=60):
        assert market.realised_pnl + market.unrealised_pnl - market.fees_value == pytest.approx(
            market.net_pnl, abs=Decimal("1e-30")
        )


def test_a_round_trip_in_numbers_that_can_be_checked_by_hand():
    fills = [
        fill("b", Side.BUY, Decimal(100), Decimal(2), fees={}),
        fill("s", Side.SELL, Decimal(110), Decimal(1), fees={"USDC": Decimal("0.5")}),
        fill("b2", Side.BUY, Decimal(130), Decimal(1), fees={"WETH": Decimal("0.01"), "BNB": Decimal(1)}),
    ]
    figures = compute(records(fills=fills))
    [market] = figures.markets
    # One bought at 100 was sold at 110. The one that is left and the new one cost 115 on average, and are worth 130.
    assert market.realised_pnl == 10
    assert market.average_cost == 115
    assert market.unrealised_pnl == 30
    assert market.fees_value == Decimal("0.5") + Decimal("1.3")
    assert market.net_pnl == Decimal("38.2")
    assert figures.fees == {"BNB": Decimal(1), "USDC": Decimal("0.5"), "WETH": Decimal("0.01")}


def test_a_position_that_turns_starts_anew_at_the_price_that_turned_it():
    fills = [
        fill("b", Side.BUY, Decimal(100), Decimal(1), fees={}),
        fill("s", Side.SELL, Decimal(120), Decimal(3), fees={}),
        fill("b2", Side.BUY, Decimal(110), Decimal(1), fees={}),
    ]
    [market] = compute(records(fills=fills)).markets
    assert market.position == -1
    assert market.average_cost == 120
    assert market.unrealised_pnl == 10
    assert market.realised_pnl == 30


def test_quotes_against_fills():
    orders = [
        order("b1", Side.BUY, Decimal(99), Decimal(2), "BuyOrderCompleted"),
        order("b2", Side.BUY, Decimal(98), Decimal(2), "OrderCancelled", created_at_ms=1000),
        order("b3", Side.BUY, Decimal(97), Decimal(4), "OrderCancelled"),
        order("s1", Side.SELL, Decimal(101), Decimal(2), "SellOrderCompleted", order_type="LIMIT_MAKER"),
        order("m1", Side.SELL, Decimal(1), Decimal(7), "SellOrderCompleted", order_type="MARKET"),
    ]
    fills = [
        fill("b1", Side.BUY, Decimal(99), Decimal(1), 1500),
        fill("b1", Side.BUY, Decimal(99), Decimal(1), 9000),
        fill("b2", Side.BUY, Decimal(98), Decimal(1), 3000),
        fill("s1", Side.SELL, Decimal(101), Decimal(2), 7000),
        fill("m1", Side.SELL, Decimal(50), Decimal(7), 7000),
    ]
    [market] = compute(records(orders, fills)).markets
    buys, sells = market.quotes
    assert (buys.orders, buys.filled, buys.partly_filled) == (3, 1, 1)
    assert (buys.ordered, buys.executed, buys.fill_ratio) == (8, 3, Decimal("0.375"))
    assert buys.time_to_fill_ms == 1500  # the lower of two, each to the order's first fill
    assert (sells.orders, sells.average_price, sells.time_to_fill_ms) == (1, 101, 7000)
    frame = pd.DataFrame({"price": [99.0, 99.0, 98.0], "quantity": [1.0, 1.0, 1.0]})
    bought = (frame["price"] * frame["quantity"]).sum() / frame["quantity"].sum()
    assert float(market.spread_bps) == pytest.approx((101 - bought) / ((101 + bought) / 2) * 10_000)


def test_markets_connectors_and_quotes_are_kept_apart():
    fills = [
        fill("1", Side.BUY, Decimal(10), Decimal(1), pair="A-USDC", fees={}),
        fill("2", Side.SELL, Decimal(12), Decimal(1), pair="A-USDC", connector="other", fees={}),
        fill("3", Side.SELL, Decimal(5), Decimal(1), pair="B-DAI", fees={}),
    ]
    paid = FundingRecord(connector="p", pair="A-USD", amount=Decimal("0.25"), at_ms=0)
    figures = compute(records(fills=fills, funding=[paid, paid]))
    assert [(one.connector, one.pair) for one in figures.markets] == [
        ("other", "A-USDC"),
        ("tegro_localnet", "A-USDC"),
        ("tegro_localnet", "B-DAI"),
    ]
    assert {total.quote: total.volume for total in figures.totals} == {"USDC": 22, "DAI": 5}
    assert figures.funding == {"p A-USD": Decimal("0.5")}
