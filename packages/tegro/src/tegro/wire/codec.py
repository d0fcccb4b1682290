"""Bytes to structs and back.

The venue renamed its fields from camelCase to snake_case in mid-2024 and some bodies still mix both (protocol 3.3). A
body that does not fit its struct as it stands is tried once more with every top-level name put into snake_case.
"""

import re

import msgspec

from tegro.wire.events import Envelope

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ANY_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY_ITEMS: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_ENVELOPE: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(Envelope)


def encode(body: object) -> bytes:
    """Return the JSON text of a struct or a list of structs."""
    return msgspec.json.encode(body)


def decode[T](body: bytes | msgspec.Raw, shape: type[T]) -> T:
    """Read a struct, or a list of structs, in either spelling.

    Raises
    ------
    msgspec.DecodeError
        If the text is no JSON, or (as its subclass `msgspec.ValidationError`) does not fit the shape.
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError:
        renamed = _snake_case(bytes(body))
        if renamed is None:
            raise
        return msgspec.json.decode(renamed, type=shape)


def decode_event(frame: bytes | str) -> Envelope:
    """Read the action of a WebSocket frame, its data still undecoded.

    Raises
    ------
    msgspec.DecodeError
        If the frame is no JSON object with an `action`.
    """
    return _ENVELOPE.decode(frame)


def _snake_case(body: bytes) -> bytes | None:
    """Rename the members of an object, or of each object in an array; None where there is nothing to rename."""
    start = body.lstrip()[:1]
    if start == b"{":
        members = _ANY_MEMBERS.decode(body)
        # A snake_case member that is present already wins over its camelCase twin.
        renamed = {_WORD_START.sub("_", name).lower(): value for name, value in members.items()} | {
            name: value for name, value in members.items() if name == name.lower()
        }
        return msgspec.json.encode(renamed) if renamed != members else None
    if start == b"[":
        items = [(item, _snake_case(bytes(item))) for item in _ANY_ITEMS.decode(body)]
        if any(changed is not None for _, changed in items):
            return msgspec.json.encode([item if new is None else msgspec.Raw(new) for item, new in items])
    return None
