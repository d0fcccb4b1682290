"""The spot connector: a thin map of Hummingbot's exchange interface onto `tegro`."""

import asyncio
from collections.abc import Coroutine, Iterator
from decimal import Decimal
from typing import Any, override

from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderUpdate, TradeUpdate
from hummingbot.core.utils.async_utils import safe_ensure_future

from hummingbot_tegro.host_settings import remember_chain
from tegro.errors import InvalidInput, Refused, TegroError
from tegro.model import BookLevel, Order, OrderRequest, Side, TradeState
from tegro.outcome import Accepted, Cancelled, CancelRejected, CancelUnknown, Rejected
from tegro.stream import Connected, Lagged, OrderEvent, StreamEvent, UserTradeEvent

from . import tegro_constants as constants
from .approvals import approve_missing
from .balances import available_balances, held_by_orders
from .market_order import crosses, market_limit_price
from .order_mapping import order_state, side_of
from .order_sync import FateUnknown, OrderNotFound, OrderSync
from .public_exchange import TegroPublicExchange


class TegroExchange(TegroPublicExchange):
    """Trades one wallet on one chain of Tegro. The parameters are those of `TegroPublicExchange`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        # There is no balance event, so Hummingbot corrects balances by its own orders since the last reading.
        self._real_time_balance_update = False
        self._sync = OrderSync(
            self._link, tracker=self._order_tracker, wallet=self._wallet, clock_secs=lambda: self.current_timestamp
        )
        self._placing: set[str] = set()
        self._approving = asyncio.Lock()
        self._balances_wanted = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    def supported_order_types(self) -> list[OrderType]:
        """Return the types that can be placed. The venue itself knows limit orders only (protocol 5.2)."""
        return [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET]

    # Start and stop

    async def start_network(self) -> None:
        """Start following the venue, and see to the approvals beside it."""
        await super().start_network()
        if self._trading_required:
            self._in_background(self._balance_loop())
            self._in_background(self._approve(list(self._trading_pairs)))

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        for task in self._background:
            task.cancel()
        await super().stop_network()

    async def add_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair, and see to its approvals. Returns False if that is not possible."""
        is_added: bool = await super().add_trading_pair(trading_pair)
        if is_added and self._trading_required:
            self._in_background(self._approve([trading_pair]))
        return is_added

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = safe_ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _approve(self, trading_pairs: list[str]) -> None:
        try:
            async with self._approving:
                markets = [await self._link.market(pair) for pair in trading_pairs]
                await approve_missing(self._link.client, markets, logger=self.logger())
        except TegroError as error:
            self.logger().warning(
                f"The approvals of {', '.join(trading_pairs)} could not be seen to, so orders may be refused: {error}"
            )

    # Orders

    @override
    async def _create_order(
        self,
        trade_type: TradeType,
        order_id: str,
        trading_pair: str,
        amount: Decimal,
        order_type: OrderType,
        price: Decimal | None = None,
        **kwargs: Any,
    ) -> None:
        if order_type is OrderType.MARKET:
            try:
                price = await self._market_price(trading_pair, side_of(trade_type), amount)
            except (TegroError, ValueError) as error:
                # The host has no book of a pair that it was not told to follow (ValueError).
                self.start_tracking_order(order_id, None, trading_pair, trade_type, Decimal(0), amount, order_type)
                self._on_order_failure(order_id, trading_pair, amount, trade_type, order_type, None, error)
                return
        await super()._create_order(trade_type, order_id, trading_pair, amount, order_type, price, **kwargs)

    async def _market_price(self, trading_pair: str, side: Side, amount: Decimal) -> Decimal:
        return market_limit_price(
            self._opposite_levels(trading_pair, side),
            market=await self._link.market(trading_pair),
            side=side,
            quantity=amount,
            max_slippage_bps=self._link.environment.max_slippage_bps,
        )

    def _opposite_levels(self, trading_pair: str, side: Side) -> Iterator[BookLevel]:
        """Yield what an order of this side would take, best price first. The host keeps its book in floats."""
        book = self.get_order_book(trading_pair)
        for row in book.ask_entries() if side is Side.BUY else book.bid_entries():
            yield BookLevel(Decimal(str(row.price)), Decimal(str(row.amount)))

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
        """Return the venue's id of the order and the time of its placement.

        Raises
        ------
        FateUnknown
            If the order may be live; it must not be sent again.
        TegroError
            If it was refused, or did not leave this machine.
        """
        side = side_of(trade_type)
        if order_type is OrderType.LIMIT_MAKER:
            self._require_maker(trading_pair, side, price)
        market = await self._link.market(trading_pair)
        request = OrderRequest(market=market, side=side, price=price, quantity=amount, client_order_id=order_id)
        outcome = await self._link.client.place(request)
        if isinstance(outcome, Accepted):
            return outcome.order_id, outcome.order.timestamp_ms / 1000
        if isinstance(outcome, Rejected):
            raise Refused(outcome.reason, status=400)
        raise FateUnknown(f"Tegro gave no clear answer ({outcome.cause}); order hash {outcome.order_hash}")

    def _require_maker(self, trading_pair: str, side: Side, price: Decimal) -> None:
        best = next(self._opposite_levels(trading_pair, side), None)
        if crosses(price, best_opposite=best.price if best is not None else None, side=side):
            raise InvalidInput(
                f"a maker-only {side} at {price:f} would trade at once on {trading_pair}; it was not sent"
            )

    @override
    async def _place_order_and_process_update(self, order: InFlightOrder, **kwargs: Any) -> str | None:
        self._placing.add(order.client_order_id)
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
            self.logger().warning(
                f"{error}. The order {order.client_order_id} is looked for now; it is not sent again."
            )
            self._in_background(self._look_for(order))
            return None
        finally:
            self._placing.discard(order.client_order_id)
        await self._sync.created(order, exchange_order_id, timestamp_secs)
        if order.order_type is OrderType.MARKET:
            self._in_background(self._cancel_rest(order))
        return exchange_order_id

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
        self.logger().warning(
            f"The {trade_type.name.lower()} order {order_id} for {amount} {trading_pair} was not placed: {exception}"
        )
        self._update_order_after_failure(order_id, trading_pair, exception)
        if "allowance" in str(exception) and not self._approving.locked():
            # The words of the venue (protocol 3.7). What was bought since the start is not approved yet.
            self._in_background(self._approve([trading_pair]))

    async def _look_for(self, order: InFlightOrder) -> None:
        """Search for an order of unknown fate a few times. Afterwards the status polling goes on with it."""
        for delay_secs in constants.LOOKUP_DELAYS_SECS:
            await self._sleep(delay_secs)
            try:
                await self._sync.refresh(order)
            except TegroError as error:
                self.logger().info(f"Still looking for the order {order.client_order_id}: {error}")
            else:
                return

    async def _cancel_rest(self, order: InFlightOrder) -> None:
        """Take out of the book what a market order left there."""
        await self._sleep(constants.MARKET_MATCH_GRACE_SECS)
        if order.client_order_id in self.in_flight_orders:
            await self._execute_order_cancel(order)

    async def _execute_order_cancel(self, order: InFlightOrder) -> str | None:
        """Cancel an order; return its id if the venue says that nothing of it rests any more because of that."""
        try:
            is_cancelled = await self._place_cancel(order.client_order_id, order)
        except TegroError as error:
            self.logger().warning(f"The order {order.client_order_id} could not be cancelled: {error}")
            return None
        return order.client_order_id if is_cancelled else None

    async def _place_cancel(self, order_id: str, tracked_order: InFlightOrder) -> bool:
        """Cancel an order and apply what the venue then says of it. Returns whether this call cancelled it."""
        exchange_order_id = tracked_order.exchange_order_id
        if exchange_order_id is None:
            exchange_order_id = (await self._sync.find(tracked_order)).order_id
        outcome = await self._link.client.cancel([exchange_order_id])
        if isinstance(outcome, CancelUnknown):
            raise FateUnknown(f"Tegro gave no clear answer ({outcome.cause}); cancelling it again is safe")
        if isinstance(outcome, CancelRejected) and not outcome.not_found:
            raise Refused(outcome.reason, status=400)
        is_cancelled = isinstance(outcome, Cancelled) and exchange_order_id in outcome.cancelled
        if is_cancelled:
            await self._sync.cancelling(tracked_order)
        try:
            await self._sync.refresh(tracked_order)
        except TegroError as error:
            self.logger().info(f"The end of the order {order_id} is not known yet: {error}")
        return is_cancelled

    def _is_order_not_found_during_status_update_error(self, status_update_exception: Exception) -> bool:
        return isinstance(status_update_exception, OrderNotFound)

    def _is_order_not_found_during_cancelation_error(self, cancelation_exception: Exception) -> bool:
        return isinstance(cancelation_exception, OrderNotFound)

    @override
    def _is_request_exception_related_to_time_synchronizer(self, request_exception: Exception) -> bool:
        return False

    # Status and fills

    async def _update_order_status(self) -> None:
        """Bring every live order up to date with one request, and one more for each that is open no longer."""
        live: list[InFlightOrder] = [
            order for order in self.in_flight_orders.values() if order.client_order_id not in self._placing
        ]
        if not live:
            return
        try:
            open_orders = await self._link.client.orders(statuses=("active",))
        except TegroError as error:
            self.logger().warning(f"The orders could not be read from Tegro: {error}")
            return
        reports = {report.order_id: report for report in open_orders}
        for order in live:
            try:
                report = reports.get(order.exchange_order_id or "") or await self._sync.find(order)
                await self._sync.apply(order, report)
                await self._cancel_if_left_over(order, report)
            except TegroError as error:
                await self._handle_update_error_for_active_order(order, error)

    async def _cancel_if_left_over(self, order: InFlightOrder, report: Order) -> None:
        age_secs = self.current_timestamp - order.creation_timestamp
        is_left_over = order.order_type is OrderType.MARKET and report.is_open
        if is_left_over and age_secs > constants.MARKET_MATCH_GRACE_SECS:
            await self._execute_order_cancel(order)

    async def _handle_update_error_for_active_order(self, order: InFlightOrder, error: Exception) -> None:
        """Count an order as missing only when the venue says so; Hummingbot's own rule counts every broken request."""
        if isinstance(error, OrderNotFound):
            await self._order_tracker.process_order_not_found(order.client_order_id)
        else:
            self.logger().warning(f"The state of the order {order.client_order_id} could not be read: {error}")

    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        order = await self._sync.find(tracked_order)
        return OrderUpdate(
            trading_pair=tracked_order.trading_pair,
            update_timestamp=self.current_timestamp,
            new_state=order_state(order) or tracked_order.current_state,
            client_order_id=tracked_order.client_order_id,
            exchange_order_id=order.order_id,
        )

    async def _all_trade_updates_for_order(self, order: InFlightOrder) -> list[TradeUpdate]:
        return await self._sync.settled_fills(order) if order.exchange_order_id is not None else []

    async def _user_stream_event_listener(self) -> None:
        async for event in self._iter_user_event_queue():
            try:
                await self._take(event)
            except TegroError as error:
                self.logger().warning(f"An account event of Tegro could not be followed up: {error}")
            except Exception:  # noqa: BLE001  (one bad event must not end the listener)
                self.logger().exception("Unexpected error in an account event of Tegro.")

    async def _take(self, event: StreamEvent) -> None:
        if isinstance(event, Connected | Lagged):
            # What happened meanwhile was not told.
            await self._update_order_status()
            self._balances_wanted.set()
        elif isinstance(event, OrderEvent):
            tracked = self._sync.tracked(event.order)
            if tracked is not None:
                await self._sync.apply(tracked, event.order)
            self._balances_wanted.set()
        elif isinstance(event, UserTradeEvent) and event.trade.state is TradeState.FAILED:
            trade = event.trade
            self.logger().warning(
                f"Tegro could not settle the match of {trade.quantity:f} {trade.symbol} at {trade.price:f}; "
                "it is not counted as a fill."
            )

    # Balances

    async def _balance_loop(self) -> None:
        """Read the balances again after each change of an order; changes that come meanwhile share the next reading."""
        while True:
            await self._balances_wanted.wait()
            self._balances_wanted.clear()
            await self._update_all_balances()

    async def _update_balances(self) -> None:
        """Read the wallet. Hummingbot's `connect` shows the text of an error to the user.

        Raises
        ------
        TegroError
            If the venue cannot be reached, is no Tegro, or has not the chain.
        """
        balances = await self._read_balances()
        totals, available = available_balances(
            balances,
            trading_pairs=self._trading_pairs,
            preferred_tokens=self._link.token_addresses(),
            held=held_by_orders(self.in_flight_orders.values()),
        )
        for kept, fresh in ((self._account_balances, totals), (self._account_available_balances, available)):
            kept.clear()
            kept.update(fresh)
        if self._chain_answered:
            remember_chain(self._domain, self._chain_answered)
            self._chain_answered = ""
