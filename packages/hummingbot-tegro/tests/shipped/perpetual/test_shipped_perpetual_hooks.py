"""The hooks that fill in the shipped perpetual suite: each gives an answer, or refuses a wrong request."""

import asyncio
import hashlib
import hmac
import inspect
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import aiohttp
import pytest
from hummingbot.connector.test_support.perpetual_derivative_test import AbstractPerpetualDerivativeTests
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, TradeType
from yarl import URL

SUITE = AbstractPerpetualDerivativeTests.PerpetualDerivativeTests
CONFIGURING = sorted(name for name in dir(SUITE) if name.startswith("configure_"))
PAGE = Path(__file__).parents[5] / "docs" / "shipped-perpetual-suite.md"


def tracked(case, number=1):
    case.exchange._set_current_timestamp(1640780000)
    case.exchange.start_tracking_order(
        order_id=f"1{number}",
        exchange_order_id=f"2{number}",
        trading_pair=case.trading_pair,
        order_type=OrderType.LIMIT,
        trade_type=TradeType.BUY,
        price=Decimal(10_000),
        amount=Decimal(1),
        position_action=PositionAction.OPEN,
    )
    return case.exchange.in_flight_orders[f"1{number}"]


def innermost(function):
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def test_the_shipped_suite_is_whole_and_ours_overrides_no_test_of_it(suite_class):
    theirs = {name: getattr(SUITE, name) for name in dir(SUITE) if name.startswith("test_")}
    ours = {name: getattr(suite_class, name) for name in dir(suite_class) if name.startswith("test_")}
    assert len(theirs) == 50
    assert ours.keys() == theirs.keys()
    abstract = {name for name, test in theirs.items() if getattr(test, "__isabstractmethod__", False)}
    assert abstract == {"test_get_buy_and_sell_collateral_tokens"}
    for name in theirs.keys() - abstract:
        assert innermost(ours[name]) is innermost(theirs[name]), name
    assert not suite_class.__abstractmethods__


def test_what_is_different_is_on_the_page_with_its_reason(suite_class):
    listed = [row.split("|")[1] for row in sys.modules[suite_class.__module__].__doc__.splitlines() if row[:1] == "|"]
    page = [row.split("|")[1:4] for row in PAGE.read_text().splitlines() if row[:1] == "|"]
    assert {where.strip() for where in listed} <= {where.strip() for where, _, _ in page}
    contrary = Path(__file__).with_name("test_shipped_perpetual_contrary.py").read_text()
    named = [name for _, _, why in page for name in re.findall(r"`(test_perpetual_[a-z_]+)`", why)]
    assert named
    for name in named:
        assert f"async def {name}(" in contrary, name


@pytest.mark.parametrize("name", CONFIGURING)
async def test_a_configure_hook_gives_answers_and_tells_when_they_are_used(case, name):
    first, second = tracked(case, 1), tracked(case, 2)
    called, hook = asyncio.Event(), getattr(case, name)
    values = {
        "order": first,
        "successful_order": first,
        "erroneous_order": second,
        "mock_api": case.venue,
        "callback": lambda *_, **__: called.set(),
        "position_mode": PositionMode.HEDGE,
        "leverage": 3,
    }
    wanted = inspect.signature(hook).parameters
    hook(**{each: values[each] for each in wanted})
    if "callback" not in wanted:
        called.set()
    assert case.venue.configured
    async with aiohttp.ClientSession() as session:
        for each in case.venue.configured:
            async with session.request(each.method, sample(case, each, (first, second))) as reply:
                said = await reply.json(content_type=None)
            assert reply.status < 400 or {"code", "msg"} == said.keys()
    assert called.is_set()


def sample(case, match, orders) -> str:
    """Return an address that an answer was given for."""
    root, symbol = f"{case.answers.rest_url}/fapi/", f"symbol={case.answers.symbol}"
    plain = ("v1/exchangeInfo", "v1/openOrders", "v1/positionSide/dual", "v1/leverage")
    candidates = [root + each for each in plain]
    for order in orders:
        candidates.append(f"{root}v1/order?{symbol}&origClientOrderId={order.client_order_id}")
        candidates.append(f"{root}v1/userTrades?{symbol}&orderId={order.exchange_order_id}")
    return next(each for each in candidates if match.match(match.method, URL(each)))


def test_no_validate_hook_is_forgotten_here():
    assert {name for name in dir(SUITE) if name.startswith("validate_")} == {
        "validate_auth_credentials_present",
        "validate_order_creation_request",
        "validate_order_cancelation_request",
        "validate_order_status_request",
        "validate_trades_request",
    }


async def test_a_wrong_order_is_refused(case):
    case._simulate_trading_rules_initialized()
    case.exchange._set_current_timestamp(1640780000)
    sent = asyncio.Event()
    case.venue.post(case.order_creation_url, status=400, callback=lambda *_, **__: sent.set())
    name = case.place_buy_order(position_action=PositionAction.CLOSE)
    await asyncio.wait_for(sent.wait(), 30)
    order = case.exchange._order_tracker.all_orders[name]
    (call,) = case._all_executed_requests(case.venue, case.order_creation_url)

    def validate(request):
        case.validate_auth_credentials_present(request)
        case.validate_order_creation_request(order=order, request_call=request)

    validate(call)
    text = call.kwargs["data"].decode()
    for wrong in spoilt(text):
        refused(validate, moved(case, call, data=wrong.encode()))
    refused(validate, moved(case, call, headers=call.kwargs["headers"] | {"X-MBX-APIKEY": "another"}))
    # Rightly signed, and still another order.
    for wrong in spoilt(text.partition("&signature=")[0]):
        again = f"{wrong}&signature={signature(case, wrong)}"
        if set(parse_qs(again)) >= {"timestamp", "recvWindow"} and not same(again, text):
            refused(validate, moved(case, call, data=again.encode()))


async def test_a_wrong_question_is_refused(case):
    order, other = tracked(case, 1), tracked(case, 2)
    case.configure_full_fill_trade_response(order, case.venue)
    await case.exchange._refresh(order)
    case.configure_successful_cancelation_response(other, case.venue)
    await case.exchange._execute_order_cancel(other)
    (asked,) = case._all_executed_requests(case.venue, case.answers.order_url(order))
    (cancelled,) = case._all_executed_requests(case.venue, case.answers.order_url(other))
    (traded,) = case._all_executed_requests(case.venue, case.answers.url("v1/userTrades"))
    for validate, call, right, wrong in (
        (case.validate_order_status_request, asked, order, other),
        (case.validate_order_cancelation_request, cancelled, other, order),
        (case.validate_trades_request, traded, order, other),
    ):
        case.validate_auth_credentials_present(call)
        validate(order=right, request_call=call)
        refused(lambda each, check=validate, order=wrong: check(order=order, request_call=each), call)
        method, url = case.venue.origin(call)
        elsewhere = moved(case, call, method=method, url=url.with_path("/fapi/v1/other").with_query(url.query))
        refused(lambda each, check=validate, order=right: check(order=order, request_call=each), elsewhere)
        posted = moved(case, call, method="PUT", url=url)
        refused(lambda each, check=validate, order=right: check(order=order, request_call=each), posted)
        without = url.without_query_params("signature")
        case.venue.sent.append(str(without))
        refused(case.validate_auth_credentials_present, moved(case, call, method=method, url=without))


def signature(case, text: str) -> str:
    return hmac.new(case.answers.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Tell whether two orders are the same but for their time."""
    mine, theirs = ({**parse_qs(text), "timestamp": 0, "recvWindow": 0, "signature": 0} for text in (one, other))
    return mine == theirs


def spoilt(text: str) -> Iterator[str]:
    """Yield all that is one member away from a form: each changed, each missing, and one too many."""
    members = {name: value for name, (value,) in parse_qs(text).items()}
    for name, value in members.items():
        yield urlencode(members | {name: value[:-1] + ("0" if value[-1] != "0" else "1")})
        if name not in ("positionSide", "newOrderRespType"):
            yield urlencode({key: kept for key, kept in members.items() if key != name})
    yield urlencode(members | {"one_more": "1"})


def refused(validate, call) -> None:
    """Require that a hook refuses a request. A form that cannot even be read is refused too."""
    with pytest.raises((AssertionError, KeyError, ValueError, TypeError)):
        validate(call)


def moved(case, call, *, method=None, url=None, **changes):
    """Return a request like another one with something changed, known to the venue."""
    was_method, was_url = case.venue.origin(call)
    made = call._replace(kwargs=call.kwargs | changes)
    case.venue.requests.setdefault((method or was_method, url or was_url), []).append(made)
    return made
