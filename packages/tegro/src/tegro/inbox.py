"""Events that wait for a reader who may be slower than the venue."""

import asyncio
from collections import deque

from tegro.events import Lagged


class Inbox[Event]:
    """A bounded queue for one reader: what does not fit pushes out the oldest, and `Lagged` says how many were lost."""

    def __init__(self, size: int) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._gap = 0
        self._is_closed = False
        self._changed = asyncio.Event()
        self.dropped = 0

    def put(self, event: Event) -> Event | None:
        """Add an event; return the one that was pushed out for it, None where there was room."""
        pushed_out = None
        if len(self._events) >= self._size:
            pushed_out = self._events.popleft()
            self._gap += 1
            self.dropped += 1
        self._events.append(event)
        self._changed.set()
        return pushed_out

    def close(self) -> None:
        """Say that nothing more comes: the reader still gets what is here."""
        self._is_closed = True
        self._changed.set()

    def discard(self) -> None:
        """Throw away what is here, and close."""
        self._events.clear()
        self._gap = 0
        self.close()

    async def take(self) -> Event | Lagged | None:
        """Return the next event, waiting for it; None after the end."""
        while not self._events:
            if self._is_closed:
                return None
            self._changed.clear()
            await self._changed.wait()
        if self._gap:
            gap, self._gap = self._gap, 0
            return Lagged(gap)
        return self._events.popleft()
