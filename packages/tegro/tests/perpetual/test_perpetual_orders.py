"""Orders: what is sent, what is refused before it is, and what each answer means for an order's fate."""

import hashlib
import hmac
from decimal import Decimal

import pytest

from tegro.errors import InvalidInput, NotConnected, Refused
from tegro.model import OrderType, Side
from tegro.perpetual import (
    Accepted,
    Cancelled,
    CancelUnknown,
    NotOpen,
    OrderState,
    PerpetualOrderRequest,
    PositionSide,
    Rejected,
    TimeInForce,
    Unknown,
)

ORDER = ("POST", "v1/order")
ONE_WAY = {"dualSidePosition": False}


@pytest.fixture
def request_of(contract):
    def make(**members):
        terms = {"quantity": Decimal("0.5"), "price": Decimal("2000.10"), "side": Side.BUY, "client_order_id": "mine"}
        return PerpetualOrderRequest(contract=contract, **(terms | members))

    return make


@pytest.fixture
def in_mode(venue):
    def set_mode(*, is_hedge):
        venue.standing["GET", "v1/positionSide/dual"] = {"dualSidePosition": is_hedge}

    set_mode(is_hedge=False)
    return set_mode


@pytest.mark.parametrize(
    ("members", "is_hedge", "sent"),
    [
        ({}, False, {"type": "LIMIT", "price": "2000.10", "timeInForce": "GTC"}),
        ({"order_type": OrderType.LIMIT_MAKER}, False, {"type": "LIMIT", "price": "2000.10", "timeInForce": "GTX"}),
        ({"time_in_force": TimeInForce.IOC}, False, {"type": "LIMIT", "price": "2000.10", "timeInForce": "IOC"}),
        ({"order_type": OrderType.MARKET, "price": None}, False, {"type": "MARKET"}),
        (
            {"reduce_only": True, "quantity": Decimal("0.001")},
            False,
            {"type": "LIMIT", "price": "2000.10", "timeInForce": "GTC", "reduceOnly": "true", "quantity": "0.001"},
        ),
        (
            {"position_side": PositionSide.SHORT, "quantity": Decimal("0.001")},
            True,
            {"type": "LIMIT", "price": "2000.10", "timeInForce": "GTC", "positionSide": "SHORT", "quantity": "0.001"},
        ),
    ],
)
async def test_what_is_meant_is_what_is_sent(client, venue, request_of, order_body, in_mode, members, is_hedge, sent):
    in_mode(is_hedge=is_hedge)
    venue.answer(*ORDER, order_body())
    outcome = await client.place(request_of(**members))
    assert isinstance(outcome, Accepted)
    (asked,) = venue.of(*ORDER)
    parameters = asked.parameters
    common = {"symbol": "ETHUSDT", "side": "BUY", "quantity": "0.5", "newClientOrderId": "mine"}
    common |= {"newOrderRespType": "RESULT", "recvWindow": "5000", "timestamp": str(venue.now_ms)}
    assert parameters.pop("signature")
    assert parameters == common | sent
    assert asked.key == "key-1"


async def test_the_signature_is_over_the_bytes_that_are_sent(client, venue, request_of, order_body, in_mode):
    venue.answer(*ORDER, order_body("a/b:c"))
    await client.place(request_of(client_order_id="a/b:c"))
    text, _, signature = venue.of(*ORDER)[0].raw.rpartition("&signature=")
    assert signature == hmac.new(b"secret-1", text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"price": Decimal("2000.105")}, "multiple of the tick size 0.01"),
        ({"price": Decimal(0)}, "must be above zero"),
        ({"price": Decimal("NaN")}, "must be above zero"),
        ({"price": Decimal("1e30")}, "multiple of the tick size"),
        ({"price": Decimal(2_000_000)}, "must be from 0.01 to 1000000"),
        ({"price": 2000.1}, "must be a Decimal"),
        ({"price": None}, "needs a price"),
        ({"quantity": Decimal("0.0005")}, "multiple of the lot size 0.001"),
        ({"quantity": Decimal(1001)}, "must be from 0.001 to 1000"),
        ({"quantity": Decimal("0.009")}, "worth at least 20 USDT"),
        ({"order_type": OrderType.MARKET}, "a market order has no price"),
        ({"order_type": OrderType.MARKET, "price": None, "quantity": Decimal(101)}, "must be from 0.001 to 100"),
        ({"client_order_id": "x" * 33}, "client_order_id must be 1 to 32"),
        ({"client_order_id": "a b"}, "client_order_id must be 1 to 32"),
        ({"reduce_only": True, "position_side": PositionSide.LONG}, "reduce_only is for one-way mode"),
        ({"position_side": PositionSide.LONG}, "position_side must be BOTH"),
    ],
)
async def test_what_the_venue_could_only_refuse_is_not_sent(client, venue, request_of, in_mode, members, words):
    with pytest.raises(InvalidInput, match=words):
        await client.place(request_of(**members))
    assert venue.of(*ORDER) == []


async def test_in_hedge_mode_an_order_names_its_side(client, request_of, in_mode):
    in_mode(is_hedge=True)
    with pytest.raises(InvalidInput, match="hedge mode, so position_side must be LONG or SHORT"):
        await client.place(request_of())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((400, {"code": -2019, "msg": "Margin is insufficient."}), -2019),
        ((400, {"code": -5022, "msg": "Post only"}), -5022),
        ((401, {"code": -2015, "msg": "Invalid API-key"}), -2015),
        ((429, {"code": -1015, "msg": "Too many new orders"}), -1015),
        ((503, {"code": -1008, "msg": "Request throttled by system-level protection"}), -1008),
        ((503, {"code": 0, "msg": "Service Unavailable."}), 0),
    ],
)
async def test_a_definite_refusal_is_final(client, venue, request_of, in_mode, answer, code):
    venue.answer(*ORDER, answer)
    outcome = await client.place(request_of())
    assert outcome == Rejected(client_order_id="mine", reason=answer[1]["msg"], code=code)
    assert len(venue.of(*ORDER)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (503, {"code": -1000, "msg": "Unknown error, please check your request or try again later."}),
        (503, {"code": 0, "msg": "Unknown error, please check your request or try again later."}),
        (400, {"code": -1007, "msg": "Timeout waiting for response from backend server."}),
        (408, {"code": -1007, "msg": "Timeout"}),
        (429, "no reason"),
        (502, "bad gateway"),
        (400, "no code"),
        {"orderId": 7},
        ["not", "an", "order"],
    ],
)
async def test_every_other_answer_leaves_the_fate_open_and_nothing_is_sent_twice(
    client, venue, request_of, in_mode, answer
):
    venue.answer(*ORDER, answer)
    outcome = await client.place(request_of())
    assert isinstance(outcome, Unknown)
    assert (outcome.client_order_id, outcome.symbol, outcome.sent_at_ms) == ("mine", "ETHUSDT", venue.now_ms)
    assert len(venue.of(*ORDER)) == 1


async def test_an_answer_about_another_order_is_no_acceptance(client, venue, request_of, order_body, in_mode):
    venue.answer(*ORDER, order_body("other"))
    assert isinstance(await client.place(request_of()), Unknown)


async def test_a_clock_that_is_off_is_set_and_the_order_sent_once_more(client, venue, request_of, order_body, in_mode):
    late = {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
    await client.position_mode()
    readings = len(venue.of("GET", "v1/time"))
    venue.answer(*ORDER, (400, late), order_body())
    assert isinstance(await client.place(request_of()), Accepted)
    assert len(venue.of("GET", "v1/time")) == readings + 1
    venue.answer(*ORDER, (400, late), (400, late))
    assert await client.place(request_of()) == Rejected(client_order_id="mine", reason=late["msg"], code=-1021)


async def test_where_nobody_listens_the_order_never_left(client, request_of, in_mode, unused_tcp_port, venue):
    await client.position_mode()
    client.rest._transport._origin = f"http://127.0.0.1:{unused_tcp_port}"
    with pytest.raises(NotConnected, match="no connection"):
        await client.place(request_of())
    assert venue.of(*ORDER) == []


# What became of an order of unknown fate

GET = ("GET", "v1/order")
MISSING = (400, {"code": -2013, "msg": "Order does not exist."})


@pytest.fixture
async def unknown(client, venue, request_of, in_mode):
    venue.answer(*ORDER, (502, "bad gateway"))
    return await client.place(request_of())


async def test_it_is_found(client, venue, unknown, order_body):
    venue.answer(*GET, order_body(status="PARTIALLY_FILLED", executedQty="0.2"))
    found = await client.resolve(unknown)
    assert isinstance(found, Accepted)
    assert (found.order.state, found.order.filled, found.order.remaining) == (
        OrderState.PARTIALLY_FILLED,
        Decimal("0.2"),
        Decimal("0.3"),
    )


async def test_it_is_gone_only_when_its_request_can_no_longer_be_taken(client, venue, unknown, time):
    venue.standing[GET] = MISSING
    found = await client.resolve(unknown)
    assert isinstance(found, Rejected)
    times = [int(each.parameters["timestamp"]) for each in venue.of(*GET)]
    settled = [time_ms for time_ms in times if time_ms >= unknown.sent_at_ms + 5000 + 1000]
    assert len(settled) == 2
    assert settled[1] - settled[0] >= 1000


async def test_one_that_arrives_late_is_found(client, venue, unknown, order_body):
    venue.answer(*GET, MISSING, MISSING, order_body())
    assert isinstance(await client.resolve(unknown), Accepted)


async def test_while_the_venue_is_away_it_stays_unknown(client, venue, unknown):
    venue.standing[GET] = (502, "bad gateway")
    assert await client.resolve(unknown) == unknown
    assert venue.now_ms - unknown.sent_at_ms >= 120_000


# Cancels

DELETE = ("DELETE", "v1/order")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("order", Cancelled),
        ((400, {"code": -2011, "msg": "Unknown order sent."}), NotOpen),
        ((400, {"code": -2013, "msg": "Order does not exist."}), NotOpen),
        ((400, {"code": -1003, "msg": "Too many requests"}), CancelUnknown),
        ((503, "busy"), CancelUnknown),
        (None, CancelUnknown),
        ({"orderId": 7}, CancelUnknown),
    ],
)
async def test_only_the_venues_own_words_say_that_an_order_is_not_open(client, venue, order_body, answer, kind):
    venue.answer(*DELETE, order_body(status="CANCELED") if answer == "order" else answer)
    assert isinstance(await client.cancel("ETHUSDT", "mine"), kind)


async def test_all_of_a_contract_are_cancelled_or_it_is_said_that_they_are_not(client, venue):
    venue.answer(
        "DELETE",
        "v1/allOpenOrders",
        {"code": 200, "msg": "done"},
        (400, {"code": -1121, "msg": "Invalid symbol."}),
        None,
    )
    await client.cancel_all("ETHUSDT")
    with pytest.raises(Refused, match="Invalid symbol"):
        await client.cancel_all("NOPE")
    with pytest.raises(NotConnected):
        await client.cancel_all("ETHUSDT")
