"""Amounts are written as the client's own exact numbers are."""

from hypothesis import given
from hypothesis import strategies as st

from tegro.model import unscaled
from tegro.wire import bare, quoted
from tegro_localnet.amounts import bare_units, quoted_units

AMOUNTS = st.integers(min_value=-(2**256), max_value=2**256) | st.integers(min_value=0, max_value=10**6).map(
    lambda number: number * 10**18
)
DECIMALS = st.integers(min_value=0, max_value=36)


@given(amount=AMOUNTS, decimals=DECIMALS)
def test_an_amount_is_written_as_its_exact_decimal_is(amount: int, decimals: int) -> None:
    value = unscaled(amount, decimals)
    assert bytes(quoted_units(amount, decimals)) == bytes(quoted(value))
    assert bytes(bare_units(amount, decimals)) == bytes(bare(value))


@given(amount=AMOUNTS)
def test_without_decimals_an_amount_is_written_as_it_is(amount: int) -> None:
    assert bytes(bare_units(amount)) == str(amount).encode()
