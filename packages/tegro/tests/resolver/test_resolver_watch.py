"""The resolver over time: restarts, watching, observing, and what open questions may cost."""

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resolver_world import (
    DONE,
    HASH,
    OTHER,
    POLICY,
    START_MS,
    entry,
    order,
    run_watch,
    unknown,
    until,
)

from tegro.errors import Closed, InvalidInput, JournalFailure, NotConnected
from tegro.journal import EntryState
from tegro.model import Side
from tegro.outcome import Absent, Accepted, Rejected, Unknown
from tegro.resolver import reserved

# Restart


async def test_a_restart_takes_up_every_open_question(world, journal, resolver):
    long_ago = START_MS - 3_600_000
    for order_hash in ("0x01", "0x02", "0x03", "0x04", "0x05", "0x06"):
        journal.record_signed(entry(order_hash, signed_at_ms=long_ago))
    journal.record_outcome("0x02", Unknown(order_hash="0x02", cause="timeout"))
    journal.record_outcome("0x03", Absent(order_hash="0x03", reason=""))
    for order_hash in ("0x04", "0x05"):
        found = order(order_hash)
        journal.record_outcome(order_hash, Accepted(order_hash=order_hash, order_id=found.order_id, order=found))
    journal.record_outcome("0x06", Rejected(order_hash="0x06", reason="no"))
    world.show(order("0x01"))
    world.show(order("0x04", **DONE), ("completed",))
    world.show(order("0x05"))
    assert [type(found) for found in await resolver.resume()] == [Accepted, Absent, Absent]
    assert [found.state for found in journal.entries()] == [
        *("accepted", "absent", "absent", "ended", "accepted", "rejected")
    ]


async def test_a_restart_without_open_questions_brings_accepted_orders_up_to_date(world, journal, resolver):
    journal.record_signed(entry())
    journal.record_outcome(HASH, Accepted(order_hash=HASH, order_id="id-aaaa", order=order()))
    world.show(order(**DONE), ("completed",))
    assert await resolver.resume() == []
    assert journal.find(HASH).state is EntryState.ENDED
    reads = len(world.reads)
    assert await resolver.resume() == []
    assert len(world.reads) == reads


async def test_other_wallets_and_chains_are_left_alone(world, journal, resolver):
    journal.record_signed(entry("0x01", maker="0x70997970C51812dc3A010C7d01b50e0d17dc79C8"))
    journal.record_signed(entry("0x02", chain_id=8453))
    assert await resolver.resume() == []
    await run_watch(resolver, 5, world)
    assert world.reads == []
    assert {found.state for found in journal.entries()} == {EntryState.SIGNED}


# Watching


async def test_watching_slows_down_while_nothing_changes_and_not_after_a_change(world, journal, resolver):
    unknown(journal)
    await run_watch(resolver, 12, world)
    waits = [wait for wait in world.slept if wait != POLICY.quiet_secs]
    caps = [10, 20, 10, 20, 40, 80]  # the second look made it absent
    assert all(cap / 2 <= wait <= cap for wait, cap in zip(waits, caps, strict=False))
    assert len(waits) == 6


async def test_watching_without_anything_to_watch_reads_nothing(world, resolver):
    await run_watch(resolver, 5, world)
    assert world.reads == []


async def test_watching_outlives_failures(world, journal, resolver):
    unknown(journal)
    world.read_failures.extend([NotConnected("cut")] * 3)
    await run_watch(resolver, 12, world)
    assert journal.find(HASH).state is EntryState.ABSENT


# Observing


async def test_an_order_that_is_not_ours_costs_one_question_to_the_journal(journal, resolver):
    asked = []
    find = journal.find
    journal.find = lambda order_hash: asked.append(order_hash) or find(order_hash)
    for _ in range(3):
        assert resolver.observe(order(OTHER)) is None
    assert asked == [OTHER]


async def test_the_hashes_of_others_do_not_fill_the_memory(resolver):
    for number in range(100_010):
        resolver.observe(order(f"0x{number}"))
    assert len(resolver._passed) == 100_000
    assert "0x100009" in resolver._passed


async def test_an_order_that_is_known_costs_no_question(journal, resolver, resolved):
    unknown(journal)
    assert isinstance(resolver.observe(order()), Accepted)
    journal.find = None
    assert resolver.observe(order()) is None
    assert len(resolved) == 1


async def test_the_end_of_a_known_order_is_written_down_once(journal, resolver):
    unknown(journal)
    resolver.observe(order())
    resolver.observe(order(**DONE))
    assert journal.find(HASH).state is EntryState.ENDED
    journal.find = journal.record_ended = None
    assert resolver.observe(order(**DONE)) is None


async def test_an_order_that_another_process_ended_and_compacted_is_no_error(world, journal, resolver):
    unknown(journal)
    resolver.observe(order())
    journal.record_ended(HASH)
    journal.compact(world.now_ms + 1)
    assert resolver.observe(order(**DONE)) is None


async def test_a_full_disk_hides_no_adoption(world, resolved, make_resolver, journal, caplog):
    unknown(journal)

    def full(order_hash, outcome):
        raise JournalFailure("the disk is full")

    resolver, record_outcome = make_resolver(), journal.record_outcome
    journal.record_outcome = full
    assert isinstance(resolver.observe(order(**DONE)), Accepted)
    assert f"the fate of order {HASH} was not written down: the disk is full" in caplog.text
    journal.record_outcome = record_outcome
    assert isinstance(resolver.observe(order(**DONE)), Accepted)
    assert journal.find(HASH).state is EntryState.ENDED


# Use


@pytest.mark.parametrize("call", ["want_cancel", "cancelled_on_chain"])
async def test_an_order_that_was_never_signed_is_refused(call, resolver):
    with pytest.raises(InvalidInput, match=f"no order with the hash {HASH} was recorded"):
        getattr(resolver, call)(HASH)
    with pytest.raises(InvalidInput, match=f"no order with the hash {HASH} was recorded"):
        await resolver.resolve(HASH)


async def test_a_closed_source_ends_the_search(world, journal, resolver):
    unknown(journal)
    world.read_failures.append(Closed("the client is closed"))
    with pytest.raises(Closed):
        await resolver.resolve(HASH)


async def test_closing_stops_a_reading_that_hangs(world, journal, resolver):
    unknown(journal)
    world.gate = asyncio.Event()
    searching = asyncio.create_task(resolver.resolve(HASH))
    await until(lambda: world.reads)
    await resolver.aclose()
    assert (await asyncio.gather(searching, return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_a_search_that_is_given_up_leaves_the_reading_to_the_others(world, journal, resolver):
    unknown(journal)
    world.gate = asyncio.Event()
    searches = [asyncio.create_task(resolver.resolve(HASH)) for _ in range(2)]
    await until(lambda: world.reads)
    searches[0].cancel()
    world.show(order())
    world.gate.set()
    first, second = await asyncio.gather(*searches, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(second, Accepted)


# Reservations


amounts = st.decimals("1e-18", "1e30", allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["one", "two"]), st.sampled_from(Side), amounts, amounts, st.sampled_from(EntryState)
        ),
        max_size=8,
    )
)
def test_what_open_questions_may_cost_is_exact(rows):
    entries = [
        entry(f"0x{number}", market_id=market_id, side=side, price=price, quantity=quantity, state=state)
        for number, (market_id, side, price, quantity, state) in enumerate(rows)
    ]
    expected = {}
    for market_id, side, price, quantity, state in rows:
        if state in ("signed", "unknown", "absent"):
            cost = Fraction(quantity) * (Fraction(price) if side is Side.BUY else 1)
            expected[market_id, side] = expected.get((market_id, side), Fraction(0)) + cost
    assert {key: Fraction(total) for key, total in reserved(entries).items()} == expected
