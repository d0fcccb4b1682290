"""Where the shipped suite asks for a fault of Hummingbot's core: here is the contrary, on the same set-up."""

import asyncio
import json
import logging
import time
from decimal import Decimal

import aiohttp
import pytest
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState
from hummingbot.core.event.events import BuyOrderCompletedEvent

BROKEN = {
    "an error of the venue": {"status": 503},
    "a connection that breaks": {"exception": aiohttp.ServerDisconnectedError()},
    "no answer in time": {"exception": TimeoutError()},
    "no Tegro in between": {"body": "<html>try later</html>"},
}
broken = pytest.mark.parametrize("trouble", BROKEN.values(), ids=BROKEN)


@pytest.fixture
def order(case) -> InFlightOrder:
    """Return an order that is tracked, and at the venue."""
    case.exchange._set_current_timestamp(1640780000)
    case.exchange.start_tracking_order(
        order_id="11",
        exchange_order_id=case.expected_exchange_order_id,
        trading_pair=case.trading_pair,
        order_type=OrderType.LIMIT,
        trade_type=TradeType.BUY,
        price=Decimal(10_000),
        amount=Decimal(1),
    )
    return case.exchange.in_flight_orders["11"]


@pytest.fixture
def without_waits(case):
    """Let reads be repeated at once. Only where nothing is signed: what follows signed orders would turn in circles."""
    case.exchange._link.client._sleep = lambda _: asyncio.sleep(0)


def not_found(case) -> int:
    return sum(case.exchange._order_tracker._order_not_found_records.values())


async def until(condition, secs=5) -> None:
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


# test_update_order_status_when_request_fails_marks_order_as_not_found


@broken
@pytest.mark.usefixtures("without_waits")
async def test_a_list_that_cannot_be_read_never_counts_as_an_order_not_found(case, order, trouble):
    case.venue.get(case.answers.live_orders_url, repeat=True, **trouble)
    for _ in range(case.exchange._order_tracker.lost_order_count_limit + 2):
        await case.exchange._update_order_status()
    assert not_found(case) == 0
    assert case.exchange.in_flight_orders == {"11": order}
    assert not case.exchange._order_tracker.lost_orders
    assert not case.order_failure_logger.event_log


@broken
@pytest.mark.usefixtures("without_waits")
async def test_an_order_that_cannot_be_looked_up_is_not_missing(case, order, trouble):
    case.venue.get(case.answers.live_orders_url, body="[]", repeat=True)
    case.venue.get(case.answers.order_url(order.exchange_order_id), repeat=True, **trouble)
    for _ in range(case.exchange._order_tracker.lost_order_count_limit + 2):
        await case.exchange._update_order_status()
    assert not_found(case) == 0
    assert case.exchange.in_flight_orders == {"11": order}


# test_lost_order_removed_if_not_found_during_order_status_update


@broken
@pytest.mark.usefixtures("without_waits")
async def test_a_lost_order_is_not_dropped_because_the_venue_cannot_be_asked(case, order, trouble):
    tracker = case.exchange._order_tracker
    for _ in range(tracker.lost_order_count_limit + 1):
        await tracker.process_order_not_found(order.client_order_id)
    assert order.client_order_id in tracker.lost_orders
    case.venue.get(case.answers.live_orders_url, repeat=True, **trouble)
    await case.exchange._update_lost_orders_status()
    assert order.client_order_id in tracker.lost_orders


# test_create_order_fails_and_raises_failure_event


@broken
async def test_an_order_without_a_clear_answer_stays_in_flight(case, trouble):
    name = await placed(case, **trouble)
    await until(lambda: logged(case, "WARNING", "is looked for now; it is not sent again"))
    assert case.exchange.in_flight_orders[name].current_state is OrderState.PENDING_CREATE
    assert not case.order_failure_logger.event_log
    assert len(case._all_executed_requests(case.venue, case.answers.place_url)) == 1


async def test_an_answer_about_another_order_is_no_answer(case):
    # The suite's own answer leaves the hash out, because it is made before the order is.
    reply = case.order_creation_request_successful_mock_response | {"order_hash": "ab" * 32}
    name = await placed(case, body=json.dumps(reply))
    await until(lambda: logged(case, "WARNING", "is looked for now; it is not sent again"))
    assert case.exchange.in_flight_orders[name].exchange_order_id is None
    assert not case.buy_order_created_logger.event_log


async def placed(case, **answer) -> str:
    case._simulate_trading_rules_initialized()
    case.exchange._set_current_timestamp(1640780000)
    sent = asyncio.Event()
    case.venue.post(case.answers.place_url, callback=lambda *_, **__: sent.set(), **answer)
    name = case.place_buy_order()
    await asyncio.wait_for(sent.wait(), 5)
    return name


# test_cancel_order_raises_failure_event_when_request_fails, test_cancel_order_not_found_in_the_exchange


@broken
async def test_a_cancel_without_a_clear_answer_counts_as_nothing(case, order, trouble):
    case.venue.post(case.answers.cancel_url, **trouble)
    assert await case.exchange._execute_order_cancel(order) is None
    assert logged(case, "WARNING", "cancelling it again is safe")
    assert not_found(case) == 0
    assert order.is_open


@broken
@pytest.mark.usefixtures("without_waits")
async def test_what_cannot_be_cancelled_nor_looked_up_is_not_missing(case, order, trouble):
    refusal = json.dumps(case.answers.refusal("Order not found"))
    case.venue.post(case.answers.cancel_url, status=400, body=refusal)
    case.venue.get(case.answers.order_url(order.exchange_order_id), repeat=True, **trouble)
    assert await case.exchange._execute_order_cancel(order) is None
    assert not_found(case) == 0
    assert order.is_open


async def test_what_cannot_be_cancelled_because_it_was_filled_is_filled(case, order):
    refusal = json.dumps(case.answers.refusal("Order not found"))
    case.venue.post(case.answers.cancel_url, status=400, body=refusal)
    case.configure_full_fill_trade_response(order, case.venue)
    assert await case.exchange._execute_order_cancel(order) is None
    assert not_found(case) == 0
    assert order.is_filled
    assert [event.amount for event in case.order_filled_logger.event_log] == [order.amount]


# test_update_order_status_when_filled_correctly_processed_even_when_trade_fill_update_fails


@broken
@pytest.mark.usefixtures("without_waits")
async def test_an_order_whose_trades_cannot_be_read_waits_for_them(case, order, trouble):
    case.configure_completely_filled_order_status_response(order, case.venue)
    for _ in range(4):  # a read is tried four times
        case.venue.get(case.answers.trades_url(order.exchange_order_id), **trouble)
        if "body" in trouble:
            break
    await waits_for_its_fill(case, order)


async def test_an_order_whose_trades_are_not_listed_yet_waits_for_them(case, order):
    case.configure_completely_filled_order_status_response(order, case.venue)
    case.venue.get(case.answers.trades_url(order.exchange_order_id), body="[]")
    await waits_for_its_fill(case, order)


async def waits_for_its_fill(case, order: InFlightOrder) -> None:
    await case.exchange._update_order_status()
    assert case.exchange.in_flight_orders == {"11": order}
    assert not_found(case) == 0
    assert not case.buy_order_completed_logger.event_log
    case.configure_full_fill_trade_response(order, case.venue)
    await case.exchange._update_order_status()
    assert [event.amount for event in case.order_filled_logger.event_log] == [order.amount]
    completed: list[BuyOrderCompletedEvent] = case.buy_order_completed_logger.event_log
    assert [event.base_asset_amount for event in completed] == [order.amount]
    assert case.exchange.in_flight_orders == {}


# test_update_balances, test_user_stream_balance_update


async def test_both_tokens_of_a_followed_pair_have_a_balance(case):
    assert case.exchange.trading_pairs == [case.trading_pair]
    case._configure_balance_response(case.balance_request_mock_response_only_base, case.venue)
    await case.exchange._update_balances()
    assert case.exchange.available_balances == {case.base_asset: Decimal(10), case.quote_asset: Decimal(0)}
    assert case.exchange.get_all_balances() == {case.base_asset: Decimal(15), case.quote_asset: Decimal(0)}


async def test_each_event_of_an_order_lets_the_balances_be_read_again(case, order):
    # The suite looks at balances after an event only where the connector says that it has such events.
    reading = asyncio.ensure_future(case.exchange._balance_loop())
    for base in ("15", "7", "3"):
        case.venue.get(case.answers.portfolio_url, body=json.dumps(case.answers.portfolio(base, "0")))
        await case.exchange._take(case.order_event_for_new_order_websocket_update(order))
        await until(lambda base=base: case.exchange.get_all_balances().get(case.base_asset) == Decimal(base))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


# test_invalid_trading_pair_not_in_all_trading_pairs, test_update_trading_rules_ignores_rule_with_error


async def test_a_row_that_cannot_be_read_hides_no_other_pair(case):
    case.exchange._set_trading_pair_symbol_map(None)
    _, rows = case.all_symbols_including_invalid_pair_mock_response
    case.venue.get(case.all_symbols_url, body=json.dumps(rows), repeat=True)
    assert await case.exchange.all_trading_pairs() == [case.trading_pair]
    await case.exchange._update_trading_rules()
    assert list(case.exchange.trading_rules) == [case.trading_pair]


def logged(case, level: str, text: str) -> bool:
    return any(
        record.levelno == logging.getLevelName(level) and text in record.getMessage() for record in case.log_records
    )
