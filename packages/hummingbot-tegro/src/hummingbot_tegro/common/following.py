"""A connector follows its orders by the stream and by polling. A broken request never counts as an answer."""

from abc import abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, override

from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.order_errors import OrderNotFound
from tegro.errors import TegroError


class Following(ExchangePyBase):
    """Polls and listens; what is then said of an order, the venue's own part brings to Hummingbot."""

    venue: ClassVar[str]
    """What a message calls the other end."""

    @abstractmethod
    async def _bring_up_to_date(self, orders: Collection[InFlightOrder]) -> object:
        """Apply what the venue says of these orders.

        Raises
        ------
        TegroError
            If the venue's lists could not be read. Nothing was changed.
        """

    @abstractmethod
    async def _take(self, event: Any) -> None:  # noqa: ANN401  (the stream's events)
        """Take notice of an event of the account."""

    @override
    async def _update_order_status(self) -> None:
        """Bring every live order up to date with one list, and ask for fills only where there are new ones."""
        await self._poll(list(self.in_flight_orders.values()))
        # Those that were given up and turn up after all: what they have filled counts, and at once.
        for order in list(self._order_tracker.lost_orders.values()):
            await self._book_fills_of(order)

    @override
    async def _update_lost_orders_status(self) -> None:
        """Do the same for orders that Hummingbot gave up, while there are any."""
        lost = list(self._order_tracker.lost_orders.values())
        if lost:
            await self._poll(lost)

    async def _poll(self, orders: Collection[InFlightOrder]) -> None:
        try:
            await self._bring_up_to_date(orders)
        except TegroError as error:
            self.logger().warning(f"The orders could not be read from {self.venue}: {error}")

    async def _book_fills_of(self, order: InFlightOrder) -> None:
        try:
            updates = await self._all_trade_updates_for_order(order)
        except TegroError as error:
            self.logger().warning(f"The fills of the order {order.client_order_id} could not be read: {error}")
            return
        for update in updates:
            self._order_tracker.process_trade_update(update)

    @override
    async def _handle_update_error_for_active_order(self, order: InFlightOrder, error: Exception) -> None:
        """Count an order as missing only when the venue says so; Hummingbot's own rule counts every broken request."""
        if isinstance(error, OrderNotFound):
            await self._order_tracker.process_order_not_found(order.client_order_id)
        else:
            self.logger().warning(f"The state of the order {order.client_order_id} could not be read: {error}")

    @override
    async def _user_stream_event_listener(self) -> None:
        async for event in self._iter_user_event_queue():
            try:
                await self._take(event)
            except TegroError as error:
                self.logger().warning(f"An account event of {self.venue} could not be followed up: {error}")
            except Exception:  # noqa: BLE001  (one bad event must not end the listener)
                self.logger().exception("Unexpected error in user stream listener loop.")
