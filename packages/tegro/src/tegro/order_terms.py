"""The terms of an order before it is signed: rounding, smallest value, largest size, expiry, maker or taker.

Pure functions. Rounding is always asked for by name: nothing here changes a number that the caller meant to be exact.
"""

from decimal import ROUND_CEILING, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from enum import StrEnum
from typing import Final

from tegro.errors import InvalidInput
from tegro.model import PRICE_DECIMALS, Chain, Market, Side, require_decimal, round_down

EXACT: Final = Context(prec=320, traps=[DivisionByZero, Inexact, InvalidOperation, Overflow])
"""Wide enough for sums of price x quantity of any order that can be signed. Never rounds: it raises instead."""

_MAX_DIGITS: Final = 78
"""Digits of 2^256 - 1: no larger number can be signed."""

NO_EXPIRY: Final = 0
"""The `expiry_time` of an order that never expires (protocol 5.2)."""


class PriceRounding(StrEnum):
    """Which way a price goes to the next tick."""

    NO_WORSE = "no_worse"
    """A buy down, a sell up: never a worse price than asked for."""
    STILL_CROSSING = "still_crossing"
    """A buy up, a sell down: what the price reached in the book it still reaches."""


def round_price(market: Market, price: Decimal, side: Side, rounding: PriceRounding) -> Decimal:
    """Return a price on the market's tick size, less than one tick away.

    Raises
    ------
    InvalidInput
        If the price is not a finite number above zero, or rounds to zero.
    """
    _require_above_zero("price", price, market)
    down = round_down(price, market.tick_size)
    is_up = (side is Side.BUY) is (rounding is PriceRounding.STILL_CROSSING)
    rounded = _next_step(down, market.tick_size) if is_up and down < price else down
    if rounded == 0:
        raise InvalidInput(f"a price of {price} on {market.symbol} is below the tick size {market.tick_size:f}")
    return rounded


def round_quantity(market: Market, quantity: Decimal) -> Decimal:
    """Return a quantity on the market's lot size, rounded down.

    Raises
    ------
    InvalidInput
        If the quantity is not a finite number above zero, or is below one lot.
    """
    _require_above_zero("quantity", quantity, market)
    rounded = round_down(quantity, market.lot_size)
    if rounded == 0:
        raise InvalidInput(f"a quantity of {quantity} on {market.symbol} is below the lot size {market.lot_size:f}")
    return rounded


def largest_quantity(market: Market, side: Side, price: Decimal, available_wei: int) -> Decimal:
    """Return the most that an order at this price may be for, so that it never costs more than is available.

    Parameters
    ----------
    available_wei
        What may be spent, in the smallest unit: of the quote token for a buy, of the base token for a sell.

    Returns
    -------
    Decimal
        A multiple of the lot size; zero where not even one lot can be paid for.

    Raises
    ------
    InvalidInput
        If the price is not on the tick size.
    """
    price_e18 = _price_e18(market, price)
    if available_wei <= 0:
        return Decimal(0)
    if side is Side.BUY:
        # Price x quantity must not pass what is there even before the contract rounds it down (protocol 5.3).
        numerator, denominator = _quote_scale(market)
        quantity_wei = available_wei * numerator // (price_e18 * denominator)
    else:
        quantity_wei = available_wei
    return round_down(_human(quantity_wei, market), market.lot_size)


def least_quantity(market: Market, price: Decimal, min_value_wei: int) -> Decimal:
    """Return the smallest quantity, on the lot size, that is worth a value at this price (at least one lot).

    Parameters
    ----------
    min_value_wei
        In the smallest unit of the quote token (`minimum_value_wei`).

    Raises
    ------
    InvalidInput
        If the price is not on the tick size.
    """
    numerator, denominator = _quote_scale(market)
    quantity_wei = -(-min_value_wei * numerator // (_price_e18(market, price) * denominator))
    quantity = _human(quantity_wei, market)
    rounded = round_down(quantity, market.lot_size)
    return _next_step(rounded, market.lot_size) if rounded < quantity or rounded == 0 else rounded


def minimum_value_wei(market: Market, chain: Chain) -> int:
    """Return the smallest value of an order in the smallest unit of the market's quote token; 0 where it is not known.

    The venue states it in the chain's default quote token (protocol 5.3); what it is in another one is not known.
    """
    return chain.min_order_value_wei if market.quote.address == chain.default_quote_address else 0


def require_minimum_value(market: Market, price: Decimal, quantity: Decimal, chain: Chain) -> None:
    """Refuse an order that is worth less than the venue takes.

    Raises
    ------
    InvalidInput
        If it is, or price or quantity is off its step.
    """
    require_value_wei(market, market.quote_wei(_price_e18(market, price), _quantity_wei(market, quantity)), chain)


def require_value_wei(market: Market, value_wei: int, chain: Chain) -> None:
    """Refuse a value, in the smallest unit of the quote token, that is less than the venue takes.

    Raises
    ------
    InvalidInput
        If it is.
    """
    least_wei = minimum_value_wei(market, chain)
    if value_wei < least_wei:
        least, value = market.quote.from_wei(least_wei), market.quote.from_wei(value_wei)
        raise InvalidInput(
            f"an order on {market.symbol} must be worth at least {least} {market.quote.symbol}, was {value}"
        )


def spending_wei(market: Market, side: Side, price: Decimal, quantity: Decimal) -> int:
    """Return the most that settling a quantity at a limit price can take out of the wallet.

    In the smallest unit of the quote token for a buy, of the base token for a sell. A buy pays the seller's limit,
    which is never above its own, and the contract rounds each fill down (protocol 7.3), so all fills together cost no
    more. Numbers finer than can be signed, which the venue may report, are rounded up.
    """
    quantity_wei = _scaled_up(quantity, market.base.decimals)
    return market.quote_wei(_scaled_up(price, PRICE_DECIMALS), quantity_wei) if side is Side.BUY else quantity_wei


def crosses(price: Decimal, *, best_opposite: Decimal | None, side: Side) -> bool:
    """Tell whether a limit order at this price would trade at once. `best_opposite` is None for an empty side."""
    if best_opposite is None:
        return False
    return price >= best_opposite if side is Side.BUY else price <= best_opposite


def require_maker(
    market: Market, side: Side, price: Decimal, *, best_opposite: Decimal | None, distance_ticks: int = 0
) -> None:
    """Refuse a limit-maker order that would trade at once against the book as it is now.

    The protocol has no post-only flag (protocol 5.2): the book may move before the order arrives. A distance narrows
    that race, `tegro.maker_only` counts the ones that are lost.

    Parameters
    ----------
    best_opposite
        Best price of the other side of a fresh book: the lowest ask for a buy. None where nobody is there.
    distance_ticks
        How many ticks the price must stay away from it; 0 and 1 both mean that it must not reach it.

    Raises
    ------
    InvalidInput
        If the price is too close to the other side, or is not on the tick size.
    """
    _price_e18(market, price)
    if best_opposite is None:
        return
    opposite_name = "ask" if side is Side.BUY else "bid"
    if crosses(price, best_opposite=best_opposite, side=side):
        raise InvalidInput(
            f"a limit-maker {side} at {price:f} on {market.symbol} would trade at once: the best {opposite_name} is "
            f"{best_opposite:f}; choose a price on your own side of it"
        )
    with localcontext(EXACT):
        distance = abs(best_opposite - price)
        least = distance_ticks * market.tick_size
    if distance < least:
        raise InvalidInput(
            f"a limit-maker {side} at {price:f} on {market.symbol} is {distance:f} from the best {opposite_name} "
            f"{best_opposite:f}, closer than the {distance_ticks} ticks ({least:f}) asked for"
        )


def expiry_time(now_secs: int, expiry_secs: int) -> int:
    """Return when an order signed now expires, in Unix seconds; `NO_EXPIRY` if `expiry_secs` is 0.

    Raises
    ------
    InvalidInput
        If `expiry_secs` is negative.
    """
    if expiry_secs < 0:
        raise InvalidInput(f"an order cannot expire before it is signed: order_expiry_secs was {expiry_secs}")
    return now_secs + expiry_secs if expiry_secs else NO_EXPIRY


def _quote_scale(market: Market) -> tuple[int, int]:
    """Return (n, d) so that price_e18 x quantity_wei x d / n is a value in the smallest unit of the quote token."""
    exponent = PRICE_DECIMALS + market.base.decimals - market.quote.decimals
    return (10**exponent, 1) if exponent >= 0 else (1, 10**-exponent)


def _human(quantity_wei: int, market: Market) -> Decimal:
    return Decimal(quantity_wei).scaleb(-market.base.decimals, context=EXACT)


def _next_step(value: Decimal, step: Decimal) -> Decimal:
    with localcontext(EXACT):
        return value + step


def _scaled_up(value: Decimal, decimals: int) -> int:
    return int(value.scaleb(decimals, context=EXACT).to_integral_value(ROUND_CEILING))


def _price_e18(market: Market, price: Decimal) -> int:
    try:
        return market.price_e18(price)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def _quantity_wei(market: Market, quantity: Decimal) -> int:
    try:
        return market.base.to_wei(quantity)
    except ValueError as error:
        raise InvalidInput(str(error)) from None


def _require_above_zero(what: str, value: Decimal, market: Market) -> None:
    try:
        require_decimal(value, f"{what} on {market.symbol}")
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    is_sane = value.is_finite() and max(value.adjusted(), len(value.as_tuple().digits)) <= _MAX_DIGITS
    if not is_sane or value <= 0:
        raise InvalidInput(f"{what} on {market.symbol} must be a number above zero and within reason, was {value}")
