"""The connector that Hummingbot gets for `tegro_paper_trade`: simulated orders on the live market.

It reads Tegro as the spot connector does, has no wallet and no key, and never places or signs anything.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, override

from hummingbot.connector.exchange.tegro.order_mapping import side_of, type_of
from hummingbot.connector.exchange.tegro.order_sync import OrderNotFound
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderUpdate, TradeUpdate

from hummingbot_tegro.paper.account_exchange import PaperAccountExchange
from hummingbot_tegro.paper.engine import PaperOrder
from hummingbot_tegro.paper.reporting import order_update, trade_update, venue_id_of
from hummingbot_tegro.paper.venue import PaperRecord
from tegro.errors import TegroError
from tegro.market_plan import market_limit_price
from tegro.model import OrderType as TegroOrderType
from tegro.model import Side

_MS_PER_SEC: Final = 1_000


class TegroPaperTradeExchange(PaperAccountExchange):
    """Trades paper money on one chain of Tegro. The parameters are those of `PaperAccountExchange`."""

    def supported_order_types(self) -> list[OrderType]:
        """Return the types that can be placed, which are those of the real connector."""
        return [OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET]

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
        **kwargs: Any,
    ) -> None:
        if order_type is OrderType.MARKET:
            try:
                price = await self._market_price(trading_pair, side_of(trade_type), amount)
            except TegroError as error:
                self.start_tracking_order(order_id, None, trading_pair, trade_type, Decimal(0), amount, order_type)
                self._on_order_failure(order_id, trading_pair, amount, trade_type, order_type, None, error)
                return
        await super()._create_order(trade_type, order_id, trading_pair, amount, order_type, price, **kwargs)

    async def _market_price(self, trading_pair: str, side: Side, amount: Decimal) -> Decimal:
        """Return the worst price that a market order may get, within the slippage that the settings allow."""
        market = await self._link.market(trading_pair)
        book = self._venue.market(market, trading_pair).book
        return market_limit_price(
            book.asks() if side is Side.BUY else book.bids(),
            market=market,
            side=side,
            quantity=amount,
            max_slippage_bps=self._link.environment.max_slippage_bps,
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
        **_: Any,
    ) -> tuple[str, float]:
        """Let an order come to the market after its latency.

        Raises
        ------
        InvalidInput
            If the paper balance or the market refuses it.
        """
        order = PaperOrder(
            order_id=order_id,
            side=side_of(trade_type),
            order_type=TegroOrderType.MARKET if order_type is OrderType.MARKET else type_of(order_type),
            price=price,
            quantity=amount,
        )
        market = await self._link.market(trading_pair)
        self._venue.submit(order, market, trading_pair)
        self._show_balances()
        try:
            await self._sleep(self._realism.order_latency_ms / _MS_PER_SEC)
            now_ms = self._clock_ms()
            if not self._orderbook_ds.is_fresh(trading_pair):
                self._venue.mark_stale(market, trading_pair, "the market data is not right just now")
            self._report(self._venue.arrive(order_id, now_ms))
        finally:
            self._show_balances()
        return venue_id_of(order_id), now_ms / _MS_PER_SEC

    @override
    async def _place_order_and_process_update(self, order: InFlightOrder, **kwargs: Any) -> str:
        exchange_order_id, _ = await self._place_order(
            order_id=order.client_order_id,
            trading_pair=order.trading_pair,
            amount=order.amount,
            trade_type=order.trade_type,
            order_type=order.order_type,
            price=order.price,
            **kwargs,
        )
        await self._publish()
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
        # Stock's line would advise to check the API key.
        self.logger().warning(
            f"The {trade_type.name.lower()} order {order_id} for {amount} {trading_pair} was not placed: {exception}"
        )
        self._update_order_after_failure(order_id, trading_pair, exception)

    # Cancelling

    @override
    async def _place_cancel(self, order_id: str, tracked_order: InFlightOrder) -> bool:
        """Take an order out of the market after the cancel's latency. Returns whether this call did."""
        await tracked_order.get_exchange_order_id()
        self._known(order_id)
        await self._sleep(self._realism.cancel_latency_ms / _MS_PER_SEC)
        reports = self._venue.cancel(order_id, self._clock_ms())
        self._report(reports)
        await self._publish()
        return bool(reports)

    # What became of orders

    @override
    async def _all_trade_updates_for_order(self, order: InFlightOrder) -> list[TradeUpdate]:
        await self._publish()
        record = self._known(order.client_order_id)
        venue_id = venue_id_of(order.client_order_id)
        return [trade_update(record, index, venue_id) for index in range(len(record.fills))]

    @override
    async def _request_order_status(self, tracked_order: InFlightOrder) -> OrderUpdate:
        await self._publish()
        record = self._known(tracked_order.client_order_id)
        return order_update(record, record.state, venue_id_of(tracked_order.client_order_id), self._clock_ms())

    async def _update_order_status(self) -> None:
        """Tell what happened: there is nobody to ask."""
        await self._publish()

    @override
    async def _update_orders_with_error_handler(
        self, orders: list[InFlightOrder], error_handler: Callable[..., Awaitable[None]]
    ) -> None:
        """Tell what happened. Hummingbot would apply a state that it asked for a moment too late."""
        await self._publish()
        for order in orders:
            try:
                self._known(order.client_order_id)
            except OrderNotFound as error:
                await error_handler(order, error)

    def _known(self, order_id: str) -> PaperRecord:
        record = self._venue.record(order_id)
        if record is None:
            raise OrderNotFound(f"there is no paper order {order_id}")
        return record

    @override
    def _is_order_not_found_during_status_update_error(self, status_update_exception: Exception) -> bool:
        return isinstance(status_update_exception, OrderNotFound)

    @override
    def _is_order_not_found_during_cancelation_error(self, cancelation_exception: Exception) -> bool:
        return isinstance(cancelation_exception, OrderNotFound)

    @override
    def _is_request_exception_related_to_time_synchronizer(self, request_exception: Exception) -> bool:
        return False
