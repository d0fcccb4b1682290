"""A journal is read without a trace, by somebody who must not write."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from tegro.errors import JournalFailure
from tegro.journal import JournalEntry, SqliteJournal, read_entries
from tegro.model import Side

OLD_COLUMNS = ("expiry_time", "order_type", "cancel_wanted", "changed_at_ms")
"""What the first version did not have."""


def entry(number):
    return JournalEntry(
        order_hash=f"0x{number:064x}",
        maker="0x" + "11" * 20,
        chain_id=31337,
        market_id="m",
        client_order_id=f"order-{number}",
        raw_order_data="{}",
        signature="0x",
        side=Side.SELL,
        price=Decimal("0.123456789"),
        quantity=Decimal(number),
        signed_at_ms=number,
    )


@pytest.fixture
def path(tmp_path):
    """Return a journal with two entries, in a form in which to open it for writing changes the file."""
    file = tmp_path / "journal.sqlite"
    journal = SqliteJournal(file)
    for number in (1, 2):
        journal.record_signed(entry(number))
    journal.close()
    change(file, "PRAGMA journal_mode = DELETE")
    return file


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def state_of(path):
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}


def test_what_was_written_is_read_and_the_folder_stays_as_it_is(path):
    before = state_of(path)
    assert read_entries(path) == [entry(1), entry(2)]
    assert state_of(path) == before


def test_the_check_of_the_folder_sees_somebody_who_opens_the_file_for_writing(path):
    before = state_of(path)
    SqliteJournal(path).close()
    assert state_of(path) != before


def test_a_file_of_the_first_version_is_read_as_it_is(path):
    change(path, *(f"ALTER TABLE orders DROP COLUMN {name}" for name in OLD_COLUMNS), "PRAGMA user_version = 1")
    before = state_of(path)
    assert read_entries(path) == [entry(1), entry(2)]
    assert state_of(path) == before


def test_entries_that_are_only_in_the_log_of_an_open_journal_are_read(path):
    journal = SqliteJournal(path)
    journal.record_signed(entry(3))
    assert [read.signed_at_ms for read in read_entries(path)] == [1, 2, 3]
    journal.close()


def test_a_new_file_is_empty_and_a_missing_one_is_not_made(tmp_path):
    (tmp_path / "new.sqlite").touch()
    assert read_entries(tmp_path / "new.sqlite") == []
    missing = tmp_path / "missing.sqlite"
    with pytest.raises(JournalFailure, match=r"missing\.sqlite cannot be read as a journal"):
        read_entries(missing)
    assert not missing.exists()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA user_version = 99", "was written by a newer version of tegro"),
        ("DROP TABLE orders", "no such table: orders"),
        ("UPDATE orders SET price = 'much'", "cannot be read as a journal"),
    ],
)
def test_what_is_no_journal_of_ours_is_one_sentence(path, statement, said):
    change(path, statement)
    with pytest.raises(JournalFailure, match=said):
        read_entries(path)
