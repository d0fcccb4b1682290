"""The faults of a running localnet over its own paths and its command; what a stop does to what they hold."""

import asyncio
import json
import logging
import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from typer.testing import CliRunner

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.cli import app
from tegro_localnet.events import EventHub
from tegro_localnet.faults import Fault, FaultBoard, FaultKind
from tegro_localnet.gateway.server import GatewayServer, bind
from tegro_localnet.gateway.stream import StreamGateway

ORDERS = "/api/v1/trading/market/orders"
PLACE = f"{ORDERS}/place"
DEADLINE_SECS = 60
WALLET = "0x" + "ab" * 20


async def test_faults_are_set_listed_released_and_cleared_over_http(
    api: Any, faults: FaultBoard, someone: Any, reach: Any
) -> None:
    status, reply = await api.post("/localnet/faults", {"kind": "hold", "path": "*/place", "probability": 1})
    fault_id = reply["id"]
    assert (status, reply) == (200, {"id": fault_id})
    placing = asyncio.create_task(someone.place("WETH_USDC", "buy", "100", "0.1"))
    await reach(lambda: faults.list()[0].held, 1)
    status, [listed] = await api.get("/localnet/faults")
    assert (status, listed["id"], listed["fired"], listed["held"]) == (200, fault_id, 1, 1)
    assert listed["fault"] == {
        "kind": "hold",
        "path": "*/place",
        "wallet": None,
        "action": None,
        "times": 1,
        "probability": "1",
        "status": 503,
        "after": False,
        "retry_after_secs": None,
        "delay_ms": 0,
        "hold_ms": None,
        "side": None,
    }
    assert await api.post(f"/localnet/faults/{fault_id}/release", {}) == (200, {"released": 1})
    await placing
    assert await api.post("/localnet/faults/release", {}) == (200, {"released": 0})
    await api.post("/localnet/faults", {"kind": "drop_reply", "times": None})
    for path, cleared in ((f"/localnet/faults/{fault_id}", 1), ("/localnet/faults", 1), ("/localnet/faults", 0)):
        async with api.session.delete(api.root + path) as response:
            assert await response.json() == {"cleared": cleared}
    assert await api.get("/localnet/faults") == (200, [])


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({}, "missing required field `kind`"),
        ({"kind": "explode"}, "Invalid enum value 'explode'"),
        ({"kind": "hold", "tiems": 2}, "unknown field `tiems`"),
        ({"kind": "frame_drop", "path": "*"}, "path means nothing to a fault of kind frame_drop: leave it out"),
        ({"kind": "cut", "delay_ms": 5}, "delay_ms means nothing to a fault of kind cut: leave it out"),
        ({"kind": "hold", "action": "x"}, "action means nothing to a fault of kind hold: leave it out"),
        ({"kind": "hold", "after": True}, "after means nothing to a fault of kind hold: leave it out"),
        ({"kind": "drop_reply", "status": 500}, "status means nothing to a fault of kind drop_reply: leave it out"),
        ({"kind": "delay", "hold_ms": 5}, "hold_ms means nothing to a fault of kind delay: leave it out"),
        ({"kind": "hide", "retry_after_secs": 5}, "retry_after_secs means nothing to a fault of kind hide"),
        ({"kind": "hide", "times": 2}, "hide lasts until it is cleared and always happens"),
        ({"kind": "hide", "probability": "0.5"}, "hide lasts until it is cleared and always happens"),
        ({"kind": "status", "status": 200}, "status must be from 400 to 599, was 200"),
        ({"kind": "status", "retry_after_secs": -1}, "retry_after_secs must be from 0 to 3600, was -1"),
        ({"kind": "delay"}, "delay_ms must be from 1 to 600000, was 0"),
        ({"kind": "frame_delay", "delay_ms": 600_001}, "delay_ms must be from 1 to 600000, was 600001"),
        ({"kind": "hold", "hold_ms": 0}, "hold_ms must be from 1 to 600000, was 0"),
        ({"kind": "hold", "times": 0}, "times must be 1 or more, or null, was 0"),
        ({"kind": "hold", "probability": "0"}, "probability must be above 0 and at most 1, was '0'"),
        ({"kind": "hold", "probability": "NaN"}, "probability must be above 0 and at most 1, was 'NaN'"),
        ({"kind": "hold", "probability": 1.5}, "probability must be above 0 and at most 1, was '1.5'"),
        ({"kind": "hold", "wallet": "0x12"}, "wallet must be 0x and 40 hex digits, was '0x12'"),
        ({"kind": "hold", "path": ""}, "path must have 1 to 200 characters"),
        ({"kind": "cut", "action": "x" * 201}, "action must have 1 to 200 characters"),
        ({"kind": "hold", "path": "/localnet/*"}, "localnet's own paths never fail"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_with_a_sentence(
    api: Any, faults: FaultBoard, spec: dict[str, Any], sentence: str
) -> None:
    status, reply = await api.post("/localnet/faults", spec)
    assert status == 400
    assert sentence in reply["error"]
    assert faults.list() == []


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        ("DELETE", "/localnet/faults/99999", "no fault has the id 99999: list them to see which are set"),
        ("POST", "/localnet/faults/99999/release", "no fault has the id 99999: list them to see which are set"),
        ("DELETE", "/localnet/faults/first", "the id of a fault must be a whole number"),
    ],
)
async def test_an_unknown_fault_is_refused_with_a_sentence(api: Any, method: str, path: str, sentence: str) -> None:
    async with api.session.request(method, api.root + path) as response:
        assert response.status == 400
        assert sentence in (await response.json())["error"]


def test_an_unknown_fault_is_an_error_in_process() -> None:
    board = FaultBoard(random.Random(1))
    for ask in (board.fired, board.clear, board.release):
        with pytest.raises(LookupError, match="no fault has the id 1"):
            ask(1)


POSTS = [
    PLACE,
    f"{ORDERS}/cancel",
    f"{ORDERS}/cancel-all",
    f"{ORDERS}/cancelAll",
    f"{ORDERS}/typedData/generate",
    f"{ORDERS}/typedData/generateCancelOrder",
    "/localnet/faucet",
    "/localnet/faults",
]
DEEP = 100_000


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize("watched", [False, True])
async def test_json_that_is_nested_too_deep_is_refused(
    api: Any, faults: FaultBoard, someone: Any, path: str, watched: bool
) -> None:
    if watched:
        faults.add(Fault(kind=FaultKind.STATUS, wallet=WALLET))
    arrays, objects = b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP
    names = ("orderIds", "order_ids", "wallet", "amounts", "kind", "price", "raw_order_data", "unknown")
    inside = [b'{"%s": %s}' % (name.encode(), arrays) for name in names]
    message = someone.order_message("WETH_USDC", "buy", "100", "0.1")
    raw = json.dumps(someone.place_body("WETH_USDC", message) | {"raw_order_data": arrays.decode()}).encode()
    for body in (arrays, objects, arrays[:DEEP], *inside, raw):
        status, reply = await api.post(path, body)
        assert (status, list(reply)) == (400, ["error"])
        assert "internal" not in reply["error"]


# ---------------------------------------------------------------- the end of a localnet


async def test_a_localnet_that_stops_gives_up_what_it_holds(caplog: pytest.LogCaptureFixture) -> None:
    reached: list[str] = []

    async def act(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response()

    board, listener = FaultBoard(random.Random(1)), bind("127.0.0.1", 0)
    routes = [web.get("/api/held", act), web.get("/api/delayed", act), web.get("/api/deserted", act)]
    board.add(Fault(kind=FaultKind.DELAY, path="*/delayed", delay_ms=600_000))
    board.add(Fault(kind=FaultKind.HOLD, times=None))
    host, port = listener.getsockname()
    connections = []
    async with asyncio.timeout(DEADLINE_SECS):
        async with GatewayServer(listener, routes, StreamGateway(EventHub()), board):
            for path in ("held", "delayed", "deserted"):
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(f"GET /api/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                connections.append((path, reader, writer))
            while sum(entry.held for entry in board.list()) < 3:  # noqa: ASYNC110 - the server runs on this loop
                await asyncio.sleep(0)
            connections[2][2].close()
        answers = [await reader.read() for _, reader, _ in connections[:2]]
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - whatever held a request ends
            await asyncio.sleep(0)
    for _, _, writer in connections:
        writer.close()
    assert answers == [b"", b""]
    assert reached == ["/api/delayed"]
    assert board.list() == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


# ---------------------------------------------------------------- the command line


@pytest.fixture
def command(localnet: BackgroundLocalnet) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str, url: str | None = None) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["fault", *arguments, "--url", url or localnet.rest_url])
        return result.exit_code, result.output

    return run


def test_the_command_sets_lists_releases_and_clears(command: Any, faults: FaultBoard) -> None:
    options = ("--path", "*/place", "--wallet", WALLET, "--times", "0", "--probability", "0.5")
    code, output = command("add", "hold", *options, "--hold-ms", "500", "--json")
    fault_id = json.loads(output)["id"]
    assert code == 0
    [active] = faults.list()
    assert active.fault == Fault(
        kind=FaultKind.HOLD, path="*/place", wallet=WALLET, times=None, probability=Decimal("0.5"), hold_ms=500
    )
    code, output = command("list")
    assert code == 0
    for shown in (str(fault_id), "hold", "until cleared"):
        assert shown in output
    assert json.loads(command("list", "--json")[1])[0]["fault"]["path"] == "*/place"
    assert command("release") == (0, "released 0\n")
    assert command("release", str(fault_id), "--json") == (0, '{"released": 0}\n')
    assert command("clear", str(fault_id)) == (0, "cleared 1\n")
    assert command("clear", "--json") == (0, '{"cleared": 0}\n')
    assert command("list") == (0, "no fault is set\n")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (
            ("status", "--status", "429", "--after", "--retry-after-secs", "0"),
            Fault(kind=FaultKind.STATUS, status=429, after=True, retry_after_secs=0),
        ),
        (("delay", "--delay-ms", "5", "--times", "3"), Fault(kind=FaultKind.DELAY, delay_ms=5, times=3)),
        (("frame_drop", "--action", "order_book_diff"), Fault(kind=FaultKind.FRAME_DROP, action="order_book_diff")),
        (("hide",), Fault(kind=FaultKind.HIDE)),
    ],
)
def test_every_option_of_the_command_arrives(
    command: Any, faults: FaultBoard, arguments: tuple[str, ...], fault: Fault
) -> None:
    code, output = command("add", *arguments)
    [active] = faults.list()
    assert (code, output) == (0, f"fault {active.id} is set\n")
    assert active.fault == fault


def test_the_command_shows_a_refusal_and_that_nobody_answers(command: Any, faults: FaultBoard) -> None:
    assert command("add", "delay") == (
        1,
        "tegro localnet: the body does not fit: delay_ms must be from 1 to 600000, was 0\n",
    )
    assert command("clear", "99999")[0] == 1
    code, output = command("list", url="http://127.0.0.1:9")
    assert (code, len(output.splitlines())) == (1, 1)
    assert "no localnet answers at http://127.0.0.1:9" in output
    assert command("add", "explode")[0] == 2
    assert faults.list() == []
