"""The connector that Hummingbot gets for `tegro_paper_trade`: simulated orders on the live market.

It reads Tegro as the spot connector does, has no wallet and no key, and never places or signs anything.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, override

from hummingbot.connector.exchange.tegro.order_mapping import type_of
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderUpdate, TradeUpdate

from hummingbot_tegro.common.order_errors import OrderNotFound
from hummingbot_tegro.common.placing import PricedMarketOrders
from hummingbot_tegro.common.sides import side_of
from hummingbot_tegro.paper.account_exchange import PaperAccountExchange
from hummingbot_tegro.paper.engine import PaperOrder
from hummingbot_tegro.paper.reporting import order_update, trade_update, venue_id_of
from hummingbot_tegro.paper.venue import PaperRecord
from tegro.model import Market
from tegro.model import OrderType as TegroOrderType
from tegro.order_book import OrderBook

_MS_PER_SEC: Final = 1_000


class TegroPaperTradeExchange(PricedMarketOrders, PaperAccountExchange):
    """Trades paper money on one chain of Tegro. The parameters are those of `PaperAccountExchange`."""

    # Placing

    @override
    async def _book_to_trade_on(self, market: Market, trading_pair: str) -> OrderBook:
        return self._venue.market(market, trading_pair).book

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
        exchange_order_id, _ = await self._handed_over(order, **kwargs)
        await self._publish()
        return exchange_order_id

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
