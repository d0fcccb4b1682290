"""A recorded depth feed drives the client's book and the engine's to the tops that the feed itself states.

The files are those of public recorders: a line is the time of receipt in nanoseconds, a space, and one message as the
exchange sent it (snapshot with `lastUpdateId`, depth differences with `U` and `u`, `bookTicker` with `u`). A ticker
comes for each change of the top, so after a difference that ends with the update u, the top is that of the last ticker
up to u.
"""

import gzip
import json
import os
import random
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from tegro.model import BookChange, BookLevel, BookSnapshot, Side
from tegro.order_book import OrderBook as ClientBook
from tegro_localnet.engine.order_book import OrderBook as EngineBook
from tegro_localnet.engine.order_book import RestingOrder

DATA = os.environ.get("TEGRO_MARKET_DATA", "")
FEEDS = ("ethusdt-spot-2024-08-08-feed.jsonl.gz", "ethusdt-perpetual-2024-08-08-feed.jsonl.gz")
SIDES = {Side.BUY: "b", Side.SELL: "a"}

type Levels = list[tuple[Decimal, Decimal]]
type Top = tuple[Decimal, Decimal, Decimal, Decimal]


class Feed(Struct):
    """A recording: the snapshot, the differences after it with their last update, the stated tops by update."""

    snapshot: dict[Side, Levels]
    changes: list[tuple[int, dict[Side, Levels]]]
    ticker_ids: list[int]
    tops: list[Top]


def read_feed(path: Path) -> Feed:
    last_update, snapshot, tickers = 0, None, []
    changes = []
    with gzip.open(path, "rt") as lines:
        for message in messages_of(lines):
            if "lastUpdateId" in message:
                last_update = message["lastUpdateId"]
                snapshot = {Side.BUY: levels(message["bids"]), Side.SELL: levels(message["asks"])}
            elif message.get("e") == "depthUpdate":
                changes.append((message["u"], {side: levels(message[name]) for side, name in SIDES.items()}))
            elif {"b", "B", "a", "A"} <= message.keys():
                tickers.append((message["u"], tuple(Decimal(message[name]) for name in "bBaA")))
    assert snapshot is not None, "the recording has no snapshot to begin with"
    after = [change for change in changes if change[0] > last_update]
    return Feed(snapshot, after, [update for update, _ in tickers], [top for _, top in tickers])


def messages_of(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        message = json.loads(line.partition(" ")[2])
        yield message.get("data", message)


def levels(pairs: list[list[str]]) -> Levels:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


class ClientDriver:
    """The client's book, whose totals are absolute as the feed's are."""

    def __init__(self, snapshot: dict[Side, Levels]) -> None:
        self.book = ClientBook("ETH_USDT")
        bids, asks = (view(snapshot[side]) for side in Side)
        self.book.apply_snapshot(BookSnapshot(symbol="ETH_USDT", timestamp_ms=0, bids=bids, asks=asks))

    def apply(self, change: dict[Side, Levels]) -> None:
        bids, asks = (view(change[side]) for side in Side)
        self.book.apply_change(BookChange(symbol="ETH_USDT", timestamp_ms=1, bids=bids, asks=asks))

    def top(self) -> Top:
        bid, ask = self.book.best_bid, self.book.best_ask
        assert bid is not None
        assert ask is not None
        return bid.price, bid.quantity, ask.price, ask.quantity


def view(side: Levels) -> tuple[BookLevel, ...]:
    return tuple(BookLevel(price=price, quantity=quantity) for price, quantity in side)


class EngineDriver:
    """The engine's book, with one order for each level."""

    def __init__(self, snapshot: dict[Side, Levels]) -> None:
        self.book = EngineBook()
        self.apply(snapshot)

    def apply(self, change: dict[Side, Levels]) -> None:
        for side, changed in change.items():
            for price, quantity in changed:
                price_e18, quantity_wei = int(price.scaleb(18)), int(quantity.scaleb(18))
                self.book.remove(f"{side}{price_e18}")
                if quantity_wei:
                    self.book.add(RestingOrder(f"{side}{price_e18}", side, price_e18, quantity_wei))

    def top(self) -> Top:
        bid, ask = self.book.best(Side.BUY), self.book.best(Side.SELL)
        assert bid is not None
        assert ask is not None
        assert self.book.total_at(Side.BUY, bid.price_e18) == bid.quantity_wei
        numbers = (bid.price_e18, bid.quantity_wei, ask.price_e18, ask.quantity_wei)
        return tuple(Decimal(number).scaleb(-18) for number in numbers)  # type: ignore[return-value]


def write_feed(path: Path, seed: int, updates: int) -> Path:
    """Write a recording of a made-up book: one update moves one level, differences gather some of them."""
    rng = random.Random(seed)
    book = {side: {level: rng.randint(1, 999) for level in around(side, 40)} for side in Side}
    lines = [{"lastUpdateId": 100, "bids": rows(book[Side.BUY]), "asks": rows(book[Side.SELL])}]
    gathered: dict[Side, dict[int, int]] = {side: {} for side in Side}
    top = None
    for update in range(101, 101 + updates):
        side = rng.choice(list(Side))
        price, quantity = rng.choice(around(side, 40)), rng.choice((0, 0, rng.randint(1, 999)))
        if len(book[side]) == 1:
            quantity = 1
        book[side].pop(price, None)
        if quantity:
            book[side][price] = quantity
        gathered[side][price] = quantity
        best_bid, best_ask = max(book[Side.BUY]), min(book[Side.SELL])
        now = {"b": best_bid, "B": book[Side.BUY][best_bid], "a": best_ask, "A": book[Side.SELL][best_ask]}
        if now != top:
            top = now
            stated = {name: f"{Decimal(number).scaleb(-2):.8f}" for name, number in now.items()}
            lines.append({"stream": "x@bookTicker", "data": {"u": update, "s": "X"} | stated})
        if rng.random() < 0.2:
            sides = {name: rows(gathered[owner]) for owner, name in SIDES.items()}
            lines.append({"stream": "x@depth", "data": {"e": "depthUpdate", "u": update} | sides})
            gathered = {owner: {} for owner in Side}
        if rng.random() < 0.1:
            lines.append({"stream": "x@trade", "data": {"e": "trade", "p": "1", "q": "1", "m": True, "b": 1, "a": 2}})
    with gzip.open(path, "wt") as file:
        file.writelines(f"{1723161254024619568 + number} {json.dumps(line)}\n" for number, line in enumerate(lines))
    return path


def around(side: Side, count: int) -> list[int]:
    return list(range(10_000 - count, 10_000)) if side is Side.BUY else list(range(10_001, 10_001 + count))


def rows(side: dict[int, int]) -> list[list[str]]:
    return [[f"{Decimal(number).scaleb(-2):.8f}" for number in level] for level in side.items()]


def recorded(name: str) -> Any:
    path = Path(DATA) / name
    is_absent = not path.is_file()
    return pytest.param(path, marks=pytest.mark.skipif(is_absent, reason=f"TEGRO_MARKET_DATA has no {name}"), id=name)


@pytest.mark.parametrize("driver", [ClientDriver, EngineDriver])
@pytest.mark.parametrize("source", [1, 2, *map(recorded, FEEDS)])
def test_a_feed_drives_a_book_to_the_tops_that_it_states(driver: Any, source: int | Path, tmp_path: Path) -> None:
    path = source if isinstance(source, Path) else write_feed(tmp_path / "feed.jsonl.gz", source, 3000)
    feed = read_feed(path)
    driven, compared = driver(feed.snapshot), 0
    for update, change in feed.changes:
        driven.apply(change)
        stated = bisect_right(feed.ticker_ids, update)
        # After the last ticker nobody says whether another was on its way when the recording ended.
        if 0 < stated < len(feed.ticker_ids):
            assert driven.top() == feed.tops[stated - 1]
            compared += 1
    assert compared > 400
