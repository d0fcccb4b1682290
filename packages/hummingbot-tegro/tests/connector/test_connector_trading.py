"""Orders of a real connector at a real venue: placed, matched, settled on chain, booked."""

import asyncio
from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.data_type.trade_fee import TokenAmount
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)
from web3 import Web3

from tegro.client import AsyncTegro
from tegro.model import Side
from tegro.outcome import Rejected
from tegro.signer import LocalSigner
from tegro_localnet.fault_spec import Fault, FaultKind

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT, MARKET, MAKER = OrderType.LIMIT, OrderType.MARKET, OrderType.LIMIT_MAKER


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _empty_books(desk):
    yield
    desk.proxy.drop_reply_to_place = desk.proxy.swallow_place = False
    desk.proxy.break_reads = desk.proxy.hide_trades = False
    await desk.clear()


async def test_defect_54_the_trading_rules_name_the_least_value_of_an_order(desk):
    rule = desk.connector.trading_rules["WETH-USDC"]
    assert rule.min_price_increment == Decimal("0.01")
    assert rule.min_order_size == rule.min_base_amount_increment == Decimal("0.000001")
    assert rule.min_notional_size == 2


async def test_a_resting_sell_is_filled_in_part_and_the_rest_cancelled(desk):
    await desk.connector._update_balances()
    total_before, free_before = desk.connector.get_balance("WETH"), desk.connector.get_available_balance("WETH")
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), LIMIT, Decimal(3000)))
    assert desk.connector.get_available_balance("WETH") == free_before - 1

    await desk.other_places(Side.BUY, "0.4", "3001")
    await desk.until(lambda: order.executed_amount_base == Decimal("0.4"))
    (fill,) = desk.of(OrderFilledEvent, order.client_order_id)
    assert (fill.price, fill.amount) == (Decimal(3000), Decimal("0.4"))
    # 7 basis points of the 1200 USDC that the seller receives.
    assert fill.trade_fee.flat_fees == [TokenAmount("USDC", Decimal("0.84"))]

    desk.connector.cancel("WETH-USDC", order.client_order_id)
    await desk.ended(order)
    assert order.current_state is OrderState.CANCELED
    kinds = [type(event) for event in desk.events if getattr(event, "order_id", "") == order.client_order_id]
    assert kinds == [SellOrderCreatedEvent, OrderFilledEvent, OrderCancelledEvent]
    await desk.until(lambda: desk.connector.get_balance("WETH") == total_before - Decimal("0.4"))
    await desk.until(lambda: desk.connector.get_available_balance("WETH") == free_before - Decimal("0.4"))


async def test_a_taking_buy_completes_and_pays_its_fee_in_base(desk):
    await desk.other_places(Side.SELL, "0.5", "3000")
    order_id = desk.connector.buy("WETH-USDC", Decimal("0.5"), LIMIT, Decimal(3010))
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, order_id))
    (fill,) = desk.of(OrderFilledEvent, order_id)
    assert (fill.price, fill.amount) == (Decimal(3000), Decimal("0.5"))
    assert fill.trade_fee.flat_fees == [TokenAmount("WETH", Decimal("0.00035"))]
    kinds = [type(event) for event in desk.events if getattr(event, "order_id", "") == order_id]
    assert kinds == [BuyOrderCreatedEvent, OrderFilledEvent, BuyOrderCompletedEvent]


async def test_a_sell_into_a_higher_bid_is_booked_at_what_the_contract_pays(desk):
    await desk.other_places(Side.BUY, "0.1", "3100")
    await desk.until(lambda: desk.best("WETH-USDC", Side.BUY) == 3100)
    order_id = desk.connector.sell("WETH-USDC", Decimal("0.1"), LIMIT, Decimal(3000))
    await desk.until(lambda: desk.of(SellOrderCompletedEvent, order_id))
    (fill,) = desk.of(OrderFilledEvent, order_id)
    assert fill.price == 3000


async def test_a_market_sell_goes_as_deep_as_it_must_and_no_rest_stays(desk):
    for price in ("2990", "2980", "2000"):
        await desk.other_places(Side.BUY, "0.5", price)
    await desk.until(lambda: len(list(desk.connector.get_order_book("WETH-USDC").bid_entries())) == 3)
    order_id = desk.connector.sell("WETH-USDC", Decimal("1.2"), MARKET)
    order = await desk.opened(order_id)
    # The bid at 2000 is a third below the best one, beyond the cap of 5 percent.
    assert order.price == 2980
    await desk.ended(order)
    assert (order.current_state, order.executed_amount_base) == (OrderState.CANCELED, Decimal(1))
    assert not await desk.other.orders(desk.wallet.address, statuses=("active",))

    # The contract pays a seller its own limit, so each bid got an order of its own; for Hummingbot they are one.
    fills = desk.of(OrderFilledEvent, order_id)
    assert sorted((fill.price, fill.amount) for fill in fills) == [(2980, Decimal("0.5")), (2990, Decimal("0.5"))]
    journal = desk.connector._link.client.journal
    first, second = (journal.find_by_client_order_id(name) for name in (order_id, f"{order_id}/2"))
    assert order.exchange_order_id == first.order_id
    assert {fill.exchange_order_id for fill in fills} == {first.order_id, second.order_id}
    assert len(desk.of(SellOrderCreatedEvent, order_id)) == len(desk.of(OrderCancelledEvent, order_id)) == 1


async def test_a_market_order_whose_reply_was_lost_is_found_and_leaves_no_rest(desk):
    await desk.other_places(Side.BUY, "0.5", "2990")
    await desk.until(lambda: desk.best("WETH-USDC", Side.BUY) == 2990)
    fault = Fault(kind=FaultKind.HOLD, path="*/orders/place", wallet=desk.wallet.address)
    desk.proxy.drop_reply_to_place = True
    held = desk.localnet.faults.add(fault)
    order_id = desk.connector.sell("WETH-USDC", Decimal("0.5"), MARKET)
    await desk.until(lambda: desk.localnet.faults.list()[0].held)
    # The bid is gone when the order arrives, so it rests.
    await desk.other.cancel_all()
    desk.localnet.faults.clear(held)
    order = await desk.opened(order_id)
    await desk.ended(order)
    assert (order.current_state, order.executed_amount_base) == (OrderState.CANCELED, 0)
    assert not await desk.other.orders(desk.wallet.address, statuses=("active",))


async def test_a_market_buy_that_the_book_can_fill_completes(desk):
    await desk.other_places(Side.SELL, "0.01", "95000", "WBTC_USDC")
    await desk.until(lambda: desk.best("WBTC-USDC", Side.SELL) == 95000)
    order_id = desk.connector.buy("WBTC-USDC", Decimal("0.01"), MARKET)
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, order_id))
    (fill,) = desk.of(OrderFilledEvent, order_id)
    assert fill.trade_fee.flat_fees == [TokenAmount("WBTC", Decimal("0.000007"))]


async def test_a_market_order_without_a_counterparty_fails_with_the_reason(desk):
    order_id = desk.connector.buy("WETH-USDC", Decimal(1), MARKET)
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
    (failure,) = desk.of(MarketOrderFailureEvent, order_id)
    assert "nobody is on the other side of WETH_USDC" in failure.error_message


async def test_a_market_order_on_a_pair_that_is_not_followed_fails_too(desk):
    order_id = desk.connector.sell("TEGRO-USDC", Decimal(100), MARKET)
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))


async def test_defect_9_a_maker_order_that_would_take_is_never_sent(desk):
    await desk.other_places(Side.SELL, "0.5", "3000")
    await desk.until(lambda: desk.best("WETH-USDC", Side.SELL) == 3000)
    desk.proxy.requests.clear()
    order_id = desk.connector.buy("WETH-USDC", Decimal("0.5"), MAKER, Decimal(3000))
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
    (failure,) = desk.of(MarketOrderFailureEvent, order_id)
    assert "would trade at once" in failure.error_message
    assert not [request for request in desk.proxy.requests if request.startswith("POST")]

    resting = await desk.opened(desk.connector.buy("WETH-USDC", Decimal("0.5"), MAKER, Decimal("2999.99")))
    assert resting.current_state is OrderState.OPEN


async def test_placing_and_cancelling_take_one_write_each(desk):
    desk.proxy.requests.clear()
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    desk.connector.cancel("WETH-USDC", order.client_order_id)
    await desk.ended(order)
    writes = [request for request in desk.proxy.requests if request.startswith("POST")]
    assert [write.rpartition("/")[2] for write in writes] == ["place", "cancel"]


async def test_defect_6_a_missing_allowance_is_the_failure_and_is_mended(desk, caplog):
    caplog.set_level("INFO")
    # What comes to the wallet after the start is not approved yet.
    desk.localnet.fund(desk.wallet.address, {"WETH": Decimal(500)}, Decimal(0))
    order_id = desk.connector.sell("WETH-USDC", Decimal(500), LIMIT, Decimal(3000))
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id))
    (failure,) = desk.of(MarketOrderFailureEvent, order_id)
    assert failure.error_type == "AllowanceMissing"
    assert "the exchange contract may move only" in failure.error_message

    await desk.until(lambda: "Approved for Tegro's exchange contract" in caplog.text)
    assert (await asyncio.to_thread(token_calls, desk, "WETH"))["allowance"] > 500 * 10**18
    again = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(500), LIMIT, Decimal(3000)))
    assert again.current_state is OrderState.OPEN


async def test_defect_11_an_approval_is_what_the_wallet_holds_and_never_unlimited(desk):
    wbtc = await asyncio.to_thread(token_calls, desk, "WBTC")
    assert wbtc["allowance"] == 5 * 10**8
    assert wbtc["balanceOf"] >= 5 * 10**8


def token_calls(desk, symbol: str) -> dict[str, int]:
    """Return what web3 reads of the wallet's token. Not on the event loop, which web3 would block."""
    node = Web3(Web3.HTTPProvider(desk.localnet.rpc_url))
    arguments = {"balanceOf": (desk.wallet.checksum_address,)}
    arguments["allowance"] = (desk.wallet.checksum_address, Web3.to_checksum_address(desk.localnet.deployment.exchange))
    abi = [
        {
            "name": name,
            "type": "function",
            "stateMutability": "view",
            "inputs": [{"name": f"a{i}", "type": "address"} for i in range(len(given))],
            "outputs": [{"name": "", "type": "uint256"}],
        }
        for name, given in arguments.items()
    ]
    token = node.eth.contract(Web3.to_checksum_address(desk.localnet.deployment.tokens[symbol]), abi=abi)
    return {name: token.get_function_by_name(name)(*given).call() for name, given in arguments.items()}


async def test_defect_8_an_order_whose_reply_was_lost_is_found_by_its_hash_and_not_sent_again(desk):
    desk.proxy.drop_reply_to_place = True
    desk.proxy.requests.clear()
    order_id = desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000))
    order = await desk.opened(order_id)
    assert order.current_state is OrderState.OPEN
    (resting,) = await desk.other.orders(desk.wallet.address, statuses=("active",))
    assert order.exchange_order_id == resting.order_id
    assert len([request for request in desk.proxy.requests if request.endswith("/place")]) == 1
    assert not desk.of(MarketOrderFailureEvent, order_id)


async def test_defect_7_an_order_of_unknown_fate_never_fails_and_never_counts_as_missing(desk):
    desk.proxy.swallow_place = True
    order_id = desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000))
    await desk.until(lambda: order_id in desk.connector.in_flight_orders and order_id not in desk.connector._placing)
    for _ in range(5):
        await desk.connector._update_order_status()
    order = desk.connector.in_flight_orders[order_id]
    assert order.is_pending_create
    assert not desk.of(MarketOrderFailureEvent, order_id)
    assert await desk.connector._execute_order_cancel(order) is None
    assert order_id in desk.connector.in_flight_orders
    desk.connector.stop_tracking_order(order_id)


async def test_an_order_of_unknown_fate_that_turns_out_to_be_refused_fails_with_the_reason(desk):
    desk.proxy.swallow_place = True
    order_id = desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000))
    await desk.until(lambda: order_id in desk.connector.in_flight_orders and order_id not in desk.connector._placing)
    journal = desk.connector._link.client.journal
    entry = journal.find_by_client_order_id(order_id)
    refusal = Rejected(order_hash=entry.order_hash, reason="the market sleeps")
    journal.record_outcome(entry.order_hash, refusal)
    desk.connector._resolved(entry, refusal)
    await desk.until(lambda: desk.of(MarketOrderFailureEvent, order_id), secs=60)
    (failure,) = desk.of(MarketOrderFailureEvent, order_id)
    assert "the market sleeps" in failure.error_message


async def test_a_broken_network_makes_no_order_lost(desk):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    desk.proxy.break_reads = True
    for _ in range(2):
        # Hummingbot's own rule gives an order up after the fourth error of this kind.
        for _ in range(3):
            await desk.connector._handle_update_error_for_active_order(order, ConnectionError("down"))
        await desk.connector._update_order_status()
    assert order.client_order_id in desk.connector.in_flight_orders
    assert order.current_state is OrderState.OPEN


async def test_defect_43_many_orders_are_brought_up_to_date_by_one_request(desk):
    ids = [desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000 + step)) for step in range(5)]
    for order_id in ids:
        await desk.opened(order_id)
    await desk.until(lambda: not desk.connector._balances_wanted.is_set())
    desk.proxy.queries.clear()
    await desk.connector._update_order_status()
    # The client may renew its own picture of the funds meanwhile, with the same list.
    assert not [query for query in desk.proxy.queries if "order_id=" in query or "/trades/" in query]
    lists = [query for query in desk.proxy.queries if "statuses=active,matched" in query.replace("%2C", ",")]
    assert 1 <= len(lists) <= 2


async def test_defect_36_a_fill_is_booked_once_however_often_it_is_reported(desk):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    await desk.other_places(Side.SELL, "0.25", "2000")
    await desk.until(lambda: order.executed_amount_base == Decimal("0.25"))
    for _ in range(3):
        await desk.connector._update_order_status()
        await desk.connector._sync.refresh(order)
    for update in await desk.connector._all_trade_updates_for_order(order):
        desk.connector._order_tracker.process_trade_update(update)
    assert len(desk.of(OrderFilledEvent, order.client_order_id)) == 1


async def test_an_order_is_not_closed_before_its_last_fill_is_listed(desk):
    desk.proxy.hide_trades = True
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    desk.proxy.requests.clear()
    await desk.other_places(Side.SELL, "1", "2000")
    # It is asked for its trades once it has settled.
    await desk.until(lambda: any("/orders/trades/" in request for request in desk.proxy.requests))
    await desk.connector._sync.refresh(order)
    assert order.client_order_id in desk.connector.in_flight_orders
    desk.proxy.hide_trades = False
    await desk.connector._update_order_status()
    assert (order.current_state, order.executed_amount_base) == (OrderState.FILLED, 1)


async def test_an_order_that_ended_elsewhere_ends_here_with_the_truth(desk, direct_environment):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    async with AsyncTegro(direct_environment, signer=LocalSigner(desk.wallet.key)) as same_wallet:
        await same_wallet.cancel([order.exchange_order_id])
    assert await desk.connector._execute_order_cancel(order) is None
    await desk.ended(order)
    assert order.current_state is OrderState.CANCELED
    assert len(desk.of(OrderCancelledEvent, order.client_order_id)) == 1


async def test_defect_33_an_order_the_venue_does_not_know_is_given_up_only_after_repeated_denial(desk):
    order = await desk.opened(desk.connector.buy("WETH-USDC", Decimal(1), LIMIT, Decimal(2000)))
    real_id, order.exchange_order_id = order.exchange_order_id, "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"
    for _ in range(3):
        await desk.connector._update_order_status()
    assert order.client_order_id in desk.connector.in_flight_orders
    order.exchange_order_id = real_id
    await desk.connector._update_order_status()
    assert order.current_state is OrderState.OPEN


async def test_orders_restored_after_a_restart_get_the_fills_they_missed(desk):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal("0.2"), LIMIT, Decimal(3000)))
    saved = desk.connector.tracking_states
    await desk.other_places(Side.BUY, "0.2", "3000")
    await desk.ended(order)

    restarted = desk.new_connector()
    restarted.restore_tracking_states(saved)
    (restored,) = restarted.in_flight_orders.values()
    restarted._set_current_timestamp(1.0)
    await restarted._update_order_status()
    await restarted.stop_network()
    assert (restored.current_state, restored.executed_amount_base) == (OrderState.FILLED, Decimal("0.2"))
