"""What the resolver concludes, and from what: presence at once, absence late and never for good."""

import asyncio
import random
from collections import deque
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegro.errors import ChainFailure, Closed, InvalidInput, JournalFailure, NotConnected
from tegro.journal import EntryState, JournalEntry, MemoryJournal
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Absent, Accepted, Rejected, SeenOnChain, Unknown
from tegro.resolver import STATUS_FILTERS, Resolver, ResolverPolicy, reserved

START_MS = 1_720_458_258_000
WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CHAIN_ID = 31337
HASH, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32
POLICY = ResolverPolicy(settle_secs=10, quiet_secs=2, give_up_secs=60, expiry_margin_secs=30)


def entry(order_hash=HASH, **changes):
    fields = {
        "order_hash": order_hash,
        "maker": WALLET,
        "chain_id": CHAIN_ID,
        "market_id": "market",
        "raw_order_data": "{}",
        "signature": "0x00",
        "side": Side.SELL,
        "price": Decimal(3000),
        "quantity": Decimal(2),
        "signed_at_ms": START_MS,
    }
    return JournalEntry(**fields | changes)


def order(order_hash=HASH, **changes):
    fields = {
        "order_id": f"id-{order_hash[2:6]}",
        "order_hash": order_hash,
        "market_id": "market",
        "side": Side.SELL,
        "price": Decimal(3000),
        "quantity": Decimal(2),
        "filled": Decimal(0),
        "pending": Decimal(0),
        "average_price": Decimal(0),
        "status": OrderStatus.OPEN,
        "cancel_code": 0,
        "cancel_reason": "",
        "timestamp_ms": START_MS,
    }
    return Order(**fields | changes)


DONE = {"status": OrderStatus.CLOSED, "filled": Decimal(2)}


class World:
    """A venue's lists, a chain and a clock that moves only while somebody sleeps."""

    def __init__(self):
        self.now_ms = START_MS
        self.slept = []
        self.lists = {statuses: [] for statuses in STATUS_FILTERS}
        self.reads = []
        self.read_failures = deque()
        """Taken one by one by the reads of single lists; None lets a read succeed."""
        self.at = []
        """(time, what happens then)"""
        self.remaining_of = {}
        self.chain_lag_secs = 0
        self.chain_failures = deque()
        self.gate = None

    async def sleep(self, delay_secs):
        self.slept.append(delay_secs)
        assert len(self.slept) < 500, "waits without an end"
        wake_ms = self.now_ms + int(delay_secs * 1000)
        await asyncio.sleep(0)  # others fall asleep at the same time
        self.now_ms = max(self.now_ms, wake_ms)
        for due in [event for event in self.at if event[0] <= self.now_ms]:
            self.at.remove(due)
            due[1]()

    def after(self, delay_secs, what):
        self.at.append((self.now_ms + delay_secs * 1000, what))

    def show(self, shown, *filters):
        for statuses in filters or (("active",), ()):
            self.lists[statuses].append(shown)

    async def read_orders(self, statuses):
        self.reads.append(tuple(statuses))
        if self.gate is not None:
            await self.gate.wait()
        failure = self.read_failures.popleft() if self.read_failures else None
        if failure is not None:
            raise failure
        return list(self.lists[tuple(statuses)])

    async def timestamp_secs(self):
        if self.chain_failures:
            raise self.chain_failures.popleft()
        return self.now_ms // 1000 - self.chain_lag_secs

    async def remaining(self, order_hash):
        return self.remaining_of.get(order_hash, 0)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def journal(world):
    return MemoryJournal(clock_ms=lambda: world.now_ms)


@pytest.fixture
def resolved():
    return []


@pytest.fixture
def make_resolver(world, journal, resolved):
    def make(**changes):
        options = {
            "chain_id": CHAIN_ID,
            "clock_ms": lambda: world.now_ms,
            "sleep": world.sleep,
            "rng": random.Random(1),
            "policy": POLICY,
            "on_resolved": lambda before, resolution: resolved.append((before.state, resolution)),
        }
        return Resolver(journal, WALLET, world, **options | changes)

    return make


@pytest.fixture
def resolver(make_resolver):
    return make_resolver()


def unknown(journal, order_hash=HASH, **changes):
    journal.record_signed(entry(order_hash, **changes))
    journal.record_outcome(order_hash, Unknown(order_hash=order_hash, cause="timeout"))


async def until(condition):
    """Let other tasks run until something holds. Nothing here waits for real time."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to that")


async def run_watch(resolver, sleeps, world):
    """Let `watch` run until it has slept so often."""
    already = len(world.slept)
    task = asyncio.create_task(resolver.watch())
    await until(lambda: len(world.slept) >= already + sleeps or task.done())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


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


# Cancels


@pytest.fixture
def cancels():
    return []


@pytest.fixture
def make_cancelling(make_resolver, cancels):
    async def cancel(order_id):
        cancels.append(order_id)

    return lambda **changes: make_resolver(**{"on_cancel_wanted": cancel} | changes)


async def test_a_cancel_waits_until_the_order_is_found(world, journal, make_cancelling, cancels):
    resolver = make_cancelling()
    unknown(journal)
    resolver.want_cancel(HASH)
    await resolver.resolve(HASH)
    await asyncio.sleep(0)
    assert cancels == []
    resolver.observe(order())
    await asyncio.sleep(0)
    assert cancels == ["id-aaaa"]


async def test_a_cancel_is_wanted_of_an_order_that_is_known_already(journal, make_cancelling, cancels):
    resolver = make_cancelling()
    unknown(journal)
    resolver.observe(order())
    resolver.want_cancel(HASH)
    await asyncio.sleep(0)
    assert cancels == ["id-aaaa"]


async def test_a_cancel_that_was_asked_for_while_the_reply_was_under_way_is_sent_then(
    journal, make_cancelling, cancels
):
    resolver = make_cancelling()
    journal.record_signed(entry())
    resolver.want_cancel(HASH)
    journal.record_outcome(HASH, Accepted(order_hash=HASH, order_id="id-aaaa", order=order()))
    assert resolver.observe(order()) is None
    await asyncio.sleep(0)
    assert cancels == ["id-aaaa"]


async def test_an_acceptance_that_the_journal_has_already_costs_no_question(journal, make_cancelling, cancels):
    resolver = make_cancelling()
    journal.record_signed(entry())
    resolver.want_cancel(HASH)
    for order_hash in (HASH, OTHER):
        if order_hash == OTHER:
            journal.record_signed(entry(OTHER))
        answer = Accepted(order_hash=order_hash, order_id=order(order_hash).order_id, order=order(order_hash))
        journal.record_outcome(order_hash, answer)
        find, journal.find = journal.find, None
        resolver.accepted(answer)
        assert resolver.observe(order(order_hash)) is None
        journal.find = find
    await asyncio.sleep(0)
    assert cancels == ["id-aaaa"]


async def test_an_order_that_was_accepted_and_is_done_at_once_is_ended(journal, resolver):
    journal.record_signed(entry())
    answer = Accepted(order_hash=HASH, order_id="id-aaaa", order=order(**DONE))
    journal.record_outcome(HASH, answer)
    resolver.accepted(answer)
    assert journal.find(HASH).state is EntryState.ENDED


@pytest.mark.parametrize("found", [DONE, {"status": OrderStatus.CLOSED, "pending": Decimal(2)}])
async def test_an_order_that_no_longer_rests_is_not_cancelled(found, journal, make_cancelling, cancels):
    resolver = make_cancelling()
    unknown(journal)
    resolver.want_cancel(HASH)
    assert isinstance(resolver.observe(order(**found)), Accepted)
    await asyncio.sleep(0)
    assert cancels == []


async def test_a_cancel_that_failed_is_sent_again_after_the_next_look(world, journal, make_resolver):
    sent = []

    async def cancel(order_id):
        sent.append(order_id)
        if len(sent) < 3:
            raise NotConnected("cut")
        world.lists = {statuses: [] for statuses in STATUS_FILTERS}
        world.show(order(status=OrderStatus.CANCELLED), ("cancelled",), ())

    resolver = make_resolver(on_cancel_wanted=cancel)
    unknown(journal)
    resolver.want_cancel(HASH)
    world.show(order())
    await resolver.resolve(HASH)
    await run_watch(resolver, 20, world)
    assert sent == ["id-aaaa"] * 3
    assert journal.find(HASH).state is EntryState.ENDED


async def test_two_cancels_of_an_order_are_never_under_way_at_once(world, journal, make_resolver):
    sent, release = [], asyncio.Event()

    async def cancel(order_id):
        sent.append(order_id)
        await release.wait()

    resolver = make_resolver(on_cancel_wanted=cancel)
    unknown(journal)
    resolver.want_cancel(HASH)
    world.show(order())
    await resolver.resolve(HASH)
    await run_watch(resolver, 5, world)
    resolver.want_cancel(HASH)
    assert sent == ["id-aaaa"]
    await resolver.aclose()
    await resolver.aclose()


@pytest.mark.parametrize("by_watching", [False, True])
async def test_a_restart_sends_the_cancel_that_was_lost(
    by_watching, world, journal, make_resolver, make_cancelling, cancels
):
    before = make_resolver()  # dies before it can send
    unknown(journal)
    before.want_cancel(HASH)
    before.observe(order())
    world.show(order())
    after = make_cancelling()
    await (run_watch(after, 2, world) if by_watching else after.resume())
    await asyncio.sleep(0)
    assert cancels == ["id-aaaa"]


async def test_a_cancel_of_an_order_that_no_list_has_now_waits_on(journal, make_cancelling, cancels, world):
    unknown(journal)
    make_cancelling(on_cancel_wanted=None).observe(order())
    journal.want_cancel(HASH)
    after = make_cancelling()
    assert await after.resume() == []
    assert cancels == []
    world.after(30, lambda: world.show(order()))
    await run_watch(after, 12, world)
    assert set(cancels) == {"id-aaaa"}


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
