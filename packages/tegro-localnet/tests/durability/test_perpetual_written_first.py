"""What is heard of the perpetual venue is on disk before: a frame waits, and a full disk acknowledges nothing."""

import asyncio
import hmac
import logging
import random
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from tegro_localnet.errors import LocalnetError
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.commands import Transfer
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.venue import PerpetualVenue

NOW_MS = 1_700_000_000_000
DEADLINE_SECS = 60


class Place:
    """A venue on a socket, whose time stands still."""

    def __init__(self) -> None:
        self.venue = PerpetualVenue(PerpetualConfig(), lambda: NOW_MS, random.Random(1))
        self.doors = PerpetualDoors(self.venue)
        self.session: aiohttp.ClientSession


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    place = Place()
    application = web.Application()
    application.add_routes(place.doors.routes())
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as place.session:
        yield place
    await place.doors.sockets.close_all()
    await runner.cleanup()


class Disk:
    """A disk that confirms what was written when it is told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.confirmed = asyncio.Event()

    async def durable(self) -> None:
        self.asked.set()
        await self.confirmed.wait()


async def test_a_frame_is_sent_when_the_disk_has_what_it_tells_of(place: Place) -> None:
    disk, venue = Disk(), place.venue
    place.doors.sockets.hold_until(disk.durable)
    account_id = venue.open_account(0).account_id
    path = f"/private/ws?listenKey={venue.listen(account_id)}"
    async with asyncio.timeout(DEADLINE_SECS), place.session.ws_connect(path) as socket:
        received = asyncio.create_task(socket.receive_json())
        venue.apply(Transfer(account_id=account_id, amount_e8=10**8))
        await disk.asked.wait()
        assert not received.done()
        disk.confirmed.set()
        assert (await received)["e"] == "ACCOUNT_UPDATE"


async def test_what_cannot_be_written_is_not_acknowledged(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    credentials = place.venue.open_account(10**8)

    def fail(_: Any) -> None:
        raise LocalnetError("the folder cannot be written: no space left")

    place.venue.write_to(fail)
    query = urlencode({"symbol": "ETHUSDT", "leverage": 7, "timestamp": NOW_MS})
    signature = hmac.new(credentials.api_secret.encode(), query.encode(), "sha256").hexdigest()
    headers = {"X-MBX-APIKEY": credentials.api_key}
    with caplog.at_level(logging.ERROR):
        async with place.session.post(f"/fapi/v1/leverage?{query}&signature={signature}", headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (500, -1001)
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [
        ("POST /fapi/v1/leverage failed: the folder cannot be written: no space left", None)
    ]
