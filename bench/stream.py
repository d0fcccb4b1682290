"""How many book changes a second one socket with 100 markets brings into live books, beside a bare socket.

The venue is a small aiohttp server in a process of its own. It sends the same frames as fast as they are taken, to one
of two clients in turn: a bare aiohttp socket whose reader decodes every frame with msgspec and drops it, and
`LiveBooks`, which routes the frame, checks its numbers, changes the book and looks whether it is crossed. Both run in
this process, in interleaved rounds; a ratio is the median of the ratios inside each round. Exits with 3 if a target is
missed.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from support.exit_status import exit_status

from tegro import convert, wire
from tegro.events import TradeEvent
from tegro.live_book import LiveBooks
from tegro.model import BookSnapshot, Market, Token
from tegro.rest import RestClient
from tegro.settings import Environment, Settings
from tegro.stream import EventStream

MARKETS: Final = 100
LEVELS: Final = 20
MOST_TIMES_THE_BARE_SOCKET: Final = 4.0
LEAST_FRAMES_A_SECOND: Final = 10_000

BARE: Final = "bare: aiohttp receive, msgspec decode"
OURS: Final = "tegro: LiveBooks, books changed"

TOKENS: Final = [Token(address=f"0x{number:040x}", symbol=f"T{number}", decimals=18) for number in range(MARKETS)]
QUOTE: Final = Token(address="0x" + "f" * 40, symbol="USDC", decimals=6)
FOLLOWED: Final = [
    Market(
        id=f"31337_{base.address}_{QUOTE.address}",
        symbol=f"{base.symbol}_USDC",
        chain_id=31337,
        base=base,
        quote=QUOTE,
        base_precision=6,
        quote_precision=2,
    )
    for base in TOKENS
]


# The venue, in a process of its own


def level(price: int, quantity: int) -> dict[str, str]:
    """Return a level as the venue writes it."""
    return {"price": f"{price}.50", "quantity": f"{quantity}.25"}


def snapshot() -> bytes:
    """Return the book with which every market begins."""
    bids, asks = [level(1000 - step, 5) for step in range(LEVELS)], [level(1001 + step, 5) for step in range(LEVELS)]
    return json.dumps({"timestamp": 100, "bids": bids, "asks": asks}).encode()


def frames(count: int) -> list[str]:
    """Return so many changes of one level of each side, the markets in turn."""
    return [
        json.dumps(
            {
                "action": "order_book_diff",
                "data": {
                    "timestamp": 100,
                    "symbol": FOLLOWED[number % MARKETS].symbol,
                    "bids": [level(1000 - number % LEVELS, number)],
                    "asks": [level(1001 + number % LEVELS, number)],
                },
            }
        )
        for number in range(count)
    ]


LAST_FRAME: Final = json.dumps(
    {
        "action": "trade_created",
        "data": {
            "id": "last",
            "symbol": FOLLOWED[0].symbol,
            "price": "1",
            "amount": "1",
            "state": "success",
            "timestamp": 1,
        },
    }
)
"""Says that all changes were sent."""


class StubVenue:
    """Serves one book, takes subscriptions, and sends all frames to the newest socket when told to."""

    def __init__(self, count: int) -> None:
        self._frames = frames(count)
        self._snapshot = snapshot()
        self._sockets: list[web.WebSocketResponse] = []

    async def depth(self, _: web.Request) -> web.Response:
        """Answer with the book."""
        return web.Response(body=self._snapshot, content_type="application/json")

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        """Keep a socket open; what it says does not matter."""
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    async def send(self, _: web.Request) -> web.Response:
        """Send everything."""
        socket = self._sockets[-1]
        for text in self._frames:
            await socket.send_str(text)
        await socket.send_str(LAST_FRAME)
        return web.Response()


async def serve(count: int, started: Connection) -> None:
    """Run the venue until the process is ended."""
    venue = StubVenue(count)
    app = web.Application()
    app.add_routes(
        [
            web.get("/api/v1/orderbook/depth", venue.depth),
            web.get("/api/v1/events/ws", venue.socket),
            web.post("/send", venue.send),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    started.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def run_venue(count: int, started: Connection) -> None:
    """Be the process of the venue."""
    asyncio.run(serve(count, started))


# The clients


class Source:
    """What live books need of a client."""

    def __init__(self, environment: Environment, session: aiohttp.ClientSession) -> None:
        self._environment = environment
        self._session = session
        self._rest = RestClient(environment, session)
        self._markets = {market.id: market for market in FOLLOWED}

    async def book(self, symbol: str, /) -> BookSnapshot:
        """Return the book of the market with this id."""
        return await self._rest.book(self._markets[symbol])

    def stream(self, markets: Iterable[Market] = (), wallets: Iterable[str] = ()) -> EventStream:
        """Return a stream that drops nothing."""
        return EventStream(self._environment, self._session, markets=markets, wallets=wallets, queue_size=10**6)


async def time_bare(session: aiohttp.ClientSession, root: str, count: int) -> float:
    """Return the seconds in which a bare socket takes and decodes all frames."""
    envelopes = msgspec.json.Decoder(wire.Envelope)
    diffs = msgspec.json.Decoder(convert.DiffReading)
    async with session.ws_connect(f"{root}/api/v1/events/ws") as socket:
        for market in FOLLOWED:
            subscription = wire.Subscription(action="subscribe", channel_id=market.channel)
            await socket.send_str(wire.encode(subscription).decode())
        sending = asyncio.create_task(send_all(session, root))
        started_ns = time.perf_counter_ns()
        for _ in range(count):
            diffs.decode(envelopes.decode(await socket.receive_str()).data)
        await socket.receive_str()
        elapsed_ns = time.perf_counter_ns() - started_ns
        await sending
    return elapsed_ns / 1e9


async def time_live_books(session: aiohttp.ClientSession, root: str, count: int) -> float:
    """Return the seconds in which live books take and apply all frames."""
    environment = Settings.load(None, {"TEGRO_LOCALNET_REST_URL": root}).environment("localnet")
    async with LiveBooks(Source(environment, session), FOLLOWED, check_secs=None) as books:
        followed = [books.book(market.symbol) for market in FOLLOWED]
        while any(book.is_stale for book in followed):
            await anext(books)
        sending = asyncio.create_task(send_all(session, root))
        started_ns = time.perf_counter_ns()
        async for event in books:
            if isinstance(event, TradeEvent):
                break
        elapsed_ns = time.perf_counter_ns() - started_ns
        await sending
        if sum(book.changes for book in followed) != count:
            sys.exit("not every change reached its book")
    return elapsed_ns / 1e9


async def send_all(session: aiohttp.ClientSession, root: str) -> None:
    """Tell the venue to send everything to the newest socket."""
    async with session.post(f"{root}/send") as answer:
        answer.raise_for_status()


async def measure(port: int, rounds: int, count: int) -> dict[str, list[float]]:
    """Return, for each client, the seconds that it took in each round."""
    root = f"http://127.0.0.1:{port}"
    elapsed_secs: dict[str, list[float]] = {BARE: [], OURS: []}
    async with aiohttp.ClientSession() as session:
        await time_bare(session, root, count)
        await time_live_books(session, root, count)
        for _ in range(rounds):
            elapsed_secs[BARE].append(await time_bare(session, root, count))
            elapsed_secs[OURS].append(await time_live_books(session, root, count))
    return elapsed_secs


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--count", type=int, default=20_000, help="frames in a round")
    options = arguments.parse_args()
    here, there = multiprocessing.Pipe()
    venue = multiprocessing.get_context("spawn").Process(target=run_venue, args=(options.count, there), daemon=True)
    venue.start()
    try:
        elapsed_secs = asyncio.run(measure(here.recv(), options.rounds, options.count))
    finally:
        venue.terminate()
        venue.join()

    print(f"{MARKETS} markets on one socket, {options.count} frames a round")
    print(f"{'frames/s':>10}  {'us a frame':>10}  {'x bare':>7}  client")
    times = {}
    for name, values in elapsed_secs.items():
        median = statistics.median(values)
        times[name] = statistics.median(a / b for a, b in zip(values, elapsed_secs[BARE], strict=True))
        print(f"{options.count / median:>10.0f}  {median / options.count * 1e6:>10.1f}  {times[name]:>7.2f}  {name}")
    rate = options.count / statistics.median(elapsed_secs[OURS])
    is_met = times[OURS] <= MOST_TIMES_THE_BARE_SOCKET and rate >= LEAST_FRAMES_A_SECOND
    print(
        f"{'met' if is_met else 'MISSED'}: {rate:.0f} frames a second reach their books "
        f"(target {LEAST_FRAMES_A_SECOND}), in {times[OURS]:.2f} times the bare socket's time "
        f"(target {MOST_TIMES_THE_BARE_SOCKET})"
    )
    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
