"""All doors of the perpetual venue."""

from collections.abc import Callable
from typing import Final

from aiohttp import web

from tegro_localnet.agents.replay import Replay
from tegro_localnet.perpetual.gateway.account_calls import AccountCalls
from tegro_localnet.perpetual.gateway.control import PerpetualControl
from tegro_localnet.perpetual.gateway.order_calls import OrderCalls
from tegro_localnet.perpetual.gateway.page_state import PerpetualPageRoutes
from tegro_localnet.perpetual.gateway.public_calls import PublicCalls
from tegro_localnet.perpetual.gateway.rest import RestGateway
from tegro_localnet.perpetual.gateway.sockets import StreamSockets
from tegro_localnet.perpetual.venue import PerpetualVenue


class PerpetualDoors:
    """REST under `/fapi`, streams, and localnet's own paths.

    Parameters
    ----------
    venue
        What they open to.
    replay_of
        Returns the replay of recorded trades that drives a contract; None where there is none.

    Attributes
    ----------
    sockets : StreamSockets
        To be closed when the server stops.
    """

    def __init__(self, venue: PerpetualVenue, replay_of: Callable[[], Replay | None] = lambda: None) -> None:
        calls = (PublicCalls(venue), OrderCalls(venue), AccountCalls(venue))
        self._rest: Final = RestGateway(venue, [endpoint for each in calls for endpoint in each.endpoints()])
        self._page: Final = PerpetualPageRoutes(venue)
        self.sockets: Final = StreamSockets(venue.hub, venue.feeds)
        self._control: Final = PerpetualControl(venue, self.sockets, replay_of)

    def routes(self) -> list[web.RouteDef]:
        """Return all endpoints."""
        return [*self._rest.routes(), *self._control.routes(), *self._page.routes(), *self.sockets.routes()]
