"""Faults that Hummingbot's core gives every connector (reference, section 8), and that this one does not have.

The fourth, orders that a crash leaves behind, is in `test_connector_restart.py`.
"""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState

from hummingbot_tegro.common import order_book_tracker
from tegro.model import Side
from tegro_localnet.fault_spec import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _all_is_well_again(desk):
    yield
    desk.localnet.faults.clear()
    desk.proxy.refuse_sockets = desk.proxy.break_reads = False
    await desk.until(lambda: desk.connector.ready, secs=30)
    await desk.clear()


async def test_core_fault_1_an_outage_makes_no_live_order_lost(desk):
    # Stock counts any error of a status request as "not found": the fourth makes a live order FAILED, the next drops it
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(2000)))
    desk.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/orders/user/*", status=503, times=None))
    desk.localnet.faults.add(Fault(kind=FaultKind.DROP_REQUEST, path="*/orders/trades/*", times=None))
    for _ in range(6):
        await desk.connector._handle_update_error_for_active_order(order, TimeoutError())
    await desk.connector._update_order_status()
    assert order.client_order_id in desk.connector.in_flight_orders
    assert order.current_state is OrderState.OPEN
    assert not desk.connector._order_tracker.lost_orders
    desk.localnet.faults.clear()
    await desk.connector._update_order_status()
    assert order.current_state is OrderState.OPEN


async def test_core_fault_1_a_cancel_that_gets_no_answer_makes_no_order_lost(desk):
    # Stock counts a cancel without an exchange id, or a timeout, as "not found" too.
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(2000)))
    desk.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/orders/cancel", status=503, times=5))
    for _ in range(5):
        assert await desk.connector._execute_order_cancel(order) is None
    assert order.client_order_id in desk.connector.in_flight_orders
    assert not desk.connector._order_tracker.lost_orders
    assert await desk.connector._execute_order_cancel(order) == order.client_order_id


async def test_core_fault_3_while_the_stream_is_down_the_book_is_not_ready_and_then_it_is_new(desk):
    # Stock stays ready with the old book, subscribes again, and takes the next snapshot an hour later.
    gone = await desk.other_places(Side.BUY, "1", "2990")
    await desk.until(lambda: desk.best("WETH-USDC", Side.BUY) == 2990)
    desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    await desk.until(lambda: not desk.connector.status_dict["order_books_fresh"])
    assert not desk.connector.ready
    await desk.other.cancel([gone.order_id])
    await desk.other_places(Side.BUY, "5", "2900")
    desk.proxy.refuse_sockets = False
    await desk.until(lambda: desk.connector.ready, secs=30)
    await desk.until(lambda: desk.best("WETH-USDC", Side.BUY) == 2900)


async def test_a_lost_change_is_noticed_and_the_book_made_anew(desk):
    # The stream has no sequence numbers (protocol 8.1); a change that never came shows when books are compared.
    books = desk.connector._orderbook_ds._books
    desk.localnet.faults.add(Fault(kind=FaultKind.FRAME_DROP, action="order_book_diff"))
    await desk.other_places(Side.BUY, "1", "2950")
    await desk.until(lambda: any(fault.fired for fault in desk.localnet.faults.list()))
    books._settle_secs = 0.05
    await books._check(books._live["WETH_USDC"])
    await desk.until(lambda: desk.best("WETH-USDC", Side.BUY) == 2950, secs=30)


async def test_core_fault_4_a_first_snapshot_that_fails_does_not_keep_the_connector_from_getting_ready(desk):
    # Stock asks once: the task that reads the first books ends with the error, and nobody begins it again.
    failing = desk.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/orderbook/depth", status=500, times=12))
    connector = desk.new_connector()
    await connector.start_network()
    await desk.until(lambda: connector.ready, secs=40)
    assert desk.localnet.faults.fired(failing) == 12
    await connector.stop_network()


async def test_a_pair_that_the_venue_does_not_list_is_named_and_the_others_go_on(desk, caplog, monkeypatch):
    monkeypatch.setattr(order_book_tracker, "PAIR_RETRY_SECS", 0.05)
    connector = desk.new_connector(trading_pairs=["WETH-USDC", "NOPE-USDC"])
    await connector.start_network()
    await desk.until(lambda: "WETH-USDC" in connector.order_books)
    await desk.until(lambda: "Tegro has no market NOPE-USDC" in caplog.text)
    assert "not ready before that" in caplog.text
    assert not connector.ready
    await connector.stop_network()
