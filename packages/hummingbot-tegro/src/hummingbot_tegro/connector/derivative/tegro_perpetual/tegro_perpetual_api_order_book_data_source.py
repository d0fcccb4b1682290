"""Public market data of perpetuals: books that are right or say that they are not, trades, marks and funding."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, override

from hummingbot.connector.exchange.tegro.tegro_api_order_book_data_source import BookMessage
from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.funding_info import FundingInfo, FundingInfoUpdate
from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType
from hummingbot.core.data_type.perpetual_api_order_book_data_source import PerpetualAPIOrderBookDataSource

from tegro.errors import InvalidInput, TegroError
from tegro.events import Resync, Stale
from tegro.model import BookLevel, Side
from tegro.perpetual import Contract, PerpetualBooks
from tegro.perpetual.book import PerpetualBook
from tegro.perpetual.events import ChannelDisconnected, MarkEvent, PublicTradeEvent
from tegro.perpetual.live_books import BooksEvent
from tegro.perpetual.model import DepthChange, MarkPrice, PerpetualTrade

from .perpetual_link import PerpetualLink
from .tegro_perpetual_constants import RETRY_SECS


class TegroPerpetualAPIOrderBookDataSource(PerpetualAPIOrderBookDataSource):
    """Feeds Hummingbot's order book tracker with a copy of the client's live books; update ids are the venue's.

    Parameters
    ----------
    link
        The way to the venue.
    trading_pairs
        Hummingbot pairs; this very list is kept, because the base class and the connector change it.
    """

    def __init__(self, link: PerpetualLink, trading_pairs: list[str]) -> None:
        super().__init__(trading_pairs)
        self._link: Final = link
        self._books: PerpetualBooks | None = None
        self._is_open = asyncio.Event()
        self._resynced = asyncio.Condition()
        self._last_warning = ""
        self.deliver: Any = None
        """Takes changes and whole books at once; None puts them into Hummingbot's queues."""

    def are_books_fresh(self) -> bool:
        """Tell whether the book of every pair is right as far as anybody can know."""
        return all(self._live(pair) is not None for pair in self._trading_pairs)

    async def get_last_traded_prices(self, trading_pairs: list[str], domain: str | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the price of the last trade of each pair."""
        async with self._link.borrowed() as client:
            return {
                pair: float(await client.last_price((await self._link.contract(pair)).symbol)) for pair in trading_pairs
            }

    async def get_funding_info(self, trading_pair: str) -> FundingInfo:
        """Return mark and index price and the coming funding of a pair."""
        async with self._link.borrowed() as client:
            mark = await client.mark_price((await self._link.contract(trading_pair)).symbol)
        return FundingInfo(
            trading_pair=trading_pair,
            index_price=mark.index,
            mark_price=mark.mark,
            next_funding_utc_timestamp=mark.next_funding_ms // 1000,
            rate=mark.funding_rate,
        )

    async def listen_for_subscriptions(self) -> None:
        """Follow the books for as long as the network runs. The stream reconnects by itself."""
        books: PerpetualBooks | None = None
        while True:
            try:
                symbols = [contract.symbol for contract in await self._contracts()]
                async with self._link.client.live_books(symbols, on_change=self._change) as books:
                    self._books = books
                    self._is_open.set()
                    async for event in books:
                        await self._take(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self._warn_once(f"No market data of perpetuals: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the books must not end while the bot runs)
                self.logger().exception("Unexpected error in the market data of perpetuals. Trying again.")
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
            If the venue has no such contract.
        """
        symbol = (await self._asked_until_answered(trading_pair)).symbol
        while True:
            await self._is_open.wait()
            if self._books is not None:
                await self._books.follow(symbol)
            async with self._resynced:
                await self._resynced.wait_for(lambda: self._books is None or self._books.live(symbol) is not None)
            book = self._books.live(symbol) if self._books is not None else None
            if book is not None:
                message = _snapshot(trading_pair, book)
                copied = self.order_book_create_function()
                copied.apply_snapshot(message.bids, message.asks, message.update_id)
                return copied

    async def subscribe_to_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair on the open sockets. Returns False if there is none or no such contract."""
        if self._books is None:
            return False
        try:
            await self._books.follow((await self._link.contract(trading_pair)).symbol)
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
        await self._books.unfollow((await self._link.contract(trading_pair)).symbol)
        return True

    async def _contracts(self) -> list[Contract]:
        """Return the contracts of the pairs that the venue has; the tracker says which are missing."""
        contracts = []
        for pair in list(self._trading_pairs):
            try:
                contracts.append(await self._link.contract(pair))
            except InvalidInput:
                continue
        return contracts

    async def _asked_until_answered(self, trading_pair: str) -> Contract:
        while True:
            try:
                return await self._link.contract(trading_pair)
            except InvalidInput:
                raise
            except TegroError as error:
                self._warn_once(f"The contracts could not be read: {error}. Trying again.")
                await self._sleep(RETRY_SECS)

    def _live(self, pair: str) -> PerpetualBook | None:
        symbol = self._link.symbol_of(pair)
        return self._books.live(symbol) if symbol is not None and self._books is not None else None

    async def _take(self, event: BooksEvent) -> None:
        match event:
            case ChannelDisconnected():
                self.logger().warning(f"The {event.channel} stream broke: {event.reason}. It is being connected again.")
            case Stale(symbol=str(symbol)):
                self.logger().info(f"The order book of {symbol} is stale: {event.reason}.")
            case Resync(symbol=symbol):
                self._copy_book(symbol)
                async with self._resynced:
                    self._resynced.notify_all()
            case PublicTradeEvent(trade=trade) if (pair := self._followed(trade.symbol)) is not None:
                self._message_queue[self._trade_messages_queue_key].put_nowait(trade_message(pair, trade))
            case MarkEvent(mark=mark) if (pair := self._followed(mark.symbol)) is not None:
                update = funding_update(pair, mark)
                self._message_queue[self._funding_info_messages_queue_key].put_nowait(update)

    def _copy_book(self, symbol: str) -> None:
        pair, book = self._followed(symbol), self._books.live(symbol) if self._books is not None else None
        if pair is not None and book is not None:
            self._hand_on(self._snapshot_messages_queue_key, _snapshot(pair, book))

    def _change(self, change: DepthChange) -> None:
        pair = self._followed(change.symbol)
        if pair is None:
            return
        content = {
            "trading_pair": pair,
            "update_id": change.last_id,
            "bids": _plain(change.bids),
            "asks": _plain(change.asks),
        }
        message = BookMessage(OrderBookMessageType.DIFF, content, timestamp=change.time_ms / 1000)
        self._hand_on(self._diff_messages_queue_key, message)

    def _hand_on(self, key: str, message: BookMessage) -> None:
        if self.deliver is not None:
            self.deliver(message)
        else:
            self._message_queue[key].put_nowait(message)

    def _followed(self, symbol: str) -> str | None:
        pair = self._link.pair_of(symbol)
        return pair if pair in self._trading_pairs else None

    def _warn_once(self, text: str) -> None:
        """Log a warning, unless it is the same as the last one: these are tried again every second."""
        if text != self._last_warning:
            self._last_warning = text
            self.logger().warning(text)

    @override
    async def _order_book_snapshot(self, trading_pair: str) -> OrderBookMessage:
        """Read a snapshot now, for who does not follow the pair; tried until there is one."""
        symbol = (await self._asked_until_answered(trading_pair)).symbol
        while True:
            try:
                async with self._link.borrowed() as client:
                    return _snapshot(trading_pair, await client.book(symbol))
            except TegroError as error:
                self._warn_once(f"No order book of {trading_pair}: {error}. Trying again.")
                await self._sleep(RETRY_SECS)

    # The messages in the queues are made already; these four only hand them on.

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

    async def _parse_funding_info_message(
        self, raw_message: FundingInfoUpdate, message_queue: asyncio.Queue[FundingInfoUpdate]
    ) -> None:
        message_queue.put_nowait(raw_message)


def trade_message(pair: str, trade: PerpetualTrade) -> OrderBookMessage:
    """Return a public trade as Hummingbot takes it, on the side of the taker."""
    trade_type = TradeType.SELL if trade.taker_side is Side.SELL else TradeType.BUY
    content = {
        "trading_pair": pair,
        "trade_type": float(trade_type.value),
        "trade_id": str(trade.trade_id),
        "price": trade.price,
        "amount": trade.quantity,
    }
    return OrderBookMessage(OrderBookMessageType.TRADE, content, timestamp=trade.time_ms / 1000)


def funding_update(pair: str, mark: MarkPrice) -> FundingInfoUpdate:
    """Return mark, index and funding as Hummingbot takes them."""
    return FundingInfoUpdate(
        trading_pair=pair,
        index_price=mark.index,
        mark_price=mark.mark,
        next_funding_utc_timestamp=mark.next_funding_ms // 1000,
        rate=mark.funding_rate,
    )


def _snapshot(pair: str, book: PerpetualBook) -> BookMessage:
    content = {
        "trading_pair": pair,
        "update_id": book.last_id,
        "bids": _plain(book.bids()),
        "asks": _plain(book.asks()),
    }
    return BookMessage(OrderBookMessageType.SNAPSHOT, content, timestamp=0)


def _plain(levels: Iterable[BookLevel]) -> list[tuple[Decimal, Decimal]]:
    return [(level.price, level.quantity) for level in levels]
