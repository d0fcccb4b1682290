"""Recorded trades as fast as the venue takes them, one by one, at the time of the tape.

Every recorded trade becomes a resting order of one wallet and a taker's order of another, both for its price and its
quantity. The venue's clock stands at the recorded time meanwhile, so that trades and candles carry it. After the tape
the clock runs on from the last of them.
"""

import asyncio
import random
from typing import Final

from tegro.model import Side
from tegro_localnet.agents.agent import Agent, child_of
from tegro_localnet.agents.replay import Replay, quotes_for, tape_wish
from tegro_localnet.agents.tape import RecordedTrade, TapeOrder, TapeSummary, read_tape
from tegro_localnet.clock import VenueClock
from tegro_localnet.config import ReplayConfig
from tegro_localnet.markets import ListedMarket
from tegro_localnet.signed_order import Domain, keccak256
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

TRADERS: Final = 8
_REPORT_NS: Final = 2 * 10**9


def pair_of(number: int) -> tuple[int, int]:
    """Return which wallets bought and sold the trade of a number, counted from 0. They are never the same."""
    buyer = number % TRADERS
    return buyer, (buyer + 1 + number // TRADERS % (TRADERS - 1)) % TRADERS


class FastReplay(Replay):
    """A tape on one market of a localnet, without its pauses.

    Parameters
    ----------
    config, tape, listed, venue, domain, rng
        As of `Replay`; the speed is not looked at.
    clock : VenueClock
        The venue's.

    Attributes
    ----------
    traders : tuple of Agent
        The wallets between which the recorded trades happen; `pair_of` says which.
    """

    def __init__(
        self,
        config: ReplayConfig,
        *,
        tape: TapeSummary,
        listed: ListedMarket,
        venue: Venue,
        domain: Domain,
        rng: random.Random,
        clock: VenueClock,
    ) -> None:
        super().__init__(
            config, tape=tape, listed=listed, venue=venue, domain=domain, rng=rng, report_every_ns=_REPORT_NS
        )
        self._clock = clock
        seed = rng.getrandbits(256).to_bytes(32)
        wallets = [LocalWallet(keccak256(b"replay trader" + bytes([number]) + seed)) for number in range(TRADERS)]
        self.traders = tuple(Agent(wallet, venue, domain, child_of(rng)) for wallet in wallets)
        clock.hold(tape.first_us // 1000)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Everybody who trades."""
        return (self.maker, *self.traders)

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
        wish = tape_wish(self._listed, TapeOrder(trade.side, trade.price_e18, trade.quantity_e18, 1))
        self.progress.trades_replayed += 1
        if wish is None:
            self.progress.trades_below_minimum += 1
            return
        buyer, seller = (self.traders[index] for index in pair_of(number))
        taker, maker = (buyer, seller) if trade.side is Side.BUY else (seller, buyer)
        self._quotes = quotes_for(self._listed, wish, self._quotes)
        await maker.place(self._listed, wish.answered)
        await taker.place(self._listed, wish)
        self.progress.orders += 1
        # Nothing is left of either, unless somebody else stood at a better price.
        for agent in (maker, taker):
            agent.cancel_on(self._listed)
