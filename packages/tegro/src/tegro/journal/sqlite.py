"""A journal that survives."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import msgspec

from tegro.errors import Closed, JournalFailure
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
from tegro.outcome import Accepted, Resolution
from tegro.sqlite_files import use_write_ahead_log

_log = logging.getLogger(__name__)

type Durability = Literal["process", "power"]
"""What a written entry survives: the death of the process, or the loss of power too."""

_VERSION: Final = 2
_BUSY_TIMEOUT_SECS: Final = 2.0
ACCEPTANCE_SECS: Final = 0.05
"""How long acceptances are gathered before they are written."""
_LOG_PAGES: Final = 8000
"""Pages of 4 KiB in the log before SQLite folds it into the file: rarely, because that is done on the order path."""
_SYNCHRONOUS: Final[dict[Durability, str]] = {"process": "NORMAL", "power": "FULL"}

_CREATE: Final = """
CREATE TABLE orders (
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
CREATE INDEX orders_by_client_order_id ON orders (client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX orders_by_state ON orders (state);
"""
_ADD_RESOLUTION: Final = """
ALTER TABLE orders ADD COLUMN expiry_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN order_type TEXT NOT NULL DEFAULT 'limit';
ALTER TABLE orders ADD COLUMN cancel_wanted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN changed_at_ms INTEGER NOT NULL DEFAULT 0;
UPDATE orders SET
    expiry_time = CASE WHEN json_valid(raw_order_data)
        THEN CAST(coalesce(json_extract(raw_order_data, '$.expiryTime'), 0) AS INTEGER) ELSE 0 END,
    changed_at_ms = CASE WHEN state = 'signed' THEN 0 ELSE signed_at_ms END;
"""
_STEPS: Final = (_CREATE, _ADD_RESOLUTION)
"""What brings a file from each version to the next; a new file takes them all."""

_COLUMNS: Final = JournalEntry.__struct_fields__
_COLUMN_LIST: Final = ", ".join(_COLUMNS)
_INSERT: Final = f"INSERT INTO orders ({_COLUMN_LIST}) VALUES ({', '.join(':' + name for name in _COLUMNS)})"  # noqa: S608
_SELECT: Final = f"SELECT {_COLUMN_LIST} FROM orders "  # noqa: S608
_BY_STATE: Final = """
WHERE state IN (SELECT value FROM json_each(?)) AND maker = coalesce(?, maker) AND (NOT ? OR order_id IS NULL)
ORDER BY sequence
"""
_UPDATE: Final = """
UPDATE orders SET state = ?, order_id = coalesce(order_id, ?), detail = coalesce(?, detail), changed_at_ms = ?
WHERE order_hash = ? AND state IN (SELECT value FROM json_each(?))
"""
_WANT_CANCEL: Final = "UPDATE orders SET cancel_wanted = 1 WHERE order_hash = ? AND state != ?"
_COMPACT: Final = "DELETE FROM orders WHERE state IN (SELECT value FROM json_each(?)) AND changed_at_ms < ?"


type _Parameters = tuple[str | int | None, ...]


class SqliteJournal:
    """A journal in one SQLite file in write-ahead mode. Other processes may read and write it at the same time.

    A write takes some 50 to 100 microseconds (a few milliseconds each time SQLite folds its log into the file) and
    survives `kill -9` of the process. Two writers at once wait for each other, at most two seconds. Only its owner can
    read the file: it holds signatures of live orders. A file of an older version of this package is brought up to date.

    Inside an event loop acceptances are written together, up to `ACCEPTANCE_SECS` later; this object shows them at
    once. What must not be lost was written before the order was sent: an order that a killed process leaves as signed
    is looked for.

    Parameters
    ----------
    path
        The file; it and its folder are made if missing.
    durability
        `process` does not wait for the disk: a power failure may lose the last moments, never the older part. `power`
        waits for it at each write, which costs what the disk takes for that (`bench/journal.py` measures both).
    clock_ms
        Unix time in milliseconds.

    Raises
    ------
    JournalFailure
        If the file cannot be made, is no journal, or was written by a newer version of this package.
    """

    def __init__(self, path: Path, *, durability: Durability = "process", clock_ms: Callable[[], int] = now_ms) -> None:
        self._path = path
        self._clock_ms = clock_ms
        self._lock = threading.Lock()
        self._signed_here: set[str] = set()
        self._waiting: list[_Parameters] = []
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
        except OSError as error:
            raise JournalFailure(f"the journal {path} cannot be made: {error.strerror}") from error
        connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT_SECS, check_same_thread=False)
        try:
            _prepare(connection, path, durability)
        except sqlite3.Error as error:
            connection.close()
            raise JournalFailure(f"{path} cannot be used as a journal: {error}") from error
        except JournalFailure:
            connection.close()
            raise
        self._connection = connection

    def record_signed(self, entry: JournalEntry) -> None:
        """Write down a signed order. See `Journal.record_signed`."""
        with self._opened() as connection:
            require_recordable(entry)
            try:
                connection.execute(_INSERT, msgspec.to_builtins(entry))
            except sqlite3.IntegrityError:
                raise already_recorded(entry.order_hash) from None
            self._signed_here.add(entry.order_hash)

    def record_outcome(self, order_hash: str, outcome: Resolution) -> None:
        """Write down what became of an order. See `Journal.record_outcome`."""
        change = change_by(outcome)
        loop = _running_loop() if isinstance(outcome, Accepted) and self._connection is not None else None
        if loop is not None and order_hash in self._signed_here:
            with self._lock:
                self._waiting.append(self._parameters_of(order_hash, change))
                is_first = len(self._waiting) == 1
            if is_first:
                loop.call_later(ACCEPTANCE_SECS, self._write_now)
        else:
            self._apply(order_hash, change)
        self._signed_here.discard(order_hash)

    def record_ended(self, order_hash: str) -> None:
        """Write down that an accepted order is over. See `Journal.record_ended`."""
        self._apply(order_hash, ENDING)

    def want_cancel(self, order_hash: str) -> None:
        """Write down that an order is to be cancelled. See `Journal.want_cancel`."""
        self._change(order_hash, _WANT_CANCEL, (order_hash, EntryState.ENDED))

    def find(self, order_hash: str) -> JournalEntry | None:
        """Return the entry of an order, or None if this journal has not seen it."""
        found = self._select("WHERE order_hash = ?", (order_hash,))
        return found[0] if found else None

    def find_by_client_order_id(self, client_order_id: str) -> JournalEntry | None:
        """Return the newest entry that the caller gave this name; None if there is none."""
        found = self._select("WHERE client_order_id = ? ORDER BY sequence DESC LIMIT 1", (client_order_id,))
        return found[0] if found else None

    def entries(
        self,
        *,
        states: Collection[EntryState] = tuple(EntryState),
        maker: str | None = None,
        without_id: bool = False,
    ) -> list[JournalEntry]:
        """Return the entries in these states, oldest first. See `Journal.entries`."""
        return self._select(_BY_STATE, (_json(frozenset(states)), maker, int(without_id)))

    def compact(self, before_ms: int) -> int:
        """Remove what was over before a time, and give the space back to the disk. See `Journal.compact`.

        While another process is using the file, the space is kept for later entries instead.
        """
        with self._using() as connection:
            removed = connection.execute(_COMPACT, (_json(OVER), before_ms)).rowcount
            _give_back_space(connection)
        return removed

    def close(self) -> None:
        """Close the file. May be repeated."""
        self._write_now()
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _apply(self, order_hash: str, change: Change) -> None:
        self._change(order_hash, _UPDATE, self._parameters_of(order_hash, change))

    def _parameters_of(self, order_hash: str, change: Change) -> _Parameters:
        return change.state, change.order_id, change.detail, self._clock_ms(), order_hash, _json(change.after)

    def _write_now(self) -> None:
        """Write what waits. It goes on waiting where that fails; nobody is there to be told but the log."""
        if not self._waiting:
            return
        try:
            with self._using():
                pass
        except (JournalFailure, Closed) as error:
            _log.error("%d acceptances are not written down yet: %s", len(self._waiting), error)

    def _change(self, order_hash: str, statement: str, parameters: _Parameters) -> None:
        with self._using() as connection:
            changed = connection.execute(statement, parameters).rowcount
        if not changed and self.find(order_hash) is None:
            raise never_recorded(order_hash)

    def _select(self, condition: str, parameters: _Parameters) -> list[JournalEntry]:
        with self._using() as connection:
            rows = connection.execute(_SELECT + condition, parameters).fetchall()
        return [_entry_of(row) for row in rows]

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Give the connection with nothing waiting any more."""
        with self._opened() as connection:
            if self._waiting:
                with _transaction(connection):
                    connection.executemany(_UPDATE, self._waiting)
                self._waiting.clear()
            yield connection

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise Closed(f"the journal {self._path} is closed")
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise JournalFailure(f"the journal {self._path} cannot be used: {error}") from error


def read_entries(path: Path) -> list[JournalEntry]:
    """Return all entries of a journal's file, oldest first. Nothing is written: a bot may have it open meanwhile.

    A file of an older version is read as it is; what it does not have yet keeps its default.

    Raises
    ------
    JournalFailure
        If the file is not there, is no journal, or was written by a newer version of this package.
    """
    try:
        address = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_SECS)) as connection:
            if not _require_known_version(connection, path):
                return []
            rows = connection.execute("SELECT * FROM orders ORDER BY sequence")
            columns = [name for name, *_ in rows.description]
            return [_entry_of(row, columns) for row in rows]
    except (sqlite3.Error, msgspec.ValidationError) as error:
        raise JournalFailure(f"{path} cannot be read as a journal: {error}") from error


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    _require_known_version(connection, path)
    use_write_ahead_log(connection, _BUSY_TIMEOUT_SECS)
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
    connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
    if _version_of(connection) == _VERSION:
        return
    # The version is read again under the lock: two programs may open an old file at the same time.
    connection.execute("BEGIN IMMEDIATE")
    for step in _STEPS[_require_known_version(connection, path) :]:
        for statement in step.strip().removesuffix(";").split(";"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _require_known_version(connection: sqlite3.Connection, path: Path) -> int:
    version = _version_of(connection)
    if version > _VERSION:
        raise JournalFailure(f"the journal {path} was written by a newer version of tegro; update this one")
    return version


def _version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _give_back_space(connection: sqlite3.Connection) -> None:
    """Shrink the file and its log, unless somebody else is using them: nobody is made to wait for this."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        with suppress(sqlite3.OperationalError):
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_SECS * 1000)}")


def _entry_of(row: tuple[object, ...], columns: Sequence[str] = _COLUMNS) -> JournalEntry:
    fields = dict(zip(columns, row, strict=True))
    return msgspec.convert(fields | {"cancel_wanted": bool(fields.get("cancel_wanted"))}, JournalEntry)


@lru_cache(maxsize=64)
def _json(states: frozenset[EntryState]) -> str:
    """Return states as one SQL parameter, for `json_each`."""
    return msgspec.json.encode(list(states)).decode()
