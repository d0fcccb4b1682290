"""Brings Hummingbot's tracked orders to what the venue says of them."""

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from hummingbot.connector.client_order_tracker import ClientOrderTracker
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate, TradeUpdate

from tegro.errors import TegroError
from tegro.journal import EntryState
from tegro.model import Order

from .order_mapping import order_state, trade_update
from .venue_link import VenueLink

_ENDED: Final = frozenset({OrderState.CANCELED, OrderState.FILLED, OrderState.FAILED})


class OrderNotFound(TegroError):
    """The venue, or the journal of what was signed, says that there is no such order."""


class FateUnknown(TegroError):
    """The order was sent and may be live; no list of the venue has it. That is weak evidence, so it stays tracked."""


class OrderSync:
    """Applies the venue's reports to Hummingbot's order tracker: created, then settled fills, then the state.

    Parameters
    ----------
    link
        The way to the venue.
    tracker
        Hummingbot's tracker.
    wallet
        The wallet that trades.
    clock_secs
        Hummingbot's clock.
    """

    def __init__(
        self, link: VenueLink, *, tracker: ClientOrderTracker, wallet: str, clock_secs: Callable[[], float]
    ) -> None:
        self._link = link
        self._tracker = tracker
        self._wallet = wallet
        self._clock_secs = clock_secs
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def tracked(self, order: Order) -> InFlightOrder | None:
        """Return the tracked order behind a report; None if it is not one of this bot's live orders.

        A report may come before the answer that tells the venue's id. The journal then knows the order by its hash.
        """
        live: dict[str, InFlightOrder] = self._tracker.all_updatable_orders
        for candidate in live.values():
            if candidate.exchange_order_id == order.order_id:
                return candidate
        entry = self._link.client.journal.find(order.order_hash)
        return live.get(entry.client_order_id or "") if entry is not None else None

    async def refresh(self, tracked: InFlightOrder) -> None:
        """Ask the venue for one order and apply the answer. Errors as in `find`."""
        await self.apply(tracked, await self.find(tracked))

    async def find(self, tracked: InFlightOrder) -> Order:
        """Return what the venue says of a tracked order.

        Raises
        ------
        OrderNotFound
            If there is no such order.
        FateUnknown
            If it was sent without a clear answer and is in no list.
        TegroError
            If the venue cannot be asked.
        """
        client = self._link.client
        order_id = tracked.exchange_order_id
        if order_id is not None:
            order = await client.order(order_id)
            if order is None:
                raise OrderNotFound(f"Tegro has no order {order_id} of this wallet")
            return order
        entry = client.journal.find_by_client_order_id(tracked.client_order_id)
        if entry is None or entry.state is EntryState.REJECTED:
            raise OrderNotFound(f"the order {tracked.client_order_id} never came to Tegro")
        order = await client.order_by_hash(entry.order_hash)
        if order is None:
            raise FateUnknown(f"the order {tracked.client_order_id} ({entry.order_hash}) is in no list of Tegro yet")
        return order

    async def apply(self, tracked: InFlightOrder, order: Order) -> None:
        """Apply one report. May be repeated, and reports may come out of order."""
        async with self._one_at_a_time(tracked):
            await self._announce(tracked, order.order_id, order.timestamp_ms / 1000)
            if order.filled > tracked.executed_amount_base:
                for update in await self.settled_fills(tracked):
                    self._tracker.process_trade_update(update)
            state = order_state(order)
            if state is None or (state in _ENDED and tracked.executed_amount_base < order.filled):
                # A last fill that is not listed yet would be lost: Hummingbot would close the order without it.
                return
            await self._update(tracked, state)

    async def created(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        """Announce an order that the venue accepted, unless a report did so before."""
        async with self._one_at_a_time(tracked):
            await self._announce(tracked, order_id, timestamp_secs)

    async def cancelling(self, tracked: InFlightOrder) -> None:
        """Mark an order that the venue took out of the book, of which a part may have still to settle."""
        async with self._one_at_a_time(tracked):
            await self._update(tracked, OrderState.PENDING_CANCEL)

    async def settled_fills(self, tracked: InFlightOrder) -> list[TradeUpdate]:
        """Return the fills of an order that have settled. What only matched may still fail."""
        market = await self._link.market(tracked.trading_pair)
        trades = await self._link.client.trades_of(tracked.exchange_order_id)
        updates = [trade_update(trade, order=tracked, market=market, wallet=self._wallet) for trade in trades]
        return [update for update in updates if update is not None]

    def _one_at_a_time(self, tracked: InFlightOrder) -> asyncio.Lock:
        """Return the lock of one order: the stream, the polling and a cancel may all speak of it at once."""
        return self._locks.setdefault(tracked.client_order_id, asyncio.Lock())

    async def _announce(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        # Once, and before anything else is said of the order: recorders need it in this sequence.
        if tracked.is_pending_create:
            await self._tracker.process_order_update(
                OrderUpdate(
                    trading_pair=tracked.trading_pair,
                    update_timestamp=timestamp_secs,
                    new_state=OrderState.OPEN,
                    client_order_id=tracked.client_order_id,
                    exchange_order_id=order_id,
                )
            )

    async def _update(self, tracked: InFlightOrder, state: OrderState) -> None:
        if tracked.client_order_id not in self._tracker.all_updatable_orders:
            # It has ended; Hummingbot would take a late report for a new life.
            return
        await self._tracker.process_order_update(
            OrderUpdate(
                trading_pair=tracked.trading_pair,
                update_timestamp=self._clock_secs(),
                new_state=state,
                client_order_id=tracked.client_order_id,
                exchange_order_id=tracked.exchange_order_id,
            )
        )
