"""The perpetual connector follows its orders: what the venue says of them, by the stream and by polling."""

from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate, TradeUpdate

from hummingbot_tegro.common.following import Following
from hummingbot_tegro.common.order_errors import OrderNotFound
from hummingbot_tegro.common.tracked_orders import ENDED, TrackedOrders
from tegro.errors import TegroError
from tegro.events import Lagged
from tegro.perpetual import PerpetualFill, PerpetualOrder
from tegro.perpetual.events import (
    AccountEvent,
    ChannelConnected,
    ChannelDisconnected,
    ListenKeyExpired,
    MarginCallEvent,
)
from tegro.perpetual.events import OrderUpdate as OrderEvent
from tegro.perpetual.stream import PerpetualEvent

from .order_reports import host_state, trade_update
from .perpetual_account import TegroPerpetualAccount
from .tegro_perpetual_constants import VENUE


class TegroPerpetualFollowing(Following, TegroPerpetualAccount):
    """Knows what became of orders. The parameters are those of `TegroPerpetualPublic`."""

    venue: ClassVar[str] = VENUE

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._in_doubt: set[str] = set()
        """Client order ids of orders that are being placed, or whose fate is being looked for."""
        self._orders = TrackedOrders(self._order_tracker, clock_secs=lambda: self.current_timestamp)

    # Polling

    async def _bring_up_to_date(self, orders: Collection[InFlightOrder]) -> None:
        """Apply what the venue says of these orders: one list of the open ones, and one request for each other one."""
        if any(order.client_order_id not in self._in_doubt for order in orders):
            await self._compare(orders, await self._link.client.open_orders())

    async def _compare(self, orders: Iterable[InFlightOrder], listed: Iterable[PerpetualOrder]) -> None:
        """Apply a list of the open orders; those that are not in it any more are asked for."""
        by_name = {order.client_order_id: order for order in listed}
        for order in orders:
            if order.client_order_id in self._in_doubt:
                continue
            try:
                report = by_name.get(order.client_order_id)
                if report is None:
                    await self._refresh(order)
                else:
                    await self._apply(order, report)
            except TegroError as error:
                # It counts what is missing of lost orders as well.
                await self._handle_update_error_for_active_order(order, error)

    async def _refresh(self, tracked: InFlightOrder) -> None:
        await self._apply(tracked, await self._find(tracked))

    async def _find(self, tracked: InFlightOrder) -> PerpetualOrder:
        """Return what the venue says of an order.

        Raises
        ------
        OrderNotFound
            If it has no such order.
        TegroError
            If it cannot be asked.
        """
        symbol = (await self._link.contract(tracked.trading_pair)).symbol
        order = await self._link.client.order(symbol, tracked.client_order_id)
        if order is None:
            raise OrderNotFound(f"the venue has no order {tracked.client_order_id}")
        return order

    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        order = await self._find(tracked_order)
        return OrderUpdate(
            trading_pair=tracked_order.trading_pair,
            update_timestamp=order.updated_ms / 1000,
            new_state=host_state(order) or tracked_order.current_state,
            client_order_id=tracked_order.client_order_id,
            exchange_order_id=str(order.order_id),
        )

    async def _all_trade_updates_for_order(self, order: InFlightOrder) -> list[TradeUpdate]:
        if order.exchange_order_id is None:
            return []
        symbol = (await self._link.contract(order.trading_pair)).symbol
        fills = await self._link.client.rest.fills(symbol, order_id=int(order.exchange_order_id))
        return [trade_update(fill, order, self.trade_fee_schema()) for fill in fills]

    # What is said of an order

    async def _apply(self, tracked: InFlightOrder, order: PerpetualOrder, fill: PerpetualFill | None = None) -> None:
        """Apply a report: created, then fills, then the state. May be repeated, and reports may come out of order."""
        async with self._orders.one_at_a_time(tracked):
            await self._orders.announce(tracked, str(order.order_id), order.updated_ms / 1000)
            if fill is not None:
                self._order_tracker.process_trade_update(trade_update(fill, tracked, self.trade_fee_schema()))
            if order.filled > tracked.executed_amount_base:
                try:
                    await self._book_fills(tracked, order)
                except TegroError:
                    if not tracked.completely_filled_event.is_set():
                        raise
            state = host_state(order)
            is_whole = order.filled <= tracked.executed_amount_base or tracked.completely_filled_event.is_set()
            if state is None or (state in ENDED and not is_whole):
                return  # a fill is not listed yet; the polling comes back to it
            is_behind = state is OrderState.OPEN and tracked.executed_amount_base > 0
            await self._orders.update(tracked, OrderState.PARTIALLY_FILLED if is_behind else state)

    async def _book_fills(self, tracked: InFlightOrder, order: PerpetualOrder) -> None:
        for fill in await self._link.client.rest.fills(order.symbol, order_id=order.order_id):
            self._order_tracker.process_trade_update(trade_update(fill, tracked, self.trade_fee_schema()))

    # The stream

    async def _take(self, event: PerpetualEvent) -> None:
        match event:
            case OrderEvent(order=order, fill=fill):
                tracked = self._order_tracker.all_fillable_orders.get(order.client_order_id)
                if tracked is not None:
                    await self._apply(tracked, order, fill)
                self._account_wanted.set()
            case AccountEvent():
                await self._take_account(event)
            case MarginCallEvent():
                self._take_margin_call(event)
            case ChannelConnected() | Lagged():
                # What happened meanwhile was not told.
                await self._update_order_status()
                self._funding_fee_poll_notifier.set()
                self._account_wanted.set()
            case ChannelDisconnected() | ListenKeyExpired():
                pass  # the stream comes back by itself, and says so
            case _:
                raise TypeError(f"no event of an account: {type(event).__name__}")
