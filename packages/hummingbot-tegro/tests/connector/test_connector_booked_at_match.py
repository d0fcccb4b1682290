"""`fills = "matched"`: what is booked at match, and what happens when the chain then refuses it."""

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import hummingbot
import pytest
import pytest_asyncio
from connector_desk import move_away
from hummingbot.connector.exchange.tegro.executors import stop_executors
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.events import MarketEvent, OrderFilledEvent, SellOrderCompletedEvent
from hummingbot.strategy_v2.executors.order_executor.data_types import ExecutionStrategy, OrderExecutorConfig
from hummingbot.strategy_v2.executors.order_executor.order_executor import OrderExecutor
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executors import TrackedOrder

from tegro.model import Side
from tegro_localnet.config import LocalnetConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle rarely, so that there is time between a match and its settlement."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=2500)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def booking(desk, settings_file):
    """Yield a running connector of the same wallet that books at match."""
    settings_file.write_text(settings_file.read_text() + '[localnet.hummingbot]\nfills = "matched"\n')
    connector = desk.new_connector()
    connector._set_current_timestamp(1_800_000_000.0)
    await connector.start_network()
    await desk.until(lambda: connector.ready)
    yield connector
    await connector.stop_network()


async def sold(desk, connector, amount: str, taken: str):
    """Place a sell, and let the counterparty take some of it."""
    order_id = connector.sell("WETH-USDC", Decimal(amount), OrderType.LIMIT, Decimal(3000))
    orders = connector.in_flight_orders
    await desk.until(lambda: order_id in orders and not orders[order_id].is_pending_create)
    order = orders[order_id]
    await desk.other_places(Side.BUY, taken, "3000")
    return order


class Strategy:
    """As much of a strategy as an executor needs to be made."""

    current_timestamp = 1_800_000_000.0

    def __init__(self, connector) -> None:
        self.connectors = {"tegro_localnet": connector}


def executor_of(connector, client_order_id: str) -> OrderExecutor:
    """Make Hummingbot's own executor of one order, listening as a started one does."""
    config = OrderExecutorConfig(
        timestamp=1.0,
        connector_name="tegro_localnet",
        trading_pair="WETH-USDC",
        side=TradeType.SELL,
        amount=Decimal(1),
        price=Decimal(3000),
        execution_strategy=ExecutionStrategy.LIMIT,
    )
    executor = OrderExecutor(Strategy(connector), config)
    executor._order = TrackedOrder(client_order_id)
    executor.register_events()
    return executor


async def test_a_fill_is_booked_when_it_matches_and_not_again_when_it_settles(desk, booking):
    order = await sold(desk, booking, "0.5", "0.5")
    await desk.until(lambda: desk.of(SellOrderCompletedEvent, order.client_order_id))
    assert order.current_state is OrderState.FILLED
    report = await desk.other.order(order.exchange_order_id, desk.wallet.address)
    assert report.pending == Decimal("0.5")
    (waiting,) = booking._settlements.waiting_orders
    assert waiting == order.exchange_order_id
    # It has still to leave the wallet, and is not free.
    assert booking.get_available_balance("WETH") <= booking.get_balance("WETH") - Decimal("0.5")

    await desk.until(lambda: not booking._settlements.waiting_orders)
    await booking._update_order_status()
    assert len(desk.of(OrderFilledEvent, order.client_order_id)) == 1
    assert not (Path(hummingbot.data_path()) / "tegro_reconciliation.jsonl").exists()


async def test_a_refused_settlement_stops_the_executor_and_is_written_down_once(desk, booking, caplog):
    balances = await desk.other.balances()
    everything = next(balance.total for balance in balances if balance.token.symbol == "USDC")
    order = await sold(desk, booking, "2", "1")
    affected, bystander = executor_of(booking, order.client_order_id), executor_of(booking, "TEGRO-else")
    await desk.until(lambda: desk.of(OrderFilledEvent, order.client_order_id))
    (fill,) = desk.of(OrderFilledEvent, order.client_order_id)
    await asyncio.to_thread(move_away, desk.localnet, desk.other_wallet, "USDC", everything)

    file = Path(hummingbot.data_path()) / "tegro_reconciliation.jsonl"
    await desk.until(lambda: "RECONCILE" in caplog.text)
    assert affected.status is RunnableStatus.SHUTTING_DOWN
    assert bystander.status is RunnableStatus.NOT_STARTED
    (record,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert record["trade_id"] == fill.exchange_trade_id
    assert record["client_order_id"] == order.client_order_id
    assert (record["side"], record["price"], record["quantity"]) == ("sell", "3000", "1")
    assert record["stopped_executors"] == [affected.config.id]
    assert caplog.text.count("RECONCILE") == 1

    # What came back into the book is taken out of it, and the balances are those of the chain.
    await desk.until(lambda: order.client_order_id not in booking.in_flight_orders)
    assert order.current_state is OrderState.CANCELED
    await desk.until(lambda: booking.get_available_balance("WETH") == booking.get_balance("WETH"))
    trades = await booking._link.client.trades_of(order.exchange_order_id)
    await booking._judge_trades(order.client_order_id, order.exchange_order_id, trades)
    assert len(file.read_text().splitlines()) == 1
    # What the other tests of this module find is as before.
    file.unlink()
    await asyncio.to_thread(desk.localnet.fund, desk.other_wallet.address, {"USDC": everything})


async def test_an_order_is_found_wherever_an_executor_keeps_it(desk, booking):
    executor = executor_of(booking, "TEGRO-1")
    executor._order = None
    executor.levels = {"open": [TrackedOrder("TEGRO-2")]}
    assert stop_executors(booking, "TEGRO-1") == ()
    assert stop_executors(booking, "TEGRO-2") == (executor.config.id,)
    executor.unregister_events()
    assert stop_executors(booking, "TEGRO-2") == ()
    assert booking.get_listeners(MarketEvent.OrderFilled)
