"""Steps: every change of the venue's state, each with one time, and written down as a whole.

A step is what is done for one command; a step inside another belongs to the outer one. Nothing of a step is heard
outside before it is written, because nobody else runs on the event loop until it has ended.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Final

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

    def step(self, command: Command) -> AbstractContextManager[None]:
        """Do one step, or a part of the one that is under way."""
        return _Step(self, command) if self._at_ms is None else _PART

    def begin(self) -> None:
        """Stop the clock for a step."""
        self._at_ms = self._clock_ms()

    def end(self, command: Command | None) -> None:
        """Write down the step that was begun, with what came of it (None: it failed), and let the clock run again."""
        try:
            if command is not None:
                self.count += 1
                if self._write is not None:
                    self._write(Entry(at_ms=self.now_ms(), command=command, effects=tuple(self._effects)))
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


class _Step(AbstractContextManager[None]):
    """One step. A class, because the manager of a generator takes three times as long and every order is a step."""

    __slots__ = ("_command", "_steps")

    def __init__(self, steps: Steps, command: Command) -> None:
        self._steps = steps
        self._command = command

    def __enter__(self) -> None:
        self._steps.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._steps.end(self._command if kind is None else None)


_PART: Final = nullcontext()
"""A part of a step: the outermost one does all."""
