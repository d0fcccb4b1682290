"""Shared helpers: a trader that signs with eth-account, HTTP, WebSocket, and the chain seen through web3.

Nothing of the venue's own signing is used here, so that the two sides cannot share a mistake.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.faults import FaultBoard

ORDERS = "/api/v1/trading/market/orders"
DEADLINE_SECS = 60
TOKEN_ABI = [
    {
        "name": name,
        "type": "function",
        "stateMutability": mutability,
        "inputs": [{"name": f"a{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": output}],
    }
    for name, mutability, inputs, output in (
        ("balanceOf", "view", ("address",), "uint256"),
        ("transfer", "nonpayable", ("address", "uint256"), "bool"),
        ("approve", "nonpayable", ("address", "uint256"), "bool"),
        ("transferFrom", "nonpayable", ("address", "address", "uint256"), "bool"),
    )
]
ORDER_TYPE = {
    "Order": [
        {"name": "baseToken", "type": "address"},
        {"name": "quoteToken", "type": "address"},
        {"name": "price", "type": "uint256"},
        {"name": "totalQuantity", "type": "uint256"},
        {"name": "isBuy", "type": "bool"},
        {"name": "salt", "type": "uint256"},
        {"name": "maker", "type": "address"},
        {"name": "expiryTime", "type": "uint256"},
    ]
}
CANCEL_TYPE = {"CancelOrder": [{"name": "orderIds", "type": "string[]"}, {"name": "user", "type": "address"}]}


class Api:
    """JSON over HTTP; every answer is (status, parsed body)."""

    def __init__(self, session: aiohttp.ClientSession, root: str) -> None:
        self.session = session
        self.root = root

    async def get(self, path: str, **query: Any) -> tuple[int, Any]:
        async with self.session.get(self.root + path, params=query) as response:
            return response.status, await response.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        return await self._send("POST", path, body)

    async def put(self, path: str, body: Any) -> tuple[int, Any]:
        return await self._send("PUT", path, body)

    async def _send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.session.request(method, self.root + path, data=data) as response:
            return response.status, await response.json()


class Trader:
    """A wallet of the tests. It signs with eth-account and talks plain HTTP."""

    def __init__(self, localnet: BackgroundLocalnet, api: Api, key: str) -> None:
        self.localnet = localnet
        self.api = api
        self.account = Account.from_key(key)
        self.wallet = self.account.address.lower()
        self.domain = {
            "name": "TegroDEX",
            "version": "1",
            "chainId": localnet.chain_id,
            "verifyingContract": localnet.deployment.exchange,
        }

    def sign(self, types: dict[str, Any], message: dict[str, Any]) -> tuple[str, str]:
        """Return (digest, signature) as eth-account makes them."""
        signable = encode_typed_data(self.domain, types, message)
        digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
        return "0x" + digest.hex(), self.account.sign_message(signable).signature.to_0x_hex()

    def order_message(self, symbol: str, side: str, price: str, quantity: str, expiry: int = 0) -> dict[str, Any]:
        market = self.localnet.markets[symbol]
        return {
            "baseToken": market.base.address,
            "quoteToken": market.quote.address,
            "price": int(Decimal(price) * 10**18),
            "totalQuantity": int(Decimal(quantity) * 10**market.base.decimals),
            "isBuy": side == "buy",
            "salt": secrets.randbits(64),
            "maker": self.account.address,
            "expiryTime": expiry,
        }

    def place_body(self, symbol: str, message: dict[str, Any]) -> dict[str, Any]:
        market = self.localnet.markets[symbol]
        digest, signature = self.sign(ORDER_TYPE, message)
        tokens = (market.quote.address, market.base.address)
        paid, received = tokens if message["isBuy"] else tokens[::-1]
        raw = {name: value if isinstance(value, bool) else str(value) for name, value in message.items()}
        return {
            "chain_id": self.localnet.chain_id,
            "base_asset": paid,
            "quote_asset": received,
            "side": int(message["isBuy"]),
            "volume_precision": str(message["totalQuantity"]),
            "price_precision": str(message["price"]),
            "order_hash": digest,
            "raw_order_data": json.dumps(raw),
            "signature": signature,
            "signed_order_type": "tegro",
            "market_id": market.id,
            "market_symbol": symbol,
        }

    async def place(self, symbol: str, side: str, price: str, quantity: str, expiry: int = 0) -> dict[str, Any]:
        """Place an order that must be accepted."""
        body = self.place_body(symbol, self.order_message(symbol, side, price, quantity, expiry))
        status, reply = await self.api.post(f"{ORDERS}/place", body)
        assert status == 200, reply
        return reply

    def cancel_body(self, order_ids: list[str]) -> dict[str, Any]:
        _, signature = self.sign(CANCEL_TYPE, {"orderIds": order_ids, "user": self.wallet})
        return {"user_address": self.wallet, "order_ids": order_ids, "signature": signature}

    async def cancel(self, *order_ids: str) -> tuple[int, Any]:
        return await self.api.post(f"{ORDERS}/cancel", self.cancel_body(list(order_ids)))

    def sign_text(self, text: str) -> str:
        return self.account.sign_message(encode_defunct(text=text)).signature.to_0x_hex()

    async def orders(self, **query: Any) -> list[dict[str, Any]]:
        status, orders = await self.api.get(f"{ORDERS}/user/{self.wallet}", **query)
        assert status == 200, orders
        return orders

    async def order(self, order_id: str) -> dict[str, Any]:
        [order] = await self.orders(order_id=order_id)
        return order

    async def trades(self, order_id: str) -> list[dict[str, Any]]:
        status, trades = await self.api.get(f"{ORDERS}/trades/{order_id}")
        assert status == 200, trades
        return trades


class Chain:
    """The chain as web3.py sees it."""

    def __init__(self, localnet: BackgroundLocalnet) -> None:
        self.web3 = Web3(HTTPProvider(localnet.rpc_url))
        self.localnet = localnet

    def token(self, symbol: str) -> Any:
        address = self.web3.to_checksum_address(self.localnet.deployment.tokens[symbol])
        return self.web3.eth.contract(address=address, abi=TOKEN_ABI)

    def balance_wei(self, symbol: str, wallet: str) -> int:
        return self.token(symbol).functions.balanceOf(self.web3.to_checksum_address(wallet)).call()

    def send(self, trader: Trader, call: Any) -> None:
        """Send a contract call from a trader's wallet and wait until it is mined."""
        transaction = call.build_transaction(
            {
                "from": trader.account.address,
                "nonce": self.web3.eth.get_transaction_count(trader.account.address),
                "chainId": self.localnet.chain_id,
            }
        )
        tx_hash = self.web3.eth.send_raw_transaction(trader.account.sign_transaction(transaction).raw_transaction)
        assert self.web3.eth.wait_for_transaction_receipt(tx_hash, timeout=DEADLINE_SECS)["status"] == 1

    def move_away(self, trader: Trader, symbol: str, amount_wei: int | None = None) -> None:
        """Send a token, all of it unless told otherwise, to a wallet that nobody uses."""
        amount = self.balance_wei(symbol, trader.wallet) if amount_wei is None else amount_wei
        self.send(
            trader, self.token(symbol).functions.transfer(self.web3.to_checksum_address("0x" + "99" * 20), amount)
        )

    def approve(self, trader: Trader, symbol: str, amount_wei: int) -> None:
        spender = self.web3.to_checksum_address(self.localnet.deployment.exchange)
        self.send(trader, self.token(symbol).functions.approve(spender, amount_wei))


class Listener:
    """A WebSocket connection and everything it has received."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []

    async def command(self, action: str, *channels: str) -> None:
        """Subscribe or unsubscribe, and wait until the venue has read it.

        There is no acknowledgement, but frames are read in order: the answer to a meaningless one comes after.
        """
        for channel in channels:
            await self.socket.send_json({"action": action, "channelId": channel})
        mark = f"mark-{secrets.token_hex(4)}"
        await self.socket.send_json({"action": mark, "channelId": "x"})
        await self.until(lambda event: event["action"] == "error" and mark in event["data"]["error"])
        del self.events[-1]

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Read frames until one is wanted; return it."""
        async with asyncio.timeout(DEADLINE_SECS):
            while True:
                event = await self.socket.receive_json()
                self.events.append(event)
                if wanted(event):
                    return event

    def actions(self) -> list[str]:
        return [event["action"] for event in self.events]


@pytest.fixture
def empty_books(localnet: BackgroundLocalnet) -> None:
    """Begin without open orders and without matches that wait: another test of the module may have left some."""

    async def clear() -> None:
        venue = localnet.localnet.venue
        venue.end_orders(list(venue.orders.open_orders()), code=611)
        await localnet.localnet.settlement.settle_batch()

    localnet.call(clear())


@pytest.fixture
async def api(localnet: BackgroundLocalnet) -> AsyncIterator[Api]:
    async with aiohttp.ClientSession() as session:
        yield Api(session, localnet.rest_url)


@pytest.fixture
def chain(localnet: BackgroundLocalnet) -> Chain:
    return Chain(localnet)


@pytest.fixture
def trader(localnet: BackgroundLocalnet, api: Api) -> Callable[..., Trader]:
    """Make traders: funded with `amounts` (human units by symbol) and approved for them."""

    def make(amounts: dict[str, str] | None = None, *, approve: bool = True) -> Trader:
        given = None if amounts is None else {symbol: Decimal(amount) for symbol, amount in amounts.items()}
        return Trader(localnet, api, localnet.new_wallet(given, approve=approve).key)

    return make


@pytest.fixture
def trader_at() -> Callable[[Any, Api, str], Trader]:
    """Make a trader of a key at anything with `chain_id`, `deployment` and `markets`."""
    return Trader


@pytest.fixture
def api_at() -> Callable[[aiohttp.ClientSession, str], Api]:
    """Make the JSON API of a root URL."""
    return Api


@pytest.fixture
async def listen(localnet: BackgroundLocalnet, api: Api) -> AsyncIterator[Callable[..., Awaitable[Listener]]]:
    """Open connections that follow channels; they close with the test."""
    sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def connect(*channels: str) -> Listener:
        socket = await api.session.ws_connect(localnet.stream_url)
        sockets.append(socket)
        listener = Listener(socket)
        await listener.command("subscribe", *channels)
        return listener

    yield connect
    for socket in sockets:
        await socket.close()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Repeat a reading until it holds, or fail at the deadline."""

    async def wait(read: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(DEADLINE_SECS):
            while not holds(value := await read()):  # noqa: ASYNC110 - another thread changes what is read
                await asyncio.sleep(0.02)
        return value

    return wait


@pytest.fixture
def reach() -> Callable[[Callable[[], Any], Any], Awaitable[None]]:
    """Wait until what another thread changes is as wanted, or fail at the deadline."""

    async def wait(read: Callable[[], Any], wanted: Any) -> None:
        async with asyncio.timeout(DEADLINE_SECS):
            while read() != wanted:  # noqa: ASYNC110 - another thread changes what is read
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def faults(localnet: BackgroundLocalnet) -> Iterator[FaultBoard]:
    """The running localnet's faults; none is left after the test."""
    yield localnet.faults
    localnet.faults.clear()


@pytest.fixture
def someone(trader: Callable[..., Trader]) -> Trader:
    """A trader with 5000 USDC."""
    return trader({"USDC": "5000"})
