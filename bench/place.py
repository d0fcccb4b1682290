"""What a placed order costs beyond its HTTP request: `AsyncTegro.place` beside a bare POST of the same bytes.

Both go over loopback to the same endpoint of one server, a process of its own that takes an order and answers it in
the venue's form. A bare POST repeats bytes that the client sent before; `place` builds, checks, signs, journals (SQLite
on disk), posts, decodes, and journals the outcome. Rounds are interleaved, a ratio is the median of the ratios inside
each round. Exits with 3 if the target is missed.
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Final, cast

import aiohttp
from aiohttp import web
from support.exit_status import exit_status

from tegro import wire
from tegro.client import AsyncTegro
from tegro.desk import domain_of
from tegro.eip712 import order_message
from tegro.journal import SqliteJournal
from tegro.model import Market, OrderRequest, Side, Token
from tegro.offered import place_body
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

# The first well-known development key of Hardhat and Anvil; it guards nothing.
KEY: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
MOST_TIMES_THE_BARE_POST: Final = 1.6
PLACE: Final = "/api/v1/trading/market/orders/place"
GENERATE: Final = "/api/v1/trading/market/orders/typedData/generate"
BASE: Final = "0x4200000000000000000000000000000000000006"
QUOTE: Final = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
MARKET: Final = Market(
    id=f"31337_{BASE}_{QUOTE}",
    symbol="WETH_USDC",
    chain_id=31337,
    base=Token(address=BASE, symbol="WETH", decimals=18),
    quote=Token(address=QUOTE, symbol="USDC", decimals=6),
    base_precision=6,
    quote_precision=10,
)
REQUEST: Final = OrderRequest(market=MARKET, side=Side.SELL, price=Decimal("3100.25"), quantity=Decimal("0.5"))
CHAIN: Final = {
    "id": 31337,
    "name": "localnet",
    "exchange_contract": "0xa492c74aac592f7951d98000a602a22157019563",
    "min_order_value": "2000000",
    "default_quote_token_contract_address": QUOTE,
}
LISTED: Final = {
    "id": MARKET.id,
    "symbol": MARKET.symbol,
    "chainId": 31337,
    "base_contract_address": BASE,
    "base_symbol": "WETH",
    "base_decimal": 18,
    "base_precision": 6,
    "quote_contract_address": QUOTE,
    "quote_symbol": "USDC",
    "quote_decimal": 6,
    "quote_precision": 10,
}
HOLDINGS: Final = [
    {"address": BASE, "balance": "1000000", "symbol": "WETH", "decimal": 18, "type": "base", "placed_amount": 0},
    {"address": QUOTE, "balance": "1000000000", "symbol": "USDC", "decimal": 6, "type": "quote", "placed_amount": 0},
]


def serve(listener: socket.socket) -> None:
    """Answer orders in the venue's form, as cheaply as Python can."""
    template = (
        '{"order_id":"05881667-3bd3-4fc0-8b0e-db71c8a8fc99","order_hash":"%s","market_id":"' + MARKET.id + '",'
        '"side":"sell","quantity":"0.5","quantity_filled":"0","quantity_pending":"0","price":"3100.25","avg_price":"0",'
        '"status":"open","cancel":{"reason":"","code":0},"timestamp":1720458258}'
    )

    async def place(request: web.Request) -> web.Response:
        body = await request.read()
        start = body.index(b'"order_hash":"0x') + 16
        return web.Response(text=template % body[start : start + 64].decode(), content_type="application/json")

    async def generate(request: web.Request) -> web.Response:
        """Propose the order that is asked for, as a venue of today's form does: the client asks this once."""
        asked = wire.decode(await request.read(), wire.GenerateOrderBody)
        meant = OrderRequest(
            market=MARKET,
            side=Side(asked.side),
            price=wire.decimal_of(cast("wire.NumberLiteral", asked.price)),
            quantity=wire.decimal_of(asked.amount),
        )
        domain = domain_of(MARKET.chain_id, str(CHAIN["exchange_contract"]))
        message = order_message(meant, maker=asked.wallet_address, domain=domain, salt=1)
        return await _json(
            {
                "limit_order": json.loads(wire.encode(place_body(meant, message, None))),
                "sign_data": message.typed_data(),
            }
        )

    application = web.Application()
    application.router.add_post(PLACE, place)
    application.router.add_post(GENERATE, generate)
    application.router.add_get("/api/v1/exchange/chain/list", lambda _: _json([CHAIN]))
    application.router.add_get("/api/v1/exchange/{chain}/market/list", lambda _: _json([LISTED]))
    application.router.add_get("/api/v1/trading/market/orders/user/{wallet}", lambda _: _json([]))
    application.router.add_get("/api/v1/accounts/{chain}/{wallet}/portfolio", lambda _: _json(HOLDINGS))
    web.run_app(application, sock=listener, print=None, access_log=None)


async def _json(document: object) -> web.Response:
    return web.json_response(document)


async def measure(url: str, rounds: int, count: int, folder: Path) -> dict[str, list[float]]:
    """Return, for both candidates, the microseconds of one order in each round."""
    environment = Settings.load(None, {"TEGRO_LOCALNET_REST_URL": url}).environment("localnet")
    sent: list[bytes] = []
    tracing = aiohttp.TraceConfig()

    async def keep(_session: object, _context: object, params: aiohttp.TraceRequestChunkSentParams) -> None:
        sent.append(params.chunk)

    tracing.on_request_chunk_sent.append(keep)
    journal = SqliteJournal(folder / "journal.sqlite3")
    async with aiohttp.ClientSession() as session, aiohttp.ClientSession(trace_configs=[tracing]) as traced:
        async with AsyncTegro(environment, signer=LocalSigner(KEY), session=traced) as first:
            await first.place(REQUEST)
        body = sent[-1]
        async with AsyncTegro(environment, signer=LocalSigner(KEY), journal=journal, session=session) as client:

            async def place() -> None:
                assert isinstance(await client.place(REQUEST), Accepted)

            async def post() -> None:
                headers = {"Content-Type": "application/json"}
                async with session.post(url + PLACE, data=body, headers=headers) as answer:
                    await answer.read()

            micros: dict[str, list[float]] = {"place": [], "post": []}
            candidates: dict[str, Callable[[], Awaitable[None]]] = {"place": place, "post": post}
            for round_number in range(rounds + 1):
                for name, candidate in candidates.items():
                    start_ns = time.perf_counter_ns()
                    for _ in range(count):
                        await candidate()
                    if round_number:  # the first round fills caches
                        micros[name].append((time.perf_counter_ns() - start_ns) / count / 1000)
    journal.close()
    return micros


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--count", type=int, default=60, help="orders of each candidate in a round")
    options = arguments.parse_args()
    listener = socket.create_server(("127.0.0.1", 0))
    server = multiprocessing.get_context("fork").Process(target=serve, args=(listener,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with tempfile.TemporaryDirectory() as folder:
            micros = asyncio.run(measure(url, options.rounds, options.count, Path(folder)))
    finally:
        server.terminate()
        server.join()
    ratio = statistics.median(ours / bare for ours, bare in zip(micros["place"], micros["post"], strict=True))
    print(f"bare POST                  {statistics.median(micros['post']):7.0f} us")
    print(f"AsyncTegro.place, journal  {statistics.median(micros['place']):7.0f} us  {ratio:5.2f} x")
    is_met = ratio <= MOST_TIMES_THE_BARE_POST
    print(f"target: at most {MOST_TIMES_THE_BARE_POST} x: {'met' if is_met else 'MISSED'}")

    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
