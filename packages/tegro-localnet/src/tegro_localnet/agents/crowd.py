"""The agents at work: a market maker and a noise taker on every market of a localnet."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Final

from tegro.model import PRICE_DECIMALS, scaled
from tegro.wire import CancelBody, encode
from tegro_localnet.agents.decisions import FairPrice, Wish, ladder, taking
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket
from tegro_localnet.refusal import Refused
from tegro_localnet.signed_order import Domain, SignedOrder, keccak256
from tegro_localnet.typed_data import place_body
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

_LOG: Final = logging.getLogger(__name__)
_REFRESH_SECS: Final = 2.0
_TAKE_SECS: Final = 1.0
_STOCK: Final = Decimal(10) ** 8

type Equip = Callable[[LocalWallet, Mapping[str, Decimal]], Awaitable[None]]
"""Funds a wallet and lets the exchange move what it got."""


class Agent:
    """A wallet that trades through the venue's own intake, with real signatures."""

    def __init__(self, wallet: LocalWallet, venue: Venue, domain: Domain, rng: random.Random) -> None:
        self.wallet = wallet
        self._venue = venue
        self._domain = domain
        self._rng = rng

    async def place(self, listed: ListedMarket, wish: Wish) -> None:
        """Sign and place an order. A refusal is logged: the market may have moved on."""
        order = SignedOrder(
            base_token=listed.market.base.address,
            quote_token=listed.market.quote.address,
            price_e18=wish.price_e18,
            total_quantity_wei=wish.quantity_wei,
            is_buy=wish.side.value == "buy",
            salt=self._rng.getrandbits(128),
            maker=self.wallet.address,
        )
        signed = self.wallet.sign_order(order, self._domain)
        try:
            await self._venue.place(encode(place_body(signed, listed, self._domain)))
        except Refused as refusal:
            _LOG.info("an agent's order on %s was refused: %s", listed.market.symbol, refusal)

    def cancel_on(self, listed: ListedMarket) -> None:
        """Cancel all of this wallet's open orders on a market."""
        orders = self._venue.orders.open_of(self.wallet.address)
        order_ids = [record.order_id for record in orders if record.market.id == listed.market.id]
        if order_ids:
            signature = self.wallet.sign_cancel(order_ids, self._domain)
            body = CancelBody(user_address=self.wallet.address, order_ids=order_ids, signature=signature)
            self._venue.cancel(encode(body))


class Crowd:
    """All agents of a localnet. Their decisions follow from the generator; only their timing is the clock's."""

    def __init__(
        self, config: LocalnetConfig, listing: Listing, venue: Venue, domain: Domain, rng: random.Random
    ) -> None:
        self._markets = list(listing.markets.values())
        self._symbols = list(listing.tokens)
        self._maker_rng, self._taker_rng = _child_of(rng), _child_of(rng)
        seed = rng.getrandbits(256).to_bytes(32)
        self._maker = Agent(LocalWallet(keccak256(b"market maker" + seed)), venue, domain, self._maker_rng)
        self._taker = Agent(LocalWallet(keccak256(b"noise taker" + seed)), venue, domain, self._taker_rng)
        starts = {market.symbol: market.start_price for market in config.markets}
        self._fair = {
            listed.market.id: FairPrice(
                scaled(starts[listed.market.symbol], PRICE_DECIMALS, "start price"), _child_of(rng)
            )
            for listed in self._markets
        }

    async def run(self, equip: Equip) -> None:
        """Equip the wallets, then trade until cancelled."""
        for agent in (self._maker, self._taker):
            await equip(agent.wallet, dict.fromkeys(self._symbols, _STOCK))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._quote())
            group.create_task(self._take())

    async def _quote(self) -> None:
        while True:
            for listed in self._markets:
                fair_e18 = self._fair[listed.market.id].step()
                self._maker.cancel_on(listed)
                for wish in ladder(listed, fair_e18, self._maker_rng):
                    await self._maker.place(listed, wish)
            await asyncio.sleep(_REFRESH_SECS)

    async def _take(self) -> None:
        while True:
            await asyncio.sleep(_TAKE_SECS)
            listed = self._taker_rng.choice(self._markets)
            self._taker.cancel_on(listed)
            wish = taking(listed, self._taker_rng)
            if wish is not None:
                await self._taker.place(listed, wish)


def _child_of(rng: random.Random) -> random.Random:
    """Return a generator of its own, so that one agent's draws do not depend on when another draws."""
    return random.Random(rng.getrandbits(64))  # noqa: S311 - test traders, nothing secret
