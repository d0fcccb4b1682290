"""The perpetual connector: it places and cancels orders, and follows what becomes of them."""

import asyncio
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any, override
from weakref import WeakValueDictionary

from hummingbot.connector.exchange.tegro.bot_identity import recorder_of
from hummingbot.core.data_type.common import OrderType, PositionAction, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate, TradeUpdate

from tegro.errors import NotConnected, Refused, TegroError
from tegro.events import Lagged
from tegro.perpetual import (
    Accepted,
    Cancelled,
    NotOpen,
    PerpetualFill,
    PerpetualOrder,
    PerpetualOrderRequest,
    Rejected,
    Unknown,
)
from tegro.perpetual.events import (
    AccountEvent,
    ChannelConnected,
    ChannelDisconnected,
    ListenKeyExpired,
    MarginCallEvent,
)
from tegro.perpetual.events import OrderUpdate as OrderEvent
from tegro.perpetual.stream import PerpetualEvent

from .order_reports import ENDED, adopted_order, host_state, position_side_of, side_of, trade_update, type_of
from .perpetual_account import TegroPerpetualAccount
from .tegro_perpetual_constants import RETRY_SECS


class OrderNotFound(TegroError):
    """The venue answered, and has no such order."""


class FateUnknown(TegroError):
    """The order was sent and may be live. It is looked for; until it is found it stays tracked."""


class TegroPerpetualDerivative(TegroPerpetualAccount):
    """Trades one account. The parameters are those of `TegroPerpetualPublic`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._in_doubt: set[str] = set()
        """Client order ids of orders that are being placed, or whose fate is being looked for."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._earlier: set[str] = set()
        """Client order ids that Hummingbot's database has of an earlier run."""
        self._is_taken_up = not self._trading_required
        self._taking_up = asyncio.Lock()

    @property
    def status_dict(self) -> dict[str, bool]:
        """What has to be so before the connector is ready. Orders of an earlier run must be seen to first."""
        return super().status_dict | {"earlier_orders_taken_up": self._is_taken_up}

    async def start_network(self) -> None:
        """Start following the venue, and see to what an earlier run left."""
        await super().start_network()
        if self._trading_required:
            self._in_background(self._take_up())

    def restore_tracking_states(self, saved_states: dict[str, Any]) -> None:
        """Track again what Hummingbot's database has of an earlier run; ready once the venue was asked about it."""
        super().restore_tracking_states(saved_states)
        restored = {name for name in saved_states if name in self._order_tracker.all_updatable_orders}
        self._earlier |= restored
        if restored and self._trading_required:
            self._is_taken_up = False
            if self._link.is_open:
                self._in_background(self._take_up())

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
        request = PerpetualOrderRequest(
            contract=await self._link.contract(trading_pair),
            side=side_of(trade_type),
            quantity=amount,
            order_type=type_of(order_type),
            price=None if order_type is OrderType.MARKET else price,
            position_side=position_side_of(self.position_mode, trade_type, position_action),
            reduce_only=not self._is_hedged and position_action is PositionAction.CLOSE,
            client_order_id=order_id,
        )
        match await self._link.client.place(request):
            case Accepted(order=order):
                return str(order.order_id), order.updated_ms / 1000
            case Rejected() as rejected:
                raise Refused(rejected.reason, status=400, code=rejected.code)
            case Unknown() as unknown:
                self._in_background(self._look_for(unknown))
                raise FateUnknown(f"whether the venue has the order {order_id} is not known yet: {unknown.cause}")

    @override
    async def _place_order_and_process_update(self, order: InFlightOrder, **kwargs: Any) -> str | None:
        self._in_doubt.add(order.client_order_id)
        try:
            exchange_order_id, timestamp_secs = await self._place_order(
                order_id=order.client_order_id,
                trading_pair=order.trading_pair,
                amount=order.amount,
                trade_type=order.trade_type,
                order_type=order.order_type,
                price=order.price,
                **kwargs,
            )
        except FateUnknown as error:
            self.logger().warning(f"{error}. It is looked for now; it is not sent again.")
            return None
        except BaseException:
            self._in_doubt.discard(order.client_order_id)
            raise
        self._in_doubt.discard(order.client_order_id)
        async with self._one_at_a_time(order.client_order_id):
            await self._announce(order, exchange_order_id, timestamp_secs)
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

    @override
    def _on_order_failure(
        self,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        trade_type: TradeType,
        order_type: OrderType,
        price: Decimal | None,
        exception: Exception,
        **kwargs: Any,
    ) -> None:
        if not isinstance(exception, TegroError):
            super()._on_order_failure(
                order_id, trading_pair, amount, trade_type, order_type, price, exception, **kwargs
            )
            return
        # Stock's line for who looks for it. Its advice, to check the API key, would be wrong: what happened is said.
        self.logger().network(
            f"Error submitting {trade_type.name.lower()} {order_type.name} order to {self.name_cap} for {amount} "
            f"{trading_pair} {price}."
        )
        self.logger().warning(
            f"The {trade_type.name.lower()} order {order_id} for {amount} {trading_pair} was not placed: {exception}"
        )
        self._update_order_after_failure(order_id, trading_pair, exception)

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

    # What became of orders

    async def _update_order_status(self) -> None:
        """Bring every live order up to date: one list of the open ones, and one request for each that is not in it."""
        await self._poll(list(self.in_flight_orders.values()))
        # Those that were given up and turn up after all: what they have filled counts, and at once.
        for order in list(self._order_tracker.lost_orders.values()):
            try:
                for update in await self._all_trade_updates_for_order(order):
                    self._order_tracker.process_trade_update(update)
            except TegroError as error:
                self.logger().warning(f"The fills of the order {order.client_order_id} could not be read: {error}")

    async def _update_lost_orders_status(self) -> None:
        """Do the same for orders that Hummingbot gave up, while there are any."""
        lost = list(self._order_tracker.lost_orders.values())
        if lost:
            await self._poll(lost)

    async def _poll(self, orders: Collection[InFlightOrder]) -> None:
        try:
            await self._bring_up_to_date(orders)
        except TegroError as error:
            self.logger().warning(f"The orders could not be read: {error}")

    async def _bring_up_to_date(self, orders: Collection[InFlightOrder]) -> list[PerpetualOrder]:
        """Apply what the venue says of these orders; return all open orders of the account.

        Raises
        ------
        TegroError
            If the list could not be read. Nothing was changed, and nothing counts as missing.
        """
        settled = [order for order in orders if order.client_order_id not in self._in_doubt]
        if not settled and self._is_taken_up:
            return []
        listed = await self._link.client.open_orders()
        by_name = {order.client_order_id: order for order in listed}
        for order in settled:
            try:
                report = by_name.get(order.client_order_id)
                if report is None:
                    await self._refresh(order)
                else:
                    await self._apply(order, report)
            except OrderNotFound:
                await self._order_tracker.process_order_not_found(order.client_order_id)
            except TegroError as error:
                self.logger().warning(f"The state of the order {order.client_order_id} could not be read: {error}")
        return listed

    async def _refresh(self, tracked: InFlightOrder) -> None:
        await self._apply(tracked, await self._find(tracked))

    async def _find(self, tracked: InFlightOrder) -> PerpetualOrder:
        symbol = (await self._link.contract(tracked.trading_pair)).symbol
        order = await self._link.client.order(symbol, tracked.client_order_id)
        if order is None:
            raise OrderNotFound(f"the venue has no order {tracked.client_order_id}")
        return order

    async def _apply(self, tracked: InFlightOrder, order: PerpetualOrder, fill: PerpetualFill | None = None) -> None:
        """Apply a report: created, then fills, then the state. May be repeated, and reports may come out of order."""
        async with self._one_at_a_time(tracked.client_order_id):
            await self._announce(tracked, str(order.order_id), order.updated_ms / 1000)
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
            await self._update(tracked, state)

    async def _book_fills(self, tracked: InFlightOrder, order: PerpetualOrder) -> None:
        for fill in await self._link.client.rest.fills(order.symbol, order_id=order.order_id):
            self._order_tracker.process_trade_update(trade_update(fill, tracked, self.trade_fee_schema()))

    async def _announce(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        # Once, and before anything else is said of the order: recorders need it in this sequence.
        if tracked.is_pending_create:
            await self._order_tracker.process_order_update(
                OrderUpdate(
                    trading_pair=tracked.trading_pair,
                    update_timestamp=timestamp_secs,
                    new_state=OrderState.OPEN,
                    client_order_id=tracked.client_order_id,
                    exchange_order_id=order_id,
                )
            )

    async def _update(self, tracked: InFlightOrder, state: OrderState) -> None:
        if tracked.client_order_id not in self._order_tracker.all_updatable_orders:
            return  # it has ended; Hummingbot would take a late report for a new life
        is_behind = state is OrderState.OPEN and tracked.executed_amount_base > 0
        await self._order_tracker.process_order_update(
            OrderUpdate(
                trading_pair=tracked.trading_pair,
                update_timestamp=self.current_timestamp,
                new_state=OrderState.PARTIALLY_FILLED if is_behind else state,
                client_order_id=tracked.client_order_id,
                exchange_order_id=tracked.exchange_order_id,
            )
        )

    def _one_at_a_time(self, client_order_id: str) -> asyncio.Lock:
        """Return the lock of one order: the stream, the polling and a cancel may all speak of it at once."""
        return self._locks.setdefault(client_order_id, asyncio.Lock())

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

    def _is_order_not_found_during_status_update_error(self, status_update_exception: Exception) -> bool:
        return isinstance(status_update_exception, OrderNotFound)

    def _is_order_not_found_during_cancelation_error(self, cancelation_exception: Exception) -> bool:
        return isinstance(cancelation_exception, OrderNotFound)

    def _is_request_exception_related_to_time_synchronizer(self, request_exception: Exception) -> bool:  # noqa: ARG002
        """Return False: `tegro.perpetual` sets its clock itself."""
        return False

    # The stream

    async def _user_stream_event_listener(self) -> None:
        async for event in self._iter_user_event_queue():
            try:
                await self._take(event)
            except TegroError as error:
                self.logger().warning(f"An account event could not be followed up: {error}")
            except Exception:  # noqa: BLE001  (one bad event must not end the listener)
                self.logger().exception("Unexpected error in user stream listener loop.")

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

    # What an earlier run left

    async def _take_up(self) -> None:
        """See to the orders of an earlier run, tried until the venue has answered."""
        async with self._taking_up:
            told = ""
            while not self._is_taken_up:
                try:
                    await self._take_up_once()
                except TegroError as error:
                    if str(error) != told:
                        told = str(error)
                        self.logger().warning(f"The orders of an earlier run cannot be seen to yet: {error}")
                    await self._sleep(RETRY_SECS)
                else:
                    self._is_taken_up = True

    async def _take_up_once(self) -> None:
        async with self._link.borrowed() as client:
            self._link.learn(await client.contracts())
        listed = await self._bring_up_to_date(list(self.in_flight_orders.values()))
        known = set(self._order_tracker.all_orders)
        unknown = [order for order in listed if order.client_order_id not in known]
        for order in unknown:
            if self._is_own(order):
                await self._adopt(order)
        earlier = [order for order in self.in_flight_orders.values() if order.client_order_id in self._earlier]
        if self._options.orders_at_start == "cancel":
            for order in earlier:
                await self._execute_order_cancel(order)
        self._tell_of(earlier, [order for order in unknown if not self._is_own(order)])
        self._earlier.clear()

    async def _adopt(self, order: PerpetualOrder) -> None:
        """Track an order that this bot placed and Hummingbot does not know: it may die between the two."""
        pair = self._link.pair_of(order.symbol)
        if pair is None:
            self.logger().warning(f"The order {order.client_order_id} is on {order.symbol}, which is not listed.")
            return
        tracked = adopted_order(order, pair, self.get_leverage(pair))
        self._order_tracker.start_tracking_order(tracked)
        self._earlier.add(order.client_order_id)
        await self._apply(tracked, order)

    def _is_own(self, order: PerpetualOrder) -> bool:
        """Tell whether an order is this bot's; without a bot, as in a program that only looks, none is."""
        return recorder_of(self) is not None and order.client_order_id.startswith(self.client_order_id_prefix)

    def _tell_of(self, earlier: Iterable[InFlightOrder], foreign: Collection[PerpetualOrder]) -> None:
        names = ", ".join(order.client_order_id for order in earlier)
        if names:
            done = "cancelled" if self._options.orders_at_start == "cancel" else "taken up"
            self.logger().info(f"Open orders of an earlier run, now {done}: {names}.")
        if foreign:
            shown = ", ".join(f"{order.symbol} {order.client_order_id}" for order in foreign)
            self.logger().info(f"This account has open orders that this bot did not place; left alone: {shown}.")

    @property
    def _is_hedged(self) -> bool:
        return position_side_of(self.position_mode, TradeType.BUY, PositionAction.OPEN).value != "BOTH"
