"""Order book snapshots and changes (protocol 4.4 and 8.4)."""

from msgspec import Struct

from tegro.wire.number import NumberLiteral


class Level(Struct):
    """One price level. `quantity` is the plain total resting there, in base units; zero in a diff removes it."""

    price: NumberLiteral
    quantity: NumberLiteral


class DepthSnapshot(Struct, kw_only=True):
    """`GET v1/orderbook/depth`. Both sides are sent from high to low, so the best ask comes last; do not rely on it.

    An empty side may be null or missing.
    """

    timestamp: int = 0
    bids: list[Level] | None = None
    asks: list[Level] | None = None


class BookDiff(Struct, kw_only=True):
    """Data of `order_book_diff`: new absolute totals of the levels that changed."""

    timestamp: int = 0
    symbol: str
    bids: list[Level] | None = None
    asks: list[Level] | None = None
