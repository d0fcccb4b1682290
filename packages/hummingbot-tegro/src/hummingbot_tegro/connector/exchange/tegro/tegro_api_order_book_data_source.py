"""Public market data: one socket for every pair, and a new snapshot of every book after each (re)connect."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType
from hummingbot.core.data_type.order_book_tracker_data_source import OrderBookTrackerDataSource

from tegro.errors import InvalidInput, TegroError
from tegro.model import BookChange, BookSnapshot, Side, Trade
from tegro.stream import BookChanged, Connected, Disconnected, EventStream, Lagged, StreamEvent, TradeEvent

from .tegro_constants import SNAPSHOT_RETRY_SECS
from .venue_link import VenueLink


class BookMessage(OrderBookMessage):
    """A snapshot or a change that sorts by its update id.

    Hummingbot's own order calls every message with an update id the smaller one. After a snapshot it would therefore
    replay all recent changes, also those older than the snapshot, and bring dead levels back.
    """

    def __lt__(self, other: OrderBookMessage) -> bool:
        is_before: bool = self.update_id < other.update_id
        return is_before


class TegroAPIOrderBookDataSource(OrderBookTrackerDataSource):
    """Feeds Hummingbot's order book tracker.

    The venue's stream has no sequence numbers (protocol 8.1), so update ids are taken from our own clock: each message
    gets one when it is read, a snapshot the moment before it was asked for.

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
        self._stream: EventStream | None = None
        self._snapshot_ms: dict[str, int] = {}
        self._last_warning = ""

    async def get_last_traded_prices(self, trading_pairs: list[str], domain: str | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the price of the last trade of each pair; a pair without one is left out."""
        prices = {}
        async with self._link.borrowed() as client:
            for pair in trading_pairs:
                ticker = await client.ticker((await self._link.market(pair)).symbol)
                if ticker.last_price is not None:
                    prices[pair] = float(ticker.last_price)
        return prices

    async def listen_for_subscriptions(self) -> None:
        """Read the stream for as long as the network runs. The stream reconnects by itself."""
        while True:
            try:
                markets = [await self._link.market(pair) for pair in self._trading_pairs]
                async with self._link.client.stream(markets=markets) as stream:
                    self._stream = stream
                    async for event in stream:
                        await self._take(event)
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                self._warn_once(f"No market data from Tegro: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the stream must not end while the bot runs)
                self.logger().exception("Unexpected error in Tegro's market data. Trying again.")
            finally:
                self._stream = None
            await self._sleep(SNAPSHOT_RETRY_SECS)

    async def subscribe_to_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair on the open socket. Returns False if there is no socket or no such market."""
        if self._stream is None:
            return False
        try:
            market = await self._link.market(trading_pair)
        except TegroError as error:
            self.logger().warning(str(error))
            return False
        await self._stream.subscribe_market(market)
        self.add_trading_pair(trading_pair)
        return True

    async def unsubscribe_from_trading_pair(self, trading_pair: str) -> bool:
        """Stop following a pair. Returns False if there is no socket."""
        self.remove_trading_pair(trading_pair)
        self._snapshot_ms.pop(trading_pair, None)
        if self._stream is None:
            return False
        await self._stream.unsubscribe_market(await self._link.market(trading_pair))
        return True

    async def _take(self, event: StreamEvent) -> None:
        if isinstance(event, Disconnected):
            self.logger().warning(f"Tegro's market data stream broke: {event.reason}. It is being connected again.")
        elif isinstance(event, Connected | Lagged):
            # What comes meanwhile waits in the stream, so it gets later update ids than the snapshots.
            for pair in list(self._trading_pairs):
                self._queue(self._snapshot_messages_queue_key, await self._order_book_snapshot(trading_pair=pair))
        elif isinstance(event, BookChanged):
            pair = self._followed(event.change.symbol)
            # A change that the snapshot holds already would bring back what later changes removed. Only whole seconds
            # can be compared: the venue sends either unit (protocol 3.5).
            if pair is not None and event.change.timestamp_ms // 1000 >= self._snapshot_ms.get(pair, 0) // 1000:
                self._queue(self._diff_messages_queue_key, self._diff(pair, event.change))
        elif isinstance(event, TradeEvent) and not event.is_update:
            pair = self._followed(event.trade.symbol)
            if pair is not None:
                self._queue(self._trade_messages_queue_key, trade_message(pair, event.trade))

    def _warn_once(self, text: str) -> None:
        """Log a warning, unless it is the same as the last one: these are tried again every second."""
        if text != self._last_warning:
            self._last_warning = text
            self.logger().warning(text)

    def _followed(self, symbol: str) -> str | None:
        pair = self._link.pair_of(symbol)
        return pair if pair in self._trading_pairs else None

    def _queue(self, key: str, message: OrderBookMessage) -> None:
        self._message_queue[key].put_nowait(message)

    async def _order_book_snapshot(self, trading_pair: str) -> OrderBookMessage:
        """Return a snapshot, tried until there is one: Hummingbot asks once and would never be ready without it."""
        while True:
            update_id = self._next_update_id()
            try:
                market = await self._link.market(trading_pair)
                async with self._link.borrowed() as client:
                    snapshot = await client.book(market.symbol)
            except InvalidInput:
                raise
            except TegroError as error:
                self._warn_once(f"No order book of {trading_pair} from Tegro: {error}. Trying again.")
                await self._sleep(SNAPSHOT_RETRY_SECS)
                continue
            self._snapshot_ms[trading_pair] = snapshot.timestamp_ms
            return snapshot_message(trading_pair, snapshot, update_id)

    def _diff(self, pair: str, change: BookChange) -> OrderBookMessage:
        return BookMessage(
            OrderBookMessageType.DIFF,
            _book_content(pair, change, self._next_update_id()),
            timestamp=change.timestamp_ms / 1000,
        )

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


def snapshot_message(pair: str, snapshot: BookSnapshot, update_id: int) -> OrderBookMessage:
    """Return a whole book as Hummingbot takes it."""
    return BookMessage(
        OrderBookMessageType.SNAPSHOT, _book_content(pair, snapshot, update_id), timestamp=snapshot.timestamp_ms / 1000
    )


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


def _book_content(pair: str, book: BookSnapshot | BookChange, update_id: int) -> dict[str, Any]:
    return {
        "trading_pair": pair,
        "update_id": update_id,
        "bids": [(level.price, level.quantity) for level in book.bids],
        "asks": [(level.price, level.quantity) for level in book.asks],
    }
