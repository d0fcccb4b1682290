"""How many orders a second the local venue accepts over HTTP, how soon a match is told, how many matches settle.

Accepted means: read from a request, checked in every field, the signature recovered, funds checked, matched, and
written to the journal of a data folder before the answer. Beside it, in the same process and on the same requests,
stands a bare probe: an aiohttp handler that recovers the signer and matches, without checks of fields or journal. The
requests of both are made by another process, in rounds that take turns. Times are processor time of one core, so that
other work disturbs less.
Exits with 3 if a target is missed.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from itertools import batched
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from support.exit_status import exit_status

from tegro.model import Market, Side
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.engine.matching import match
from tegro_localnet.engine.order_book import OrderBook, RestingOrder
from tegro_localnet.localnet import Localnet
from tegro_localnet.signed_order import Domain, SignedOrder, recover
from tegro_localnet.wallet import LocalWallet

ROUNDS: Final = 5
LEAST_OF_PROBE: Final = Decimal("0.6")
MOST_START_SECS: Final = 2
LEAST_SETTLED_PER_SECOND: Final = 200
PLACE: Final = "/api/v1/trading/market/orders/place"
_PRICE_E18: Final = 3000 * 10**18

CLIENT: Final = """
import asyncio, json, sys, aiohttp
async def main():
    url, bodies = sys.argv[1], json.load(open(sys.argv[2]))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
        async def worker(mine):
            for body in mine:
                async with session.post(url, data=body.encode()) as response:
                    assert response.status == 200, await response.text()
        await asyncio.gather(*(worker(bodies[first::16]) for first in range(16)))
asyncio.run(main())
"""


def signed_orders(wallets: list[LocalWallet], market: Market, domain: Domain, count: int) -> list[SignedOrder]:
    """Return orders of two wallets in turn that meet each other at one price."""
    return [
        wallets[number % 2].sign_order(
            SignedOrder(
                base_token=market.base.address,
                quote_token=market.quote.address,
                price_e18=_PRICE_E18,
                total_quantity_wei=10**15,
                is_buy=number % 2 == 1,
                salt=number,
                maker=wallets[number % 2].address,
            ),
            domain,
        )
        for number in range(count)
    ]


def body_of(order: SignedOrder, market: Market, domain: Domain) -> str:
    """Return the body that places an order (protocol 4.8)."""
    tokens = (market.quote.address, market.base.address)
    paid, received = tokens if order.is_buy else tokens[::-1]
    raw = {
        "baseToken": order.base_token,
        "quoteToken": order.quote_token,
        "price": str(order.price_e18),
        "totalQuantity": str(order.total_quantity_wei),
        "isBuy": order.is_buy,
        "salt": str(order.salt),
        "maker": order.maker,
        "expiryTime": "0",
    }
    return json.dumps(
        {
            "chain_id": market.chain_id,
            "base_asset": paid,
            "quote_asset": received,
            "side": int(order.is_buy),
            "volume_precision": str(order.total_quantity_wei),
            "price_precision": str(order.price_e18),
            "order_hash": "0x" + order.order_hash(domain).hex(),
            "raw_order_data": json.dumps(raw),
            "signature": "0x" + order.signature.hex(),
            "signed_order_type": "tegro",
            "market_id": market.id,
            "market_symbol": market.symbol,
        }
    )


class Probe:
    """A bare aiohttp handler: it recovers the signer, matches, and answers with a word. Nothing else is checked."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._book = OrderBook()
        self._count = 0

    async def place(self, request: web.Request) -> web.Response:
        """Take one order."""
        body = msgspec.json.decode(await request.read())
        raw = msgspec.json.decode(body["raw_order_data"])
        order = SignedOrder(
            base_token=raw["baseToken"],
            quote_token=raw["quoteToken"],
            price_e18=int(raw["price"]),
            total_quantity_wei=int(raw["totalQuantity"]),
            is_buy=raw["isBuy"],
            salt=int(raw["salt"]),
            maker=raw["maker"],
            expiry_time=int(raw["expiryTime"]),
        )
        assert recover(order.order_hash(self._domain), bytes.fromhex(body["signature"][2:])) == order.maker
        side = Side.BUY if order.is_buy else Side.SELL
        result = match(self._book, side, order.price_e18, order.total_quantity_wei)
        self._count += 1
        if result.remaining_wei:
            self._book.add(RestingOrder(str(self._count), side, order.price_e18, result.remaining_wei))
        return web.Response(body=b'{"ok":true}', content_type="application/json")


async def probe_per_second(bodies: list[str], domain: Domain, folder: Path) -> float:
    """Let another process place all orders at the probe; returns how many a second of this process's time takes."""
    application = web.Application()
    application.router.add_post(PLACE, Probe(domain).place)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return await accepted_per_second(f"http://127.0.0.1:{runner.addresses[0][1]}", bodies, folder)
    finally:
        await runner.cleanup()


async def accepted_per_second(url: str, bodies: list[str], folder: Path) -> float:
    """Let another process place all orders; returns how many a second of this process's time takes."""
    (folder / "bodies.json").write_text(json.dumps(bodies))
    start_ns = time.process_time_ns()
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, url + PLACE, str(folder / "bodies.json")
    )
    assert await client.wait() == 0
    return len(bodies) * 1e9 / (time.process_time_ns() - start_ns)


async def settled_per_second(localnet: Localnet) -> tuple[int, float]:
    """Settle all that waits; returns how many matches and how many a second."""
    start_ns = time.perf_counter_ns()
    count = 0
    while settled := await localnet.settlement.settle_batch():
        count += settled
    return count, count * 1e9 / (time.perf_counter_ns() - start_ns)


async def update_millis(localnet: Localnet, pairs: list[tuple[str, str]]) -> list[float]:
    """Return, for each pair of orders, the time from the answer to the second one to `trade_updated`."""
    channel = next(iter(localnet.markets.values())).channel
    millis = []
    async with aiohttp.ClientSession() as session, session.ws_connect(localnet.stream_url) as stream:
        await stream.send_json({"action": "subscribe", "channelId": channel})
        for bodies in pairs:
            for body in bodies:
                async with session.post(localnet.rest_url + PLACE, data=body.encode()) as response:
                    assert response.status == 200, await response.text()
            accepted_ns = time.perf_counter_ns()
            while (await stream.receive_json())["action"] != "trade_updated":
                pass
            millis.append((time.perf_counter_ns() - accepted_ns) / 1e6)
    return millis


async def measure(folder: Path, count: int, rpc_url: str | None) -> dict[str, float]:
    """Run all measurements; times in seconds or milliseconds, the rest per second."""
    found: dict[str, float] = {}
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, seed=1, rpc_url=rpc_url, settlement_interval_ms=10**7)
    data = None if rpc_url else folder / "data"
    start_ns = time.perf_counter_ns()
    async with Localnet(
        LocalnetConfig(**{name: getattr(config, name) for name in config.__struct_fields__} | {"data": data})
    ) as localnet:
        found["start"] = (time.perf_counter_ns() - start_ns) / 1e9
        wallets = [await localnet.new_wallet() for _ in range(2)]
        market = next(iter(localnet.markets.values()))
        domain = localnet.deployment.domain
        orders = signed_orders(wallets, market, domain, count)
        bodies = [body_of(order, market, domain) for order in orders]
        rounds = [list(part) for part in batched(bodies, max(2, len(bodies) // ROUNDS // 2 * 2))]
        pairs = [
            (await probe_per_second(part, domain, folder), await accepted_per_second(localnet.rest_url, part, folder))
            for part in rounds
        ]
        found["probe"], found["accepted"] = (statistics.median(column) for column in zip(*pairs, strict=True))
        found["ratio"] = statistics.median(accepted / probe for probe, accepted in pairs)
        _, found["settled"] = await settled_per_second(localnet)
    async with Localnet(LocalnetConfig(port=0, rpc_port=0, agents=False, seed=1, rpc_url=rpc_url)) as localnet:
        wallets = [await localnet.new_wallet() for _ in range(2)]
        market, domain = next(iter(localnet.markets.values())), localnet.deployment.domain
        few = [body_of(order, market, domain) for order in signed_orders(wallets, market, domain, 20)]
        found["update"] = statistics.median(await update_millis(localnet, list(zip(few[::2], few[1::2], strict=True))))
    return found


def verdict(text: str, *, met: bool) -> bool:
    """Print whether a target is met; returns it."""
    print(f"{'met' if met else 'MISSED'}: {text}")
    return met


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=2000, help="orders placed")
    arguments.add_argument("--rpc-url", help="settle on this node, such as Anvil, in place of the embedded one")
    options = arguments.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        found = asyncio.run(measure(folder, options.count, options.rpc_url))
    finally:
        shutil.rmtree(folder)
    ratio = found["ratio"]
    print(f"{found['probe']:>10,.0f}/s  bare aiohttp handler: recover the signer, match")
    print(f"{found['accepted']:>10,.0f}/s  accepted over HTTP, checked, matched, journaled")
    print(f"{found['settled']:>10,.1f}/s  matches settled on {options.rpc_url or 'the embedded chain'}")
    print(f"{found['update']:>10,.0f} ms  from the answer to trade_updated (batches every 250 ms)")
    print(f"{found['start']:>10,.1f} s   start-up")
    results = [
        verdict(f"accepted is {ratio:.2f} of the probe (target {LEAST_OF_PROBE})", met=ratio >= LEAST_OF_PROBE),
        verdict(
            f"settled is {found['settled'] / LEAST_SETTLED_PER_SECOND:.2f} of {LEAST_SETTLED_PER_SECOND}/s",
            met=found["settled"] >= LEAST_SETTLED_PER_SECOND,
        ),
        verdict(
            f"start-up takes {found['start']:.1f} s (target {MOST_START_SECS})", met=found["start"] <= MOST_START_SECS
        ),
    ]
    return exit_status(is_met=all(results))


if __name__ == "__main__":
    sys.exit(main())
