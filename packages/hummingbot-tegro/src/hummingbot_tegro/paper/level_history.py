"""What happened at the levels of a book just now: which part of a fall was a trade, and which a cancel. Pure.

A trade shows twice: as a trade, and as a smaller total of its level. The two come separately, in either order. Each
quantity must move a queue once, so both sides wait here for the other: a fall that no trade explained for
`WAIT_MS` was a cancel.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tegro.model import Side

WAIT_MS: Final = 1_000
"""How far apart the trade and the new total of its level may come."""

type LevelKey = tuple[Side, Decimal]
"""Side and price."""


class Fall(Struct, kw_only=True):
    """A part of a level that went away."""

    number: int
    """Of the event, as the engine counts them."""
    time_ms: int
    key: LevelKey
    left: Decimal
    """What no trade has explained."""
    before: Decimal
    """Total of the level before it fell."""


class LevelHistory:
    """Pairs falls and trades of the levels of one book."""

    def __init__(self) -> None:
        self._falls: deque[Fall] = deque()
        self._open_falls: dict[LevelKey, deque[Fall]] = {}
        self._trades: dict[LevelKey, deque[tuple[int, Decimal]]] = {}

    def fell(self, fall: Fall) -> None:
        """Take in a fall; what a trade of just now explains of it is no cancel."""
        trades = self._trades.get(fall.key, deque())
        while trades and fall.left:
            time_ms, quantity = trades.popleft()
            if fall.time_ms - time_ms > WAIT_MS:
                continue
            part = min(quantity, fall.left)
            fall.left -= part
            if part < quantity:
                trades.appendleft((time_ms, quantity - part))
        if fall.left:
            self._falls.append(fall)
            self._open_falls.setdefault(fall.key, deque()).append(fall)

    def traded(self, key: LevelKey, quantity: Decimal, now_ms: int) -> list[tuple[int, Decimal]]:
        """Take in a trade; return the falls that were it, as their numbers and quantities."""
        found = []
        for fall in self._open_falls.get(key, ()):
            part = min(fall.left, quantity)
            if part:
                found.append((fall.number, part))
                fall.left -= part
                quantity -= part
        if quantity:
            self._trades.setdefault(key, deque()).append((now_ms, quantity))
        return found

    def cancels(self, now_ms: int) -> Iterator[Fall]:
        """Yield the falls that no trade has explained in time, each once."""
        while self._falls and now_ms - self._falls[0].time_ms > WAIT_MS:
            fall = self._falls.popleft()
            queue = self._open_falls[fall.key]
            queue.popleft()
            if not queue:
                del self._open_falls[fall.key]
            if fall.left:
                yield fall
        self._forget_trades(now_ms)

    def _forget_trades(self, now_ms: int) -> None:
        for key in [key for key, trades in self._trades.items() if not trades or now_ms - trades[-1][0] > WAIT_MS]:
            del self._trades[key]
