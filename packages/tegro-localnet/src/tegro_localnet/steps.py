"""Steps: every change of the venue's state, each with one time, and written down as a whole.

A step is what is done for one command; a step inside another belongs to the outer one. Nothing of a step is heard
outside before it is written, because nobody else runs on the event loop until it has ended.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tegro_localnet.journal.commands import Command, Effect, Entry


class Steps:
    """The clock and the scribe of a venue.

    Parameters
    ----------
    clock_ms : callable
        The time in Unix milliseconds.

    Attributes
    ----------
    count : int
        How many steps there were in the venue's life.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._write: Callable[[Entry], None] | None = None
        self._effects: list[Effect] = []
        self._at_ms: int | None = None
        self.count = 0

    def write_to(self, write: Callable[[Entry], None]) -> None:
        """Hand each finished step to `write` from now on. What that raises ends the request that the step was for."""
        self._write = write

    def now_ms(self) -> int:
        """Return the time: the same one during a whole step."""
        return self._clock_ms() if self._at_ms is None else self._at_ms

    def note(self, effect: Effect) -> None:
        """Add to what came of the present step."""
        self._effects.append(effect)

    @contextmanager
    def step(self, command: Command) -> Iterator[None]:
        """Do one step, or a part of the one that is under way."""
        if self._at_ms is not None:
            yield
            return
        self._at_ms = self._clock_ms()
        try:
            yield
            self._end(command, self._at_ms)
        finally:
            self._at_ms = None
            self._effects = []

    @contextmanager
    def again(self, entry: Entry) -> Iterator[list[Effect]]:
        """Do a step that was written before, at its time; gives the list of what comes of it. It is not written."""
        self._at_ms = entry.at_ms
        effects = self._effects = []
        try:
            yield effects
        finally:
            self.count += 1
            self._at_ms = None
            self._effects = []

    def _end(self, command: Command, at_ms: int) -> None:
        self.count += 1
        if self._write is not None:
            self._write(Entry(at_ms=at_ms, command=command, effects=tuple(self._effects)))
