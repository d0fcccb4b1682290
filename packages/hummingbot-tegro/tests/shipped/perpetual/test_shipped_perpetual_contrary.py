"""The contrary of what the shipped perpetual suite asks for by mistake: nothing unclear counts as an answer."""

import asyncio
import json
from decimal import Decimal

import pytest
from hummingbot.core.data_type.common import OrderType, PositionAction, TradeType
from hummingbot.core.data_type.in_flight_order import OrderState


@pytest.fixture
def order(case):
    case.exchange._set_current_timestamp(1640780000)
    case.exchange.start_tracking_order(
        order_id="11",
        exchange_order_id="21",
        trading_pair=case.trading_pair,
        order_type=OrderType.LIMIT,
        trade_type=TradeType.BUY,
        price=Decimal(10_000),
        amount=Decimal(1),
        position_action=PositionAction.OPEN,
    )
    return case.exchange.in_flight_orders["11"]


@pytest.fixture
def until_logged(case):
    async def wait(words):
        said = asyncio.Event()
        tell = case.handle

        def handle(record):
            tell(record)
            if words in record.getMessage():
                said.set()

        case.handle = handle
        await asyncio.wait_for(said.wait(), 30)

    return wait


@pytest.mark.parametrize("answer", [{"status": 502}, {"status": 200, "body": "<html>"}, {"exception": OSError("cut")}])
@pytest.mark.parametrize("path", ["v1/openOrders", "v1/order"])
async def test_perpetual_reads_that_fail_never_count_as_an_order_not_found(case, order, path, answer):
    case.venue.get(case.answers.url(path), repeat=True, **answer)
    for _ in range(4):
        await case.exchange._update_order_status()
    assert case.exchange._order_tracker._order_not_found_records == {}
    assert case.exchange.in_flight_orders == {"11": order}


@pytest.mark.parametrize("answer", [{"status": 400, "body": "<html>"}, {"status": 503}, {"exception": OSError("cut")}])
async def test_perpetual_order_without_a_clear_answer_stays_in_flight(case, until_logged, answer):
    case._simulate_trading_rules_initialized()
    case.exchange._set_current_timestamp(1640780000)
    case.venue.post(case.order_creation_url, **answer)
    name = case.place_buy_order()
    await until_logged("It is looked for now")
    assert case.exchange.in_flight_orders[name].current_state is OrderState.PENDING_CREATE
    assert case.order_failure_logger.event_log == []


async def test_perpetual_order_that_cannot_be_cancelled_because_it_was_filled_is_filled(case, order):
    url = case.answers.order_url(order)
    case.venue.delete(url, status=400, body=case.answers.refusal(-2011, "Unknown order sent."))
    case.configure_full_fill_trade_response(order, case.venue)
    await case.exchange._execute_order_cancel(order)
    assert order.is_filled
    assert case.order_cancelled_logger.event_log == []


async def test_perpetual_order_whose_fills_cannot_be_read_waits_for_them(case, order):
    case.configure_completely_filled_order_status_response(order, case.venue)
    case.configure_erroneous_http_fill_trade_response(order, case.venue)
    await case.exchange._update_order_status()
    assert not order.is_done
    case.configure_full_fill_trade_response(order, case.venue)
    await case.exchange._update_order_status()
    assert order.is_filled
    assert [fill.amount for fill in case.order_filled_logger.event_log] == [1]


async def test_perpetual_answer_about_another_order_is_no_answer(case, until_logged):
    case._simulate_trading_rules_initialized()
    case.exchange._set_current_timestamp(1640780000)
    body = case.order_creation_request_successful_mock_response | {"clientOrderId": "of somebody else"}
    case.venue.post(case.order_creation_url, body=json.dumps(body))
    name = case.place_buy_order()
    await until_logged("It is looked for now")
    assert case.exchange.in_flight_orders[name].exchange_order_id is None
    assert case.buy_order_created_logger.event_log == []
