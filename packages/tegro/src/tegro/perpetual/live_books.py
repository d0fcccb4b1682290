"""Live books of contracts over one stream: right, or known to be stale and on the way to be right again."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

from tegro.backoff import Backoff, Sleep
from tegro.errors import TegroError
from tegro.events import Lagged, Resync, Stale
from tegro.inbox import Inbox
from tegro.perpetual.book import PerpetualBook
from tegro.perpetual.events import ChannelConnected, ChannelDisconnected, DepthEvent, MarkEvent, PublicTradeEvent
from tegro.perpetual.model import DepthChange, DepthSnapshot
from tegro.perpetual.stream import QUEUE_SIZE, PerpetualEvent, PerpetualStream

type BooksEvent = PublicTradeEvent | MarkEvent | ChannelConnected | ChannelDisconnected | Resync | Stale | Lagged


class Depths(Protocol):
    """Who reads a whole book; `PerpetualRest` does."""

    async def depth(self, symbol: str) -> DepthSnapshot:
        """Return it."""
        ...


class PerpetualBooks:
    """Follows books, trades and marks: `async with` it, then `async for event in books`.

    After each connect, and after each change that is missing, a snapshot is read again and what came meanwhile put over
    it. `Stale` and `Resync` say when. One reader at a time.

    Parameters
    ----------
    depths
        Reads snapshots.
    open_stream
        Makes a stream of some contracts.
    symbols
        Contracts to follow at first, at least one.
    on_change
        Told of each change of a book that was right before, once it is in it.
    sleep, rng
        The waits between attempts; passed in so that a test need not wait.
    """

    def __init__(
        self,
        depths: Depths,
        open_stream: Callable[[Iterable[str]], PerpetualStream],
        symbols: Iterable[str],
        *,
        on_change: Callable[[DepthChange], None] | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._depths = depths
        self._books = {symbol: PerpetualBook(symbol) for symbol in symbols}
        self._stream = open_stream(list(self._books))
        self._on_change = on_change
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._backoff: Final = Backoff()
        self._inbox: Inbox[BooksEvent] = Inbox(QUEUE_SIZE)
        self._losses = dict.fromkeys(self._books, 0)
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._pump: asyncio.Task[None] | None = None
        self._is_connected = False

    def live(self, symbol: str) -> PerpetualBook | None:
        """Return a book that may be traded on; None while it is stale or not followed."""
        book = self._books.get(symbol)
        return book if book is not None and not book.is_stale else None

    async def follow(self, symbol: str) -> None:
        """Follow one more contract. May be repeated."""
        if symbol not in self._books:
            self._books[symbol] = PerpetualBook(symbol)
            self._losses[symbol] = 0
            await self._stream.follow(symbol)
            if self._is_connected:
                self._read(symbol, "it is followed from now on")

    async def unfollow(self, symbol: str) -> None:
        """Stop following a contract. May be repeated."""
        if self._books.pop(symbol, None) is not None:
            reader = self._readers.pop(symbol, None)
            if reader is not None:
                reader.cancel()
            await self._stream.unfollow(symbol)

    async def aclose(self) -> None:
        """End it. May be repeated."""
        await self._stream.aclose()
        begun = [*self._readers.values(), *([self._pump] if self._pump is not None else [])]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        self._inbox.discard()

    async def __aenter__(self) -> Self:
        self._pump = asyncio.create_task(self._follow_stream(), name="tegro perpetual books")
        # A reader must not wait for ever for a task that ended with an error.
        self._pump.add_done_callback(lambda _: self._inbox.close())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[BooksEvent]:
        return self

    async def __anext__(self) -> BooksEvent:
        event = await self._inbox.take()
        if event is not None:
            return event
        if self._pump is not None and self._pump.done() and not self._pump.cancelled():
            self._pump.result()
        raise StopAsyncIteration

    async def _follow_stream(self) -> None:
        async with self._stream:
            async for event in self._stream:
                self._take(event)

    def _take(self, event: PerpetualEvent) -> None:
        match event:
            case DepthEvent(change=change):
                self._apply(change)
                return
            case ChannelConnected(channel="public"):
                self._is_connected = True
                self._make_anew("the stream was connected")
            case ChannelDisconnected(channel="public"):
                self._is_connected = False
                for symbol in self._books:
                    self._lose(symbol, event.reason)
            case Lagged():
                self._make_anew(f"{event.dropped} events were dropped")
        if isinstance(event, PublicTradeEvent | MarkEvent | ChannelConnected | ChannelDisconnected | Lagged):
            self._inbox.put(event)

    def _apply(self, change: DepthChange) -> None:
        book = self._books.get(change.symbol)
        if book is None:
            return
        was_live = not book.is_stale
        if not book.take_change(change):
            self._inbox.put(Stale(change.symbol, str(book.stale_reason)))
            self._losses[change.symbol] += 1
            self._read(change.symbol, "changes were missing")
        elif was_live and self._on_change is not None:
            self._on_change(change)

    def _make_anew(self, reason: str) -> None:
        for symbol in self._books:
            self._lose(symbol, reason)
            self._read(symbol, reason)

    def _lose(self, symbol: str, reason: str) -> None:
        if self.live(symbol) is not None:
            self._inbox.put(Stale(symbol, reason))
        self._books[symbol].lose(reason)
        self._losses[symbol] += 1

    def _read(self, symbol: str, reason: str) -> None:
        reader = self._readers.get(symbol)
        if reader is None or reader.done():
            self._readers[symbol] = asyncio.create_task(self._read_until_right(symbol, reason))

    async def _read_until_right(self, symbol: str, reason: str) -> None:
        failures = 0
        while symbol in self._books:
            losses = self._losses[symbol]
            try:
                snapshot = await self._depths.depth(symbol)
            except TegroError:
                snapshot = None
            if symbol not in self._books:
                return
            # A snapshot from before the latest loss may lack what was lost.
            if snapshot is not None and losses == self._losses[symbol] and self._books[symbol].take_snapshot(snapshot):
                self._inbox.put(Resync(symbol, reason))
                return
            failures += 1
            await self._sleep(self._backoff.delay_secs(failures, self._rng))
