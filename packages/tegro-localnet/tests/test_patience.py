"""Clients that send a byte now and then: their connections end, and those of all others go on."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tegro_localnet.events import EventHub
from tegro_localnet.faults import FaultBoard
from tegro_localnet.gateway.patience import Patience
from tegro_localnet.gateway.server import GatewayServer, bind
from tegro_localnet.gateway.stream import StreamGateway

DEADLINE_SECS = 60
SOON = Patience(request_secs=0.2, idle_secs=0.2)
WHOLE = b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok"


@asynccontextmanager
async def connected(
    patience: Patience,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect to a server that answers with what it was sent."""

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    listener = bind("127.0.0.1", 0)
    routes = [web.post("/api/echo", echo)]
    host, port = listener.getsockname()
    board = FaultBoard(random.Random(1))
    async with GatewayServer(listener, routes, StreamGateway(EventHub()), board, patience=patience):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            async with asyncio.timeout(DEADLINE_SECS):
                yield reader, writer
        finally:
            writer.close()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes, until: bytes = b"") -> bytes:
    """Send a piece again and again until the server ends the connection, or says `until`; returns what it said."""
    said = b""
    while not until or until not in said:
        try:
            chunk = await asyncio.wait_for(reader.read(4096), 0.02)
        except TimeoutError:
            writer.write(piece)
            continue
        except ConnectionError:
            break
        if not chunk:
            break
        said += chunk
    return said


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return await reader.readexactly(2)


@pytest.mark.parametrize(
    ("beginning", "piece"),
    [(b"", b""), (b"POST /api/echo HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"), (b"POST /", b"a")],
    ids=["silent", "in the headers", "in the first line"],
)
async def test_a_first_request_that_does_not_come_to_its_end_is_ended(beginning: bytes, piece: bytes) -> None:
    async with connected(SOON) as (reader, writer):
        writer.write(beginning)
        assert await drip(reader, writer, piece) == b""


async def test_a_later_request_that_does_not_come_to_its_end_is_ended() -> None:
    async with connected(SOON) as (reader, writer):
        writer.write(WHOLE + b"POST /api/echo HTTP/1.1\r\nX-Slow: ")
        assert await answer(reader) == b"ok"
        assert await drip(reader, writer, b"a") == b""


async def test_a_body_that_does_not_come_to_its_end_is_refused() -> None:
    async with connected(SOON) as (reader, writer):
        writer.write(b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        said = await drip(reader, writer, b"a", until=b"}")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"the body was not whole within 0.2 s" in said


async def test_requests_that_come_in_pieces_are_served_on_one_connection() -> None:
    async with connected(Patience()) as (reader, writer):
        for _ in range(2):
            for piece in (WHOLE[:20], WHOLE[20:-1], WHOLE[-1:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            assert await answer(reader) == b"ok"


async def test_a_server_that_stops_forgets_the_connections_that_it_waited_for() -> None:
    patience = Patience()
    async with connected(patience) as (reader, _):
        stopped = asyncio.create_task(reader.read())
    assert await stopped == b""
    assert patience.waiting == 0
