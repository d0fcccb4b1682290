"""The perpetual side of a localnet: venue, doors, agents."""

import random
from asyncio import TaskGroup
from collections.abc import Callable
from typing import Final

from aiohttp import web

from tegro_localnet.faults import FaultBoard
from tegro_localnet.latency import LatencyRules
from tegro_localnet.perpetual.agents import PerpetualCrowd
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.venue import PerpetualVenue


class PerpetualSide:
    """A perpetual venue that shares port, clock and seed with a localnet.

    Parameters
    ----------
    config
        What is traded and how it is funded.
    clock_ms
        The time in Unix milliseconds.
    rng_of
        Returns the source of chance for a purpose.
    faults
        What goes wrong with frames of the streams.
    latency
        How long frames of the streams take.
    has_agents
        Whether test traders keep it alive.

    Attributes
    ----------
    venue : PerpetualVenue
        Accounts, orders and positions, for tests that look inside.
    """

    def __init__(
        self,
        config: PerpetualConfig,
        clock_ms: Callable[[], int],
        rng_of: Callable[[str], random.Random],
        *,
        faults: FaultBoard,
        latency: LatencyRules,
        has_agents: bool,
    ) -> None:
        self.venue: Final = PerpetualVenue(config, clock_ms, rng_of("perpetual keys"), faults, latency)
        self._doors: Final = PerpetualDoors(self.venue)
        self._crowd: Final = PerpetualCrowd(self.venue, rng_of("perpetual agents")) if has_agents else None

    def routes(self) -> list[web.RouteDef]:
        """Return all endpoints."""
        return self._doors.routes()

    def cut_streams(self) -> int:
        """Cut every stream without a closing handshake; returns how many there were."""
        return self._doors.sockets.cut_all()

    async def close(self) -> None:
        """Say goodbye to every open stream."""
        await self._doors.sockets.close_all()

    async def run(self) -> None:
        """Let time pass and the agents trade, until cancelled."""
        async with TaskGroup() as group:
            group.create_task(self.venue.run())
            if self._crowd is not None:
                group.create_task(self._crowd.run())
