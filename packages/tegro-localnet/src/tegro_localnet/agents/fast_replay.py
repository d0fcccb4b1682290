"""Recorded trades as fast as the venue takes them, one by one, at the time of the tape.

Every recorded trade becomes a resting order of one trader and a taker's order of another, both for its price and its
quantity. The venue's clock stands at the recorded time meanwhile, so that trades and candles carry it. After the tape
the clock runs on from the last of them.
"""

import asyncio
from typing import Final

from tegro.model import Side
from tegro_localnet.agents.replay import Replay, quotes_for
from tegro_localnet.agents.stage import Stage
from tegro_localnet.agents.tape import RecordedTrade, TapeOrder, TapeSummary, read_tape
from tegro_localnet.clock import VenueClock
from tegro_localnet.config import ReplayConfig

TRADERS: Final = 8
_REPORT_NS: Final = 2 * 10**9


def pair_of(number: int) -> tuple[int, int]:
    """Return which traders bought and sold the trade of a number, counted from 0. They are never the same.

    They are counted from 0 as well; the stage has the one that keeps the quotes before them.
    """
    buyer = number % TRADERS
    return buyer, (buyer + 1 + number // TRADERS % (TRADERS - 1)) % TRADERS


class FastReplay(Replay):
    """A tape on one market of a localnet, without its pauses.

    Parameters
    ----------
    config, tape
        As of `Replay`; the speed is not looked at.
    stage : Stage
        Where it is replayed, with `TRADERS` traders beside the one that keeps the quotes.
    clock : VenueClock
        The venue's.
    """

    def __init__(self, config: ReplayConfig, *, tape: TapeSummary, stage: Stage, clock: VenueClock) -> None:
        super().__init__(config, tape=tape, stage=stage, report_every_ns=_REPORT_NS)
        self._clock = clock
        clock.hold(tape.first_us // 1000)

    async def _play(self) -> None:
        try:
            for number, trade in enumerate(read_tape(self._config.path)):
                self._clock.hold(max(self._clock.now_ms(), trade.time_us // 1000))
                await self._repeat(number, trade)
                self._report()
                await asyncio.sleep(0)  # whoever else asks the venue has a turn
        finally:
            self._clock.run_on()
        if self._quotes is not None:
            for side in Side:
                await self._quote(self._quotes, side, 0)

    async def _repeat(self, number: int, trade: RecordedTrade) -> None:
        stage = self.stage
        wish = stage.wish_of(TapeOrder(trade.side, trade.price_e18, trade.quantity_e18, 1))
        self.progress.trades_replayed += 1
        if wish is None:
            self.progress.trades_below_minimum += 1
            return
        buyer, seller = (1 + index for index in pair_of(number))
        taker, maker = (buyer, seller) if trade.side is Side.BUY else (seller, buyer)
        self._quotes = quotes_for(stage, wish, self._quotes)
        stage.move_to(wish.price_e18)
        await stage.place(maker, wish.answered)
        await stage.place(taker, wish)
        self.progress.orders += 1
        # Nothing is left of either, unless somebody else stood at a better price.
        for trader in (maker, taker):
            stage.cancel(trader)


def replay_on(stage: Stage, config: ReplayConfig, tape: TapeSummary, clock: VenueClock) -> Replay:
    """Return the replay of a tape: paced, or without a speed as fast as possible."""
    if config.speed is None:
        return FastReplay(config, tape=tape, stage=stage, clock=clock)
    return Replay(config, tape=tape, stage=stage)
