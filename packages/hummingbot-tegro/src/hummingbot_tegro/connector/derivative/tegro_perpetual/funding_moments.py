"""A moment of its own for each funding payment.

Contracts are funded at the same moment, and so are the accounts of one bot. Hummingbot's database has the moment in
Unix milliseconds as the key of a payment, and drops the second payment of a moment.
"""

from typing import Final


class FundingMoments:
    """Gives each moment away once."""

    def __init__(self) -> None:
        self._taken: Final[set[int]] = set()

    def take(self, time_ms: int) -> int:
        """Return a moment that no payment has yet: this one, or the first free one after it."""
        while time_ms in self._taken:
            time_ms += 1
        self._taken.add(time_ms)
        return time_ms


MOMENTS: Final = FundingMoments()
"""Those of this process, which has one database, whatever connectors run in it."""
