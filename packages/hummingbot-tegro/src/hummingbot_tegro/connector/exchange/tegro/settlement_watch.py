"""Fills that were booked when they matched: which of them the chain has still to settle, and which it refused.

Hummingbot cannot take a fill back. What it booked wrongly is written down here, once, for a person to see.
"""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec
from msgspec import Struct

from tegro.model import Trade, TradeState


class BookedFill(Struct, frozen=True, kw_only=True):
    """Where a fill was booked."""

    client_order_id: str
    order_id: str
    """The venue's."""


class FailedFill(Struct, frozen=True, kw_only=True):
    """One record of the reconciliation file: a fill that Hummingbot has and the chain has not."""

    time_ms: int
    connector: str
    wallet: str
    client_order_id: str
    order_id: str
    trade_id: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    tx_hash: str | None
    stopped_executors: tuple[str, ...]
    note: str = "booked at match, not settled: take this fill out of what Hummingbot reports"


class SettlementWatch:
    """Remembers fills that were booked at match until the chain has spoken.

    Parameters
    ----------
    path
        The reconciliation file: one JSON object a line. It is made with the first record.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: dict[str, BookedFill] = {}
        self._told: set[str] | None = None

    @property
    def waiting_orders(self) -> dict[str, str]:
        """The venue's ids of the orders with a fill that waits, and their client order ids."""
        return {fill.order_id: fill.client_order_id for fill in self._waiting.values()}

    def booked(self, trade: Trade, *, client_order_id: str, order_id: str) -> None:
        """Take note of a fill that was booked. Only one that has still to settle is remembered."""
        if trade.state is TradeState.PENDING:
            self._waiting[trade.trade_id] = BookedFill(client_order_id=client_order_id, order_id=order_id)

    def judge(self, trade: Trade) -> BookedFill | None:
        """Take note of what the chain says of a trade; return what was booked for it if that is now wrong."""
        if trade.state is TradeState.SUCCESS:
            self._waiting.pop(trade.trade_id, None)
            return None
        return self._waiting.pop(trade.trade_id, None) if trade.state is TradeState.FAILED else None

    def is_told(self, trade_id: str) -> bool:
        """Tell whether a failed fill is in the file. The first call reads it: call that one in a thread."""
        if self._told is None:
            lines = self._path.read_bytes().splitlines() if self._path.exists() else []
            self._told = set(_trade_ids(lines))
        return trade_id in self._told

    def tell(self, failed: FailedFill) -> bool:
        """Write a record, unless it is there; return whether it is new. It waits for the disk: call it in a thread."""
        if self.is_told(failed.trade_id):
            return False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(failed) + b"\n")
        if self._told is not None:
            self._told.add(failed.trade_id)
        return True


class _Record(Struct):
    trade_id: str = ""


def _trade_ids(lines: Iterable[bytes]) -> Iterable[str]:
    for line in lines:
        try:
            yield msgspec.json.decode(line, type=_Record).trade_id
        except msgspec.DecodeError:
            continue  # a line that a kill cut short
