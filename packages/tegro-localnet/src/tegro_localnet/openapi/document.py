"""The whole OpenAPI document."""

import re
from collections.abc import Iterable
from typing import Any, Final

from tegro.wire import Envelope, ErrorBody, Subscription
from tegro_localnet._version import __version__
from tegro_localnet.openapi.condition_operations import CONDITION_OPERATIONS
from tegro_localnet.openapi.control_operations import CONTROL_OPERATIONS
from tegro_localnet.openapi.operation import PATH_PARAMETERS, Operation, Parameter, Schema
from tegro_localnet.openapi.perpetual_operations import PERPETUAL_OPERATIONS
from tegro_localnet.openapi.schemas import REFERENCE, schemas_of
from tegro_localnet.openapi.venue_operations import VENUE_OPERATIONS

_DESCRIPTION: Final = (
    "A whole local Tegro. The paths under `/api/` are the exchange's, in the dialect that it has with every switch at "
    "its default; those under `/localnet/` are localnet's own. Amounts that are signed are in the smallest unit of "
    "their token, all others in human units."
)
OPERATIONS: Final = (*VENUE_OPERATIONS, *CONTROL_OPERATIONS, *CONDITION_OPERATIONS, *PERPETUAL_OPERATIONS)
_PATH_NAMES: Final = re.compile(r"\{(\w+)\}")
_FRAMES: Final = (Subscription, Envelope, ErrorBody)
"""Described beside what the operations refer to."""


def describe(operations: Iterable[Operation] = OPERATIONS) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these operations, ready to be encoded."""
    operations = tuple(operations)
    bodies = [operation.body for operation in operations if operation.body is not None]
    replies = [operation.reply for operation in operations]
    schemas, components = schemas_of([*_FRAMES, *bodies, *replies])
    body_schemas = iter(schemas[len(_FRAMES) :])
    reply_schemas = iter(schemas[len(_FRAMES) + len(bodies) :])
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        body = None if operation.body is None else next(body_schemas)
        described = _describe_operation(operation, body, next(reply_schemas))
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tegro localnet", "version": __version__, "description": _DESCRIPTION},
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": paths,
        "components": {"schemas": components},
    }


def _describe_operation(operation: Operation, body: Schema | None, reply: Schema) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _identity(operation),
        "summary": operation.summary,
        "tags": [operation.tag],
        "responses": _responses(operation, reply),
    }
    if operation.description:
        described["description"] = operation.description
    parameters = [_describe_parameter(PATH_PARAMETERS[name], "path") for name in _PATH_NAMES.findall(operation.path)]
    parameters += [_describe_parameter(parameter, "query") for parameter in operation.query]
    if parameters:
        described["parameters"] = parameters
    if body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return described


def _describe_parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": place,
        "required": place == "path" or parameter.is_required,
        "schema": parameter.schema,
    }
    return described | ({"description": parameter.description} if parameter.description else {})


def _responses(operation: Operation, reply: Schema) -> dict[str, Any]:
    refusal = {"application/json": {"schema": {"$ref": REFERENCE.format(name=ErrorBody.__name__)}}}
    done: dict[str, Any] = {"description": "Done."}
    if operation.status == 200:
        done["content"] = {"application/json": {"schema": reply}}
    return {
        str(operation.status): done,
        "400": {"description": "Refused; one sentence says why.", "content": refusal},
        "default": {"description": "Not done; one sentence says why.", "content": refusal},
    }


def _identity(operation: Operation) -> str:
    words = re.findall(r"\w+", operation.path.removeprefix("/api/v1"))
    return "_".join([operation.method.lower(), *words])
