"""The connector places orders and cancels them."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from itertools import batched
from typing import Any, override

from hummingbot.core.data_type.cancellation_result import CancellationResult
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.order_errors import FateUnknown, OrderNotFound
from hummingbot_tegro.common.placing import PricedMarketOrders
from hummingbot_tegro.common.sides import side_of
from tegro.errors import AllowanceMissing, Refused, TegroError
from tegro.model import Market, Order, OrderRequest
from tegro.order_book import OrderBook
from tegro.outcome import Accepted, Cancelled, CancelRejected, CancelUnknown, NotSent, PlaceOutcome, Rejected

from .following_exchange import TegroFollowingExchange
from .order_mapping import type_of
from .order_sync import NeverPlaced
from .tegro_constants import CANCELS_AT_ONCE


class TegroTradingExchange(PricedMarketOrders, TegroFollowingExchange):
    """Trades one wallet. The parameters are those of `TegroPublicExchange`."""

    # Placing

    @override
    async def _book_to_trade_on(self, market: Market, trading_pair: str) -> OrderBook:
        return await self._link.client.fresh_book(market)

    @override
    async def _place_order(
        self,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        trade_type: TradeType,
        order_type: OrderType,
        price: Decimal,
        **_: Any,
    ) -> tuple[str, float]:
        """Return the venue's id of the order and the time of its placement; of a market order those of its first part.

        Raises
        ------
        FateUnknown
            If the order may be live; it must not be sent again.
        TegroError
            If it was refused, or did not leave this machine.
        """
        market, side = await self._link.market(trading_pair), side_of(trade_type)
        if order_type is OrderType.MARKET:
            result = await self._link.client.place_market(market, side, amount, client_order_id=order_id)
            return _accepted(result.outcomes[0])
        request = OrderRequest(
            market=market,
            side=side,
            price=price,
            quantity=amount,
            order_type=type_of(order_type),
            client_order_id=order_id,
        )
        return _accepted(await self._link.client.place(request))

    @override
    async def _place_order_and_process_update(self, order: InFlightOrder, **kwargs: Any) -> str | None:
        self._placing.add(order.client_order_id)
        try:
            exchange_order_id, timestamp_secs = await self._handed_over(order, **kwargs)
        except FateUnknown as error:
            self.logger().warning(
                f"{error}. The order {order.client_order_id} is looked for now; it is not sent again."
            )
            return None
        finally:
            self._placing.discard(order.client_order_id)
        await self._sync.created(order, exchange_order_id, timestamp_secs)
        if order.order_type is OrderType.MARKET:
            await self._finish_market_order(order)
        return exchange_order_id

    async def _look_for_rest(self, order: InFlightOrder, reports: Sequence[Order]) -> None:
        """Cancel what a market order left in the book because its own cancel did not come through."""
        is_left = order.order_type is OrderType.MARKET and any(report.is_open for report in reports)
        if is_left and order.client_order_id not in self._placing and not order.is_pending_cancel_confirmation:
            await self._execute_order_cancel(order)

    async def _finish_market_order(self, order: InFlightOrder) -> None:
        """Apply what became of the parts, now that none more will come. What is missed here, the polling finds."""
        try:
            await self._sync.refresh(order)
        except TegroError as error:
            self.logger().info(f"The end of the order {order.client_order_id} is not known yet: {error}")

    @override
    def _see_refusal(self, trading_pair: str, error: TegroError) -> None:
        # The venue has words of its own for it (protocol 3.7).
        is_about_allowance = isinstance(error, AllowanceMissing) or "insufficient allowance" in str(error)
        if is_about_allowance and not self._approvals.is_busy:
            self._background.start(self._mend_allowance(trading_pair))

    # Cancelling

    async def cancel_all(self, timeout_seconds: float) -> list[CancellationResult]:
        """Cancel every live order with one signed list, and say of each whether that ended it."""
        orders = [order for order in self.in_flight_orders.values() if not order.is_done]
        cancelled: set[str] = set()
        try:
            async with asyncio.timeout(timeout_seconds):
                cancelled = await self._cancel_together(orders)
        except TimeoutError:
            self.logger().warning(f"Whether all orders were cancelled is not known after {timeout_seconds:g} seconds.")
        except TegroError as error:
            self.logger().warning(f"The orders could not be cancelled: {error}")
        return [CancellationResult(order.client_order_id, order.client_order_id in cancelled) for order in orders]

    async def _cancel_together(self, orders: Collection[InFlightOrder]) -> set[str]:
        """Cancel orders, bring them up to date, and return the client order ids of those that were cancelled.

        Raises
        ------
        TegroError
            If nothing could be sent.
        """
        owners = {order_id: order for order in orders for order_id in await self._ids_to_cancel(order)}
        cancelled: set[str] = set()
        for order_ids in batched(owners, CANCELS_AT_ONCE):
            outcome = await self._link.client.cancel(order_ids)
            if isinstance(outcome, Cancelled):
                for order_id in outcome.cancelled:
                    await self._sync.cancelling(owners[order_id])
                    cancelled.add(owners[order_id].client_order_id)
            elif isinstance(outcome, CancelUnknown):
                self.logger().warning(f"Whether orders were cancelled is not known: {outcome.cause}")
        if owners:
            await self._poll(orders)
        return cancelled

    async def _ids_to_cancel(self, order: InFlightOrder) -> Iterable[str]:
        try:
            return self._sync.venue_ids(order)
        except FateUnknown:
            await self._cancel_when_found(order)
        except OrderNotFound:
            pass  # the next poll ends it
        return ()

    async def _cancel_when_found(self, order: InFlightOrder) -> None:
        for entry in self._sync.entries(order):
            await self._link.client.cancel_by_hash(entry.order_hash)

    async def _execute_order_cancel(self, order: InFlightOrder) -> str | None:
        """Cancel an order; return its id if the venue says that nothing of it rests any more because of that."""
        try:
            is_cancelled = await self._place_cancel(order.client_order_id, order)
        except NeverPlaced as error:
            self.logger().info(f"There is nothing to cancel: {error}")
            return None
        except OrderNotFound as error:
            self.logger().warning(f"Failed to cancel order {order.client_order_id}: {error}")
            await self._order_tracker.process_order_not_found(order.client_order_id)
            return None
        except TegroError as error:
            self.logger().warning(f"Failed to cancel order {order.client_order_id}: {error}")
            return None
        return order.client_order_id if is_cancelled else None

    async def _place_cancel(self, order_id: str, tracked_order: InFlightOrder) -> bool:
        """Cancel an order and apply what the venue then says of it. Returns whether this call cancelled it."""
        try:
            venue_ids = self._sync.venue_ids(tracked_order)
        except FateUnknown as error:
            await self._cancel_when_found(tracked_order)
            raise FateUnknown(f"{error}; it is cancelled as soon as it shows up") from None
        outcome = await self._link.client.cancel(venue_ids)
        if isinstance(outcome, CancelUnknown):
            raise FateUnknown(f"Tegro gave no clear answer ({outcome.cause}); cancelling it again is safe")
        if isinstance(outcome, CancelRejected) and not outcome.not_found:
            raise Refused(outcome.reason, status=400)
        is_cancelled = isinstance(outcome, Cancelled) and bool(outcome.cancelled)
        if is_cancelled:
            await self._sync.cancelling(tracked_order)
        try:
            await self._sync.refresh(tracked_order)
        except TegroError as error:
            if isinstance(error, OrderNotFound) and not is_cancelled:
                raise
            self.logger().info(f"The end of the order {order_id} is not known yet: {error}")
        return is_cancelled


def _accepted(outcome: PlaceOutcome | NotSent) -> tuple[str, float]:
    if isinstance(outcome, Accepted):
        return outcome.order_id, outcome.order.timestamp_ms / 1000
    if isinstance(outcome, Rejected):
        raise Refused(outcome.reason, status=400)
    if isinstance(outcome, NotSent):
        raise Refused(outcome.reason, status=0)
    raise FateUnknown(f"Tegro gave no clear answer ({outcome.cause}); order hash {outcome.order_hash}")
