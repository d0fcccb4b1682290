"""What a running localnet can be told beside its faults: time, latency, limits, tick sizes. Each change is logged."""

import random
from collections.abc import Sequence
from typing import Final

from tegro.model import Market
from tegro_localnet.clock import VenueClock
from tegro_localnet.faults import FaultBoard
from tegro_localnet.latency import Latency, LatencyRules
from tegro_localnet.rate_limits import RateLimiter, RateLimits
from tegro_localnet.reorganisation import Reorganisation
from tegro_localnet.venue import Venue

MAX_OFFSET_MS: Final = 10 * 365 * 86_400_000
"""How far the venue's clock may be set off: ten years."""
_NOT_BEGUN: Final = "the venue has not begun"


class Conditions:
    """The conditions of one localnet. All methods are to be called on its own loop.

    Parameters
    ----------
    clock : VenueClock
        The venue's time.
    faults : FaultBoard
        Whose event log tells of every change.
    rng : random.Random
        Draws latencies.
    latency, limits
        Those at the start.

    Attributes
    ----------
    latency : LatencyRules
        How long answers and frames take.
    limiter : RateLimiter
        Who may ask how often.
    """

    def __init__(
        self,
        clock: VenueClock,
        faults: FaultBoard,
        rng: random.Random,
        latency: Sequence[Latency] = (),
        limits: RateLimits | None = None,
    ) -> None:
        self.clock = clock
        self.faults = faults
        self.latency = LatencyRules(rng, latency)
        self.limiter = RateLimiter(limits)
        self._venue: Venue | None = None
        self._reorganisation: Reorganisation | None = None

    def govern(self, venue: Venue, reorganisation: Reorganisation) -> None:
        """Name the venue whose tick sizes can be changed, and what can take its chain back."""
        self._venue = venue
        self._reorganisation = reorganisation

    def set_clock(self, offset_ms: int) -> None:
        """Set the venue's clock off from the real one, ahead or (below zero) behind; orders expire by it at once.

        Raises
        ------
        ValueError
            If that is more than ten years.
        """
        if abs(offset_ms) > MAX_OFFSET_MS:
            message = f"offset_ms must be within ten years ({MAX_OFFSET_MS} ms), was {offset_ms}"
            raise ValueError(message)
        self.clock.set_off(offset_ms)
        self.faults.note(f"the clock is {offset_ms} ms ahead")
        if self._venue is not None:
            self._venue.end_expired()

    async def reorganise(self, depth: int) -> None:
        """Take the chain's newest blocks back (`Reorganisation.reorganise`).

        Raises
        ------
        ValueError
            If there are not as many blocks since the start.
        ChainError
            If the node refuses.
        """
        if self._reorganisation is None:
            raise ValueError(_NOT_BEGUN)
        await self._reorganisation.reorganise(depth)

    def set_latency(self, rules: Sequence[Latency]) -> None:
        """Replace all rules of latency.

        Raises
        ------
        ValueError
            If there are too many.
        """
        self.latency.set(rules)
        self.faults.note(f"latency has {len(rules)} rules")

    def set_limits(self, limits: RateLimits) -> None:
        """Replace the rate limits; everybody begins with a whole burst."""
        self.limiter.set(limits)
        self.faults.note(f"rate limits: {_shown(limits)}")

    def set_tick(self, symbol: str, quote_precision: int | None, base_precision: int | None) -> Market:
        """Change a market's tick size (quote) and lot size (base), as decimals; None: as before. Returns the market.

        Orders that rest keep their price, on the new tick or off it.

        Raises
        ------
        ValueError
            If there is no such market, or the token does not have as many decimals.
        """
        listed = next((each for each in self._governed.markets.values() if each.market.symbol == symbol), None)
        if listed is None:
            message = f"unknown market {symbol[:80]!r}"
            raise ValueError(message)
        market = listed.market
        quote = market.quote_precision if quote_precision is None else quote_precision
        base = market.base_precision if base_precision is None else base_precision
        self._governed.change_precisions(market.id, base_precision=base, quote_precision=quote)
        self.faults.note(f"{symbol} allows {quote} decimals in prices and {base} in quantities")
        return listed.market

    @property
    def _governed(self) -> Venue:
        if self._venue is None:
            raise ValueError(_NOT_BEGUN)
        return self._venue


def _shown(limits: RateLimits) -> str:
    named = (("address", limits.per_address), ("wallet", limits.per_wallet))
    parts = [f"{limit.per_second}/s, burst {limit.burst} per {name}" for name, limit in named if limit is not None]
    return "; ".join(parts) or "none"
