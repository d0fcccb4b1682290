"""A loopback server that does the same little work in two dialects: Tegro's, and that of Binance's spot API.

Used by `bench/connector.py`. Orders are taken and listed, books have the same two levels, changes come when asked for.
"""

import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from aiohttp import web

type Side = list[tuple[str, str]]
"""Price and total of some levels."""
type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

QUOTE_ADDRESS: Final = "0x" + "ff" * 20
CHAIN_ID: Final = 31337
START_PRICE: Final = 1000
MARKS: Final = ("1000.25", "1000.75")
"""The best bid that a flood of changes leaves, in turns: it shows that the last change is in a book."""


def base_symbols(count: int) -> list[str]:
    """Return made-up tokens."""
    return [f"T{number:02d}" for number in range(count)]


def base_address(symbol: str) -> str:
    """Return the address of one."""
    return "0x" + symbol.encode().hex().rjust(40, "0")


class Stub:
    """Both venues, with as many pairs as asked for."""

    def __init__(self, pairs: int) -> None:
        self._symbols = base_symbols(pairs)
        self._ids = itertools.count(1)
        self._update_ids = itertools.count(100)
        self._tegro_orders: dict[str, dict[str, Any]] = {}
        self._binance_orders: dict[str, dict[str, Any]] = {}
        self._sockets: dict[str, list[web.WebSocketResponse]] = {"tegro": [], "binance": []}
        self._marks = {dialect: itertools.cycle([MARKS, MARKS[::-1]]) for dialect in self._sockets}
        self._requests: Counter[str] = Counter()

    def serve(self, listener: socket.socket) -> None:
        """Serve until the process ends."""
        application = web.Application(middlewares=[self._count])
        add = application.router.add_route
        add("GET", "/api/v1/exchange/chain/list", lambda _: reply([self._chain()]))
        add("GET", "/api/v1/exchange/{chain}/market/list", self._tegro_markets)
        add("GET", "/api/v1/exchange/{chain}/market/{id}", self._tegro_market)
        add("GET", "/api/v1/orderbook/depth", lambda _: reply(self._tegro_book()))
        add("GET", "/api/v1/accounts/{chain}/{wallet}/portfolio", lambda _: reply(self._tegro_balances()))
        add("POST", "/api/v1/trading/market/orders/place", self._tegro_place)
        add("GET", "/api/v1/trading/market/orders/user/{wallet}", self._tegro_list)
        add("GET", "/api/v1/events/ws", lambda request: self._follow(request, "tegro"))
        add("GET", "/api/v3/ping", lambda _: reply({}))
        add("GET", "/api/v3/time", lambda _: reply({"serverTime": now_ms()}))
        add(
            "GET",
            "/api/v3/exchangeInfo",
            lambda _: reply({"symbols": [self._binance_market(s) for s in self._symbols]}),
        )
        add("GET", "/api/v3/depth", lambda _: reply(self._binance_book()))
        add("GET", "/api/v3/account", lambda _: reply({"balances": self._binance_balances()}))
        add("GET", "/api/v3/myTrades", lambda _: reply([]))
        add("GET", "/api/v3/ticker/24hr", lambda _: reply({"lastPrice": str(START_PRICE)}))
        add("POST", "/api/v3/order", self._binance_place)
        add("GET", "/api/v3/order", self._binance_order)
        add("GET", "/binance/ws", lambda request: self._follow(request, "binance"))
        add("GET", "/binance/ws-api", self._binance_account_stream)
        add("POST", "/flood/{dialect}/{count}", self._flood)
        add("POST", "/requests", self._take_counts)
        add("POST", "/forget", self._forget)
        web.run_app(application, sock=listener, print=None, access_log=None, handle_signals=False)

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._requests[request.path] += 1
        return await handler(request)

    async def _forget(self, _: web.Request) -> web.Response:
        self._tegro_orders.clear()
        self._binance_orders.clear()
        return web.json_response({})

    async def _take_counts(self, _: web.Request) -> web.Response:
        found, self._requests = dict(self._requests), Counter()
        return web.json_response(found)

    # Tegro's dialect

    def _chain(self) -> dict[str, Any]:
        return {
            "id": CHAIN_ID,
            "name": "localnet",
            "exchange_contract": "0xa492c74aac592f7951d98000a602a22157019563",
            "settlement_contract": "0x" + "11" * 20,
            "min_order_value": "2000000",
            "fee": 0.05,
            "default_quote_token_symbol": "USDC",
            "default_quote_token_contract_address": QUOTE_ADDRESS,
        }

    def _tegro_row(self, symbol: str) -> dict[str, Any]:
        return {
            "id": f"{CHAIN_ID}_{base_address(symbol)}_{QUOTE_ADDRESS}",
            "symbol": f"{symbol}_USDC",
            "chainId": CHAIN_ID,
            "state": "verified",
            "base_contract_address": base_address(symbol),
            "base_symbol": symbol,
            "base_decimal": 18,
            "base_precision": 6,
            "quote_contract_address": QUOTE_ADDRESS,
            "quote_symbol": "USDC",
            "quote_decimal": 6,
            "quote_precision": 2,
            "ticker": {"price": START_PRICE, "base_volume": 1, "quote_volume": START_PRICE},
        }

    async def _tegro_markets(self, request: web.Request) -> web.Response:
        is_first = request.query.get("page", "1") == "1"
        return web.json_response([self._tegro_row(symbol) for symbol in self._symbols] if is_first else [])

    async def _tegro_market(self, request: web.Request) -> web.Response:
        rows = [self._tegro_row(symbol) for symbol in self._symbols]
        return web.json_response(next(row for row in rows if row["id"] == request.match_info["id"]))

    def _tegro_book(self) -> dict[str, Any]:
        bids = [{"price": str(START_PRICE - 1), "quantity": "1"}]
        asks = [{"price": str(START_PRICE + 1), "quantity": "1"}]
        return {"timestamp": now_ms() // 1000, "bids": bids, "asks": asks}

    def _tegro_balances(self) -> list[dict[str, Any]]:
        tokens = [(base_address(symbol), symbol, 18) for symbol in self._symbols]
        return [
            {"address": address, "balance": "1000000000", "symbol": symbol, "decimal": decimals, "placed_amount": 0}
            for address, symbol, decimals in [*tokens, (QUOTE_ADDRESS, "USDC", 6)]
        ]

    async def _tegro_place(self, request: web.Request) -> web.Response:
        body = await request.json()
        raw = json.loads(body["raw_order_data"])
        order = {
            "order_id": f"00000000-0000-4000-8000-{next(self._ids):012d}",
            "order_hash": body["order_hash"].removeprefix("0x"),
            "market_id": body["market_id"],
            "side": "buy" if raw["isBuy"] else "sell",
            "quantity": str(int(raw["totalQuantity"]) / 10**18),
            "quantity_filled": "0",
            "quantity_pending": "0",
            "price": str(int(raw["price"]) / 10**18),
            "avg_price": "0",
            "status": "open",
            "cancel": {"reason": "", "code": 0},
            "timestamp": now_ms(),
        }
        self._tegro_orders[order["order_id"]] = order
        return web.json_response(order)

    async def _tegro_list(self, request: web.Request) -> web.Response:
        if request.query.get("statuses", "").startswith(("completed", "cancelled", "matched")):
            return web.json_response([])
        page, size = int(request.query.get("page", 1)), int(request.query.get("page_size", 20))
        return web.json_response(list(self._tegro_orders.values())[(page - 1) * size : page * size])

    # Binance's dialect

    def _binance_market(self, symbol: str) -> dict[str, Any]:
        return {
            "symbol": f"{symbol}USDC",
            "status": "TRADING",
            "baseAsset": symbol,
            "quoteAsset": "USDC",
            "permissionSets": [["SPOT"]],
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.000001", "stepSize": "0.000001"},
                {"filterType": "NOTIONAL", "minNotional": "2"},
            ],
        }

    def _binance_book(self) -> dict[str, Any]:
        bids, asks = [[str(START_PRICE - 1), "1"]], [[str(START_PRICE + 1), "1"]]
        return {"lastUpdateId": next(self._update_ids), "bids": bids, "asks": asks}

    def _binance_balances(self) -> list[dict[str, str]]:
        return [{"asset": symbol, "free": "1000000000", "locked": "0"} for symbol in [*self._symbols, "USDC"]]

    async def _binance_place(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text) if text.startswith("{") else dict(parse_qsl(text))
        order = {
            "symbol": body["symbol"],
            "orderId": next(self._ids),
            "clientOrderId": body["newClientOrderId"],
            "transactTime": now_ms(),
            "updateTime": now_ms(),
            "status": "NEW",
        }
        self._binance_orders[order["clientOrderId"]] = order
        return web.json_response(order)

    async def _binance_order(self, request: web.Request) -> web.Response:
        return web.json_response(self._binance_orders[request.query["origClientOrderId"]])

    async def _binance_account_stream(self, request: web.Request) -> web.WebSocketResponse:
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        async for message in ours:
            await ours.send_json({"id": message.json()["id"], "status": 200, "result": {}})
            await ours.send_json({"subscriptionId": 1, "event": {"e": "hello"}})
        return ours

    # Streams

    async def _follow(self, request: web.Request, dialect: str) -> web.WebSocketResponse:
        """Keep a socket that has subscribed to the first pair's book; what others have asked for never happens."""
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        wanted = (base_address(self._symbols[0]), f"{self._symbols[0].lower()}usdc@depth")
        async for message in ours:
            if any(channel in message.data for channel in wanted) and ours not in self._sockets[dialect]:
                self._sockets[dialect].append(ours)
        if ours in self._sockets[dialect]:
            self._sockets[dialect].remove(ours)
        return ours

    async def _flood(self, request: web.Request) -> web.Response:
        """Send changes of the first pair's book, 5 levels a side; the last one leaves the next mark as the best bid."""
        dialect, count = request.match_info["dialect"], int(request.match_info["count"])
        mark, last_mark = next(self._marks[dialect])
        frames = [json.dumps(self._frame(dialect, *sides)) for sides in flood_of(count, mark, last_mark)]
        for each in list(self._sockets[dialect]):
            for frame in frames:
                await each.send_str(frame)
        return web.json_response({"mark": mark})

    def _frame(self, dialect: str, bids: Side, asks: Side) -> dict[str, Any]:
        symbol = self._symbols[0]
        if dialect == "binance":
            update_id = next(self._update_ids)
            members = {"e": "depthUpdate", "E": now_ms(), "s": f"{symbol}USDC", "U": update_id, "u": update_id}
            return members | {"b": bids, "a": asks}
        rows = [[{"price": price, "quantity": quantity} for price, quantity in side] for side in (bids, asks)]
        data = {"symbol": f"{symbol}_USDC", "timestamp": now_ms() // 1000, "bids": rows[0], "asks": rows[1]}
        return {"action": "order_book_diff", "data": data}


def flood_of(count: int, mark: str, last_mark: str) -> list[tuple[Side, Side]]:
    """Return changes of bids and asks, 5 levels a side; the last one puts a mark in place of the mark before it."""
    changes = [_change(f"{START_PRICE - 1}.{50 + number % 49}", number) for number in range(count - 1)]
    return [*changes, ([(mark, "1"), (last_mark, "0")], [])]


def _change(best: str, number: int) -> tuple[Side, Side]:
    bids = [(best, "0" if number % 2 else "1"), *((str(START_PRICE - 10 - step), "2") for step in range(4))]
    return bids, [(str(START_PRICE + 10 + step), str(1 + number % 7)) for step in range(5)]


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


async def reply(document: object) -> web.Response:
    """Answer with JSON."""
    return web.json_response(document)
