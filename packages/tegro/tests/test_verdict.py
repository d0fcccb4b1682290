"""What follows from readings and from the chain, value by value; the resolver's own tests show it at work."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tegro.errors import InvalidInput
from tegro.journal import EntryState, JournalEntry
from tegro.model import Order, OrderStatus, Side
from tegro.outcome import Absent, NotSent, Rejected, SeenOnChain, not_sent
from tegro.resolver.verdict import ChainFacts, Reading, Readings, ResolverPolicy, is_missing, reserved, verdict

HASH = "0x" + "ab" * 32
EXPIRY = 2_000
POLICY = ResolverPolicy(settle_secs=15.5, quiet_secs=3.0, expiry_margin_secs=60)


def order(number):
    return Order(
        order_id=str(number),
        order_hash=f"0x{number:064x}",
        market_id="m",
        side=Side.BUY,
        price=Decimal(1),
        quantity=Decimal(2),
        filled=Decimal(0),
        pending=Decimal(0),
        average_price=Decimal(0),
        status=OrderStatus.OPEN,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=0,
    )


def entry(**changes):
    fields = {
        "order_hash": HASH,
        "maker": "0x" + "11" * 20,
        "chain_id": 1,
        "market_id": "m",
        "raw_order_data": "{}",
        "signature": "0x",
        "side": Side.BUY,
        "price": Decimal(1),
        "quantity": Decimal(2),
        "signed_at_ms": 100_000,
        "state": EntryState.UNKNOWN,
    }
    return JournalEntry(**fields | changes)


def reading(began_ms, ended_ms, *numbers):
    return Reading(began_ms=began_ms, ended_ms=ended_ms, lists=(frozenset(map(order, numbers)),))


def two_readings(began_ms):
    readings = Readings(3.0)
    readings.add(reading(began_ms, began_ms + 1))
    readings.add(reading(began_ms + 3_001, began_ms + 3_002))
    return readings


TIMELINE = st.lists(st.tuples(st.integers(-1, 6), st.integers(0, 2), st.integers(0, 1)), max_size=9)


@given(TIMELINE, st.integers(0, 3), st.integers(-2, 30))
@example([(0, 1, 0), (-1, 2, 0), (2, 0, 0)], 3, 0)  # two that began together: the first of them counts
def test_two_readings_agree_as_a_plain_list_of_them_says(steps, quiet_secs, since_secs):
    """A reading counts beside the one before it if it is the same and late enough; one that differs starts anew."""
    readings, counted, clock_secs = Readings(quiet_secs), [], 0
    for gap_secs, takes_secs, content in steps:
        began_secs = clock_secs + gap_secs
        clock_secs = began_secs + takes_secs
        newest = reading(began_secs * 1000, clock_secs * 1000, content)
        readings.add(newest)
        if counted and (counted[-1].lists != newest.lists or newest.began_ms < counted[-1].began_ms):
            counted = []
        if not counted or newest.began_ms >= counted[-1].ended_ms + quiet_secs * 1000:
            counted.append(newest)
    agree = len(counted) >= 2 and counted[-2].began_ms >= since_secs * 1000
    assert readings.agree_since(since_secs * 1000) is agree


def test_half_a_second_of_quiet_is_five_hundred_milliseconds():
    for gap_ms, agrees in ((499, False), (500, True)):
        readings = Readings(0.5)
        readings.add(reading(1_000, 1_100))
        readings.add(reading(1_100 + gap_ms, 2_000))
        assert readings.agree_since(1_000) is agrees
        assert not readings.agree_since(1_001)


@pytest.mark.parametrize(("began_ms", "missing"), [(115_499, False), (115_500, True)])
@pytest.mark.parametrize("state", [EntryState.SIGNED, EntryState.UNKNOWN])
def test_an_order_is_missing_once_two_readings_agree_after_the_settling_time(began_ms, missing, state):
    assert is_missing(entry(state=state), two_readings(began_ms), POLICY) is missing


def test_an_order_that_was_absent_before_is_missing_without_readings():
    assert is_missing(entry(state=EntryState.ABSENT), Readings(3.0), POLICY)
    assert not is_missing(entry(), Readings(3.0), POLICY)


@pytest.mark.parametrize("remaining", [1, 2, 10**30])
@pytest.mark.parametrize("expiry_time", [0, EXPIRY])
def test_what_the_contract_knows_is_proof_whatever_else_is_so(remaining, expiry_time):
    chain = ChainFacts(now_secs=10**6, remaining=remaining)
    found = verdict(entry(expiry_time=expiry_time), two_readings(10**9), chain, POLICY)
    assert found == SeenOnChain(order_hash=HASH, remaining_wei=remaining - 1)


END_SECS = EXPIRY + POLICY.expiry_margin_secs
NO_LIST = Absent(order_hash=HASH, reason="no list of the venue has it")
NEITHER = Absent(order_hash=HASH, reason="neither a list of the venue nor the exchange contract has it")
PASSED = Rejected(order_hash=HASH, reason="its expiry time 2000 has passed, and the venue has never listed it")


@pytest.mark.parametrize(
    ("expiry_time", "began_ms", "now_secs", "expected"),
    [
        (0, 10**9, None, NO_LIST),
        (0, 10**9, 10**6, NEITHER),
        (EXPIRY, END_SECS * 1000 - 1, None, NO_LIST),
        (EXPIRY, END_SECS * 1000, None, PASSED),
        (EXPIRY, END_SECS * 1000 - 1, 10**6, NEITHER),
        (EXPIRY, END_SECS * 1000, END_SECS, NEITHER),
        (EXPIRY, END_SECS * 1000, END_SECS + 1, PASSED),
    ],
)
def test_an_order_that_nobody_has_is_absent_and_refused_only_after_its_expiry(
    expiry_time, began_ms, now_secs, expected
):
    chain = None if now_secs is None else ChainFacts(now_secs=now_secs, remaining=0)
    assert verdict(entry(expiry_time=expiry_time), two_readings(began_ms), chain, POLICY) == expected


def test_what_is_reserved_is_told_by_market_and_side_and_for_open_questions_only():
    sizes = {"price": Decimal("1.5"), "quantity": Decimal(4)}
    entries = [entry(state=state, side=side, **sizes) for state in EntryState for side in Side]
    entries.append(entry(market_id="n", price=Decimal(10**30), quantity=Decimal("1E-30")))
    # Three of the six states leave a question open.
    assert reserved(entries) == {("m", Side.BUY): 18, ("m", Side.SELL): 12, ("n", Side.BUY): 1}
    assert reserved([]) == {}


@pytest.mark.parametrize("side", Side)
def test_what_is_reserved_is_exact_for_the_largest_numbers(side):
    most = 2**256 - 1
    entries = [entry(side=side, price=Decimal(most), quantity=Decimal(most - number)) for number in range(3)]
    cost = 3 * most - 3 if side is Side.SELL else most * (3 * most - 3)
    assert f"{reserved(entries)['m', side]:f}" == str(cost)


def test_an_error_that_kept_a_request_from_being_sent_is_named():
    assert not_sent(InvalidInput("too small")) == NotSent(error="InvalidInput", reason="too small")
