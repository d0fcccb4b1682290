"""What the venue says of many orders, read with as few requests as it takes."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.order_errors import OrderNotFound
from tegro.errors import TegroError
from tegro.model import Order

from .balances import WalletOrders
from .order_sync import OrderSync
from .tegro_constants import FEW
from .venue_link import VenueLink

HOLDING: Final = ("active", "matched")
"""Filter words of the orders that rest or have still to settle (protocol 4.12)."""
_OVER: Final = ("completed", "cancelled")

type Answer = list[Order] | TegroError
"""The venue's orders that make up one of Hummingbot's, or why they are not known."""


class StatusReader:
    """Reads the wallet's list of live orders; what is in it no longer is asked for by id, or in one more list.

    Parameters
    ----------
    link
        The way to the venue.
    sync
        Knows the venue's ids of the tracked orders.
    wallet_orders
        Told of every order that can still take something out of the wallet.
    """

    def __init__(self, link: VenueLink, sync: OrderSync, wallet_orders: WalletOrders) -> None:
        self._link = link
        self._sync = sync
        self._wallet_orders = wallet_orders
        self.resting: list[Order] = []
        """The wallet's open orders as last read, also those of others."""

    async def read(self, tracked: Collection[InFlightOrder]) -> dict[str, Answer]:
        """Return what the venue says, by client order id.

        Raises
        ------
        TegroError
            If a list could not be read: then nothing is known, and nothing counts as missing.
        """
        live = await self._link.client.orders(statuses=HOLDING)
        self._wallet_orders.replace(live)
        self.resting = [order for order in live if order.is_open]
        found = {order.order_id: order for order in live}
        ids, answers = self._ids_of(tracked)
        missing = [order_id for wanted in ids.values() for order_id in wanted if order_id not in found]
        found |= await self._ended(missing)
        return answers | {name: _answer(wanted, found) for name, wanted in ids.items()}

    def _ids_of(self, tracked: Iterable[InFlightOrder]) -> tuple[dict[str, list[str]], dict[str, Answer]]:
        ids: dict[str, list[str]] = {}
        unknown: dict[str, Answer] = {}
        for order in tracked:
            try:
                ids[order.client_order_id] = self._sync.venue_ids(order)
            except TegroError as error:
                unknown[order.client_order_id] = error
        return ids, unknown

    async def _ended(self, order_ids: Sequence[str]) -> dict[str, Order]:
        found: dict[str, Order] = {}
        if len(order_ids) > FEW:
            over = await self._link.client.orders(statuses=_OVER)
            wanted = set(order_ids)
            found = {order.order_id: order for order in over if order.order_id in wanted}
        for order_id in order_ids:
            if order_id not in found:
                order = await self._link.client.order(order_id)
                if order is not None:
                    found[order_id] = order
        return found


def _answer(wanted: Sequence[str], found: dict[str, Order]) -> Answer:
    lost = [order_id for order_id in wanted if order_id not in found]
    if lost:
        return OrderNotFound(f"Tegro has no order {', '.join(lost)} of this wallet")
    return [found[order_id] for order_id in wanted]
