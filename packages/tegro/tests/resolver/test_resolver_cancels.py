"""Cancels of orders whose fate is not known: they wait, and are sent once the order is found."""

import asyncio
from decimal import Decimal

import pytest
from resolver_world import (
    DONE,
    HASH,
    OTHER,
    entry,
    order,
    run_watch,
    unknown,
)

from tegro.errors import NotConnected
from tegro.journal import EntryState
from tegro.model import OrderStatus
from tegro.outcome import Accepted
from tegro.resolver import STATUS_FILTERS

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
