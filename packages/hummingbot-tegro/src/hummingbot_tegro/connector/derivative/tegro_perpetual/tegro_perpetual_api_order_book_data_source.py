"""Public market data of perpetuals: books, trades, marks and funding; update ids are the venue's."""

import asyncio
from typing import ClassVar, Final, override

from hummingbot.core.data_type.funding_info import FundingInfo, FundingInfoUpdate
from hummingbot.core.data_type.perpetual_api_order_book_data_source import PerpetualAPIOrderBookDataSource

from hummingbot_tegro.common.live_book_source import (
    BookMessage,
    LiveBookSource,
    change_message,
    plain,
    price_or_nan,
    snapshot_message,
    trade_message,
)
from tegro.events import Resync, Stale
from tegro.perpetual import PerpetualBooks
from tegro.perpetual.book import PerpetualBook
from tegro.perpetual.events import ChannelDisconnected, MarkEvent, PublicTradeEvent
from tegro.perpetual.live_books import BooksEvent
from tegro.perpetual.model import DepthChange, MarkPrice, PerpetualTrade

from .perpetual_link import PerpetualLink
from .tegro_perpetual_constants import VENUE


class TegroPerpetualAPIOrderBookDataSource(
    LiveBookSource[str, PerpetualBook, BooksEvent], PerpetualAPIOrderBookDataSource
):
    """Feeds Hummingbot's order book tracker with a copy of the client's live books, and its funding with the marks.

    Parameters
    ----------
    link
        The way to the venue.
    trading_pairs
        Hummingbot pairs; this very list is kept, because the base class and the connector change it.
    """

    venue: ClassVar[str] = VENUE

    def __init__(self, link: PerpetualLink, trading_pairs: list[str]) -> None:
        super().__init__(trading_pairs)
        self._link: Final = link

    async def get_last_traded_prices(self, trading_pairs: list[str], domain: str | None = None) -> dict[str, float]:  # noqa: ARG002
        """Return the price of the last trade of each pair; NaN for one without, which the venue says with a 0."""
        async with self._link.borrowed() as client:
            return {pair: price_or_nan(await client.last_price(await self._instrument(pair))) for pair in trading_pairs}

    async def get_funding_info(self, trading_pair: str) -> FundingInfo:
        """Return mark and index price and the coming funding of a pair."""
        async with self._link.borrowed() as client:
            mark = await client.mark_price(await self._instrument(trading_pair))
        return FundingInfo(
            trading_pair=trading_pair,
            index_price=mark.index,
            mark_price=mark.mark,
            next_funding_utc_timestamp=mark.next_funding_ms // 1000,
            rate=mark.funding_rate,
        )

    @override
    async def _instrument(self, trading_pair: str) -> str:
        return (await self._link.contract(trading_pair)).symbol

    @override
    def _known_instrument(self, trading_pair: str) -> str | None:
        return self._link.symbol_of(trading_pair)

    @override
    def _pair_of(self, symbol: str) -> str | None:
        return self._link.pair_of(symbol)

    @override
    def _open_books(self, instruments: list[str]) -> PerpetualBooks:
        return self._link.client.live_books(instruments, on_change=self._change)

    @override
    async def _take(self, event: BooksEvent) -> None:
        match event:
            case ChannelDisconnected(reason=reason):
                self._stream_broke(reason)
            case Stale(symbol=str(symbol), reason=reason):
                self._book_is_stale(symbol, reason)
            case Resync(symbol=symbol):
                await self._book_is_right_again(symbol)
            case PublicTradeEvent(trade=trade) if (pair := self._followed(trade.symbol)) is not None:
                self._take_trade(pair, trade)
            case MarkEvent(mark=mark) if (pair := self._followed(mark.symbol)) is not None:
                update = funding_update(pair, mark)
                self._message_queue[self._funding_info_messages_queue_key].put_nowait(update)

    def _take_trade(self, pair: str, trade: PerpetualTrade) -> None:
        self._hand_on_trade(
            trade_message(
                pair,
                trade_id=str(trade.trade_id),
                taker_side=trade.taker_side,
                price=trade.price,
                quantity=trade.quantity,
                time_ms=trade.time_ms,
            )
        )

    def _change(self, change: DepthChange) -> None:
        pair = self._followed(change.symbol)
        if pair is not None:
            bids, asks = plain(change.bids), plain(change.asks)
            message = change_message(pair, bids, asks, update_id=change.last_id, time_ms=change.time_ms)
            self._hand_on_change(message)

    @override
    def _whole_book(self, trading_pair: str, book: PerpetualBook) -> BookMessage:
        # A snapshot of the venue has no time.
        return snapshot_message(trading_pair, book.bids(), book.asks(), update_id=book.last_id, time_ms=0)

    @override
    async def _read_book(self, trading_pair: str, instrument: str) -> BookMessage:
        async with self._link.borrowed() as client:
            return self._whole_book(trading_pair, await client.book(instrument))

    async def _parse_funding_info_message(
        self, raw_message: FundingInfoUpdate, message_queue: asyncio.Queue[FundingInfoUpdate]
    ) -> None:
        message_queue.put_nowait(raw_message)  # it is made already


def funding_update(pair: str, mark: MarkPrice) -> FundingInfoUpdate:
    """Return mark, index and funding as Hummingbot takes them."""
    return FundingInfoUpdate(
        trading_pair=pair,
        index_price=mark.index,
        mark_price=mark.mark,
        next_funding_utc_timestamp=mark.next_funding_ms // 1000,
        rate=mark.funding_rate,
    )
