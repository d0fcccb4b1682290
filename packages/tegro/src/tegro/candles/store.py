"""A local store of trades and chart bars, and of the times in which nothing was missed.

What the venue still shows reaches back only so far. What this store has seen stays, so that history grows with each
run.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from tegro.candles.candle import Candle, SeenTrade
from tegro.candles.interval import Interval
from tegro.candles.spans import Span, Spans
from tegro.errors import Closed, StoreFailure
from tegro.sqlite_files import use_write_ahead_log

_VERSION: Final = 1
_BUSY_TIMEOUT_SECS: Final = 5.0
_TRADES: Final = "trades"
"""Source of the times in which every trade was seen; the other sources are the words of the intervals."""
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS trades (
    sequence INTEGER PRIMARY KEY,
    market_id TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    price TEXT NOT NULL,
    quantity TEXT NOT NULL,
    UNIQUE (market_id, trade_id)
) STRICT;
CREATE INDEX IF NOT EXISTS trades_by_time ON trades (market_id, timestamp_ms);
CREATE TABLE IF NOT EXISTS bars (
    market_id TEXT NOT NULL,
    interval TEXT NOT NULL,
    open_time_ms INTEGER NOT NULL,
    close_time_ms INTEGER NOT NULL,
    open TEXT NOT NULL,
    high TEXT NOT NULL,
    low TEXT NOT NULL,
    close TEXT NOT NULL,
    base_volume TEXT,
    quote_volume TEXT,
    PRIMARY KEY (market_id, interval, open_time_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spans (
    market_id TEXT NOT NULL,
    source TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    PRIMARY KEY (market_id, source, start_ms)
) STRICT, WITHOUT ROWID;
"""
_ADD_TRADE: Final = """
INSERT INTO trades (market_id, trade_id, timestamp_ms, price, quantity) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_ADD_BAR: Final = "INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DROP_TRADE: Final = "DELETE FROM trades WHERE market_id = ? AND trade_id = ?"
_TRADES_BETWEEN: Final = """
SELECT trade_id, timestamp_ms, price, quantity FROM trades
WHERE market_id = ? AND timestamp_ms >= ? AND timestamp_ms < ? ORDER BY timestamp_ms, sequence
"""
_LAST_TRADE_BEFORE: Final = """
SELECT trade_id, timestamp_ms, price, quantity FROM trades
WHERE market_id = ? AND timestamp_ms < ? ORDER BY timestamp_ms DESC, sequence DESC LIMIT 1
"""
_BARS_BETWEEN: Final = """
SELECT open_time_ms, close_time_ms, open, high, low, close, base_volume, quote_volume FROM bars
WHERE market_id = ? AND interval = ? AND open_time_ms >= ? AND open_time_ms < ? ORDER BY open_time_ms
"""
_BAR_MEMBERS: Final = (
    *("open_time_ms", "close_time_ms", "open", "high", "low", "close"),
    *("base_volume", "quote_volume"),
)


class CandleStore:
    """Trades and closed chart bars of any number of markets, in one SQLite file in write-ahead mode.

    Several processes may use the file at once. Markets are told apart by their id, which names chain and tokens but not
    the venue: keep one file per environment, and none for a localnet, which forgets its trades at each start.

    Every method raises `Closed` after `close`, and `StoreFailure` if the file cannot be read or written.

    Parameters
    ----------
    path
        The file; it and its folder are made if missing. None keeps everything in memory.

    Raises
    ------
    StoreFailure
        If the file cannot be made, is no such store, or was written by a newer version of this package.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._name = "in memory" if path is None else str(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                ":memory:" if path is None else path,
                isolation_level=None,
                timeout=_BUSY_TIMEOUT_SECS,
                check_same_thread=False,
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreFailure(f"the candle store {self._name} cannot be made: {error}") from None
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreFailure(f"{self._name} cannot be used as a candle store: {error}") from None
        except StoreFailure:
            connection.close()
            raise
        self._connection = connection

    def add_trades(self, market_id: str, trades: Iterable[SeenTrade], observed: Span | None = None) -> list[SeenTrade]:
        """Keep trades, each once by its id, and say in which time none was missed; None adds no such time.

        May be repeated. Trades of one millisecond keep the order in which they were added, and of those that are added
        together, the order in which they were given: a list tells how they matched, where a stream had a gap.

        Returns
        -------
        list of SeenTrade
            Those that were not there before.
        """
        with self._writing() as connection:
            fresh: list[SeenTrade] = []
            for trade in trades:
                if connection.execute(_ADD_TRADE, _trade_row(market_id, trade)).rowcount:
                    fresh.append(trade)
                elif fresh and fresh[-1].timestamp_ms == trade.timestamp_ms:
                    # It was known already, but one that matched before it was not: move it behind.
                    connection.execute(_DROP_TRADE, (market_id, trade.trade_id))
                    connection.execute(_ADD_TRADE, _trade_row(market_id, trade))
            _add_span(connection, market_id, _TRADES, observed)
        return fresh

    def add_bars(self, market_id: str, interval: Interval, bars: Iterable[Candle], observed: Span) -> None:
        """Keep closed bars of the venue's chart, and say in which time none was missed. May be repeated."""
        with self._writing() as connection:
            connection.executemany(_ADD_BAR, (_bar_row(market_id, interval, bar) for bar in bars))
            _add_span(connection, market_id, interval, observed)

    def trades(self, market_id: str, start_ms: int, end_ms: int) -> list[SeenTrade]:
        """Return the trades from one moment up to another, oldest first."""
        return [_trade_of(row) for row in self._rows(_TRADES_BETWEEN, (market_id, start_ms, end_ms))]

    def last_trade_before(self, market_id: str, time_ms: int) -> SeenTrade | None:
        """Return the last trade before a moment; None where there is none."""
        rows = self._rows(_LAST_TRADE_BEFORE, (market_id, time_ms))
        return _trade_of(rows[0]) if rows else None

    def bars(self, market_id: str, interval: Interval, start_ms: int, end_ms: int) -> list[Candle]:
        """Return the chart's bars that open from one moment up to another, oldest first."""
        return [_bar_of(row) for row in self._rows(_BARS_BETWEEN, (market_id, interval, start_ms, end_ms))]

    def traded_spans(self, market_id: str) -> Spans:
        """Return the times in which every trade was seen."""
        return self._spans_of(market_id, _TRADES)

    def charted_spans(self, market_id: str, interval: Interval) -> Spans:
        """Return the times in which every bar of the chart was seen."""
        return self._spans_of(market_id, interval)

    def forget_trades_before(self, market_id: str, time_ms: int) -> None:
        """Drop the trades before a moment, and with them the claim to have seen that time."""
        with self._writing() as connection:
            connection.execute("DELETE FROM trades WHERE market_id = ? AND timestamp_ms < ?", (market_id, time_ms))
            kept = [
                Span(max(span.start_ms, time_ms), span.end_ms) for span in _read_spans(connection, market_id, _TRADES)
            ]
            _write_spans(connection, market_id, _TRADES, Spans(kept))

    def close(self) -> None:
        """Close the file. May be repeated."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise StoreFailure(
                f"the candle store {self._name} was written by a newer version of tegro; update this one"
            )
        use_write_ahead_log(connection, _BUSY_TIMEOUT_SECS)
        connection.execute("PRAGMA synchronous = NORMAL")
        if version < _VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {_CREATE} PRAGMA user_version = {_VERSION}; COMMIT;")

    def _spans_of(self, market_id: str, source: str) -> Spans:
        with self._using() as connection:
            return _read_spans(connection, market_id, source)

    def _rows(self, query: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        with self._using() as connection:
            return connection.execute(query, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: a time is never said to be seen whose trades are not there."""
        with self._using() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                raise Closed(f"the candle store {self._name} is closed")
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise StoreFailure(f"the candle store {self._name} cannot be used: {error}") from None


def _add_span(connection: sqlite3.Connection, market_id: str, source: str, span: Span | None) -> None:
    if span is not None:
        known = _read_spans(connection, market_id, source)
        _write_spans(connection, market_id, source, known | Spans([span]))


def _read_spans(connection: sqlite3.Connection, market_id: str, source: str) -> Spans:
    query = "SELECT start_ms, end_ms FROM spans WHERE market_id = ? AND source = ?"
    return Spans(Span(start_ms, end_ms) for start_ms, end_ms in connection.execute(query, (market_id, source)))


def _write_spans(connection: sqlite3.Connection, market_id: str, source: str, spans: Spans) -> None:
    connection.execute("DELETE FROM spans WHERE market_id = ? AND source = ?", (market_id, source))
    rows = [(market_id, source, span.start_ms, span.end_ms) for span in spans]
    connection.executemany("INSERT INTO spans VALUES (?, ?, ?, ?)", rows)


def _trade_row(market_id: str, trade: SeenTrade) -> tuple[object, ...]:
    return (market_id, trade.trade_id, trade.timestamp_ms, str(trade.price), str(trade.quantity))


def _bar_row(market_id: str, interval: Interval, bar: Candle) -> tuple[object, ...]:
    prices = (str(bar.open), str(bar.high), str(bar.low), str(bar.close))
    volumes = (None if volume is None else str(volume) for volume in (bar.base_volume, bar.quote_volume))
    return (market_id, interval, bar.open_time_ms, bar.close_time_ms, *prices, *volumes)


def _trade_of(row: tuple[object, ...]) -> SeenTrade:
    return msgspec.convert(dict(zip(SeenTrade.__struct_fields__, row, strict=True)), SeenTrade)


def _bar_of(row: tuple[object, ...]) -> Candle:
    members = dict(zip(_BAR_MEMBERS, row, strict=True))
    return msgspec.convert(members | {"trades": None, "is_closed": True}, Candle)
