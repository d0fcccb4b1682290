"""Faults of one API key, rate limits and latency on the perpetual paths, changed while the venue runs."""

import hmac
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import httpx
import pytest

from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultKind

DEADLINE_SECS = 60


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False)


@pytest.fixture
def client(localnet: Any) -> Any:
    """Return a client without a key; every condition is as at the start when the test ends."""
    with httpx.Client(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as each:
        yield each
        each.delete("/localnet/faults")
        each.put("/localnet/latency", json={"rules": []})
        each.put("/localnet/rate-limits", json={})


def key_of(client: httpx.Client) -> dict[str, str]:
    key: dict[str, str] = client.post("/localnet/perpetual/api-keys").json()
    return key


def balance(client: httpx.Client, key: dict[str, str]) -> httpx.Response:
    query = urlencode({"timestamp": time.time_ns() // 10**6})
    signature = hmac.new(key["apiSecret"].encode(), query.encode(), "sha256").hexdigest()
    url = f"/fapi/v2/balance?{query}&signature={signature}"
    return client.get(url, headers={"X-MBX-APIKEY": key["apiKey"]})


def test_a_fault_of_an_api_key_meets_its_requests_alone(client: httpx.Client) -> None:
    own, other = key_of(client), key_of(client)
    fault = {"kind": "status", "status": 418, "wallet": own["apiKey"], "times": None}
    assert client.post("/localnet/faults", json=fault).status_code == 200
    assert [balance(client, key).status_code for key in (own, other, own)] == [418, 200, 418]
    assert client.get("/fapi/v1/time").status_code == 200
    assert balance(client, own).json()["code"] == -1003


def test_a_fault_of_something_that_is_neither_wallet_nor_key_is_refused(client: httpx.Client) -> None:
    answer = client.post("/localnet/faults", json={"kind": "status", "wallet": "x" * 63})
    assert (answer.status_code, "wallet" in answer.json()["error"]) == (400, True)


async def test_a_fault_of_an_api_key_meets_the_frames_of_its_user_stream_alone(
    localnet: Any, client: httpx.Client
) -> None:
    keys = [key_of(client) for _ in range(2)]
    localnet.faults.add(Fault(kind=FaultKind.FRAME_DUPLICATE, wallet=keys[0]["apiKey"], times=None))
    counts = []
    async with aiohttp.ClientSession(localnet.rest_url) as session:
        for key in keys:
            async with session.post("/fapi/v1/listenKey", headers={"X-MBX-APIKEY": key["apiKey"]}) as answer:
                listen_key = (await answer.json())["listenKey"]
            async with session.ws_connect(f"/private/ws?listenKey={listen_key}") as socket:
                for amount in ("1", "2"):
                    deposit = {"account_id": key["accountId"], "amount": amount}
                    await session.post("/localnet/perpetual/deposit", json=deposit)
                changes: list[str] = []
                while "2.00000000" not in changes:
                    frame = await socket.receive_json(timeout=DEADLINE_SECS)
                    changes.append(frame["a"]["B"][0]["bc"])
                counts.append(changes.count("1.00000000"))
    assert counts == [2, 1]


def test_an_address_that_asks_too_often_is_refused_in_the_dialect(client: httpx.Client) -> None:
    limits = {"per_address": {"per_second": 1, "burst": 2}}
    assert client.put("/localnet/rate-limits", json=limits).status_code == 200
    answers = [client.get("/fapi/v1/time") for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 200
    assert {answer.json()["code"] for answer in refused} == {-1003}
    assert {answer.headers["Retry-After"] for answer in refused} == {"1"}
    client.put("/localnet/rate-limits", json={})
    assert client.get("/fapi/v1/time").status_code == 200


def test_a_limit_for_each_wallet_counts_each_api_key(client: httpx.Client) -> None:
    own, other = key_of(client), key_of(client)
    client.put("/localnet/rate-limits", json={"per_wallet": {"per_second": 1, "burst": 1}})
    statuses = [balance(client, own).status_code for _ in range(40)]
    assert (statuses[0], set(statuses)) == (200, {200, 429})
    assert balance(client, other).status_code == 200


@pytest.mark.parametrize("path", ["/fapi/v1/time", "/fapi/*"])
def test_latency_delays_what_it_names(client: httpx.Client, path: str) -> None:
    rules = {"rules": [{"model": "fixed", "path": path, "delay_ms": 80}]}
    assert client.put("/localnet/latency", json=rules).status_code == 200
    before_ns = time.monotonic_ns()
    assert client.get("/fapi/v1/time").status_code == 200
    # A lower bound only: a busy machine can make it longer, never shorter.
    assert time.monotonic_ns() - before_ns >= 80_000_000
