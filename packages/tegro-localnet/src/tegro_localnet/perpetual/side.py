"""The perpetual side of a localnet: venue, doors, agents."""

import random
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from tegro_localnet.agents.fast_replay import TRADERS, replay_on
from tegro_localnet.agents.replay import Replay
from tegro_localnet.agents.tape import TapeSummary
from tegro_localnet.clock import VenueClock
from tegro_localnet.config import ReplayConfig
from tegro_localnet.errors import LocalnetError
from tegro_localnet.faults import FaultBoard
from tegro_localnet.latency import LatencyRules
from tegro_localnet.perpetual.agents import PerpetualCrowd
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.gateway.doors import PerpetualDoors
from tegro_localnet.perpetual.stage import PerpetualStage
from tegro_localnet.perpetual.venue import PerpetualVenue


class PerpetualSide:
    """A perpetual venue that shares port, clock and seed with a localnet.

    Parameters
    ----------
    config
        What is traded and how it is funded.
    start_ms
        When the venue's life began, in Unix milliseconds.
    clock_ms
        The time in Unix milliseconds.
    rng_of
        Returns the source of chance for a purpose.
    faults
        What goes wrong with frames of the streams.
    latency
        How long frames of the streams take.

    Attributes
    ----------
    venue : PerpetualVenue
        Accounts, orders and positions, for tests that look inside.
    replay : Replay or None
        The recorded trades that drive a contract, with their progress; None where there are none.
    """

    def __init__(
        self,
        config: PerpetualConfig,
        clock_ms: Callable[[], int],
        rng_of: Callable[[str], random.Random],
        *,
        start_ms: int,
        faults: FaultBoard,
        latency: LatencyRules,
    ) -> None:
        keys = rng_of("perpetual keys")
        self.venue: Final = PerpetualVenue(config, clock_ms, keys, faults, latency, start_ms=start_ms)
        self.replay: Replay | None = None
        self._doors: Final = PerpetualDoors(self.venue, lambda: self.replay)
        self._rng_of: Final = rng_of
        self._crowd: PerpetualCrowd | None = None

    def let_agents_in(self) -> None:
        """Let test traders keep the venue alive, once it is where it was left."""
        self._crowd = PerpetualCrowd(self.venue, self._rng_of("perpetual agents"))

    def play(self, config: ReplayConfig, tape: TapeSummary, clock: VenueClock) -> None:
        """Let recorded trades drive a contract, in place of the agents.

        Raises
        ------
        LocalnetError
            If the tape is to be played at its own time, and the venue has been at a later one.
        """
        state = self.venue.state
        if config.speed is None and state.now_ms > tape.first_us // 1000:
            message = (
                f"{config.path} begins before the time that the perpetual venue of this data folder has reached; "
                "start without it, with a number as speed, or with another data folder"
            )
            raise LocalnetError(message)
        symbol = config.market or next(iter(state.markets))
        stage = PerpetualStage(self.venue, symbol, takers=TRADERS if config.speed is None else 1)
        self.replay = replay_on(stage, config, tape, clock)

    def hold_until(self, durable: Callable[[], Awaitable[None]]) -> None:
        """Wait for `durable` before each frame of a stream, so that it tells of nothing that could be lost."""
        self._doors.sockets.hold_until(durable)

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
            if self.replay is not None:
                group.create_task(self.replay.run())
