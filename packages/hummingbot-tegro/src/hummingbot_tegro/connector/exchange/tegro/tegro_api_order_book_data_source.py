"""Public market data: one socket for every pair, and books that are right or say that they are not."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, override

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType
from hummingbot.core.data_type.order_book_row import OrderBookRow
from hummingbot.core.data_type.order_book_tracker_data_source import OrderBookTrackerDataSource

from tegro.errors import InvalidInput, TegroError
from tegro.events import Disconnected, LiveEvent, Resync, Stale, TradeEvent
from tegro.live_book import LiveBooks
from tegro.model import BookChange, BookLevel, BookSnapshot, Market, Side, Trade

from .tegro_constants import SNAPSHOT_RETRY_SECS
from .venue_link import VenueLink


class BookMessage(OrderBookMessage):
    """A snapshot or a change that sorts by its update id and makes its rows once.

    Hummingbot's own order calls every message with an update id the smaller one. After a snapshot it would therefore
    replay all recent changes, also those older than the snapshot, and bring dead levels back. Its own rows are made
    anew at each look.
    """

    def __lt__(self, other: OrderBookMessage) -> bool:
        is_before: bool = self.update_id < other.update_id
        return is_before

    @cached_property
    def bids(self) -> list[OrderBookRow]:
        """Rows of the bids."""
        return self._rows("bids")

    @cached_property
    def asks(self) -> list[OrderBookRow]:
        """Rows of the asks."""
        return self._rows("asks")

    def _rows(self, side: str) -> list[OrderBookRow]:
        update_id = self.content["update_id"]
        return [OrderBookRow(float(price), float(amount), update_id) for price, amount in self.content[side]]


class TegroAPIOrderBookDataSource(OrderBookTrackerDataSource):
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

    def __init__(
        self, link: VenueLink, trading_pairs: list[str], *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        super().__init__(trading_pairs)
        self._link: Final = link
        self._clock_ns = clock_ns
        self._last_update_id = 0
        self._books: LiveBooks | None = None
        self._is_open = asyncio.Event()
        self._resynced = asyncio.Condition()
        self._last_warning = ""
        self.deliver: Callable[[BookMessage], None] | None = None
        """Takes changes and whole books at once; None puts them into Hummingbot's queues."""

    @property
    def are_books_fresh(self) -> bool:
        """Whether the book of every pair is right as far as anybody can know."""
        return all(self._fresh_market(pair) is not None for pair in self._trading_pairs)

    async def get_last_traded_prices(self, trading_pairs: list[str], domain: str | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the price of the last trade of each pair; a pair without one is left out."""
        prices = {}
        async with self._link.borrowed() as client:
            for pair in trading_pairs:
                ticker = await client.ticker((await self._link.market(pair)).id)
                if ticker.last_price is not None:
                    prices[pair] = float(ticker.last_price)
        return prices

    async def listen_for_subscriptions(self) -> None:
        """Follow the books for as long as the network runs. The stream reconnects by itself."""
        books: LiveBooks | None = None
        while True:
            try:
                async with self._link.client.live_books(await self._markets(), on_change=self._change) as books:
                    self._books = books
                    self._is_open.set()
                    async for event in books:
                        await self._take(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self._warn_once(f"No market data from Tegro: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the books must not end while the bot runs)
                self.logger().exception("Unexpected error in Tegro's market data. Trying again.")
            finally:
                # One that was stopped may end after the next has begun.
                if self._books is books:
                    self._books = None
                    self._is_open.clear()
            await self._sleep(SNAPSHOT_RETRY_SECS)

    async def live_order_book(self, trading_pair: str) -> OrderBook:
        """Return a pair's book once it is right, however long that takes: Hummingbot asks once.

        Raises
        ------
        InvalidInput
            If the venue has no such market.
        """
        market = await self._asked_until_answered(trading_pair)
        while True:
            await self._is_open.wait()
            if self._books is not None:
                await self._books.follow(market)
            async with self._resynced:
                await self._resynced.wait_for(lambda: self._books is None or self._books.live(market) is not None)
            book = self._books.live(market) if self._books is not None else None
            if book is not None:
                message = self._snapshot(trading_pair, book.bids(), book.asks(), book.timestamp_ms)
                copied = self.order_book_create_function()
                copied.apply_snapshot(message.bids, message.asks, message.update_id)
                return copied

    async def subscribe_to_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair on the open socket. Returns False if there is no socket or no such market."""
        if self._books is None:
            return False
        try:
            await self._books.follow(await self._link.market(trading_pair))
        except TegroError as error:
            self.logger().warning(str(error))
            return False
        self.add_trading_pair(trading_pair)
        return True

    async def unsubscribe_from_trading_pair(self, trading_pair: str) -> bool:
        """Stop following a pair. Returns False if there is no socket."""
        self.remove_trading_pair(trading_pair)
        if self._books is None:
            return False
        await self._books.unfollow(await self._link.market(trading_pair))
        return True

    async def _markets(self) -> list[Market]:
        """Return the markets of the pairs that the venue has; of the others the tracker says that they are missing."""
        markets = []
        for pair in list(self._trading_pairs):
            try:
                markets.append(await self._link.market(pair))
            except InvalidInput:
                continue
        return markets

    async def _asked_until_answered(self, trading_pair: str) -> Market:
        while True:
            try:
                return await self._link.market(trading_pair)
            except InvalidInput:
                raise
            except TegroError as error:
                self._warn_once(f"The markets of Tegro could not be read: {error}. Trying again.")
                await self._sleep(SNAPSHOT_RETRY_SECS)

    def _fresh_market(self, pair: str) -> Market | None:
        market = self._link.known_market(pair)
        is_fresh = market is not None and self._books is not None and self._books.live(market) is not None
        return market if is_fresh else None

    async def _take(self, event: LiveEvent) -> None:
        if isinstance(event, Disconnected):
            self.logger().warning(f"Tegro's market data stream broke: {event.reason}. It is being connected again.")
        elif isinstance(event, Stale) and event.symbol is not None:
            self.logger().info(f"The order book of {event.symbol} is stale: {event.reason}.")
        elif isinstance(event, Resync):
            self._copy_book(event.symbol)
            async with self._resynced:
                self._resynced.notify_all()
        elif isinstance(event, TradeEvent) and not event.is_update:
            pair = self._followed(event.trade.symbol)
            if pair is not None:
                self._queue(self._trade_messages_queue_key, trade_message(pair, event.trade))

    def _copy_book(self, symbol: str) -> None:
        """Hand the whole book on. Changes that came since it was made anew are in it, and do no harm twice."""
        pair = self._followed(symbol)
        if pair is not None and self._books is not None:
            book = self._books.book(symbol)
            message = self._snapshot(pair, book.bids(), book.asks(), book.timestamp_ms)
            self._hand_on(self._snapshot_messages_queue_key, message)

    def _change(self, change: BookChange) -> None:
        """Hand a change on, as it went into the book: what is older than the level it names did not."""
        pair = self._followed(change.symbol)
        if pair is None or self._books is None:
            return
        book = self._books.book(change.symbol)
        if change.timestamp_ms == book.timestamp_ms:
            # Nothing in the book is newer, so all of it went in: the usual case, and several times quicker.
            bids, asks = _plain(change.bids), _plain(change.asks)
        else:
            bids = [(level.price, book.quantity_at(Side.BUY, level.price)) for level in change.bids]
            asks = [(level.price, book.quantity_at(Side.SELL, level.price)) for level in change.asks]
        content = {"trading_pair": pair, "update_id": self._next_update_id(), "bids": bids, "asks": asks}
        message = BookMessage(OrderBookMessageType.DIFF, content, timestamp=change.timestamp_ms / 1000)
        self._hand_on(self._diff_messages_queue_key, message)

    def _warn_once(self, text: str) -> None:
        """Log a warning, unless it is the same as the last one: these are tried again every second."""
        if text != self._last_warning:
            self._last_warning = text
            self.logger().warning(text)

    def _followed(self, symbol: str) -> str | None:
        pair = self._link.pair_of(symbol)
        return pair if pair in self._trading_pairs else None

    def _hand_on(self, key: str, message: BookMessage) -> None:
        if self.deliver is not None:
            self.deliver(message)
        else:
            self._queue(key, message)

    def _queue(self, key: str, message: OrderBookMessage) -> None:
        self._message_queue[key].put_nowait(message)

    @override
    async def _order_book_snapshot(self, trading_pair: str) -> OrderBookMessage:
        """Read a snapshot now, for who does not follow the pair; tried until there is one."""
        market = await self._asked_until_answered(trading_pair)
        while True:
            try:
                async with self._link.borrowed() as client:
                    snapshot = await client.book(market.id)
            except TegroError as error:
                self._warn_once(f"No order book of {trading_pair} from Tegro: {error}. Trying again.")
                await self._sleep(SNAPSHOT_RETRY_SECS)
                continue
            return self._snapshot(trading_pair, snapshot.bids, snapshot.asks, snapshot.timestamp_ms)

    def _snapshot(
        self, pair: str, bids: Sequence[BookLevel], asks: Sequence[BookLevel], timestamp_ms: int
    ) -> BookMessage:
        snapshot = BookSnapshot(symbol=pair, bids=bids, asks=asks, timestamp_ms=timestamp_ms)
        return snapshot_message(pair, snapshot, self._next_update_id())

    def _next_update_id(self) -> int:
        """Return an id above every earlier one, also when the clock steps back or two calls see the same moment."""
        self._last_update_id = max(self._clock_ns(), self._last_update_id + 1)
        return self._last_update_id

    # The messages in the queues are made already; these three only hand them on.

    async def _parse_order_book_snapshot_message(
        self, raw_message: OrderBookMessage, message_queue: asyncio.Queue[OrderBookMessage]
    ) -> None:
        message_queue.put_nowait(raw_message)

    async def _parse_order_book_diff_message(
        self, raw_message: OrderBookMessage, message_queue: asyncio.Queue[OrderBookMessage]
    ) -> None:
        message_queue.put_nowait(raw_message)

    async def _parse_trade_message(
        self, raw_message: OrderBookMessage, message_queue: asyncio.Queue[OrderBookMessage]
    ) -> None:
        message_queue.put_nowait(raw_message)


def snapshot_message(pair: str, snapshot: BookSnapshot, update_id: int) -> BookMessage:
    """Return a whole book as Hummingbot takes it."""
    content: dict[str, Any] = {
        "trading_pair": pair,
        "update_id": update_id,
        "bids": _plain(snapshot.bids),
        "asks": _plain(snapshot.asks),
    }
    return BookMessage(OrderBookMessageType.SNAPSHOT, content, timestamp=snapshot.timestamp_ms / 1000)


def trade_message(pair: str, trade: Trade) -> OrderBookMessage:
    """Return a public trade as Hummingbot takes it, on the side of the taker."""
    trade_type = TradeType.SELL if trade.taker_side is Side.SELL else TradeType.BUY
    content = {
        "trading_pair": pair,
        "trade_type": float(trade_type.value),
        "trade_id": trade.trade_id,
        "price": trade.price,
        "amount": trade.quantity,
    }
    return OrderBookMessage(OrderBookMessageType.TRADE, content, timestamp=trade.timestamp_ms / 1000)


def _plain(levels: Iterable[BookLevel]) -> list[tuple[Decimal, Decimal]]:
    return [(level.price, level.quantity) for level in levels]
