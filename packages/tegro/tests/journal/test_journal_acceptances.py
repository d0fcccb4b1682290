"""Acceptances inside an event loop: gathered for a moment, seen at once, never lost."""

import asyncio
import contextlib
import sqlite3

import pytest
from journal_entries import (
    HASH,
    accepted,
    clock,
    entry,
)

from tegro.errors import Closed, InvalidInput
from tegro.journal import EntryState, SqliteJournal
from tegro.journal.sqlite import ACCEPTANCE_SECS

# Acceptances inside an event loop


@pytest.fixture
def sqlite_journal(path):
    opened = SqliteJournal(path, clock_ms=clock)
    yield opened
    opened.close()


async def until(is_so):
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110  another connection sees it, which gives no sign
            await asyncio.sleep(ACCEPTANCE_SECS)


def state_in_file(path, order_hash=HASH):
    """Return what another program sees."""
    connection = sqlite3.connect(path)
    ((state,),) = connection.execute("SELECT state FROM orders WHERE order_hash = ?", (order_hash,)).fetchall()
    connection.close()
    return state


async def test_acceptances_are_gathered_for_a_moment_and_seen_here_at_once(sqlite_journal, path):
    other = HASH[:-1] + "5"
    for order_hash in (HASH, other):
        sqlite_journal.record_signed(entry(order_hash))
        sqlite_journal.record_outcome(order_hash, accepted(order_hash))
    assert (state_in_file(path), state_in_file(path, other)) == ("signed", "signed")
    await until(lambda: {state_in_file(path), state_in_file(path, other)} == {"accepted"})
    again = HASH[:-1] + "6"
    sqlite_journal.record_signed(entry(again))
    sqlite_journal.record_outcome(again, accepted(again))
    assert sqlite_journal.find(again).state is EntryState.ACCEPTED
    assert state_in_file(path, again) == "accepted"


async def test_a_refused_second_recording_does_not_lose_the_acceptance(sqlite_journal, path):
    sqlite_journal.record_signed(entry())
    sqlite_journal.record_outcome(HASH, accepted())
    with pytest.raises(InvalidInput, match="sign with another salt"):
        sqlite_journal.record_signed(entry())
    assert sqlite_journal.find(HASH).state is EntryState.ACCEPTED
    assert state_in_file(path) == "accepted"


async def test_closing_writes_what_waits(path):
    journal = SqliteJournal(path)
    journal.record_signed(entry())
    journal.record_outcome(HASH, accepted())
    journal.close()
    assert state_in_file(path) == "accepted"


async def test_an_acceptance_that_cannot_be_written_waits_on_and_is_said(sqlite_journal, path, caplog):
    sqlite_journal.record_signed(entry())
    refuse = "CREATE TRIGGER refuse BEFORE UPDATE ON orders BEGIN SELECT RAISE(ABORT, 'not now'); END"
    sqlite_journal._connection.execute(refuse)
    sqlite_journal.record_outcome(HASH, accepted())
    await until(lambda: "1 acceptances are not written down yet" in caplog.text)
    assert state_in_file(path) == "signed"
    sqlite_journal._connection.execute("DROP TRIGGER refuse")
    assert sqlite_journal.find(HASH).state is EntryState.ACCEPTED
    assert state_in_file(path) == "accepted"


async def test_an_acceptance_of_an_order_that_was_signed_elsewhere_is_written_at_once(sqlite_journal, path):
    with contextlib.closing(SqliteJournal(path)) as elsewhere:
        elsewhere.record_signed(entry())
    sqlite_journal.record_outcome(HASH, accepted())
    assert state_in_file(path) == "accepted"
    with pytest.raises(InvalidInput, match="was recorded"):
        sqlite_journal.record_outcome("0x00", accepted("0x00"))


async def test_a_closed_journal_takes_no_acceptance(sqlite_journal):
    sqlite_journal.record_signed(entry())
    sqlite_journal.close()
    with pytest.raises(Closed):
        sqlite_journal.record_outcome(HASH, accepted())
