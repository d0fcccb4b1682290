"""JSON Schema of the structs on the wire.

msgspec describes its structs, except where a number is kept as the text that was sent: such a member is `Raw`, which
may be anything. So each struct is described through a twin in which those members have a type of their own.
"""

import inspect
from collections.abc import Iterable
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from tegro.wire import NumberLiteral

REFERENCE: Final = "#/components/schemas/{name}"


class _Number:
    """Stands for a number that is sent as JSON text or as a JSON number."""


def schemas_of(types: Iterable[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a schema for each type, and the components that they refer to by name."""
    twins = [_twin(each) for each in types]
    schemas, components = msgspec.json.schema_components(twins, schema_hook=_describe, ref_template=REFERENCE)
    return list(schemas), components


def _describe(kind: type) -> dict[str, Any]:
    if kind is _Number:
        return {"type": ["string", "number"], "description": "A decimal number, quoted or bare."}
    raise NotImplementedError


def _twin(hint: Any) -> Any:  # noqa: ANN401 - any type of Python
    if hint is NumberLiteral:
        return _Number
    if hint is Raw:
        return Any
    if isinstance(hint, type) and issubclass(hint, Struct):
        return _twin_struct(hint)
    arguments = tuple(_twin(argument) for argument in get_args(hint))
    if not arguments:
        return hint
    origin = get_origin(hint)
    return Union[arguments] if origin in (Union, UnionType) else origin[arguments]  # noqa: UP007 - made at run time


@cache
def _twin_struct(struct: type[Struct]) -> type[Struct]:
    hints = get_type_hints(struct)
    members: list[Any] = []
    for field in msgspec.structs.fields(struct):
        kind = _twin(hints[field.name])
        if field.required:
            members.append((field.name, kind, msgspec.field(name=field.encode_name)))
        elif field.default is msgspec.NODEFAULT or isinstance(field.default, (Raw, UnsetType)):
            # An optional member whose default the schema cannot or need not name.
            members.append((field.name, kind | UnsetType, msgspec.field(default=UNSET, name=field.encode_name)))
        else:
            members.append((field.name, kind, msgspec.field(default=field.default, name=field.encode_name)))
    namespace = {"__doc__": inspect.getdoc(struct)}
    strict = struct.__struct_config__.forbid_unknown_fields
    return msgspec.defstruct(struct.__name__, members, namespace=namespace, kw_only=True, forbid_unknown_fields=strict)
