"""Both schemas of the signed order and both scalings of its price, from the signature to the settlement.

The programs here are written as Tegro's own were: with an HTTP client and eth-account, nothing of ours.
"""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.switches import Switches

ORDERS = "/api/v1/trading/market/orders"
MEMBERS = {
    "baseToken": "address",
    "quoteToken": "address",
    "price": "uint256",
    "totalQuantity": "uint256",
    "isBuy": "bool",
    "salt": "uint256",
    "maker": "address",
    "expiryTime": "uint256",
}
FORMS = [
    Switches(),
    Switches(order_schema="no_expiry", price_scaling="quote_decimal"),
    Switches(price_scaling="quote_decimal"),
    Switches(order_schema="no_expiry"),
]


@pytest.fixture(scope="module", params=FORMS, ids=lambda form: f"{form.order_schema}-{form.price_scaling}")
def localnet_config(request: pytest.FixtureRequest) -> LocalnetConfig:
    """A venue of one generation."""
    return LocalnetConfig(
        port=0, rpc_port=0, agents=False, fee_bps=0, settlement_interval_ms=3_600_000, switches=request.param
    )


@pytest.fixture
def http(localnet: BackgroundLocalnet) -> Any:
    with httpx.Client(base_url=localnet.rest_url, timeout=60) as client:
        yield client


class OldConnector:
    """Trades as the old Hummingbot connector did: four calls to place, two to cancel, the venue says what to sign."""

    def __init__(self, http: httpx.Client, wallet: Any, chain_id: int) -> None:
        self.http, self.account, self.chain_id = http, Account.from_key(wallet.key), chain_id

    def place(self, symbol: str, side: str, price: str, amount: str) -> dict[str, Any]:
        markets = self.http.get(
            f"/api/v1/exchange/{self.chain_id}/market/list",
            params={"page": 1, "sort_order": "desc", "sort_by": "volume", "page_size": 20, "verified": "true"},
        ).json()
        [row] = [market for market in markets if market["symbol"] == symbol]
        market = self.http.get(f"/api/v1/exchange/{self.chain_id}/market/{row['id']}").json()
        assert market["base_precision"] == row["base_precision"]
        proposal = self.http.post(
            f"{ORDERS}/typedData/generate",
            json={
                "chain_id": self.chain_id,
                "wallet_address": self.account.address,
                "market_symbol": symbol,
                "side": side,
                "price": price,
                "amount": amount,
            },
        ).json()
        body = proposal["limit_order"] | {"signature": self.sign(proposal["sign_data"])}
        reply = self.http.post(f"{ORDERS}/place", json=body)
        assert reply.status_code == 200, reply.text
        return proposal | {"order": reply.json()}

    def cancel(self, order_id: str) -> httpx.Response:
        wish = {"order_ids": [order_id], "user_address": self.account.address.lower()}
        proposal = self.http.post(f"{ORDERS}/typedData/generateCancelOrder", json=wish).json()
        body = proposal["cancel_order"] | {"Signature": self.sign(proposal["sign_data"])}
        return self.http.post(f"{ORDERS}/cancel", json=body)

    def sign(self, data: dict[str, Any]) -> str:
        return self.account.sign_message(encode_typed_data(full_message=data)).signature.to_0x_hex()


class OldBot:
    """Trades as Tegro's own bot did: it builds what it signs, and places or cancels in one call."""

    def __init__(self, http: httpx.Client, wallet: Any, chain_id: int, form: Switches) -> None:
        self.http, self.account, self.form = http, Account.from_key(wallet.key), form
        [self.chain] = [row for row in http.get("/api/v1/exchange/chain/list").json() if row["id"] == chain_id]

    def place(self, symbol: str, side: str, price: str, amount: str) -> httpx.Response:
        chain_id = self.chain["id"]
        path = f"/api/v1/exchange/{chain_id}/market/list"
        [market] = self.http.get(path, params={"market_symbol": symbol}).json()
        exponent = 18 if self.form.price_scaling == "e18" else market["quote_decimal"]
        message = {
            "baseToken": market["base_contract_address"],
            "quoteToken": market["quote_contract_address"],
            "price": str(int(Decimal(price).scaleb(exponent))),
            "totalQuantity": str(int(Decimal(amount).scaleb(market["base_decimal"]))),
            "isBuy": side == "buy",
            "salt": "277564373322",
            "maker": self.account.address,
            "expiryTime": "0",
        }
        if self.form.order_schema == "no_expiry":
            del message["expiryTime"]
        signable = encode_typed_data(
            self.domain(),
            {"Order": [{"name": name, "type": MEMBERS[name]} for name in message]},
            {name: int(value) if MEMBERS[name] == "uint256" else value for name, value in message.items()},
        )
        signed = self.account.sign_message(signable)
        assets = [message["quoteToken"], message["baseToken"]]
        paid, received = assets if side == "buy" else reversed(assets)
        return self.http.post(
            f"{ORDERS}/place",
            json={
                "chain_id": chain_id,
                "base_asset": paid,
                "quote_asset": received,
                "side": 1 if side == "buy" else 0,
                "volume_precision": message["totalQuantity"],
                "price_precision": message["price"],
                "order_hash": signed.message_hash.to_0x_hex(),
                "raw_order_data": json.dumps(message),
                "signature": signed.signature.to_0x_hex(),
                "signed_order_type": "tegro",
                "market_id": market["id"],
                "market_symbol": symbol,
            },
        )

    def active(self) -> list[str]:
        query = {"chain_id": self.chain["id"], "statuses": "active"}
        orders = self.http.get(f"{ORDERS}/user/{self.account.address.lower()}", params=query).json()
        return [order["order_id"] for order in orders]

    def cancel(self, order_ids: list[str]) -> httpx.Response:
        wallet = self.account.address.lower()
        types = {"CancelOrder": [{"name": "orderIds", "type": "string[]"}, {"name": "user", "type": "address"}]}
        signable = encode_typed_data(self.domain(), types, {"orderIds": order_ids, "user": wallet})
        signature = self.account.sign_message(signable).signature.to_0x_hex()
        body = {"user_address": wallet, "order_ids": order_ids, "signature": signature}
        return self.http.post(f"{ORDERS}/cancel", json=body)

    def domain(self) -> dict[str, Any]:
        contract = self.chain["exchange_contract"]
        return {"name": "TegroDEX", "version": "1", "chainId": self.chain["id"], "verifyingContract": contract}


@pytest.fixture
def programs(localnet: BackgroundLocalnet, http: httpx.Client) -> tuple[OldConnector, OldBot]:
    wallets = [localnet.new_wallet(), localnet.new_wallet()]
    form = localnet.localnet.config.switches
    return OldConnector(http, wallets[0], localnet.chain_id), OldBot(http, wallets[1], localnet.chain_id, form)


def test_the_connectors_way_and_the_bots_way_trade_with_each_other(
    localnet: BackgroundLocalnet, programs: tuple[OldConnector, OldBot], http: httpx.Client, chain: Any
) -> None:
    connector, bot = programs
    form = localnet.localnet.config.switches
    bid = connector.place("WETH_USDC", "buy", "2999.87", "0.5")
    exponent = 18 if form.price_scaling == "e18" else 6
    assert bid["sign_data"]["message"]["price"] == str(int(Decimal("2999.87").scaleb(exponent)))
    members = [member["name"] for member in bid["sign_data"]["types"]["Order"]]
    assert members == list(MEMBERS)[: 8 if form.order_schema == "expiry" else 7]
    assert set(bid["sign_data"]["message"]) == set(json.loads(bid["limit_order"]["raw_order_data"])) == set(members)
    reply = bot.place("WETH_USDC", "sell", "2999.87", "0.2")
    assert reply.status_code == 200, reply.text
    assert reply.json()["price_precision"] == bid["order"]["price_precision"] == bid["limit_order"]["price_precision"]
    assert localnet.call(localnet.localnet.settlement.settle_batch()) == 1
    [trade] = http.get(f"{ORDERS}/trades/{reply.json()['order_id']}").json()
    assert (trade["state"], trade["price"], trade["amount"]) == ("success", "2999.87", "0.2")
    assert chain.balance_wei("USDC", bot.account.address) == 100_000 * 10**6 + 599_974_000
    assert chain.balance_wei("WETH", connector.account.address) == 100 * 10**18 + 2 * 10**17
    cancelled = connector.cancel(bid["order"]["order_id"])
    assert cancelled.json() == {"cancelled_order_ids": [bid["order"]["order_id"]]}


def test_the_bot_cancels_what_it_finds_active(programs: tuple[OldConnector, OldBot]) -> None:
    _, bot = programs
    placed = [bot.place("WBTC_USDC", "buy", price, "0.1").json()["order_id"] for price in ("90000", "90000.5")]
    assert sorted(bot.active()) == sorted(placed)
    assert bot.cancel(bot.active()).status_code == 200
    assert bot.active() == []


def test_an_order_of_another_generation_is_refused(
    localnet: BackgroundLocalnet, programs: tuple[OldConnector, OldBot]
) -> None:
    _, bot = programs
    form = localnet.localnet.config.switches
    bot.form = form.changed({"order_schema": "no_expiry" if form.order_schema == "expiry" else "expiry"})
    reply = bot.place("WETH_USDC", "buy", "100", "1")
    assert reply.status_code == 400
    assert "order_hash does not belong to raw_order_data" in reply.json()["error"]


def test_a_price_finer_than_the_quote_token_needs_the_newest_scaling(
    localnet: BackgroundLocalnet, http: httpx.Client, programs: tuple[OldConnector, OldBot]
) -> None:
    wish = {"chain_id": localnet.chain_id, "wallet_address": programs[0].account.address, "side": "buy"}
    wish |= {"market_symbol": "TEGRO_USDC", "amount": "1000", "price": "0.0500001"}
    error = http.post(f"{ORDERS}/typedData/generate", json=wish).json()["error"]
    assert "decimals" in error or "tick size" in error
