"""A second process that cancels everything when the bot has fallen silent: a dead man's switch.

The bot beats (`Heartbeat`) from its own event loop, so a bot that hangs falls silent as one that died does. The
watchdog (`Watchdog`, `tegro watchdog`) sees only whether the heartbeat file changes; it measures the silence on its own
clock, so a clock that is set, or a file from before a reboot, cannot fool it.
"""

import asyncio
import logging
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from tegro.backoff import Sleep
from tegro.errors import InvalidInput, TegroError

_log = logging.getLogger(__name__)

BEAT_SECS: Final = 1.0
"""Time between two beats of a bot."""
TIMEOUT_SECS: Final = 10.0
"""Silence after which a bot counts as gone."""
RETRY_SECS: Final = 1.0
"""Wait before the next cancel where the last one left something open."""


class Heartbeat:
    """The bot's side: a file that changes while the bot lives.

    Parameters
    ----------
    path
        The file; it is made where missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0

    def beat(self) -> None:
        """Say that the bot lives.

        Raises
        ------
        InvalidInput
            If the file cannot be written.
        """
        self._count += 1
        try:
            self._path.write_text(f"{os.getpid()} {self._count}\n", encoding="ascii")
        except OSError as error:
            raise InvalidInput(f"the heartbeat {self._path} cannot be written: {error.strerror}") from None

    @asynccontextmanager
    async def beating(self, every_secs: float = BEAT_SECS, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
        """Beat for as long as the block runs; at its end the file goes, which tells the watchdog that all is well.

        Raises
        ------
        InvalidInput
            If the file cannot be written at the start. Later a beat that fails is logged: silence is what it means.
        """
        self.beat()
        beating = asyncio.create_task(self._go_on(every_secs, sleep), name="tegro heartbeat")
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            self._path.unlink(missing_ok=True)

    async def _go_on(self, every_secs: float, sleep: Sleep) -> None:
        while True:
            await sleep(every_secs)
            try:
                self.beat()
            except InvalidInput as error:
                _log.error("%s; the watchdog will take this bot for dead", error)


class Silence(Struct, frozen=True, kw_only=True):
    """What the watchdog did about a silent bot."""

    silent_secs: float
    attempts: int
    """How many cancels it took until nothing was open any more."""


class Watchdog:
    """The other side: cancels when the heartbeat stops, and goes on watching.

    A heartbeat that was never seen, or whose file was taken away by the bot itself, is no silence: the watchdog is
    armed by the first change that it sees.

    Parameters
    ----------
    path
        The bot's heartbeat file.
    cancel_all
        Cancels every open order and returns whether none is open any more.
    timeout_secs
        Silence after which it acts.
    monotonic_secs, sleep
        Its clock.
    """

    def __init__(
        self,
        path: Path,
        cancel_all: Callable[[], Awaitable[bool]],
        *,
        timeout_secs: float = TIMEOUT_SECS,
        monotonic_secs: Callable[[], float],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        if not 0 < timeout_secs < math.inf:  # also refuses what is no number, which no silence would ever reach
            raise InvalidInput(f"the time until a bot counts as gone must be above zero, was {timeout_secs}")
        self._path = path
        self._cancel_all = cancel_all
        self._timeout_secs = timeout_secs
        self._monotonic_secs = monotonic_secs
        self._sleep = sleep
        self._last_beat: bytes | None = None
        self._changed_secs = 0.0
        self._is_armed = False

    @property
    def is_armed(self) -> bool:
        """Whether a living bot has been seen since the last silence."""
        return self._is_armed

    async def watch(self) -> AsyncIterator[Silence]:
        """Watch for ever; yield each silence after everything was cancelled."""
        self._last_beat = self._read()
        while True:
            silent_secs = self._read_silent_secs()
            if self._is_armed and silent_secs >= self._timeout_secs:
                self._is_armed = False
                attempts = await self._cancel_until_done()
                yield Silence(silent_secs=silent_secs, attempts=attempts)
            await self._sleep(self._timeout_secs / 5)

    def _read_silent_secs(self) -> float:
        """Return how long the heartbeat has not changed."""
        beat, now_secs = self._read(), self._monotonic_secs()
        if beat is None:
            # The bot has ended in good order and said so; or it was never there.
            self._is_armed = False
        if beat != self._last_beat:
            self._last_beat, self._changed_secs = beat, now_secs
            self._is_armed = beat is not None
        return now_secs - self._changed_secs

    async def _cancel_until_done(self) -> int:
        _log.warning("the heartbeat %s has stopped: all open orders are cancelled now", self._path)
        attempts = 0
        while True:
            attempts += 1
            try:
                if await self._cancel_all():
                    return attempts
                why = "orders are still open"
            except TegroError as error:
                why = str(error)
            _log.error("not everything could be cancelled (%s); trying again", why)
            await self._sleep(RETRY_SECS)

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None
