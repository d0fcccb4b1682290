"""One contract at work: its book, its prices, its funding and what traded."""

from collections import deque
from typing import Final

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.engine.order_book import OrderBook
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.funding import (
    IMPACT_MARGIN_E8,
    FundingTerms,
    PremiumMean,
    funding_rate_e8,
    impact_price_e18,
    premium_e8,
)
from tegro_localnet.perpetual.engine.mark import MarkPrice

_KEPT: Final = 10_000


class Trade(Struct, frozen=True, kw_only=True):
    """A public trade."""

    trade_id: int
    symbol: str
    price_e18: int
    quantity_e8: int
    quote_e8: int
    is_buyer_maker: bool
    time_ms: int


class FundingRate(Struct, frozen=True, kw_only=True):
    """A settled funding rate."""

    symbol: str
    rate_e8: int
    time_ms: int
    mark_e18: int


class Market:
    """The state of a contract. Quantities in the book are 10^-8 of the base."""

    def __init__(self, contract: Contract, terms: FundingTerms, now_ms: int) -> None:
        self.contract: Final = contract
        self.book: Final = OrderBook()
        self.prices: Final = MarkPrice(contract)
        self.last_price_e18 = contract.start_price_e18
        self.trades: Final[deque[Trade]] = deque(maxlen=_KEPT)
        self.funding_rates: Final[deque[FundingRate]] = deque(maxlen=_KEPT)
        self.terms = terms
        self.premiums = PremiumMean()
        self.next_funding_ms = _next_multiple(now_ms, terms.interval_ms)

    @property
    def mark_e18(self) -> int:
        """The mark price."""
        return self.prices.mark_e18

    @property
    def rate_e8(self) -> int:
        """The funding rate of the coming settlement, as it would be now."""
        return funding_rate_e8(self.premiums.mean_e8, self.terms)

    def best_e18(self, side: Side) -> int | None:
        """Return the best price of a side; None where it is empty."""
        best = self.book.best(side)
        return None if best is None else best.price_e18

    def mid_e18(self) -> int | None:
        """Return the middle between the best prices; None where a side is empty."""
        bid, ask = self.best_e18(Side.BUY), self.best_e18(Side.SELL)
        return None if bid is None or ask is None else (bid + ask) // 2

    def reprice(self, now_ms: int) -> int:
        """Compute the mark price anew and return it."""
        left_ms = max(0, self.next_funding_ms - now_ms)
        return self.prices.update(self.last_price_e18, self.rate_e8, left_ms, self.terms.interval_ms)

    def sample_premium(self) -> None:
        """Take note of the premium; an incomplete book has none."""
        worth_e8 = IMPACT_MARGIN_E8 * self.contract.max_leverage
        bid = impact_price_e18(self.book.levels(Side.BUY), worth_e8)
        ask = impact_price_e18(reversed(list(self.book.levels(Side.SELL))), worth_e8)
        if bid is not None and ask is not None:
            self.premiums.add(premium_e8(bid, ask, self.prices.index_e18))

    def set_terms(self, terms: FundingTerms, now_ms: int) -> None:
        """Fund in another way from now on; the next settlement is at the next multiple of the interval."""
        self.terms = terms
        self.next_funding_ms = _next_multiple(now_ms, terms.interval_ms)

    def settle(self, now_ms: int) -> FundingRate:
        """End the interval and return its rate; the next one begins."""
        settled = FundingRate(
            symbol=self.contract.symbol, rate_e8=self.rate_e8, time_ms=self.next_funding_ms, mark_e18=self.mark_e18
        )
        self.funding_rates.append(settled)
        self.premiums = PremiumMean()
        self.next_funding_ms = _next_multiple(now_ms, self.terms.interval_ms)
        return settled


def _next_multiple(now_ms: int, interval_ms: int) -> int:
    return (now_ms // interval_ms + 1) * interval_ms
