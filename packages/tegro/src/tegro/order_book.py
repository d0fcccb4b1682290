"""A market's order book kept from a snapshot and the changes after it: pure, no clock, no I/O.

The stream carries no sequence numbers (protocol 8.4), so the book counts as stale until a snapshot was applied after
each (re)connect. Changes that came since, and are not older than the snapshot, are applied over it again.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, localcontext
from itertools import islice
from typing import Final

from msgspec import Struct

from tegro.model import BookChange, BookLevel, BookSnapshot, Side

NO_SNAPSHOT: Final = "no snapshot yet"

_EXACT: Final = Context(prec=120)
_KEPT_CHANGES: Final = 4096
_KEPT_MS: Final = 60_000
"""A snapshot is never older than this when it arrives: a request ends long before."""


class Sweep(Struct, frozen=True, kw_only=True):
    """What taking a quantity from a book comes to."""

    quantity: Decimal
    """Base amount that rests there, up to the one asked for."""
    cost: Decimal
    """Quote amount for it, each level at its own price."""
    worst_price: Decimal
    """Price of the last level touched: the limit that a taking order needs."""
    is_complete: bool
    """Whether the whole quantity rests there."""

    @property
    def average_price(self) -> Decimal:
        """Volume-weighted average price, to the precision of the current decimal context."""
        return self.cost / self.quantity


class OrderBook:
    """The book of one market. A quantity is the plain total that rests at a price, in base."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.timestamp_ms = 0
        """The venue's time of the newest thing applied; 0 before."""
        self._bids = _Ladder()
        self._asks = _Ladder()
        self._recent: dict[tuple[Side, Decimal], tuple[int, Decimal]] = {}
        self._snapshot_secs = 0
        self._stale_reason: str | None = NO_SNAPSHOT

    @property
    def is_stale(self) -> bool:
        """Whether the book must not be traded on."""
        return self._stale_reason is not None

    @property
    def stale_reason(self) -> str | None:
        """Why the book is stale; None while it is not."""
        return self._stale_reason

    @property
    def best_bid(self) -> BookLevel | None:
        """The highest bid; None where no bid rests."""
        return next(self._bids.descending(), None)

    @property
    def best_ask(self) -> BookLevel | None:
        """The lowest ask; None where no ask rests."""
        return next(self._asks.ascending(), None)

    def bids(self, levels: int | None = None) -> list[BookLevel]:
        """Return bids from high to low; all of them if `levels` is None."""
        return list(islice(self._bids.descending(), levels))

    def asks(self, levels: int | None = None) -> list[BookLevel]:
        """Return asks from low to high; all of them if `levels` is None."""
        return list(islice(self._asks.ascending(), levels))

    def depth(self, side: Side, worst_price: Decimal) -> Decimal:
        """Return what rests on a side at `worst_price` or better, in base."""
        total = Decimal(0)
        with localcontext(_EXACT):
            for level in self._best_first(side):
                if (level.price < worst_price) if side is Side.BUY else (level.price > worst_price):
                    break
                total += level.quantity
        return total

    def vwap_for(self, side: Side, quantity: Decimal) -> Sweep | None:
        """Return what an order of `side` that takes `quantity` comes to; None where nothing rests on the other side.

        Raises
        ------
        ValueError
            If the quantity is not above zero.
        """
        if quantity <= 0:
            raise ValueError(f"quantity must be above zero, was {quantity}")
        taken = cost = worst_price = Decimal(0)
        with localcontext(_EXACT):
            for level in self._best_first(side.opposite):
                part = min(level.quantity, quantity - taken)
                taken += part
                cost += part * level.price
                worst_price = level.price
                if taken == quantity:
                    break
        if not taken:
            return None
        return Sweep(quantity=taken, cost=cost, worst_price=worst_price, is_complete=taken == quantity)

    def mark_stale(self, reason: str) -> None:
        """Say that changes may have been missed: until the next snapshot the book must not be traded on."""
        self._stale_reason = reason
        # What came before the gap may have been overtaken inside it.
        self._recent.clear()

    def apply_snapshot(self, snapshot: BookSnapshot) -> None:
        """Replace the book, apply the kept changes that are not older over it, and end its being stale.

        Call it with the snapshot that was asked for after the stream's `Connected`. May be repeated at any time.
        """
        self._bids.replace(snapshot.bids)
        self._asks.replace(snapshot.asks)
        self._snapshot_secs = snapshot.timestamp_ms // 1000
        self.timestamp_ms = snapshot.timestamp_ms
        self._recent = {key: change for key, change in self._recent.items() if not self._is_older(change[0])}
        for (side, price), (timestamp_ms, quantity) in self._recent.items():
            self._ladder(side).put(price, quantity)
            self.timestamp_ms = max(self.timestamp_ms, timestamp_ms)
        self._stale_reason = None

    def apply_change(self, change: BookChange) -> None:
        """Put the new totals in; zero removes a level. A change older than the snapshot is ignored.

        While the book is stale the change is kept for the snapshot to come.
        """
        if not self.is_stale and self._is_older(change.timestamp_ms):
            return
        for side, levels in ((Side.BUY, change.bids), (Side.SELL, change.asks)):
            for level in levels:
                self._recent[side, level.price] = (change.timestamp_ms, level.quantity)
                if not self.is_stale:
                    self._ladder(side).put(level.price, level.quantity)
        self.timestamp_ms = max(self.timestamp_ms, change.timestamp_ms)
        if len(self._recent) > _KEPT_CHANGES:
            oldest_ms = self.timestamp_ms - _KEPT_MS
            self._recent = {key: kept for key, kept in self._recent.items() if kept[0] >= oldest_ms}

    def _is_older(self, timestamp_ms: int) -> bool:
        # Whole seconds: one of the two is often stamped in seconds (protocol 3.5).
        return timestamp_ms // 1000 < self._snapshot_secs

    def _ladder(self, side: Side) -> "_Ladder":
        return self._bids if side is Side.BUY else self._asks

    def _best_first(self, side: Side) -> Iterator[BookLevel]:
        return self._bids.descending() if side is Side.BUY else self._asks.ascending()


class _Ladder:
    """The levels of one side, sorted by price."""

    def __init__(self) -> None:
        self._prices: list[Decimal] = []
        self._quantities: dict[Decimal, Decimal] = {}

    def put(self, price: Decimal, quantity: Decimal) -> None:
        if quantity:
            if price not in self._quantities:
                insort(self._prices, price)
            self._quantities[price] = quantity
        elif self._quantities.pop(price, None) is not None:
            del self._prices[bisect_left(self._prices, price)]

    def replace(self, levels: Iterable[BookLevel]) -> None:
        totals = {level.price: level.quantity for level in levels}
        self._quantities = {price: quantity for price, quantity in totals.items() if quantity}
        self._prices = sorted(self._quantities)

    def ascending(self) -> Iterator[BookLevel]:
        return (BookLevel(price, self._quantities[price]) for price in self._prices)

    def descending(self) -> Iterator[BookLevel]:
        return (BookLevel(price, self._quantities[price]) for price in reversed(self._prices))
