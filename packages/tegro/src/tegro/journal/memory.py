"""A journal that forgets."""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from tegro.errors import Closed
from tegro.journal.entry import (
    ENDING,
    OVER,
    Change,
    EntryState,
    JournalEntry,
    already_recorded,
    change_by,
    never_recorded,
    now_ms,
    require_recordable,
)
from tegro.outcome import Resolution


class MemoryJournal:
    """A journal that ends with the process: for tests, and for programs that only read.

    Parameters
    ----------
    clock_ms
        Unix time in milliseconds.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._entries: dict[str, JournalEntry] = {}
        self._clock_ms = clock_ms
        self._closed = False

    def record_signed(self, entry: JournalEntry) -> None:
        """Keep a signed order. See `Journal.record_signed`."""
        entries = self._open_entries()
        require_recordable(entry)
        if entry.order_hash in entries:
            raise already_recorded(entry.order_hash)
        entries[entry.order_hash] = entry

    def record_outcome(self, order_hash: str, outcome: Resolution) -> None:
        """Keep what became of an order. See `Journal.record_outcome`."""
        self._apply(order_hash, change_by(outcome))

    def record_ended(self, order_hash: str) -> None:
        """Keep that an accepted order is over. See `Journal.record_ended`."""
        self._apply(order_hash, ENDING)

    def want_cancel(self, order_hash: str) -> None:
        """Keep that an order is to be cancelled. See `Journal.want_cancel`."""
        entry = self._entry(order_hash)
        if entry.state is not EntryState.ENDED:
            self._entries[order_hash] = replace(entry, cancel_wanted=True)

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        return self._open_entries().get(order_hash)

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the newest entry that the caller gave this name; None if there is none."""
        newest_first = reversed(self._open_entries().values())
        return next((entry for entry in newest_first if entry.client_order_id == client_order_id), None)

    def entries(
        self,
        *,
        states: Collection[EntryState] = tuple(EntryState),
        maker: str | None = None,
        without_id: bool = False,
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first. See `Journal.entries`."""
        wallet = None if maker is None else maker.lower()
        return [
            entry
            for entry in self._open_entries().values()
            if entry.state in states
            and (wallet is None or entry.maker.lower() == wallet)
            and not (without_id and entry.order_id is not None)
        ]

    def compact(self, before_ms: int) -> int:
        """Remove what was over before a time. See `Journal.compact`."""
        old = [entry.order_hash for entry in self.entries(states=OVER) if entry.changed_at_ms < before_ms]
        for order_hash in old:
            del self._entries[order_hash]
        return len(old)

    def close(self) -> None:
        """Refuse further calls. May be repeated."""
        self._closed = True

    def _apply(self, order_hash: str, change: Change) -> None:
        entry = self._entry(order_hash)
        if entry.state in change.after:
            self._entries[order_hash] = replace(
                entry,
                state=change.state,
                order_id=entry.order_id or change.order_id,
                detail=entry.detail if change.detail is None else change.detail,
                changed_at_ms=self._clock_ms(),
            )

    def _entry(self, order_hash: str) -> JournalEntry:
        entry = self._open_entries().get(order_hash)
        if entry is None:
            raise never_recorded(order_hash)
        return entry

    def _open_entries(self) -> dict[str, JournalEntry]:
        if self._closed:
            raise Closed("the journal is closed")
        return self._entries
