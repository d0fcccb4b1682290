"""Orders of a real perpetual connector at localnet's perpetual venue: placed, filled, cancelled, in both modes."""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, PositionSide
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    FundingPaymentCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)

from tegro.model import Side
from tegro.perpetual import PositionMode as ClientMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSE, MAKER, MARKET = PositionAction.CLOSE, OrderType.LIMIT_MAKER, OrderType.MARKET
SYMBOL, PAIR = "ETHUSDT", "ETH-USDT"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _clean(desk):
    yield
    await desk.clear()
    if desk.connector.position_mode is not PositionMode.ONEWAY:
        await desk.set_mode(PositionMode.ONEWAY, ClientMode.ONE_WAY)


async def test_the_rules_are_those_of_the_venue(desk):
    rule = desk.connector.trading_rules[PAIR]
    contract = await desk.other.contract(SYMBOL)
    assert rule.min_price_increment == contract.tick_size
    assert rule.min_base_amount_increment == contract.lot_size
    assert rule.min_notional_size == contract.min_notional
    assert desk.connector.get_buy_collateral_token(PAIR) == "USDT"


async def test_a_resting_order_fills_in_part_and_the_rest_is_cancelled(desk):
    name = desk.order("buy", "1", "1990")
    order = await desk.opened(name)
    assert len(desk.of(BuyOrderCreatedEvent, name)) == 1
    await desk.other_places(Side.SELL, "0.4", "1990")
    await desk.until(lambda: order.executed_amount_base == Decimal("0.4"))
    (fill,) = desk.of(OrderFilledEvent, name)
    assert (fill.price, fill.amount) == (Decimal(1990), Decimal("0.4"))
    (fee,) = fill.trade_fee.flat_fees
    maker, _ = await desk.other.fee_rates(SYMBOL)
    assert (fee.token, fee.amount) == ("USDT", Decimal("0.4") * 1990 * maker)
    await desk.until(lambda: desk.connector.account_positions)
    (position,) = desk.connector.account_positions.values()
    assert (position.position_side, position.amount, position.entry_price) == (PositionSide.LONG, Decimal("0.4"), 1990)
    desk.connector.cancel(PAIR, name)
    await desk.ended(name)
    assert len(desk.of(OrderCancelledEvent, name)) == 1
    assert order.executed_amount_base == Decimal("0.4")


async def test_a_maker_order_that_would_take_is_refused(desk):
    await desk.other_places(Side.SELL, "1", "2000")
    name = desk.order("buy", "0.5", "2001", order_type=MAKER)
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, name))
    assert name not in desk.connector.in_flight_orders
    resting = desk.order("buy", "0.5", "1999", order_type=MAKER)
    assert (await desk.opened(resting)).current_state is OrderState.OPEN


async def test_a_market_order_opens_and_a_closing_one_only_closes(desk):
    await desk.other_places(Side.SELL, "2", "2000")
    name = desk.order("buy", "0.5", None, order_type=MARKET)
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, name))
    await desk.until(lambda: desk.connector.account_positions)
    await desk.other_places(Side.BUY, "2", "1999")
    closing = desk.order("sell", "0.5", None, action=CLOSE, order_type=MARKET)
    await desk.until(lambda: desk.of(SellOrderCompletedEvent, closing))
    await desk.until(lambda: not desk.connector.account_positions)
    again = desk.order("sell", "0.5", "2100", action=CLOSE)
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, again))


async def test_in_hedge_mode_both_sides_stand_beside_each_other(desk):
    await desk.set_mode(PositionMode.HEDGE, ClientMode.HEDGE)
    long = desk.order("buy", "0.3", "2000")
    await desk.opened(long)
    await desk.other_places(Side.SELL, "0.3", "2000")
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, long))
    short = desk.order("sell", "0.2", "2000")
    await desk.opened(short)
    assert len(desk.of(SellOrderCreatedEvent, short)) == 1
    await desk.other_places(Side.BUY, "0.2", "2000")
    await desk.until(lambda: len(desk.connector.account_positions) == 2)
    amounts = {position.position_side: position.amount for position in desk.connector.account_positions.values()}
    assert amounts == {PositionSide.LONG: Decimal("0.3"), PositionSide.SHORT: Decimal("-0.2")}
    close_short = desk.order("buy", "0.2", "2000", action=CLOSE)
    await desk.opened(close_short)
    await desk.other_places(Side.SELL, "0.2", "2000")
    await desk.until(lambda: len(desk.connector.account_positions) == 1)
    (left,) = desk.connector.account_positions.values()
    assert (left.position_side, left.amount) == (PositionSide.LONG, Decimal("0.3"))


async def test_a_lost_reply_leaves_the_order_in_flight_until_it_is_found(desk):
    desk.proxy.drops_placed = 1
    name = desk.order("buy", "0.5", "1980")
    order = await desk.opened(name)
    assert desk.of(MarketOrderFailureEvent, name) == []
    placed = [each for each in desk.proxy.requests if each == "POST /fapi/v1/order"]
    listed = await desk.connector._link.client.open_orders(SYMBOL)
    assert [each.client_order_id for each in listed] == [name]
    assert placed
    assert order.exchange_order_id == str(listed[0].order_id)


async def test_an_order_that_never_arrived_fails_only_when_it_can_no_longer_arrive(desk):
    desk.proxy.swallows_placed = 1
    name = desk.order("buy", "0.5", "1980")
    await desk.until(lambda: name in desk.connector._in_doubt)
    await desk.connector._update_order_status()
    assert name in desk.connector.in_flight_orders
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, name))
    assert await desk.connector._link.client.open_orders(SYMBOL) == []


async def test_broken_reads_never_count_as_a_missing_order(desk):
    name = desk.order("buy", "0.5", "1980")
    await desk.opened(name)
    desk.proxy.breaks_reads = True
    for _ in range(5):
        await desk.connector._update_order_status()
    desk.proxy.breaks_reads = False
    # Hummingbot may have stopped the network meanwhile, and starts it again.
    await desk.until(lambda: desk.connector.ready)
    assert desk.connector.in_flight_orders[name].current_state is OrderState.OPEN
    assert desk.of(MarketOrderFailureEvent, name) == []


async def test_the_status_of_many_orders_is_one_request(desk):
    names = [desk.order("buy", "0.1", str(1900 + number)) for number in range(8)]
    for name in names:
        await desk.opened(name)
    desk.proxy.requests.clear()
    await desk.connector._update_order_status()
    assert [each for each in desk.proxy.requests if "rder" in each] == ["GET /fapi/v1/openOrders"]


async def test_what_happened_while_the_stream_was_broken_is_booked_once(desk):
    name = desk.order("sell", "0.5", "2020")
    await desk.opened(name)
    await desk.proxy.cut("/private")
    await desk.other_places(Side.BUY, "0.5", "2020")
    await desk.until(lambda: desk.of(SellOrderCompletedEvent, name))
    await desk.connector._update_order_status()
    assert sum(fill.amount for fill in desk.of(OrderFilledEvent, name)) == Decimal("0.5")


async def test_a_book_whose_stream_broke_is_not_ready_until_it_is_read_again(desk):
    await desk.other_places(Side.BUY, "1", "1970")
    book = desk.connector.get_order_book(PAIR)
    await desk.until(lambda: [row.price for row in book.bid_entries()] == [1970])
    await desk.proxy.cut("/public")
    await desk.other_places(Side.BUY, "1", "1971")
    await desk.until(lambda: desk.connector._orderbook_ds.are_books_fresh)
    await desk.until(lambda: [row.price for row in book.bid_entries()] == [1971, 1970])


async def test_leverage_is_set_at_the_venue(desk):
    desk.connector.set_leverage(PAIR, 7)
    await desk.until(lambda: desk.connector.get_leverage(PAIR) == 7)
    positions = await desk.connector._link.client.rest.positions(SYMBOL)
    assert {position.leverage for position in positions} == {7}
    desk.connector.set_leverage(PAIR, 100_000)
    await desk.connector._execute_set_leverage(PAIR, 100_000)
    assert desk.connector.get_leverage(PAIR) == 7


async def test_funding_is_booked_from_the_stream_each_payment_once(desk, say_to_venue):
    name = desk.order("buy", "1", "2000")
    await desk.opened(name)
    await desk.other_places(Side.SELL, "1", "2000")
    await desk.until(lambda: desk.connector.account_positions)
    say_to_venue("funding", {"symbol": SYMBOL, "intervalSecs": 1, "rate": "0.001"})

    def paid():
        return [event for event in desk.events if isinstance(event, FundingPaymentCompletedEvent)]

    await desk.until(lambda: len(paid()) >= 3)
    say_to_venue("funding", {"symbol": SYMBOL, "intervalSecs": 28_800, "rate": "0"})
    incomes = await desk.connector._link.client.income(symbol=SYMBOL, kind="FUNDING_FEE")
    await desk.until(lambda: len(paid()) == len([income for income in incomes if income.amount]))
    assert [event.amount for event in paid()] == [income.amount for income in incomes if income.amount]
    assert all(event.amount < 0 and event.funding_rate == Decimal("0.001") for event in paid())
