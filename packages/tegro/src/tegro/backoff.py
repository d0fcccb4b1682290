"""How long to wait before the next try: pure, with the randomness passed in; and what waits."""

import random
from collections.abc import Awaitable
from typing import Protocol

from msgspec import Struct


class Sleep(Protocol):
    """Waits for a time, as `asyncio.sleep` does."""

    def __call__(self, delay_secs: float, /) -> Awaitable[None]:
        """Return when the time has passed."""
        ...


class Backoff(Struct, frozen=True, kw_only=True):
    """Delays that double up to a cap, each shortened at random by up to a half.

    The jitter keeps many clients that lost the same venue from coming back in step.
    """

    first_secs: float = 0.25
    cap_secs: float = 5.0

    def delay_secs(self, failures: int, rng: random.Random) -> float:
        """Return the wait after the given number of failures in a row, counted from 1.

        It lies between half of `first_secs` x 2^(failures - 1) and all of it, and never above `cap_secs`.
        """
        # 30 doublings are beyond any cap; a larger exponent would overflow after a long outage.
        longest = min(self.cap_secs, self.first_secs * (1 << min(failures - 1, 30)))
        return longest * (1 - rng.random() / 2)
