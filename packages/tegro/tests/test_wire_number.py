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


@pytest.mark.parametrize(
    "text", ["1_000", " 1", "1 ", "1\n", "\uff11\uff12", "\u0663", "0x10", "1e", ".", "--1", "1.2.3", "sNaN1"]
)
def test_what_only_python_takes_for_a_number_is_refused(text):
    with pytest.raises(ValueError, match="expected a number on the wire, was"):
        decimal_of(msgspec.Raw(f'"{text}"'.encode()))


def test_a_text_that_is_nearly_a_number_is_refused_as_quickly_as_it_was_sent():
    # Two ways to take the same digits would make this some hours of work.
    with pytest.raises(ValueError, match="expected a number"):
        decimal_of(msgspec.Raw(b'"' + b"1" * 1_000_000 + b'x"'))


def is_json_number(text):
    try:
        return text == text.strip() and isinstance(json.loads(text), int | float)
    except ValueError:
        return False


@given(st.text(st.sampled_from("0123456789.eE+-_ \u0663\uff11n"), max_size=8))
def test_a_number_is_what_json_and_ascii_digits_make_of_it(text):
    try:
        value = decimal_of(msgspec.Raw(f'"{text}"'.encode()))
    except ValueError:
        assert not is_json_number(text)
    else:
        assert set(text) <= set("0123456789.eE+-")
        assert value == Decimal(text)


@pytest.mark.parametrize(("literal", "value"), [(b"1e-7", "0.0000001"), (b'"1e+2"', "100"), (b"1E21", "1E+21")])
def test_an_exponent_is_read(literal, value):
    assert decimal_of(msgspec.Raw(literal)) == Decimal(value)


def test_a_long_text_is_not_quoted_whole():
    with pytest.raises(ValueError, match="expected a number") as refusal:
        decimal_of(msgspec.Raw(b'"' + b"x" * 10_000 + b'"'))
    assert len(str(refusal.value)) < 200
