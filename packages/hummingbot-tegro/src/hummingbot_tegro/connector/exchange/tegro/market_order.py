"""The limit at which a market order is sent: the venue knows limit orders only (protocol 5.2). Pure functions."""

from collections.abc import Iterable
from decimal import Decimal

from tegro.errors import InvalidInput
from tegro.model import BookLevel, Market, Side, round_down


def market_limit_price(
    levels: Iterable[BookLevel], *, market: Market, side: Side, quantity: Decimal, max_slippage_bps: int
) -> Decimal:
    """Return the price of the last level that an order of this size takes.

    The contract settles at the limit of the *sell* order (protocol 7.3), so a sell is priced no lower than the last bid
    it needs. A level beyond the slippage cap is not taken: what the levels before it cannot fill stays unfilled.

    Parameters
    ----------
    levels
        The other side of the book, best price first.
    quantity
        Amount of the order, in base.
    max_slippage_bps
        How much worse than the best price the limit may be, in basis points.

    Raises
    ------
    InvalidInput
        If the other side of the book is empty.
    """
    limit: Decimal | None = None
    worst = Decimal(0)
    missing = quantity
    for level in levels:
        if limit is None:
            worst = _worst_price(level.price, side, max_slippage_bps)
        elif _is_worse(level.price, worst, side):
            break
        limit = level.price
        missing -= level.quantity
        if missing <= 0:
            break
    if limit is None:
        raise InvalidInput(f"a market order needs a price, and nobody is on the other side of {market.symbol}")
    return _to_tick(limit, market.tick_size, side)


def crosses(price: Decimal, *, best_opposite: Decimal | None, side: Side) -> bool:
    """Tell whether a limit order at this price would trade at once. `best_opposite` is None for an empty side."""
    if best_opposite is None:
        return False
    return price >= best_opposite if side is Side.BUY else price <= best_opposite


def _worst_price(best: Decimal, side: Side, max_slippage_bps: int) -> Decimal:
    share = Decimal(max_slippage_bps) / 10_000
    return best * (1 + share if side is Side.BUY else 1 - share)


def _is_worse(price: Decimal, worst: Decimal, side: Side) -> bool:
    return price > worst if side is Side.BUY else price < worst


def _to_tick(price: Decimal, tick_size: Decimal, side: Side) -> Decimal:
    """Round so that the order still crosses: a buy up, a sell down."""
    down = round_down(price, tick_size)
    return down + tick_size if side is Side.BUY and down < price else down
