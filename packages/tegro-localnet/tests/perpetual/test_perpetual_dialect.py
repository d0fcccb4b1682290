"""The dialect on the wire: signatures, times, errors, listen keys, streams. Requests are signed by the test itself."""

import asyncio
import hmac
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from hashlib import sha256
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from tegro_localnet.perpetual.api_keys import LISTEN_KEY_MS, Credentials
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.venue import PerpetualVenue

SECRET = "tegro-local-secret"
ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.010"
REST = "price=49000.00&timeInForce=GTC&newClientOrderId=demo-1&timestamp=1700000000000"


class Client:
    """Signs and sends as the dialect says."""

    def __init__(self, session: aiohttp.ClientSession, port: int, key: dict[str, Any]) -> None:
        self.session = session
        self.root = f"http://127.0.0.1:{port}"
        self.key = key

    async def send(self, method: str, path: str, query: str = "", body: str = "", **headers: str) -> tuple[int, Any]:
        url = f"{self.root}/fapi{path}" + (f"?{query}" if query else "")
        given = {"X-MBX-APIKEY": self.key["apiKey"]} | headers
        async with self.session.request(method, URL(url, encoded=True), data=body.encode(), headers=given) as answer:
            assert answer.headers["Content-Type"].startswith("application/json")
            self.headers = answer.headers
            return answer.status, await answer.json()

    async def call(self, method: str, path: str, **values: Any) -> tuple[int, Any]:
        query = urlencode({"timestamp": time.time_ns() // 10**6} | values)
        return await self.send(method, path, f"{query}&signature={self.sign(query)}")

    def sign(self, message: str) -> str:
        return hmac.new(self.key["apiSecret"].encode(), message.encode(), sha256).hexdigest()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
def client(running_venue: Any, session: aiohttp.ClientSession) -> Client:
    return Client(session, running_venue.port, running_venue.new_key())


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        (f"{ORDER}&{REST}", "e3e8bc0c5a9303d4b6560d26f7e5b62d8a2c4e068a2c79dfb9e2ba97910e3e31"),
        (f"{ORDER}{REST}", "3f3abe9f4151e62ad7484953f6830070efbdf70807c6030373c808c98c80348f"),
    ],
)
def test_signatures_of_the_reference(message: str, signature: str) -> None:
    assert Credentials("key", SECRET, 1).signature_of(message.encode()) == signature


def test_secrets_are_in_no_text() -> None:
    assert SECRET not in repr(Credentials("key", SECRET, 1))


@pytest.mark.parametrize("where", ["query", "body", "both"])
async def test_parameters_may_be_in_query_body_or_both(client: Client, where: str) -> None:
    rest = f"price=94000.00&timeInForce=GTC&timestamp={time.time_ns() // 10**6}"
    query, body = {"query": (f"{ORDER}&{rest}", ""), "body": ("", f"{ORDER}&{rest}"), "both": (ORDER, rest)}[where]
    signature = client.sign(query + body)
    if body:
        status, order = await client.send("POST", "/v1/order", query, f"{body}&signature={signature}")
    else:
        status, order = await client.send("POST", "/v1/order", f"{query}&signature={signature.upper()}")
    assert (status, order["status"], order["origQty"]) == (200, "NEW", "0.010")
    assert "X-MBX-ORDER-COUNT-10S" in client.headers
    assert "code" not in order


async def test_what_is_signed_is_not_decoded_and_encoded_again(client: Client) -> None:
    batch = '[{"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC","quantity":0.01,"price":"9.4e4"}]'
    body = f"timestamp={time.time_ns() // 10**6}&batchOrders={batch}"
    status, orders = await client.send("POST", "/v1/batchOrders", "", f"{body}&signature={client.sign(body)}")
    assert (status, orders[0]["price"]) == (200, "94000.0")


@pytest.mark.parametrize(
    ("offset_ms", "code", "text"),
    [
        (-5_500, -1021, "Timestamp for this request is outside of the recvWindow."),
        (30_000, -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
async def test_a_request_from_another_time_is_refused(client: Client, offset_ms: int, code: int, text: str) -> None:
    timestamp = time.time_ns() // 10**6 + offset_ms
    answer = await client.call("GET", "/v2/account", timestamp=timestamp)
    assert answer == (400, {"code": code, "msg": text})


async def test_refusals_in_their_order(client: Client) -> None:
    unknown = await client.send("GET", "/v2/account", **{"X-MBX-APIKEY": "unknown"})
    assert unknown[0] == 401
    assert unknown[1]["code"] == -2015
    assert (await client.send("GET", "/v2/account", **{"X-MBX-APIKEY": ""}))[1]["code"] == -2014
    assert (await client.send("GET", "/v2/account", "timestamp=1&signature=00"))[1]["code"] == -1022
    assert (await client.send("GET", "/v2/account", "timestamp=1"))[1]["code"] == -1102
    assert (await client.send("GET", "/v2/account", f"signature={client.sign('')}"))[1]["code"] == -1102
    assert (await client.send("GET", "/v9/nothing"))[1]["code"] == -5000


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"side": "HOLD"}, -1117),
        ({"type": "WISH"}, -1116),
        ({"type": "STOP_MARKET"}, -4120),
        ({"type": "LIQUIDATION"}, -1116),
        ({"timeInForce": ""}, -1102),
        ({"timeInForce": "SOON"}, -1115),
        ({"price": "much"}, -1102),
        ({"price": "1e99"}, -1100),
        ({"quantity": "0.0000000001"}, -1111),
        ({"positionSide": "UP"}, -4060),
        ({"reduceOnly": "perhaps"}, -1130),
        ({"newOrderRespType": "FULL"}, -1136),
        ({"priceMatch": "QUEUE"}, -5038),
        ({"selfTradePreventionMode": "NONE"}, -5039),
        ({"timeInForce": "GTD"}, -1102),
        ({"recvWindow": "60001"}, -1130),
    ],
)
async def test_orders_that_make_no_sense(client: Client, values: dict[str, str], code: int) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "94000"}
    status, body = await client.call("POST", "/v1/order", **(order | {"timeInForce": "GTC"} | values))
    assert (status, body["code"]) == (400, code)


async def test_an_unforeseen_parameter_and_an_empty_json_body_do_no_harm(client: Client) -> None:
    assert (await client.call("GET", "/v3/account", useV2="true"))[0] == 200
    status, body = await client.send(
        "POST", "/v1/listenKey", "timestamp=1&signature=x", **{"Content-Type": "application/json"}
    )
    assert (status, list(body)) == (200, ["listenKey"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/depth?symbol=BTCUSDT&limit=7", -4021),
        ("/v1/depth", -1102),
        ("/v1/klines?symbol=BTCUSDT&interval=2m", -1120),
        ("/v1/klines?symbol=BTCUSDT&interval=1m&startTime=2&endTime=1", -1023),
        ("/v1/aggTrades?symbol=BTCUSDT&startTime=1&endTime=4000001", -1127),
        ("/v1/trades?symbol=BTCUSDT&limit=0", -1130),
    ],
)
async def test_public_questions_that_make_no_sense(client: Client, path: str, code: int) -> None:
    path, _, query = path.partition("?")
    status, body = await client.send("GET", path, query)
    assert (status, body["code"]) == (400, code)


@pytest.mark.parametrize("interval", ["1s", "1m", "1h", "1d", "3d", "1w", "1M"])
async def test_candles_have_no_gaps_and_the_running_one(client: Client, interval: str) -> None:
    before_ms = time.time_ns() // 10**6
    _, rows = await client.send("GET", "/v1/klines", f"symbol=BTCUSDT&interval={interval}&limit=40")
    assert len(rows) == 40
    assert all(row[6] + 1 == later[0] for row, later in pairwise(rows))
    assert rows[-1][0] <= time.time_ns() // 10**6
    assert before_ms <= rows[-1][6]
    query = f"symbol=BTCUSDT&interval={interval}&startTime={rows[3][0]}&endTime={rows[9][0]}"
    assert [row[0] for row in (await client.send("GET", "/v1/klines", query))[1]] == [row[0] for row in rows[3:10]]


async def test_money_adds_up_over_the_wire(client: Client, running_venue: Any, session: aiohttp.ClientSession) -> None:
    other = Client(session, running_venue.port, running_venue.new_key())
    order = {"symbol": "ETHUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1.5", "price": "3000"}
    await other.call("POST", "/v1/order", **order, side="SELL")
    await client.call("POST", "/v1/order", **order, side="BUY")
    _, fills = await client.call("GET", "/v1/userTrades", symbol="ETHUSDT")
    assert (fills[0]["commission"], fills[0]["maker"]) == ("1.80000000", False)
    _, income = await client.call("GET", "/v1/income")
    _, account = await client.call("GET", "/v2/account")
    assert sum(Decimal(row["income"]) for row in income) == Decimal(account["totalWalletBalance"])
    (position,) = [row for row in account["positions"] if row["symbol"] == "ETHUSDT"]
    assert (position["positionAmt"], position["entryPrice"]) == ("1.500", "3000.00000000")
    _, commissions = await client.call("GET", "/v1/income", incomeType="COMMISSION")
    assert [row["income"] for row in commissions] == ["-1.80000000"]


async def receive(socket: Any, fits: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(60):
        while True:
            frame = json.loads((await socket.receive()).data)
            if fits(frame):
                return frame


@pytest.mark.parametrize("root", ["", "/public", "/market", "/private"])
async def test_requests_on_a_socket(session: aiohttp.ClientSession, running_venue: Any, root: str) -> None:
    async with session.ws_connect(f"ws://127.0.0.1:{running_venue.port}{root}/stream") as socket:
        requests = [
            ({"method": "SUBSCRIBE", "params": ["btcusdt@markPrice@1s"], "id": "one"}, {"result": None, "id": "one"}),
            ({"method": "LIST_SUBSCRIPTIONS", "id": 2}, {"result": ["btcusdt@markPrice@1s"], "id": 2}),
            ({"method": "GET_PROPERTY", "params": ["combined"], "id": 3}, {"result": True, "id": 3}),
            ({"method": "SET_PROPERTY", "params": ["combined", False], "id": 4}, {"result": None, "id": 4}),
            ({"method": "UNSUBSCRIBE", "params": ["btcusdt@markPrice@1s"], "id": 5}, {"result": None, "id": 5}),
        ]
        for request, expected in requests:
            await socket.send_json(request)
            assert await receive(socket, lambda frame: "stream" not in frame and "e" not in frame) == expected
        for wrong, code in (("no json", 3), ("[]", 2), ('{"method":"SUBSCRIBE","params":[1]}', 1)):
            await socket.send_str(wrong)
            assert (await receive(socket, lambda frame: "error" in frame))["error"]["code"] == code


async def test_depth_diffs_join_the_snapshot(
    client: Client, session: aiohttp.ClientSession, running_venue: Any
) -> None:
    """Build a book from a snapshot and the diffs by the documented rule, and compare it with a later snapshot."""
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    url = f"ws://127.0.0.1:{running_venue.port}/public/ws/ethusdt@depth@100ms"
    async with session.ws_connect(url) as socket:
        await client.call("POST", "/v1/order", **order, price="2900")
        events = [await receive(socket, lambda frame: frame.get("e") == "depthUpdate")]
        _, snapshot = await client.send("GET", "/v1/depth", "symbol=ETHUSDT&limit=1000")
        placed = [(await client.call("POST", "/v1/order", **order, price=str(2901 + i)))[1] for i in range(5)]
        await client.call("DELETE", "/v1/order", symbol="ETHUSDT", orderId=placed[0]["orderId"])
        _, later = await client.send("GET", "/v1/depth", "symbol=ETHUSDT&limit=1000")
        while events[-1]["u"] < later["lastUpdateId"]:
            events.append(await receive(socket, lambda frame: frame.get("e") == "depthUpdate"))
    assert all(event["pu"] == before["u"] for before, event in pairwise(events))
    kept = [event for event in events if event["u"] > snapshot["lastUpdateId"]]
    assert kept[0]["U"] <= snapshot["lastUpdateId"] + 1
    bids = dict(snapshot["bids"])
    for event in kept:
        bids.update(event["b"])
    assert sorted((price, amount) for price, amount in bids.items() if amount != "0") == sorted(
        (price, amount) for price, amount in later["bids"]
    )


async def test_a_user_stream_ends_with_its_key(client: Client, session: aiohttp.ClientSession) -> None:
    _, first = await client.send("POST", "/v1/listenKey")
    _, again = await client.send("POST", "/v1/listenKey")
    assert first == again
    url = f"{client.root.replace('http', 'ws')}/private/ws?listenKey={first['listenKey']}"
    async with session.ws_connect(url) as socket:
        await client.call("POST", "/v1/leverage", symbol="BTCUSDT", leverage=7)
        update = await receive(socket, lambda frame: True)
        assert (update["e"], update["ac"]) == ("ACCOUNT_CONFIG_UPDATE", {"s": "BTCUSDT", "l": 7})
        assert (await client.send("DELETE", "/v1/listenKey"))[1] == {}
        async with asyncio.timeout(60):
            assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
    assert (await client.send("PUT", "/v1/listenKey"))[1]["code"] == -1125


def test_listen_keys_live_an_hour_after_the_last_sign_of_life() -> None:
    now_ms = 0
    venue = PerpetualVenue(PerpetualConfig(), lambda: now_ms, random.Random(1))
    account_id = venue.open_account(0).account_id
    key = venue.listen(account_id)
    now_ms = 1_000
    assert venue.listen(account_id) == key
    now_ms = LISTEN_KEY_MS
    venue.pulse()
    assert venue.keys.listen_key_of(account_id) == key
    now_ms = LISTEN_KEY_MS + 1_000
    venue.pulse()
    assert venue.keys.listen_key_of(account_id) is None
