"""A whole paper exchange: its markets, its account and what became of each order. Pure, like the engine below it."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import Enum
from typing import Final

from msgspec import Struct, field

from hummingbot_tegro.paper.account import Booked, PaperAccount
from hummingbot_tegro.paper.engine import PaperFill, PaperMarket, PaperOrder
from hummingbot_tegro.paper.realism import Realism
from tegro.errors import InvalidInput
from tegro.model import BookChange, BookSnapshot, Market, OrderType, Trade

ENDED_KEPT: Final = 1_000
"""Orders that are over and can still be asked for; Hummingbot asks for a while."""


class PaperState(Enum):
    """How far an order is."""

    UNDER_WAY = "under way"
    """The account holds what it may cost, but it is not in the book yet."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    """Cancelled, or of a market order: what the book did not hold."""
    REFUSED = "refused"


class PaperRecord(Struct, kw_only=True):
    """An order and what became of it."""

    pair: str
    """Hummingbot's name of the market."""
    market: Market
    order: PaperOrder
    state: PaperState = PaperState.UNDER_WAY
    fills: list[tuple[PaperFill, Booked]] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will become of it."""
        return self.state in (PaperState.FILLED, PaperState.CANCELLED, PaperState.REFUSED)


class Report(Struct, frozen=True, kw_only=True):
    """Something happened to an order."""

    record: PaperRecord
    state: PaperState
    """What it was then."""
    time_ms: int


class Filled(Report, frozen=True, kw_only=True):
    """An order has one more fill: that of this index. Whether it is over with it, the next report says."""

    index: int


class PaperVenue:
    """Where paper orders of one account trade.

    Parameters
    ----------
    realism
        How hard it is to fill.
    fee_rate
        Returns the venue's fee as a part of what is received.
    """

    def __init__(self, realism: Realism, fee_rate: Callable[[], Decimal]) -> None:
        self.account: Final = PaperAccount()
        self._realism = realism
        self._fee_rate = fee_rate
        self._markets: dict[str, PaperMarket] = {}
        self._records: OrderedDict[str, PaperRecord] = OrderedDict()

    def market(self, market: Market, pair: str) -> PaperMarket:
        """Return the market of a pair, made when it is first asked for."""
        if pair not in self._markets:
            self._markets[pair] = PaperMarket(market.symbol, lot_size=market.lot_size, realism=self._realism)
        return self._markets[pair]

    def record(self, order_id: str) -> PaperRecord | None:
        """Return what became of an order; None if it is not known (any more)."""
        return self._records.get(order_id)

    # Orders

    def submit(self, order: PaperOrder, market: Market, pair: str) -> None:
        """Take an order that is on its way: the account holds what it may cost.

        Raises
        ------
        InvalidInput
            If the account has not enough.
        """
        self.account.hold(order, market)
        self._records[order.order_id] = PaperRecord(pair=pair, market=market, order=order)
        self._forget()

    def arrive(self, order_id: str, now_ms: int) -> list[Report]:
        """Let an order that was submitted come to its market.

        Raises
        ------
        InvalidInput
            If the market refuses it. What it held is free again.
        """
        record = self._records[order_id]
        try:
            fills = self.market(record.market, record.pair).arrive(record.order, now_ms)
        except InvalidInput:
            self._end(record, PaperState.REFUSED)
            raise
        record.state = PaperState.OPEN
        reports = [Report(record=record, state=PaperState.OPEN, time_ms=now_ms), *self._book(fills)]
        if record.order.order_type is OrderType.MARKET and record.order.remaining:
            reports.append(self._ended(record, PaperState.CANCELLED, now_ms))
        return reports

    def cancel(self, order_id: str, now_ms: int) -> list[Report]:
        """Take an order out of its market; empty if it is not in it."""
        record = self._records.get(order_id)
        if record is None or record.state not in (PaperState.OPEN, PaperState.PARTIALLY_FILLED):
            return []
        self.market(record.market, record.pair).withdraw(order_id)
        return [self._ended(record, PaperState.CANCELLED, now_ms)]

    # What others do

    def apply_snapshot(self, market: Market, pair: str, snapshot: BookSnapshot, now_ms: int) -> list[Report]:
        """Take over a whole book."""
        return self._book(self.market(market, pair).apply_snapshot(snapshot, now_ms))

    def apply_change(self, market: Market, pair: str, change: BookChange, now_ms: int) -> list[Report]:
        """Take over new totals of levels."""
        return self._book(self.market(market, pair).apply_change(change, now_ms))

    def apply_trade(self, market: Market, pair: str, trade: Trade, now_ms: int) -> list[Report]:
        """Take notice of a trade of others."""
        return self._book(self.market(market, pair).apply_trade(trade, now_ms))

    def mark_stale(self, market: Market, pair: str, reason: str) -> None:
        """Say that a book may be wrong until its next snapshot."""
        self.market(market, pair).mark_stale(reason)

    def _book(self, fills: Iterable[PaperFill]) -> list[Report]:
        reports: list[Report] = []
        filled: dict[str, PaperRecord] = {}
        for fill in fills:
            filled[fill.order_id] = record = self._records[fill.order_id]
            booked = self.account.book(fill, record.order, record.market, self._fee_rate())
            record.fills.append((fill, booked))
            record.state = PaperState.PARTIALLY_FILLED
            index = len(record.fills) - 1
            reports.append(Filled(record=record, state=record.state, time_ms=fill.time_ms, index=index))
        # An order may have several fills of one event, and is over with the last one only.
        done = [record for record in filled.values() if not record.order.remaining]
        return reports + [self._ended(record, PaperState.FILLED, record.fills[-1][0].time_ms) for record in done]

    def _ended(self, record: PaperRecord, state: PaperState, now_ms: int) -> Report:
        self._end(record, state)
        return Report(record=record, state=state, time_ms=now_ms)

    def _end(self, record: PaperRecord, state: PaperState) -> None:
        record.state = state
        self.account.release(record.order.order_id)
        self._records.move_to_end(record.order.order_id)

    def _forget(self) -> None:
        over = [order_id for order_id, record in self._records.items() if record.is_over]
        for order_id in over[: max(len(over) - ENDED_KEPT, 0)]:
            del self._records[order_id]
