"""The agents at work: a market maker, a noise taker and a momentum trader on every market of a localnet."""

import asyncio
import random
from collections import deque
from decimal import Decimal
from typing import Final

from tegro.model import PRICE_DECIMALS, scaled
from tegro_localnet.agents.agent import Agent, Equip, child_of
from tegro_localnet.agents.decisions import MOMENTUM_STEPS, FairPrice, following, ladder, middle, taking
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.keccak import keccak256
from tegro_localnet.listing import Listing
from tegro_localnet.signed_order import Domain
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

REFRESH_SECS: Final = 2.0
TAKE_SECS: Final = 0.5
"""How often the noise taker takes on one of the markets, drawn each time."""
FOLLOW_SECS: Final = 2.0
"""How often the momentum trader looks at every market."""
_STOCK: Final = Decimal(10) ** 8


class Crowd:
    """All agents of a localnet. Their decisions follow from the generator; only their timing is the clock's.

    Attributes
    ----------
    maker, taker, follower : Agent
        The market maker, the noise taker and the momentum trader.
    """

    def __init__(
        self, config: LocalnetConfig, listing: Listing, venue: Venue, domain: Domain, rng: random.Random
    ) -> None:
        self._markets = list(listing.markets.values())
        self._symbols = list(listing.tokens)
        self._maker_rng, self._taker_rng = child_of(rng), child_of(rng)
        seed = rng.getrandbits(256).to_bytes(32)
        self.maker: Final = Agent(LocalWallet(keccak256(b"market maker" + seed)), venue, domain, self._maker_rng)
        self.taker: Final = Agent(LocalWallet(keccak256(b"noise taker" + seed)), venue, domain, self._taker_rng)
        starts = {market.symbol: market.start_price for market in config.markets}
        self._fair = {
            listed.market.id: FairPrice(
                scaled(starts[listed.market.symbol], PRICE_DECIMALS, "start price"), child_of(rng), config.fair_price
            )
            for listed in self._markets
        }
        self._follower_rng = child_of(rng)
        wallet = LocalWallet(keccak256(b"momentum trader" + seed))
        self.follower: Final = Agent(wallet, venue, domain, self._follower_rng)
        self._seen: dict[str, deque[int]] = {listed.market.id: deque(maxlen=MOMENTUM_STEPS) for listed in self._markets}

    async def run(self, equip: Equip) -> None:
        """Equip the wallets, then trade until cancelled."""
        await self.equip(equip)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._quote_regularly())
            group.create_task(self._take_regularly())
            group.create_task(self._follow_regularly())

    async def equip(self, equip: Equip) -> None:
        """Give the wallets what they trade with."""
        for agent in (self.maker, self.taker, self.follower):
            await equip(agent.wallet, dict.fromkeys(self._symbols, _STOCK))

    async def quote(self) -> None:
        """Let the fair prices walk one step and replace the market maker's quotes on every market."""
        for listed in self._markets:
            fair_e18 = self._fair[listed.market.id].step()
            self.maker.cancel_on(listed)
            for wish in ladder(listed, fair_e18, self._maker_rng):
                await self.maker.place(listed, wish)

    async def take(self) -> None:
        """Let the noise taker trade once, on a market and a side that it draws."""
        listed = self._taker_rng.choice(self._markets)
        self.taker.cancel_on(listed)
        wish = taking(listed, self._taker_rng)
        if wish is not None:
            await self.taker.place(listed, wish)

    async def follow(self) -> None:
        """Let the momentum trader look at every market and trade where the price has gone somewhere."""
        for listed in self._markets:
            seen, middle_e18 = self._seen[listed.market.id], middle(listed)
            if middle_e18 is not None:
                seen.append(middle_e18)
            self.follower.cancel_on(listed)
            wish = following(listed, seen, self._follower_rng)
            if wish is not None:
                await self.follower.place(listed, wish)

    async def _quote_regularly(self) -> None:
        while True:
            await self.quote()
            await asyncio.sleep(REFRESH_SECS)

    async def _take_regularly(self) -> None:
        while True:
            await asyncio.sleep(TAKE_SECS)
            await self.take()

    async def _follow_regularly(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECS)
            await self.follow()
