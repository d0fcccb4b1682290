"""One market's resting orders in price-time priority."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from tegro.model import Side

_BUY: Final = Side.BUY
"""A global of this module is found sooner than a member of an enum."""


class RestingOrder(Struct, gc=False):
    """An order in the book. `quantity_wei` is what is left of it, in the smallest unit of the base token."""

    order_id: str
    side: Side
    price_e18: int
    quantity_wei: int


class _Level(Struct):
    """The orders at one price, oldest first, and their total."""

    total_wei: int = 0
    orders: dict[str, RestingOrder] = field(default_factory=dict)


class BookSide:
    """The levels of one side, by rank: the better the price, the higher its rank. The rank is the price, or minus it.

    A sorted list and a dictionary: trade happens near the end of the list, where a change moves few of its members.
    """

    __slots__ = ("levels", "ranks", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.ranks: list[int] = []
        self.levels: dict[int, _Level] = {}

    def opened(self, rank: int) -> _Level:
        """Begin a level where there is none."""
        insort(self.ranks, rank)
        level = self.levels[rank] = _Level()
        return level

    def close(self, rank: int) -> None:
        """Take out a level that is empty."""
        del self.levels[rank]
        if self.ranks[-1] == rank:
            self.ranks.pop()
        else:
            del self.ranks[bisect_left(self.ranks, rank)]


class OrderBook:
    """Two sides of sorted price levels; within a level the order that came first trades first."""

    def __init__(self) -> None:
        self._bids = BookSide(1)
        self._asks = BookSide(-1)
        self._orders: dict[str, RestingOrder] = {}

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._orders

    def __len__(self) -> int:
        return len(self._orders)

    def get(self, order_id: str) -> RestingOrder | None:
        """Return a resting order; None where it does not rest. The value is live: do not change it."""
        return self._orders.get(order_id)

    def add(self, order: RestingOrder) -> None:
        """Put an order at the tail of its price level.

        Raises
        ------
        ValueError
            If its quantity is not positive or its id rests already.
        """
        order_id, quantity_wei = order.order_id, order.quantity_wei
        if quantity_wei <= 0 or order_id in self._orders:
            message = f"order {order_id} cannot rest: {quantity_wei} wei, or it rests already"
            raise ValueError(message)
        side = self._bids if order.side is _BUY else self._asks
        rank = order.price_e18 * side.sign
        level = side.levels.get(rank)
        if level is None:
            level = side.opened(rank)
        level.orders[order_id] = order
        level.total_wei += quantity_wei
        self._orders[order_id] = order

    def remove(self, order_id: str) -> RestingOrder | None:
        """Take an order out; None where it does not rest, so this may be repeated."""
        order = self._orders.pop(order_id, None)
        if order is not None:
            side = self._bids if order.side is _BUY else self._asks
            rank = order.price_e18 * side.sign
            level = side.levels[rank]
            del level.orders[order_id]
            level.total_wei -= order.quantity_wei
            if not level.orders:
                side.close(rank)
        return order

    def reduce(self, order: RestingOrder, quantity_wei: int) -> None:
        """Lower a resting order by a fill; it keeps its place and leaves the book at zero."""
        if quantity_wei == order.quantity_wei:
            self.remove(order.order_id)
            return
        side = self._side(order.side)
        side.levels[order.price_e18 * side.sign].total_wei -= quantity_wei
        order.quantity_wei -= quantity_wei

    def best(self, side: Side) -> RestingOrder | None:
        """Return the order of one side that trades next; None where the side is empty."""
        own = self._side(side)
        if not own.ranks:
            return None
        return next(iter(own.levels[own.ranks[-1]].orders.values()))

    def total_at(self, side: Side, price_e18: int) -> int:
        """Return what rests at a price, in wei; zero where there is no level."""
        own = self._side(side)
        level = own.levels.get(price_e18 * own.sign)
        return 0 if level is None else level.total_wei

    def levels(self, side: Side) -> Iterator[tuple[int, int]]:
        """Yield (price, total) of one side from the highest price to the lowest."""
        own = self._side(side)
        for rank in reversed(own.ranks) if side is Side.BUY else own.ranks:
            yield rank * own.sign, own.levels[rank].total_wei

    def orders(self, side: Side) -> Iterator[RestingOrder]:
        """Yield the orders of one side in the order in which they would trade."""
        own = self._side(side)
        for rank in reversed(own.ranks):
            yield from own.levels[rank].orders.values()

    def opposite(self, side: Side) -> BookSide:
        """Return the levels that orders of one side trade with. They are live: do not change them."""
        return self._asks if side is _BUY else self._bids

    def _side(self, side: Side) -> BookSide:
        # Two attributes and no dictionary: the hash of an enum member is computed in Python.
        return self._bids if side is _BUY else self._asks
