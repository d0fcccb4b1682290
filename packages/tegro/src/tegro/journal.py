"""What was signed, written down before the bytes leave.

An order's hash is known before it is sent. `record_signed` puts the hash, the message and the signature on disk first,
so that after a lost reply, a crash or a restart the order can be found again by its hash; `record_outcome` adds what
became of it. An entry that stays `signed` or `unknown` may be live at the venue. No entry has room for a key.
"""

import sqlite3
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from tegro.errors import Closed, InvalidInput, JournalFailure
from tegro.model import Side
from tegro.outcome import Accepted, PlaceOutcome, Rejected

_VERSION: Final = 1
_BUSY_TIMEOUT_SECS: Final = 2.0


class EntryState(StrEnum):
    """How far an order has come on its way to the venue."""

    SIGNED = "signed"
    """Signed; whether it was sent is not known (the process may have died in between)."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """Sent; the answer did not say what became of it."""


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One signed order."""

    order_hash: str
    """Lower-case hex with `0x`."""
    maker: str
    chain_id: int
    market_id: str
    client_order_id: str | None = None
    """The caller's own name for the order."""
    raw_order_data: str
    """The signed message as it is sent (`OrderMessage.raw_order_data`)."""
    signature: str
    side: Side
    price: Decimal
    """Quote per base."""
    quantity: Decimal
    """In base."""
    signed_at_ms: int
    state: EntryState = EntryState.SIGNED
    order_id: str | None = None
    """The venue's id, once it is known."""
    detail: str = ""
    """The reason of a refusal, or what happened to the request of an unknown order."""


class Journal(Protocol):
    """The record of signed orders. Calls are synchronous and short: they are meant to be made from an event loop.

    Every method raises `Closed` after `close`, and `JournalFailure` if the record cannot be written or read.
    """

    def record_signed(self, entry: JournalEntry) -> None:
        """Write down a signed order. It has survived the death of this process when the call returns.

        Raises
        ------
        InvalidInput
            If an order with this hash is there already: sign with another salt.
        """
        ...

    def record_outcome(self, order_hash: str, outcome: PlaceOutcome) -> None:
        """Write down what became of an order. May be repeated.

        An acceptance is final; a refusal gives way only to an acceptance, because the order was then seen at the venue.

        Raises
        ------
        InvalidInput
            If no order with this hash was recorded.
        """
        ...

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        ...

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the entry that the caller gave this name, the newest if there are several; None if there is none."""
        ...

    def entries(
        self, *, states: Collection[EntryState] = tuple(EntryState), maker: str | None = None
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first; of every wallet if `maker` is None."""
        ...

    def close(self) -> None:
        """Release the record. May be repeated."""
        ...


class MemoryJournal:
    """A journal that ends with the process: for tests, and for programs that only read."""

    def __init__(self) -> None:
        self._entries: dict[str, JournalEntry] = {}
        self._closed = False

    def record_signed(self, entry: JournalEntry) -> None:
        """Keep a signed order. See `Journal.record_signed`."""
        entries = self._open_entries()
        if entry.order_hash in entries:
            raise _already_recorded(entry.order_hash)
        entries[entry.order_hash] = entry

    def record_outcome(self, order_hash: str, outcome: PlaceOutcome) -> None:
        """Keep what became of an order. See `Journal.record_outcome`."""
        entry = self._open_entries().get(order_hash)
        if entry is None:
            raise _never_recorded(order_hash)
        state, order_id, detail = _facts_of(outcome)
        if entry.state in _replaced_by(state):
            changed = msgspec.structs.replace(entry, state=state, order_id=order_id, detail=detail)
            self._entries[order_hash] = changed

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        return self._open_entries().get(order_hash)

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the newest entry that the caller gave this name; None if there is none."""
        newest_first = reversed(self._open_entries().values())
        return next((entry for entry in newest_first if entry.client_order_id == client_order_id), None)

    def entries(
        self, *, states: Collection[EntryState] = tuple(EntryState), maker: str | None = None
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first; of every wallet if `maker` is None."""
        wallet = None if maker is None else maker.lower()
        return [
            entry
            for entry in self._open_entries().values()
            if entry.state in states and (wallet is None or entry.maker.lower() == wallet)
        ]

    def close(self) -> None:
        """Refuse further calls. May be repeated."""
        self._closed = True

    def _open_entries(self) -> dict[str, JournalEntry]:
        if self._closed:
            raise Closed("the journal is closed")
        return self._entries


_CREATE: Final = """
CREATE TABLE IF NOT EXISTS orders (
    sequence INTEGER PRIMARY KEY,
    order_hash TEXT NOT NULL UNIQUE,
    maker TEXT NOT NULL COLLATE NOCASE,
    chain_id INTEGER NOT NULL,
    market_id TEXT NOT NULL,
    client_order_id TEXT,
    raw_order_data TEXT NOT NULL,
    signature TEXT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    signed_at_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    order_id TEXT,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_by_client_order_id ON orders (client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_by_state ON orders (state);
"""
_COLUMNS: Final = JournalEntry.__struct_fields__
_COLUMN_LIST: Final = ", ".join(_COLUMNS)
_INSERT: Final = f"INSERT INTO orders ({_COLUMN_LIST}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
_SELECT: Final = f"SELECT {_COLUMN_LIST} FROM orders "  # noqa: S608
_UPDATE: Final = """
UPDATE orders SET state = ?, order_id = ?, detail = ?
WHERE order_hash = ? AND state IN (SELECT value FROM json_each(?))
"""


class SqliteJournal:
    """A journal in one SQLite file in write-ahead mode. Other processes may read and write it at the same time.

    A write takes some 50 to 100 microseconds (a few milliseconds each time SQLite folds its log into the file) and
    survives `kill -9` of the process. It does not wait for the disk (`synchronous=NORMAL`): a power failure may lose
    the last moments, never the older part. Two writers at once wait for each other, at most two seconds. Only its owner
    can read the file: it holds signatures of live orders.

    Parameters
    ----------
    path
        The file; it and its folder are made if missing.

    Raises
    ------
    JournalFailure
        If the file cannot be made, is no journal, or was written by a newer version of this package.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise JournalFailure(f"the journal {path} cannot be made: {error.strerror}") from error
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT_SECS, check_same_thread=False)
        try:
            _prepare(connection, path)
        except sqlite3.Error as error:
            connection.close()
            raise JournalFailure(f"{path} cannot be used as a journal: {error}") from error
        except JournalFailure:
            connection.close()
            raise
        self._connection = connection

    def record_signed(self, entry: JournalEntry) -> None:
        """Write down a signed order. See `Journal.record_signed`."""
        with self._using() as connection:
            try:
                connection.execute(_INSERT, msgspec.to_builtins(entry))
            except sqlite3.IntegrityError:
                raise _already_recorded(entry.order_hash) from None

    def record_outcome(self, order_hash: str, outcome: PlaceOutcome) -> None:
        """Write down what became of an order. See `Journal.record_outcome`."""
        state, order_id, detail = _facts_of(outcome)
        parameters = (state, order_id, detail, order_hash, _json(_replaced_by(state)))
        with self._using() as connection:
            changed = connection.execute(_UPDATE, parameters).rowcount
        if not changed and self.find(order_hash) is None:
            raise _never_recorded(order_hash)

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        found = self._select("WHERE order_hash = ?", (order_hash,))
        return found[0] if found else None

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the newest entry that the caller gave this name; None if there is none."""
        found = self._select("WHERE client_order_id = ? ORDER BY sequence DESC LIMIT 1", (client_order_id,))
        return found[0] if found else None

    def entries(
        self, *, states: Collection[EntryState] = tuple(EntryState), maker: str | None = None
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first; of every wallet if `maker` is None."""
        condition = "WHERE state IN (SELECT value FROM json_each(?)) AND maker = coalesce(?, maker) ORDER BY sequence"
        return self._select(condition, (_json(states), maker))

    def close(self) -> None:
        """Close the file. May be repeated."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _select(self, condition: str, parameters: tuple[str | None, ...]) -> list[JournalEntry]:
        with self._using() as connection:
            rows = connection.execute(_SELECT + condition, parameters).fetchall()
        return [msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), JournalEntry) for row in rows]

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise Closed(f"the journal {self._path} is closed")
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalFailure(f"the journal {self._path} cannot be used: {error}") from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise JournalFailure(f"the journal {path} was written by a newer version of tegro; update this one")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if version < _VERSION:
        connection.executescript(f"BEGIN IMMEDIATE; {_CREATE} PRAGMA user_version = {_VERSION}; COMMIT;")


def _facts_of(outcome: PlaceOutcome) -> tuple[EntryState, str | None, str]:
    if isinstance(outcome, Accepted):
        return EntryState.ACCEPTED, outcome.order_id, ""
    if isinstance(outcome, Rejected):
        return EntryState.REJECTED, None, outcome.reason
    return EntryState.UNKNOWN, None, outcome.cause


def _replaced_by(state: EntryState) -> tuple[EntryState, ...]:
    """Return the states that this one may follow."""
    if state is EntryState.ACCEPTED:
        return (EntryState.SIGNED, EntryState.UNKNOWN, EntryState.REJECTED)
    return (EntryState.SIGNED, EntryState.UNKNOWN)


def _json(states: Collection[EntryState]) -> str:
    """Return states as one SQL parameter, for `json_each`."""
    return msgspec.json.encode(list(states)).decode()


def _already_recorded(order_hash: str) -> InvalidInput:
    return InvalidInput(f"an order with the hash {order_hash} was signed before; sign with another salt")


def _never_recorded(order_hash: str) -> InvalidInput:
    return InvalidInput(f"no order with the hash {order_hash} was recorded")
