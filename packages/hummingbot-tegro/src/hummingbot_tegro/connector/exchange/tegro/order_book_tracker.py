"""Hummingbot's tracker of order books, with a start that takes no longer for fifty pairs than for one."""

import asyncio

from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_tracker import OrderBookTracker
from hummingbot.core.utils.async_utils import safe_ensure_future

from tegro.errors import InvalidInput

from .tegro_constants import PAIR_RETRY_SECS


class TegroOrderBookTracker(OrderBookTracker):
    """Reads the first books side by side.

    Hummingbot's own reads one after the other with a second of rest in between, and never gets ready if one of them
    fails: the rest is for venues that limit requests, and here the data source sees to both.
    """

    async def _init_order_books(self) -> None:
        await asyncio.gather(*(self._init_order_book(pair) for pair in list(self._trading_pairs)))
        self._order_books_initialized.set()

    async def _init_order_book(self, trading_pair: str) -> None:
        while trading_pair in self._trading_pairs:
            try:
                book = await self._initial_order_book_for_trading_pair(trading_pair)
            except InvalidInput as error:
                self.logger().error(f"{error}. The connector is not ready before that; looking again.")
                await self._sleep(PAIR_RETRY_SECS)
            else:
                self._follow(trading_pair, book)
                return

    async def _initial_order_book_for_trading_pair(self, trading_pair: str) -> OrderBook:
        return await self._data_source.live_order_book(trading_pair)

    def _follow(self, trading_pair: str, book: OrderBook) -> None:
        if trading_pair not in self._trading_pairs:
            return  # removed meanwhile
        self._order_books[trading_pair] = book
        self._tracking_message_queues[trading_pair] = asyncio.Queue()
        self._tracking_tasks[trading_pair] = safe_ensure_future(self._track_single_book(trading_pair))
