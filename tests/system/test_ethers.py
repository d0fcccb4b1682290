"""Orders made by ethers, which shares no line with this project, against the local venue."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.system

Body = dict[str, Any]


def place(localnet: Any, body: Body) -> httpx.Response:
    return httpx.post(f"{localnet.rest_url}/api/v1/trading/market/orders/place", json=body, timeout=10)


@pytest.fixture
def signed(localnet: Any, node_trader: Callable[..., Any]) -> Callable[..., tuple[Any, Body]]:
    """Sign a buy well below the market with a fresh, funded and approved wallet."""

    def make(side: str = "buy") -> tuple[Any, Body]:
        wallet = localnet.new_wallet()
        amount_wei = 10**24 if side == "sell" else 10**12
        approval = node_trader("approve", key=wallet.key, symbol="WETH_USDC", side=side, amountWei=str(amount_wei))
        assert approval["status"] == 1
        assert int(approval["allowance"]) == int(approval["eventValue"]) == amount_wei
        assert int(approval["balance"]) > 0
        price = "2000.5" if side == "buy" else "9000.5"
        body = node_trader(
            "sign",
            key=wallet.key,
            symbol="WETH_USDC",
            side=side,
            price=price,
            quantity="0.25",
            salt=str(secrets.randbits(53)),
        )
        return wallet, body

    return make


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_an_order_signed_by_ethers_is_accepted_and_cancelled(
    localnet: Any, node_trader: Callable[..., Any], signed: Callable[..., tuple[Any, Body]], side: str
) -> None:
    wallet, body = signed(side)
    reply = place(localnet, body)
    assert reply.status_code == 200, reply.text
    order = reply.json()
    assert order["order_hash"] == body["order_hash"].removeprefix("0x")
    assert order["status"] == "open"

    cancel = node_trader("cancel", key=wallet.key, symbol="WETH_USDC", orderIds=[order["order_id"]])
    answer = httpx.post(f"{localnet.rest_url}/api/v1/trading/market/orders/cancel", json=cancel, timeout=10)
    assert answer.json() == {"cancelled_order_ids": [order["order_id"]]}


def with_message(body: Body, **members: object) -> Body:
    """Change members of the signed message without signing again."""
    return body | {"raw_order_data": json.dumps(json.loads(body["raw_order_data"]) | members)}


OTHER = "0x00000000000000000000000000000000000000aa"

# What is changed, and a word of the refusal that names it. Where a member of the message has a twin outside, the twin
# is changed as well in a second case, so that only the signature can tell.
SPOILED: dict[str, tuple[Callable[[Body], Body], str]] = {
    "chain_id": (lambda b: b | {"chain_id": b["chain_id"] + 1}, "chain"),
    "base_asset": (lambda b: b | {"base_asset": OTHER}, "base_asset"),
    "quote_asset": (lambda b: b | {"quote_asset": OTHER}, "quote_asset"),
    "side": (lambda b: b | {"side": 0}, "side"),
    "volume_precision": (lambda b: b | {"volume_precision": "1" + b["volume_precision"]}, "volume_precision"),
    "price_precision": (lambda b: b | {"price_precision": "1" + b["price_precision"]}, "price_precision"),
    "order_hash": (lambda b: b | {"order_hash": "0x" + "ab" * 32}, "order_hash"),
    "signature": (lambda b: b | {"signature": b["signature"][:-4] + "ab1b"}, "signature"),
    "signature of another length": (lambda b: b | {"signature": b["signature"][:-2]}, "signature"),
    "signed_order_type": (lambda b: b | {"signed_order_type": "other"}, "signed_order_type"),
    "market_id": (lambda b: b | {"market_id": b["market_id"][:-1] + "x"}, "market"),
    "market_symbol": (lambda b: b | {"market_symbol": "WBTC_USDC"}, "market"),
    "message.baseToken": (lambda b: with_message(b, baseToken=OTHER), "base"),
    "message.quoteToken": (lambda b: with_message(b, quoteToken=OTHER), "quote"),
    "message.price": (lambda b: with_message(b, price="2000000000000000000000"), "price"),
    "message.totalQuantity": (lambda b: with_message(b, totalQuantity="1000000000000000000"), "volume_precision"),
    "message.isBuy": (lambda b: with_message(b, isBuy=False), "side"),
    "message.salt": (lambda b: with_message(b, salt="7"), "order_hash"),
    "message.maker": (lambda b: with_message(b, maker=OTHER), "order_hash"),
    "message.expiryTime": (lambda b: with_message(b, expiryTime="4102444800"), "order_hash"),
    "price inside and outside": (
        lambda b: with_message(b, price="2000000000000000000000") | {"price_precision": "2000000000000000000000"},
        "order_hash",
    ),
    "quantity inside and outside": (
        lambda b: with_message(b, totalQuantity="1000000000000000000") | {"volume_precision": "1000000000000000000"},
        "order_hash",
    ),
}


@pytest.mark.parametrize("field", SPOILED)
def test_an_order_with_one_field_changed_after_signing_is_refused(
    localnet: Any, signed: Callable[..., tuple[Any, Body]], field: str
) -> None:
    _, body = signed()
    spoil, named = SPOILED[field]
    reply = place(localnet, spoil(body))
    assert reply.status_code == 400, reply.text
    assert named in reply.json()["error"], reply.json()
    assert place(localnet, body).status_code == 200, "the unspoiled order is good, so the change alone was refused"
