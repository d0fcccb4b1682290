"""Orders on their way to the venue: how one is handed over, priced, and reported when it was not placed."""

from abc import abstractmethod
from decimal import Decimal
from typing import Any, override

from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.sides import side_of
from tegro.errors import TegroError
from tegro.market_plan import market_limit_price
from tegro.model import Market, Side
from tegro.order_book import OrderBook


class Placing(ExchangePyBase):
    """Hands orders over, and says why one was not placed."""

    async def _handed_over(self, order: InFlightOrder, **kwargs: Any) -> tuple[str, float]:  # noqa: ANN401  (handed on)
        """Place a tracked order; return the venue's id and the time of its placement. Errors as in `_place_order`."""
        placed: tuple[str, float] = await self._place_order(
            order_id=order.client_order_id,
            trading_pair=order.trading_pair,
            amount=order.amount,
            trade_type=order.trade_type,
            order_type=order.order_type,
            price=order.price,
            **kwargs,
        )
        return placed

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
        self._see_refusal(trading_pair, exception)

    def _see_refusal(self, trading_pair: str, error: TegroError) -> None:
        """Take notice of why an order was not placed; a venue's own part may do something about it."""


class PricedMarketOrders(Placing):
    """Gives market orders their worst price: Hummingbot wants one to judge by, and spot has limit orders only."""

    @abstractmethod
    async def _book_to_trade_on(self, market: Market, trading_pair: str) -> OrderBook:
        """Return a book that is right.

        Raises
        ------
        TegroError
            If there is none.
        """

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
        book = await self._book_to_trade_on(market, trading_pair)
        return market_limit_price(
            book.asks() if side is Side.BUY else book.bids(),
            market=market,
            side=side,
            quantity=amount,
            max_slippage_bps=self._link.environment.max_slippage_bps,
        )
