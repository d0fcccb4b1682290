"""Tells the venue what others do at its contract, block by block, before balances are read."""

from tegro_localnet.chain.exchange_events import ExchangeEventReader, OrderCancelled, PairSettled
from tegro_localnet.journal.commands import SettledElsewhere
from tegro_localnet.venue import Venue


class ExchangeWatch:
    """Follows the exchange contract for a venue.

    Parameters
    ----------
    reader
        Reads the contract's events.
    venue
        Books them.
    """

    def __init__(self, reader: ExchangeEventReader, venue: Venue) -> None:
        self._reader = reader
        self._venue = venue

    async def follow(self, first_block: int, last_block: int) -> None:
        """Take over what others did in these blocks, both included. May be repeated."""
        for event in await self._reader.of_others(first_block, last_block):
            if isinstance(event, OrderCancelled):
                self._venue.cancelled_on_chain(event.order_hash)
            else:
                self._take_settlement(event)

    def _take_settlement(self, event: PairSettled) -> None:
        known = [*self._venue.orders.by_hash(event.buy_hash), *self._venue.orders.by_hash(event.sell_hash)]
        if known:
            settlement = SettledElsewhere(
                buy_hash=event.buy_hash,
                sell_hash=event.sell_hash,
                quantity_wei=event.quantity_wei,
                price_e18=event.signed_price * known[0].order.form.price_unit_e18,
                tx_hash=event.tx_hash,
            )
            self._venue.settled_elsewhere(settlement)
