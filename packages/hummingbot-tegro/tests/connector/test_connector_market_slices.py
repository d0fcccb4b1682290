"""A market order of several parts, of which one is of unknown fate: nothing ends before it is found, nothing twice."""

import asyncio
from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.events import (
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)

from tegro.journal import EntryState
from tegro.model import Side
from tegro_localnet.fault_spec import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECS = 90


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_is_well_again(desk):
    yield
    desk.proxy.drop_reply_to_place = desk.proxy.refuse_sockets = False
    desk.proxy.on_drop = lambda: None
    desk.localnet.faults.clear()
    await desk.until(lambda: desk.connector.ready, secs=SECS)
    await desk.clear()


async def polled(desk, condition) -> None:
    """Ask the venue until something is so."""
    async with asyncio.timeout(SECS):
        while not condition():
            await desk.connector._update_order_status()


def hide_what_comes(desk) -> None:
    desk.localnet.faults.add(Fault(kind=FaultKind.HIDE, wallet=desk.wallet.address, times=None))


async def test_a_second_part_of_unknown_fate_keeps_the_order_alive_and_each_part_is_booked_once(desk):
    for price in ("2990", "2980"):
        await desk.other_places(Side.BUY, "0.5", price)
    await desk.until(lambda: len(list(desk.connector.get_order_book("WETH-USDC").bid_entries())) == 2)
    desk.proxy.drop_reply_to_place, desk.proxy.places_answered_first = True, 1
    desk.proxy.on_drop = lambda: hide_what_comes(desk)
    # The account's stream would tell of the second part at once.
    desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    desk.proxy.requests.clear()
    order_id = desk.connector.sell("WETH-USDC", Decimal(1), OrderType.MARKET)
    orders, journal = desk.connector.in_flight_orders, desk.connector._link.client.journal
    await desk.until(lambda: order_id in orders and order_id not in desk.connector._placing, secs=SECS)
    order = orders[order_id]
    await polled(desk, lambda: order.executed_amount_base == Decimal("0.5"))  # the first part settles
    for _ in range(4):
        await desk.connector._update_order_status()
    assert journal.find_by_client_order_id(f"{order_id}/2").state is EntryState.UNKNOWN
    assert order_id in desk.connector.in_flight_orders
    assert order.is_open
    assert not desk.of(MarketOrderFailureEvent, order_id)
    assert not desk.of(OrderCancelledEvent, order_id)
    assert not desk.of(SellOrderCompletedEvent, order_id)

    desk.localnet.faults.clear()
    await desk.until(lambda: journal.find_by_client_order_id(f"{order_id}/2").order_id is not None, secs=SECS)
    await polled(desk, lambda: order_id not in orders)
    assert (order.current_state, order.executed_amount_base) == (OrderState.FILLED, Decimal(1))
    fills = desk.of(OrderFilledEvent, order_id)
    assert sorted((fill.price, fill.amount) for fill in fills) == [(2980, Decimal("0.5")), (2990, Decimal("0.5"))]
    assert len(desk.of(SellOrderCompletedEvent, order_id)) == 1
    assert len([request for request in desk.proxy.requests if request.endswith("/place")]) == 2
