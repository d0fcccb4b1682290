"""Scales and roundings. Quantities and amounts count 10^-8, prices 10^-18, rates parts per million or 10^-8.

Every contract has so few decimals that a quantity times a price on the tick is a whole number of 10^-8 USDT: what two
sides of a trade book is then the same integer, and nothing is ever lost.
"""

from typing import Final

E8: Final = 10**8
E18: Final = 10**18
PPM: Final = 10**6


def notional_e8(quantity_e8: int, price_e18: int) -> int:
    """Return what a quantity is worth at a price, rounded down; exact for prices on the tick."""
    return quantity_e8 * price_e18 // E18


def share_up(amount_e8: int, rate_ppm: int) -> int:
    """Return a rate of an amount, rounded up."""
    return ceil_div(amount_e8 * rate_ppm, PPM)


def ceil_div(dividend: int, divisor: int) -> int:
    """Divide and round up."""
    return -(-dividend // divisor)


def nearest_div(dividend: int, divisor: int) -> int:
    """Divide and round to the nearest, halves up."""
    return (2 * dividend + divisor) // (2 * divisor)


def clamp(value: int, least: int, most: int) -> int:
    """Return the value, or the bound that it passes."""
    return max(least, min(value, most))
