"""The perpetual venue inside a localnet: same port, agents, commands."""

import asyncio
import hmac
import json
import random
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import aiohttp
import httpx
import pytest
from typer.testing import CliRunner

from tegro_localnet.cli import app
from tegro_localnet.faults import Fault, FaultKind
from tegro_localnet.perpetual.agents import PerpetualCrowd
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.venue import PerpetualVenue

START_MS = 1_700_000_000_000


@pytest.fixture
def tegro(localnet: Any) -> Callable[..., Any]:
    """Return a function that runs a command of `tegro localnet` on the running one."""

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--url", localnet.rest_url])
        assert done.exit_code == code, done.output
        return done.output

    return run


def test_the_spot_and_the_perpetual_venue_answer_on_one_port(localnet: Any) -> None:
    with urlopen(f"{localnet.rest_url}/fapi/v1/exchangeInfo") as answer:
        assert [row["symbol"] for row in json.load(answer)["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    with urlopen(f"{localnet.rest_url}/localnet/info") as answer:
        assert "WETH_USDC" in json.load(answer)["markets"]


def test_commands_open_accounts_and_move_prices(tegro: Callable[..., Any]) -> None:
    key = json.loads(tegro("api-key", "--deposit", "500", "--json"))
    assert {name: len(key[name]) for name in ("apiKey", "apiSecret")} == {"apiKey": 64, "apiSecret": 64}
    account = str(key["accountId"])
    assert "holds 750.00000000 USDT" in tegro("perpetual", "deposit", account, "250")
    assert "insufficient" in tegro("perpetual", "deposit", account, "-751", code=1)
    assert "index price 90000.00000000" in tegro("perpetual", "index", "BTCUSDT", "90000")
    assert "Invalid symbol" in tegro("perpetual", "index", "NOPE", "1", code=1)
    line = tegro("perpetual", "funding", "BTCUSDT", "--interval-secs", "20", "--rate", "0.001")
    assert "funding rate 0.00100000" in line
    assert "between 1 and" in tegro("perpetual", "funding", "BTCUSDT", "--interval-secs", "0", code=1)
    assert "no positions" in tegro("perpetual", "show")
    assert "secret" in tegro("api-key")


def tape_of(seed: int) -> list[tuple[int, int, int]]:
    """Let the agents trade for a while on a clock of their own and return what traded."""
    now_ms = START_MS
    venue = PerpetualVenue(PerpetualConfig(), lambda: now_ms, random.Random(seed))
    crowd = PerpetualCrowd(venue, random.Random(seed))
    for _ in range(50):
        crowd.quote()
        for _ in range(4):
            now_ms += 500
            crowd.take()
            venue.pulse()
    trades = [trade for market in venue.state.markets.values() for trade in market.trades]
    return [(trade.trade_id, trade.price_e18, trade.quantity_e8) for trade in trades]


def test_agents_keep_the_market_alive_and_repeat_themselves_under_a_seed() -> None:
    first = tape_of(1)
    assert len(first) > 150
    assert first == tape_of(1)
    assert first != tape_of(2)


def signed(key: Any, **values: Any) -> str:
    query = urlencode(values | {"timestamp": time.time_ns() // 10**6})
    return f"{query}&signature={hmac.new(key['apiSecret'].encode(), query.encode(), 'sha256').hexdigest()}"


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(503, -1000, "Unknown error, please check your request or try again later."), (429, -1003, "Too many requests")],
)
def test_a_fault_may_answer_in_the_dialect_after_the_venue_has_acted(
    localnet: Any, tegro: Callable[..., Any], status: int, code: int, text: str
) -> None:
    key = json.loads(tegro("api-key", "--json"))
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 2900}
    tegro("fault", "add", "status", "--path", "/fapi/v1/order", "--status", str(status), "--after")
    with httpx.Client(base_url=localnet.rest_url, headers={"X-MBX-APIKEY": key["apiKey"]}) as client:
        answer = client.post(f"/fapi/v1/order?{signed(key, **order)}")
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["msg"].startswith(text)
        opened = client.get(f"/fapi/v1/openOrders?{signed(key)}").json()
    assert [row["price"] for row in opened] == ["2900.00"]


async def test_cut_streams_end_without_a_handshake(localnet: Any) -> None:
    url = f"{localnet.rest_url.replace('http', 'ws')}/market/stream?streams=btcusdt@markPrice@1s"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["data"]["e"] == "markPriceUpdate"
        assert localnet.cut_streams() == 1
        async with asyncio.timeout(60):
            ended = [message async for message in socket if message.type is aiohttp.WSMsgType.ERROR]
        assert socket.close_code != aiohttp.WSCloseCode.OK or ended


@pytest.mark.parametrize(
    ("kind", "expected"), [("frame_drop", ["UPDATE 2"]), ("frame_duplicate", ["UPDATE 1", "UPDATE 1", "UPDATE 2"])]
)
async def test_frames_of_the_user_stream_suffer_faults(localnet: Any, kind: str, expected: list[str]) -> None:
    async with aiohttp.ClientSession(localnet.rest_url) as session:
        async with session.post("/localnet/perpetual/api-keys") as answer:
            key = await answer.json()
        session.headers["X-MBX-APIKEY"] = key["apiKey"]
        async with session.post("/fapi/v1/listenKey") as answer:
            listen_key = (await answer.json())["listenKey"]
        async with session.ws_connect(f"/private/ws?listenKey={listen_key}") as socket:
            localnet.faults.add(Fault(kind=FaultKind(kind), action="ACCOUNT_CONFIG_UPDATE"))
            for leverage in (1, 2):
                await session.post(f"/fapi/v1/leverage?{signed(key, symbol='BTCUSDT', leverage=leverage)}")
            async with asyncio.timeout(60):
                seen = [(await socket.receive_json())["ac"]["l"] for _ in expected]
    assert [f"UPDATE {leverage}" for leverage in seen] == expected
