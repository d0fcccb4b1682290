"""The account's own events: handed to Hummingbot for as long as the network runs."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

from hummingbot.core.data_type.user_stream_tracker_data_source import UserStreamTrackerDataSource

from tegro.errors import TegroError

RETRY_SECS: Final = 1.0


class AccountStream[Event](UserStreamTrackerDataSource):
    """Puts the events of one account into Hummingbot's queue, as values of `tegro`.

    Parameters
    ----------
    clock_secs
        Hummingbot's wall clock.
    """

    venue: ClassVar[str]
    """What a message calls the other end."""

    def __init__(self, *, clock_secs: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock_secs = clock_secs
        self._last_received_secs: float = 0

    @abstractmethod
    def _open_stream(self) -> AbstractAsyncContextManager[AsyncIterable[Event]]:
        """Return a stream of the account's events."""

    @abstractmethod
    def _break_reason(self, event: Event) -> str | None:
        """Return why the stream broke, where an event tells that it did; else None."""

    @property
    def last_recv_time(self) -> float:
        """When the venue was last heard of, in seconds since 1970; 0 while there is no connection.

        Hummingbot polls more often while this is old, and is ready once it is above 0.
        """
        return self._last_received_secs

    async def listen_for_user_stream(self, output: asyncio.Queue[Event]) -> None:
        """Read the stream for as long as the network runs. The stream reconnects by itself."""
        while True:
            self._last_received_secs = 0
            try:
                async with self._open_stream() as stream:
                    async for event in stream:
                        self._note(event)
                        output.put_nowait(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self.logger().warning(f"No account events from {self.venue}: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the stream must not end while the bot runs)
                self.logger().exception(f"Unexpected error in the account events of {self.venue}. Trying again.")
            await self._sleep(RETRY_SECS)

    def _note(self, event: Event) -> None:
        reason = self._break_reason(event)
        if reason is None:
            self._last_received_secs = self._clock_secs()
        else:
            self._last_received_secs = 0
            self.logger().warning(f"The account stream of {self.venue} broke: {reason}. It is being connected again.")
