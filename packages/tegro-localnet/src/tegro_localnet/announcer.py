"""The events of the lifecycle (protocol 5.5 and 8.3), each on the channels where clients look for it."""

from collections.abc import Callable, Iterable

from tegro.model import Side
from tegro.wire import BookDiff
from tegro_localnet.dialect import Dialect
from tegro_localnet.events import EventHub
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.trades import TradeRecord


class Announcer:
    """Turns what happened into frames."""

    def __init__(self, hub: EventHub, dialect: Dialect, clock_ms: Callable[[], int]) -> None:
        self._hub = hub
        self._dialect = dialect
        self._clock_ms = clock_ms

    def order_placed(self, record: OrderRecord) -> None:
        """Say that an order was received."""
        self._order_event("order_placed", record)

    def order_changed(self, record: OrderRecord) -> None:
        """Say that an order was accepted or that its state changed."""
        self._order_event("order_submitted", record)

    def order_settled(self, record: OrderRecord) -> None:
        """Say that a trade of the order was settled."""
        self._order_event("order_trade_processed", record)

    def trade_created(self, trade: TradeRecord) -> None:
        """Say that two orders matched: to the market, then to both wallets."""
        self._trade_event("trade_created", trade)

    def trade_updated(self, trade: TradeRecord) -> None:
        """Say that the chain has settled or refused a match."""
        self._trade_event("trade_updated", trade)

    def book_changed(self, listed: ListedMarket, levels: Iterable[tuple[Side, int]]) -> None:
        """Send the new totals of the levels that were touched; a side that did not change is empty."""
        if not self._hub.is_followed(listed.market.channel):
            return
        by_side: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for side, price_e18 in levels:
            by_side[side][price_e18] = listed.book.total_at(side, price_e18)
        market = listed.market
        sides = {
            side: self._dialect.book_side(listed, sorted(totals.items(), reverse=True))
            for side, totals in by_side.items()
        }
        diff = BookDiff(
            timestamp=self._dialect.book_time(self._clock_ms()),
            symbol=market.symbol,
            bids=sides[Side.BUY],
            asks=sides[Side.SELL],
        )
        if diff.bids or diff.asks:
            self._hub.publish([market.channel], "order_book_diff", diff)

    def _order_event(self, action: str, record: OrderRecord) -> None:
        if self._hub.is_followed(record.order.maker):
            self._hub.publish([record.order.maker], action, self._dialect.order(record))

    def _trade_event(self, action: str, trade: TradeRecord) -> None:
        market, wallets = trade.buy.market.channel, (trade.maker.order.maker, trade.taker.order.maker)
        if self._hub.is_followed(market, *wallets):
            view = self._dialect.event_trade(trade)
            self._hub.publish([market], action, view)
            self._hub.publish(wallets, f"user_{action}", view)
