"""Numbers on the wire: kept as the text the peer wrote, so that none passes through binary floating point.

Tegro writes amounts sometimes as JSON strings and sometimes as JSON numbers (protocol 3.4). A `NumberLiteral` holds
either form untouched; `decimal_of` reads both, `quoted` and `bare` write the one that is wanted.
"""

import re
from decimal import Decimal
from typing import Final

from msgspec import Raw

type NumberLiteral = Raw
"""The literal JSON text of one number: `b'"3490.10"'` or `b'3490.1'`."""

ZERO = Raw(b"0")

_DECIMAL: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
"""Exponents occur: JSON numbers may have one, and the old connector wrote them into strings too (protocol 13.2).

`Decimal` would also read spaces, underscores, digits of other scripts, and numbers that are not finite.
"""


def text_of(literal: NumberLiteral) -> str:
    """Return the digits of a literal without quotes."""
    return str(literal, "utf-8").strip('"')


def is_decimal(text: str) -> bool:
    """Return whether a text is a finite decimal number in ASCII digits, with or without sign, point and exponent."""
    return _DECIMAL.fullmatch(text) is not None


def decimal_of(literal: NumberLiteral) -> Decimal:
    """Return the exact value of a literal.

    Raises
    ------
    ValueError
        If the text is no decimal number in ASCII digits; the message quotes it.
    """
    text = text_of(literal)
    if not _DECIMAL.fullmatch(text):
        message = f"expected a number on the wire, was {text[:80]!r}"
        raise ValueError(message)
    return Decimal(text)


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
