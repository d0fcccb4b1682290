"""The mark price: the median of the index with funding, the index with the mean basis, and the last price.

Source: perpetual dialect 10.7. The basis is sampled each second over the last 30 seconds.
"""

from collections import deque
from typing import Final

from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.units import E8, PPM, clamp

SAMPLE_MS: Final = 1_000
_SAMPLES: Final = 30


class MarkPrice:
    """Index and mark price of one contract. Without a book the mark is the index.

    Attributes
    ----------
    index_e18, mark_e18 : int
        The prices.
    basis_e18 : deque of int
        The newest samples of how far the middle of the book was above the index.
    """

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.basis_e18: deque[int] = deque(maxlen=_SAMPLES)
        self.index_e18 = contract.start_price_e18
        self.mark_e18 = contract.start_price_e18

    def sample(self, mid_e18: int | None) -> None:
        """Take note of the middle of the book; None, where a side is empty, forgets all samples."""
        if mid_e18 is None:
            self.basis_e18.clear()
        else:
            self.basis_e18.append(mid_e18 - self.index_e18)

    def update(self, last_price_e18: int, rate_e8: int, left_ms: int, interval_ms: int) -> int:
        """Compute the mark price anew and return it.

        Parameters
        ----------
        last_price_e18
            The last trade's price.
        rate_e8
            The funding rate that is to come.
        left_ms, interval_ms
            Time to the next funding, and from one to the next.
        """
        index_e18 = self.index_e18
        if not self.basis_e18:
            self.mark_e18 = index_e18
            return index_e18
        with_funding = index_e18 + index_e18 * rate_e8 * left_ms // (E8 * interval_ms)
        with_basis = index_e18 + sum(self.basis_e18) // len(self.basis_e18)
        median = sorted((with_funding, with_basis, last_price_e18))[1]
        # A thin book must not liquidate anybody at random.
        least = index_e18 * self._contract.price_down_ppm // PPM
        self.mark_e18 = clamp(median, least, index_e18 * self._contract.price_up_ppm // PPM)
        return self.mark_e18
