"""Whatever is done to them, the journal on disk and the one in memory hold the same."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from journal_entries import (
    EVENTS,
    OTHER_WALLET,
    WALLET,
    accepted,
    apply,
    entry,
)

from tegro.errors import InvalidInput
from tegro.journal import EntryState, MemoryJournal, SqliteJournal


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

    @rule(
        order_hash=hashes,
        name=st.sampled_from(["HBOT-1", "null"]),
        states=st.sets(st.sampled_from(EntryState)),
        without_id=st.booleans(),
    )
    def look(self, order_hash, name, states, without_id):
        self.on_both(lambda journal: journal.find(order_hash))
        self.on_both(lambda journal: journal.find_by_client_order_id(name))
        self.on_both(lambda journal: journal.entries(states=states, without_id=without_id))
        self.on_both(lambda journal: journal.entries(states=states, maker=WALLET.upper().replace("X", "x")))

    @invariant()
    def all_the_same(self):
        assert self.memory.entries() == self.file.entries()


TestJournalsAgree = JournalsAgree.TestCase
TestJournalsAgree.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
