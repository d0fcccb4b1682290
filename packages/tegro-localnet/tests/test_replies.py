"""The middleware that turns everything that goes wrong into an answer."""

import asyncio

import pytest
from aiohttp import ClientSession, web

from tegro_localnet.gateway.replies import refusals
from tegro_localnet.refusal import Refused

DEADLINE_SECS = 30


@pytest.fixture
async def serve():
    """Serve one handler at `/` and return its port."""
    runners = []

    async def start(handler):
        application = web.Application(middlewares=[refusals])
        application.add_routes([web.post("/", handler)])
        runners.append(runner := web.AppRunner(application))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner.addresses[0][1]

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_client_that_leaves_amid_its_body_is_no_error_of_localnet(serve, caplog):
    ended = asyncio.Event()

    async def handler(request):
        try:
            await request.read()
        finally:
            ended.set()

    port = await serve(handler)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n{")
    async with asyncio.timeout(DEADLINE_SECS):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()
        await ended.wait()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "status", "sentence", "is_logged"),
    [
        (Refused("no"), 400, "no", False),
        (ConnectionResetError("of another connection"), 500, "internal error", True),
        (KeyError("bug"), 500, "internal error", True),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "Too Large", False),
    ],
)
async def test_every_failure_is_answered_and_only_our_own_is_logged(serve, caplog, error, status, sentence, is_logged):
    async def handler(_):
        raise error

    port = await serve(handler)
    async with ClientSession() as session, session.post(f"http://127.0.0.1:{port}/") as reply:
        assert (reply.status, sentence in (await reply.json())["error"]) == (status, True)
    assert bool([record for record in caplog.records if record.levelname == "ERROR"]) == is_logged
