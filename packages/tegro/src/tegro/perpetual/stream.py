"""The streams of a perpetual venue: market data and the account's own events, reconnected for as long as it is open.

Up to three sockets, as the dialect groups them (6.1): `public` (books), `market` (trades, marks, candles), `account`.
Nothing is replayed: after each `ChannelConnected` take snapshots and lists again.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

import aiohttp
import msgspec

from tegro.backoff import Backoff, Sleep
from tegro.errors import Closed, TegroError
from tegro.events import Lagged
from tegro.inbox import Inbox
from tegro.perpetual.events import (
    ChannelConnected,
    ChannelDisconnected,
    ListenKeyExpired,
    VenueEvent,
    read_combined,
    read_event,
)
from tegro.perpetual.settings import PerpetualEnvironment

_log = logging.getLogger(__name__)

type PerpetualEvent = VenueEvent | ChannelConnected | ChannelDisconnected | Lagged

QUEUE_SIZE: Final = 10_000
HEARTBEAT_SECS: Final = 15.0
CONNECT_SECS: Final = 10.0
CLOSE_SECS: Final = 2.0
KEEP_KEY_SECS: Final = 30 * 60.0
"""The account's key ends after an hour (5.11)."""
_READY: Final = b"ready"


class ListenKeys(Protocol):
    """Who gives the key of the account's stream; `PerpetualRest` does."""

    async def open_listen_key(self) -> str:
        """Return a key."""
        ...

    async def keep_listen_key(self) -> None:
        """Let it live on."""
        ...


class PerpetualStream:
    """Events of contracts and of the account: `async for event in stream`.

    The connections are made when the first event is asked for, or by `async with`. One reader at a time. Iteration ends
    after `aclose`.

    Parameters
    ----------
    environment
        Where to.
    session
        Used, never closed.
    symbols
        Contracts to follow: book, trades, mark price.
    candles
        Interval of the candles to follow too; None for none.
    listen_keys
        Gives the key of the account's stream; None leaves the account out.
    backoff, sleep, rng
        The waits between attempts; passed in so that a test need not wait.
    """

    def __init__(
        self,
        environment: PerpetualEnvironment,
        session: aiohttp.ClientSession,
        *,
        symbols: Iterable[str] = (),
        candles: str | None = None,
        listen_keys: ListenKeys | None = None,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._inbox: Inbox[PerpetualEvent] = Inbox(QUEUE_SIZE)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False
        self._candles = candles
        root, names = environment.stream_url, list(dict.fromkeys(symbols))
        channels: list[_Channel] = []
        waits = _Waits(backoff or Backoff(), sleep, rng or random.Random())  # noqa: S311  jitter, nothing secret
        if names:
            for group in ("public", "market"):
                streams = [each for name in names for each in _names(group, name, candles)]
                channels.append(_Channel(group, _fixed(f"{root}/{group}/stream"), streams))
        if listen_keys is not None:
            channels.append(_Channel("account", _private(root, listen_keys), (), listen_keys))
        self._sockets = [_Socket(channel, session, self._inbox, waits) for channel in channels]

    async def follow(self, symbol: str) -> None:
        """Follow one more contract, where contracts are followed. May be repeated.

        Raises
        ------
        Closed
            If the stream was closed.
        """
        await self._change("SUBSCRIBE", symbol)

    async def unfollow(self, symbol: str) -> None:
        """Stop following a contract. May be repeated. Errors as above."""
        await self._change("UNSUBSCRIBE", symbol)

    async def _change(self, method: str, symbol: str) -> None:
        if self._is_closed:
            raise Closed("the stream is closed")
        for socket in self._sockets:
            names = _names(socket.channel.name, symbol, self._candles)
            if names:
                await socket.change(method, names)

    @property
    def dropped(self) -> int:
        """Events dropped so far because the reader was too slow."""
        return self._inbox.dropped

    @property
    def skipped(self) -> int:
        """Frames skipped so far because they could not be read."""
        return sum(socket.skipped for socket in self._sockets)

    async def aclose(self) -> None:
        """Close the sockets and end the iteration. May be repeated."""
        self._is_closed = True
        self._inbox.discard()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        if self._is_closed:
            raise Closed("the stream is closed")
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[PerpetualEvent]:
        return self

    async def __anext__(self) -> PerpetualEvent:
        self._start()
        event = await self._inbox.take()
        if event is not None:
            return event
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
        raise StopAsyncIteration

    def _start(self) -> None:
        if self._tasks or self._is_closed:
            return
        for socket in self._sockets:
            task = asyncio.create_task(socket.run(), name=f"tegro perpetual {socket.channel.name}")
            # A reader must not wait for ever for a task that ended with an error.
            task.add_done_callback(lambda _: self._inbox.close())
            self._tasks.append(task)


class _Channel:
    """What one socket is for."""

    def __init__(
        self,
        name: str,
        url: Callable[[], Awaitable[str]],
        streams: Iterable[str],
        listen_keys: ListenKeys | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.streams = list(streams)
        self.listen_keys = listen_keys


class _Waits:
    """How to wait between attempts."""

    def __init__(self, backoff: Backoff, sleep: Sleep, rng: random.Random) -> None:
        self.sleep = sleep
        self._backoff = backoff
        self._rng = rng

    async def after(self, failures: int) -> None:
        await self.sleep(self._backoff.delay_secs(failures, self._rng))


class _Socket:
    """One connection, made again whenever it ends."""

    def __init__(
        self, channel: _Channel, session: aiohttp.ClientSession, inbox: Inbox[PerpetualEvent], waits: _Waits
    ) -> None:
        self.channel = channel
        self.skipped = 0
        self._session = session
        self._inbox = inbox
        self._waits = waits
        self._frames = 0
        self._requests = 0
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    async def change(self, method: str, names: Iterable[str]) -> None:
        """Follow more, or less, from now on."""
        streams = dict.fromkeys(self.channel.streams)
        fresh = [name for name in names if (name in streams) is not (method == "SUBSCRIBE")]
        kept = [name for name in streams if name not in fresh]
        self.channel.streams = kept + (fresh if method == "SUBSCRIBE" else [])
        if fresh:
            await self._send(method, fresh)

    async def _send(self, method: str, names: list[str]) -> None:
        if self._socket is None or self._socket.closed:
            return
        self._requests += 1
        request = {"method": method, "params": names, "id": self._requests}
        try:
            await self._socket.send_str(msgspec.json.encode(request).decode())
        except (aiohttp.ClientError, ConnectionError) as error:
            # The reading side sees the same break, and the next connection subscribes to everything.
            _log.debug("could not %s: %s", method, error)

    async def run(self) -> None:
        failures = 0
        while True:
            frames_before = self._frames
            reason = await self._one_connection()
            # Only a connection that delivered something counts as a success: a host that accepts and closes does not.
            failures = 1 if self._frames > frames_before else failures + 1
            _log.info("%s stream: %s", self.channel.name, reason)
            self._inbox.put(ChannelDisconnected(self.channel.name, reason))
            await self._waits.after(failures)

    async def _one_connection(self) -> str:
        """Return why the connection ended."""
        try:
            url = await self.channel.url()
            async with asyncio.timeout(CONNECT_SECS):
                # Pings are answered in `_read`, which has to see the pong of `_READY`.
                socket = await self._session.ws_connect(
                    url,
                    heartbeat=HEARTBEAT_SECS,
                    autoping=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECS),
                )
            async with socket:
                return await self._follow(socket)
        except (aiohttp.ClientError, TimeoutError, OSError, TegroError) as error:
            return f"connection failed: {str(error)[:300] or type(error).__name__}"

    async def _follow(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        keeping = asyncio.create_task(self._keep_key(socket))
        self._socket = socket
        try:
            if self.channel.streams:
                await self._send("SUBSCRIBE", self.channel.streams)
            # The venue reads its socket in order: its pong says that the subscriptions before it were taken.
            await socket.ping(_READY)
            return await self._read(socket)
        finally:
            self._socket = None
            keeping.cancel()

    async def _keep_key(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Keep the account's key alive; where that fails, end the connection: the next one asks for a new key."""
        keys = self.channel.listen_keys
        while keys is not None:
            await self._waits.sleep(KEEP_KEY_SECS)
            try:
                await keys.keep_listen_key()
            except TegroError as error:
                _log.warning("the key of the account's stream could not be kept: %s", error)
                await socket.close()
                return

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        async for message in socket:
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._frames += 1
                if self._take_frame(message.data):
                    return "the venue ended the account's key"
            elif message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.PONG and message.data == _READY:
                self._inbox.put(ChannelConnected(self.channel.name))
        error = socket.exception()
        return f"connection lost: {error}" if error else f"closed by the venue with code {socket.close_code}"

    def _take_frame(self, frame: bytes | str) -> bool:
        """Hand an event on; return whether it ends the connection."""
        try:
            event = read_event(frame) if self.channel.listen_keys is not None else read_combined(frame)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self.skipped += 1
            _log.debug("skipped a frame: %s", error)
            return False
        if event is not None:
            self._inbox.put(event)
        return isinstance(event, ListenKeyExpired)


def _names(group: str, symbol: str, candles: str | None) -> list[str]:
    """Return the streams of a contract in one group (6.1)."""
    name = symbol.lower()
    if group == "public":
        return [f"{name}@depth@100ms"]
    if group == "market":
        return [f"{name}@aggTrade", f"{name}@markPrice@1s", *([f"{name}@kline_{candles}"] if candles else [])]
    return []


def _fixed(url: str) -> Callable[[], Awaitable[str]]:
    async def give() -> str:
        return url

    return give


def _private(root: str, listen_keys: ListenKeys) -> Callable[[], Awaitable[str]]:
    async def give() -> str:
        return f"{root}/private/ws?listenKey={await listen_keys.open_listen_key()}"

    return give
