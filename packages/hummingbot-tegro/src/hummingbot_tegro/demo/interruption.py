"""Ctrl-C during a demo: the first one asks for the orderly end, the second one ends everything at once."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """The user wants the demo to end."""


class Interruption:
    """The signals of this process while a demo runs.

    Parameters
    ----------
    end_at_once
        Called at the second signal.
    """

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        self._end_at_once = end_at_once
        self._wanted = asyncio.Event()
        self.exit_code = 0
        """128 and the number of the first signal, as shells have it; 0 before."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Handle the signals for the time of the block."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._take, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    async def during[T](self, work: Coroutine[Any, Any, T]) -> T:
        """Do some work that the first signal breaks off.

        Raises
        ------
        Interrupted
            If that signal came, before or during the work.
        """
        task = asyncio.create_task(work)
        wanted = asyncio.create_task(self._wanted.wait())
        try:
            await asyncio.wait({task, wanted}, return_when=asyncio.FIRST_COMPLETED)
            if not self._wanted.is_set():
                return task.result()
        finally:
            wanted.cancel()
            task.cancel()
            await asyncio.wait({task, wanted})
        raise Interrupted

    def _take(self, number: signal.Signals) -> None:
        if self._wanted.is_set():
            self._end_at_once()
            return
        self.exit_code = 128 + number
        self._wanted.set()
