"""The events of the lifecycle (protocol 5.5 and 8.3), each on the channels where clients look for it."""

from collections.abc import Callable, Iterable

from tegro.model import PRICE_DECIMALS, Side, unscaled
from tegro.wire import BookDiff, Level, quoted
from tegro_localnet.config import ReportPrice
from tegro_localnet.events import EventHub
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.trades import TradeRecord


class Announcer:
    """Turns what happened into frames."""

    def __init__(self, hub: EventHub, report_price: ReportPrice, clock_ms: Callable[[], int]) -> None:
        self._hub = hub
        self._report_price = report_price
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
        """Send the new totals of the levels that were touched; a side that did not change is null."""
        by_side: dict[Side, dict[int, int]] = {Side.BUY: {}, Side.SELL: {}}
        for side, price_e18 in levels:
            by_side[side][price_e18] = listed.book.total_at(side, price_e18)
        market = listed.market
        sides = {side: level_views(listed, sorted(totals.items(), reverse=True)) for side, totals in by_side.items()}
        diff = BookDiff(
            timestamp=self._clock_ms() // 1000,
            symbol=market.symbol,
            bids=sides[Side.BUY],
            asks=sides[Side.SELL],
        )
        if diff.bids or diff.asks:
            self._hub.publish([market.channel], "order_book_diff", diff)

    def _order_event(self, action: str, record: OrderRecord) -> None:
        self._hub.publish([record.order.maker], action, record.view())

    def _trade_event(self, action: str, trade: TradeRecord) -> None:
        view = trade.event_view(self._report_price)
        self._hub.publish([trade.buy.market.channel], action, view)
        self._hub.publish([trade.maker.order.maker, trade.taker.order.maker], f"user_{action}", view)


def level_views(listed: ListedMarket, levels: Iterable[tuple[int, int]]) -> list[Level] | None:
    """Return price levels as decimal strings; None where there are none (protocol 4.4)."""
    base = listed.market.base
    views = [
        Level(quoted(unscaled(price_e18, PRICE_DECIMALS)), quoted(base.from_wei(total_wei)))
        for price_e18, total_wei in levels
    ]
    return views or None
