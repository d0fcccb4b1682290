"""How orders, trades and books are written, as the switches have it (protocol 12)."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET

from tegro.model import PRICE_DECIMALS
from tegro.wire import Level, MarketInfo, OrderInfo, OrderToSign, TradeInfo
from tegro_localnet.amounts import bare_units, quoted_units
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.switches import SwitchBoard
from tegro_localnet.trades import TradeRecord

_MS: Final = 1000


class Dialect:
    """Writes what REST and stream have in common. Every view reads the switches anew.

    Parameters
    ----------
    switches
        The running localnet's.
    """

    def __init__(self, switches: SwitchBoard) -> None:
        self._switches = switches

    def order(self, record: OrderRecord) -> OrderInfo:
        """Return an order (protocol 4.12)."""
        return self.order_as_taken_in(record.view())

    def order_as_taken_in(self, view: OrderInfo) -> OrderInfo:
        """Return the view of an order that was made before, with its time in the right unit."""
        view.timestamp = self._time(view.timestamp)
        return view

    def rest_trade(self, trade: TradeRecord) -> TradeInfo:
        """Return a trade as REST shows it (protocol 4.13)."""
        return self._timed(trade.rest_view(self._switches.now.reported_price))

    def event_trade(self, trade: TradeRecord) -> TradeInfo:
        """Return a trade as the stream shows it (protocol 8.5)."""
        return self._timed(trade.event_view(self._switches.now.reported_price))

    def book_side(self, listed: ListedMarket, levels: Iterable[tuple[int, int]]) -> list[Level] | None:
        """Return the levels of one side of a book, in the order in which they come (protocol 4.4)."""
        write = bare_units if self._switches.now.depth_values == "numbers" else quoted_units
        decimals = listed.market.base.decimals
        views = [Level(write(price_e18, PRICE_DECIMALS), write(total_wei, decimals)) for price_e18, total_wei in levels]
        return views or ([] if self._switches.now.empty_side == "list" else None)

    def book_time(self, now_ms: int) -> int:
        """Return the time of a book (protocol 3.5)."""
        return now_ms if self._switches.now.depth_timestamp == "milliseconds" else now_ms // _MS

    def market(self, view: MarketInfo) -> MarketInfo:
        """Return a market with the wanted spellings of its chain id (protocol 4.2)."""
        match self._switches.now.market_chain_key:
            case "camel":
                view.chain_id = UNSET
            case "snake":
                view.chain_id_camel = UNSET
            case "both":
                pass
        return view

    def proposal(self, proposal: OrderToSign) -> OrderToSign:
        """Return proposed typed data with the wanted spelling of its side (protocol 4.7)."""
        if self._switches.now.limit_order_side == "word":
            order = proposal.limit_order
            order.side = "buy" if order.side == 1 else "sell"
        return proposal

    def _timed(self, view: TradeInfo) -> TradeInfo:
        view.timestamp = self._time(view.timestamp)
        return view

    def _time(self, time_ms: int) -> int:
        return time_ms // _MS if self._switches.now.order_timestamps == "seconds" else time_ms
