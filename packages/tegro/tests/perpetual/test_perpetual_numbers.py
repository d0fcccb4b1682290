"""Numbers of a perpetual venue: exact, or refused where they come in."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tegro.errors import BadReply
from tegro.perpetual import convert, wire
from tegro.perpetual.events import read_event

NO_NUMBERS = [
    "NaN",
    "sNaN",
    "-Infinity",
    "1E+999999",
    "1e5",
    "1_000",
    " 1",
    "1.",
    ".5",
    "+1",
    "",
    "٣",
    "0x10",
    "1" * 41,
]
HUGE = "1E+999999999"


class Price(msgspec.Struct):
    price: wire.Number


def read(price: object) -> Decimal:
    return wire.read(json.dumps({"price": price}), Price).price


def read_levels(rows: list[list[object]]) -> list[tuple[Decimal, Decimal]]:
    body = {"lastUpdateId": 1, "bids": [["5", "0.1"]], "asks": rows}
    snapshot = convert.snapshot_of(wire.read(json.dumps(body), wire.Depth), "X")
    return [(level.price, level.quantity) for level in snapshot.asks]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=18))
@example(Decimal("0.00000000"))
@example(Decimal("-0.10"))
def test_a_text_is_read_to_its_last_digit(value):
    text = f"{value:f}"
    found = read(text)
    assert type(found) is Decimal
    assert (found, str(found)) == (value, str(Decimal(text)))


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_plain_number_is_refused(text):
    with pytest.raises(msgspec.ValidationError, match="expected a decimal number, was"):
        read(text)
    with pytest.raises(msgspec.ValidationError, match="expected a decimal number, was"):
        read_levels([["1", "1"], ["1", text]])


@given(st.lists(st.tuples(st.text("0123456789.-,", max_size=8), st.text("0123456789.-,", max_size=8)), max_size=5))
@example([("1,2", "3")])
@example([("1", "2"), ("", "3")])
@example([("1", "2,"), ("3", "4")])
def test_levels_are_read_as_each_number_alone_would_be(rows):
    try:
        alone = [(read(price), read(quantity)) for price, quantity in rows]
    except msgspec.ValidationError:
        with pytest.raises(msgspec.ValidationError, match="expected a decimal number, was"):
            read_levels([list(row) for row in rows])
    else:
        assert read_levels([list(row) for row in rows]) == alone


@given(st.text(max_size=60))
@example("9" * 50)
def test_no_text_becomes_anything_but_a_finite_number(text):
    try:
        found = read(text)
    except msgspec.ValidationError:
        return
    assert found.is_finite()
    assert f"{found:f}" == text


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (-12, "-12"), (0.0065, "0.0065"), (1e15, None), (1e-9, None)]
)
def test_a_number_without_quotes_is_taken_while_its_digits_are_safe(value, expected):
    if expected is None:
        with pytest.raises(msgspec.ValidationError):
            read(value)
    else:
        assert read(value) == Decimal(expected)


@pytest.mark.parametrize("value", [True, None, [], {}])
def test_other_values_are_no_numbers(value):
    with pytest.raises(msgspec.ValidationError):
        read(value)


@pytest.mark.parametrize("tick", ["NaN", HUGE])
async def test_a_contract_of_no_number_hides_none_of_the_others(client, venue, contract, symbol_info, tick):
    price, *others = symbol_info["filters"]
    odd = {**symbol_info, "symbol": "ODD", "filters": [{**price, "tickSize": tick}, *others]}
    venue.answer("GET", "v1/exchangeInfo", {"symbols": [odd, symbol_info]})
    assert await client.contracts() == [contract]


@pytest.mark.parametrize("price", ["NaN", HUGE])
async def test_a_book_of_no_numbers_is_a_bad_reply(client, venue, price):
    venue.answer("GET", "v1/depth", {"lastUpdateId": 1, "E": 5, "bids": [["1", "1"], [price, "1"]], "asks": []})
    with pytest.raises(BadReply, match="expected a decimal number"):
        await client.book("ETHUSDT")


@pytest.mark.parametrize("price", ["NaN", HUGE])
def test_a_frame_of_no_numbers_is_refused(price):
    frame = {"e": "depthUpdate", "E": 5, "s": "ETHUSDT", "U": 1, "u": 2, "pu": 0, "b": [[price, "1"]], "a": []}
    with pytest.raises(msgspec.ValidationError, match="expected a decimal number"):
        read_event(json.dumps(frame))
