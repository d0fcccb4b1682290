"""Price-time matching of an incoming order against a book.

The contract settles at the sell order's limit, whoever rested (protocol 7.3), so that is the price of a fill. The
price of the resting order is reported beside it.
"""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.engine.order_book import OrderBook


class Fill(Struct, frozen=True, gc=False):
    """One match. `price_e18` is what the contract pays; `resting_price_e18` is the level that was taken."""

    maker_order_id: str
    quantity_wei: int
    price_e18: int
    resting_price_e18: int


class MatchResult(Struct, frozen=True, gc=False):
    """The fills in the order they happened, and what is left of the incoming order."""

    fills: tuple[Fill, ...]
    remaining_wei: int


def match(book: OrderBook, side: Side, price_e18: int, quantity_wei: int) -> MatchResult:
    """Take from the book what an incoming limit order can take. The remainder is not put into the book.

    Orders of one wallet may trade with each other: Tegro's own programs do so on purpose (protocol 5.2).
    """
    takes_asks = side is Side.BUY
    others = book.opposite(side)
    ranks, levels = others.ranks, others.levels
    # The rank of the worst price that is still good enough: that of the limit itself.
    least_rank = price_e18 * others.sign
    if not ranks or ranks[-1] < least_rank:
        return MatchResult((), quantity_wei)
    fills: list[Fill] = []
    remaining_wei = quantity_wei
    while remaining_wei > 0 and ranks and ranks[-1] >= least_rank:
        resting = next(iter(levels[ranks[-1]].orders.values()))
        filled_wei = min(remaining_wei, resting.quantity_wei)
        sell_price_e18 = resting.price_e18 if takes_asks else price_e18
        fills.append(Fill(resting.order_id, filled_wei, sell_price_e18, resting.price_e18))
        book.reduce(resting, filled_wei)
        remaining_wei -= filled_wei
    return MatchResult(tuple(fills), remaining_wei)


def crosses(side: Side, price_e18: int, resting_price_e18: int) -> bool:
    """Say whether an order of one side reaches a price of the other."""
    return resting_price_e18 <= price_e18 if side is Side.BUY else resting_price_e18 >= price_e18
