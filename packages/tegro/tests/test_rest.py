"""REST: what is repeated and what never is, what each answer means, and what leaves this machine."""

import asyncio
import random
import socket

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tegro import wire
from tegro.backoff import Backoff
from tegro.errors import BadReply, NotConnected, RateLimited, Refused
from tegro.outcome import Accepted, Cancelled, CancelRejected, CancelUnknown, Rejected, Unknown
from tegro.rest import RestClient
from tegro.transport import MAX_TEXT, ReadPolicy, Reply, Timeouts

ORDERS = "/api/v1/trading/market/orders"
PLACE = f"{ORDERS}/place"
CANCEL = f"{ORDERS}/cancel"
CHAINS = "/api/v1/exchange/chain/list"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
ORDER_ID = "05881667-3bd3-4fc0-8b0e-db71c8a8fc99"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def make_rest(session, environment_at, waits, rng):
    async def sleep(delay_secs):
        waits.append(delay_secs)

    def make(url, **options):
        environment = environment_at(url, **options.pop("environment", {}))
        return RestClient(environment, session, sleep=sleep, rng=rng, **options)

    return make


@pytest.fixture
def rest(make_rest, stub):
    return make_rest(stub.url)


@pytest.fixture
def body(golden):
    return msgspec.json.decode(golden("http_post_place_body"), type=wire.PlaceOrderBody)


def accepted_reply(body):
    return f'{{"order_id":"{ORDER_ID}","order_hash":"{body.order_hash[2:]}","side":"buy","status":"open"}}'


# Reads


async def test_defect_52_a_read_is_repeated_until_it_is_answered(rest, stub, golden, waits):
    failing = [stub.reply("", 503), stub.reply("", 500), stub.reply("{}", 429)]
    stub.answer("GET", CHAINS, *failing, stub.reply(golden("http_get_chain_list")))
    assert [chain.name for chain in await rest.chains()] == ["amoy"]
    assert stub.count(CHAINS) == 4
    assert len(waits) == 3
    assert all(0.1 * 2**n <= wait <= 0.2 * 2**n for n, wait in enumerate(waits))


async def test_a_read_whose_reply_is_lost_is_repeated(rest, stub, golden):
    stub.answer("GET", CHAINS, stub.drop, stub.drop, stub.reply(golden("http_get_chain_list")))
    assert len(await rest.chains()) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, NotConnected), (503, NotConnected), (408, NotConnected), (425, NotConnected), (429, RateLimited)],
)
async def test_a_read_is_given_up_after_its_tries(rest, stub, waits, status, error):
    stub.json("GET", CHAINS, '{"error":"later"}', status=status)
    with pytest.raises(error, match=f"HTTP {status}: later"):
        await rest.chains()
    assert stub.count(CHAINS) == ReadPolicy().tries
    assert len(waits) == ReadPolicy().tries - 1


async def test_a_refused_read_is_not_repeated(rest, stub):
    stub.json("GET", CHAINS, '{"error":"no such thing"}', status=400)
    with pytest.raises(Refused, match="HTTP 400: no such thing") as caught:
        await rest.chains()
    assert caught.value.status == 400
    assert stub.count(CHAINS) == 1


async def test_defect_51_a_read_waits_as_long_as_the_venue_asks(rest, stub, golden, waits):
    limited = stub.reply("{}", 429, {"Retry-After": "7"})
    stub.answer("GET", CHAINS, limited, stub.reply(golden("http_get_chain_list")))
    await rest.chains()
    assert waits == [7]


async def test_a_wait_beyond_the_budget_is_not_begun(rest, stub, waits):
    stub.answer("GET", CHAINS, stub.reply("{}", 429, {"Retry-After": "60"}))
    with pytest.raises(RateLimited) as caught:
        await rest.chains()
    assert caught.value.retry_after_secs == 60
    assert (stub.count(CHAINS), waits) == (1, [])


async def test_a_redirect_is_not_followed(rest, stub):
    stub.answer("GET", CHAINS, stub.reply("", 302, {"Location": f"{stub.url}/elsewhere"}))
    with pytest.raises(BadReply, match="HTTP 302"):
        await rest.chains()
    assert [path for _, path, _, _ in stub.requests] == [CHAINS]


@pytest.mark.parametrize("text", ["<html>", "", "{}", '{"data":1}', "[" * 100_000])
async def test_garbage_is_a_bad_reply(rest, stub, text):
    stub.json("GET", CHAINS, text)
    with pytest.raises(BadReply, match="chain/list was answered in an unknown form"):
        await rest.chains()


async def test_the_envelope_of_before_july_2024_is_opened(rest, stub, golden):
    chains = golden("http_get_chain_list").decode()
    stub.json("GET", CHAINS, f'{{"message":"success","data":{chains}}}', f'{{"data":{chains},"success":true}}')
    assert await rest.chains() == await rest.chains()


async def test_an_odd_listing_does_not_hide_the_others(rest, stub, golden, caplog):
    market = golden("http_get_market").decode()
    odd = market.replace('"base_decimal": 18', '"base_decimal": 999')
    assert odd != market
    stub.json("GET", "/api/v1/exchange/80002/market/list", f'[{odd}, {{"id": 1}}, {market}]')
    markets, rows = await rest.market_page(80002, page=1, page_size=100)
    assert ([each.symbol for each in markets], rows) == (["WETH_USDT"], 3)
    assert caplog.text.count("left out one row") == 2


async def test_an_odd_order_is_an_error_because_none_may_be_missed(rest, stub):
    stub.json("GET", f"{ORDERS}/user/{WALLET.lower()}", '[{"order_id":"1","side":"both","status":"open"}]')
    with pytest.raises(BadReply, match="side buy or sell"):
        await rest.order_page(1, WALLET, page=1, page_size=10)


@pytest.mark.parametrize("reply", ["[]", "null", '[{"order_id":"another","side":"buy","status":"open"}]'])
async def test_defect_33_an_order_that_is_not_listed_is_none(rest, stub, reply):
    stub.json("GET", f"{ORDERS}/user/{WALLET.lower()}", reply)
    assert await rest.order(31337, WALLET, ORDER_ID) is None


async def test_a_single_balance_is_read_bare_and_wrapped(rest, stub):
    stub.json("GET", f"/api/v1/accounts/1/balances/{WALLET.lower()}/0xab", "10010.7", '{"data":"0.1"}')
    assert [str(await rest.balance(1, WALLET, "0xAB")) for _ in range(2)] == ["10010.7", "0.1"]


async def test_the_queries_are_those_of_protocol_4(rest, stub, market):
    stub.json("GET", f"{ORDERS}/user/{WALLET.lower()}", "[]")
    stub.json("GET", "/api/v1/orderbook/depth", '{"timestamp":1}')
    await rest.order_page(8453, WALLET, page=2, page_size=50, market_id="m", statuses=("active", "completed"))
    await rest.book(market)
    assert [query for _, _, query, _ in stub.requests] == [
        {"chain_id": "8453", "page": "2", "page_size": "50", "market_id": "m", "statuses": "active,completed"},
        {"chain_id": "31337", "market_id": market.id},
    ]


async def test_health(rest, stub):
    stub.json("GET", "/api/v1/trading/health", '"ok"')
    assert await rest.is_healthy()
    stub.json("GET", "/api/v1/trading/health", "", status=404)
    assert not await rest.is_healthy()


async def test_a_host_that_is_not_there_is_named(make_rest):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(NotConnected, match=f"no connection to {url}: Connection refused"):
            await make_rest(url).chains()


async def test_extra_headers_go_to_the_venue(make_rest, stub, golden):
    stub.json("GET", CHAINS, golden("http_get_chain_list"))
    await make_rest(stub.url, environment={"headers": {"X-Referrer": "me"}}).chains()
    assert stub.headers[0]["X-Referrer"] == "me"
    assert stub.headers[0]["User-Agent"].startswith("tegro-python/")


# Writes


async def test_an_order_is_accepted(rest, stub, body):
    stub.json("POST", PLACE, accepted_reply(body))
    outcome = await rest.place(body)
    assert isinstance(outcome, Accepted)
    assert (outcome.order_id, outcome.order.order_hash) == (ORDER_ID, body.order_hash)
    assert msgspec.json.decode(stub.requests[0][3], type=wire.PlaceOrderBody) == body


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"error":"insufficient allowance"}', "insufficient allowance"),
        ('{"message":"insufficient allowance"}', "insufficient allowance"),
        ("plain words", "plain words"),
        ("", "no reason given"),
        ('{"error":"a\\u001b[31mred\\nline"}', "a [31mred line"),
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404, 422, 499])
async def test_a_definite_refusal_carries_the_venues_words(rest, stub, body, text, reason, status):
    stub.json("POST", PLACE, text, status=status)
    assert await rest.place(body) == Rejected(order_hash=body.order_hash, reason=reason)


@pytest.mark.parametrize("status", [302, 307, 408, 425, 429, 500, 502, 503, 504])
async def test_defect_7_any_other_status_leaves_the_fate_open_and_the_order_is_sent_once(rest, stub, body, status):
    stub.answer("POST", PLACE, stub.reply('{"error":"later"}', status, {"Location": f"{stub.url}/elsewhere"}))
    outcome = await rest.place(body)
    assert outcome == Unknown(order_hash=body.order_hash, cause=f"the venue answered with HTTP {status}: later")
    assert len(stub.requests) == 1


@pytest.mark.parametrize("text", ["<html>", "", "{}", "[]", "null", '{"success":false,"message":"no"}', "[" * 100_000])
async def test_an_answer_that_cannot_be_read_leaves_the_fate_open(rest, stub, body, text):
    stub.json("POST", PLACE, text)
    outcome = await rest.place(body)
    assert isinstance(outcome, Unknown)
    assert "could not be read" in outcome.cause


async def test_an_answer_about_another_order_leaves_the_fate_open(rest, stub, body):
    stub.json("POST", PLACE, f'{{"order_id":"1","order_hash":"{"ab" * 32}","side":"buy","status":"open"}}')
    assert isinstance(await rest.place(body), Unknown)


async def test_defect_8_a_lost_reply_leaves_the_fate_open_and_the_order_is_sent_once(rest, stub, body):
    stub.answer("POST", PLACE, stub.drop)
    outcome = await rest.place(body)
    assert isinstance(outcome, Unknown)
    assert outcome.order_hash == body.order_hash
    assert stub.count(PLACE) == 1


async def test_a_reply_cut_in_the_middle_leaves_the_fate_open(rest, stub, body):
    async def cut(request):
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"order_id":')
        request.transport.close()
        return response

    stub.answer("POST", PLACE, cut)
    assert isinstance(await rest.place(body), Unknown)
    assert stub.count(PLACE) == 1


async def test_a_slow_reply_leaves_the_fate_open(make_rest, stub, body):
    release = asyncio.Event()

    async def hang(_):
        await release.wait()
        return web.Response()

    stub.answer("POST", PLACE, hang)
    rest = make_rest(stub.url, timeouts=Timeouts(total_secs=0.05))
    assert isinstance(await rest.place(body), Unknown)
    release.set()


async def test_an_order_that_never_left_is_an_error_that_says_so(make_rest, body):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        rest = make_rest(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(NotConnected):
            await rest.place(body)


def cancel_body(*order_ids):
    return wire.CancelBody(user_address=WALLET.lower(), order_ids=list(order_ids), signature="0x00")


@pytest.mark.parametrize(
    ("reply", "cancelled", "left"),
    [
        ('{"cancelled_order_ids":["a","b"]}', ("a", "b"), ()),
        ('{"cancelled_order_ids":["b"]}', ("b",), ("a",)),
        ('{"cancelled_order_ids":[]}', (), ("a", "b")),
        ('{"cancelled_order_ids":null}', (), ("a", "b")),
        ('{"message":"success","data":{"cancelledOrderIds":["a"]}}', ("a",), ("b",)),
    ],
)
async def test_defect_16_a_cancel_says_which_ids_it_cancelled(rest, stub, reply, cancelled, left):
    stub.json("POST", CANCEL, reply)
    assert await rest.cancel(cancel_body("a", "b")) == Cancelled(cancelled=cancelled, not_cancelled=left)


@pytest.mark.parametrize("text", ["Orders not found", "Order not found"])
async def test_defect_17_not_found_is_recognised_by_the_venues_words(rest, stub, text):
    stub.json("POST", CANCEL, f'{{"error":"{text}"}}', status=400)
    outcome = await rest.cancel(cancel_body("a"))
    assert outcome == CancelRejected(order_ids=("a",), reason=text, not_found=True)


async def test_another_refusal_of_a_cancel_is_not_taken_for_not_found(rest, stub):
    stub.json("POST", CANCEL, '{"error":"bad signature"}', status=400)
    outcome = await rest.cancel(cancel_body("a"))
    assert isinstance(outcome, CancelRejected)
    assert not outcome.not_found


async def test_a_cancel_with_no_definite_answer_is_unknown_and_sent_once(rest, stub):
    stub.answer("POST", CANCEL, stub.drop, stub.reply("", 503), stub.reply("<html>"))
    for sent in (1, 2, 3):
        assert isinstance(await rest.cancel(cancel_body("a")), CancelUnknown)
        assert stub.count(CANCEL) == sent


# Pure parts


@given(st.binary(max_size=2000))
def test_the_reason_is_one_short_printable_line_whatever_was_sent(sent):
    text = Reply(400, sent, None).text
    assert 0 < len(text) <= MAX_TEXT
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)


@given(st.integers(1, 10_000), st.integers())
def test_a_delay_lies_between_half_and_all_of_its_step_and_below_the_cap(failures, seed):
    backoff = Backoff(first_secs=0.25, cap_secs=5.0)
    longest = min(5.0, 0.25 * 2 ** min(failures - 1, 30))
    assert longest / 2 <= backoff.delay_secs(failures, random.Random(seed)) <= longest
