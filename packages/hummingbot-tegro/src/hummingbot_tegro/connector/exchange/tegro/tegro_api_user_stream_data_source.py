"""The wallet's own events: its orders and their trades."""

import asyncio
import time
from collections.abc import Callable

from hummingbot.core.data_type.user_stream_tracker_data_source import UserStreamTrackerDataSource

from tegro.errors import TegroError
from tegro.stream import Disconnected, StreamEvent

from .tegro_constants import SNAPSHOT_RETRY_SECS
from .venue_link import VenueLink


class TegroAPIUserStreamDataSource(UserStreamTrackerDataSource):
    """Puts the events of one wallet into Hummingbot's queue, as `tegro.stream` values.

    Parameters
    ----------
    link
        The way to the venue.
    wallet
        The wallet whose channel is followed; channels need no authentication (protocol 8.1).
    clock_secs
        Hummingbot's wall clock.
    """

    def __init__(self, link: VenueLink, wallet: str, *, clock_secs: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._link = link
        self._wallet = wallet
        self._clock_secs = clock_secs
        self._last_received_secs: float = 0

    @property
    def last_recv_time(self) -> float:
        """When the venue was last heard of, in seconds since 1970; 0 while there is no connection.

        Hummingbot polls more often while this is old, and is ready once it is above 0.
        """
        return self._last_received_secs

    async def listen_for_user_stream(self, output: asyncio.Queue[StreamEvent]) -> None:
        """Read the stream for as long as the network runs. The stream reconnects by itself."""
        while True:
            self._last_received_secs = 0
            try:
                async with self._link.client.stream(wallets=[self._wallet]) as stream:
                    async for event in stream:
                        self._note(event)
                        output.put_nowait(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self.logger().warning(f"No account events from Tegro: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the stream must not end while the bot runs)
                self.logger().exception("Unexpected error in Tegro's account events. Trying again.")
            await self._sleep(SNAPSHOT_RETRY_SECS)

    def _note(self, event: StreamEvent) -> None:
        if isinstance(event, Disconnected):
            self._last_received_secs = 0
            self.logger().warning(f"Tegro's account stream broke: {event.reason}. It is being connected again.")
        else:
            self._last_received_secs = self._clock_secs()
