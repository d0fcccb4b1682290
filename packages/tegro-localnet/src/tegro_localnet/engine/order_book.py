"""One market's resting orders in price-time priority."""

from collections.abc import Iterator

from msgspec import Struct, field
from sortedcontainers import SortedDict

from tegro.model import Side


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


class OrderBook:
    """Two sides of sorted price levels; within a level the order that came first trades first."""

    def __init__(self) -> None:
        self._bids = SortedDict()
        self._asks = SortedDict()
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
        if order.quantity_wei <= 0 or order.order_id in self._orders:
            message = f"order {order.order_id} cannot rest: {order.quantity_wei} wei, or it rests already"
            raise ValueError(message)
        side = self._levels(order.side)
        level: _Level | None = side.get(order.price_e18)
        if level is None:
            level = side[order.price_e18] = _Level()
        level.orders[order.order_id] = order
        level.total_wei += order.quantity_wei
        self._orders[order.order_id] = order

    def remove(self, order_id: str) -> RestingOrder | None:
        """Take an order out; None where it does not rest, so this may be repeated."""
        order = self._orders.pop(order_id, None)
        if order is not None:
            levels = self._levels(order.side)
            level: _Level = levels[order.price_e18]
            del level.orders[order_id]
            level.total_wei -= order.quantity_wei
            if not level.orders:
                del levels[order.price_e18]
        return order

    def reduce(self, order: RestingOrder, quantity_wei: int) -> None:
        """Lower a resting order by a fill; it keeps its place and leaves the book at zero."""
        if quantity_wei == order.quantity_wei:
            self.remove(order.order_id)
            return
        level: _Level = self._levels(order.side)[order.price_e18]
        level.total_wei -= quantity_wei
        order.quantity_wei -= quantity_wei

    def best(self, side: Side) -> RestingOrder | None:
        """Return the order of one side that trades next; None where the side is empty."""
        levels = self._levels(side)
        if not levels:
            return None
        level: _Level = levels.peekitem(-1 if side is Side.BUY else 0)[1]
        return next(iter(level.orders.values()))

    def total_at(self, side: Side, price_e18: int) -> int:
        """Return what rests at a price, in wei; zero where there is no level."""
        level: _Level | None = self._levels(side).get(price_e18)
        return 0 if level is None else level.total_wei

    def levels(self, side: Side) -> Iterator[tuple[int, int]]:
        """Yield (price, total) of one side from the highest price to the lowest."""
        for price_e18, level in reversed(self._levels(side).items()):
            yield price_e18, level.total_wei

    def orders(self, side: Side) -> Iterator[RestingOrder]:
        """Yield the orders of one side in the order in which they would trade."""
        items = self._levels(side).items()
        for _, level in reversed(items) if side is Side.BUY else items:
            yield from level.orders.values()

    def _levels(self, side: Side) -> SortedDict:
        # Two attributes and no dictionary: the hash of an enum member is computed in Python.
        return self._bids if side is Side.BUY else self._asks
