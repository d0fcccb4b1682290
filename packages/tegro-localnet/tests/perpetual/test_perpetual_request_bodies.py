"""A request whose body was read by a layer on its way, for a fault or a limit, is answered as any other."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest


@pytest.fixture
def client(localnet: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=localnet.rest_url) as made:
        yield made
        made.delete("/localnet/faults")


def order(client: httpx.Client, key: dict[str, str]) -> httpx.Response:
    """Place an order, signed in its body."""
    values = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": 1, "price": 2990}
    query = urlencode(values | {"timestamp": time.time_ns() // 10**6})
    signature = hmac.new(key["apiSecret"].encode(), query.encode(), hashlib.sha256).hexdigest()
    headers = {"X-MBX-APIKEY": key["apiKey"], "Content-Type": "application/x-www-form-urlencoded"}
    return client.post("/fapi/v1/order", content=f"{query}&signature={signature}", headers=headers)


def test_an_order_in_a_body_passes_a_fault_that_is_meant_for_somebody_else(client: httpx.Client) -> None:
    own, other = (client.post("/localnet/perpetual/api-keys", json={}).json() for _ in range(2))
    fault = {"kind": "status", "wallet": other["apiKey"], "times": None}
    assert client.post("/localnet/faults", json=fault).status_code == 200
    assert [order(client, key).status_code for key in (own, other)] == [200, 503]
