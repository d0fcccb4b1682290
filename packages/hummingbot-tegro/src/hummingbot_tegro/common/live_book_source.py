"""Public market data: a copy of the client's live books, which are right or say that they are not."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar, Final, Protocol, override

from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType
from hummingbot.core.data_type.order_book_row import OrderBookRow
from hummingbot.core.data_type.order_book_tracker_data_source import OrderBookTrackerDataSource

from hummingbot_tegro.common.sides import trade_type_of
from hummingbot_tegro.common.warnings_once import WarnOnce
from tegro.errors import InvalidInput, TegroError
from tegro.model import BookLevel, Side

RETRY_SECS: Final = 1.0


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


class LiveBooks[Instrument, Book, Event](Protocol):
    """The client's books of several instruments, and what it tells of them."""

    def live(self, instrument: Instrument, /) -> Book | None:
        """Return a book that may be traded on; None while it is stale or not followed."""
        ...

    async def follow(self, instrument: Instrument, /) -> None:
        """Follow one more. May be repeated."""
        ...

    async def unfollow(self, instrument: Instrument, /) -> None:
        """Stop following one. May be repeated."""
        ...

    def __aiter__(self) -> AsyncIterator[Event]:
        """Return what is told."""
        ...


class LiveBookSource[Instrument, Book, Event](OrderBookTrackerDataSource):
    """Feeds Hummingbot's order book tracker. How a venue words its books and events, its own source adds.

    Parameters
    ----------
    trading_pairs
        Hummingbot pairs; this very list is kept, because the base class and the connector change it.
    """

    venue: ClassVar[str]
    """What a message calls the other end."""

    def __init__(self, trading_pairs: list[str]) -> None:
        super().__init__(trading_pairs)
        self._books: LiveBooks[Instrument, Book, Event] | None = None
        self._is_open = asyncio.Event()
        self._resynced = asyncio.Condition()
        self._warnings: Final = WarnOnce(self.logger())
        self.deliver: Callable[[BookMessage], None] | None = None
        """Takes changes and whole books at once; None puts them into Hummingbot's queues."""

    # What a venue adds

    @abstractmethod
    async def _instrument(self, trading_pair: str) -> Instrument:
        """Return what the client calls a pair.

        Raises
        ------
        InvalidInput
            If the venue has no such market.
        TegroError
            If the venue cannot be asked.
        """

    @abstractmethod
    def _known_instrument(self, trading_pair: str) -> Instrument | None:
        """Return what the client calls a pair; None if it was not asked yet."""

    @abstractmethod
    def _pair_of(self, symbol: str) -> str | None:
        """Return the pair of a symbol; None if it is not known."""

    @abstractmethod
    def _open_books(
        self, instruments: list[Instrument]
    ) -> AbstractAsyncContextManager[LiveBooks[Instrument, Book, Event]]:
        """Return books to follow."""

    @abstractmethod
    async def _take(self, event: Event) -> None:
        """Take notice of what the books tell."""

    @abstractmethod
    def _whole_book(self, trading_pair: str, book: Book) -> BookMessage:
        """Return a live book as Hummingbot takes it."""

    @abstractmethod
    async def _read_book(self, trading_pair: str, instrument: Instrument) -> BookMessage:
        """Ask for a book that is not followed."""

    # What Hummingbot asks

    @property
    def are_books_fresh(self) -> bool:
        """Whether the book of every pair is right as far as anybody can know."""
        return all(self._live_book(pair) is not None for pair in self._trading_pairs)

    async def listen_for_subscriptions(self) -> None:
        """Follow the books for as long as the network runs. The stream reconnects by itself."""
        books: LiveBooks[Instrument, Book, Event] | None = None
        while True:
            try:
                async with self._open_books(await self._listed()) as books:
                    self._books = books
                    self._is_open.set()
                    async for event in books:
                        await self._take(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self._warnings.say(f"No market data from {self.venue}: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the books must not end while the bot runs)
                self.logger().exception(f"Unexpected error in the market data of {self.venue}. Trying again.")
            finally:
                # One that was stopped may end after the next has begun.
                if self._books is books:
                    self._books = None
                    self._is_open.clear()
            await self._sleep(RETRY_SECS)

    async def live_order_book(self, trading_pair: str) -> OrderBook:
        """Return a pair's book once it is right, however long that takes: Hummingbot asks once.

        Raises
        ------
        InvalidInput
            If the venue has no such market.
        """
        instrument = await self._asked_until_answered(trading_pair)
        while True:
            await self._is_open.wait()
            if self._books is not None:
                await self._books.follow(instrument)
            async with self._resynced:
                await self._resynced.wait_for(lambda: self._books is None or self._books.live(instrument) is not None)
            book = self._books.live(instrument) if self._books is not None else None
            if book is not None:
                message = self._whole_book(trading_pair, book)
                copied = self.order_book_create_function()
                copied.apply_snapshot(message.bids, message.asks, message.update_id)
                return copied

    async def subscribe_to_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair. Returns False if there is no stream or no such market."""
        if self._books is None:
            return False
        try:
            await self._books.follow(await self._instrument(trading_pair))
        except TegroError as error:
            self.logger().warning(str(error))
            return False
        self.add_trading_pair(trading_pair)
        return True

    async def unsubscribe_from_trading_pair(self, trading_pair: str) -> bool:
        """Stop following a pair. Returns False if there is no stream."""
        self.remove_trading_pair(trading_pair)
        if self._books is None:
            return False
        await self._books.unfollow(await self._instrument(trading_pair))
        return True

    @override
    async def _order_book_snapshot(self, trading_pair: str) -> OrderBookMessage:
        """Read a snapshot now, for who does not follow the pair; tried until there is one."""
        instrument = await self._asked_until_answered(trading_pair)
        while True:
            try:
                return await self._read_book(trading_pair, instrument)
            except TegroError as error:
                self._warnings.say(f"No order book of {trading_pair} from {self.venue}: {error}. Trying again.")
                await self._sleep(RETRY_SECS)

    # For the venue's own part

    def _live_book(self, trading_pair: str) -> Book | None:
        instrument = self._known_instrument(trading_pair)
        return self._books.live(instrument) if instrument is not None and self._books is not None else None

    def _followed(self, symbol: str) -> str | None:
        pair = self._pair_of(symbol)
        return pair if pair in self._trading_pairs else None

    def _stream_broke(self, reason: str) -> None:
        self.logger().warning(f"The market data stream of {self.venue} broke: {reason}. It is being connected again.")

    def _book_is_stale(self, symbol: str, reason: str) -> None:
        self.logger().info(f"The order book of {symbol} is stale: {reason}.")

    async def _book_is_right_again(self, symbol: str) -> None:
        self._copy_book(symbol)
        async with self._resynced:
            self._resynced.notify_all()

    def _copy_book(self, symbol: str) -> None:
        """Hand the whole book on. Changes that came since it was made anew are in it, and do no harm twice."""
        pair = self._followed(symbol)
        book = self._live_book(pair) if pair is not None else None
        if pair is not None and book is not None:
            self._hand_on(self._snapshot_messages_queue_key, self._whole_book(pair, book))

    def _hand_on_change(self, message: BookMessage) -> None:
        self._hand_on(self._diff_messages_queue_key, message)

    def _hand_on_trade(self, message: OrderBookMessage) -> None:
        self._message_queue[self._trade_messages_queue_key].put_nowait(message)

    def _hand_on(self, key: str, message: BookMessage) -> None:
        if self.deliver is not None:
            self.deliver(message)
        else:
            self._message_queue[key].put_nowait(message)

    async def _listed(self) -> list[Instrument]:
        """Return what the venue has of the pairs; of the others the tracker says that they are missing."""
        listed = []
        for pair in list(self._trading_pairs):
            try:
                listed.append(await self._instrument(pair))
            except InvalidInput:
                continue
        return listed

    async def _asked_until_answered(self, trading_pair: str) -> Instrument:
        while True:
            try:
                return await self._instrument(trading_pair)
            except InvalidInput:
                raise
            except TegroError as error:
                self._warnings.say(f"The markets of {self.venue} could not be read: {error}. Trying again.")
                await self._sleep(RETRY_SECS)

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


def snapshot_message(
    pair: str, bids: Sequence[BookLevel], asks: Sequence[BookLevel], *, update_id: int, time_ms: int
) -> BookMessage:
    """Return a whole book as Hummingbot takes it."""
    content = _book_content(pair, plain(bids), plain(asks), update_id)
    return BookMessage(OrderBookMessageType.SNAPSHOT, content, timestamp=time_ms / 1000)


def change_message(
    pair: str,
    bids: list[tuple[Decimal, Decimal]],
    asks: list[tuple[Decimal, Decimal]],
    *,
    update_id: int,
    time_ms: int,
) -> BookMessage:
    """Return new totals of levels, as prices and quantities, as Hummingbot takes them."""
    content = _book_content(pair, bids, asks, update_id)
    return BookMessage(OrderBookMessageType.DIFF, content, timestamp=time_ms / 1000)


def trade_message(
    pair: str, *, trade_id: str, taker_side: Side | None, price: Decimal, quantity: Decimal, time_ms: int
) -> OrderBookMessage:
    """Return a public trade as Hummingbot takes it, on the side of the taker."""
    content = {
        "trading_pair": pair,
        "trade_type": float(trade_type_of(taker_side).value),
        "trade_id": trade_id,
        "price": price,
        "amount": quantity,
    }
    return OrderBookMessage(OrderBookMessageType.TRADE, content, timestamp=time_ms / 1000)


def price_or_nan(price: Decimal | None) -> float:
    """Return the price of the last trade as an order book has it: NaN where there was none.

    A pair that is left out instead would be asked for again at once, and for ever.
    """
    return float(price) if price else float("nan")


def plain(levels: Iterable[BookLevel]) -> list[tuple[Decimal, Decimal]]:
    """Return levels as prices and quantities."""
    return [(level.price, level.quantity) for level in levels]


def _book_content(
    pair: str, bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]], update_id: int
) -> dict[str, Any]:
    return {"trading_pair": pair, "update_id": update_id, "bids": bids, "asks": asks}
