"""The clock, tick sizes and the event log of a running localnet, over HTTP and by command."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.cli import app
from tegro_localnet.clock import VenueClock
from tegro_localnet.faults import Fault, FaultBoard, FaultKind

HOUR_MS = 3_600_000
SYMBOL = "WETH_USDC"


@pytest.fixture
def command(localnet: BackgroundLocalnet) -> Callable[..., tuple[int, str]]:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["fault", *arguments, "--url", localnet.rest_url])
        return result.exit_code, result.output

    return run


async def put(api: Any, path: str, body: Any) -> tuple[int, Any]:
    async with api.session.put(f"{api.root}/localnet/{path}", json=body) as response:
        return response.status, await response.json()


# ---------------------------------------------------------------- the clock


def test_a_clock_is_set_off_held_and_runs_on() -> None:
    times = [1000]
    clock = VenueClock(lambda: times[0])
    assert (clock.now_ms(), clock.offset_ms) == (1000, 0)
    clock.set_off(-300)
    assert (clock.now_ms(), clock.offset_ms) == (700, -300)
    clock.hold(5000)
    times[0] = 2000
    assert (clock.now_ms(), clock.offset_ms) == (5000, 3000)
    clock.run_on()
    times[0] = 2100
    assert clock.now_ms() == 5100
    clock.run_on()
    assert clock.now_ms() == 5100


async def test_orders_expire_by_the_clock_that_was_moved(someone: Any, api: Any, listen: Any) -> None:
    listener = await listen(someone.wallet)
    _, clock = await api.get("/localnet/clock")
    order = await someone.place(SYMBOL, "buy", "100", "0.1", expiry=clock["now_ms"] // 1000 + 1800)
    status, moved = await put(api, "clock", {"offset_ms": HOUR_MS})
    assert (status, moved["offset_ms"]) == (200, HOUR_MS)
    assert moved["now_ms"] >= clock["now_ms"] + HOUR_MS
    ended = await listener.until(lambda event: event["data"]["status"] == "cancelled")
    assert ended["data"]["cancel"]["reason"] == "expired"
    late = await someone.place(SYMBOL, "buy", "100", "0.1")
    assert late["timestamp"] >= clock["now_ms"] + HOUR_MS
    assert (await someone.order(order["order_id"]))["status"] == "cancelled"
    body = someone.place_body(
        SYMBOL, someone.order_message(SYMBOL, "buy", "100", "0.1", clock["now_ms"] // 1000 + 1800)
    )
    assert (await api.post("/api/v1/trading/market/orders/place", body))[0] == 400
    await put(api, "clock", {"offset_ms": 0})
    assert (await api.post("/api/v1/trading/market/orders/place", body))[0] == 200


# ---------------------------------------------------------------- tick sizes


async def test_a_new_tick_holds_for_new_orders_and_is_listed(someone: Any, api: Any) -> None:
    resting = await someone.place(SYMBOL, "buy", "100.25", "0.1")
    assert await put(api, f"markets/{SYMBOL}/tick", {"quote_precision": 1}) == (
        200,
        {"symbol": SYMBOL, "quote_precision": 1, "base_precision": 6},
    )
    try:
        [listed] = (await api.get(f"/api/v1/exchange/{someone.localnet.chain_id}/market/list", market_symbol=SYMBOL))[1]
        assert listed["quotePrecision" if "quotePrecision" in listed else "quote_precision"] == 1
        body = someone.place_body(SYMBOL, someone.order_message(SYMBOL, "buy", "100.25", "0.1"))
        status, reply = await api.post("/api/v1/trading/market/orders/place", body)
        assert status == 400
        assert "tick size 0.1" in reply["error"]
        assert (await someone.order(resting["order_id"]))["status"] == "open"
        assert (await someone.place(SYMBOL, "buy", "100.3", "0.1"))["status"] == "open"
        assert (await someone.cancel(resting["order_id"]))[0] == 200
    finally:
        await put(api, f"markets/{SYMBOL}/tick", {"quote_precision": 2, "base_precision": 6})
    assert (await someone.place(SYMBOL, "buy", "100.25", "0.1"))["status"] == "open"


# ---------------------------------------------------------------- the event log


async def test_the_log_tells_what_was_set_happened_and_was_cleared(api: Any, faults: FaultBoard) -> None:
    before = (await api.get("/localnet/faults/log", limit=1))[1]
    last = before[-1]["number"] if before else 0
    fault_id = faults.add(Fault(kind=FaultKind.STATUS, path="*/health", probability=Decimal(1)))
    await api.get("/api/v1/trading/health")
    await put(api, "clock", {"offset_ms": 5})
    await put(api, "clock", {"offset_ms": 0})
    faults.clear(fault_id)
    _, events = await api.get("/localnet/faults/log", limit=5)
    assert [event["number"] for event in events] == list(range(last + 1, last + 6))
    assert [(event["what"], event["fault_id"], event["text"]) for event in events] == [
        ("set", fault_id, "status"),
        ("happened", fault_id, "status to the request /api/v1/trading/health"),
        ("changed", None, "the clock is 5 ms ahead"),
        ("changed", None, "the clock is 0 ms ahead"),
        ("cleared", fault_id, "status"),
    ]


async def test_a_localnet_without_a_tape_says_so(api: Any) -> None:
    assert await api.get("/localnet/replay") == (200, None)


# ---------------------------------------------------------------- by command


def test_every_condition_can_be_shown_and_changed_by_command(command: Any, localnet: BackgroundLocalnet) -> None:
    assert json.loads(command("clock", "--offset-ms", "1000", "--json")[1])["offset_ms"] == 1000
    assert "1000 ms ahead" in command("clock")[1]
    assert command("clock", "--offset-ms", "0")[0] == 0
    assert command("latency", "stream=5-50", "1~0.5") == (
        0,
        (
            '{"model": "uniform", "path": "stream", "delay_ms": 5, "most_ms": 50}\n'
            '{"model": "log_normal", "path": "*", "delay_ms": 1, "sigma": "0.5"}\n'
        ),
    )
    assert len(localnet.localnet.conditions.latency.rules) == 2
    assert command("latency", "none") == (0, "no latency\n")
    assert command("limit", "--address", "500/600", "--json") == (
        0,
        '{"per_address": {"per_second": 500, "burst": 600}, "per_wallet": null}\n',
    )
    assert json.loads(command("limit")[1])["per_address"] == {"per_second": 500, "burst": 600}
    assert json.loads(command("limit", "--off")[1]) == {"per_address": None, "per_wallet": None}
    assert command("tick", SYMBOL, "--quote-precision", "3") == (
        0,
        f"{SYMBOL} allows 3 decimals in prices and 6 in quantities\n",
    )
    assert command("tick", SYMBOL, "--quote-precision", "2")[0] == 0
    code, output = command("log", "--limit", "3")
    assert (code, len(output.splitlines())) == (0, 3)
    assert output.splitlines()[-1].endswith(f"changed {SYMBOL} allows 2 decimals in prices and 6 in quantities")
    assert len(json.loads(command("log", "--json")[1])) >= 7


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("latency", "soon"), 2, "latency must be milliseconds such as 20"),
        (("limit", "--wallet", "0"), 2, "a rate limit must be PER_SECOND or PER_SECOND/BURST"),
        (("tick", "WETH_DOGE"), 1, "unknown market 'WETH_DOGE'"),
        (("clock", "--offset-ms", "999999999999999"), 1, "offset_ms must be within ten years"),
    ],
)
def test_what_the_command_cannot_do_is_one_sentence(command: Any, arguments: Any, code: int, sentence: str) -> None:
    found, output = command(*arguments)
    assert (found, len(output.splitlines())) == (code, 1)
    assert sentence in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--latency", "soon"), "latency must be milliseconds such as 20"),
        (("--rate-limit", "0"), "a rate limit must be PER_SECOND or PER_SECOND/BURST"),
        (("--volatility-bps", "1001"), "volatility_bps must be between 0 and 1000, was 1001"),
        (("--jump-probability", "often"), "jump probability must be a number such as 0.01, was 'often'"),
        (("--jump-probability", "0"), "jump_probability must be above 0 and at most 1, was 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_starts(arguments: tuple[str, ...], sentence: str) -> None:
    result = CliRunner().invoke(app, ["--port", "0", "--rpc-port", "0", *arguments])
    assert (result.exit_code, len(result.output.splitlines())) == (2, 1)
    assert sentence in result.output
