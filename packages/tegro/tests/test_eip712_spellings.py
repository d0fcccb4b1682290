"""Spellings of addresses that the vectors do not have, and the whole of what is said where one is refused."""

import re
import string

import pytest
from eth_utils import to_normalized_address
from hypothesis import given
from hypothesis import strategies as st

from tegro.eip712 import CancelMessage, Domain, parse_address
from tegro.errors import InvalidInput

CONTRACT = "0x1d0888a1552996822b71e89ca735b06aed4b20a4"
HEX_DIGITS = st.text("0123456789abcdef", min_size=40, max_size=40)
NO_HEX_DIGITS = [letter for letter in string.printable if letter not in string.hexdigits]


@given(HEX_DIGITS, st.sampled_from(["0x", "0X"]), st.booleans())
def test_both_prefixes_and_both_cases_are_one_address(digits, prefix, is_upper):
    text = prefix + (digits.upper() if is_upper else digits)
    assert parse_address(text) == to_normalized_address(text) == "0x" + digits


@given(HEX_DIGITS, st.integers(0, 39), st.sampled_from(NO_HEX_DIGITS))
def test_one_wrong_digit_among_right_ones_is_refused(digits, index, wrong):
    with pytest.raises(InvalidInput, match="an address is 0x and 40 hex digits"):
        parse_address(f"0x{digits[:index]}{wrong}{digits[index + 1 :]}")


def test_a_long_text_is_cut_where_it_is_quoted():
    with pytest.raises(InvalidInput, match=f"^an address is 0x and 40 hex digits, was '{'9' * 80}'$"):
        parse_address("9" * 81)


def test_a_cancel_of_nothing_says_what_it_needs():
    sentence = "a cancel must name at least one order id, the list was empty"
    with pytest.raises(InvalidInput, match=f"^{re.escape(sentence)}$"):
        CancelMessage(order_ids=(), user=CONTRACT, domain=Domain(1, CONTRACT))
