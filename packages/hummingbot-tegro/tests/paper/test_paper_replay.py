"""A recorded market replayed: paper fills lie between bounds that pandas reads from the feed alone.

Everyone has a generated feed of the same form. TEGRO_MARKET_DATA may name a folder with real ones.
"""

import gzip
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from connector_desk import public_trade

from hummingbot_tegro.paper.engine import PaperMarket, PaperOrder
from hummingbot_tegro.paper.realism import PRESETS
from tegro.errors import InvalidInput
from tegro.model import BookChange, BookLevel, BookSnapshot, OrderType, Side, Trade

pytestmark = pytest.mark.timeout(300)

RECORDED = "ethusdt-spot-2024-08-08-feed.jsonl.gz"
TICK, LOT = Decimal("0.01"), Decimal("0.0001")
QUANTITY = Decimal("0.5")
LIFE_MS, PAUSE_MS = 8_000, 2_000
REALISM = PRESETS["neutral"]
TICKS_AWAY = (0, 3, 20)


def generated_feed(seed=7, seconds=120) -> Iterator[str]:
    """Yield the lines of a market that wanders, with makers who come and go, in the form of the recording."""
    rng = random.Random(seed)
    book = {Side.BUY: {}, Side.SELL: {}}
    middle, time_ms = 268_000, 1_000
    for away in range(1, 40):
        for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
            book[side][middle + sign * away] = rng.randint(1, 30_000)
    told = {"bids": _rows(book[Side.BUY]), "asks": _rows(book[Side.SELL])}
    yield f"{time_ms * 1_000_000} " + json.dumps({"lastUpdateId": 1, **told})
    for number in range(2, seconds * 10):
        time_ms += 100
        changed = {Side.BUY: set(), Side.SELL: set()}
        if rng.random() < 0.25:
            yield from _trade(rng, book, changed, time_ms - rng.randint(1, 60))
        for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
            best = max(book[Side.BUY], default=middle - 2) if side is Side.BUY else min(book[Side.SELL], default=middle)
            other = (
                min(book[Side.SELL], default=best + 1) if side is Side.BUY else max(book[Side.BUY], default=best - 1)
            )
            for _ in range(rng.randint(0, 5)):
                price = best + sign * rng.randint(-1, 30)
                if (other - price) * sign < 0:
                    level = book[side].get(price, 0)
                    book[side][price] = max(0, level + rng.randint(-level, 20_000))
                    changed[side].add(price)
        data = {
            "u": number,
            "b": _rows(book[Side.BUY], changed[Side.BUY]),
            "a": _rows(book[Side.SELL], changed[Side.SELL]),
        }
        for side in book.values():
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        yield f"{time_ms * 1_000_000} " + json.dumps({"stream": "x@depth@100ms", "data": data})


def _trade(rng, book, changed, time_ms) -> Iterator[str]:
    side = rng.choice(list(Side))
    left = rng.randint(1, 15_000)
    while left and len(book[side]) > 5:
        price = max(book[side]) if side is Side.BUY else min(book[side])
        part = min(left, book[side][price])
        left -= part
        book[side][price] -= part
        changed[side].add(price)
        data = {"p": _price(price), "q": f"{part * LOT:f}", "m": side is Side.BUY}
        if part:
            yield f"{time_ms * 1_000_000} " + json.dumps({"stream": "x@trade", "data": data})
        if not book[side][price]:
            del book[side][price]


def _price(ticks) -> str:
    return f"{ticks * TICK:f}"


def _rows(side, prices=None):
    return [[_price(price), f"{side.get(price, 0) * LOT:f}"] for price in (side if prices is None else prices)]


def recorded_feed() -> Iterator[str]:
    with gzip.open(Path(os.environ["TEGRO_MARKET_DATA"]) / RECORDED, "rt") as lines:
        yield from lines


def has_recording() -> bool:
    return "TEGRO_MARKET_DATA" in os.environ and (Path(os.environ["TEGRO_MARKET_DATA"]) / RECORDED).is_file()


@pytest.fixture(
    scope="module",
    params=[
        "generated",
        pytest.param("recorded", marks=pytest.mark.skipif(not has_recording(), reason="TEGRO_MARKET_DATA names none")),
    ],
)
def feed(request) -> list[tuple[int, str, dict]]:
    """Return what happened: its time in milliseconds, what it is, and the venue's words."""
    events, snapshot = [], None
    for line in recorded_feed() if request.param == "recorded" else generated_feed():
        time_ns, text = line.split(" ", 1)
        message = json.loads(text)
        stream, data = message.get("stream", "snapshot"), message.get("data", message)
        kind = stream.split("@")[1] if "@" in stream else stream
        if kind == "snapshot":
            snapshot = data["lastUpdateId"]
        is_old = snapshot is None or (kind == "depth" and data["u"] <= snapshot)
        if kind != "bookTicker" and not is_old:
            events.append((int(time_ns) // 1_000_000, kind, data))
    return events


class Lane:
    """One paper market with one quote after the other on one side, so that none shares what is traded."""

    def __init__(self, side: Side, ticks_away: int) -> None:
        self.side = side
        self._away = ticks_away * TICK * (-1 if side is Side.BUY else 1)
        self._engine = PaperMarket("X_Y", lot_size=LOT, realism=REALISM)
        self._placed_ms = self._due_ms = 0
        self._order: PaperOrder | None = None
        self.quotes: list[dict] = []

    def see(self, time_ms: int, kind: str, data: dict) -> None:
        self._act(time_ms)
        if kind == "trade":
            fills = self._engine.apply_trade(_trade_of(data), time_ms)
        elif kind == "depth":
            fills = self._engine.apply_change(_change_of(data), time_ms)
        else:
            fills = self._engine.apply_snapshot(_snapshot_of(data), time_ms)
        if fills:
            self.quotes[-1]["filled"] += sum(fill.quantity for fill in fills)

    def _act(self, time_ms: int) -> None:
        """Do what is due. Between two events nothing happens, so a moment later is the same."""
        if time_ms < self._due_ms or self._engine.book.is_stale:
            return
        if self._order is None:
            # Decided now; at the market after the latency.
            book = self._engine.book
            best = book.best_bid if self.side is Side.BUY else book.best_ask
            self._placed_ms, self._due_ms = time_ms, time_ms + REALISM.order_latency_ms
            self._order = PaperOrder(
                order_id=str(len(self.quotes)),
                side=self.side,
                order_type=OrderType.LIMIT_MAKER,
                price=best.price + self._away,
                quantity=QUANTITY,
            )
        elif not self._order.number:
            self._arrive(time_ms)
        else:
            self._engine.withdraw(self._order.order_id)
            self.quotes[-1]["until"] = time_ms
            self._order, self._due_ms = None, time_ms + PAUSE_MS

    def _arrive(self, time_ms: int) -> None:
        try:
            self._engine.arrive(self._order, time_ms)
        except InvalidInput:
            self._order = None
            return
        quote = {"side": self.side, "price": self._order.price, "decided": self._placed_ms, "since": time_ms}
        self.quotes.append(quote | {"filled": Decimal(0), "until": time_ms + LIFE_MS})
        self._due_ms = self._placed_ms + LIFE_MS + REALISM.cancel_latency_ms


def _levels(rows):
    return [BookLevel(Decimal(price).normalize(), Decimal(total).normalize()) for price, total in rows]


def _change_of(data) -> BookChange:
    return BookChange(symbol="X_Y", bids=_levels(data["b"]), asks=_levels(data["a"]), timestamp_ms=0)


def _snapshot_of(data) -> BookSnapshot:
    return BookSnapshot(symbol="X_Y", bids=_levels(data["bids"]), asks=_levels(data["asks"]), timestamp_ms=0)


def _trade_of(data) -> Trade:
    return public_trade("X_Y", Decimal(data["p"]).normalize(), Decimal(data["q"]), is_buyer_maker=data["m"])


def bounds(feed, quotes: pd.DataFrame) -> pd.DataFrame:
    """Return for each quote what traded beyond its price, and what can have reached it at all: the feed alone says.

    A trade beyond the price fills whoever waits there, wherever in the queue. What did not trade at the price or beyond
    it, while nobody offered to trade there either, fills nobody.
    """
    trades = pd.DataFrame(
        [
            (time_ms, Decimal(data["p"]), Decimal(data["q"]), data["m"])
            for time_ms, kind, data in feed
            if kind == "trade"
        ],
        columns=["time", "price", "quantity", "is_sell"],
    )
    offers = pd.DataFrame(
        [
            (time_ms, side, Decimal(price))
            for time_ms, kind, data in feed
            if kind == "depth"
            for side, rows in (("sell", data["a"]), ("buy", data["b"]))
            for price, total in rows
            if Decimal(total)
        ],
        columns=["time", "side", "price"],
    )
    found = defaultdict(list)
    for quote in quotes.itertuples():
        is_buy = quote.side == "buy"
        seen = trades[trades.time.between(quote.since, quote.until) & (trades.is_sell == is_buy)]
        beyond = seen.price < quote.price if is_buy else seen.price > quote.price
        found["strict"].append(min(QUANTITY, seen[beyond].quantity.sum()))
        there = offers[offers.time.between(quote.since, quote.until) & (offers.side == ("sell" if is_buy else "buy"))]
        is_reached = (there.price <= quote.price if is_buy else there.price >= quote.price).any()
        at_all = seen[beyond | (seen.price == quote.price)].quantity.sum()
        found["optimistic"].append(QUANTITY if is_reached else min(QUANTITY, at_all))
    return quotes.assign(**found)


def test_neutral_fills_lie_between_the_strict_and_the_optimistic_bound(feed):
    lanes = [Lane(side, away) for side in Side for away in TICKS_AWAY]
    for event in feed:
        for lane in lanes:
            lane.see(*event)
    quotes = pd.DataFrame([quote for lane in lanes for quote in lane.quotes])
    quotes["side"] = quotes.side.astype(str)
    compared = bounds(feed, quotes)

    outside = compared[(compared.filled < compared.strict) | (compared.filled > compared.optimistic)]
    assert outside.empty, outside.to_string()
    assert len(compared) > 50
    # The bounds say something: the paper exchange reaches neither.
    assert compared.strict.sum() < compared.filled.sum() < compared.optimistic.sum()
