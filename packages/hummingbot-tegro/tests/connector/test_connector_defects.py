"""Defects of the old connector (docs/defects.md) that no other file of these tests has a place for."""

from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.connector.exchange.tegro.order_sync import NeverPlaced
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.events import (
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)

from hummingbot_tegro.common.order_errors import FateUnknown
from tegro.client import AsyncTegro
from tegro.errors import NotConnected
from tegro.model import Side
from tegro.signer import LocalSigner
from tegro_localnet.fault_spec import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = OrderType.LIMIT
SECS = 60
NOWHERE = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _empty_books(desk):
    yield
    desk.proxy.refuse_sockets = False
    desk.localnet.faults.clear()
    await desk.clear()


async def started(desk, **changes):
    """Return one more connector, ready."""
    connector = desk.new_connector(**changes)
    await connector.start_network()
    await desk.until(lambda: connector.ready, secs=SECS)
    return connector


async def test_defect_7_an_order_that_is_just_being_placed_is_no_order_that_never_was(desk):
    connector = desk.new_connector()
    name = "TEGRO-just-now"
    connector.start_tracking_order(name, None, "WETH-USDC", TradeType.BUY, Decimal(2000), Decimal(1), LIMIT)
    order = connector.in_flight_orders[name]
    connector._placing.add(name)
    with pytest.raises(FateUnknown):
        connector._sync.venue_ids(order)
    connector._placing.discard(name)
    with pytest.raises(NeverPlaced):
        connector._sync.venue_ids(order)
    await connector.stop_network()


async def test_defect_4_each_pair_has_the_rules_of_its_own_market(desk):
    for market in await desk.other.markets():
        rule = desk.connector.trading_rules[f"{market.base.symbol}-{market.quote.symbol}"]
        assert rule.min_price_increment == market.tick_size
        assert rule.min_order_size == rule.min_base_amount_increment == market.lot_size
    assert len({rule.min_price_increment for rule in desk.connector.trading_rules.values()}) > 1


async def test_defect_10_a_second_start_approves_nothing(desk, caplog):
    caplog.set_level("INFO")
    connector = await started(desk)
    await desk.until(lambda: connector._chain_seen and connector._approvals._refill is not None, secs=SECS)
    assert "Approved for" not in caplog.text
    await connector.stop_network()


async def test_defect_14_an_approval_that_fails_is_told_with_its_reason(desk, caplog):
    # Without the chain's coin there is no transaction.
    poor = desk.localnet.new_wallet({"WETH": Decimal(1)}, native=Decimal(0), approve=False)
    connector = await started(desk, tegro_api_key=poor.checksum_address, tegro_api_secret=poor.key)
    await desk.until(lambda: "could not be seen to" in caplog.text, secs=SECS)
    (told,) = [record.message for record in caplog.records if "could not be seen to" in record.message]
    assert "WETH-USDC" in told
    assert "fee" in told or "funds" in told or "ETH" in told
    await connector.stop_network()


async def test_defect_16_a_cancel_that_comes_after_the_fill_ends_as_the_fill(desk):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), LIMIT, Decimal(3000)))
    await desk.other_places(Side.BUY, "1", "3000")
    assert await desk.connector._execute_order_cancel(order) is None
    await desk.ended(order)
    assert (order.current_state, order.executed_amount_base) == (OrderState.FILLED, 1)
    assert len(desk.of(SellOrderCompletedEvent, order.client_order_id)) == 1
    assert not desk.of(OrderCancelledEvent, order.client_order_id)
    assert not desk.of(MarketOrderFailureEvent, order.client_order_id)


async def test_defect_17_not_found_is_what_the_venue_says_in_its_own_words(desk):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    real_id, order.exchange_order_id = order.exchange_order_id, NOWHERE
    with pytest.raises(Exception, match="Tegro has no order") as caught:
        await desk.connector._place_cancel(order.client_order_id, order)
    for asked in (
        desk.connector._is_order_not_found_during_cancelation_error,
        desk.connector._is_order_not_found_during_status_update_error,
    ):
        assert asked(caught.value)
        assert not asked(NotConnected("the line is down"))
        assert not asked(Exception("-2011: Unknown order sent."))
    order.exchange_order_id = real_id


async def test_defect_18_many_orders_are_cancelled_by_one_signed_request(desk):
    for step in range(5):
        await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000 + step)))
    desk.proxy.requests.clear()
    results = await desk.connector.cancel_all(SECS)
    assert [result.success for result in results] == [True] * 5
    assert len([request for request in desk.proxy.requests if request.startswith("POST")]) == 1


async def test_defect_21_a_side_that_is_null_is_empty(desk):
    desk.localnet.faults.add(Fault(kind=FaultKind.NULL_SIDES, path="*/orderbook/depth", times=None))
    connector = await started(desk)
    assert not list(connector.get_order_book("WETH-USDC").bid_entries())
    await connector.stop_network()


async def test_defect_23_changes_come_over_the_stream_and_no_snapshot_is_read_for_them(desk):
    desk.proxy.requests.clear()
    for step in range(5):
        await desk.other_places(Side.BUY, "0.1", str(2000 + step))
        await desk.until(lambda step=step: desk.best("WETH-USDC", Side.BUY) == 2000 + step)
    # At most the check that each book gets from time to time.
    assert len([request for request in desk.proxy.requests if "/orderbook/depth" in request]) <= 2


async def test_defect_29_best_bid_and_best_ask_are_those_of_the_book_and_not_the_last_price(desk):
    await desk.other_places(Side.SELL, "0.1", "3000")
    await desk.opened(desk.connector.buy("WETH-USDC", Decimal("0.1"), LIMIT, Decimal(2000)))
    taken = desk.connector.buy("WETH-USDC", Decimal("0.1"), LIMIT, Decimal(3000))
    await desk.until(lambda: desk.of(OrderFilledEvent, taken))
    await desk.other_places(Side.SELL, "0.1", "3100")
    await desk.until(lambda: desk.best("WETH-USDC", Side.SELL) == 3100)
    prices = [desk.connector.get_price("WETH-USDC", is_buy) for is_buy in (True, False)]
    assert prices == [Decimal(3100), Decimal(2000)]


async def test_defect_38_and_40_what_happens_to_the_wallet_elsewhere_comes_over_its_stream(desk, direct_environment):
    # The wallet's address was given in mixed case, and no poll is due: Hummingbot's clock polls every two minutes.
    assert desk.wallet.checksum_address != desk.wallet.address
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    last_poll = desk.connector._last_poll_timestamp
    async with AsyncTegro(direct_environment, signer=LocalSigner(desk.wallet.key)) as same_wallet:
        await same_wallet.cancel([order.exchange_order_id])
    await desk.ended(order)
    assert order.current_state is OrderState.CANCELED
    assert desk.connector._last_poll_timestamp == last_poll


async def test_defect_39_what_was_missed_while_the_stream_was_down_is_caught_up_without_a_poll(
    desk, direct_environment
):
    # No clock drives this connector, so nothing polls.
    connector = await started(desk)
    order_id = connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000))
    orders = connector.in_flight_orders
    await desk.until(lambda: order_id in orders and not orders[order_id].is_pending_create, secs=SECS)
    order = orders[order_id]
    desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    await desk.until(lambda: connector._user_stream_tracker.last_recv_time == 0, secs=SECS)
    async with AsyncTegro(direct_environment, signer=LocalSigner(desk.wallet.key)) as same_wallet:
        await same_wallet.cancel([order.exchange_order_id])
    assert order.current_state is OrderState.OPEN
    desk.proxy.refuse_sockets = False
    await desk.until(lambda: order.current_state is OrderState.CANCELED, secs=SECS)
    await connector.stop_network()
    await desk.until(lambda: desk.connector.ready, secs=SECS)


async def test_defect_49_50_and_51_nothing_is_authenticated_synchronised_or_throttled_beside_the_client(desk):
    desk.proxy.requests.clear()
    await desk.connector._update_time_synchronizer()
    assert not [request for request in desk.proxy.requests if "time" in request]
    assert desk.connector.authenticator is None
    assert desk.connector.rate_limits_rules == []


async def test_defect_51_orders_above_the_rate_that_was_set_fail_before_they_are_signed(
    desk, settings_file, tmp_path, monkeypatch
):
    path = tmp_path / "tegro.toml"
    path.write_text(settings_file.read_text() + "[localnet.limits]\nmax_orders_per_sec = 1\n")
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    connector = await started(desk)
    ids = [connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)) for _ in range(20)]
    await desk.until(lambda: any(desk.of(MarketOrderFailureEvent, order_id) for order_id in ids))
    failure = next(each for order_id in ids for each in desk.of(MarketOrderFailureEvent, order_id))
    assert failure.error_type == "LimitExceeded"
    assert "max_orders_per_sec" in failure.error_message
    await desk.until(lambda: not any(order.is_pending_create for order in connector.in_flight_orders.values()))
    await connector.cancel_all(SECS)
    await connector.stop_network()


async def test_defect_52_a_list_that_cannot_be_read_at_once_is_asked_for_again(desk):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    fault = desk.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/orders/user/*", status=503))
    answers = await desk.connector._status.read([order])
    assert desk.localnet.faults.fired(fault) == 1
    (report,) = answers[order.client_order_id]
    assert report.order_id == order.exchange_order_id
