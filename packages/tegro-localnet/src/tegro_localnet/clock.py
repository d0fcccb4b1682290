"""The venue's clock: real time, unless somebody moves it or a replay holds it."""

import time
from collections.abc import Callable

__all__ = ["VenueClock", "now_ms"]


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """A clock that can be set off from the one it reads, or held still.

    Parameters
    ----------
    source : callable
        The time in Unix milliseconds that it follows.
    """

    def __init__(self, source: Callable[[], int] = now_ms) -> None:
        self._source = source
        self._offset_ms = 0
        self._held_ms: int | None = None

    @property
    def offset_ms(self) -> int:
        """How far it is ahead of its source now; below zero it is behind."""
        return self._offset_ms if self._held_ms is None else self._held_ms - self._source()

    def now_ms(self) -> int:
        """Return its time in Unix milliseconds."""
        return self._source() + self._offset_ms if self._held_ms is None else self._held_ms

    def set_off(self, offset_ms: int) -> None:
        """Let it run, ahead of its source by some milliseconds (below zero: behind)."""
        self._offset_ms = offset_ms
        self._held_ms = None

    def hold(self, at_ms: int) -> None:
        """Stop it at a moment, in Unix milliseconds."""
        self._held_ms = at_ms

    def run_on(self) -> None:
        """Let it run from where it is held; nothing happens where it is not."""
        self.set_off(self.offset_ms)
