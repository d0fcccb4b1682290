"""The resolver: present, absent, refused, expired, executed on the chain; and nothing concluded too early."""

import asyncio
from decimal import Decimal

import pytest
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
)

from tegro.errors import ChainFailure, NotConnected
from tegro.journal import EntryState
from tegro.outcome import Absent, Accepted, Rejected, SeenOnChain, Unknown
from tegro.resolver import STATUS_FILTERS

# Presence


@pytest.mark.parametrize("statuses", STATUS_FILTERS, ids=lambda statuses: "+".join(statuses) or "none")
async def test_presence_in_any_list_is_acceptance_at_once(statuses, world, journal, resolver, resolved):
    unknown(journal)
    world.show(order(), statuses)
    accepted = Accepted(order_hash=HASH, order_id="id-aaaa", order=order())
    assert await resolver.resolve(HASH) == accepted
    assert world.slept == []
    assert resolved == [(EntryState.UNKNOWN, accepted)]
    assert (journal.find(HASH).state, journal.find(HASH).order_id) == (EntryState.ACCEPTED, "id-aaaa")
    assert await resolver.resolve(HASH) == accepted
    assert len(resolved) == 1


async def test_a_list_that_was_read_before_a_failure_counts_for_presence(world, journal, resolver):
    unknown(journal)
    world.show(order(), ("active",))
    world.read_failures.extend([None, NotConnected("cut")])
    assert isinstance(await resolver.resolve(HASH), Accepted)
    assert world.slept == []


async def test_an_order_that_the_stream_shows_meanwhile_ends_the_search(world, journal, resolver):
    unknown(journal)
    world.after(4, lambda: resolver.observe(order()))
    assert await resolver.resolve(HASH) == Accepted(order_hash=HASH, order_id="id-aaaa", order=order())


async def test_an_order_that_was_done_when_it_was_found_is_adopted_and_ended(world, journal, resolver, resolved):
    unknown(journal)
    world.show(order(**DONE), ("completed",))
    assert await resolver.resolve(HASH) == Accepted(order_hash=HASH, order_id="id-aaaa", order=order(**DONE))
    assert len(resolved) == 1
    assert journal.find(HASH).state is EntryState.ENDED


# Absence


async def test_absence_takes_two_readings_after_the_settling_time(world, journal, resolver, resolved):
    unknown(journal)
    absent = Absent(order_hash=HASH, reason="no list of the venue has it")
    assert await resolver.resolve(HASH) == absent
    assert world.now_ms == START_MS + 12_000
    assert world.reads == list(STATUS_FILTERS) * 7
    assert resolved == [(EntryState.UNKNOWN, absent)]
    assert journal.find(HASH).state is EntryState.ABSENT


async def test_an_old_order_is_absent_after_two_readings(world, journal, resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert world.reads == list(STATUS_FILTERS) * 2
    assert world.slept == [POLICY.quiet_secs]


async def test_readings_that_differ_do_not_count_together(world, journal, resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    for second in (1, 3, 5):
        world.after(second, lambda second=second: world.show(order(f"0x{second}")))
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert world.now_ms == START_MS + 8_000


async def test_a_fill_of_another_order_is_a_difference(world, journal, resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    world.show(order(OTHER))
    world.after(1, lambda: world.lists.update({(): [order(OTHER, filled=Decimal(1))]}))
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert world.now_ms == START_MS + 4_000


async def test_lists_that_never_stay_the_same_leave_the_order_unknown(world, journal, resolver, resolved):
    unknown(journal)
    for second in range(61):
        world.after(second, lambda second=second: world.show(order(f"0x{second}")))
    cause = "the lists of the venue did not stay the same for long enough"
    assert await resolver.resolve(HASH) == Unknown(order_hash=HASH, cause=cause)
    assert world.now_ms <= START_MS + 60_000
    assert resolved == []
    assert journal.find(HASH).detail == "timeout"


async def test_readings_that_fail_say_nothing(world, journal, resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    failures = [None] * 4 + [NotConnected("cut")]  # each time in the last list
    world.read_failures.extend(failures * 3)
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert len(world.reads) == 5 * 3 + 5 * 2
    assert [0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(world.slept[:3])] == [True] * 3


async def test_a_venue_that_cannot_be_read_leaves_the_order_unknown(world, journal, resolver):
    unknown(journal)
    world.read_failures.extend([NotConnected("no route")] * 100)
    found = await resolver.resolve(HASH)
    assert found == Unknown(order_hash=HASH, cause="the venue could not be read: no route")
    assert journal.find(HASH).state is EntryState.UNKNOWN


async def test_a_clock_that_was_set_back_only_delays(world, journal, resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    world.after(1, lambda: setattr(world, "now_ms", START_MS - 1_000_000))
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert world.slept == [2, 2]


async def test_absent_ones_are_told_once(journal, resolver, resolved):
    unknown(journal)
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert isinstance(await resolver.resolve(HASH), Absent)
    assert len(resolved) == 1


async def test_many_searches_share_their_readings(world, journal, resolver):
    hashes = [f"0x{number:02x}" for number in range(50)]
    for order_hash in hashes:
        unknown(journal, order_hash, signed_at_ms=START_MS - 3_600_000)
    found = await asyncio.gather(*(resolver.resolve(order_hash) for order_hash in hashes))
    assert {type(each) for each in found} == {Absent}
    assert len(world.reads) <= 3 * len(STATUS_FILTERS)


async def test_an_order_that_appears_after_it_was_absent_is_adopted(world, journal, resolver, resolved):
    unknown(journal)
    await resolver.resolve(HASH)
    resolved.clear()
    world.after(3600, lambda: world.show(order()))
    await run_watch(resolver, 60, world)
    assert resolved == [(EntryState.ABSENT, Accepted(order_hash=HASH, order_id="id-aaaa", order=order()))]
    assert journal.find(HASH).state is EntryState.ACCEPTED


# What can no longer execute


async def test_a_refusal_is_final_without_a_look(world, journal, resolver):
    journal.record_signed(entry())
    journal.record_outcome(HASH, Rejected(order_hash=HASH, reason="insufficient allowance"))
    assert await resolver.resolve(HASH) == Rejected(order_hash=HASH, reason="insufficient allowance")
    assert world.reads == []


async def test_an_order_that_was_refused_and_is_seen_is_adopted(journal, resolver):
    journal.record_signed(entry())
    journal.record_outcome(HASH, Rejected(order_hash=HASH, reason="an odd answer"))
    assert isinstance(resolver.observe(order()), Accepted)


@pytest.mark.parametrize("with_chain", [False, True])
async def test_an_expiry_that_has_passed_rejects(with_chain, world, journal, make_resolver):
    resolver = make_resolver(chain=world if with_chain else None)
    expiry = START_MS // 1000 + 20
    unknown(journal, expiry_time=expiry)
    assert isinstance(await resolver.resolve(HASH), Absent)
    await run_watch(resolver, 30, world)
    found = journal.find(HASH)
    assert found.state is EntryState.REJECTED
    assert found.detail == f"its expiry time {expiry} has passed, and the venue has never listed it"
    assert found.changed_at_ms > (expiry + POLICY.expiry_margin_secs) * 1000


async def test_nobody_need_be_told(world, journal, make_resolver):
    unknown(journal, signed_at_ms=START_MS - 3_600_000, expiry_time=START_MS // 1000 - 1800)
    assert isinstance(await make_resolver(on_resolved=None).resolve(HASH), Rejected)


async def test_readings_from_before_the_expiry_reject_nothing(world, journal, resolver):
    unknown(journal, expiry_time=START_MS // 1000 - 29, signed_at_ms=START_MS - 3_600_000)
    assert isinstance(await resolver.resolve(HASH), Absent)  # the first reading was one second too early
    assert isinstance(await resolver.resolve(HASH), Absent)
    world.now_ms += 2_000
    await resolver.resolve(HASH)
    world.now_ms += 2_000
    assert isinstance(await resolver.resolve(HASH), Rejected)


async def test_a_chain_that_has_not_come_to_the_expiry_keeps_the_order_open(world, journal, make_resolver):
    resolver = make_resolver(chain=world)
    world.chain_lag_secs = 10_000
    unknown(journal, expiry_time=START_MS // 1000 + 20)
    await run_watch(resolver, 60, world)
    assert world.now_ms > START_MS + 1_000_000
    assert journal.find(HASH).state is EntryState.ABSENT
    reason = "neither a list of the venue nor the exchange contract has it"
    assert journal.find(HASH).detail == reason


# The chain


@pytest.mark.parametrize(("remaining", "remaining_wei"), [(1, 0), (501, 500)])
async def test_the_contract_proves_that_an_order_executed(
    remaining, remaining_wei, world, journal, make_resolver, resolved
):
    resolver = make_resolver(chain=world)
    unknown(journal, expiry_time=START_MS // 1000 - 3600, signed_at_ms=START_MS - 7_200_000)
    world.remaining_of[HASH] = remaining
    seen = SeenOnChain(order_hash=HASH, remaining_wei=remaining_wei)
    assert await resolver.resolve(HASH) == seen
    assert resolved == [(EntryState.UNKNOWN, seen)]
    assert (journal.find(HASH).state, journal.find(HASH).order_id) == (EntryState.ACCEPTED, None)
    world.after(100, lambda: world.show(order(**DONE), ("completed",)))
    await run_watch(resolver, 20, world)
    adopted = Accepted(order_hash=HASH, order_id="id-aaaa", order=order(**DONE))
    assert resolved[1:] == [(EntryState.ACCEPTED, adopted)]
    assert (journal.find(HASH).state, journal.find(HASH).order_id) == (EntryState.ENDED, "id-aaaa")


async def test_an_absent_order_is_found_on_chain_while_it_is_watched(world, journal, make_resolver):
    resolver = make_resolver(chain=world)
    unknown(journal)
    assert isinstance(await resolver.resolve(HASH), Absent)
    world.remaining_of[HASH] = 1
    await run_watch(resolver, 6, world)
    assert journal.find(HASH).state is EntryState.ACCEPTED


async def test_an_order_that_the_contract_knows_and_no_list_has_is_looked_for_until_the_time_is_up(
    world, journal, make_resolver
):
    resolver = make_resolver(chain=world)
    unknown(journal)
    journal.record_outcome(HASH, SeenOnChain(order_hash=HASH, remaining_wei=5))
    assert isinstance(await resolver.resolve(HASH), Unknown)
    assert journal.find(HASH).state is EntryState.ACCEPTED


async def test_a_chain_that_does_not_answer_says_nothing(world, journal, make_resolver):
    resolver = make_resolver(chain=world)
    unknown(journal, signed_at_ms=START_MS - 3_600_000)
    world.chain_failures.extend([ChainFailure("the node is away")] * 2)
    assert isinstance(await resolver.resolve(HASH), Absent)
    world.chain_failures.extend([ChainFailure("the node is away")] * 100)
    assert await resolver.resolve(HASH) == Unknown(
        order_hash=HASH, cause="the venue could not be read: the node is away"
    )


async def test_the_stream_may_be_quicker_than_the_chain(world, journal, make_resolver, resolved):
    resolver = make_resolver(chain=world)
    unknown(journal, signed_at_ms=START_MS - 3_600_000)

    async def remaining(order_hash):
        resolver.observe(order())
        return 0

    world.remaining = remaining
    assert isinstance(await resolver.resolve(HASH), Accepted)
    assert [type(resolution) for _, resolution in resolved] == [Accepted]


@pytest.mark.parametrize(
    ("steps", "state", "told"),
    [
        ([], EntryState.REJECTED, 1),
        ([Unknown(order_hash=HASH, cause="")], EntryState.REJECTED, 1),
        ([Absent(order_hash=HASH, reason="")], EntryState.REJECTED, 1),
        ([Accepted(order_hash=HASH, order_id="id", order=order())], EntryState.ACCEPTED, 0),
        ([SeenOnChain(order_hash=HASH, remaining_wei=0)], EntryState.ENDED, 0),
        ([Rejected(order_hash=HASH, reason="")], EntryState.REJECTED, 0),
    ],
)
async def test_a_cancel_on_chain_ends_what_no_list_has(steps, state, told, journal, resolver, resolved):
    journal.record_signed(entry())
    for step in steps:
        journal.record_outcome(HASH, step)
    resolver.cancelled_on_chain(HASH)
    assert journal.find(HASH).state is state
    assert [resolution.reason for _, resolution in resolved] == ["cancelled on chain"] * told
