"""What the journal promises: written before the call returns, alive after kill -9, one final state."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from decimal import Decimal

import msgspec
import pytest

from tegro.errors import Closed, InvalidInput, JournalFailure
from tegro.journal import EntryState, JournalEntry, MemoryJournal, SqliteJournal
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Accepted, Rejected, Unknown

HASH = "0x0efbee7259793bc991b0aa5746c590af742f4291bec74349f4b6af33e3dbacd4"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def entry(order_hash=HASH, **changes):
    fields = {
        "order_hash": order_hash,
        "maker": WALLET,
        "chain_id": 80002,
        "market_id": "80002_base_quote",
        "client_order_id": "HBOT-1",
        "raw_order_data": '{"salt":"277564373322"}',
        "signature": "0x88c9",
        "side": Side.SELL,
        "price": Decimal("3490.10"),
        "quantity": Decimal("3.9999"),
        "signed_at_ms": 1_720_458_258_123,
    }
    return JournalEntry(**{**fields, **changes})


def accepted(order_hash=HASH, order_id="05881667-3bd3-4fc0-8b0e-db71c8a8fc99"):
    order = Order(
        order_id=order_id,
        order_hash=order_hash,
        market_id="80002_base_quote",
        side=Side.SELL,
        price=Decimal("3490.10"),
        quantity=Decimal("3.9999"),
        filled=Decimal(0),
        pending=Decimal(0),
        average_price=Decimal(0),
        status=OrderStatus.OPEN,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=0,
    )
    return Accepted(order_hash=order_hash, order_id=order_id, order=order)


REJECTED = Rejected(order_hash=HASH, reason="insufficient allowance")
UNKNOWN = Unknown(order_hash=HASH, cause="timeout after 10 s")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, path):
    opened = MemoryJournal() if request.param == "memory" else SqliteJournal(path)
    yield opened
    opened.close()


def test_an_entry_is_found_by_its_hash_exactly_as_it_was(journal):
    journal.record_signed(entry())
    found = journal.find(HASH)
    assert found == entry()
    assert str(found.price) == "3490.10"
    assert journal.find("0x00") is None


def test_an_entry_is_found_by_the_callers_name(journal):
    journal.record_signed(entry())
    journal.record_outcome(HASH, accepted())
    found = journal.find_by_client_order_id("HBOT-1")
    assert (found.order_hash, found.order_id) == (HASH, accepted().order_id)
    assert journal.find_by_client_order_id("HBOT-2") is None


def test_the_newest_entry_of_a_name_is_found(journal):
    for order_hash in ("0x02", "0x01"):
        journal.record_signed(entry(order_hash))
    assert journal.find_by_client_order_id("HBOT-1").order_hash == "0x01"


def test_an_order_without_a_name(journal):
    journal.record_signed(entry(client_order_id=None))
    assert journal.find(HASH).client_order_id is None


def test_the_same_order_is_not_recorded_twice(journal):
    journal.record_signed(entry())
    journal.record_outcome(HASH, accepted())
    with pytest.raises(InvalidInput, match=f"an order with the hash {HASH} was signed before; sign with another salt"):
        journal.record_signed(entry())
    assert journal.find(HASH).state is EntryState.ACCEPTED


@pytest.mark.parametrize(
    ("outcome", "state", "order_id", "detail"),
    [
        (accepted(), EntryState.ACCEPTED, accepted().order_id, ""),
        (REJECTED, EntryState.REJECTED, None, "insufficient allowance"),
        (UNKNOWN, EntryState.UNKNOWN, None, "timeout after 10 s"),
    ],
)
def test_an_outcome_is_kept(journal, outcome, state, order_id, detail):
    journal.record_signed(entry())
    journal.record_outcome(HASH, outcome)
    journal.record_outcome(HASH, outcome)
    assert journal.find(HASH) == entry(state=state, order_id=order_id, detail=detail)


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [
        (UNKNOWN, accepted(), EntryState.ACCEPTED),
        (UNKNOWN, REJECTED, EntryState.REJECTED),
        (REJECTED, accepted(), EntryState.ACCEPTED),
        (REJECTED, UNKNOWN, EntryState.REJECTED),
        (accepted(), UNKNOWN, EntryState.ACCEPTED),
        (accepted(), REJECTED, EntryState.ACCEPTED),
    ],
)
def test_what_is_certain_does_not_give_way(journal, first, second, state):
    journal.record_signed(entry())
    journal.record_outcome(HASH, first)
    journal.record_outcome(HASH, second)
    assert journal.find(HASH).state is state


def test_an_outcome_of_an_order_that_was_not_recorded_is_refused(journal):
    with pytest.raises(InvalidInput, match=f"no order with the hash {HASH} was recorded"):
        journal.record_outcome(HASH, UNKNOWN)


def test_entries_by_state_and_wallet_oldest_first(journal):
    journal.record_signed(entry("0x03"))
    journal.record_signed(entry("0x01", maker=OTHER_WALLET))
    journal.record_signed(entry("0x02"))
    journal.record_outcome("0x02", UNKNOWN)
    assert [found.order_hash for found in journal.entries()] == ["0x03", "0x01", "0x02"]
    assert [found.order_hash for found in journal.entries(states=[EntryState.UNKNOWN])] == ["0x02"]
    assert [found.order_hash for found in journal.entries(maker=WALLET.lower())] == ["0x03", "0x02"]
    assert journal.entries(states=[]) == []


def test_a_closed_journal_says_so(journal):
    journal.close()
    journal.close()
    calls = [
        lambda: journal.record_signed(entry()),
        lambda: journal.record_outcome(HASH, UNKNOWN),
        lambda: journal.find(HASH),
        lambda: journal.find_by_client_order_id("HBOT-1"),
        journal.entries,
    ]
    for call in calls:
        with pytest.raises(Closed, match="is closed"):
            call()


def test_an_entry_has_no_room_for_a_key():
    assert not {name for name in JournalEntry.__struct_fields__ if "key" in name or "secret" in name}


def test_a_reopened_journal_has_everything(path):
    first = SqliteJournal(path)
    first.record_signed(entry())
    first.record_outcome(HASH, accepted())
    first.close()
    again = SqliteJournal(path)
    assert again.find(HASH) == entry(state=EntryState.ACCEPTED, order_id=accepted().order_id)
    again.close()


KILLED = """
import os, signal, sys
from pathlib import Path
import msgspec
from tegro.journal import JournalEntry, SqliteJournal
from tegro.outcome import Unknown

journal = SqliteJournal(Path(sys.argv[1]))
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
    assert survivor.find("0x13") == entry("0x13", state=EntryState.UNKNOWN, detail="killed")
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
    connection.execute("PRAGMA user_version = 2")
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
