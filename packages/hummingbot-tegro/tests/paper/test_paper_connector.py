"""The paper connector against a real localnet: what others do is real, what it does is not."""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)

from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = "WETH-USDC"


@pytest_asyncio.fixture(loop_scope="module")
async def connector(desk):
    """A running paper connector on a market with one bid and one ask."""
    await desk.clear()
    await desk.rests(Side.BUY, "2", "2990")
    await desk.rests(Side.SELL, "3", "3010")
    async with desk.running() as running:
        await desk.sees(running, Side.BUY, "2990", "2")
        await desk.sees(running, Side.SELL, "3010", "3")
        yield running


async def test_a_resting_order_waits_for_its_turn_and_fills_in_parts(desk, connector):
    fee = await desk.fee_rate()
    order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2990))
    await desk.until(lambda: desk.of(BuyOrderCreatedEvent, order_id))
    assert connector.get_available_balance("USDC") == 50_000 - 2990

    await desk.takes(Side.SELL, "1.5", "2990")
    await desk.sees(connector, Side.BUY, "2990", "0.5")
    assert desk.of(OrderFilledEvent, order_id) == []
    await desk.takes(Side.SELL, "0.5", "2990")
    await desk.rests(Side.BUY, "5", "2990")
    await desk.takes(Side.SELL, "0.4", "2990")
    await desk.until(lambda: desk.of(OrderFilledEvent, order_id))
    await desk.takes(Side.SELL, "4", "2990")
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, order_id))

    fills = desk.of(OrderFilledEvent, order_id)
    assert [(fill.price, fill.amount) for fill in fills] == [(2990, Decimal("0.4")), (2990, Decimal("0.6"))]
    assert [fill.trade_fee.flat_fees[0].token for fill in fills] == ["WETH", "WETH"]
    assert sum(fill.trade_fee.flat_fees[0].amount for fill in fills) == fee
    assert connector.get_balance("WETH") == 11 - fee
    assert connector.get_balance("USDC") == connector.get_available_balance("USDC") == 50_000 - 2990
    assert order_id not in connector.in_flight_orders


async def test_a_market_order_walks_the_book_and_what_is_left_is_cancelled(desk, connector):
    await desk.rests(Side.SELL, "1", "3020")
    await desk.sees(connector, Side.SELL, "3020", "1")
    order_id = connector.buy(PAIR, Decimal(5), OrderType.MARKET)
    await desk.until(lambda: desk.of(OrderCancelledEvent, order_id))

    fills = desk.of(OrderFilledEvent, order_id)
    assert [(fill.price, fill.amount) for fill in fills] == [(3010, 3), (3020, 1)]
    assert connector.get_available_balance("USDC") == 50_000 - 3 * 3010 - 3020
    # What was taken is not there for the next one.
    second = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(3020))
    await desk.until(lambda: desk.of(BuyOrderCreatedEvent, second))
    assert desk.of(OrderFilledEvent, second) == []


async def test_a_taking_limit_sell_gets_its_own_limit_as_the_contract_does(desk, connector):
    fee = await desk.fee_rate()
    order_id = connector.sell(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2980))
    await desk.until(lambda: desk.of(SellOrderCompletedEvent, order_id))
    (fill,) = desk.of(OrderFilledEvent, order_id)
    assert (fill.price, fill.amount) == (2980, 1)
    assert fill.trade_fee.flat_fees[0].amount == 2980 * fee
    assert connector.get_balance("USDC") == 50_000 + 2980 - 2980 * fee


async def test_a_limit_maker_rests_or_is_refused(desk, connector):
    refused = connector.buy(PAIR, Decimal(1), OrderType.LIMIT_MAKER, Decimal(3010))
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, refused))
    (failure,) = desk.of(MarketOrderFailureEvent, refused)
    assert "would take: others sell at 3010" in failure.error_message
    resting = connector.sell(PAIR, Decimal(1), OrderType.LIMIT_MAKER, Decimal(3000))
    await desk.until(lambda: desk.of(SellOrderCreatedEvent, resting))
    assert connector.get_available_balance("USDC") == 50_000
    assert connector.on_hold_balances == {"WETH": 1}
    assert [order.client_order_id for order in connector.limit_orders] == [resting]


async def test_a_cancelled_order_holds_nothing(desk, connector):
    order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2995))
    await desk.until(lambda: desk.of(BuyOrderCreatedEvent, order_id))
    (result,) = await connector.cancel_all(10)
    assert (result.order_id, result.success) == (order_id, True)
    assert len(desk.of(OrderCancelledEvent, order_id)) == 1
    assert connector.get_available_balance("USDC") == 50_000


async def test_an_order_that_the_balance_does_not_cover_fails(desk, connector):
    order_id = connector.buy(PAIR, Decimal(20), OrderType.LIMIT, Decimal(2990))
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
    (failure,) = desk.of(MarketOrderFailureEvent, order_id)
    assert "has 50000 USDC free and the order needs 59800" in failure.error_message


@pytest.mark.parametrize(
    ("amount", "price", "reason"), [("0.0001", "2990", "notional"), ("0.0000001", "2990", "minimum")]
)
async def test_what_the_venue_would_refuse_is_refused(desk, connector, amount, price, reason):
    order_id = connector.buy(PAIR, Decimal(amount), OrderType.LIMIT, Decimal(price))
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
    assert reason in desk.of(MarketOrderFailureEvent, order_id)[0].error_message


async def test_prices_and_amounts_are_on_tick_and_lot(desk, connector):
    rule = connector.trading_rules[PAIR]
    order_id = connector.buy(PAIR, Decimal("1.123456789"), OrderType.LIMIT, Decimal("2980.123456789"))
    await desk.until(lambda: desk.of(BuyOrderCreatedEvent, order_id))
    order = connector.in_flight_orders[order_id]
    assert order.price % rule.min_price_increment == 0
    assert order.amount % rule.min_base_amount_increment == 0
    assert order.trade_type is TradeType.BUY


async def test_nothing_of_it_reaches_the_venue(desk, connector):
    before = await desk.snapshot()
    taking = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(3010))
    resting = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2995))
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, taking) and desk.of(BuyOrderCreatedEvent, resting))
    after = await desk.snapshot()
    assert (after.bids, after.asks) == (before.bids, before.asks)
