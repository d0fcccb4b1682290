"""REST: which call is served, who may make it, and how a refusal reads (perpetual dialect 1)."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from tegro_localnet.errors import LocalnetError
from tegro_localnet.perpetual.api_keys import Credentials
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.gateway.parameters import Parameters, Request
from tegro_localnet.perpetual.venue import PerpetualVenue

_LOG: Final = logging.getLogger(__name__)
_UNAUTHORISED: Final = (-2014, -2015)
_INTERNAL_ERROR: Final = {"code": -1001, "msg": "Internal error; unable to process your request."}
_MINUTE_MS: Final = 60_000
_TEN_SECONDS_MS: Final = 10_000


class Security(Enum):
    """What a call must carry."""

    NONE = 0
    KEY = 1
    SIGNED = 2


class Call(Struct, frozen=True):
    """A checked request."""

    parameters: Parameters
    now_ms: int
    credentials: Credentials | None
    account_or_none: Account | None

    @property
    def account(self) -> Account:
        """The account of the key; only calls that need a key ask."""
        if self.account_or_none is None:
            raise Rejected(-2014, "API-key format invalid.")
        return self.account_or_none


class Endpoint(Struct, frozen=True):
    """One served call."""

    method: str
    path: str
    """Behind `/fapi`, such as `/v1/order`."""
    security: Security
    answer: Callable[[Call], Any]
    weight: int = 1
    is_order: bool = False
    """Whether it counts as an order."""


class RestGateway:
    """Serves endpoints under `/fapi`."""

    def __init__(self, venue: PerpetualVenue, endpoints: Iterable[Endpoint]) -> None:
        self._venue = venue
        self._endpoints = tuple(endpoints)
        self._usage = _Usage()

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, and the refusal of all other paths."""
        served = [web.route(each.method, f"/fapi{each.path}", self._handler(each)) for each in self._endpoints]
        return [*served, web.route("*", "/fapi/{path:.*}", _not_served)]

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            body = await request.read() if request.body_exists else b""
            response = self._serve(endpoint, request, body)
            response.headers.update(self._usage.headers(endpoint, request, self._venue.clock_ms()))
            return response

        return handle

    def _serve(self, endpoint: Endpoint, request: web.Request, body: bytes) -> web.Response:
        try:
            return _json(endpoint.answer(self._check(endpoint, Request(request, body))))
        except Rejected as refusal:
            status = 401 if refusal.code in _UNAUTHORISED else 400
            return _json({"code": refusal.code, "msg": refusal.text}, status)
        except LocalnetError as error:
            _LOG.error("%s %s failed: %s", request.method, request.path, error)
            return _json(_INTERNAL_ERROR, 500)
        except Exception:  # noqa: BLE001 - the last resort: a client gets an answer, the log the cause
            _LOG.exception("%s %s failed", request.method, request.path)
            return _json(_INTERNAL_ERROR, 500)

    def _check(self, endpoint: Endpoint, request: Request) -> Call:
        venue = self._venue
        now_ms = venue.clock_ms()
        match endpoint.security:
            case Security.SIGNED:
                credentials = request.signer(venue.keys, now_ms)
            case Security.KEY:
                credentials = request.key_holder(venue.keys)
            case Security.NONE:
                return Call(request.parameters, now_ms, None, None)
        return Call(request.parameters, now_ms, credentials, venue.account(credentials))


class _Usage:
    """Counts weight by address and orders by key, for the headers that say so. There is no limit here."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int]] = Counter()
        self._minute = 0

    def headers(self, endpoint: Endpoint, request: web.Request, now_ms: int) -> dict[str, str]:
        """Count a request and return its headers."""
        minute = now_ms // _MINUTE_MS
        if minute != self._minute:
            self._counts.clear()
            self._minute = minute
        address = request.remote or ""
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._count("weight", address, minute, endpoint.weight))}
        if endpoint.is_order:
            api_key = request.headers.get("X-MBX-APIKEY", "")
            slot = now_ms // _TEN_SECONDS_MS
            headers["X-MBX-ORDER-COUNT-10S"] = str(self._count("10s", api_key, slot, 1))
            headers["X-MBX-ORDER-COUNT-1M"] = str(self._count("1m", api_key, minute, 1))
        return headers

    def _count(self, kind: str, whose: str, slot: int, weight: int) -> int:
        self._counts[kind, whose, slot] += weight
        return self._counts[kind, whose, slot]


async def _not_served(request: web.Request) -> web.Response:
    text = f"Path {request.path}, Method {request.method} is invalid"
    return _json({"code": -5000, "msg": text}, 404)


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")
