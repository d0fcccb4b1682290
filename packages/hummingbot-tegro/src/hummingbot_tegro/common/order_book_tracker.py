"""Hummingbot's tracker of order books, with a start that takes no longer for fifty pairs than for one."""

import asyncio
import time
from typing import Any, Final

from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessageType
from hummingbot.core.data_type.order_book_tracker import OrderBookTracker
from hummingbot.core.utils.async_utils import safe_ensure_future

from hummingbot_tegro.common.live_book_source import BookMessage, LiveBookSource
from tegro.errors import InvalidInput

PAIR_RETRY_SECS: Final = 30.0
"""Pause before a pair that the venue does not list is looked for again: it may be listed, or the settings mended."""


class TegroOrderBookTracker(OrderBookTracker):
    """Reads the first books side by side, and puts changes into the books when they come.

    Hummingbot's own reads one book after the other with a second of rest in between, and never gets ready if one of
    them fails: the rest is for venues that limit requests, and here the data source sees to both. It also hands each
    change through three queues, to sort out which is newer than a snapshot: here the live books have done that.
    """

    def __init__(
        self, data_source: LiveBookSource[Any, Any, Any], trading_pairs: list[str], domain: str | None = None
    ) -> None:
        super().__init__(data_source, trading_pairs, domain)
        data_source.deliver = self.deliver

    def deliver(self, message: BookMessage) -> None:
        """Put a change or a whole book into the pair's book; one that is not there yet will be copied with it."""
        book = self._order_books.get(message.trading_pair)
        if book is None:
            return
        pair_metrics = self._metrics.get_or_create_pair_metrics(message.trading_pair)
        if message.type is OrderBookMessageType.DIFF:
            book.apply_diffs(message.bids, message.asks, message.update_id)
            self._metrics.total_diffs_processed += 1
            pair_metrics.diffs_processed += 1
            pair_metrics.last_diff_timestamp = time.perf_counter()
        else:
            book.apply_snapshot(message.bids, message.asks, message.update_id)
            self._metrics.total_snapshots_processed += 1
            pair_metrics.snapshots_processed += 1
            pair_metrics.last_snapshot_timestamp = time.perf_counter()

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
