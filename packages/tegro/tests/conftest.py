"""Shared fixtures: a venue whose every answer a test decides, golden files, and a client's environment."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tegro.model import Market, Token
from tegro.settings import Environment, Settings

CHAIN_ID = 31337
EXCHANGE = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
BASE = "0x6b94a36d6ff05886d44b3dafabdefe85f09563ba"
QUOTE = "0x7551122e441edbf3fffcbcf2f7fcc636b636482b"

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StubVenue:
    """A real server. Answers are queued by method and path; the last one of a queue is repeated."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self.sockets: list[web.WebSocketResponse] = []
        self.frames: list[dict[str, str]] = []
        self.socket_opened = asyncio.Event()
        self.frame_received = asyncio.Event()
        self.may_read = asyncio.Event()
        """Cleared, it lets sockets open but reads nothing from them, neither frames nor pings."""
        self.may_read.set()
        self._answers: dict[tuple[str, str], deque[Handler]] = {}

    def answer(self, method: str, path: str, *handlers: Handler) -> None:
        self._answers[method, path] = deque(handlers)

    def json(self, method: str, path: str, *bodies: str | bytes, status: int = 200) -> None:
        self.answer(method, path, *(self.reply(body, status) for body in bodies))

    @staticmethod
    def reply(body: str | bytes, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
        async def handler(_: web.Request) -> web.Response:
            text = body.encode() if isinstance(body, str) else body
            return web.Response(body=text, status=status, headers=headers, content_type="application/json")

        return handler

    @staticmethod
    async def drop(request: web.Request) -> web.StreamResponse:
        """Take the request whole, then cut the connection: the reply is lost."""
        await request.read()
        request.transport.abort()
        return web.Response()

    def count(self, path: str) -> int:
        return sum(asked == path for _, asked, _, _ in self.requests)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query), await request.read()))
        self.headers.append(dict(request.headers))
        if request.path == "/api/v1/events/ws":
            return await self._socket(request)
        queue = self._answers.get((request.method, request.path))
        if queue is None:
            return web.json_response({"error": f"nothing is stubbed at {request.path}"}, status=404)
        handler = queue.popleft() if len(queue) > 1 else queue[0]
        return await handler(request)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        self.socket_opened.set()
        await self.may_read.wait()
        async for message in socket:
            self.frames.append(message.json())
            self.frame_received.set()
        return socket


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[str]:
    """Serve every path with one handler, on a free port; give the address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    await runner.cleanup()


@pytest.fixture
async def stub() -> AsyncIterator[StubVenue]:
    venue = StubVenue()
    async with serving(venue.handle) as venue.url:
        yield venue


class NodeProxy:
    """A chain's node whose answers a test may change, method by method; the rest comes from a real node."""

    def __init__(self, node_url: str, session: aiohttp.ClientSession) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.url = ""
        self._node_url = node_url
        self._session = session
        self.hold: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}
        """Methods that are not answered before the second event; the first one is set when the question has come."""
        self._answers: dict[str, deque[dict[str, Any] | tuple[int, str] | None]] = {}

    def answer(self, method: str, *answers: dict[str, Any] | tuple[int, str] | None) -> None:
        """Queue answers: members of the JSON-RPC reply, HTTP status and text, or None for the real node's own."""
        self._answers.setdefault(method, deque()).extend(answers)

    def result(self, method: str, *results: object) -> None:
        self.answer(method, *({"result": result} for result in results))

    def error(self, method: str, *messages: str) -> None:
        self.answer(method, *({"error": {"code": -32000, "message": message}} for message in messages))

    def params(self, method: str) -> list[list[Any]]:
        return [params for asked, params in self.asked if asked == method]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        question = await request.json()
        method = question["method"]
        self.asked.append((method, question["params"]))
        if method in self.hold:
            has_come, may_go = self.hold[method]
            has_come.set()
            await may_go.wait()
        queue = self._answers.get(method)
        answer = queue.popleft() if queue else None
        if answer is None:
            async with self._session.post(self._node_url, json=question) as reply:
                return web.json_response(await reply.json())
        if isinstance(answer, tuple):
            status, text = answer
            return web.Response(status=status, text=text)
        return web.json_response({"jsonrpc": "2.0", "id": question["id"]} | answer)


@pytest.fixture
async def node_proxy(session: aiohttp.ClientSession) -> AsyncIterator[Callable[[str], Awaitable[NodeProxy]]]:
    """Put a proxy before a node."""
    async with AsyncExitStack() as stack:

        async def make(node_url: str) -> NodeProxy:
            proxy = NodeProxy(node_url, session)
            proxy.url = await stack.enter_async_context(serving(proxy.handle))
            return proxy

        yield make


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def environment_at() -> Callable[..., Environment]:
    """Make the localnet environment at some address."""

    def make(rest_url: str, rpc_url: str = "", **more: object) -> Environment:
        variables = {"TEGRO_LOCALNET_REST_URL": rest_url, "TEGRO_LOCALNET_RPC_URL": rpc_url}
        environment = Settings.load(None, variables).environment("localnet")
        return Environment(**{name: getattr(environment, name) for name in environment.__struct_fields__} | more)

    return make


@pytest.fixture
def golden() -> Callable[[str], bytes]:
    """Return the content of a golden file."""
    folder = Path(__file__).parent / "golden"
    return lambda name: (folder / f"{name}.json").read_bytes()


@pytest.fixture
def make_market() -> Callable[..., Market]:
    """Make WETH_USDT of the golden files, or a variant."""

    def make(**changes: object) -> Market:
        values = {
            "id": f"{CHAIN_ID}_{BASE}_{QUOTE}",
            "symbol": "WETH_USDT",
            "chain_id": CHAIN_ID,
            "base": Token(address=BASE, symbol="WETH", decimals=18),
            "quote": Token(address=QUOTE, symbol="USDT", decimals=6),
            "base_precision": 6,
            "quote_precision": 10,
        }
        return Market(**values | changes)

    return make


@pytest.fixture
def market(make_market: Callable[..., Market]) -> Market:
    return make_market()


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)
