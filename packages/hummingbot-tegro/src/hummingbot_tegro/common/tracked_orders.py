"""What Hummingbot's order tracker is told: created first, one report of an order at a time, nothing after its end."""

import asyncio
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from hummingbot.connector.client_order_tracker import ClientOrderTracker
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate

ENDED: Final = frozenset({OrderState.CANCELED, OrderState.FILLED, OrderState.FAILED})


class TrackedOrders:
    """Tells the tracker.

    Parameters
    ----------
    tracker
        Hummingbot's tracker.
    clock_secs
        Hummingbot's clock.
    """

    def __init__(self, tracker: ClientOrderTracker, *, clock_secs: Callable[[], float]) -> None:
        self._tracker = tracker
        self._clock_secs = clock_secs
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def one_at_a_time(self, tracked: InFlightOrder) -> asyncio.Lock:
        """Return the lock of one order: the stream, the polling and a cancel may all speak of it at once."""
        return self._locks.setdefault(tracked.client_order_id, asyncio.Lock())

    async def announce(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        """Say that the venue has an order, once, and before anything else is said of it: recorders need it so.

        Parameters
        ----------
        order_id
            The venue's id.
        timestamp_secs
            When it was placed.
        """
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

    async def update(self, tracked: InFlightOrder, state: OrderState) -> bool:
        """Say which state an order has come to; return False where it has ended before.

        Hummingbot would take a late report for a new life.
        """
        if tracked.client_order_id not in self._tracker.all_updatable_orders:
            return False
        await self._tracker.process_order_update(
            OrderUpdate(
                trading_pair=tracked.trading_pair,
                update_timestamp=self._clock_secs(),
                new_state=state,
                client_order_id=tracked.client_order_id,
                exchange_order_id=tracked.exchange_order_id,
            )
        )
        return True
