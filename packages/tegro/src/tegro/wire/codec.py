"""Bytes to structs and back.

The venue renamed its fields from camelCase to snake_case in mid-2024 and some bodies still mix both (protocol 3.3). A
top-level name in the old spelling is read as the new one, unless the struct knows the old one by itself.
"""

import re
from functools import cache
from typing import cast, get_args

import msgspec

from tegro.wire.events import Envelope

_SECOND_WORD = re.compile(r"_([a-z])")
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
    old_names = _old_names(cast("object", shape))
    if old_names is not None:
        text = bytes(body)
        if old_names.pattern.search(text):
            body = _renamed(text, old_names.new_name)
    return msgspec.json.decode(body, type=shape)


def decode_event(frame: bytes | str) -> Envelope:
    """Read the action of a WebSocket frame, its data still undecoded.

    Raises
    ------
    msgspec.DecodeError
        If the frame is no JSON object with an `action`.
    """
    return _ENVELOPE.decode(frame)


class _OldNames(msgspec.Struct, frozen=True):
    """The camelCase spellings a body of one struct may have used."""

    pattern: re.Pattern[bytes]
    """Finds any of them as a member's name, quickly."""
    new_name: dict[str, str]


@cache
def _old_names(shape: object) -> _OldNames | None:
    """Return the old spellings of the members of a struct, or of the items of a list; None where there are none."""
    item = next(iter(get_args(shape)), shape)
    if not isinstance(item, type) or not issubclass(item, msgspec.Struct):
        return None
    names = [field.encode_name for field in msgspec.structs.fields(item)]
    camel = {_SECOND_WORD.sub(lambda match: match[1].upper(), name): name for name in names}
    new_name = {old: new for old, new in camel.items() if old not in names}
    if not new_name:
        return None
    return _OldNames(re.compile(rf'"(?:{"|".join(new_name)})"\s*:'.encode()), new_name)


def _renamed(body: bytes, new_name: dict[str, str]) -> bytes:
    """Rename the members of an object, or of each object in an array."""
    if body.lstrip()[:1] == b"[":
        items = [msgspec.Raw(_renamed(bytes(item), new_name)) for item in _ANY_ITEMS.decode(body)]
        return msgspec.json.encode(items)
    members = _ANY_MEMBERS.decode(body)
    renamed = {new_name.get(name, name): value for name, value in members.items()}
    # A member that is there in both spellings keeps the value of the new one.
    return msgspec.json.encode(renamed | {name: members[name] for name in new_name.values() if name in members})
