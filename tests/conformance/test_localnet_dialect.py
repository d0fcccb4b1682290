"""Localnet against the protocol page, endpoint by endpoint and event by event, on raw HTTP and WebSocket frames.

The tables below were written from docs/protocol.md, not from the code: names, spellings and JSON types of every member.
"""

import asyncio
import json
import secrets
from decimal import Decimal
from typing import Any

import aiohttp
import httpx
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data

from tegro_localnet.config import LocalnetConfig

DEADLINE_SECS = 60
ORDERS = "/api/v1/trading/market/orders"

CHAIN = {
    **dict.fromkeys(("id", "gas_per_trade", "default_gas_limit", "fee", "native_token_price", "gas_price"), "number"),
    **dict.fromkeys(("name", "default_quote_token_symbol", "default_quote_token_contract_address"), "string"),
    **dict.fromkeys(("exchange_contract", "settlement_contract", "logo", "min_order_value"), "string"),
    **dict.fromkeys(("native_token_symbol", "native_token_symbol_id"), "string"),
    "Active": "boolean",
}
TICKER = {
    **dict.fromkeys(("base_volume", "quote_volume", "price", "price_change_24h", "price_high_24h"), "number"),
    **dict.fromkeys(("price_low_24h", "ask_low", "bid_high"), "number"),
}
MARKET = {
    **dict.fromkeys(("id", "symbol", "state", "base_contract_address", "base_symbol"), "string"),
    **dict.fromkeys(("quote_contract_address", "quote_symbol"), "string"),
    **dict.fromkeys(("base_decimal", "base_precision", "quote_decimal", "quote_precision"), "number"),
    **dict.fromkeys(("chainId", "chain_id"), "number"),
    "ticker": TICKER,
}
LEVEL = {"price": "string", "quantity": "string"}
ORDER = {
    **dict.fromkeys(("order_id", "order_hash", "market_id", "side", "base_currency", "quote_currency"), "string"),
    **dict.fromkeys(("contract_address", "quantity", "quantity_filled", "quantity_pending", "price"), "string"),
    **dict.fromkeys(("avg_price", "price_precision", "volume_precision", "total", "fee", "status"), "string"),
    "cancel": {"reason": "string", "code": "number"},
    "timestamp": "number",
}
TRADE = {
    **dict.fromkeys(("id", "symbol", "state", "taker_fee", "maker_fee", "taker", "maker"), "string"),
    "timestamp": "number",
    "is_buyer_maker": "boolean",
}
REST_TRADE = TRADE | {
    "market_id": "string",
    "tx_hash": "string",
    "price": "string",
    "amount": "string",
    "fee": "number",
}
EVENT_TRADE = TRADE | {"marketId": "string", "txHash": "string", "price": "number", "amount": "number"}
HOLDING = {
    **dict.fromkeys(("address", "balance", "symbol", "type"), "string"),
    **dict.fromkeys(("decimal", "price", "price_change_24_h", "placed_amount"), "number"),
}
FIELD = {"name": "string", "type": "string"}
DOMAIN = {"name": "string", "version": "string", "chainId": "number", "verifyingContract": "string"}
MESSAGE = {
    **dict.fromkeys(("baseToken", "quoteToken", "price", "totalQuantity", "salt", "maker", "expiryTime"), "string"),
    "isBuy": "boolean",
}
PLACE_BODY = {
    **dict.fromkeys(("chain_id", "side"), "number"),
    **dict.fromkeys(("base_asset", "quote_asset", "volume_precision", "price_precision", "order_hash"), "string"),
    **dict.fromkeys(("raw_order_data", "signed_order_type", "market_id", "market_symbol"), "string"),
    "signature": "null",
}


def sign_data(primary_type: str, message: Any) -> dict[str, Any]:
    types = {"EIP712Domain": [FIELD], primary_type: [FIELD]}
    return {"types": types, "primaryType": "string", "domain": DOMAIN, "message": message}


def shape(value: Any) -> Any:
    """Return names and JSON types: objects by member, lists by their first item."""
    match value:
        case dict():
            return {name: shape(member) for name, member in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case None:
            return "null"
        case _:
            return "string"


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle only when a test says so."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000)


@pytest.fixture(scope="module")
def http(localnet: Any) -> Any:
    with httpx.Client(base_url=localnet.rest_url, timeout=DEADLINE_SECS) as client:
        yield client


class Program:
    """A program of the old connector's way: it signs what the venue writes."""

    def __init__(self, localnet: Any, http: httpx.Client) -> None:
        wallet = localnet.new_wallet()
        self.http, self.chain_id, self.account = http, localnet.chain_id, Account.from_key(wallet.key)
        self.wallet = wallet.address

    def sign(self, data: dict[str, Any]) -> str:
        return self.account.sign_message(encode_typed_data(full_message=data)).signature.to_0x_hex()

    def generate(self, side: str, price: str, amount: str) -> Any:
        wish = {"chain_id": self.chain_id, "wallet_address": self.account.address, "market_symbol": "WETH_USDC"}
        wish |= {"side": side, "price": price, "amount": amount}
        return self.http.post(f"{ORDERS}/typedData/generate", json=wish).json()

    def place(self, side: str, price: str, amount: str) -> Any:
        proposal = self.generate(side, price, amount)
        body = proposal["limit_order"] | {"signature": self.sign(proposal["sign_data"])}
        reply = self.http.post(f"{ORDERS}/place", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def generate_cancel(self, order_id: str) -> Any:
        body = {"order_ids": [order_id], "user_address": self.wallet}
        return self.http.post(f"{ORDERS}/typedData/generateCancelOrder", json=body).json()

    def cancel_all(self, path: str) -> Any:
        signature = self.account.sign_message(encode_defunct(text=self.wallet)).signature.to_0x_hex()
        body = {"chain_id": self.chain_id, "wallet_address": self.wallet, "signature": signature}
        return self.http.post(f"{ORDERS}/{path}", json=body).json()


@pytest.fixture(scope="module")
def traded(localnet: Any, http: httpx.Client) -> dict[str, Any]:
    """Two programs that have traded: one order is partly filled, one is filled."""
    maker, taker = Program(localnet, http), Program(localnet, http)
    ask = maker.place("sell", "3000", "2")
    bid = taker.place("buy", "3000", "0.5")
    assert localnet.call(localnet.localnet.settlement.settle_batch()) == 1
    maker.place("buy", "2000", "1")
    return {"maker": maker, "taker": taker, "ask": ask, "bid": bid, "market_id": ask["market_id"]}


READS = {
    "4.1": ("/api/v1/exchange/chain/list", [CHAIN]),
    "4.2": (
        "/api/v1/exchange/{chain}/market/list?page=1&sort_order=desc&sort_by=volume&page_size=20&verified=true",
        [MARKET],
    ),
    "4.2 by symbol": ("/api/v1/exchange/{chain}/market/list?market_symbol=WETH_USDC", [MARKET]),
    "4.2 by id": ("/api/v1/exchange/{chain}/market/list?market_id={market}", [MARKET]),
    "4.3": ("/api/v1/exchange/{chain}/market/{market}", MARKET),
    "4.4 by id": (
        "/api/v1/orderbook/depth?chain_id={chain}&market_id={market}",
        {"timestamp": "number", "bids": [LEVEL], "asks": [LEVEL]},
    ),
    "4.4 by symbol": (
        "/api/v1/orderbook/depth?chain_id={chain}&market_symbol=WETH_USDC",
        {"timestamp": "number", "bids": [LEVEL], "asks": [LEVEL]},
    ),
    "4.5": (
        "/api/v1/exchange/{chain}/market/trades?market_id={market}&chain_id={chain}&limit=10",
        [REST_TRADE],
    ),
    "4.6": (
        "/api/v1/exchange/{chain}/market/chart?market_id={market}&chain_id={chain}&interval=300&from=0&to=9999999999999",
        [dict.fromkeys(("time", "open", "high", "low", "close"), "number")],
    ),
    "4.12": (ORDERS + "/user/{wallet}?chain_id={chain}", [ORDER]),
    "4.12 active": (ORDERS + "/user/{wallet}?chain_id={chain}&statuses=active&market_id={market}", [ORDER]),
    "4.12 by id": (ORDERS + "/user/{wallet}?chain_id={chain}&order_id={ask}", [ORDER]),
    "4.12 by query": (ORDERS + "/user?chain_id={chain}&user_address={wallet}", [ORDER]),
    "4.13": (ORDERS + "/trades/{ask}", [REST_TRADE]),
    "4.14": ("/api/v1/accounts/{chain}/{wallet}/portfolio", [HOLDING]),
    "4.15": ("/api/v1/accounts/{chain}/balances/{wallet}/{token}", "number"),
    "4.16": ("/api/v1/trading/health", {"status": "string"}),
}


@pytest.mark.parametrize("section", READS)
def test_what_is_read_has_the_documented_form(
    localnet: Any, http: httpx.Client, traded: dict[str, Any], section: str
) -> None:
    path, expected = READS[section]
    named = {"chain": localnet.chain_id, "market": traded["market_id"], "ask": traded["ask"]["order_id"]}
    named |= {"wallet": traded["maker"].wallet, "token": localnet.deployment.tokens["USDC"]}
    reply = http.get(path.format(**named))
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].startswith("application/json")
    assert shape(reply.json()) == expected


@pytest.mark.parametrize("interval", [300, 900, 3600, 14_400, 86_400, 604_800, 60, 1800])
def test_the_chart_serves_the_six_documented_intervals(
    localnet: Any, http: httpx.Client, traded: dict[str, Any], interval: int
) -> None:
    path = f"/api/v1/exchange/{localnet.chain_id}/market/chart"
    reply = http.get(path, params={"market_id": traded["market_id"], "interval": interval})
    assert reply.status_code == (400 if interval in (60, 1800) else 200)


def test_what_is_proposed_and_placed_has_the_documented_form(localnet: Any, http: httpx.Client) -> None:
    program = Program(localnet, http)
    proposal = program.generate("sell", "3100.25", "0.5")
    assert shape(proposal) == {"limit_order": PLACE_BODY, "sign_data": sign_data("Order", MESSAGE)}
    body, message = proposal["limit_order"], proposal["sign_data"]["message"]
    assert body["raw_order_data"] == json.dumps(message, sort_keys=True, separators=(",", ":")), "keys in sorted order"
    assert (body["price_precision"], body["volume_precision"]) == (str(310025 * 10**16), str(5 * 10**17))
    assert (body["base_asset"], body["quote_asset"]) == (message["baseToken"], message["quoteToken"]), (
        "a sell pays base"
    )
    bid = program.generate("buy", "100", "1")["limit_order"]
    assert (bid["base_asset"], bid["quote_asset"]) == (message["quoteToken"], message["baseToken"]), "a buy pays quote"
    assert (body["side"], bid["side"], body["signed_order_type"]) == (0, 1, "tegro")
    order = program.place("sell", "3100.25", "0.5")
    assert shape(order) == ORDER
    assert (order["status"], order["side"], order["cancel"]) == ("open", "sell", {"reason": "", "code": 0})
    assert len(order["order_hash"]) == 64, "without 0x"
    assert Decimal(order["total"]) == Decimal("1550.125")


def test_cancels_have_the_documented_form(localnet: Any, http: httpx.Client) -> None:
    program = Program(localnet, http)
    order = program.place("sell", "3200", "0.5")
    proposal = program.generate_cancel(order["order_id"])
    message = {"orderIds": ["string"], "user": "string"}
    cancel_order = {"order_ids": ["string"], "user_address": "string"}
    assert shape(proposal) == {"sign_data": sign_data("CancelOrder", message), "cancel_order": cancel_order}
    signature = program.sign(proposal["sign_data"])
    body = proposal["cancel_order"] | {"Signature": signature}
    assert http.post(f"{ORDERS}/cancel", json=body).json() == {"cancelled_order_ids": [order["order_id"]]}
    refusals = [
        http.post(f"{ORDERS}/cancel", json=body),
        http.post(f"{ORDERS}/typedData/generateCancelOrder", json=proposal["cancel_order"]),
    ]
    assert [(reply.status_code, shape(reply.json())) for reply in refusals] == [(400, {"error": "string"})] * 2
    assert "Order not found" in refusals[0].json()["error"]
    assert "Orders not found" in refusals[1].json()["error"]
    for path in ("cancel-all", "cancelAll"):
        kept = program.place("sell", "3300", "0.5")["order_id"]
        assert kept in program.cancel_all(path)["cancelled_order_ids"]


class Listener:
    """A raw socket and the frames that came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket, self.frames = socket, []

    async def follow(self, channel: str) -> None:
        """Subscribe. There is no acknowledgement: the answer to a frame without a meaning says that it was read."""
        await self.socket.send_str(json.dumps({"action": "subscribe", "channelId": channel}))
        await self.socket.send_str(json.dumps({"action": secrets.token_hex(4), "channelId": "x"}))
        await self.until("error")
        self.frames.clear()

    async def until(self, action: str, times: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_SECS):
            while times:
                frame = json.loads((await self.socket.receive()).data)
                self.frames.append(frame)
                times -= frame["action"] == action

    @property
    def actions(self) -> list[str]:
        return [frame["action"] for frame in self.frames]


async def test_events_have_the_documented_form_and_order(localnet: Any, http: httpx.Client) -> None:
    """Protocol 5.5 and 8.2 to 8.6."""
    maker, taker = await asyncio.to_thread(lambda: (Program(localnet, http), Program(localnet, http)))
    base = localnet.deployment.tokens["WETH"]
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(localnet.stream_url) as private,
        session.ws_connect(localnet.stream_url) as public,
    ):
        wallet, market = Listener(private), Listener(public)
        await wallet.follow(maker.account.address)
        await market.follow(f"{localnet.chain_id}/{base}")
        ask = await asyncio.to_thread(maker.place, "sell", "2500", "1")
        await asyncio.to_thread(taker.place, "buy", "2500", "0.4")
        localnet.call(localnet.localnet.settlement.settle_batch())
        await wallet.until("order_trade_processed")
        proposal = await asyncio.to_thread(maker.generate_cancel, ask["order_id"])
        body = proposal["cancel_order"] | {"signature": maker.sign(proposal["sign_data"])}
        await asyncio.to_thread(lambda: http.post(f"{ORDERS}/cancel", json=body))
        await wallet.until("order_submitted")
        await market.until("order_book_diff", 3)
    assert wallet.actions == [
        *("order_placed", "order_submitted"),
        *("user_trade_created", "order_submitted"),
        *("user_trade_updated", "order_trade_processed"),
        "order_submitted",
    ]
    assert market.actions == ["order_book_diff", "trade_created", "order_book_diff", "trade_updated", "order_book_diff"]
    for frame in [*wallet.frames, *market.frames]:
        assert set(frame) == {"action", "data"}
        if "trade" in frame["action"] and frame["action"] != "order_trade_processed":
            assert shape(frame["data"]) == EVENT_TRADE
        elif frame["action"] == "order_book_diff":
            diff = {"timestamp": "number", "symbol": "string", "bids": "null", "asks": [LEVEL]}
            assert shape(frame["data"]) == diff
        else:
            assert shape(frame["data"]) == ORDER
    orders = [frame["data"] for frame in wallet.frames if frame["action"].startswith("order_")]
    assert [(o["status"], o["quantity_pending"], o["quantity_filled"], o["cancel"]["code"]) for o in orders] == [
        ("open", "0", "0", 0),
        ("open", "0", "0", 0),
        ("open", "0.4", "0", 0),
        ("open", "0", "0.4", 0),
        ("cancelled", "0", "0.4", 611),
    ]
    assert orders[-1]["cancel"]["reason"] == "user_cancel"
    asks = [frame["data"]["asks"] for frame in market.frames if frame["action"] == "order_book_diff"]
    assert asks == [[{"price": "2500", "quantity": quantity}] for quantity in ("1", "0.6", "0")]
