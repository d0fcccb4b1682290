"""JSON-RPC over HTTP: single requests and batches."""

import logging
from typing import Any, Final

import msgspec
from aiohttp import web

from tegro_localnet.chain.node.methods import Methods
from tegro_localnet.chain.node.refusals import RpcRefusal, invalid_request, unreadable
from tegro_localnet.errors import LocalnetError

_LARGEST_BODY_BYTES: Final = 32 * 1024 * 1024
_INTERNAL_ERROR: Final = -32603
# Explorers and wallets run in web pages of other origins. The node holds no key, so a page can only read and hand in
# what somebody signed.
_FROM_ANY_PAGE: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
}
_log = logging.getLogger(__name__)


def application(methods: Methods) -> web.Application:
    """Return the HTTP application that answers requests for these methods."""

    async def answer(request: web.Request) -> web.Response:
        body = msgspec.json.encode(_answer_body(methods, await request.read()))
        return web.Response(body=body, content_type="application/json", headers=_FROM_ANY_PAGE)

    async def allow(_: web.Request) -> web.Response:
        return web.Response(status=204, headers=_FROM_ANY_PAGE)

    app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
    app.router.add_post("/", answer)
    app.router.add_options("/", allow)
    return app


def _answer_body(methods: Methods, body: bytes) -> object:
    try:
        requests = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return _error(None, unreadable())
    if isinstance(requests, list) and requests:
        return [_answer_one(methods, request) for request in requests]
    return _answer_one(methods, requests)


def _answer_one(methods: Methods, request: object) -> dict[str, Any]:
    match request:
        case {"method": str(method), **rest}:
            identity = rest.get("id")
            arguments = rest.get("params") or []
        case _:
            return _error(None, invalid_request())
    if not isinstance(arguments, list):
        return _error(identity, invalid_request())
    try:
        return {"jsonrpc": "2.0", "id": identity, "result": methods.run(method, arguments)}
    except RpcRefusal as refusal:
        return _error(identity, refusal)
    except LocalnetError as error:
        # A sentence for a person, such as that the disk is full.
        _log.error("%s failed: %s", method, error)
        return _error(identity, RpcRefusal(_INTERNAL_ERROR, str(error)))
    except Exception as error:  # noqa: BLE001 - a node answers whatever happens; what happened goes to the log
        _log.exception("%s failed", method)
        return _error(identity, RpcRefusal(_INTERNAL_ERROR, f"internal error: {type(error).__name__}"))


def _error(identity: object, refusal: RpcRefusal) -> dict[str, Any]:
    error: dict[str, Any] = {"code": refusal.code, "message": refusal.message}
    if refusal.data is not None:
        error["data"] = refusal.data
    return {"jsonrpc": "2.0", "id": identity, "error": error}
