"""Every stream of ccxt.pro's `binanceusdm` that the perpetual dialect lists. Run by a test, in its own environment.

The environment names PORT, KEY and SECRET. The counterpart has rested 0.5 BTC on both sides (94900 and 95100). Prints
what the streams brought as JSON.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable

import ccxt.pro

SYMBOL = "BTC/USDT:USDT"
DEADLINE_SECS = 60


def exchange() -> ccxt.pro.binanceusdm:
    port = os.environ["PORT"]
    root = f"http://127.0.0.1:{port}/fapi"
    made = ccxt.pro.binanceusdm(
        {
            "apiKey": os.environ["KEY"],
            "secret": os.environ["SECRET"],
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False},
        }
    )
    for name in ("fapiPublic", "fapiPrivate"):
        for suffix, version in (("", "v1"), ("V2", "v2"), ("V3", "v3")):
            made.urls["api"][f"{name}{suffix}"] = f"{root}/{version}"
    made.urls["api"]["ws"]["linear"] = f"ws://127.0.0.1:{port}/ws"
    return made


async def first[T](watch: Callable[[], Awaitable[T]], act: Callable[[], Awaitable[object]] | None = None) -> T:
    """Begin to watch, do something again and again that makes the venue speak, and return what came."""
    watching = asyncio.ensure_future(watch())
    async with asyncio.timeout(DEADLINE_SECS):
        while act is not None and not watching.done():
            await act()
            await asyncio.wait({watching}, timeout=0.5)
        return await watching


async def public(x: ccxt.pro.binanceusdm) -> dict[str, object]:
    async def trade() -> None:
        for side in ("buy", "sell"):
            await x.create_order(SYMBOL, "market", side, 0.001)

    book = await first(lambda: x.watch_order_book(SYMBOL))
    top = [list(book["bids"][0]), list(book["asks"][0])]
    trades = await first(lambda: x.watch_trades(SYMBOL), trade)
    aggregates = await first(lambda: x.watch_trades(SYMBOL, params={"name": "aggTrade"}), trade)
    candles = await first(lambda: x.watch_ohlcv(SYMBOL, "1m"))
    ticker = await first(lambda: x.watch_ticker(SYMBOL))
    tickers = await first(lambda: x.watch_tickers([SYMBOL]))
    best = await first(lambda: x.watch_bids_asks([SYMBOL]), trade)
    mark = await first(lambda: x.watch_mark_price(SYMBOL))
    return {
        "book": top,
        "trade": trades[-1]["price"] in (94900, 95100),
        "aggregate": aggregates[-1]["price"] in (94900, 95100),
        "candle": candles[-1][4] in (94900, 95100, 95000),
        "ticker": ticker["symbol"],
        "tickers": list(tickers),
        "best": best[SYMBOL]["bid"],
        "mark": abs(mark["markPrice"] - 95000) < 200,
    }


async def book_follows(x: ccxt.pro.binanceusdm) -> bool:
    """Rest an order and wait until the watched book shows it."""
    await x.create_order(SYMBOL, "limit", "buy", 0.123, 94950)
    async with asyncio.timeout(DEADLINE_SECS):
        while True:
            book = await x.watch_order_book(SYMBOL)
            if book["bids"][0] == [94950, 0.123]:
                await x.cancel_all_orders(SYMBOL)
                return True


async def private(x: ccxt.pro.binanceusdm) -> dict[str, object]:
    async def trade() -> None:
        for side in ("buy", "sell"):
            await x.create_order(SYMBOL, "market", side, 0.001)

    orders = await first(x.watch_orders, trade)
    fills = await first(x.watch_my_trades, trade)
    balance = await first(x.watch_balance, trade)

    async def buy() -> None:
        await x.create_order(SYMBOL, "market", "buy", 0.001)

    async def held() -> list[dict[str, object]]:
        """Wait for a position; what the trades before have told of is flat."""
        while True:
            positions = [position for position in await x.watch_positions() if position["contracts"]]
            if positions:
                return positions

    positions = await first(held, buy)
    return {
        "order": orders[-1]["symbol"],
        "fill": [fills[-1]["symbol"], fills[-1]["takerOrMaker"], fills[-1]["fee"]["currency"]],
        "balance": balance["USDT"]["total"] > 99_000,
        "position": [positions[0]["symbol"], positions[0]["side"]],
    }


async def main() -> None:
    x = exchange()
    try:
        seen = {"public": await public(x), "follows": await book_follows(x), "private": await private(x)}
    finally:
        await x.close()
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
