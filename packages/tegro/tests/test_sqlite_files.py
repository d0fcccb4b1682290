"""Two programs that open one new file at the same time."""

import sqlite3

import pytest

from tegro.sqlite_files import use_write_ahead_log


@pytest.fixture
def connect(tmp_path):
    connections = []

    def make():
        connections.append(sqlite3.connect(tmp_path / "file", isolation_level=None, timeout=0))
        return connections[-1]

    yield make
    for connection in connections:
        connection.close()


def test_it_waits_for_the_other_program(connect):
    ours, other = connect(), connect()
    other.execute("BEGIN EXCLUSIVE")
    pauses = []

    def sleep(pause_secs):
        pauses.append(pause_secs)
        if len(pauses) == 3:
            other.execute("COMMIT")

    use_write_ahead_log(ours, 1.0, sleep=sleep)
    assert len(pauses) == 3
    assert ours.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    use_write_ahead_log(ours, 1.0, sleep=sleep)
    assert len(pauses) == 3


def test_it_does_not_wait_for_ever(connect):
    ours, other = connect(), connect()
    other.execute("BEGIN EXCLUSIVE")
    pauses = []
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        use_write_ahead_log(ours, 0.05, sleep=pauses.append)
    assert len(pauses) == 5


def test_a_file_that_is_no_database_is_not_waited_for(tmp_path):
    (tmp_path / "file").write_bytes(b"no database at all, and long enough to be looked at" * 20)
    connection = sqlite3.connect(tmp_path / "file")
    with pytest.raises(sqlite3.DatabaseError):
        use_write_ahead_log(connection, 1.0)
    connection.close()
