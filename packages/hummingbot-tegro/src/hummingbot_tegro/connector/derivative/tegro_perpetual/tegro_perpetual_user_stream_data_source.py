"""The account's own events: its orders, balances and positions."""

import asyncio
import time
from collections.abc import Callable

from hummingbot.core.data_type.user_stream_tracker_data_source import UserStreamTrackerDataSource

from tegro.errors import TegroError
from tegro.perpetual.events import ChannelDisconnected
from tegro.perpetual.stream import PerpetualEvent

from .perpetual_link import PerpetualLink
from .perpetual_settings import require_confirmed
from .tegro_perpetual_constants import RETRY_SECS


class TegroPerpetualUserStreamDataSource(UserStreamTrackerDataSource):
    """Puts the events of one account into Hummingbot's queue, as `tegro.perpetual` values.

    Parameters
    ----------
    link
        The way to the venue.
    clock_secs
        Hummingbot's wall clock.
    """

    def __init__(self, link: PerpetualLink, *, clock_secs: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._link = link
        self._clock_secs = clock_secs
        self._last_received_secs: float = 0

    @property
    def last_recv_time(self) -> float:
        """When the venue was last heard of, in seconds since 1970; 0 while there is no connection.

        Hummingbot polls more often while this is old, and is ready once it is above 0.
        """
        return self._last_received_secs

    async def listen_for_user_stream(self, output: asyncio.Queue[PerpetualEvent]) -> None:
        """Read the stream for as long as the network runs. The stream reconnects by itself."""
        while True:
            self._last_received_secs = 0
            try:
                require_confirmed(self._link.environment)
                async with self._link.client.stream(account=True) as stream:
                    async for event in stream:
                        self._note(event)
                        output.put_nowait(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self.logger().warning(f"No account events: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the stream must not end while the bot runs)
                self.logger().exception("Unexpected error in the account's events. Trying again.")
            await self._sleep(RETRY_SECS)

    def _note(self, event: PerpetualEvent) -> None:
        if isinstance(event, ChannelDisconnected):
            self._last_received_secs = 0
            self.logger().warning(f"The account's stream broke: {event.reason}. It is being connected again.")
        else:
            self._last_received_secs = self._clock_secs()
