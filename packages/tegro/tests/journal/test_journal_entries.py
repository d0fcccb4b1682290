"""What every journal promises: one table of transitions, and entries that are found as they were."""

import pytest
from journal_entries import (
    ABSENT,
    CHANGED_AT_MS,
    ENDING,
    EVENTS,
    HASH,
    OTHER_WALLET,
    REJECTED,
    SEEN_ON_CHAIN,
    UNKNOWN,
    WALLET,
    accepted,
    apply,
    entry,
)

from tegro.errors import Closed, InvalidInput
from tegro.journal import EntryState, JournalEntry


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
    journal.record_outcome("0x03", accepted("0x03"))
    assert [found.order_hash for found in journal.entries(without_id=True)] == ["0x01", "0x02"]
    assert [found.order_hash for found in journal.entries(maker=WALLET, without_id=True)] == ["0x02"]


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
