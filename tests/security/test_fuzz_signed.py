"""Orders and cancels that are properly signed, over numbers that no trader would name.

A good signature opens the way to the arithmetic behind it: scaling, values, reservations, expiry. Nothing of it may
break, and what is refused must reserve nothing.
"""

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

ORDERS = "/api/v1/trading/market/orders"
SYMBOL = "WETH_USDC"
DEADLINE_SECS = 60
MOST = 2**256 - 1
ORDER = [
    {"name": "baseToken", "type": "address"},
    {"name": "quoteToken", "type": "address"},
    {"name": "price", "type": "uint256"},
    {"name": "totalQuantity", "type": "uint256"},
    {"name": "isBuy", "type": "bool"},
    {"name": "salt", "type": "uint256"},
    {"name": "maker", "type": "address"},
    {"name": "expiryTime", "type": "uint256"},
]
CANCEL = [{"name": "orderIds", "type": "string[]"}, {"name": "user", "type": "address"}]
COUNTS = [pytest.param(80, id="short"), pytest.param(5_000, id="long", marks=pytest.mark.soak)]


class Signer:
    """A funded wallet that signs whatever it is told to, with eth-account."""

    def __init__(self, localnet: Any) -> None:
        wallet = localnet.new_wallet({"WETH": Decimal(10), "USDC": Decimal(50_000)})
        self._account = Account.from_key(wallet.key)
        self._market = localnet.markets[SYMBOL]
        self._domain = {
            "name": "TegroDEX",
            "version": "1",
            "chainId": localnet.chain_id,
            "verifyingContract": localnet.info.exchange_contract,
        }
        self._chain_id = localnet.chain_id
        self.wallet = wallet.address

    def order(self, price: int, quantity: int, salt: int, expiry: int, *, is_buy: bool) -> dict[str, Any]:
        """Return the body of an order."""
        market = self._market
        message = {
            "baseToken": market.base.address,
            "quoteToken": market.quote.address,
            "price": price,
            "totalQuantity": quantity,
            "isBuy": is_buy,
            "salt": salt,
            "maker": self._account.address,
            "expiryTime": expiry,
        }
        signable = encode_typed_data(self._domain, {"Order": ORDER}, message)
        tokens = (market.quote.address, market.base.address)
        paid, received = tokens if is_buy else tokens[::-1]
        return {
            "chain_id": self._chain_id,
            "base_asset": paid,
            "quote_asset": received,
            "side": int(is_buy),
            "volume_precision": str(quantity),
            "price_precision": str(price),
            "order_hash": "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex(),
            "raw_order_data": json.dumps({k: v if isinstance(v, bool) else str(v) for k, v in message.items()}),
            "signature": self._account.sign_message(signable).signature.to_0x_hex(),
            "signed_order_type": "tegro",
            "market_id": market.id,
            "market_symbol": SYMBOL,
        }

    def cancel(self, order_ids: list[str]) -> dict[str, Any]:
        """Return the body of a cancel."""
        message = {"orderIds": order_ids, "user": self.wallet}
        signable = encode_typed_data(self._domain, {"CancelOrder": CANCEL}, message)
        signature = self._account.sign_message(signable).signature.to_0x_hex()
        return {"user_address": self.wallet, "order_ids": order_ids, "signature": signature}

    def cancel_all(self) -> dict[str, Any]:
        """Return the body of a cancel-all."""
        signature = self._account.sign_message(encode_defunct(text=self.wallet)).signature.to_0x_hex()
        return {"chain_id": self._chain_id, "wallet_address": self.wallet, "signature": signature}


@pytest.fixture(scope="module")
def signer(localnet: Any) -> Signer:
    return Signer(localnet)


@pytest.fixture(scope="module")
def http(localnet: Any):
    with httpx.Client(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        yield client


def holdings(http: httpx.Client, wallet: str) -> Any:
    state = http.get("/localnet/state").json()
    [found] = [each for each in state["wallets"] if each["wallet"] == wallet]
    return found


# Ticks and lots of the market, so that some get past the first checks, and any number at all.
PRICES = st.integers(0, MOST) | st.integers(0, 10**70).map(lambda ticks: ticks * 10**16 % (MOST + 1))
QUANTITIES = st.integers(0, MOST) | st.integers(0, 10**9).map(lambda lots: lots * 10**12)
TIMES = st.just(0) | st.integers(0, MOST)


@pytest.mark.parametrize("count", COUNTS)
def test_any_signed_order_is_accepted_or_refused_and_reserves_what_it_may_cost(
    signer: Signer, http: httpx.Client, count: int
) -> None:
    untouched = holdings(http, signer.wallet)
    accepted = []

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(price=PRICES, quantity=QUANTITIES, salt=st.integers(0, MOST), expiry=TIMES, is_buy=st.booleans())
    @example(price=MOST, quantity=MOST, salt=MOST, expiry=MOST, is_buy=True)
    @example(price=10**16, quantity=10**12, salt=1, expiry=0, is_buy=True)
    @example(price=10**16, quantity=10**18, salt=2, expiry=MOST, is_buy=False)
    @example(price=1000 * 10**18, quantity=10**18, salt=3, expiry=MOST, is_buy=True)
    @example(price=9000 * 10**18, quantity=10**18, salt=4, expiry=10**30, is_buy=False)
    def place(price: int, quantity: int, salt: int, expiry: int, is_buy: bool) -> None:
        reply = http.post(f"{ORDERS}/place", json=signer.order(price, quantity, salt, expiry, is_buy=is_buy))
        assert reply.status_code in (200, 400), reply.text
        if reply.status_code == 400:
            assert reply.json()["error"]
            assert holdings(http, signer.wallet) == untouched
            return
        accepted.append(reply.json()["order_id"])
        cost = Decimal(price * quantity // 10**30).scaleb(-6) if is_buy else Decimal(quantity).scaleb(-18)
        reserved = {each["symbol"]: Decimal(each["reserved"]) for each in holdings(http, signer.wallet)["holdings"]}
        assert reserved["USDC" if is_buy else "WETH"] == cost
        ended = http.post(f"{ORDERS}/cancel-all", json=signer.cancel_all())
        assert ended.json() == {"cancelled_order_ids": accepted[-1:]}
        assert holdings(http, signer.wallet) == untouched

    place()
    assert len(accepted) >= 2, "some must get through, or the reservations were never looked at"


TEXTS = st.text(max_size=40).filter(lambda text: text.isprintable() or not text)


@pytest.mark.parametrize("count", COUNTS)
def test_any_signed_cancel_of_unknown_orders_is_refused(signer: Signer, http: httpx.Client, count: int) -> None:
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=HealthCheck)
    @given(order_ids=st.lists(TEXTS, min_size=1, max_size=6))
    def cancel(order_ids: list[str]) -> None:
        reply = http.post(f"{ORDERS}/cancel", json=signer.cancel(order_ids))
        assert (reply.status_code, "Order not found" in reply.json()["error"]) == (400, True), reply.text

    cancel()


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("price", "0x3635c9adc5dea00000"),
        ("price", "1e21"),
        ("price", "-1000000000000000000000"),
        ("price", "+1000000000000000000000"),
        ("price", " 1000000000000000000000"),
        ("price", "1_000000000000000000000"),
        ("price", "\uff11000000000000000000000"),
        ("price", "1000000000000000000000.0"),
        ("price", "9" * 79),
        ("price", ""),
        ("totalQuantity", "1" + "0" * 5000),
        ("salt", "-1"),
        ("expiryTime", "soon"),
        ("maker", "0x12"),
        ("isBuy", "true"),
        ("isBuy", 1),
    ],
)
def test_a_number_in_another_spelling_is_no_number(signer: Signer, http: httpx.Client, member: str, value: Any) -> None:
    """A spelling that one reader takes and another does not would let two programs see two orders in one signature."""
    untouched = holdings(http, signer.wallet)
    body = signer.order(1000 * 10**18, 10**18, 99, 0, is_buy=True)
    raw = json.loads(body["raw_order_data"]) | {member: value}
    reply = http.post(f"{ORDERS}/place", json=body | {"raw_order_data": json.dumps(raw)})
    assert reply.status_code == 400, reply.text
    assert len(reply.json()["error"]) < 500
    assert holdings(http, signer.wallet) == untouched


async def test_one_order_sent_many_times_at_once_is_accepted_once(localnet: Any, signer: Signer) -> None:
    body = signer.order(1001 * 10**18, 10**18, 12345, 0, is_buy=True)
    async with httpx.AsyncClient(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        replies = await asyncio.gather(*(client.post(f"{ORDERS}/place", json=body) for _ in range(30)))
        assert sorted(reply.status_code for reply in replies) == [200, *[400] * 29]
        assert {"duplicate" in reply.json()["error"] for reply in replies if reply.status_code == 400} == {True}
        ended = await client.post(f"{ORDERS}/cancel-all", json=signer.cancel_all())
    assert len(ended.json()["cancelled_order_ids"]) == 1


async def test_orders_sent_at_once_cannot_spend_the_same_money(localnet: Any, signer: Signer) -> None:
    """Twenty orders of 10,000 USDC, by a wallet that has 50,000."""
    bodies = [signer.order(1000 * 10**18, 10 * 10**18, 20_000 + number, 0, is_buy=True) for number in range(20)]
    async with httpx.AsyncClient(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        replies = await asyncio.gather(*(client.post(f"{ORDERS}/place", json=body) for body in bodies))
        assert sorted(reply.status_code for reply in replies) == [*[200] * 5, *[400] * 15]
        await client.post(f"{ORDERS}/cancel-all", json=signer.cancel_all())
