"""Bytes that no decent client sends: malformed bodies, broken HTTP, half-open sockets, WebSocket garbage.

Each is refused in a sentence or cut off, everybody else is served meanwhile, and no balance or reservation changes.
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ORDERS = "/api/v1/trading/market/orders"
POSTS = [
    f"{ORDERS}/place",
    f"{ORDERS}/typedData/generate",
    f"{ORDERS}/typedData/generateCancelOrder",
    f"{ORDERS}/cancel",
    f"{ORDERS}/cancel-all",
    "/localnet/faucet",
    "/localnet/faults",
]
DEADLINE_SECS = 60
HALF_OPEN = 200


@pytest.fixture
async def http(localnet: Any) -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=DEADLINE_SECS)
    async with aiohttp.ClientSession(localnet.rest_url, timeout=timeout) as session:
        yield session


@pytest.fixture(scope="module")
def owner(localnet: Any) -> str:
    return localnet.new_wallet({"USDC": Decimal(5000)}).address


@pytest.fixture
async def unharmed(localnet: Any, http: aiohttp.ClientSession, owner: str) -> AsyncIterator[None]:
    """Compare before and after: wallets, orders, faults; the venue answers throughout."""

    async def state() -> Any:
        async with http.get("/localnet/state") as reply:
            seen = await reply.json()
        assert reply.status == 200
        assert owner in [wallet["wallet"] for wallet in seen["wallets"]]
        return seen, localnet.faults.list()

    before = await state()
    yield
    assert await state() == before


async def refused(http: aiohttp.ClientSession, path: str, body: Any, statuses: tuple[int, ...] = (400,), **how: Any):
    """Send a body that must be refused, in one sentence."""
    async with http.post(path, data=body, **how) as reply:
        text = await reply.text()
        assert reply.status in statuses, (reply.status, text)
        sentence = json.loads(text)["error"]
        assert sentence
        assert "Traceback" not in sentence
        assert "\n" not in sentence
        assert len(sentence) < 1000


BODIES = {
    "nothing": b"",
    "cut off": b'{"chain_id": 31337, "wallet_address": "0x',
    "no JSON": b"chain_id=31337&side=buy",
    "null": b"null",
    "a list": b"[]",
    "a list of lists": b"[" * 100_000 + b"]" * 100_000,
    "deep": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "not a number": b'{"chain_id": NaN}',
    "infinity": b'{"chain_id": 1e999999999}',
    "a huge number": b'{"chain_id": ' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"chain_id": 31337, "amount": 1e1000000000, "wallet": "0x", "native": 1e1000000000}',
    "many digits": b'{"wallet": "0x' + b"0" * 40 + b'", "native": "0.' + b"0" * 200_000 + b'1"}',
    "a tiny amount": b'{"wallet": "0x' + b"0" * 40 + b'", "native": "1e-1000000000"}',
    "a gigantic amount": b'{"wallet": "0x' + b"0" * 40 + b'", "amounts": {"USDC": 1e1000000000}}',
    "no finite amount": b'{"wallet": "0x' + b"0" * 40 + b'", "native": "Infinity", "chain_id": 31337, "amount": "NaN"}',
    "underscores": b'{"wallet": "0x' + b"0" * 40 + b'", "native": "1_000", "amount": "1_0"}',
    "negative zero": b'{"wallet": "0x' + b"0" * 40 + b'", "native": "-0.0000001"}',
    "other digits": '{"wallet": "0x' + "0" * 40 + '", "native": "１２٣"}',
    "a lone surrogate": b'{"user_address": "\\ud800", "order_ids": ["\\udfff"], "kind": "\\ud800"}',
    "no UTF-8": b'{"user_address": "\xff\xfe", "order_ids": []}',
    "UTF-16": '{"chain_id": 31337}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"chain_id": 31337}',
    "zero bytes": b"\x00" * 1000,
    "a zero in text": b'{"user_address": "0x\\u0000", "order_ids": ["\\u0000"]}',
    "names twice": b'{"user_address": "a", "user_address": "b", "order_ids": [], "order_ids": []}',
    "types mixed up": b'{"user_address": {}, "order_ids": {"0": true}, "chain_id": [], "wallet": 5, "kind": {}}',
    "markup": b'{"user_address": "<script>", "order_ids": ["'
    + b"\\u202e" * 50
    + b'"], "wallet": "<b>", "kind": "<b>"}',
    "many ids": json.dumps({"user_address": "0x" + "0" * 40, "order_ids": ["x"] * 20_000, "signature": "0x"}).encode(),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_malformed_body_is_refused(http: Any, unharmed: None, name: str) -> None:
    for path in POSTS:
        await refused(http, path, BODIES[name])


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=x"]
)
async def test_the_content_type_does_not_matter(http: Any, unharmed: None, content_type: str) -> None:
    for path in POSTS:
        await refused(http, path, b'{"chain_id": ', headers={"Content-Type": content_type})


async def test_a_body_that_is_too_large_is_refused(http: Any, unharmed: None) -> None:
    for path in POSTS:
        await refused(http, path, b" " * 5_000_000, statuses=(413,))


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_body_that_unpacks_to_too_much_is_refused(http: Any, unharmed: None, coding: str) -> None:
    plain = b" " * 50_000_000
    packed = gzip.compress(plain, 1) if coding == "gzip" else zlib.compress(plain, 1)
    for path in POSTS:
        await refused(http, path, packed, headers={"Content-Encoding": coding})


async def test_a_body_that_does_not_unpack_is_refused(http: Any, unharmed: None) -> None:
    for path in POSTS:
        await refused(http, path, b"\x1f\x8b garbage", headers={"Content-Encoding": "gzip"})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False).map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = [
    *("chain_id", "wallet_address", "market_symbol", "side", "price", "amount", "base_asset", "quote_asset"),
    *("volume_precision", "price_precision", "order_hash", "raw_order_data", "signature", "market_id", "user_address"),
    *("order_ids", "wallet", "amounts", "native"),
]
REPETITIONS = [pytest.param(150, id="short"), pytest.param(3_000, id="long", marks=pytest.mark.soak)]


@pytest.mark.parametrize("count", REPETITIONS)
def test_members_of_any_type_are_refused_or_served_but_never_break_the_venue(localnet: Any, count: int) -> None:
    """Names that the venue knows, values of every kind; raw_order_data is sometimes JSON itself."""
    value = ANYTHING | ANYTHING.map(json.dumps)
    bodies = st.dictionaries(st.sampled_from(MEMBERS), value, max_size=len(MEMBERS))

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(body=bodies.map(lambda body: json.dumps(body).encode()))
    def send(body: bytes) -> None:
        statuses = {client.post(path, content=body).status_code for path in POSTS[:-1]}
        assert statuses <= {200, 400}

    with httpx.Client(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        send()


# Broken HTTP, and sockets that stay half open


async def raw(localnet: Any, data: bytes) -> bytes:
    """Send bytes on a fresh connection and return all that comes until the venue ends it."""
    port = int(localnet.rest_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        async with asyncio.timeout(DEADLINE_SECS):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


BROKEN = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "another version": b"GET / HTTP/9.9\r\n\r\n",
    "a method of its own": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long path": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    "a negative length": b"POST /localnet/faucet HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /localnet/faucet HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "a wrong chunk": b"POST /localnet/faucet HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
    "a body cut off": b"POST /localnet/faucet HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
    "a climbing path": b"GET /page/../../../../../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a hidden climbing path": b"GET /page/%2e%2e%2f%2e%2e%2fpage.css HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a zero in the path": b"GET /page/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a path that is no UTF-8": b"GET /localnet/markets/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a stream without a key": b"GET /api/v1/events/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_http_is_ended(localnet: Any, http: Any, unharmed: None, name: str) -> None:
    answer = await raw(localnet, BROKEN[name])
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert b" 200 " not in answer.split(b"\r\n")[0]
    assert b"root:" not in answer


async def test_a_body_that_breaks_while_it_is_read_harms_nobody(localnet: Any, http: Any, unharmed: None) -> None:
    port = int(localnet.rest_url.rsplit(":", 1)[1])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /localnet/faucet HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n")
    writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    async with asyncio.timeout(DEADLINE_SECS):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(b"zz\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /localnet/info HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /api/v1/trading/market/orders/place HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    ],
    ids=["silent", "in the headers", "in the body"],
)
async def test_half_open_sockets_starve_nobody(localnet: Any, http: Any, unharmed: None, beginning: bytes) -> None:
    port = int(localnet.rest_url.rsplit(":", 1)[1])
    opened = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(HALF_OPEN)))
    for _, writer in opened:
        writer.write(beginning)
    for _ in range(20):
        for _, writer in opened:
            writer.write(b"a" if beginning else b"")
        async with http.get("/localnet/health") as reply:
            assert reply.status == 200
    for _, writer in opened:
        writer.transport.abort()


# The stream


async def alive(localnet: Any, http: aiohttp.ClientSession) -> None:
    """Show that a new connection to the stream is served."""
    async with http.ws_connect(localnet.stream_url) as socket:
        await socket.send_str('{"action": "who", "channelId": "x"}')
        event = await socket.receive_json(timeout=DEADLINE_SECS)
        assert event["action"] == "error"


FRAMES = {
    "nothing": "",
    "no JSON": "hello",
    "null": "null",
    "deep": "[" * 30_000,
    "a number": "1e999999",
    "no channel": '{"action": "subscribe"}',
    "a channel that is no text": '{"action": "subscribe", "channelId": {"a": 1}}',
    "a long channel": json.dumps({"action": "subscribe", "channelId": "x" * 60_000}),
    "a lone surrogate": '{"action": "subscribe", "channelId": "\\ud800"}',
    "binary": b"\xff\x00\xfe" * 100,
    "binary JSON": b'{"action": "dance", "channelId": "x"}',
}


@pytest.mark.parametrize("name", FRAMES)
async def test_a_senseless_frame_is_answered_with_an_error(localnet: Any, http: Any, unharmed: None, name: str) -> None:
    frame = FRAMES[name]
    async with http.ws_connect(localnet.stream_url) as socket:
        await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))
        event = await socket.receive_json(timeout=DEADLINE_SECS)
        assert event["action"] == "error"
        assert event["data"]["error"]
        await socket.send_str('{"action": "subscribe", "channelId": "x"}')
    await alive(localnet, http)


async def test_a_huge_frame_ends_the_connection_that_sent_it(localnet: Any, http: Any, unharmed: None) -> None:
    async with http.ws_connect(localnet.stream_url) as socket:
        await socket.send_str("x" * 1_000_000)
        message = await socket.receive(timeout=DEADLINE_SECS)
        assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    await alive(localnet, http)


async def test_frames_that_are_no_websocket_end_the_connection(localnet: Any, http: Any, unharmed: None) -> None:
    opening = (
        b"GET /api/v1/events/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    for garbage in (b"\xff" * 64, b"\x81\xff" + b"\xff" * 8, b"\x83\x80aaaa", b"GET / HTTP/1.1\r\n\r\n"):
        answer = await raw(localnet, opening + garbage)
        assert b" 101 " in answer.split(b"\r\n")[0]
        await alive(localnet, http)


async def test_a_connection_cannot_follow_endless_channels(localnet: Any, http: Any, unharmed: None) -> None:
    async with http.ws_connect(localnet.stream_url) as socket:
        for number in range(1001):
            await socket.send_str(json.dumps({"action": "subscribe", "channelId": f"channel-{number}"}))
        event = await socket.receive_json(timeout=DEADLINE_SECS)
        assert "at most 1000 channels" in event["data"]["error"]
    await alive(localnet, http)
