"""Public market data: one socket for every pair, with update ids of our own."""

import time
from collections.abc import Callable
from typing import ClassVar, Final, override

from hummingbot_tegro.common.live_book_source import (
    BookMessage,
    LiveBookSource,
    change_message,
    plain,
    price_or_nan,
    snapshot_message,
    trade_message,
)
from tegro.events import Disconnected, LiveEvent, Resync, Stale, TradeEvent
from tegro.live_book import LiveBooks
from tegro.model import BookChange, Market, Side
from tegro.order_book import OrderBook

from .tegro_constants import VENUE
from .venue_link import VenueLink


class TegroAPIOrderBookDataSource(LiveBookSource[Market, OrderBook, LiveEvent]):
    """Feeds Hummingbot's order book tracker with a copy of the client's live books.

    The client reads a snapshot after each connect, replays what came meanwhile, and checks for lost changes and crossed
    books; limit-maker and market orders are held against the same books. The venue's stream has no sequence numbers
    (protocol 8.1), so update ids are taken from our own clock.

    Parameters
    ----------
    link
        The way to the venue.
    trading_pairs
        Hummingbot pairs; this very list is kept, because the base class and the connector change it.
    clock_ns
        Source of update ids.
    """

    venue: ClassVar[str] = VENUE

    def __init__(
        self, link: VenueLink, trading_pairs: list[str], *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        super().__init__(trading_pairs)
        self._link: Final = link
        self._clock_ns = clock_ns
        self._last_update_id = 0

    async def get_last_traded_prices(self, trading_pairs: list[str], domain: str | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the price of the last trade of each pair; NaN for one without."""
        prices = {}
        async with self._link.borrowed() as client:
            for pair in trading_pairs:
                ticker = await client.ticker((await self._link.market(pair)).id)
                prices[pair] = price_or_nan(ticker.last_price)
        return prices

    @override
    async def _instrument(self, trading_pair: str) -> Market:
        return await self._link.market(trading_pair)

    @override
    def _known_instrument(self, trading_pair: str) -> Market | None:
        return self._link.known_market(trading_pair)

    @override
    def _pair_of(self, symbol: str) -> str | None:
        return self._link.pair_of(symbol)

    @override
    def _open_books(self, instruments: list[Market]) -> LiveBooks:
        return self._link.client.live_books(instruments, on_change=self._change)

    @override
    async def _take(self, event: LiveEvent) -> None:
        if isinstance(event, Disconnected):
            self._stream_broke(event.reason)
        elif isinstance(event, Stale) and event.symbol is not None:
            self._book_is_stale(event.symbol, event.reason)
        elif isinstance(event, Resync):
            await self._book_is_right_again(event.symbol)
        elif isinstance(event, TradeEvent) and not event.is_update:
            pair, trade = self._followed(event.trade.symbol), event.trade
            if pair is not None:
                self._hand_on_trade(
                    trade_message(
                        pair,
                        trade_id=trade.trade_id,
                        taker_side=trade.taker_side,
                        price=trade.price,
                        quantity=trade.quantity,
                        time_ms=trade.timestamp_ms,
                    )
                )

    def _change(self, change: BookChange) -> None:
        """Hand a change on, as it went into the book: what is older than the level it names did not."""
        pair = self._followed(change.symbol)
        book = self._live_book(pair) if pair is not None else None
        if pair is None or book is None:
            return
        if change.timestamp_ms == book.timestamp_ms:
            # Nothing in the book is newer, so all of it went in: the usual case, and several times quicker.
            bids, asks = plain(change.bids), plain(change.asks)
        else:
            bids = [(level.price, book.quantity_at(Side.BUY, level.price)) for level in change.bids]
            asks = [(level.price, book.quantity_at(Side.SELL, level.price)) for level in change.asks]
        update_id = self._next_update_id()
        self._hand_on_change(change_message(pair, bids, asks, update_id=update_id, time_ms=change.timestamp_ms))

    @override
    def _whole_book(self, trading_pair: str, book: OrderBook) -> BookMessage:
        update_id = self._next_update_id()
        return snapshot_message(trading_pair, book.bids(), book.asks(), update_id=update_id, time_ms=book.timestamp_ms)

    @override
    async def _read_book(self, trading_pair: str, instrument: Market) -> BookMessage:
        async with self._link.borrowed() as client:
            read = await client.book(instrument.id)
        update_id = self._next_update_id()
        return snapshot_message(trading_pair, read.bids, read.asks, update_id=update_id, time_ms=read.timestamp_ms)

    def _next_update_id(self) -> int:
        """Return an id above every earlier one, also when the clock steps back or two calls see the same moment."""
        self._last_update_id = max(self._clock_ns(), self._last_update_id + 1)
        return self._last_update_id
