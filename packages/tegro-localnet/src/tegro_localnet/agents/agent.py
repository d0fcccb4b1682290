"""A trader with a wallet of its own that uses the front door: signed orders through the venue's own intake."""

import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Final

from tegro.model import Side
from tegro.wire import CancelBody, encode
from tegro_localnet.agents.decisions import Wish
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.refusal import Refused
from tegro_localnet.signed_order import Domain, SignedOrder
from tegro_localnet.typed_data import place_body
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

_LOG: Final = logging.getLogger(__name__)

type Equip = Callable[[LocalWallet, Mapping[str, Decimal]], Awaitable[None]]
"""Funds a wallet and lets the exchange move what it got."""


class Agent:
    """A wallet that trades through the venue's own intake, with real signatures."""

    def __init__(self, wallet: LocalWallet, venue: Venue, domain: Domain, rng: random.Random) -> None:
        self.wallet = wallet
        self._venue = venue
        self._domain = domain
        self._rng = rng

    async def place(self, listed: ListedMarket, wish: Wish) -> OrderRecord | None:
        """Sign and place an order; return it as it is after matching.

        A refusal is logged and returns None: the market may have moved on.
        """
        order = SignedOrder(
            base_token=listed.market.base.address,
            quote_token=listed.market.quote.address,
            price_e18=wish.price_e18,
            total_quantity_wei=wish.quantity_wei,
            is_buy=wish.side is Side.BUY,
            salt=self._rng.getrandbits(128),
            maker=self.wallet.address,
            form=listed.form,
        )
        signed = self.wallet.sign_order(order, self._domain)
        try:
            placed = await self._venue.place(encode(place_body(signed, listed, self._domain)))
        except Refused as refusal:
            _LOG.info("an agent's order on %s was refused: %s", listed.market.symbol, refusal)
            return None
        return self._venue.orders[placed.order_id]

    def cancel_on(self, listed: ListedMarket) -> None:
        """Cancel all of this wallet's open orders on a market."""
        orders = self._venue.orders.open_of(self.wallet.address)
        order_ids = [record.order_id for record in orders if record.market.id == listed.market.id]
        if order_ids:
            signature = self.wallet.sign_cancel(order_ids, self._domain)
            body = CancelBody(user_address=self.wallet.address, order_ids=order_ids, signature=signature)
            self._venue.cancel(encode(body))


def child_of(rng: random.Random) -> random.Random:
    """Return a generator of its own, so that one agent's draws do not depend on when another draws."""
    return random.Random(rng.getrandbits(64))  # noqa: S311 - test traders, nothing secret
