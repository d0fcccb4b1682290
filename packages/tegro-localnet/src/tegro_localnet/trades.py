"""Matches as the venue keeps them, from the match to the chain's verdict."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from msgspec import UNSET, Struct

from tegro.model import PRICE_DECIMALS, Side, TradeState
from tegro.wire import NumberLiteral, TradeInfo
from tegro_localnet.amounts import bare_units, quoted_units
from tegro_localnet.orders import OrderRecord
from tegro_localnet.switches import ReportPrice

_BPS: Final = 10_000


class TradeRecord(Struct, kw_only=True):
    """One match of two orders. The fee of a side is in the token which that side receives (protocol 7.3)."""

    trade_id: str
    buy: OrderRecord
    sell: OrderRecord
    is_buyer_maker: bool
    quantity_wei: int
    price_e18: int
    """What the contract pays: the sell order's limit."""
    resting_price_e18: int
    fee_bps: int
    created_ms: int
    state: TradeState = TradeState.PENDING
    tx_hash: str = ""

    @property
    def maker(self) -> OrderRecord:
        """The order that rested."""
        return self.buy if self.is_buyer_maker else self.sell

    @property
    def taker(self) -> OrderRecord:
        """The order that came in."""
        return self.sell if self.is_buyer_maker else self.buy

    @property
    def quote_wei(self) -> int:
        """What the buyer pays, in the smallest unit of the quote token."""
        return self.buy.market.quote_wei(self.price_e18, self.quantity_wei)

    def payment_wei(self, side: Side) -> int:
        """Return what one side hands over, in the smallest unit of the token it pays with."""
        return self.quote_wei if side is Side.BUY else self.quantity_wei

    def fee_wei(self, side: Side) -> int:
        """Return what one side is charged, in the smallest unit of the token it receives, rounded down."""
        received_wei = self.quantity_wei if side is Side.BUY else self.quote_wei
        return received_wei * self.fee_bps // _BPS

    def rest_view(self, report_price: ReportPrice) -> TradeInfo:
        """Return the trade as REST shows it: amounts quoted (protocol 4.13)."""
        view = self._view(report_price, quoted_units)
        view.market_id = self.buy.market.id
        view.tx_hash = self.tx_hash
        view.fee = bare_units(0)
        return view

    def event_view(self, report_price: ReportPrice) -> TradeInfo:
        """Return the trade as events show it: bare numbers, two names in camelCase (protocol 8.5)."""
        view = self._view(report_price, bare_units)
        view.market_id_camel = self.buy.market.id
        view.tx_hash_camel = self.tx_hash
        return view

    def _view(self, report_price: ReportPrice, number: Callable[[int, int], NumberLiteral]) -> TradeInfo:
        is_resting = report_price is ReportPrice.RESTING
        market = self.buy.market
        return TradeInfo(
            id=self.trade_id,
            symbol=market.symbol,
            price=number(self.resting_price_e18 if is_resting else self.price_e18, PRICE_DECIMALS),
            amount=number(self.quantity_wei, market.base.decimals),
            state=self.state.value,
            settled_price=number(self.price_e18, PRICE_DECIMALS) if is_resting else UNSET,
            timestamp=self.created_ms,
            taker_fee=self._fee(self.taker.side),
            maker_fee=self._fee(self.maker.side),
            is_buyer_maker=self.is_buyer_maker,
            taker=self.taker.order.maker,
            maker=self.maker.order.maker,
        )

    def _fee(self, side: Side) -> NumberLiteral:
        market = self.buy.market
        received = market.base if side is Side.BUY else market.quote
        return quoted_units(self.fee_wei(side), received.decimals)


class TradeStore:
    """All trades of the venue's life, by order and by market, and those that still wait for the chain."""

    def __init__(self) -> None:
        self._by_id: dict[str, TradeRecord] = {}
        self._by_order: dict[str, list[TradeRecord]] = {}
        self._by_market: dict[str, list[TradeRecord]] = {}
        self._unsettled: dict[str, TradeRecord] = {}

    def __getitem__(self, trade_id: str) -> TradeRecord:
        return self._by_id[trade_id]

    def __iter__(self) -> Iterator[TradeRecord]:
        """Yield all trades, oldest first."""
        return iter(self._by_id.values())

    def newest(self) -> Iterator[TradeRecord]:
        """Yield all trades, newest first."""
        return reversed(self._by_id.values())

    def add(self, trade: TradeRecord) -> None:
        """Keep a new match and queue it for settlement."""
        self._by_id[trade.trade_id] = trade
        for order in (trade.buy, trade.sell):
            self._by_order.setdefault(order.order_id, []).append(trade)
        self._by_market.setdefault(trade.buy.market.id, []).append(trade)
        self._unsettled[trade.trade_id] = trade

    def of_order(self, order_id: str) -> Sequence[TradeRecord]:
        """Return an order's trades, oldest first."""
        return self._by_order.get(order_id, ())

    def latest(self, market_id: str, limit: int) -> Sequence[TradeRecord]:
        """Return the last trades of a market, newest first."""
        return self._by_market.get(market_id, [])[: -limit - 1 : -1]

    def next_unsettled(self, limit: int) -> list[TradeRecord]:
        """Take the oldest trades that wait for settlement out of the queue."""
        taken = list(islice(self._unsettled.values(), limit))
        self.take(trade.trade_id for trade in taken)
        return taken

    def take(self, trade_ids: Iterable[str]) -> None:
        """Take trades out of the queue for settlement; those that are not in it are left aside."""
        for trade_id in trade_ids:
            self._unsettled.pop(trade_id, None)

    def put_back(self, trades: Iterable[TradeRecord]) -> None:
        """Put trades before all others that wait for settlement."""
        self._unsettled = {trade.trade_id: trade for trade in trades} | self._unsettled
