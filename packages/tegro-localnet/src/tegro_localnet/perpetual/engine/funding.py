"""The funding rate of one contract (perpetual dialect 10.8)."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from tegro_localnet.perpetual.engine.units import E8, E18, clamp

SAMPLE_MS: Final = 5_000
DEFAULT_INTERVAL_MS: Final = 8 * 3_600_000
_EIGHT_HOURS_MS: Final = 8 * 3_600_000
_INTEREST_E8: Final = E8 // 10_000
"""0.01 % for eight hours."""
_DAMP_E8: Final = 5 * E8 // 10_000
CAP_E8: Final = 2 * E8 // 100
"""Highest and, negative, lowest rate of one settlement."""
IMPACT_MARGIN_E8: Final = 200 * E8
"""Initial margin of the order whose price on the book is the impact price."""


class FundingTerms(Struct, frozen=True, kw_only=True):
    """How a contract is funded."""

    interval_ms: int = DEFAULT_INTERVAL_MS
    fixed_rate_e8: int | None = None
    """Rate of every settlement; None: the one that follows from the premium."""


class PremiumMean(Struct):
    """The time-weighted mean of the premium index in one interval: a sample weighs its number."""

    count: int = 0
    weighted_e8: int = 0

    def add(self, premium_e8: int) -> None:
        """Count a sample."""
        self.count += 1
        self.weighted_e8 += self.count * premium_e8

    @property
    def mean_e8(self) -> int:
        """The mean; zero without samples."""
        return self.weighted_e8 // (self.count * (self.count + 1) // 2) if self.count else 0


def funding_rate_e8(mean_premium_e8: int, terms: FundingTerms) -> int:
    """Return the rate of a settlement: premium and damped interest, for the length of the interval."""
    if terms.fixed_rate_e8 is not None:
        return clamp(terms.fixed_rate_e8, -CAP_E8, CAP_E8)
    eight_hours_e8 = mean_premium_e8 + clamp(_INTEREST_E8 - mean_premium_e8, -_DAMP_E8, _DAMP_E8)
    return clamp(eight_hours_e8 * terms.interval_ms // _EIGHT_HOURS_MS, -CAP_E8, CAP_E8)


def premium_e8(impact_bid_e18: int, impact_ask_e18: int, index_e18: int) -> int:
    """Return the premium index: how far the impact prices lie outside the index."""
    outside_e18 = max(0, impact_bid_e18 - index_e18) - max(0, index_e18 - impact_ask_e18)
    return outside_e18 * E8 // index_e18


def impact_price_e18(levels: Iterable[tuple[int, int]], worth_e8: int) -> int | None:
    """Return the mean price at which a worth trades against (price, quantity) levels; None: they hold too little."""
    left_e26, quantity_e8 = worth_e8 * E18, 0
    for price_e18, level_e8 in levels:
        taken_e8 = min(level_e8, left_e26 // price_e18)
        quantity_e8 += taken_e8
        left_e26 -= taken_e8 * price_e18
        if taken_e8 < level_e8:
            return (worth_e8 * E18 - left_e26) // quantity_e8 if quantity_e8 else price_e18
    return None


def payment_e8(signed_quantity_e8: int, mark_e18: int, rate_e8: int) -> int:
    """Return what a position receives (negative: pays), rounded down, so that the venue never adds anything."""
    return -signed_quantity_e8 * mark_e18 * rate_e8 // (E18 * E8)
