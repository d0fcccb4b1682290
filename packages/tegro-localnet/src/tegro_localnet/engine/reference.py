"""A second matching engine, written to be read rather than to be quick: the test of the first one.

Every order lies in one list in the order of its arrival. The next order to trade is found by looking at all of them.
"""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.engine.matching import Fill


class _Entry(Struct):
    order_id: str
    side: Side
    price_e18: int
    quantity_wei: int


class ReferenceBook:
    """What `OrderBook` and `match` do together, in the plainest form."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def place(self, order_id: str, side: Side, price_e18: int, quantity_wei: int) -> tuple[Fill, ...]:
        """Match an order, let its remainder rest, and return its fills."""
        fills: list[Fill] = []
        left = quantity_wei
        while left > 0 and (maker := self._next_maker(side, price_e18)) is not None:
            filled = min(left, maker.quantity_wei)
            settlement_price = min(price_e18, maker.price_e18)
            fills.append(Fill(maker.order_id, filled, settlement_price, maker.price_e18))
            maker.quantity_wei -= filled
            left -= filled
            self._entries = [entry for entry in self._entries if entry.quantity_wei > 0]
        if left > 0:
            self._entries.append(_Entry(order_id, side, price_e18, left))
        return tuple(fills)

    def cancel(self, order_id: str) -> bool:
        """Take an order out and say whether it rested."""
        before = len(self._entries)
        self._entries = [entry for entry in self._entries if entry.order_id != order_id]
        return len(self._entries) < before

    def orders(self, side: Side) -> list[tuple[str, int, int]]:
        """Return (id, price, quantity) of one side in the order in which they would trade."""
        sign = -1 if side is Side.BUY else 1
        own = [entry for entry in self._entries if entry.side is side]
        # sorted() is stable, so orders of one price stay in the order of their arrival.
        return [(e.order_id, e.price_e18, e.quantity_wei) for e in sorted(own, key=lambda e: sign * e.price_e18)]

    def levels(self, side: Side) -> list[tuple[int, int]]:
        """Return (price, total) of one side from the highest price to the lowest."""
        totals: dict[int, int] = {}
        for _, price_e18, quantity_wei in self.orders(side):
            totals[price_e18] = totals.get(price_e18, 0) + quantity_wei
        return sorted(totals.items(), reverse=True)

    def _next_maker(self, side: Side, price_e18: int) -> _Entry | None:
        others = [entry for entry in self._entries if entry.side is side.opposite]
        if side is Side.BUY:
            fitting = [entry for entry in others if entry.price_e18 <= price_e18]
            return min(fitting, key=lambda entry: entry.price_e18, default=None)
        fitting = [entry for entry in others if entry.price_e18 >= price_e18]
        # max() returns the first of equals, which is the oldest.
        return max(fitting, key=lambda entry: entry.price_e18, default=None)
