"""What the files of journal and candle store have in common."""

import sqlite3
import time
from collections.abc import Callable
from typing import Final

_PAUSE_SECS: Final = 0.01


def use_write_ahead_log(
    connection: sqlite3.Connection, timeout_secs: float, *, sleep: Callable[..., None] = time.sleep
) -> None:
    """Put a file into write-ahead mode, in which readers and a writer do not wait for each other. May be repeated.

    SQLite does not wait for another program that is doing the same at this moment, so this does.

    Raises
    ------
    sqlite3.Error
        If the file cannot be used, or the other program holds it for longer than `timeout_secs`.
    """
    for attempts_left in reversed(range(int(timeout_secs / _PAUSE_SECS) + 1)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not attempts_left:
                raise
            sleep(_PAUSE_SECS)
        else:
            return
