"""Reservations: never negative, conserved, and judged with what else is reserved."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegro_localnet.engine.ledger import Lack, Ledger

KEYS = st.sampled_from(["a", "b", "c", "d"])
WALLETS = st.sampled_from(["w1", "w2"])
AMOUNTS = st.integers(min_value=0, max_value=10**30)
STEPS = st.lists(st.tuples(st.sampled_from(["reserve", "release", "mirror"]), KEYS, WALLETS, AMOUNTS), max_size=60)


@settings(deadline=None)
@given(steps=STEPS)
def test_reserved_is_the_sum_of_the_reservations_whatever_happens(steps: list[tuple[str, str, str, int]]) -> None:
    ledger = Ledger()
    expected: dict[str, tuple[str, int]] = {}
    for kind, key, wallet, amount in steps:
        if kind == "reserve":
            ledger.reserve(key, wallet, "t", amount)
            expected[key] = (wallet, amount)
        elif kind == "release":
            assert ledger.release(key) == expected.pop(key, ("", 0))[1]
        else:
            ledger.mirror(wallet, "t", amount, amount)
        for owner in ("w1", "w2"):
            held = ledger.holding(owner, "t").reserved_wei
            assert held == sum(amount for wallet, amount in expected.values() if wallet == owner) >= 0


@given(balance=AMOUNTS, allowance=AMOUNTS, reserved=AMOUNTS, more=AMOUNTS)
def test_a_further_amount_must_fit_beside_the_reserved(balance: int, allowance: int, reserved: int, more: int) -> None:
    ledger = Ledger()
    ledger.mirror("w", "t", balance, allowance)
    ledger.reserve("k", "w", "t", reserved)
    lack = ledger.lack_for("w", "t", more)
    if balance < reserved + more:
        assert lack is Lack.FUNDS
    elif allowance < reserved + more:
        assert lack is Lack.ALLOWANCE
    else:
        assert lack is None


def test_mirror_tells_whether_something_fell() -> None:
    ledger = Ledger()
    assert not ledger.mirror("w", "t", 10, 5)
    assert not ledger.mirror("w", "t", 10, 6)
    assert ledger.mirror("w", "t", 9, 7)
    assert ledger.mirror("w", "t", 20, 6)


def test_a_negative_reservation_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        Ledger().reserve("k", "w", "t", -1)
