"""Which matches go to the chain now, and in which state: the faults of settlements."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from tegro_localnet.faults import FaultBoard, FaultKind, Firing
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.trades import TradeRecord


class SettlementFaults:
    """Stands between the venue's matches and the chain.

    Parameters
    ----------
    board : FaultBoard
        What goes wrong.
    """

    def __init__(self, board: FaultBoard) -> None:
        self._board = board
        self._late: deque[TradeRecord] = deque()
        """Matches that have waited long enough; a fault happens to each at most once."""
        self._spoiled: set[str] = set()
        self._waiting: set[asyncio.Task[None]] = set()

    def admit(self, take: Callable[[int], Sequence[TradeRecord]], limit: int) -> list[TradeRecord]:
        """Return up to `limit` matches that go to the chain now: the late ones, then those that `take(count)` gives."""
        admitted = [self._late.popleft() for _ in range(min(limit, len(self._late)))]
        return admitted + [trade for trade in take(limit - len(admitted)) if not self._keeps_back(trade)]

    def buy_order(self, trade: TradeRecord) -> SignedOrder:
        """Return the buy order of a match as it goes to the chain: with another signature if the match has to fail."""
        order = trade.buy.order
        if trade.trade_id not in self._spoiled:
            return order
        self._spoiled.discard(trade.trade_id)
        # The highest byte of s: the recovered signer is somebody else, or nobody.
        return replace(order, signature=order.signature[:32] + b"\x01" + order.signature[33:])

    def _keeps_back(self, trade: TradeRecord) -> bool:
        if not self._board.has_settlement_faults:
            return False
        firing = self._board.fire_settlement(trade.trade_id, (trade.buy.order.maker, trade.sell.order.maker))
        if firing is None:
            return False
        if firing.fault.kind is FaultKind.SETTLEMENT_FAIL:
            self._spoiled.add(trade.trade_id)
            return False
        task = asyncio.create_task(self._wait(trade, firing))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)
        return True

    async def _wait(self, trade: TradeRecord, firing: Firing) -> None:
        if await firing.may_go_on(firing.fault.hold_ms):
            self._late.append(trade)
