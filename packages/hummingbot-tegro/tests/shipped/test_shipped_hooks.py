"""The hooks that fill in the shipped suite are no empty shells: each gives an answer, or refuses a wrong request."""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from aioresponses.core import RequestCall
from eth_account import Account
from hummingbot.connector.test_support.exchange_connector_test import AbstractExchangeConnectorTests
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from yarl import URL

SUITE = AbstractExchangeConnectorTests.ExchangeConnectorTests
CONFIGURING = sorted(name for name in dir(SUITE) if name.startswith("configure_"))
PAGE = Path(__file__).parents[4] / "docs" / "shipped-suite.md"
OTHER_KEY = hashlib.sha256(b"another wallet").digest()


def tracked(case, number: int = 1) -> InFlightOrder:
    case.exchange._set_current_timestamp(1640780000)
    case.exchange.start_tracking_order(
        order_id=f"1{number}",
        exchange_order_id=f"2{number}",
        trading_pair=case.trading_pair,
        order_type=OrderType.LIMIT,
        trade_type=TradeType.BUY,
        price=Decimal(10_000),
        amount=Decimal(1),
    )
    return case.exchange.in_flight_orders[f"1{number}"]


def test_the_shipped_suite_is_whole_and_ours_overrides_no_test_of_it(suite_class):
    theirs = {name: getattr(SUITE, name) for name in dir(SUITE) if name.startswith("test_")}
    ours = {name: getattr(suite_class, name) for name in dir(suite_class) if name.startswith("test_")}
    assert len(theirs) == 39
    assert ours.keys() == theirs.keys()
    for name, test in theirs.items():
        # The suite's own function is at the bottom of each, behind its decorator's wrapper and ours.
        assert innermost(ours[name]) is innermost(test), name
    assert not suite_class.__abstractmethods__


def test_what_is_different_is_on_the_page_with_its_reason(suite_class):
    listed = [row.split("|")[1:3] for row in sys.modules[suite_class.__module__].__doc__.splitlines() if row[:1] == "|"]
    page = [row.split("|")[1:4] for row in PAGE.read_text().splitlines() if row[:1] == "|"]
    assert {where.strip() for where, _ in listed} <= {where.strip() for where, _, _ in page}
    contrary = (Path(__file__).with_name("test_shipped_contrary.py")).read_text()
    for where, what, why in page[2:]:
        assert what.strip(), where
        assert why.strip(), where
        for name in re.findall(r"`([a-z_]+)`", where):
            assert hasattr(suite_class, name), name
        for name in re.findall(r"`(test_[a-z_]+)`", why):
            assert f"async def {name}(" in contrary, name


def innermost(function):
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


@pytest.mark.parametrize("name", CONFIGURING)
async def test_a_configure_hook_gives_answers_and_tells_when_they_are_used(case, name):
    first, second = tracked(case, 1), tracked(case, 2)
    called = asyncio.Event()
    hook = getattr(case, name)
    if name == "configure_one_successful_one_erroneous_cancel_all_response":
        returned = hook(successful_order=first, erroneous_order=second, mock_api=case.venue)
        called.set()  # it has no callback
    elif "order" in hook.__code__.co_varnames[: hook.__code__.co_argcount]:
        returned = hook(order=first, mock_api=case.venue, callback=lambda *_, **__: called.set())
    else:
        returned = hook(mock_api=case.venue, callback=lambda *_, **__: called.set())
    given = [each.url_or_pattern for each in case.venue.configured]
    assert given
    for url in returned if isinstance(returned, list) else [returned]:
        assert (URL(url) if isinstance(url, str) else url) in given
    async with aiohttp.ClientSession() as session:
        for each in case.venue.configured:
            data = json.dumps({"order_ids": [first.exchange_order_id, second.exchange_order_id]}).encode()
            async with session.request(each.method, sample(case, each, first), data=data) as reply:
                said = json.loads(await reply.read())
            assert bool(said.get("error")) == (reply.status >= 400) if isinstance(said, dict) else said is not None
    assert called.is_set()


def sample(case, match, order: InFlightOrder) -> str:
    """Return an address that an answer was given for."""
    answers = case.answers
    candidates = [
        str(match.url_or_pattern),
        f"{answers.rest_url}/api/v1/exchange/{answers.chain_id}/market/list?page=1",
        f"{answers.orders_url}?chain_id={answers.chain_id}&page=1&page_size=100&statuses=active,matched",
        f"{answers.orders_url}?chain_id={answers.chain_id}&order_id={order.exchange_order_id}",
    ]
    return next(each for each in candidates if match.match(match.method, URL(each)))


# What was sent


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
    reply = json.dumps(case.order_creation_request_successful_mock_response)
    case.venue.post(case.order_creation_url, body=reply, callback=lambda *_, **__: sent.set())
    name = case.place_buy_order()
    await asyncio.wait_for(sent.wait(), 5)
    order, call = case.exchange.in_flight_orders[name], only_call(case, case.order_creation_url)

    def validate(request: RequestCall) -> None:
        case.validate_auth_credentials_present(request)
        case.validate_order_creation_request(order=order, request_call=request)

    validate(call)
    body = json.loads(call.kwargs["data"])
    wrong = [*spoilt(body), *respelt(body), body | {"signature": signature_of_another(body, case)}]
    for each in wrong:
        refused(case, validate, with_body(case, call, each))
    other = InFlightOrder(
        client_order_id=name,
        trading_pair=case.trading_pair,
        order_type=OrderType.LIMIT,
        trade_type=TradeType.SELL,
        amount=order.amount,
        price=order.price,
        creation_timestamp=1640780000,
    )
    with pytest.raises(AssertionError):
        case.validate_order_creation_request(order=other, request_call=call)


async def test_a_wrong_cancel_is_refused(case):
    order, other = tracked(case, 1), tracked(case, 2)
    case.configure_successful_cancelation_response(order, case.venue)
    await case.exchange._execute_order_cancel(order)
    call = only_call(case, case.answers.cancel_url)

    def validate(request: RequestCall) -> None:
        case.validate_auth_credentials_present(request)
        case.validate_order_cancelation_request(order=order, request_call=request)

    validate(call)
    for each in spoilt(json.loads(call.kwargs["data"])):
        refused(case, validate, with_body(case, call, each))
    with pytest.raises(AssertionError):
        case.validate_order_cancelation_request(order=other, request_call=call)


async def test_a_wrong_question_for_a_state_or_for_trades_is_refused(case):
    order = tracked(case, 1)
    case.configure_full_fill_trade_response(order, case.venue)
    await case.exchange._update_order_status()
    listed = only_call(case, case.answers.live_orders_url)
    looked_up = only_call(case, case.answers.order_url(order.exchange_order_id))
    traded = only_call(case, case.answers.trades_url(order.exchange_order_id))
    for call, validate in (
        (listed, case.validate_order_status_request),
        (looked_up, case.validate_order_status_request),
        (traded, case.validate_trades_request),
    ):
        validate(order=order, request_call=call)
        case.validate_auth_credentials_present(call)
        method, url = case.venue.origin(call)
        for query in spoilt(dict(call.kwargs["params"])):
            refused(case, lambda each, check=validate: check(order, each), with_query(case, call, query))
        elsewhere = url.with_path(url.path + "0")
        refused(case, lambda each, check=validate: check(order, each), moved(case, call, method, elsewhere))
        refused(case, case.validate_auth_credentials_present, moved(case, call, "DELETE", url))
        with_key = call.kwargs["headers"] | {"Authorization": "Bearer of news"}
        refused(
            case,
            case.validate_auth_credentials_present,
            registered(case, method, url, call._replace(kwargs=call.kwargs | {"headers": with_key})),
        )


def only_call(case, url) -> RequestCall:
    (call,) = case._all_executed_requests(case.venue, url)
    return call


def refused(case, validate, call: RequestCall) -> None:
    """Require that a hook refuses a request. A form that cannot even be read is refused too."""
    with pytest.raises((AssertionError, KeyError, ValueError, TypeError)):
        validate(call)


def spoilt(members: dict) -> Iterator[dict]:
    """Yield all that is one member away from a dictionary: each changed, each missing, and one too many."""
    for name, value in members.items():
        yield members | {name: another(value)}
        yield {key: kept for key, kept in members.items() if key != name}
    yield members | {"one_more": 1}


def respelt(body: dict) -> Iterator[dict]:
    """Yield orders of which a member of the signed message is another one, with the digest of that message."""
    signed = json.loads(body["raw_order_data"])
    for other in spoilt(signed):
        yield body | {"raw_order_data": json.dumps(other)}


def another(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [*value, "another"]
    last = value[-1]
    return value[:-1] + ("0" if last != "0" else "1")


def signature_of_another(body: dict, case) -> str:
    signable = case.answers._typed_order(json.loads(body["raw_order_data"]))
    return "0x" + Account.sign_message(signable, OTHER_KEY).signature.hex()


def with_body(case, call: RequestCall, body: dict) -> RequestCall:
    changed = call._replace(kwargs=call.kwargs | {"data": json.dumps(body).encode()})
    return registered(case, *case.venue.origin(call), changed)


def with_query(case, call: RequestCall, query: dict) -> RequestCall:
    changed = call._replace(kwargs=call.kwargs | {"params": query})
    return registered(case, *case.venue.origin(call), changed)


def moved(case, call: RequestCall, method: str, url: URL) -> RequestCall:
    return registered(case, method, url, call._replace())


def registered(case, method: str, url: URL, call: RequestCall) -> RequestCall:
    case.venue.requests.setdefault((method, url), []).append(call)
    return call
