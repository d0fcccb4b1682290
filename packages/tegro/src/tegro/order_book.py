"""A market's order book kept from a snapshot and the changes after it: pure, no clock, no I/O.

The stream carries no sequence numbers (protocol 8.4), so the book counts as stale until a snapshot was applied after
each (re)connect. Changes that came since, and are not older than the snapshot, are applied over it again.

A change that comes twice does nothing the second time, since totals are absolute. One that comes late is ignored for
each level that a change with a later time has reached. Inside one unit of the venue's clock, which may be a whole
second, the order of arrival decides; what that gets wrong only a comparison with a snapshot can tell (`differences`).
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal, localcontext
from itertools import islice
from operator import lt
from typing import Final

from msgspec import Struct

from tegro.model import BookChange, BookLevel, BookSnapshot, Side
from tegro.resting_levels import RestingLevels

NO_SNAPSHOT: Final = "no snapshot yet"

_EXACT: Final = Context(prec=120)
_KEPT_CHANGES: Final = 4096
_KEPT_MS: Final = 60_000
"""A snapshot is never older than this when it arrives: a request ends long before."""
_NOTHING: Final = Decimal(0)


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


class Difference(Struct, frozen=True, kw_only=True):
    """A level whose total is another in a snapshot. Zero means that nothing rests there."""

    side: Side
    price: Decimal
    ours: Decimal
    theirs: Decimal

    def __str__(self) -> str:
        return f"{self.side} {self.price:f} is {self.ours:f} here and {self.theirs:f} there"


class OrderBook:
    """The book of one market. A quantity is the plain total that rests at a price, in base."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.timestamp_ms = 0
        """The venue's time of the newest thing applied; 0 before."""
        self.changes = 0
        """How many changes came so far. It never goes back, so it marks a moment for `differences`."""
        self._bids = _Ladder(Side.BUY)
        self._asks = _Ladder(Side.SELL)
        self._snapshot_secs = 0
        self._forgotten = 0
        self._most_kept = _KEPT_CHANGES
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
        return self._bids.best

    @property
    def best_ask(self) -> BookLevel | None:
        """The lowest ask; None where no ask rests."""
        return self._asks.best

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is not below the best ask: no matching engine leaves that, so something is missing."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid.price >= ask.price

    def bids(self, levels: int | None = None) -> list[BookLevel]:
        """Return bids from high to low; all of them if `levels` is None."""
        return self._bids.first(levels)

    def asks(self, levels: int | None = None) -> list[BookLevel]:
        """Return asks from low to high; all of them if `levels` is None."""
        return self._asks.first(levels)

    def depth(self, side: Side, worst_price: Decimal) -> Decimal:
        """Return what rests on a side at `worst_price` or better, in base."""
        total = Decimal(0)
        with localcontext(_EXACT):
            for level in self._ladder(side):
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
            for level in self._ladder(side.opposite):
                part = min(level.quantity, quantity - taken)
                taken += part
                cost += part * level.price
                worst_price = level.price
                if taken == quantity:
                    break
        if not taken:
            return None
        return Sweep(quantity=taken, cost=cost, worst_price=worst_price, is_complete=taken == quantity)

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        """Return what rests at one price, in base; zero where nothing does."""
        return self._ladder(side).quantity_at(price)

    def mark_stale(self, reason: str) -> None:
        """Say that changes may have been missed: until the next snapshot the book must not be traded on."""
        self._stale_reason = reason
        # What came before the gap may have been overtaken inside it.
        self._bids.recent.clear()
        self._asks.recent.clear()

    def apply_snapshot(self, snapshot: BookSnapshot) -> None:
        """Replace the book, apply the kept changes that are not older over it, and end its being stale.

        Call it with the snapshot that was asked for after the stream's `Connected`. May be repeated at any time.
        """
        self._snapshot_secs = snapshot.timestamp_ms // 1000
        self.timestamp_ms = snapshot.timestamp_ms
        for ladder, levels in ((self._bids, snapshot.bids), (self._asks, snapshot.asks)):
            ladder.replace(levels)
            ladder.recent = {price: kept for price, kept in ladder.recent.items() if not self._is_older(kept[0])}
            for timestamp_ms, _, level in ladder.recent.values():
                ladder.put(level)
                self.timestamp_ms = max(self.timestamp_ms, timestamp_ms)
        self._stale_reason = None

    def apply_change(self, change: BookChange) -> None:
        """Put the new totals in; zero removes a level. A change older than the snapshot is ignored.

        So is what it says of a level that a later change has reached. While the book is stale the change is kept for
        the snapshot to come.
        """
        if not self.is_stale and self._is_older(change.timestamp_ms):
            return
        self.changes += 1
        self._put(self._bids, change.bids, change.timestamp_ms)
        self._put(self._asks, change.asks, change.timestamp_ms)
        self.timestamp_ms = max(self.timestamp_ms, change.timestamp_ms)
        if len(self._bids.recent) + len(self._asks.recent) > self._most_kept:
            self._forget()

    def differences(self, snapshot: BookSnapshot, since: int) -> list[Difference]:
        """Compare with a snapshot, leaving out each level that a change has reached since `changes` was `since`.

        Such a level says nothing: the snapshot may have been taken before the change or after it.
        """
        if since < self._forgotten:
            return []
        return [
            Difference(side=side, price=price, ours=ours, theirs=theirs)
            for side, ladder, levels in ((Side.BUY, self._bids, snapshot.bids), (Side.SELL, self._asks, snapshot.asks))
            for price, ours, theirs in ladder.differences(levels)
            if price not in ladder.recent or ladder.recent[price][1] <= since
        ]

    def _put(self, ladder: "_Ladder", levels: Sequence[BookLevel], timestamp_ms: int) -> None:
        recent, is_live = ladder.recent, self._stale_reason is None
        for level in levels:
            kept = recent.get(level.price)
            if kept is not None and kept[0] > timestamp_ms:
                continue
            recent[level.price] = (timestamp_ms, self.changes, level)
            if is_live:
                ladder.put(level)

    def _forget(self) -> None:
        oldest_ms = self.timestamp_ms - _KEPT_MS
        for ladder in (self._bids, self._asks):
            kept = {price: each for price, each in ladder.recent.items() if each[0] >= oldest_ms}
            if len(kept) < len(ladder.recent):
                self._forgotten = self.changes
            ladder.recent = kept
        # Where all are recent, looking again at each change would find nothing.
        self._most_kept = max(_KEPT_CHANGES, 2 * (len(self._bids.recent) + len(self._asks.recent)))

    def _is_older(self, timestamp_ms: int) -> bool:
        # Whole seconds: one of the two is often stamped in seconds (protocol 3.5).
        return timestamp_ms // 1000 < self._snapshot_secs

    def _ladder(self, side: Side) -> "_Ladder":
        return self._bids if side is Side.BUY else self._asks


class _Ladder:
    """The levels of one side, the best first when iterated over.

    What a snapshot brought is left as it is until something wants to find a level in it by its price.
    """

    def __init__(self, side: Side) -> None:
        self._side = side
        self._untouched: RestingLevels | None = None
        self._prices: list[Decimal] = []
        self._levels: list[BookLevel] = []
        """From low to high, as the prices are; both are empty while the snapshot is untouched."""
        self.recent: dict[Decimal, tuple[int, int, BookLevel]] = {}
        """The last change of each price: its time, its number, and what it said."""

    def __iter__(self) -> Iterator[BookLevel]:
        if self._untouched is not None:
            return iter(self._untouched)
        return reversed(self._levels) if self._side is Side.BUY else iter(self._levels)

    @property
    def best(self) -> BookLevel | None:
        return next(iter(self if self._untouched is None else self._untouched.best(1)), None)

    def first(self, count: int | None) -> list[BookLevel]:
        return list(islice(self if self._untouched is None else self._untouched.best(count), count))

    def put(self, level: BookLevel) -> None:
        index, is_there = self._find(level.price)
        if not level.quantity:
            if is_there:
                del self._prices[index], self._levels[index]
        elif is_there:
            self._levels[index] = level
        else:
            self._prices.insert(index, level.price)
            self._levels.insert(index, level)

    def quantity_at(self, price: Decimal) -> Decimal:
        index, is_there = self._find(price)
        return self._levels[index].quantity if is_there else _NOTHING

    def replace(self, levels: Sequence[BookLevel]) -> None:
        if isinstance(levels, RestingLevels) and levels.side is self._side:
            self._untouched, self._prices, self._levels = levels, [], []
        else:
            self._untouched, (self._prices, self._levels) = None, _rising(levels)

    def differences(self, levels: Sequence[BookLevel]) -> Iterator[tuple[Decimal, Decimal, Decimal]]:
        """Yield price, our total and theirs where the two are not the same."""
        ours = {level.price: level.quantity for level in self}
        theirs = {level.price: level.quantity for level in _rising(levels)[1]}
        for price in ours.keys() | theirs.keys():
            pair = ours.get(price, _NOTHING), theirs.get(price, _NOTHING)
            if pair[0] != pair[1]:
                yield price, *pair

    def _find(self, price: Decimal) -> tuple[int, bool]:
        """Return where a price is or belongs, and whether it is there."""
        if self._untouched is not None:
            self._prices, self._levels = _rising(self._untouched)
            self._untouched = None
        index = bisect_left(self._prices, price)
        return index, index < len(self._prices) and self._prices[index] == price


def _rising(levels: Sequence[BookLevel]) -> tuple[list[Decimal], list[BookLevel]]:
    """Return prices and levels from low to high, each price once with its last total, and none that is empty."""
    found = list(levels[:])  # a slice of levels that are text makes all of them at once
    if len(found) > 1 and found[0].price > found[-1].price:
        found.reverse()
    prices = [level.price for level in found]
    if all(map(lt, prices, prices[1:])) and all([level.quantity for level in found]):  # noqa: C419  a list is quicker
        return prices, found
    last = {level.price: level for level in levels}
    prices = sorted(price for price, level in last.items() if level.quantity)
    return prices, [last[price] for price in prices]
