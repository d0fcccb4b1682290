"""Reading what strangers send: every function returns a checked value or refuses with one sentence."""

import re
from decimal import Decimal
from typing import Final

import msgspec

from tegro.wire import NumberLiteral, decimal_of, decode
from tegro_localnet.refusal import Refused, excerpt

_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]{130}")
_UINT: Final = re.compile(r"[0-9]{1,78}")
_UINT256_MAX: Final = 2**256 - 1
_NUMBER: Final = re.compile(r'"?[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"?')
"""Python would also read digits of other scripts, spaces, and underscores."""
_MAX_NUMBER_CHARACTERS: Final = 100
_MAX_EXPONENT: Final = 40


def read_body[T](body: bytes, shape: type[T]) -> T:
    """Read a JSON body in either spelling of its names."""
    try:
        return decode(body, shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"the body does not fit: {error}") from error


def read_address(text: str, what: str) -> str:
    """Read an address in any case; returns it in lower case."""
    if not _ADDRESS.fullmatch(text):
        raise Refused(f"{what} must be 0x and 40 hex digits, was {excerpt(text)}")
    return text.lower()


def read_signature(text: str | msgspec.UnsetType | None) -> bytes:
    """Read a signature of 65 bytes."""
    if not isinstance(text, str):
        raise Refused("signature is missing")
    if not _SIGNATURE.fullmatch(text):
        raise Refused("signature must be 0x and 130 hex digits")
    return bytes.fromhex(text[2:])


def read_uint256(text: str, what: str) -> int:
    """Read a decimal string as a uint256."""
    if not _UINT.fullmatch(text) or int(text) > _UINT256_MAX:
        raise Refused(f"{what} must be a decimal string within uint256, was {excerpt(text)}")
    return int(text)


def read_count(text: str | None, what: str, *, default: int, least: int, most: int) -> int:
    """Read a whole number of a query; the default where it is absent or empty."""
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18 or not least <= int(text) <= most:
        raise Refused(f"{what} must be a whole number from {least} to {most}, was {excerpt(text)}")
    return int(text)


def read_number(literal: NumberLiteral, what: str) -> Decimal:
    """Read a number of any sign and size, quoted or bare."""
    text = bytes(literal).decode(errors="replace")
    if len(text) > _MAX_NUMBER_CHARACTERS:
        raise Refused(f"{what} must have at most {_MAX_NUMBER_CHARACTERS} characters")
    if not _NUMBER.fullmatch(text):
        raise Refused(f"{what} must be a decimal number, was {excerpt(text)}")
    return decimal_of(literal)


def read_decimal(literal: NumberLiteral, what: str) -> Decimal:
    """Read a human amount that is above zero."""
    value = read_number(literal, what)
    if value <= 0 or abs(value.adjusted()) > _MAX_EXPONENT:
        raise Refused(f"{what} must be above zero and below 10^{_MAX_EXPONENT}, was {excerpt(value)}")
    return value


def read_side(side: int | str) -> bool:
    """Read a side, number or word; returns whether it is a buy (protocol 4.7)."""
    known: dict[int | str, bool] = {1: True, 0: False, "buy": True, "sell": False}
    if side not in known:
        raise Refused(f"side must be 1, 0, 'buy' or 'sell', was {excerpt(side)}")
    return known[side]
