"""Limit-maker orders that took after all.

The protocol has no post-only flag (protocol 5.2): an order that would rest when it was checked can meet a book that has
moved when it arrives. That race cannot be closed from here. It is counted and told.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from tegro.model import Order, Side, Trade, TradeState
from tegro.order_terms import EXACT

_log = logging.getLogger(__name__)


class TakenInstead(Struct, frozen=True, kw_only=True):
    """A limit-maker order that traded as the taker."""

    order_id: str
    symbol: str
    side: Side
    quantity: Decimal
    """What it took, in base."""
    trade_ids: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"the limit-maker {self.side} {self.order_id} on {self.symbol} took {self.quantity:f} on arrival: the book "
            "moved after the check, and the venue has no post-only orders; a distance in ticks makes this rarer"
        )


class MakerOnlyWatch:
    """Looks at the first fills of limit-maker orders.

    Parameters
    ----------
    on_taken
        Called once for each order that took; None only counts and logs.
    """

    def __init__(self, *, on_taken: Callable[[TakenInstead], None] | None = None) -> None:
        self._on_taken = on_taken
        self._sides: dict[str, Side] = {}
        self._placed = 0
        self._taken: Counter[str] = Counter()

    @property
    def placed(self) -> int:
        """How many limit-maker orders were noted."""
        return self._placed

    @property
    def taken(self) -> Mapping[str, int]:
        """How many of them took, by market symbol."""
        return dict(self._taken)

    def note(self, order_id: str, side: Side) -> None:
        """Remember a limit-maker order that the venue has accepted. May be repeated."""
        if order_id not in self._sides:
            self._sides[order_id] = side
            self._placed += 1

    def needs_look(self, order: Order) -> bool:
        """Tell whether to read the order's trades for `judge` now: it was noted, and something of it was matched.

        An order that ended untouched is forgotten.
        """
        if order.order_id not in self._sides:
            return False
        is_touched = order.filled + order.pending > 0
        if order.is_done and not is_touched:
            del self._sides[order.order_id]
        return is_touched

    def judge(self, order_id: str, trades: Sequence[Trade], wallet: str) -> TakenInstead | None:
        """Say what a noted order took, count it, log it and report it; None if it took nothing.

        An order takes when it arrives or never, so the first trades decide and the order is then forgotten. Without
        any trade that tells (none listed yet, or only failed ones) it stays noted. May be repeated.

        Parameters
        ----------
        trades
            The trades of this order (`AsyncTegro.trades_of`).
        wallet
            Address of its maker: it decides where the venue does not say which side took.
        """
        side = self._sides.get(order_id)
        live = [trade for trade in trades if trade.state is not TradeState.FAILED]
        if side is None or not live:
            return None
        del self._sides[order_id]
        took = [trade for trade in live if _took(trade, side, wallet.lower())]
        if not took:
            return None
        quantity = Decimal(0)
        for trade in took:
            quantity = EXACT.add(quantity, trade.quantity)
        taken = TakenInstead(
            order_id=order_id,
            symbol=took[0].symbol,
            side=side,
            quantity=quantity,
            trade_ids=tuple(trade.trade_id for trade in took),
        )
        self._taken[taken.symbol] += 1
        _log.warning("%s", taken)
        if self._on_taken is not None:
            self._on_taken(taken)
        return taken


def _took(trade: Trade, side: Side, wallet: str) -> bool:
    if trade.taker_side is not None:
        return trade.taker_side is side
    # A wallet that traded with itself (protocol 5.2) is on both sides: then nothing can be said.
    return trade.taker == wallet != trade.maker
