"""Matched is not settled: what the connector books while a match waits for the chain, and when the chain refuses it."""

import asyncio
from decimal import Decimal

import pytest
from connector_desk import move_away
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.events import OrderCancelledEvent, OrderFilledEvent

from tegro.model import Order, Side
from tegro_localnet.config import LocalnetConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle rarely, so that there is time between a match and its settlement."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=2500)


async def reported(desk, order) -> Order:
    """Return what the venue says of one of the connector's orders."""
    found = await desk.other.order(order.exchange_order_id, desk.wallet.address)
    assert found is not None
    return found


async def test_a_match_is_a_fill_only_once_the_chain_has_settled_it(desk):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000)))
    free_before = desk.connector.get_available_balance("WETH")
    await desk.other_places(Side.BUY, "1", "3000")
    report = await reported(desk, order)
    assert (report.pending, report.filled) == (1, 0)
    await desk.connector._update_order_status()
    assert order.executed_amount_base == 0
    assert order.client_order_id in desk.connector.in_flight_orders
    assert desk.connector.get_available_balance("WETH") == free_before

    await desk.ended(order)
    assert (order.current_state, order.executed_amount_base) == (OrderState.FILLED, 1)


async def test_the_fill_of_an_order_that_was_cancelled_while_it_settled_is_not_lost(desk):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000)))
    await desk.other_places(Side.BUY, "0.25", "3000")
    assert (await reported(desk, order)).pending == Decimal("0.25")
    assert await desk.connector._execute_order_cancel(order) == order.client_order_id
    assert order.current_state is OrderState.PENDING_CANCEL

    await desk.ended(order)
    assert (order.current_state, order.executed_amount_base) == (OrderState.CANCELED, Decimal("0.25"))
    kinds = [type(event) for event in desk.events if getattr(event, "order_id", "") == order.client_order_id][1:]
    assert kinds == [OrderFilledEvent, OrderCancelledEvent]


async def test_a_match_that_the_chain_refuses_is_no_fill_and_is_said(desk, caplog):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000)))
    balances = await desk.other.balances()
    everything = next(balance.total for balance in balances if balance.token.symbol == "USDC")
    await desk.other_places(Side.BUY, "1", "3000")
    assert (await reported(desk, order)).pending == 1
    await asyncio.to_thread(move_away, desk.localnet, desk.other_wallet, "USDC", everything)

    await desk.until(lambda: "could not settle" in caplog.text)
    report = await reported(desk, order)
    assert (report.pending, report.filled, report.is_open) == (0, 0, True)
    await desk.connector._update_order_status()
    assert (order.current_state, order.executed_amount_base) == (OrderState.OPEN, 0)
    assert not desk.of(OrderFilledEvent, order.client_order_id)
    # What the other tests of this module find is as before.
    desk.connector.cancel("WETH-USDC", order.client_order_id)
    await desk.ended(order)
    await asyncio.to_thread(desk.localnet.fund, desk.other_wallet.address, {"USDC": everything})
