"""REST calls around an order: single markets, what the venue proposes to sign, and its own cancel-all."""

import json

import pytest

from tegro import wire
from tegro.errors import BadReply, NotConnected, RateLimited, Refused
from tegro.outcome import Cancelled, CancelRejected, CancelUnknown
from tegro.rest import RestClient

ORDERS = "/api/v1/trading/market/orders"
GENERATE = f"{ORDERS}/typedData/generate"
GENERATE_CANCEL = f"{ORDERS}/typedData/generateCancelOrder"
CANCEL_ALL = f"{ORDERS}/cancel-all"
MARKETS = "/api/v1/exchange/80002/market/list"
ORDER_ID = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"
WALLET = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def rest(stub, session, environment_at, waits, rng):
    async def sleep(delay_secs):
        waits.append(delay_secs)

    return RestClient(environment_at(stub.url), session, sleep=sleep, rng=rng)


@pytest.fixture
def order_body(golden):
    return wire.decode(golden("http_post_generate_body"), wire.GenerateOrderBody)


async def test_one_market_by_its_id(rest, stub, golden):
    row = golden("http_get_market")
    market_id = json.loads(row)["id"]
    stub.json("GET", f"/api/v1/exchange/80002/market/{market_id}", row)
    market = await rest.market(80002, market_id)
    assert (market.id, market.symbol, market.base.decimals) == (market_id, "WETH_USDT", 18)
    with pytest.raises(Refused):
        await rest.market(80002, "80002_0x_0x")


async def test_a_market_of_another_chain_is_a_bad_reply(rest, stub, golden):
    stub.json("GET", "/api/v1/exchange/1/market/x", golden("http_get_market"))
    with pytest.raises(BadReply, match="is on chain 80002, not on 1"):
        await rest.market(1, "x")


async def test_markets_by_symbol_leave_out_what_was_not_asked_for(rest, stub, golden):
    wanted = json.loads(golden("http_get_market"))
    other = wanted | {"symbol": "FREN_USDT"}
    stub.json("GET", MARKETS, json.dumps([wanted, other]), "[]")
    (market,) = await rest.markets_named(80002, "WETH_USDT")
    assert market.symbol == "WETH_USDT"
    assert await rest.markets_named(80002, "WETH_USDT") == []
    assert stub.requests[0][2] == {"market_symbol": "WETH_USDT"}


async def test_the_proposals_of_the_venue_are_read(rest, stub, golden, order_body):
    stub.json("POST", GENERATE, golden("http_post_generate_reply"))
    stub.json("POST", GENERATE_CANCEL, golden("http_post_generate_cancel_reply"))
    order = await rest.generate_order(order_body)
    assert order.sign_data.primary_type == "Order"
    assert json.loads(stub.requests[0][3]) == json.loads(golden("http_post_generate_body"))
    cancel_body = wire.decode(golden("http_post_generate_cancel_body"), wire.GenerateCancelBody)
    cancel = await rest.generate_cancel(cancel_body)
    assert cancel.cancel_order == cancel_body
    assert json.loads(stub.requests[1][3]) == json.loads(golden("http_post_generate_cancel_body"))


async def test_a_proposal_in_the_envelope_of_before_july_2024_is_read(rest, stub, golden, order_body):
    stub.json("POST", GENERATE, '{"message":"success","data":' + golden("http_post_generate_reply").decode() + "}")
    assert (await rest.generate_order(order_body)).limit_order.market_symbol == "WETH_USDC"


async def test_asking_for_a_proposal_is_repeated_like_a_read(rest, stub, golden, order_body, waits):
    good = stub.reply(golden("http_post_generate_reply"))
    stub.answer("POST", GENERATE, stub.drop, stub.reply("", 503), stub.reply("{}", 429), good)
    assert (await rest.generate_order(order_body)).limit_order.chain_id == 8453
    assert (stub.count(GENERATE), len(waits)) == (4, 3)


@pytest.mark.parametrize(
    ("status", "error", "asked"), [(400, Refused, 1), (429, RateLimited, 4), (500, NotConnected, 4), (302, BadReply, 1)]
)
async def test_a_proposal_fails_as_a_read_does(rest, stub, order_body, status, error, asked):
    stub.json("POST", GENERATE, '{"error":"no"}', status=status)
    with pytest.raises(error, match=f"POST v1/trading/market/orders/typedData/generate .* HTTP {status}"):
        await rest.generate_order(order_body)
    assert stub.count(GENERATE) == asked


@pytest.mark.parametrize("text", ["", "[]", '{"sign_data":{}}', "[" * 100_000])
async def test_a_proposal_in_an_unknown_form_is_a_bad_reply(rest, stub, order_body, text):
    stub.json("POST", GENERATE, text)
    with pytest.raises(BadReply, match=r"^POST .*generate was answered in an unknown form"):
        await rest.generate_order(order_body)


BODY = wire.CancelAllBody(chain_id=31337, wallet_address=WALLET, signature="0x12")


async def test_cancel_all_says_what_it_cancelled(rest, stub):
    stub.json("POST", CANCEL_ALL, json.dumps({"cancelled_order_ids": [ORDER_ID]}), '{"cancelled_order_ids":[]}')
    assert await rest.cancel_all(BODY) == Cancelled(cancelled=(ORDER_ID,), not_cancelled=())
    assert await rest.cancel_all(BODY) == Cancelled(cancelled=(), not_cancelled=())
    assert json.loads(stub.requests[0][3]) == {"chain_id": 31337, "wallet_address": WALLET, "signature": "0x12"}


@pytest.mark.parametrize("text", ["{}", "null", "<html>", "[" * 100_000, '{"message":"success"}'])
async def test_cancel_all_with_an_answer_that_names_no_orders_is_unknown(rest, stub, text):
    stub.json("POST", CANCEL_ALL, text)
    outcome = await rest.cancel_all(BODY)
    assert isinstance(outcome, CancelUnknown)
    assert outcome.order_ids == ()


async def test_cancel_all_is_sent_once_whatever_happens(rest, stub):
    stub.answer("POST", CANCEL_ALL, stub.drop)
    assert isinstance(await rest.cancel_all(BODY), CancelUnknown)
    stub.json("POST", CANCEL_ALL, "{}", status=503)
    assert isinstance(await rest.cancel_all(BODY), CancelUnknown)
    stub.json("POST", CANCEL_ALL, '{"error":"Orders not found"}', status=400)
    assert await rest.cancel_all(BODY) == CancelRejected(order_ids=(), reason="Orders not found", not_found=True)
    assert stub.count(CANCEL_ALL) == 3
