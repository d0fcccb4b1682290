"""Numbers on the wire: kept as the text the peer wrote, so that none passes through binary floating point.

Tegro writes amounts sometimes as JSON strings and sometimes as JSON numbers (protocol 3.4). A `NumberLiteral` holds
either form untouched; `decimal_of` reads both, `quoted` and `bare` write the one that is wanted.
"""

from decimal import Decimal, InvalidOperation

from msgspec import Raw

type NumberLiteral = Raw
"""The literal JSON text of one number: `b'"3490.10"'` or `b'3490.1'`."""

ZERO = Raw(b"0")


def text_of(literal: NumberLiteral) -> str:
    """Return the digits of a literal without quotes."""
    return str(literal, "utf-8").strip('"')


def decimal_of(literal: NumberLiteral) -> Decimal:
    """Return the exact value of a literal.

    Raises
    ------
    ValueError
        If the text is no finite number; the message quotes it.
    """
    text = text_of(literal)
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        message = f"expected a number on the wire, was {text[:80]!r}"
        raise ValueError(message)
    return value


def quoted(value: Decimal | int | str) -> NumberLiteral:
    """Write a value as a JSON string, in plain notation and without trailing zeros."""
    return Raw(f'"{plain(value)}"'.encode())


def bare(value: Decimal | int | str) -> NumberLiteral:
    """Write a value as a JSON number, in plain notation and without trailing zeros."""
    return Raw(plain(value).encode())


def plain(value: Decimal | int | str) -> str:
    """Return a value in plain decimal notation: `1E+2` becomes `100`, `0.50` becomes `0.5`, `-0` becomes `0`."""
    text = f"{Decimal(value):f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
