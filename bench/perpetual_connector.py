"""The perpetual connector beside Hummingbot's own binance_perpetual connector, both at localnet's perpetual venue.

What is compared: `buy()` until the order is open; a change on the socket until it is in Hummingbot's book; a status
cycle of 100 open orders. Both speak the same dialect to the same server, a process of its own. Only the book is not
the venue's: changes of it come when they are asked for. Rounds of the two take turns, and a ratio is the median of the
ratios inside each round. Exits with 3 where a target is missed.
"""

import argparse
import asyncio
import itertools
import json
import logging
import multiprocessing
import os
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

import aiohttp
import hummingbot
from aiohttp import web
from hummingbot.connector.derivative.binance_perpetual import binance_perpetual_constants
from hummingbot.connector.derivative.binance_perpetual.binance_perpetual_derivative import BinancePerpetualDerivative
from hummingbot.connector.derivative.tegro_perpetual.tegro_perpetual_derivative import TegroPerpetualDerivative
from hummingbot.connector.perpetual_derivative_py_base import PerpetualDerivativePyBase
from hummingbot.core.data_type.common import PositionAction
from support.exit_status import exit_status
from support.side_by_side import MOST_TIMES_OF_A_CHANGE, OPEN_ORDERS, OURS, THEIRS, Bench, Table, in_turns
from support.venue_stub import MARKS, START_PRICE, flood_of

from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.commands import CancelAll
from tegro_localnet.perpetual.engine.contract import EXAMPLE_BRACKETS, Contract
from tegro_localnet.perpetual.engine.units import E18
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.venue import PerpetualVenue

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

SYMBOL, PAIR = "T00USDT", "T00-USDT"
CONTRACT: Final = Contract(
    symbol=SYMBOL,
    base="T00",
    quote="USDT",
    price_decimals=2,
    quantity_decimals=3,
    start_price_e18=START_PRICE * E18,
    brackets=EXAMPLE_BRACKETS,
)
PRICE: Final = Decimal(START_PRICE - 10)
"""Within the distance from the mark price that the venue allows."""
ORDERS_IN_A_ROUND: Final = 10
"""So few that binance_perpetual's own limit, 300 in 10 seconds, does not hold it back."""
CHANGES_IN_A_ROUND: Final = 1000
STREAMS: Final = {OURS: f"{SYMBOL.lower()}@depth@100ms", THEIRS: f"{SYMBOL.lower()}@depth"}
"""What each of the two subscribes to for changes of the book."""
BOOK_PATHS: Final = ("/fapi/v1/depth", "/public/stream")
FIRST_UPDATE: Final = 100


class Server:
    """The venue, with a book of its own in place of the venue's."""

    def __init__(self) -> None:
        config = PerpetualConfig(contracts=(CONTRACT,))
        self._venue = PerpetualVenue(config, lambda: time.time_ns() // 10**6, random.Random(1))
        self._sockets: dict[str, list[web.WebSocketResponse]] = {name: [] for name in STREAMS}
        self._marks = {name: itertools.cycle([MARKS, MARKS[::-1]]) for name in STREAMS}
        self._last_ids = dict.fromkeys(STREAMS, FIRST_UPDATE)
        self._requests: Counter[str] = Counter()

    def run(self, listener: socket.socket) -> None:
        """Serve until the process is ended."""
        asyncio.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        application = web.Application(middlewares=[self._count])
        kept = [route for route in PerpetualDoors(self._venue).routes() if route.path not in BOOK_PATHS]
        snapshot, stream = BOOK_PATHS
        own = [
            web.get(snapshot, self._snapshot),
            web.get(stream, self._follow),
            web.post("/flood/{name}/{count}", self._flood),
            web.post("/requests", self._take_counts),
            web.post("/forget", self._forget),
        ]
        application.add_routes([*own, *kept])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        await self._venue.run()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self._requests[request.path] += 1
        return await handler(request)

    async def _take_counts(self, _: web.Request) -> web.Response:
        found, self._requests = dict(self._requests), Counter()
        return web.json_response(found)

    async def _forget(self, _: web.Request) -> web.Response:
        for account_id in list(self._venue.state.accounts):
            self._venue.apply(CancelAll(account_id=account_id, symbol=SYMBOL))
        return web.json_response({})

    async def _snapshot(self, _: web.Request) -> web.Response:
        bids, asks = [[str(START_PRICE - 1), "1"]], [[str(START_PRICE + 1), "1"]]
        now_ms = time.time_ns() // 10**6
        return web.json_response({"lastUpdateId": FIRST_UPDATE, "E": now_ms, "T": now_ms, "bids": bids, "asks": asks})

    async def _follow(self, request: web.Request) -> web.WebSocketResponse:
        ours = web.WebSocketResponse()
        await ours.prepare(request)
        async for message in ours:
            wanted = message.json()
            await ours.send_json({"result": None, "id": wanted["id"]})
            for name, stream in STREAMS.items():
                if stream in wanted["params"]:
                    self._sockets[name].append(ours)
        for sockets in self._sockets.values():
            if ours in sockets:
                sockets.remove(ours)
        return ours

    async def _flood(self, request: web.Request) -> web.Response:
        """Send changes of the book; the last one leaves the next mark as the best bid."""
        name, count = request.match_info["name"], int(request.match_info["count"])
        mark, last_mark = next(self._marks[name])
        frames = [self._frame(name, bids, asks) for bids, asks in flood_of(count, mark, last_mark)]
        for each in list(self._sockets[name]):
            for frame in frames:
                await each.send_str(frame)
        return web.json_response({"mark": mark})

    def _frame(self, name: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> str:
        last_id = self._last_ids[name]
        self._last_ids[name] = fresh_id = last_id + 1
        now_ms = time.time_ns() // 10**6
        ids = {"U": fresh_id, "u": fresh_id, "pu": last_id}
        data = {"e": "depthUpdate", "E": now_ms, "T": now_ms, "s": SYMBOL, **ids, "b": bids, "a": asks}
        return json.dumps({"stream": STREAMS[name], "data": data})


class Makers:
    """Makes the two connectors, each for an account of its own."""

    def __init__(self, keys: dict[str, tuple[str, str]]) -> None:
        self._keys = keys

    def tegro(self, pairs: list[str]) -> PerpetualDerivativePyBase:
        """Make our connector."""
        return TegroPerpetualDerivative(*self._keys[OURS], trading_pairs=pairs, domain="tegro_perpetual_localnet")

    def binance(self, pairs: list[str]) -> PerpetualDerivativePyBase:
        """Make Hummingbot's."""
        key, secret = self._keys[THEIRS]
        return BinancePerpetualDerivative(
            binance_perpetual_api_key=key, binance_perpetual_api_secret=secret, trading_pairs=pairs
        )


async def open_account(session: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    """Open an account and return its key and secret."""
    async with session.post(f"{url}/localnet/perpetual/api-keys", json={"deposit": "1000000"}) as answer:
        opened = await answer.json()
    return opened["apiKey"], opened["apiSecret"]


async def measure(url: str, rounds: int) -> bool:
    """Measure everything and print it; return whether every target was met."""
    table = Table()
    table.head()
    async with aiohttp.ClientSession() as session:
        makers = Makers({name: await open_account(session, url) for name in STREAMS})
        both = {OURS: makers.tegro, THEIRS: makers.binance}
        bench = Bench(url, session, both, [PAIR], PRICE, position_action=PositionAction.OPEN)
        connectors = {name: (await bench.started(name, 1))[0] for name in STREAMS}
        found = await in_turns(rounds, lambda name: bench.changes(name, connectors[name], CHANGES_IN_A_ROUND))
        table.row("a change of 5 levels a side, socket to book, CPU us (us)", found, MOST_TIMES_OF_A_CHANGE)
        found = await in_turns(rounds, lambda name: bench.place(connectors[name], ORDERS_IN_A_ROUND))
        table.row("buy() until the order is open, us (CPU us)", found)
        for connector in connectors.values():
            await connector.stop_network()
        table.row(f"status cycle of {OPEN_ORDERS} open orders, ms (requests)", await in_turns(1, bench.status_cycle))
    return table.is_met


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    options = arguments.parse_args()
    logging.disable(logging.CRITICAL)
    listener = socket.create_server(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=Server().run, args=(listener,), daemon=True)
    server.start()
    origin = f"127.0.0.1:{listener.getsockname()[1]}"
    binance_perpetual_constants.PERPETUAL_BASE_URL = f"http://{origin}/fapi/"
    binance_perpetual_constants.PERPETUAL_WS_URL = f"ws://{origin}/"
    try:
        with tempfile.TemporaryDirectory() as folder:
            hummingbot.set_data_path(folder)
            settings = Path(folder) / "tegro.toml"
            settings.write_text(f'[perpetual.localnet]\nrest_url = "http://{origin}"\n')
            os.environ["TEGRO_SETTINGS"] = str(settings)
            is_met = asyncio.run(measure(f"http://{origin}", options.rounds))
    finally:
        server.terminate()
        server.join()
    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
