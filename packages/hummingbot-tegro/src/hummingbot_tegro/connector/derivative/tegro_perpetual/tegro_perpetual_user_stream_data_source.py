"""The account's own events: its orders, balances and positions."""

import time
from collections.abc import Callable
from typing import ClassVar

from hummingbot_tegro.common.account_stream import AccountStream
from tegro.perpetual.events import ChannelDisconnected
from tegro.perpetual.stream import PerpetualEvent, PerpetualStream

from .perpetual_link import PerpetualLink
from .perpetual_settings import require_confirmed
from .tegro_perpetual_constants import VENUE


class TegroPerpetualUserStreamDataSource(AccountStream[PerpetualEvent]):
    """Puts the events of one account into Hummingbot's queue, as `tegro.perpetual` values.

    Parameters
    ----------
    link
        The way to the venue.
    clock_secs
        Hummingbot's wall clock.
    """

    venue: ClassVar[str] = VENUE

    def __init__(self, link: PerpetualLink, *, clock_secs: Callable[[], float] = time.time) -> None:
        super().__init__(clock_secs=clock_secs)
        self._link = link

    def _open_stream(self) -> PerpetualStream:
        require_confirmed(self._link.environment)
        return self._link.client.stream(account=True)

    def _break_reason(self, event: PerpetualEvent) -> str | None:
        return event.reason if isinstance(event, ChannelDisconnected) else None
