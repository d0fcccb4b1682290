"""Every check of a place request refuses with its own sentence. Orders are signed by eth-account."""

import json
from collections.abc import Callable
from typing import Any

import pytest

PLACE = "/api/v1/trading/market/orders/place"
OTHER = "0x00000000000000000000000000000000000000aa"
BUY = {"symbol": "WETH_USDC", "side": "buy", "price": "2000.5", "quantity": "0.25"}

Body = dict[str, Any]


def inside(body: Body, **members: object) -> Body:
    """Change members of the signed message and leave the rest as it was."""
    return body | {"raw_order_data": json.dumps(json.loads(body["raw_order_data"]) | members)}


CHANGES: dict[str, tuple[Callable[[Body], Body], str]] = {
    "chain": (lambda b: b | {"chain_id": 1}, "unknown chain_id '1'"),
    "market id": (lambda b: b | {"market_id": "31337_0x1_0x2"}, "unknown market_id '31337_0x1_0x2'"),
    "market symbol": (lambda b: b | {"market_symbol": "WBTC_USDC"}, "market_symbol must be WETH_USDC"),
    "order type": (lambda b: b | {"signed_order_type": "perp"}, "signed_order_type must be 'tegro', was 'perp'"),
    "raw no json": (lambda b: b | {"raw_order_data": "{"}, "the body does not fit"),
    "raw without salt": (
        lambda b: b | {"raw_order_data": json.dumps({"baseToken": OTHER})},
        "missing required field",
    ),
    "raw address": (lambda b: inside(b, maker="0x12"), "maker in raw_order_data must be 0x and 40 hex digits"),
    "raw price text": (lambda b: inside(b, price="1e18"), "price in raw_order_data must be a decimal string"),
    "raw salt too large": (lambda b: inside(b, salt=str(2**256)), "salt in raw_order_data must be a decimal string"),
    "no signature": (lambda b: b | {"signature": None}, "signature is missing"),
    "short signature": (lambda b: b | {"signature": "0x12"}, "signature must be 0x and 130 hex digits"),
    "raw base token": (lambda b: inside(b, baseToken=OTHER), "baseToken in raw_order_data must be 0x"),
    "raw quote token": (lambda b: inside(b, quoteToken=OTHER), "quoteToken in raw_order_data must be 0x"),
    "side number": (lambda b: b | {"side": 0}, "side must be buy, was 'sell'"),
    "side word": (lambda b: b | {"side": "sell"}, "side must be buy, was 'sell'"),
    "side nonsense": (lambda b: b | {"side": 2}, "side must be 1, 0, 'buy' or 'sell', was '2'"),
    "base asset": (lambda b: b | {"base_asset": b["quote_asset"]}, "base_asset must be 0x"),
    "quote asset": (lambda b: b | {"quote_asset": b["base_asset"]}, "quote_asset must be 0x"),
    "volume": (lambda b: b | {"volume_precision": "1"}, "volume_precision must be 250000000000000000, was '1'"),
    "price": (lambda b: b | {"price_precision": "1"}, "price_precision must be 2000500000000000000000, was '1'"),
    "hash": (lambda b: b | {"order_hash": "0x" + "ab" * 32}, "order_hash does not belong to raw_order_data"),
    "raw salt": (lambda b: inside(b, salt="7"), "order_hash does not belong to raw_order_data"),
    "raw expiry": (lambda b: inside(b, expiryTime="4102444800"), "order_hash does not belong to raw_order_data"),
    "raw maker": (lambda b: inside(b, maker=OTHER), "order_hash does not belong to raw_order_data"),
    "signature v": (lambda b: b | {"signature": b["signature"][:-2] + "02"}, "invalid signature: the last byte"),
    "high s": (lambda b: b | {"signature": high_s(b["signature"])}, "lower half of the curve order"),
}


def high_s(signature: str) -> str:
    """Return the other valid (malleable) form of a signature."""
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    s = order - int(signature[66:130], 16)
    v = {"1b": "1c", "1c": "1b"}[signature[130:]]
    return f"{signature[:66]}{s:064x}{v}"


@pytest.mark.parametrize("change", CHANGES)
async def test_a_changed_field_is_refused_with_its_own_sentence(api: Any, trader: Any, change: str) -> None:
    someone = trader()
    good = someone.place_body("WETH_USDC", someone.order_message(**BUY))
    alter, sentence = CHANGES[change]
    status, reply = await api.post(PLACE, alter(good))
    assert (status, list(reply)) == (400, ["error"])
    assert sentence in reply["error"]
    status, reply = await api.post(PLACE, good)
    assert status == 200, "the unchanged order is good, so it was the change that was refused"


async def test_a_signature_of_another_wallet_is_refused(api: Any, trader: Any) -> None:
    owner, thief = trader(), trader()
    body = thief.place_body("WETH_USDC", owner.order_message(**BUY))
    status, reply = await api.post(PLACE, body)
    assert status == 400
    assert reply["error"] == f"invalid signature: it recovers to {thief.wallet}, not to {owner.wallet}"


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"price": "2000.501"}, "price on WETH_USDC must be a positive multiple of the tick size 0.01"),
        ({"price": "0"}, "price on WETH_USDC must be a positive multiple"),
        ({"quantity": "0.2500001"}, "quantity on WETH_USDC must be a positive multiple of the lot size 0.000001"),
        ({"quantity": "0"}, "quantity on WETH_USDC must be a positive multiple"),
        ({"price": "1.99", "quantity": "1"}, "order value must be at least 2 USDC, was 1.99"),
        ({"expiry": 1_700_000_000}, "expiryTime 1700000000 has passed"),
        ({"price": "500000", "quantity": "0.200001"}, "insufficient funds"),
        ({"side": "sell", "quantity": "100.000001"}, "insufficient funds"),
    ],
)
async def test_terms_that_cannot_be_traded_are_refused(api: Any, trader: Any, terms: Any, sentence: str) -> None:
    someone = trader()
    body = someone.place_body("WETH_USDC", someone.order_message(**(BUY | terms)))
    status, reply = await api.post(PLACE, body)
    assert status == 400
    assert sentence in reply["error"]
    assert await someone.orders() == []


async def test_the_least_order_value_and_all_funds_are_accepted(trader: Any) -> None:
    someone = trader({"USDC": "1002"})
    await someone.place("WETH_USDC", "buy", "2", "1")
    await someone.place("WETH_USDC", "buy", "2", "500")


async def test_funds_that_other_orders_hold_cannot_be_used_twice(api: Any, trader: Any) -> None:
    someone = trader({"USDC": "1000"})
    first = await someone.place("WETH_USDC", "buy", "10", "60")
    body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "10", "40.1"))
    status, reply = await api.post(PLACE, body)
    assert status == 400
    assert "insufficient funds: the order needs 401000000" in reply["error"]
    assert "beside 600000000 reserved" in reply["error"]
    await someone.cancel(first["order_id"])
    assert (await api.post(PLACE, body))[0] == 200


async def test_allowance_is_asked_for_and_seen_at_once_when_it_was_given(api: Any, trader: Any, chain: Any) -> None:
    someone = trader({"USDC": "1000"}, approve=False)
    body = someone.place_body("WETH_USDC", someone.order_message("WETH_USDC", "buy", "10", "60"))
    status, reply = await api.post(PLACE, body)
    assert status == 400
    assert "insufficient allowance" in reply["error"]
    chain.approve(someone, "USDC", 600_000_000)
    assert (await api.post(PLACE, body))[0] == 200


async def test_the_same_order_is_taken_once(api: Any, trader: Any) -> None:
    someone = trader()
    body = someone.place_body("WETH_USDC", someone.order_message(**BUY))
    assert (await api.post(PLACE, body))[0] == 200
    status, reply = await api.post(PLACE, body)
    assert status == 400
    assert reply["error"].startswith(f"duplicate order: {body['order_hash']} was placed before")
    assert len(await someone.orders()) == 1


async def test_words_for_sides_camel_case_and_any_case_of_addresses_are_accepted(api: Any, trader: Any) -> None:
    someone = trader()
    body = someone.place_body("WETH_USDC", someone.order_message(**BUY))
    body |= {"side": "buy", "base_asset": "0x" + body["base_asset"][2:].upper()}
    body["marketId"] = body.pop("market_id")
    status, reply = await api.post(PLACE, body)
    assert status == 200, reply


NONSENSE = [
    b"",
    b"null",
    b"[]",
    b"{",
    b"\xff\xfe",
    b'"text"',
    b"{}",
    b"[" * 100_000,
    b'{"chain_id": 1e400}',
    b'{"order_ids": ["\\ud800"], "user_address": "0x"}',
    b'{"order_ids": [], "user_address": "0x00000000000000000000000000000000000000aa", "signature": "0x"}',
    b'{"order_ids": ["x"], "user_address": "0x00000000000000000000000000000000000000aa"}',
    b'{"chain_id": 31337, "wallet_address": "0x00000000000000000000000000000000000000aa", "signature": "0x00"}',
    b'{"chain_id": 31337, "wallet_address": "0xzz", "signature": ""}',
    b'{"wallet": "0x00000000000000000000000000000000000000aa", "native": 1e99}',
    b'{"wallet": "0x00000000000000000000000000000000000000aa", "native": {}}',
    b'{"wallet": "0x00000000000000000000000000000000000000aa", "amounts": {"XXX": "1"}}',
    b'{"wallet": "0x00000000000000000000000000000000000000aa", "amounts": {"USDC": "-1"}}',
    b'{"wallet": "0x00000000000000000000000000000000000000aa", "amounts": {"USDC": "0.0000001"}}',
    *(
        b'{"chain_id": 31337, "wallet_address": "0x00000000000000000000000000000000000000aa", '
        b'"market_symbol": "WETH_USDC", "side": "buy", "price": %b, "amount": %b}' % pair
        for pair in (
            (b"1e999999", b"1"),
            (b'"1e-999999"', b"1"),
            (b'"NaN"', b"1"),
            (b'"Infinity"', b"1"),
            (b"[]", b"1"),
            (b"null", b"1"),
            (b"2000", b"-1"),
            (b"2000", b"0"),
            (b"2000.001", b"1"),
            (b"9" * 200, b"1"),
            (b"5e59", b"1"),
            (b"2000", b"5e59"),
        )
    ),
]


@pytest.mark.parametrize("body", NONSENSE)
@pytest.mark.parametrize(
    "path",
    [
        PLACE,
        "/api/v1/trading/market/orders/cancel",
        "/api/v1/trading/market/orders/cancel-all",
        "/api/v1/trading/market/orders/typedData/generate",
        "/api/v1/trading/market/orders/typedData/generateCancelOrder",
        "/localnet/faucet",
    ],
)
async def test_nonsense_is_refused_and_never_an_internal_error(api: Any, path: str, body: bytes) -> None:
    status, reply = await api.post(path, body)
    assert (status, list(reply)) == (400, ["error"])
    assert reply["error"]
