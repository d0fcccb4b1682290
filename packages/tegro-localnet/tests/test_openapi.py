"""The OpenAPI document says what is served: all of it, nothing else, and in a form that others' tools take."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from aiohttp import web
from openapi_spec_validator import validate

from tegro.wire import NumberLiteral, OrderInfo, PlaceOrderBody
from tegro_localnet.faults import FaultKind
from tegro_localnet.gateway.page import page_routes
from tegro_localnet.openapi.document import describe
from tegro_localnet.openapi.operation import Operation
from tegro_localnet.openapi.schemas import schemas_of

METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(msgspec.json.encode(describe()))


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(method.upper(), path) for path, item in document["paths"].items() for method in item if method in METHODS}


async def test_it_is_served_and_valid(api: Any, document: dict[str, Any]) -> None:
    status, served = await api.get("/openapi.json")
    assert (status, served) == (200, document)
    validate(served)


async def test_every_endpoint_is_described_and_every_description_is_served(
    localnet: Any, document: dict[str, Any]
) -> None:
    """The perpetual venue speaks the dialect of another exchange, which describes that itself."""
    files = {(route.method, route.path) for route in page_routes() if isinstance(route, web.RouteDef)}
    served = {
        (method, path)
        for method, path in localnet.localnet.gateway.endpoints() - files
        if path.startswith(("/api/", "/localnet/"))
    }
    assert served - described(document) == set(), "served, and not described"
    assert described(document) - served == set(), "described, and not served"


def test_operations_are_told_apart(document: dict[str, Any]) -> None:
    names = [item[method]["operationId"] for item in document["paths"].values() for method in item]
    assert len(set(names)) == len(names)


def test_the_page_finds_the_kinds_of_faults(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]["FaultKind"]["enum"]) == set(FaultKind)


async def test_answers_fit_their_description(api: Any, someone: Any, document: dict[str, Any]) -> None:
    """`jsonschema` checks what the venue really writes, fields that vary in form included."""
    order = await someone.place("WETH_USDC", "buy", "1500.5", "0.25")
    paths = {
        "/api/v1/exchange/chain/list": {},
        f"/api/v1/exchange/{someone.localnet.chain_id}/market/list": {},
        "/api/v1/orderbook/depth": {"market_symbol": "WETH_USDC"},
        f"/api/v1/trading/market/orders/user/{someone.wallet}": {},
        f"/api/v1/accounts/{someone.localnet.chain_id}/{someone.wallet}/portfolio": {},
        "/localnet/info": {},
        "/localnet/state": {},
        "/localnet/markets": {},
        "/localnet/markets/WETH_USDC": {},
    }
    named = {"{chain_id}": str(someone.localnet.chain_id), "{wallet}": someone.wallet, "{symbol}": "WETH_USDC"}
    templates = {path: path for path in document["paths"]}
    for path in document["paths"]:
        filled = path
        for name, value in named.items():
            filled = filled.replace(name, value)
        templates[filled] = path
    for path, query in paths.items():
        status, answer = await api.get(path, **query)
        assert status == 200, answer
        assert answer, f"{path} shows something, so that its form can be checked"
        reply = document["paths"][templates[path]]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(answer, reply | {"components": document["components"]})
    assert (await someone.cancel(order["order_id"]))[0] == 200


def test_numbers_that_stay_text_may_be_quoted_or_bare() -> None:
    [number], components = schemas_of([NumberLiteral])
    assert number["type"] == ["string", "number"]
    assert components == {}
    [reference], components = schemas_of([OrderInfo])
    assert reference == {"$ref": "#/components/schemas/OrderInfo"}
    order = components["OrderInfo"]
    assert order["properties"]["quantity"]["type"] == ["string", "number"]
    assert order["required"] == ["order_id", "status"]


def test_a_body_keeps_its_required_members_and_its_names_on_the_wire() -> None:
    _, components = schemas_of([PlaceOrderBody])
    body = components["PlaceOrderBody"]
    assert set(body["properties"]) == {field.encode_name for field in msgspec.structs.fields(PlaceOrderBody)}
    assert "signed_order_type" not in body["required"]


def test_a_path_with_an_unknown_part_is_no_silent_gap() -> None:
    with pytest.raises(KeyError, match="nobody"):
        describe([Operation(method="GET", path="/x/{nobody}", summary="x", tag="x", reply=None)])
