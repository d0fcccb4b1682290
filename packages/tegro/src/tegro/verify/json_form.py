"""The form of a JSON text, before anything is read into it."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

_KINDS: Final[Mapping[bytes, str]] = {
    b'"': "string",
    b"{": "object",
    b"[": "array",
    b"t": "boolean",
    b"f": "boolean",
    b"n": "null",
}
_MILLISECONDS_FROM: Final = 10**11
"""Less than this is seconds (protocol 3.5)."""
_FINER_FROM: Final = 10**14


def kind_of(text: bytes | Raw | None) -> str:
    """Return what a text is by its first character: a kind of JSON or `not JSON`; `missing` for None."""
    if text is None:
        return "missing"
    first = bytes(text).lstrip()[:1]
    return "number" if first == b"-" or first.isdigit() else _KINDS.get(first, "not JSON")


def members_of(text: bytes | Raw) -> dict[str, Raw]:
    """Return the members of an object. Raises `msgspec.DecodeError` where it is none."""
    return msgspec.json.decode(text, type=dict[str, Raw])


def rows_of(text: bytes | Raw) -> list[Raw]:
    """Return the items of an array. Raises `msgspec.DecodeError` where it is none."""
    return msgspec.json.decode(text, type=list[Raw])


def unwrapped(body: bytes) -> bytes:
    """Return what the envelope of before July 2024 holds (protocol 3.3), or the body itself where there is none."""
    if kind_of(body) != "object":
        return body
    return bytes(members_of(body).get("data", Raw(body)))


def described(text: bytes | Raw | None) -> str:
    """Say what a text is: its kind, with the names of an object's members."""
    kind = kind_of(text)
    if text is None or kind != "object":
        return f"an {kind}" if kind == "array" else kind
    return f"an object with {', '.join(members_of(text)) or 'no members'}"


def unit_of(timestamp: int) -> str:
    """Name the unit of a Unix time by its size."""
    if timestamp < _MILLISECONDS_FROM:
        return "seconds"
    return "milliseconds" if timestamp < _FINER_FROM else "finer than milliseconds"
