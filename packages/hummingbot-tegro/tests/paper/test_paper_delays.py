"""What happens between the bot and the book: latencies, lost books, and Hummingbot's questions."""

from decimal import Decimal

import pytest
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
)
from msgspec.structs import replace

from hummingbot_tegro.paper.exchange import TegroPaperTradeExchange
from hummingbot_tegro.paper.realism import PRESETS
from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = "WETH-USDC"
NEVER_MS = 3_600_000


async def test_an_order_under_way_holds_its_money_and_cannot_fill(desk):
    await desk.clear()
    await desk.rests(Side.SELL, "1", "3010")
    async with desk.running(realism=replace(PRESETS["neutral"], order_latency_ms=NEVER_MS)) as connector:
        await desk.sees(connector, Side.SELL, "3010", "1")
        order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(3010))
        await desk.until(lambda: connector.on_hold_balances == {"USDC": 3010})
        await desk.rests(Side.SELL, "1", "3005")
        await desk.sees(connector, Side.SELL, "3005", "1")
        assert desk.of(BuyOrderCreatedEvent, order_id) == desk.of(OrderFilledEvent, order_id) == []
        assert connector.in_flight_orders[order_id].current_state is OrderState.PENDING_CREATE
        status = await connector._request_order_status(connector.in_flight_orders[order_id])
        assert status.new_state is OrderState.PENDING_CREATE


async def test_an_order_can_fill_while_its_cancel_is_under_way(desk):
    await desk.clear()
    realism = replace(PRESETS["strict"], order_latency_ms=0, cancel_latency_ms=NEVER_MS)
    async with desk.running(realism=realism) as connector:
        order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2990))
        await desk.until(lambda: desk.of(BuyOrderCreatedEvent, order_id))
        connector.cancel(PAIR, order_id)
        await desk.rests(Side.BUY, "3", "2980")
        await desk.takes(Side.SELL, "3", "2980")
        await desk.until(lambda: desk.of(BuyOrderCompletedEvent, order_id))
        assert desk.of(OrderCancelledEvent, order_id) == []


async def test_an_order_is_refused_while_the_book_is_lost(desk):
    await desk.clear()
    async with desk.running() as connector:
        market = await connector._link.market(PAIR)
        connector.follow_loss(market, PAIR, "the stream broke")
        order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2990))
        await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
        assert "not known just now" in desk.of(MarketOrderFailureEvent, order_id)[0].error_message
        assert connector.on_hold_balances == {}


async def test_a_connector_that_was_stopped_fills_nothing_from_an_old_book(desk):
    await desk.clear()
    await desk.rests(Side.SELL, "1", "3010")
    async with desk.running() as connector:
        await desk.sees(connector, Side.SELL, "3010", "1")
        await connector.stop_network()
        order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(3010))
        await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
        assert "not known just now" in desk.of(MarketOrderFailureEvent, order_id)[0].error_message


async def test_a_pair_without_paper_money_is_said_at_the_start(paper_settings, caplog):
    connector = TegroPaperTradeExchange(trading_pairs=["WBTC-USDC", "WETH-USDC"], domain="tegro_localnet")
    connector.set_balance("WETH", Decimal(1))
    await connector.start_network()
    await connector.stop_network()
    assert "The paper account has no WBTC and no USDC: 'balance paper WBTC 10' gives" in caplog.text


async def test_a_market_order_into_an_empty_book_fails(desk):
    await desk.clear()
    async with desk.running() as connector:
        order_id = connector.sell(PAIR, Decimal(1), OrderType.MARKET)
        await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
        assert "nobody is on the other side" in desk.of(MarketOrderFailureEvent, order_id)[0].error_message


async def test_hummingbot_may_ask_for_orders_of_now_and_of_before(desk):
    await desk.clear()
    async with desk.running() as connector:
        order_id = connector.buy(PAIR, Decimal(1), OrderType.LIMIT, Decimal(2990))
        await desk.until(lambda: desk.of(BuyOrderCreatedEvent, order_id))
        order = connector.in_flight_orders[order_id]
        assert (await connector._request_order_status(order)).new_state is OrderState.OPEN
        await desk.rests(Side.BUY, "0.4", "2980")
        await desk.takes(Side.SELL, "0.4", "2980")
        await desk.until(lambda: desk.of(OrderFilledEvent, order_id))
        (fill,) = await connector._all_trade_updates_for_order(order)
        assert (fill.fill_base_amount, fill.fill_price, fill.is_taker) == (Decimal("0.4"), 2990, False)
        assert (await connector._request_order_status(order)).new_state is OrderState.PARTIALLY_FILLED
        assert connector.tracking_states == {}

        earlier = InFlightOrder("earlier", PAIR, OrderType.LIMIT, TradeType.BUY, Decimal(1), 0, Decimal(1))
        unknown = []

        async def note(asked, error) -> None:
            unknown.append((asked.client_order_id, str(error)))

        await connector._update_orders_with_error_handler([order, earlier], note)
        assert unknown == [("earlier", "there is no paper order earlier")]
        await connector._update_order_status()
        assert len(desk.of(OrderFilledEvent, order_id)) == 1
