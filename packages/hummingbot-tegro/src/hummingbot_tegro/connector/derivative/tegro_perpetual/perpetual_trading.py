"""The perpetual connector places orders and cancels them."""

from decimal import Decimal
from typing import Any, override

from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState

from hummingbot_tegro.common.order_errors import FateUnknown
from hummingbot_tegro.common.placing import Placing
from hummingbot_tegro.common.sides import side_of
from tegro.errors import NotConnected, Refused
from tegro.perpetual import Accepted, Cancelled, NotOpen, PerpetualOrderRequest, Rejected, Unknown

from .order_reports import position_side_of, type_of
from .perpetual_following import TegroPerpetualFollowing


class TegroPerpetualTrading(Placing, TegroPerpetualFollowing):
    """Trades one account. The parameters are those of `TegroPerpetualPublic`."""

    # Placing

    @override
    async def _create_order(
        self,
        trade_type: TradeType,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        order_type: OrderType,
        price: Decimal | None = None,
        position_action: PositionAction = PositionAction.NIL,
        **kwargs: Any,
    ) -> None:
        if order_type is OrderType.MARKET and (price is None or price.is_nan()):
            # Stock takes the book's price to see whether the order is large enough, and dies of an empty side.
            price = self.get_funding_info(trading_pair).mark_price
        await super()._create_order(
            trade_type, order_id, trading_pair, amount, order_type, price, position_action, **kwargs
        )

    @override
    async def _place_order(
        self,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        trade_type: TradeType,
        order_type: OrderType,
        price: Decimal,
        position_action: PositionAction = PositionAction.NIL,
        **_: Any,
    ) -> tuple[str, float]:
        """Return the venue's id of the order and the time of its placement.

        Raises
        ------
        FateUnknown
            If the order may be live; it must not be sent again.
        TegroError
            If it was refused, or did not leave this machine.
        """
        is_hedged = self.position_mode is PositionMode.HEDGE
        request = PerpetualOrderRequest(
            contract=await self._link.contract(trading_pair),
            side=side_of(trade_type),
            quantity=amount,
            order_type=type_of(order_type),
            price=None if order_type is OrderType.MARKET else price,
            position_side=position_side_of(self.position_mode, trade_type, position_action),
            reduce_only=not is_hedged and position_action is PositionAction.CLOSE,
            client_order_id=order_id,
        )
        match await self._link.client.place(request):
            case Accepted(order=order):
                return str(order.order_id), order.updated_ms / 1000
            case Rejected() as rejected:
                raise Refused(rejected.reason, status=400, code=rejected.code)
            case Unknown() as unknown:
                self._background.start(self._look_for(unknown))
                raise FateUnknown(f"whether the venue has the order {order_id} is not known yet: {unknown.cause}")

    @override
    async def _place_order_and_process_update(self, order: InFlightOrder, **kwargs: Any) -> str | None:
        self._in_doubt.add(order.client_order_id)
        try:
            exchange_order_id, timestamp_secs = await self._handed_over(order, **kwargs)
        except FateUnknown as error:
            self.logger().warning(f"{error}. It is looked for now; it is not sent again.")
            return None
        except BaseException:
            self._in_doubt.discard(order.client_order_id)
            raise
        self._in_doubt.discard(order.client_order_id)
        async with self._orders.one_at_a_time(order):
            await self._orders.announce(order, exchange_order_id, timestamp_secs)
        return exchange_order_id

    async def _look_for(self, unknown: Unknown) -> None:
        """Find out what became of an order, for as long as it takes."""
        name = unknown.client_order_id
        try:
            while True:
                found = await self._link.client.resolve(unknown)
                tracked = self._order_tracker.all_updatable_orders.get(name)
                if isinstance(found, Rejected) and tracked is not None:
                    error = Refused(found.reason, status=400, code=found.code)
                    self.logger().warning(f"The order {name} was not placed: {found.reason}.")
                    self._update_order_after_failure(name, tracked.trading_pair, error)
                elif isinstance(found, Accepted) and tracked is not None:
                    await self._apply(tracked, found.order)
                if not isinstance(found, Unknown):
                    return
        finally:
            self._in_doubt.discard(name)

    # Cancelling

    async def _place_cancel(self, order_id: str, tracked_order: InFlightOrder) -> bool:
        """Return whether the order is cancelled and all of its fills are booked.

        Raises
        ------
        OrderNotFound
            If the venue knows no such order at all.
        TegroError
            If it is not known whether the cancel worked.
        """
        symbol = (await self._link.contract(tracked_order.trading_pair)).symbol
        outcome = await self._link.client.cancel(symbol, order_id)
        match outcome:
            case Cancelled(order=order):
                await self._apply(tracked_order, order)
            case NotOpen():
                if order_id in self._in_doubt:
                    raise FateUnknown(f"the order {order_id} is still looked for, so it cannot be cancelled yet")
                await self._refresh(tracked_order)
            case _:
                raise NotConnected(f"whether {order_id} is cancelled is not known: {outcome.cause}")
        return tracked_order.current_state is OrderState.CANCELED

    @override
    async def _execute_order_cancel_and_process_update(self, order: InFlightOrder) -> bool:
        # Stock would end the order here; it was ended above, with its fills.
        return await self._place_cancel(order.client_order_id, order)
