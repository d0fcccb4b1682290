"""The venue's event stream: one WebSocket for many markets and wallets, reconnected for as long as it is open.

The stream has no sequence numbers and no replay (protocol 8.1). What happened between `Disconnected` and `Connected` is
lost: take a snapshot of every book and list the orders again after each `Connected`, and after a `Lagged`.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec

from tegro import wire
from tegro.backoff import Backoff, Sleep
from tegro.errors import Closed
from tegro.events import (
    BookChanged,
    Connected,
    Disconnected,
    Lagged,
    OrderEvent,
    Stale,
    StreamEvent,
    TradeEvent,
    UserTradeEvent,
    VenueEvent,
    read_frame,
)
from tegro.inbox import Inbox
from tegro.model import Market
from tegro.settings import Environment

__all__ = [
    "BookChanged",
    "Connected",
    "Disconnected",
    "EventStream",
    "Lagged",
    "OrderEvent",
    "Stale",
    "StreamEvent",
    "TradeEvent",
    "UserTradeEvent",
    "VenueEvent",
]

_log = logging.getLogger(__name__)

QUEUE_SIZE: Final = 10_000
"""Events kept for a reader that is slower than the venue."""
HEARTBEAT_SECS: Final = 15.0
"""Time between protocol pings; a connection that answers none within half of it is given up (protocol 8.1)."""
CONNECT_SECS: Final = 10.0
"""Time to open the socket."""
CLOSE_SECS: Final = 2.0
"""Time that the venue has to answer a closing handshake."""
IDLE_SECS: Final = 300.0
"""Silence after which the connection is made again; see `EventStream`."""
_SUBSCRIBED: Final = b"subscribed"
"""Payload of the ping that follows the subscriptions.

The venue acknowledges none (protocol 8.2). It reads its socket in order, so its pong says that it has taken them: a
snapshot that is asked for from then on and the changes that follow leave no gap between them.
"""


class EventStream:
    """Events of markets and wallets: `async for event in stream`.

    The connection is made when the first event is asked for, or by `async with`. One reader at a time. Iteration ends
    after `aclose`.

    Parameters
    ----------
    environment
        Where to.
    session
        Used, never closed.
    markets, wallets
        What to subscribe to at first.
    backoff, sleep, rng
        The waits between attempts; passed in so that a test need not wait.
    queue_size
        How many events wait for the reader before the oldest is dropped.
    idle_secs
        After so long without an event a `Stale` without symbol is given and the connection made again; it may take up
        to twice as long to notice. The venue acknowledges no subscription (protocol 8.2), so silence may be a market
        where nothing happens or a subscription that was lost, and a new connection settles it either way. Answers to
        pings do not count as events. None never does it.
    """

    def __init__(
        self,
        environment: Environment,
        session: aiohttp.ClientSession,
        *,
        markets: Iterable[Market] = (),
        wallets: Iterable[str] = (),
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
        queue_size: int = QUEUE_SIZE,
        idle_secs: float | None = IDLE_SECS,
    ) -> None:
        self._url = environment.stream_url
        self._session = session
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._markets = {market.symbol: market for market in markets}
        self._wallets = dict.fromkeys(wallet.lower() for wallet in wallets)
        self._inbox: Inbox[StreamEvent] = Inbox(queue_size)
        self._idle_secs = idle_secs
        self._limit: asyncio.Timeout | None = None
        self._cut_reason = ""
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._task: asyncio.Task[None] | None = None
        self._connections = 0
        self._frames = 0
        self._skipped = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """Events dropped so far because the reader was too slow."""
        return self._inbox.dropped

    @property
    def skipped(self) -> int:
        """Frames skipped so far: unknown actions, and what could not be read."""
        return self._skipped

    @property
    def wallets(self) -> tuple[str, ...]:
        """The wallets that are followed, lower case."""
        return tuple(self._wallets)

    async def subscribe_market(self, market: Market) -> None:
        """Follow a market: its book and its trades. May be repeated.

        Raises
        ------
        Closed
            If the stream was closed.
        """
        self._require_open()
        is_new_channel = market.channel not in self._channels()
        self._markets[market.symbol] = market
        if is_new_channel:
            await self._send("subscribe", market.channel)

    async def unsubscribe_market(self, market: Market) -> None:
        """Stop following a market. A channel that another followed market shares stays open. May be repeated.

        Raises
        ------
        Closed
            If the stream was closed.
        """
        self._require_open()
        if self._markets.pop(market.symbol, None) is not None and market.channel not in self._channels():
            await self._send("unsubscribe", market.channel)

    async def subscribe_wallet(self, wallet: str) -> None:
        """Follow a wallet: its orders and its trades. May be repeated.

        Raises
        ------
        Closed
            If the stream was closed.
        """
        self._require_open()
        if wallet.lower() not in self._wallets:
            self._wallets[wallet.lower()] = None
            await self._send("subscribe", wallet.lower())

    def reconnect(self, reason: str) -> None:
        """Give up the connection that is open and make a new one; `Disconnected` tells the reason.

        Nothing happens where none is open, since one is being made then anyway. May be repeated.
        """
        if self._limit is not None and not self._limit.expired():
            self._cut_reason = reason
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """Close the socket and end the iteration. May be repeated."""
        self._closed = True
        self._inbox.discard()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def __aenter__(self) -> Self:
        self._require_open()
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        self._start()
        event = await self._inbox.take()
        if event is not None:
            return event
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        raise StopAsyncIteration

    def _start(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.create_task(self._run(), name="tegro event stream")
            # A reader must not wait for ever for a task that ended with an error.
            self._task.add_done_callback(lambda _: self._inbox.close())

    def _require_open(self) -> None:
        if self._closed:
            raise Closed("the event stream is closed")

    def _channels(self) -> list[str]:
        """Every channel once, in the order of subscription."""
        return list(dict.fromkeys([market.channel for market in self._markets.values()]) | self._wallets)

    async def _run(self) -> None:
        failures = 0
        while True:
            frames_before = self._frames
            reason = await self._one_connection()
            # Only a connection that delivered something counts as a success: a host that accepts and closes does not.
            failures = 1 if self._frames > frames_before else failures + 1
            _log.info("event stream: %s", reason)
            self._inbox.put(Disconnected(reason))
            await self._sleep(self._backoff.delay_secs(failures, self._rng))

    async def _one_connection(self) -> str:
        """Return why the connection ended."""
        try:
            async with asyncio.timeout(CONNECT_SECS):
                # Pings are answered in `_read`, which has to see the pong of `_SUBSCRIBED`.
                socket = await self._session.ws_connect(
                    self._url,
                    heartbeat=HEARTBEAT_SECS,
                    autoping=False,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECS),
                )
            async with socket:
                self._socket = socket
                return await self._follow(socket)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return f"connection failed: {str(error)[:300] or type(error).__name__}"
        finally:
            self._socket = None

    async def _follow(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        """Subscribe and read until the connection ends or is cut; return why it did."""
        self._cut_reason = ""
        watching = asyncio.create_task(self._watch_for_silence())
        try:
            async with asyncio.timeout(None) as self._limit:
                for channel in self._channels():
                    await self._send("subscribe", channel)
                await socket.ping(_SUBSCRIBED)
                return await self._read(socket)
        except TimeoutError as error:
            return self._cut_reason or f"connection lost: {error}"
        finally:
            self._limit = None
            watching.cancel()

    async def _watch_for_silence(self) -> None:
        if self._idle_secs is None:
            return
        frames = -1
        while frames != self._frames:
            frames = self._frames
            await asyncio.sleep(self._idle_secs)
        reason = f"nothing arrived for {self._idle_secs:g} s: all is quiet, or the venue has lost the subscriptions"
        self._inbox.put(Stale(None, reason))
        self.reconnect(reason)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        async for message in socket:
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._frames += 1
                self._take_frame(message.data)
            elif message.type is aiohttp.WSMsgType.PING:
                await socket.pong(message.data)
            elif message.type is aiohttp.WSMsgType.PONG and message.data == _SUBSCRIBED:
                self._connections += 1
                self._inbox.put(Connected(self._connections))
        error = socket.exception()
        return f"connection lost: {error}" if error else f"closed by the venue with code {socket.close_code}"

    def _take_frame(self, frame: bytes | str) -> None:
        try:
            events = read_frame(frame)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self._skipped += 1
            _log.debug("skipped a frame: %s", error)
            return
        for event in events:
            if self._is_wanted(event):
                self._inbox.put(event)

    def _is_wanted(self, event: VenueEvent) -> bool:
        """Whether a public event is of a followed market: markets with one base token share a channel (8.2)."""
        match event:
            case BookChanged():
                return event.change.symbol in self._markets
            case TradeEvent():
                return event.trade.symbol in self._markets
            case OrderEvent() | UserTradeEvent():
                return True

    async def _send(self, action: str, channel: str) -> None:
        if self._socket is None or self._socket.closed:
            return
        try:
            await self._socket.send_str(wire.encode(wire.Subscription(action=action, channel_id=channel)).decode())
        except (aiohttp.ClientError, ConnectionError) as error:
            # The reading side sees the same break, and the next connection subscribes to everything.
            _log.debug("could not %s: %s", action, error)
