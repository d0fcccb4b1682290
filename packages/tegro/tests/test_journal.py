"""What the journal promises: written before the call returns, alive after kill -9, one table of transitions."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from tegro.errors import Closed, InvalidInput, JournalFailure
from tegro.journal import EntryState, JournalEntry, MemoryJournal, SqliteJournal
from tegro.journal.sqlite import ACCEPTANCE_SECS
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Absent, Accepted, Rejected, SeenOnChain, Unknown

HASH = "0x0efbee7259793bc991b0aa5746c590af742f4291bec74349f4b6af33e3dbacd4"
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER_WALLET = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
CHANGED_AT_MS = 1_720_458_260_000


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
ABSENT = Absent(order_hash=HASH, reason="no list of the venue has it")
SEEN_ON_CHAIN = SeenOnChain(order_hash=HASH, remaining_wei=7)
ENDING = "ending"
"""Stands for `record_ended` among outcomes."""


def apply(journal, event, order_hash=HASH):
    if event is ENDING:
        journal.record_ended(order_hash)
    else:
        journal.record_outcome(order_hash, msgspec.structs.replace(event, order_hash=order_hash))


def clock():
    return CHANGED_AT_MS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "journal.sqlite"


@pytest.fixture(params=["memory", "sqlite"])
def journal(request, path):
    opened = MemoryJournal(clock_ms=clock) if request.param == "memory" else SqliteJournal(path, clock_ms=clock)
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
    assert journal.find(HASH) == entry(state=state, order_id=order_id, detail=detail, changed_at_ms=CHANGED_AT_MS)


LIVE_AFTER = {
    # What each event leaves of each state: the table of the design, written by hand.
    "signed": {
        "unknown": "unknown",
        "absent": "absent",
        "seen": "accepted",
        "accepted": "accepted",
        "rejected": "rejected",
        "ended": "signed",
    },
    "unknown": {
        "unknown": "unknown",
        "absent": "absent",
        "seen": "accepted",
        "accepted": "accepted",
        "rejected": "rejected",
        "ended": "unknown",
    },
    "absent": {
        "unknown": "unknown",
        "absent": "absent",
        "seen": "accepted",
        "accepted": "accepted",
        "rejected": "rejected",
        "ended": "absent",
    },
    "accepted": {
        "unknown": "accepted",
        "absent": "accepted",
        "seen": "accepted",
        "accepted": "accepted",
        "rejected": "accepted",
        "ended": "ended",
    },
    "rejected": {
        "unknown": "rejected",
        "absent": "rejected",
        "seen": "accepted",
        "accepted": "accepted",
        "rejected": "rejected",
        "ended": "rejected",
    },
    "ended": {
        "unknown": "ended",
        "absent": "ended",
        "seen": "ended",
        "accepted": "ended",
        "rejected": "ended",
        "ended": "ended",
    },
}
EVENTS = {
    "unknown": UNKNOWN,
    "absent": ABSENT,
    "seen": SEEN_ON_CHAIN,
    "accepted": accepted(),
    "rejected": REJECTED,
    "ended": ENDING,
}
WAY_TO = {
    "signed": [],
    "unknown": [UNKNOWN],
    "absent": [ABSENT],
    "accepted": [accepted()],
    "rejected": [REJECTED],
    "ended": [accepted(), ENDING],
}


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [(before, event, after) for before, row in LIVE_AFTER.items() for event, after in row.items()],
)
def test_what_is_certain_does_not_give_way(journal, before, event, after):
    journal.record_signed(entry())
    for step in WAY_TO[before]:
        apply(journal, step)
    assert journal.find(HASH).state == before
    apply(journal, EVENTS[event])
    assert journal.find(HASH).state == after


def test_the_contracts_word_gives_no_id_and_a_list_does_later(journal):
    journal.record_signed(entry())
    journal.record_outcome(HASH, SEEN_ON_CHAIN)
    found = journal.find(HASH)
    assert (found.order_id, found.detail) == (None, "known to the exchange contract, 7 base units remain")
    journal.record_outcome(HASH, accepted())
    journal.record_outcome(HASH, accepted(order_id="another"))
    found = journal.find(HASH)
    assert (found.order_id, found.detail) == (accepted().order_id, "")


def test_a_cancel_that_is_wanted_stays_wanted_until_the_order_ended(journal):
    journal.record_signed(entry())
    journal.want_cancel(HASH)
    journal.want_cancel(HASH)
    journal.record_outcome(HASH, UNKNOWN)
    journal.record_outcome(HASH, accepted())
    assert journal.find(HASH).cancel_wanted
    journal.record_ended(HASH)
    journal.record_signed(entry("0x01"))
    journal.record_outcome("0x01", accepted("0x01"))
    journal.record_ended("0x01")
    journal.want_cancel("0x01")
    assert not journal.find("0x01").cancel_wanted


@pytest.mark.parametrize("change", ["record_ended", "want_cancel"])
def test_a_change_of_an_order_that_was_not_recorded_is_refused(journal, change):
    with pytest.raises(InvalidInput, match=f"no order with the hash {HASH} was recorded"):
        getattr(journal, change)(HASH)


@pytest.mark.parametrize("expiry_time", [-1, 1 << 63])
def test_an_expiry_that_no_journal_can_hold_is_refused(journal, expiry_time):
    with pytest.raises(InvalidInput, match=r"expiry_time must be Unix seconds below 2\^63, or 0 for never, was "):
        journal.record_signed(entry(expiry_time=expiry_time))
    journal.record_signed(entry(expiry_time=(1 << 63) - 1))


def test_compacting_removes_what_is_over_and_nothing_that_may_execute(journal):
    for number, way in enumerate(WAY_TO.values()):
        journal.record_signed(entry(f"0x{number:02x}", signed_at_ms=1))
        for step in way:
            apply(journal, step, f"0x{number:02x}")
    assert journal.compact(CHANGED_AT_MS) == 0
    assert journal.compact(CHANGED_AT_MS + 1) == 2
    assert {found.state for found in journal.entries()} == set(EntryState) - {EntryState.REJECTED, EntryState.ENDED}
    assert journal.compact(CHANGED_AT_MS + 1) == 0
    journal.record_signed(entry("0x99"))
    assert journal.entries()[-1].order_hash == "0x99"


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
        lambda: journal.record_ended(HASH),
        lambda: journal.want_cancel(HASH),
        lambda: journal.compact(0),
    ]
    for call in calls:
        with pytest.raises(Closed, match="is closed"):
            call()


def test_an_entry_has_no_room_for_a_key():
    assert not {name for name in JournalEntry.__struct_fields__ if "key" in name or "secret" in name}


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


class JournalsAgree(RuleBasedStateMachine):
    """Whatever is done to both, the file and the memory hold the same."""

    hashes = Bundle("hashes")

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now_ms = 10
        self.path = Path(self.folder.name) / "journal.sqlite"
        self.memory = MemoryJournal(clock_ms=lambda: self.now_ms)
        self.file = SqliteJournal(self.path, clock_ms=lambda: self.now_ms)

    def teardown(self):
        self.file.close()
        self.folder.cleanup()

    def on_both(self, call):
        results = []
        for journal in (self.memory, self.file):
            try:
                results.append(call(journal))
            except InvalidInput as error:
                results.append(str(error))
        assert results[0] == results[1]

    @rule(
        target=hashes,
        number=st.integers(0, 6),
        maker=st.sampled_from([WALLET, OTHER_WALLET]),
        name=st.sampled_from([None, "HBOT-1", "HBOT-2", "null"]),
        price=st.decimals("1e-18", "1e18", allow_nan=False),
        expiry_time=st.integers(-1, 2**70),
    )
    def sign(self, number, maker, name, price, expiry_time):
        order_hash = f"0x{number:02x}"
        signed = entry(order_hash, maker=maker, client_order_id=name, price=price, expiry_time=expiry_time)
        self.on_both(lambda journal: journal.record_signed(signed))
        return order_hash

    @rule(order_hash=hashes, event=st.sampled_from([*EVENTS.values(), accepted(order_id="other")]))
    def change(self, order_hash, event):
        self.on_both(lambda journal: apply(journal, event, order_hash))

    @rule(order_hash=hashes)
    def want_cancel(self, order_hash):
        self.on_both(lambda journal: journal.want_cancel(order_hash))

    @rule(forward_ms=st.integers(0, 5))
    def wait(self, forward_ms):
        self.now_ms += forward_ms

    @rule(age_ms=st.integers(0, 10))
    def compact(self, age_ms):
        self.on_both(lambda journal: journal.compact(self.now_ms - age_ms))

    @rule()
    def reopen(self):
        self.file.close()
        self.file = SqliteJournal(self.path, clock_ms=lambda: self.now_ms)

    @rule(order_hash=hashes, name=st.sampled_from(["HBOT-1", "null"]), states=st.sets(st.sampled_from(EntryState)))
    def look(self, order_hash, name, states):
        self.on_both(lambda journal: journal.find(order_hash))
        self.on_both(lambda journal: journal.find_by_client_order_id(name))
        self.on_both(lambda journal: journal.entries(states=states, maker=WALLET.upper().replace("X", "x")))

    @invariant()
    def all_the_same(self):
        assert self.memory.entries() == self.file.entries()


TestJournalsAgree = JournalsAgree.TestCase
TestJournalsAgree.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


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
