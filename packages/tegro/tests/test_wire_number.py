"""Numbers on the wire keep every digit."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.wire import bare, decimal_of, quoted, text_of
from tegro.wire.number import plain

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=18)


@given(NUMBERS)
def test_what_is_written_is_read_back_exactly(value):
    assert decimal_of(quoted(value)) == value
    assert decimal_of(bare(value)) == value


@given(NUMBERS)
def test_both_forms_are_json_in_plain_notation(value):
    assert json.loads(bytes(quoted(value))) == plain(value)
    assert json.loads(bytes(bare(value)), parse_float=Decimal, parse_int=Decimal) == value
    assert "E" not in plain(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+2"), "100"),
        (Decimal("0.50"), "0.5"),
        (Decimal("-0"), "0"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("3490.0"), "3490"),
        (100, "100"),
        ("007.10", "7.1"),
    ],
)
def test_plain_notation(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(("literal", "text"), [(b'"3490.10"', "3490.10"), (b"3490.1", "3490.1")])
def test_text_keeps_the_digits_of_the_peer(literal, text):
    assert text_of(msgspec.Raw(literal)) == text


@pytest.mark.parametrize("literal", [b'"NaN"', b'"Infinity"', b"null", b"true", b'""', b'"1,5"', b"[]", b"{}"])
def test_what_is_no_number_is_refused_and_quoted(literal):
    with pytest.raises(ValueError, match="expected a number on the wire, was"):
        decimal_of(msgspec.Raw(literal))


def test_a_long_text_is_not_quoted_whole():
    with pytest.raises(ValueError, match="expected a number") as refusal:
        decimal_of(msgspec.Raw(b'"' + b"x" * 10_000 + b'"'))
    assert len(str(refusal.value)) < 200
