"""The journal on disk: written before the call returns, alive after kill -9, of two versions."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys

import msgspec
import pytest
from journal_entries import (
    CHANGED_AT_MS,
    HASH,
    REJECTED,
    WALLET,
    accepted,
    clock,
    entry,
)

from tegro.errors import JournalFailure
from tegro.journal import EntryState, SqliteJournal


def test_a_reopened_journal_has_everything(path):
    first = SqliteJournal(path, clock_ms=clock)
    first.record_signed(entry(expiry_time=1_720_458_999, order_type="limit_maker"))
    first.want_cancel(HASH)
    first.record_outcome(HASH, accepted())
    first.close()
    again = SqliteJournal(path)
    assert again.find(HASH) == entry(
        state=EntryState.ACCEPTED,
        order_id=accepted().order_id,
        expiry_time=1_720_458_999,
        order_type="limit_maker",
        cancel_wanted=True,
        changed_at_ms=CHANGED_AT_MS,
    )
    again.close()


KILLED = """
import os, signal, sys
from pathlib import Path
import msgspec
from tegro.journal import JournalEntry, SqliteJournal
from tegro.outcome import Unknown

journal = SqliteJournal(Path(sys.argv[1]), clock_ms=lambda: 7)
for text in sys.argv[2:]:
    entry = msgspec.json.decode(text, type=JournalEntry)
    journal.record_signed(entry)
journal.record_outcome(entry.order_hash, Unknown(order_hash=entry.order_hash, cause="killed"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_it_recorded(path):
    written = [entry(f"0x{number:02x}") for number in range(20)]
    texts = [msgspec.json.encode(one).decode() for one in written]
    result = subprocess.run([sys.executable, "-c", KILLED, str(path), *texts], check=False, timeout=60)
    assert result.returncode == -signal.SIGKILL
    survivor = SqliteJournal(path)
    assert survivor.entries(states=[EntryState.SIGNED]) == written[:-1]
    assert survivor.find("0x13") == entry("0x13", state=EntryState.UNKNOWN, detail="killed", changed_at_ms=7)
    survivor.record_signed(entry("0xff"))
    survivor.close()


def test_a_reader_and_a_second_writer_work_beside_the_first(path):
    first, second = SqliteJournal(path), SqliteJournal(path)
    for number in range(20):
        first.record_signed(entry(f"0xa{number}"))
        assert second.find(f"0xa{number}") is not None
        second.record_signed(entry(f"0xb{number}"))
        assert first.find(f"0xb{number}") is not None
    assert len(first.entries()) == len(second.entries()) == 40
    first.close()
    second.close()


def test_a_reader_is_not_stopped_by_an_open_write(path):
    journal = SqliteJournal(path)
    journal.record_signed(entry())
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert journal.find(HASH) == entry()
    writer.execute("ROLLBACK")
    writer.close()
    journal.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file modes")
def test_only_the_owner_can_read_the_files(path):
    journal = SqliteJournal(path)
    journal.record_signed(entry())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    journal.close()
    assert modes.keys() >= {"journal.sqlite", "journal.sqlite-wal"}
    assert set(modes.values()) == {0o600}


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_text("my shopping list, which is long enough to be no database header at all " * 20)
    before = path.read_bytes()
    with pytest.raises(JournalFailure, match="cannot be used as a journal: file is not a database"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(path):
    SqliteJournal(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(JournalFailure, match="was written by a newer version of tegro; update this one"):
        SqliteJournal(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFailure, match="cannot be made: "):
        SqliteJournal(tmp_path / "file" / "journal.sqlite")


def test_a_write_that_fails_is_no_bare_database_error(path):
    journal = SqliteJournal(path)
    journal.record_signed(entry())
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE orders")
    connection.close()
    with pytest.raises(JournalFailure, match="cannot be used: no such table: orders"):
        journal.record_signed(entry("0x01"))
    journal.close()


# What only the file has


def test_compacting_gives_the_space_back(path):
    journal = SqliteJournal(path, clock_ms=clock)
    for number in range(2000):
        journal.record_signed(entry(f"0x{number:064x}"))
        journal.record_outcome(f"0x{number:064x}", REJECTED)
    assert journal.compact(CHANGED_AT_MS + 1) == 2000
    assert path.stat().st_size < 100_000
    assert path.with_name("journal.sqlite-wal").stat().st_size == 0
    journal.record_signed(entry())
    assert journal.entries() == [entry()]
    journal.close()


def test_compacting_waits_for_nobody(path):
    journal = SqliteJournal(path, clock_ms=clock)
    journal.record_signed(entry())
    journal.record_outcome(HASH, REJECTED)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    assert journal.compact(CHANGED_AT_MS + 1) == 1
    assert reader.execute("SELECT count(*) FROM orders").fetchone() == (1,)
    reader.close()
    assert journal.entries() == []
    journal.close()


@pytest.mark.parametrize(("durability", "level"), [("process", 1), ("power", 2)])
def test_durability_decides_whether_a_write_waits_for_the_disk(path, durability, level):
    # The numbers are SQLite's: 1 is NORMAL, 2 is FULL (https://sqlite.org/pragma.html#pragma_synchronous).
    journal = SqliteJournal(path, durability=durability)
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (level,)
    assert journal._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.record_signed(entry())
    assert journal.find(HASH) == entry()
    journal.close()


VERSION_1 = """
CREATE TABLE orders (
    sequence INTEGER PRIMARY KEY, order_hash TEXT NOT NULL UNIQUE, maker TEXT NOT NULL COLLATE NOCASE,
    chain_id INTEGER NOT NULL, market_id TEXT NOT NULL, client_order_id TEXT, raw_order_data TEXT NOT NULL,
    signature TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL, quantity TEXT NOT NULL,
    signed_at_ms INTEGER NOT NULL, state TEXT NOT NULL, order_id TEXT, detail TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_client_order_id ON orders (client_order_id) WHERE client_order_id IS NOT NULL;
CREATE INDEX orders_by_state ON orders (state);
PRAGMA user_version = 1;
"""
"""What version 0.1 of this package wrote."""


def make_version_1(path, *rows):
    path.parent.mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA journal_mode = WAL;" + VERSION_1)
    for number, (raw_order_data, state, order_id) in enumerate(rows):
        values = (
            *(f"0x{number:02x}", WALLET, 80002, "80002_base_quote", f"HBOT-{number}", raw_order_data, "0x88c9", "sell"),
            *("3490.10", "3.9999", 1_720_458_258_123, state, order_id, "told"),
        )
        names = (
            "order_hash, maker, chain_id, market_id, client_order_id, raw_order_data, signature, side, price, quantity"
        )
        statement = f"INSERT INTO orders ({names}, signed_at_ms, state, order_id, detail) VALUES ({'?,' * 13}?)"
        connection.execute(statement, values)
    connection.close()


def test_a_journal_of_version_1_is_brought_up_to_date(path):
    old = [
        ('{"expiryTime":"0","salt":"1"}', "signed", None),
        ('{"expiryTime":"1720459999"}', "accepted", "id-1"),
        ('{"salt":"without an expiry"}', "rejected", None),
        ("no JSON", "unknown", None),
    ]
    make_version_1(path, *old)
    journal = SqliteJournal(path)
    expected = [
        entry(
            f"0x{number:02x}",
            client_order_id=f"HBOT-{number}",
            raw_order_data=raw_order_data,
            state=EntryState(state),
            order_id=order_id,
            detail="told",
            expiry_time=1720459999 if "1720459999" in raw_order_data else 0,
            changed_at_ms=0 if state == "signed" else 1_720_458_258_123,
        )
        for number, (raw_order_data, state, order_id) in enumerate(old)
    ]
    assert journal.entries() == expected
    journal.record_outcome("0x03", accepted("0x03"))
    journal.close()
    again = SqliteJournal(path)
    assert [found.state for found in again.entries()] == ["signed", "accepted", "rejected", "accepted"]
    again.close()


def test_two_programs_that_open_an_old_journal_at_once_bring_it_up_to_date_once(path):
    make_version_1(path, ("{}", "signed", None))
    script = "import sys, pathlib, tegro; tegro.SqliteJournal(pathlib.Path(sys.argv[1])).close()"
    programs = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(4)]
    assert [program.wait(timeout=60) for program in programs] == [0, 0, 0, 0]
    journal = SqliteJournal(path)
    assert len(journal.entries()) == 1
    journal.close()


def test_somebody_elses_database_is_refused_and_left_alone(path):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (pizza TEXT)")
    connection.close()
    with pytest.raises(JournalFailure, match="cannot be used as a journal: table orders already exists"):
        SqliteJournal(path)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (0,)
    assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == [("CREATE TABLE orders (pizza TEXT)",)]
    connection.close()
