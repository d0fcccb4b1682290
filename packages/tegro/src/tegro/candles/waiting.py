"""Waiting for the next event of a stream or for a time, whichever comes first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from enum import Enum
from typing import Protocol

from tegro.backoff import Sleep
from tegro.events import StreamEvent
from tegro.model import Market


class TradeStream(Protocol):
    """Events of a market; `EventStream` is one."""

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        """Return the events."""
        ...

    def __anext__(self) -> Awaitable[StreamEvent]:
        """Return the next event."""
        ...

    async def aclose(self) -> None:
        """End the events."""
        ...


class StreamSource(Protocol):
    """What is needed of a client to follow a market; `AsyncTegro` has it."""

    def stream(self, markets: Iterable[Market] = ...) -> TradeStream:
        """Return the events of markets."""
        ...


class Moment(Enum):
    """What comes in place of an event."""

    TIME = "the time has come"
    END = "the stream has ended"


class EventOrTime:
    """The events of a stream, with a limit to each wait that loses none.

    Parameters
    ----------
    stream
        Closed with this.
    sleep
        Passed in so that a test need not wait.
    """

    def __init__(self, stream: TradeStream, sleep: Sleep) -> None:
        self._stream = stream
        self._sleep = sleep
        self._pending: asyncio.Task[StreamEvent | Moment] | None = None
        self.was_waited_for = False
        """Whether the last event came after a wait: then no other was left to be read before it."""

    async def next(self, wait_secs: float | None) -> StreamEvent | Moment:
        """Return the next event, or `TIME` if none comes within a time; None waits for ever. May be cancelled."""
        if self._pending is None:
            self._pending = asyncio.create_task(self._one(), name="tegro candle feed event")
        # An event that is there already is taken in this turn of the loop.
        await asyncio.sleep(0)
        self.was_waited_for = not self._pending.done()
        if self.was_waited_for:
            await self._wait(self._pending, wait_secs)
        if not self._pending.done():
            return Moment.TIME
        ready, self._pending = self._pending, None
        return ready.result()

    async def aclose(self) -> None:
        """Close the stream. May be repeated."""
        await self._stream.aclose()
        if self._pending is not None:
            await asyncio.gather(self._pending, return_exceptions=True)

    async def _one(self) -> StreamEvent | Moment:
        try:
            return await anext(self._stream)
        except StopAsyncIteration:
            return Moment.END

    async def _wait(self, pending: asyncio.Task[StreamEvent | Moment], wait_secs: float | None) -> None:
        if wait_secs is None:
            await asyncio.wait({pending})
            return
        timer = asyncio.ensure_future(self._sleep(wait_secs))
        try:
            await asyncio.wait({pending, timer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
