"""Stopped and started again in one process, as by `stop` and `start` or over MQTT: it ends ready, and trades."""

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.connector.exchange.tegro.tegro_api_order_book_data_source import TegroAPIOrderBookDataSource
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState

from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECS = 60


@pytest_asyncio.fixture(loop_scope="module")
async def connector(desk):
    """Yield one more connector of the same wallet, ready, with no pair that the other one does not have."""
    made = desk.new_connector(trading_pairs=["WETH-USDC"])
    await made.start_network()
    await desk.until(lambda: made.ready, secs=SECS)
    yield made
    desk.proxy.drop_reply_to_place = desk.proxy.break_reads = desk.proxy.refuse_sockets = False
    with suppress(Exception):
        await made.cancel_all(10)
    await made.stop_network()
    await desk.clear()


async def trades(desk, connector) -> None:
    """See a new book, place and cancel."""
    rest = await desk.other_places(Side.BUY, "1", "2500")
    await desk.until(lambda: connector.get_price("WETH-USDC", is_buy=False) == 2500, secs=SECS)
    order_id = connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(2000))
    orders = connector.in_flight_orders
    await desk.until(lambda: order_id in orders and not orders[order_id].is_pending_create, secs=SECS)
    connector.cancel("WETH-USDC", order_id)
    await desk.until(lambda: order_id not in orders, secs=SECS)
    await desk.other.cancel([rest.order_id])


async def test_started_right_after_the_stop_it_is_ready_and_trades(desk, connector):
    for _ in range(3):
        await connector.stop_network()
        assert not connector.ready
        await connector.start_network()
        await desk.until(lambda: connector.ready, secs=SECS)
    await trades(desk, connector)


async def test_started_while_it_still_stops_it_is_ready_and_trades(desk, connector):
    # Hummingbot's clock does not wait for a connector to have stopped.
    for turns in range(1, 7):
        stopping = asyncio.ensure_future(connector.stop_network())
        for _ in range(turns):
            await asyncio.sleep(0)
        await connector.start_network()
        await stopping
        await desk.until(lambda: connector.ready, secs=SECS)
    await trades(desk, connector)


async def test_stopped_while_it_still_starts_it_is_stopped(desk, connector):
    starting = asyncio.ensure_future(connector.start_network())
    await asyncio.sleep(0)
    await connector.stop_network()
    await starting
    assert not connector.ready
    assert not connector._link.is_open
    assert not connector._background


async def test_a_new_connector_on_the_same_data_folder_gets_ready_while_the_old_one_stops(desk, connector):
    for _ in range(2):
        stopping = asyncio.ensure_future(connector.stop_network())
        second = desk.new_connector(trading_pairs=["WETH-USDC"])
        await second.start_network()
        await desk.until(lambda second=second: second.ready, secs=SECS)
        await stopping
        await trades(desk, second)
        await second.stop_network()
        await connector.start_network()
        await desk.until(lambda: connector.ready, secs=SECS)


async def test_market_data_that_ends_late_takes_nothing_from_what_began_meanwhile(connector, desk):
    source = TegroAPIOrderBookDataSource(connector._link, ["WETH-USDC"])
    first = asyncio.ensure_future(source.listen_for_subscriptions())
    await desk.until(lambda: source.are_books_fresh)
    first.cancel()
    second = asyncio.ensure_future(source.listen_for_subscriptions())
    await asyncio.gather(first, return_exceptions=True)
    await desk.until(lambda: source.are_books_fresh)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert not source.are_books_fresh


async def test_an_order_of_unknown_fate_is_looked_for_again_after_the_stop(desk, connector):
    desk.proxy.drop_reply_to_place = desk.proxy.break_reads = desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    order_id = connector.buy("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(2000))
    orders = connector.in_flight_orders
    await desk.until(lambda: any("/orders/place" in each for each in desk.proxy.requests), secs=SECS)
    await desk.until(lambda: order_id in orders and order_id not in connector._placing, secs=SECS)
    await connector.stop_network()
    order = orders[order_id]
    assert order.is_pending_create
    desk.proxy.drop_reply_to_place = desk.proxy.break_reads = desk.proxy.refuse_sockets = False
    await connector.start_network()
    await desk.until(lambda: order.current_state is OrderState.OPEN, secs=SECS)
    (resting,) = await desk.other.orders(desk.wallet.address, statuses=("active",))
    assert resting.order_id == order.exchange_order_id
