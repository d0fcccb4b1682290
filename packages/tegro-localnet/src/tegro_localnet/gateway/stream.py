"""The one WebSocket endpoint (protocol 8): subscribe, unsubscribe, and events."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from tegro.wire import Envelope, Subscription, encode
from tegro_localnet.events import EventHub, Subscriber
from tegro_localnet.gateway.replies import cut
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.switches import SwitchBoard, Switches

STREAM_PATH: Final = "/api/v1/events/ws"

_HEARTBEAT_SECS: Final = 30.0
_CLOSE_SECS: Final = 1.0
"""How long a closing handshake may take."""
_MAX_FRAME_BYTES: Final = 64 * 1024
_MAX_CHANNELS: Final = 1000
_MAX_CHANNEL_CHARACTERS: Final = 200


class StreamGateway:
    """Connections and their subscriptions.

    There is no acknowledgement unless a switch wants one (protocol 12). A frame that makes no sense is answered with
    the action `error`, which the protocol does not know and clients skip.
    """

    def __init__(self, hub: EventHub, switches: SwitchBoard | None = None) -> None:
        self._hub = hub
        self._switches = switches or SwitchBoard(Switches())
        self._durable: Callable[[], Awaitable[None]] | None = None
        self._open: dict[web.WebSocketResponse, web.Request] = {}
        """Every connection, with the request that opened it."""

    def hold_until(self, durable: Callable[[], Awaitable[None]]) -> None:
        """Wait for `durable` before each frame, so that it tells of nothing that could be lost."""
        self._durable = durable

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoint."""
        return [web.get(STREAM_PATH, self._serve)]

    def cut_all(self) -> int:
        """Cut every connection without a closing handshake; returns how many there were."""
        requests = [request for request in self._open.values() if request.transport is not None]
        for request in requests:
            cut(request)
        return len(requests)

    async def close_all(self, _: web.Application) -> None:
        """Say goodbye to every connection; called when the server stops."""
        await asyncio.gather(
            *(socket.close(code=WSCloseCode.GOING_AWAY, message=b"localnet stops") for socket in self._open)
        )

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_SECS, max_msg_size=_MAX_FRAME_BYTES, timeout=_CLOSE_SECS)
        await socket.prepare(request)
        self._open[socket] = request
        subscriber = Subscriber()
        channels: set[str] = set()
        helpers = [
            asyncio.create_task(_write_frames(request, socket, subscriber, self._durable)),
            asyncio.create_task(_cut_when_overflowed(request, subscriber)),
        ]
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._obey(subscriber, channels, message.data)
        finally:
            del self._open[socket]
            for channel in channels:
                self._hub.unsubscribe(subscriber, channel)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
        return socket

    def _obey(self, subscriber: Subscriber, channels: set[str], frame: str | bytes) -> None:
        try:
            command, channel = _read_command(frame)
            follow = self._follow if command == "subscribe" else self._unfollow
            follow(subscriber, channels, channel)
            if self._switches.now.subscribe_ack == "echo":
                subscriber.offer(frame.encode() if isinstance(frame, str) else frame)
        except Refused as refusal:
            data = msgspec.Raw(encode({"error": str(refusal)}))
            subscriber.offer(encode(Envelope(action="error", data=data)))

    def _follow(self, subscriber: Subscriber, channels: set[str], channel: str) -> None:
        if len(channels) >= _MAX_CHANNELS:
            raise Refused(f"a connection may follow at most {_MAX_CHANNELS} channels")
        channels.add(channel)
        self._hub.subscribe(subscriber, channel)

    def _unfollow(self, subscriber: Subscriber, channels: set[str], channel: str) -> None:
        channels.discard(channel)
        self._hub.unsubscribe(subscriber, channel)


def _read_command(frame: str | bytes) -> tuple[str, str]:
    try:
        subscription = msgspec.json.decode(frame, type=Subscription)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(f"a frame must be an object with action and channelId: {error}") from error
    if subscription.action not in ("subscribe", "unsubscribe"):
        raise Refused(f"action must be 'subscribe' or 'unsubscribe', was {excerpt(subscription.action)}")
    if not 0 < len(subscription.channel_id) <= _MAX_CHANNEL_CHARACTERS:
        raise Refused(f"channelId must have 1 to {_MAX_CHANNEL_CHARACTERS} characters")
    return subscription.action, subscription.channel_id.lower()


async def _write_frames(
    request: web.Request,
    socket: web.WebSocketResponse,
    subscriber: Subscriber,
    durable: Callable[[], Awaitable[None]] | None,
) -> None:
    with suppress(ConnectionError):
        while (frame := await subscriber.next_frame()) is not None:
            if durable is not None:
                await durable()
            await socket.send_frame(frame, WSMsgType.TEXT)
        cut(request)


async def _cut_when_overflowed(request: web.Request, subscriber: Subscriber) -> None:
    """Drop a connection that does not read. A close handshake would wait behind the frames that it does not read."""
    await subscriber.overflowed.wait()
    cut(request)
