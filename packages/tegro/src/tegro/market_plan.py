"""How a market order is signed: the venue knows limit orders only (protocol 5.2). Pure functions.

The contract settles at the limit of the *sell* order, whoever rested (protocol 7.3). So a buy is one order at the worst
price it needs and keeps every improvement, while a sell is one order per bid level, each at that level's own price: one
sell order at the worst price would give the difference away on every level above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, localcontext
from typing import Final

from msgspec import Struct

from tegro.errors import InvalidInput
from tegro.model import BookLevel, Market, Side, round_down
from tegro.order_terms import EXACT, PriceRounding, crosses, least_quantity, round_price, round_quantity

__all__ = [
    "MarketPlan",
    "Slice",
    "crosses",
    "give_away",
    "give_away_warning",
    "market_limit_price",
    "plan_market_order",
]

_BPS: Final = 10_000


class Slice(Struct, frozen=True, kw_only=True):
    """One limit order of a plan."""

    price: Decimal
    """On the tick size."""
    quantity: Decimal
    """In base, on the lot size."""


class MarketPlan(Struct, frozen=True, kw_only=True):
    """The limit orders that together are one market order.

    Send them one after the other, in this order: a later slice that arrives first would take the better bids at its own
    lower limit. Cancel what is left of each.
    """

    slices: tuple[Slice, ...]
    """Best price first; never empty."""
    unfilled: Decimal
    """What the book does not hold within the slippage cap, is below one lot or cannot reach the minimum value."""
    notional: Decimal
    """Quote that changes hands if the book stays as it is, before fees; exact."""

    @property
    def quantity(self) -> Decimal:
        """Base amount of all slices."""
        with localcontext(EXACT):
            return sum((part.quantity for part in self.slices), Decimal(0))

    @property
    def average_price(self) -> Decimal:
        """Expected price, volume-weighted, to the precision of the current decimal context."""
        return self.notional / self.quantity

    @property
    def worst_price(self) -> Decimal:
        """The limit furthest from the best price."""
        return self.slices[-1].price


def plan_market_order(
    levels: Sequence[BookLevel],
    *,
    market: Market,
    side: Side,
    quantity: Decimal,
    max_slippage_bps: int,
    min_value_wei: int = 0,
) -> MarketPlan:
    """Price a market order through the book.

    No slice is worth less than `min_value_wei`, because the venue would refuse it. A bid level too small for a slice
    is sold with the next lower one, at that one's price. At the lowest level, where there is none, the slice above
    gives it the quantity it lacks (or all of its own, if too little would be left). So what a slice sells below the
    bid it takes is never more than two smallest orders, and gives away at most the slippage cap of their worth.
    Merging the other way, up to a better price, would give nothing away but need not fill. Where nothing helps, the
    last levels stay unfilled.

    Parameters
    ----------
    levels
        The other side of the book, best price first.
    quantity
        Amount of the order, in base; what is below one lot is not planned.
    max_slippage_bps
        How much worse than the best price a limit may be, in basis points. It holds after rounding to the tick size.
    min_value_wei
        Smallest value of one order in the smallest unit of the quote token (`order_terms.minimum_value_wei`).

    Raises
    ------
    InvalidInput
        If the other side is empty, the quantity is below one lot, or what can be filled is worth too little.
    """
    wanted = round_quantity(market, quantity)
    if not levels:
        raise _nobody_there(market)
    walked = list(_walk(_reachable(levels, market, side, max_slippage_bps), wanted))
    parts = walked if side is Side.SELL else _as_one(walked)
    slices = _of_minimum_value(parts, market, min_value_wei)
    if not slices:
        raise _too_little(levels[0].price, parts, market=market, side=side, min_value_wei=min_value_wei)
    with localcontext(EXACT):
        priced = slices if side is Side.SELL else walked
        notional = sum((part.price * part.quantity for part in priced), Decimal(0))
        unfilled = quantity - sum((part.quantity for part in slices), Decimal(0))
    return MarketPlan(slices=tuple(slices), unfilled=unfilled, notional=notional)


def market_limit_price(
    levels: Iterable[BookLevel], *, market: Market, side: Side, quantity: Decimal, max_slippage_bps: int
) -> Decimal:
    """Return the price of the last level that one order of this size takes.

    A level beyond the slippage cap is not taken: what the levels before it cannot fill stays unfilled. A sell at this
    price gives away what `plan_market_order` does not.

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
    missing = quantity
    for level in _within_cap(levels, side, max_slippage_bps):
        limit = level.price
        missing = EXACT.subtract(missing, level.quantity)
        if missing <= 0:
            break
    if limit is None:
        raise _nobody_there(market)
    return round_price(market, limit, side, PriceRounding.STILL_CROSSING)


def give_away(levels: Iterable[BookLevel], *, side: Side, price: Decimal, quantity: Decimal) -> Decimal:
    """Return how much less quote one limit order brings than one sell order per bid level, exactly.

    Parameters
    ----------
    levels
        The other side of the book, best price first.

    Returns
    -------
    Decimal
        Zero for a buy, and for a sell that takes no bid above its price: what the contract settles at is then no worse.
    """
    if side is Side.BUY:
        return Decimal(0)
    lost, missing = Decimal(0), quantity
    with localcontext(EXACT):
        for level in levels:
            if level.price <= price or missing <= 0:
                break
            part = min(level.quantity, missing)
            lost += part * (level.price - price)
            missing -= part
    return lost


def give_away_warning(
    levels: Sequence[BookLevel], *, market: Market, side: Side, price: Decimal, quantity: Decimal
) -> str | None:
    """Return a sentence about what a marketable limit sell gives away; None where it gives nothing away."""
    lost = give_away(levels, side=side, price=price, quantity=quantity)
    if lost == 0:
        return None
    return (
        f"selling {quantity:f} {market.base.symbol} at {price:f} gives away {lost.normalize(EXACT):f} "
        f"{market.quote.symbol}: bids rest up to {levels[0].price:f}, but the contract pays a seller its own limit; "
        "a market order sells to each bid at that bid's price"
    )


def _within_cap(levels: Iterable[BookLevel], side: Side, max_slippage_bps: int) -> Iterator[BookLevel]:
    """Yield the levels that are no worse than the best one by more than the cap."""
    cap: Decimal | None = None
    for level in levels:
        cap = _cap(level.price, side, max_slippage_bps) if cap is None else cap
        if _is_worse(level.price, cap, side):
            return
        yield level


def _reachable(
    levels: Sequence[BookLevel], market: Market, side: Side, max_slippage_bps: int
) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the limit and the quantity, on tick and lot, of each level that an order within the cap can take."""
    cap = _cap(levels[0].price, side, max_slippage_bps)
    for level in _within_cap(levels, side, max_slippage_bps):
        limit = round_price(market, level.price, side, PriceRounding.STILL_CROSSING)
        if _is_worse(limit, cap, side):
            return  # the level is between two ticks, and the tick that reaches it lies beyond the cap
        yield limit, round_down(level.quantity, market.lot_size)


def _walk(reachable: Iterable[tuple[Decimal, Decimal]], wanted: Decimal) -> Iterator[Slice]:
    """Yield what is taken of each level, until nothing is missing."""
    missing = wanted
    for price, held in reachable:
        part = min(held, missing)
        if part > 0:
            yield Slice(price=price, quantity=part)
        missing = EXACT.subtract(missing, part)
        if missing == 0:
            return


def _as_one(walked: Sequence[Slice]) -> list[Slice]:
    if not walked:
        return []
    return [_together(walked, walked[-1].price)]


def _of_minimum_value(parts: Sequence[Slice], market: Market, min_value_wei: int) -> list[Slice]:
    """Return the parts as slices that are each worth the minimum; empty where they cannot be."""
    slices: list[Slice] = []
    waiting: list[Slice] = []
    for part in parts:
        waiting.append(part)
        together = _together(waiting, part.price)
        if together.quantity >= least_quantity(market, part.price, min_value_wei):
            slices.append(together)
            waiting = []
    if not waiting:
        return slices
    rest = _together(waiting, waiting[-1].price)
    return _with_rest(slices, rest, market, min_value_wei) or slices


def _with_rest(slices: Sequence[Slice], rest: Slice, market: Market, min_value_wei: int) -> list[Slice]:
    """Fill the rest, which is too small, from the slices above it; empty where they do not suffice."""
    kept = list(slices)
    needed = least_quantity(market, rest.price, min_value_wei)
    while kept:
        above = kept.pop()
        left = EXACT.subtract(above.quantity, EXACT.subtract(needed, rest.quantity))
        if left >= least_quantity(market, above.price, min_value_wei):
            return [*kept, Slice(price=above.price, quantity=left), Slice(price=rest.price, quantity=needed)]
        rest = _together((above, rest), rest.price)
        if rest.quantity >= needed:
            return [*kept, rest]
    return []


def _together(parts: Iterable[Slice], price: Decimal) -> Slice:
    with localcontext(EXACT):
        return Slice(price=price, quantity=sum((part.quantity for part in parts), Decimal(0)))


def _cap(best: Decimal, side: Side, max_slippage_bps: int) -> Decimal:
    share = Decimal(max_slippage_bps) / _BPS
    with localcontext(EXACT):
        return best * (1 + share if side is Side.BUY else 1 - share)


def _is_worse(price: Decimal, cap: Decimal, side: Side) -> bool:
    return price > cap if side is Side.BUY else price < cap


def _nobody_there(market: Market) -> InvalidInput:
    return InvalidInput(f"a market order needs a price, and nobody is on the other side of {market.symbol}")


def _too_little(
    best: Decimal, parts: Sequence[Slice], *, market: Market, side: Side, min_value_wei: int
) -> InvalidInput:
    if not parts:
        return InvalidInput(
            f"nothing within the slippage cap of the best price {best:f} can be taken on {market.symbol}; "
            "allow more slippage, or use a limit order"
        )
    held = _together(parts, parts[-1].price)
    least = market.quote.from_wei(min_value_wei)
    return InvalidInput(
        f"an order on {market.symbol} must be worth at least {least} {market.quote.symbol}, and a market {side} could "
        f"fill only {held.quantity:f} {market.base.symbol} at {held.price:f} or better"
    )
