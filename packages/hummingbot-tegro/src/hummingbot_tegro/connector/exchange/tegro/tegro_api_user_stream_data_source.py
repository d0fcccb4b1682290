"""The wallet's own events: its orders and their trades."""

import time
from collections.abc import Callable
from typing import ClassVar

from hummingbot_tegro.common.account_stream import AccountStream
from tegro.stream import Disconnected, EventStream, StreamEvent

from .tegro_constants import VENUE
from .venue_link import VenueLink


class TegroAPIUserStreamDataSource(AccountStream[StreamEvent]):
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

    venue: ClassVar[str] = VENUE

    def __init__(self, link: VenueLink, wallet: str, *, clock_secs: Callable[[], float] = time.time) -> None:
        super().__init__(clock_secs=clock_secs)
        self._link = link
        self._wallet = wallet

    def _open_stream(self) -> EventStream:
        return self._link.client.stream(wallets=[self._wallet])

    def _break_reason(self, event: StreamEvent) -> str | None:
        return event.reason if isinstance(event, Disconnected) else None
