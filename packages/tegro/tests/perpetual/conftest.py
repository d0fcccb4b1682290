"""Shared: a perpetual venue whose every answer a test decides, and time that moves only when told to."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tegro.perpetual import ApiKey, AsyncPerpetual, Contract, load_perpetual

START_MS = 1_700_000_000_000


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    raw: str
    """Query, or else the form."""
    key: str | None

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw, keep_blank_values=True))


@dataclass
class ScriptedVenue:
    """Answers by script: what was queued for an endpoint first, its standing answer then."""

    now_ms: int = START_MS
    asked: list[Asked] = field(default_factory=list)
    queued: dict[tuple[str, str], deque[object]] = field(default_factory=dict)
    standing: dict[tuple[str, str], object] = field(default_factory=dict)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    subscriptions: list[list[str]] = field(default_factory=list)
    dropped_subscriptions: list[list[str]] = field(default_factory=list)
    drops: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    """Counts them, for who waits for one."""
    socket_paths: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, *answers: object) -> None:
        """Queue answers: a JSON value, `(status, JSON value)`, or None to cut the connection."""
        self.queued.setdefault((method, path), deque()).extend(answers)

    def of(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.asked if (each.method, each.path) == (method, path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/fapi/")
        raw = request.rel_url.raw_query_string or (await request.text())
        self.asked.append(Asked(request.method, path, raw, request.headers.get("X-MBX-APIKEY")))
        if path == "v1/time":
            return web.json_response({"serverTime": self.now_ms})
        waiting = self.queued.get((request.method, path))
        answer = waiting.popleft() if waiting else self.standing[request.method, path]
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return web.json_response(body, status=status)

    async def follow(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.socket_paths.append(request.path_qs)
        self.sockets.append(socket)
        async for message in socket:
            asked = message.json()
            told = self.subscriptions if asked["method"] == "SUBSCRIBE" else self.dropped_subscriptions
            told.append(asked["params"])
            if told is self.dropped_subscriptions:
                self.drops.release()
            await socket.send_json({"result": None, "id": asked["id"]})
        return socket


class Time:
    """A clock; whoever sleeps moves it."""

    def __init__(self, venue: ScriptedVenue) -> None:
        self.venue = venue
        self.passes_long_waits = False
        """Whether half an hour, after which a key is renewed, passes at once."""

    def now_ms(self) -> int:
        return self.venue.now_ms

    async def sleep(self, delay_secs: float) -> None:
        if delay_secs > 60 and not self.passes_long_waits:
            await asyncio.Event().wait()
        self.venue.now_ms += round(delay_secs * 1000)
        await asyncio.sleep(0)


@pytest.fixture
async def venue():
    scripted = ScriptedVenue()
    application = web.Application()
    application.router.add_route("*", "/fapi/{tail:.*}", scripted.handle)
    for path in ("/public/stream", "/market/stream", "/private/ws"):
        application.router.add_get(path, scripted.follow)
    server = TestServer(application)
    await server.start_server()
    scripted.url = str(server.make_url("")).rstrip("/")
    yield scripted
    for socket in scripted.sockets:
        await socket.close()
    await server.close()


@pytest.fixture
def time(venue) -> Time:
    return Time(venue)


@pytest.fixture
def environment(venue):
    return load_perpetual("localnet", env={"TEGRO_PERPETUAL_LOCALNET_REST_URL": venue.url})


@pytest.fixture
async def client(environment, time):
    async with (
        aiohttp.ClientSession() as session,
        AsyncPerpetual(
            environment,
            api_key=ApiKey("key-1", "secret-1"),
            session=session,
            clock_ms=time.now_ms,
            sleep=time.sleep,
        ) as made,
    ):
        yield made


@pytest.fixture
def contract() -> Contract:
    return Contract(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        margin_asset="USDT",
        is_trading=True,
        tick_size=Decimal("0.01"),
        min_price=Decimal("0.01"),
        max_price=Decimal(1_000_000),
        lot_size=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(1000),
        max_market_quantity=Decimal(100),
        min_notional=Decimal(20),
    )


@pytest.fixture
def symbol_info() -> dict[str, Any]:
    """The contract as the venue lists it."""
    return {
        "symbol": "ETHUSDT",
        "pair": "ETHUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "ETH",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "100", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "20"},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        ],
    }


@pytest.fixture
def order_body() -> Callable[..., dict[str, object]]:
    def make(client_order_id: str = "mine", **members: object) -> dict[str, object]:
        body: dict[str, object] = {
            "orderId": 7,
            "clientOrderId": client_order_id,
            "symbol": "ETHUSDT",
            "status": "NEW",
            "side": "BUY",
            "type": "LIMIT",
            "updateTime": START_MS,
            "positionSide": "BOTH",
            "timeInForce": "GTC",
            "price": "2000.10",
            "avgPrice": "0",
            "origQty": "0.500",
            "executedQty": "0",
            "reduceOnly": False,
        }
        return body | members

    return make
