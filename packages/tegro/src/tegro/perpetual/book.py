"""A live book of a contract: whole only while every change names the one before it (dialect 7.1). Pure."""

from typing import Final

from tegro.model import BookChange, BookSnapshot
from tegro.order_book import OrderBook
from tegro.perpetual.model import DepthChange, DepthSnapshot

_PER_ID: Final = 1000
"""An `OrderBook` compares whole seconds; ids in place of seconds make it compare ids."""


class PerpetualBook(OrderBook):
    """An order book that is stale from the first change that is missing until the next snapshot.

    Its `timestamp_ms` holds no time but ids.
    """

    def __init__(self, symbol: str) -> None:
        super().__init__(symbol)
        self._first_id: int | None = None
        """What the first kept change follows."""
        self._last_id: int | None = None

    @property
    def last_id(self) -> int:
        """Id of the newest change in it; 0 before the first snapshot."""
        return self.timestamp_ms // _PER_ID

    def take_snapshot(self, snapshot: DepthSnapshot) -> bool:
        """Replace the book, and apply the kept changes that came after the snapshot.

        Returns False, and leaves the book stale, if changes are missing between the snapshot and those that were kept:
        then ask for another one.
        """
        if self.is_stale and self._first_id is not None and snapshot.last_id < self._first_id:
            return False
        self.apply_snapshot(
            BookSnapshot(
                symbol=snapshot.symbol,
                bids=snapshot.bids,
                asks=snapshot.asks,
                timestamp_ms=snapshot.last_id * _PER_ID,
            )
        )
        return True

    def take_change(self, change: DepthChange) -> bool:
        """Put new totals in; return False if a change is missing before this one: then ask for a snapshot."""
        if self._last_id is not None:
            is_next = change.previous_id == self._last_id
        else:
            # The first one after a snapshot must reach back to it: a snapshot may be older than the stream.
            is_next = self.is_stale or change.previous_id <= self.last_id
        if not is_next:
            self.mark_stale(f"changes {self._last_id or self.last_id} to {change.previous_id} are missing")
        if not is_next or self._last_id is None:
            self._first_id = change.previous_id
        self._last_id = change.last_id
        self.apply_change(
            BookChange(
                symbol=change.symbol,
                bids=change.bids,
                asks=change.asks,
                timestamp_ms=change.last_id * _PER_ID,
            )
        )
        return is_next

    def lose(self, reason: str) -> None:
        """Say that the stream broke: the next change begins a new chain, and the book waits for a snapshot."""
        self._first_id = self._last_id = None
        self.mark_stale(reason)
