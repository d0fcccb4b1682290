"""The WebSocket doors: four roots, raw and combined, and what clients may ask there (perpetual dialect 6)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from tegro_localnet.gateway.replies import cut
from tegro_localnet.perpetual.gateway.feeds import Feeds
from tegro_localnet.perpetual.gateway.hub import Follower, StreamHub

_ROOTS: Final = ("", "/public", "/market", "/private")
_PING_SECS: Final = 180.0
_CLOSE_SECS: Final = 1.0
_MAX_FRAME_BYTES: Final = 64 * 1024
_MAX_STREAMS: Final = 1024


class _Invalid(Exception):
    """A request on the socket that cannot be met: code and text (perpetual dialect 6.2)."""

    def __init__(self, code: int, text: str) -> None:
        self.code = code
        super().__init__(text)


class StreamSockets:
    """Connections, their subscriptions, and the frames that go to them."""

    def __init__(self, hub: StreamHub, feeds: Feeds) -> None:
        self._hub: Final = hub
        self._feeds: Final = feeds
        self._durable: Callable[[], Awaitable[None]] | None = None
        self._open: dict[web.WebSocketResponse, web.Request] = {}
        """Every connection, with the request that opened it."""

    def hold_until(self, durable: Callable[[], Awaitable[None]]) -> None:
        """Wait for `durable` before each frame, so that it tells of nothing that could be lost."""
        self._durable = durable

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints; every stream is served under every root."""
        return [
            route
            for root in _ROOTS
            for route in (
                web.get(f"{root}/ws", self._raw),
                web.get(f"{root}/ws/{{streams:.*}}", self._raw),
                web.get(f"{root}/stream", self._combined),
            )
        ]

    def cut_all(self) -> int:
        """Cut every connection without a closing handshake; returns how many there were."""
        requests = [request for request in self._open.values() if request.transport is not None]
        for request in requests:
            cut(request)
        return len(requests)

    async def close_all(self) -> None:
        """Say goodbye to every connection."""
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in tuple(self._open)))

    async def _raw(self, request: web.Request) -> web.WebSocketResponse:
        names = [name for name in request.match_info.get("streams", "").split("/") if name]
        listen_key = request.query.get("listenKey")
        return await self._serve(request, [*names, *([listen_key] if listen_key else [])], is_combined=False)

    async def _combined(self, request: web.Request) -> web.WebSocketResponse:
        names = [name for name in request.query.get("streams", "").split("/") if name]
        return await self._serve(request, names, is_combined=True)

    async def _serve(self, request: web.Request, names: list[str], *, is_combined: bool) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=_PING_SECS, max_msg_size=_MAX_FRAME_BYTES, timeout=_CLOSE_SECS)
        await socket.prepare(request)
        follower = Follower(is_combined=is_combined)
        self._open[socket] = request
        for name in names[:_MAX_STREAMS]:
            self._follow(follower, name)
        helpers = [
            asyncio.create_task(_write_frames(request, socket, follower, self._durable)),
            asyncio.create_task(_cut_when_overflowed(request, follower)),
        ]
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    follower.offer(msgspec.json.encode(self._obey(follower, message.data)))
        finally:
            del self._open[socket]
            self._hub.leave_all(follower)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return socket

    def _follow(self, follower: Follower, name: str) -> None:
        self._hub.follow(follower, name)
        self._feeds.started(name)

    def _obey(self, follower: Follower, frame: str | bytes) -> dict[str, Any]:
        """Carry out a request and return its answer; the id comes back as it was sent."""
        try:
            request = msgspec.json.decode(frame)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {"error": {"code": 3, "msg": "Invalid JSON: expected an object"}, "id": None}
        if not isinstance(request, dict):
            return {"error": {"code": 2, "msg": "Invalid request: request must be an object"}, "id": None}
        try:
            result = self._carry_out(follower, request.get("method"), request.get("params", []))
        except _Invalid as problem:
            return {"error": {"code": problem.code, "msg": str(problem)}, "id": request.get("id")}
        return {"result": result, "id": request.get("id")}

    def _carry_out(self, follower: Follower, method: object, params: object) -> Any:  # noqa: ANN401 - JSON
        if method == "LIST_SUBSCRIPTIONS":
            return list(follower.streams)
        if not isinstance(params, list):
            raise _Invalid(2, "Invalid request: params must be an array")
        match method, params:
            case "SUBSCRIBE", _:
                for name in _names(params, follower):
                    self._follow(follower, name)
                return None
            case "UNSUBSCRIBE", _:
                for name in _names(params, follower):
                    self._hub.leave(follower, name)
                return None
            case "SET_PROPERTY", ["combined", bool(value)]:
                follower.is_combined = value
                return None
            case "GET_PROPERTY", ["combined"]:
                return follower.is_combined
            case (("SET_PROPERTY" | "GET_PROPERTY"), _):
                raise _Invalid(0, "Unknown property")
            case _:
                raise _Invalid(2, "Invalid request: unknown method")


def _names(params: list[Any], follower: Follower) -> list[str]:
    if not all(isinstance(name, str) and name for name in params):
        raise _Invalid(1, "Invalid value type: stream names must be strings")
    if len(follower.streams) + len(params) > _MAX_STREAMS:
        raise _Invalid(2, f"Invalid request: at most {_MAX_STREAMS} streams")
    return params


async def _write_frames(
    request: web.Request,
    socket: web.WebSocketResponse,
    follower: Follower,
    durable: Callable[[], Awaitable[None]] | None,
) -> None:
    with suppress(ConnectionError):
        while True:
            frame, is_cut = await follower.next_frame()
            if is_cut:
                cut(request)
                return
            if not frame:
                await socket.close(code=WSCloseCode.GOING_AWAY)
                return
            if durable is not None:
                await durable()
            await socket.send_frame(frame, WSMsgType.TEXT)


async def _cut_when_overflowed(request: web.Request, follower: Follower) -> None:
    """Drop a connection that does not read. A close handshake would wait behind the frames that it does not read."""
    await follower.queue.overflowed.wait()
    cut(request)
