"""One market of a paper exchange: orders of ours that meet the live book and the live trades of others. Pure.

No clock and no I/O: each call says what time it is. The rules:

- An order that reaches the other side takes what rests there, level by level. What we took stays taken until the level
  is gone from the venue's book; what others add to it is there.
- An order that rests waits behind what was there before it (`queue_ahead`). Trades at its price use that up first;
  the others' cancels use up the part of them that was before us (`cancels_ahead`). What trades beyond that fills us.
- A trade beyond its price, or a new order of others that reaches it, would have met ours first: it fills us, up to its
  own size. Orders of ours share what was traded: the better price first, then the earlier.
- A fill that rested is at our price. A limit order to sell that takes gets its own limit, since the venue's contract
  settles at the limit of the sell order, whoever rested (protocol 7.3).
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

from hummingbot_tegro.paper.level_history import Fall, LevelHistory, LevelKey
from hummingbot_tegro.paper.realism import Realism
from tegro.errors import InvalidInput
from tegro.model import BookChange, BookLevel, BookSnapshot, OrderType, Side, Trade, round_down
from tegro.order_book import OrderBook

_NOTHING: Final = Decimal(0)


class PaperOrder(Struct, kw_only=True):
    """An order of ours. The engine changes it as it fills."""

    order_id: str
    side: Side
    order_type: OrderType
    price: Decimal
    """Limit; of a market order the worst price that it may get."""
    quantity: Decimal
    filled: Decimal = _NOTHING
    ahead: Decimal = _NOTHING
    """What of others at our price is filled before us, in base."""
    number: int = 0
    """Of the event with which it came into the book."""

    @property
    def remaining(self) -> Decimal:
        """What can still fill, in base."""
        return self.quantity - self.filled


class PaperFill(Struct, frozen=True, kw_only=True):
    """A fill of one of our orders."""

    order_id: str
    price: Decimal
    quantity: Decimal
    is_maker: bool
    time_ms: int


class PaperMarket:
    """One market.

    Parameters
    ----------
    symbol
        The market's symbol at the venue.
    lot_size
        Smallest step of a quantity, in base: what rests before us moves in such steps.
    realism
        How hard it is to fill.
    """

    def __init__(self, symbol: str, *, lot_size: Decimal, realism: Realism) -> None:
        self._lot_size = lot_size
        self._realism = realism
        self._book = OrderBook(symbol)
        self._history = LevelHistory()
        self._orders: dict[str, PaperOrder] = {}
        self._taken: dict[LevelKey, Decimal] = {}
        self._number = 0

    @property
    def orders(self) -> Iterable[PaperOrder]:
        """The orders in the book."""
        return self._orders.values()

    @property
    def book(self) -> OrderBook:
        """The others' book. Do not change it."""
        return self._book

    # What others do

    def apply_snapshot(self, snapshot: BookSnapshot, now_ms: int) -> list[PaperFill]:
        """Take over a whole book, and return what of ours it fills."""
        self._begin(now_ms)
        watched = {(order.side, order.price) for order in self._orders.values()}
        before = {key: self._book.quantity_at(*key) for key in watched}
        self._book.apply_snapshot(snapshot)
        self._keep_taken(list(self._taken))
        self._note_falls(before, now_ms)
        return self._fill_reached(now_ms)

    def apply_change(self, change: BookChange, now_ms: int) -> list[PaperFill]:
        """Take over new totals of levels, and return what of ours they fill."""
        self._begin(now_ms)
        keys: list[LevelKey] = [(Side.BUY, level.price) for level in change.bids]
        keys += [(Side.SELL, level.price) for level in change.asks]
        before = {key: self._book.quantity_at(*key) for key in keys}
        self._book.apply_change(change)
        self._keep_taken(keys)
        self._note_falls(before, now_ms)
        return self._fill_reached(now_ms)

    def apply_trade(self, trade: Trade, now_ms: int) -> list[PaperFill]:
        """Return what of ours a trade of others fills. One whose taker is not known fills nothing."""
        self._begin(now_ms)
        if trade.taker_side is None:
            return []
        resting = trade.taker_side.opposite
        explained = self._history.traded((resting, trade.price), trade.quantity, now_ms)
        fills: list[PaperFill] = []
        ours = _NOTHING
        for order in self._by_priority(resting):
            if _is_better(trade.price, order.price, resting):
                break
            reaches_us = trade.quantity - ours
            if order.price == trade.price:
                # What went away before we came was not before us in the queue.
                reaches_us -= sum((part for number, part in explained if number < order.number), _NOTHING)
                reaches_us = max(reaches_us, _NOTHING)
                part = self._advance(order, reaches_us)
            else:
                order.ahead = _NOTHING
                part = reaches_us
            part = min(part, order.remaining)
            if part > 0:
                ours += part
                fills.append(self._fill(order, order.price, part, now_ms, is_maker=True))
        self._drop_filled()
        return fills

    # What we do

    def arrive(self, order: PaperOrder, now_ms: int) -> list[PaperFill]:
        """Let an order come into the market; return what it takes. What is left of a limit order rests.

        Raises
        ------
        InvalidInput
            If the book is not known, or the order is to rest only and would take.
        """
        self._begin(now_ms)
        if self._book.is_stale:
            raise InvalidInput(f"the order book of {self._book.symbol} is not known just now; try again in a moment")
        taken = next(self._within_reach(order), None)
        if order.order_type is OrderType.LIMIT_MAKER and taken is not None:
            raise InvalidInput(
                f"a limit-maker order to {order.side} at {order.price:f} would take: others {order.side.opposite} "
                f"at {taken[0].price:f}"
            )
        order.number = self._number
        fills = list(self._take(order, now_ms, is_maker=False))
        if order.remaining and order.order_type is not OrderType.MARKET:
            if self._realism.queue_ahead == "whole":
                order.ahead = self._book.quantity_at(order.side, order.price)
            self._orders[order.order_id] = order
        return fills

    def withdraw(self, order_id: str) -> PaperOrder | None:
        """Take an order out of the book; None if it is not in it (any more)."""
        return self._orders.pop(order_id, None)

    def mark_stale(self, reason: str) -> None:
        """Say that the book may be wrong until the next snapshot."""
        self._book.mark_stale(reason)

    # Queues

    def _begin(self, now_ms: int) -> None:
        self._number += 1
        for fall in self._history.cancels(now_ms):
            for order in self._orders.values():
                if (order.side, order.price) == fall.key and order.number < fall.number:
                    order.ahead = max(order.ahead - self._cancelled_ahead(order, fall), _NOTHING)

    def _cancelled_ahead(self, order: PaperOrder, fall: Fall) -> Decimal:
        match self._realism.cancels_ahead:
            case "none":
                return _NOTHING
            case "share":
                # Rounded against us.
                return round_down(fall.left * min(order.ahead / fall.before, Decimal(1)), self._lot_size)
            case "all":
                return fall.left

    def _note_falls(self, before: dict[LevelKey, Decimal], now_ms: int) -> None:
        if self._book.is_stale:
            return
        for key, quantity in before.items():
            fallen = quantity - self._book.quantity_at(*key)
            if fallen > 0:
                self._history.fell(Fall(number=self._number, time_ms=now_ms, key=key, left=fallen, before=quantity))

    def _keep_taken(self, keys: Iterable[LevelKey]) -> None:
        """Reckon what we took of levels with new totals: others take and cancel what we left first."""
        for key in keys:
            if key in self._taken:
                self._taken[key] = min(self._taken[key], self._book.quantity_at(*key))
                if not self._taken[key]:
                    del self._taken[key]

    @staticmethod
    def _advance(order: PaperOrder, quantity: Decimal) -> Decimal:
        """Let a quantity trade at an order's price; return what of it comes to the order."""
        beyond = quantity - order.ahead
        order.ahead = max(-beyond, _NOTHING)
        return max(beyond, _NOTHING)

    # Fills

    def _fill_reached(self, now_ms: int) -> list[PaperFill]:
        """Fill resting orders that the other side of the book has reached."""
        if self._book.is_stale:
            return []
        fills = [
            fill
            for side in (Side.BUY, Side.SELL)
            for order in self._by_priority(side)
            for fill in self._take(order, now_ms, is_maker=True)
        ]
        self._drop_filled()
        return fills

    def _take(self, order: PaperOrder, now_ms: int, *, is_maker: bool) -> Iterator[PaperFill]:
        for level, there in self._within_reach(order):
            part = min(there, order.remaining)
            key = (order.side.opposite, level.price)
            self._taken[key] = self._taken.get(key, _NOTHING) + part
            takes_own_limit = order.side is Side.SELL and order.order_type is not OrderType.MARKET
            price = order.price if is_maker or takes_own_limit else level.price
            yield self._fill(order, price, part, now_ms, is_maker=is_maker)
            if not order.remaining:
                return

    def _within_reach(self, order: PaperOrder) -> Iterator[tuple[BookLevel, Decimal]]:
        """Yield the levels that an order can take, and what is there beside what we took before."""
        other_side = order.side.opposite
        best = self._best_of(other_side)
        # Most changes reach none of our orders: the whole side is looked at only where one does.
        if best is None or _is_better(order.price, best.price, other_side):
            return
        for level in self._book.asks() if order.side is Side.BUY else self._book.bids():
            if _is_better(order.price, level.price, other_side):
                return
            there = level.quantity - self._taken.get((other_side, level.price), _NOTHING)
            if there > 0:
                yield level, there

    def _fill(self, order: PaperOrder, price: Decimal, quantity: Decimal, now_ms: int, *, is_maker: bool) -> PaperFill:
        order.filled += quantity
        return PaperFill(order_id=order.order_id, price=price, quantity=quantity, is_maker=is_maker, time_ms=now_ms)

    def _drop_filled(self) -> None:
        for order in [order for order in self._orders.values() if not order.remaining]:
            del self._orders[order.order_id]

    def _by_priority(self, side: Side) -> list[PaperOrder]:
        """Return our orders of a side, the best price first, then the earliest."""
        ours = [order for order in self._orders.values() if order.side is side]
        return sorted(ours, key=lambda order: -order.price if side is Side.BUY else order.price)

    def _best_of(self, side: Side) -> BookLevel | None:
        return self._book.best_bid if side is Side.BUY else self._book.best_ask


def _is_better(price: Decimal, other: Decimal, side: Side) -> bool:
    """Tell whether a price of a side comes before another one."""
    return price > other if side is Side.BUY else price < other
