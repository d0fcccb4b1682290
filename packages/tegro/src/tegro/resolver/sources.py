"""What the resolver has to be given: the venue's lists, and the contract's memory."""

from collections.abc import Sequence
from typing import Protocol

from tegro.model import Order


class OrderSource(Protocol):
    """The venue's lists of one wallet's orders."""

    async def read_orders(self, statuses: Sequence[str]) -> list[Order]:
        """Return all pages of one list; the statuses are the venue's filter words, none means no filter.

        Raises
        ------
        TegroError
            If any page could not be read.
        """
        ...


class ChainSource(Protocol):
    """What the exchange contract knows."""

    async def remaining(self, order_hash: str) -> int:
        """Return the contract's `remaining`: 0 never seen, 1 finished, else what remains plus 1 (protocol 7.3)."""
        ...

    async def timestamp_secs(self) -> int:
        """Return the time of the newest block, Unix seconds."""
        ...
