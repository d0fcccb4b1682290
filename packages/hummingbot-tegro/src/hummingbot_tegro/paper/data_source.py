"""The connector's market data, told to the paper exchange as well: it fills against what Hummingbot sees."""

from typing import Any, Protocol, override

from hummingbot.connector.exchange.tegro.tegro_api_order_book_data_source import TegroAPIOrderBookDataSource

from tegro.events import LiveEvent, Stale, TradeEvent
from tegro.model import BookChange, BookSnapshot, Market, Trade


class Follower(Protocol):
    """Who is told. Nothing of it may wait or raise."""

    def follow_snapshot(self, market: Market, pair: str, snapshot: BookSnapshot) -> None:
        """Take notice of a whole book, which is right from now on."""
        ...

    def follow_change(self, market: Market, pair: str, change: BookChange) -> None:
        """Take notice of new totals."""
        ...

    def follow_trade(self, market: Market, pair: str, trade: Trade) -> None:
        """Take notice of a trade."""
        ...

    def follow_loss(self, market: Market, pair: str, reason: str) -> None:
        """Take notice that a book may be wrong until its next snapshot."""
        ...


class PaperOrderBookDataSource(TegroAPIOrderBookDataSource):
    """Feeds Hummingbot's order books and a follower.

    Parameters
    ----------
    follower
        Told of each change of a book, in the order in which they come, and of each trade.
    arguments
        Those of `TegroAPIOrderBookDataSource`.
    """

    def __init__(self, follower: Follower, *arguments: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments)
        self._follower = follower

    def is_fresh(self, trading_pair: str) -> bool:
        """Tell whether a pair's book is right as far as anybody can know."""
        return self._live_book(trading_pair) is not None

    @override
    async def _take(self, event: LiveEvent) -> None:
        await super()._take(event)
        if isinstance(event, TradeEvent) and not event.is_update:
            known = self._known(event.trade.symbol)
            if known is not None:
                self._follower.follow_trade(*known, event.trade)
        elif isinstance(event, Stale) and event.symbol is not None:
            known = self._known(event.symbol)
            if known is not None:
                self._follower.follow_loss(*known, event.reason)

    @override
    def _copy_book(self, symbol: str) -> None:
        super()._copy_book(symbol)
        known = self._known(symbol)
        book = self._live_book(known[1]) if known is not None else None
        if known is not None and book is not None:
            snapshot = BookSnapshot(symbol=symbol, bids=book.bids(), asks=book.asks(), timestamp_ms=book.timestamp_ms)
            self._follower.follow_snapshot(*known, snapshot)

    @override
    def _change(self, change: BookChange) -> None:
        super()._change(change)
        known = self._known(change.symbol)
        if known is not None:
            self._follower.follow_change(*known, change)

    def _known(self, symbol: str) -> tuple[Market, str] | None:
        pair = self._followed(symbol)
        market = None if pair is None else self._link.known_market(pair)
        return None if pair is None or market is None else (market, pair)
