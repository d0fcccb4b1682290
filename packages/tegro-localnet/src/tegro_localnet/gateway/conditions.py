"""Control paths under `/localnet/` for its conditions: clock, latency, limits, tick sizes, replay, the event log."""

from collections.abc import Callable
from typing import Final

from aiohttp import web
from msgspec import Struct

from tegro_localnet.agents.replay import Replay
from tegro_localnet.conditions import Conditions
from tegro_localnet.gateway.replies import answer
from tegro_localnet.latency import Latency
from tegro_localnet.parsing import read_body, read_count
from tegro_localnet.rate_limits import RateLimits
from tegro_localnet.refusal import Refused

_DEFAULT_LOG_LINES: Final = 100


class ClockBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT /localnet/clock`."""

    offset_ms: int
    """How far the venue's clock is to be ahead of the real one, in milliseconds; below zero: behind."""


class ClockReply(Struct, kw_only=True):
    """The venue's clock."""

    now_ms: int
    offset_ms: int


class LatencyBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body and answer of `/localnet/latency`: all rules, the first that fits counts."""

    rules: list[Latency]


class TickBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body of `PUT /localnet/markets/{symbol}/tick`: decimals that are allowed from now on; None: as before."""

    quote_precision: int | None = None
    """Of prices."""
    base_precision: int | None = None
    """Of quantities."""


class TickReply(Struct, kw_only=True):
    """What a market allows now."""

    symbol: str
    quote_precision: int
    base_precision: int


class ReorganiseBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """Body and answer of `POST /localnet/chain/reorganise`."""

    depth: int = 1
    """How many of the newest blocks the chain takes back."""


class ConditionRoutes:
    """The endpoints.

    Parameters
    ----------
    conditions : Conditions
        What they read and change.
    replay : Replay or None
        The recorded trades that drive a market.
    """

    def __init__(self, conditions: Conditions, replay: Replay | None) -> None:
        self._conditions = conditions
        self._replay = replay

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/localnet/replay", self._show_replay),
            web.get("/localnet/faults/log", self._log),
            web.get("/localnet/clock", self._show_clock),
            web.put("/localnet/clock", self._set_clock),
            web.get("/localnet/latency", self._show_latency),
            web.put("/localnet/latency", self._set_latency),
            web.get("/localnet/rate-limits", self._show_limits),
            web.put("/localnet/rate-limits", self._set_limits),
            web.put("/localnet/markets/{symbol}/tick", self._set_tick),
            web.post("/localnet/chain/reorganise", self._reorganise),
        ]

    async def _show_replay(self, _: web.Request) -> web.Response:
        return answer(None if self._replay is None else self._replay.progress)

    async def _log(self, request: web.Request) -> web.Response:
        lines = read_count(request.query.get("limit"), "limit", default=_DEFAULT_LOG_LINES, least=1, most=10**6)
        return answer(self._conditions.faults.events(lines))

    async def _show_clock(self, _: web.Request) -> web.Response:
        clock = self._conditions.clock
        return answer(ClockReply(now_ms=clock.now_ms(), offset_ms=clock.offset_ms))

    async def _set_clock(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), ClockBody)
        _refusing(lambda: self._conditions.set_clock(body.offset_ms))
        return await self._show_clock(request)

    async def _show_latency(self, _: web.Request) -> web.Response:
        return answer(LatencyBody(rules=list(self._conditions.latency.rules)))

    async def _set_latency(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), LatencyBody)
        _refusing(lambda: self._conditions.set_latency(body.rules))
        return await self._show_latency(request)

    async def _show_limits(self, _: web.Request) -> web.Response:
        return answer(self._conditions.limiter.limits)

    async def _set_limits(self, request: web.Request) -> web.Response:
        self._conditions.set_limits(read_body(await request.read(), RateLimits))
        return await self._show_limits(request)

    async def _set_tick(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), TickBody)
        symbol = request.match_info["symbol"].upper()
        market = _refusing(lambda: self._conditions.set_tick(symbol, body.quote_precision, body.base_precision))
        return answer(
            TickReply(symbol=symbol, quote_precision=market.quote_precision, base_precision=market.base_precision)
        )

    async def _reorganise(self, request: web.Request) -> web.Response:
        body = read_body(await request.read(), ReorganiseBody)
        try:
            await self._conditions.reorganise(body.depth)
        except ValueError as error:
            raise Refused(str(error)) from error
        return answer(body)


def _refusing[T](change: Callable[[], T]) -> T:
    """Make a change; what it says against it is the refusal."""
    try:
        return change()
    except ValueError as error:
        raise Refused(str(error)) from error
