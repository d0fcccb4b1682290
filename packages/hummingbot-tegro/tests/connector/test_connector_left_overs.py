"""What an earlier run signed, sorted by what has to be done about it."""

from decimal import Decimal

import pytest
from hummingbot.connector.exchange.tegro.left_overs import adopted_order, sort_left_overs

from tegro.journal import EntryState, JournalEntry
from tegro.model import Side


def entry(name: str, state: EntryState, order_id: str | None = "venue-1", quantity: str = "1") -> JournalEntry:
    return JournalEntry(
        order_hash=f"0x{name}",
        maker="0x" + "11" * 20,
        chain_id=31337,
        market_id="market",
        raw_order_data="{}",
        signature="0x00",
        client_order_id=name,
        state=state,
        order_id=order_id,
        side=Side.SELL,
        price=Decimal(3000),
        quantity=Decimal(quantity),
        signed_at_ms=1_700_000_000_000,
    )


def test_what_the_database_has_is_not_adopted_again():
    known = entry("a", EntryState.ENDED)
    left = sort_left_overs([known], {"a"})
    assert (left.adoptable, left.in_doubt, left.recorded) == ({}, (), (known,))


@pytest.mark.parametrize("recorded", [set(), {"a"}])
@pytest.mark.parametrize("state", [EntryState.SIGNED, EntryState.UNKNOWN])
def test_what_the_venue_may_have_is_looked_for_whatever_the_database_says(state, recorded):
    doubtful = entry("a", state, order_id=None)
    left = sort_left_overs([doubtful], recorded)
    assert (left.adoptable, left.in_doubt, left.recorded) == ({}, (doubtful,), ())


def test_the_parts_of_a_market_order_are_adopted_as_one():
    parts = [entry("a", EntryState.ACCEPTED, "venue-1", "0.5"), entry("a/2", EntryState.ENDED, "venue-2", "0.25")]
    left = sort_left_overs(parts, set())
    assert left.adoptable == {"a": parts}
    order = adopted_order("a", left.adoptable["a"], "WETH-USDC")
    assert (order.client_order_id, order.amount, order.creation_timestamp) == ("a", Decimal("0.75"), 1_700_000_000)


def test_what_never_came_to_the_venue_is_left():
    left = sort_left_overs([entry("a", EntryState.ENDED, order_id=None)], set())
    assert (left.adoptable, left.in_doubt, left.recorded) == ({}, (), ())
