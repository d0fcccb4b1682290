"""Order books that keep themselves right: from snapshots, the stream's changes, and checks against new snapshots."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Final, Protocol, Self

from tegro.backoff import Backoff, Sleep
from tegro.drift import DriftCheck, drift_reason
from tegro.errors import Closed, InvalidInput, RateLimited, TegroError
from tegro.events import (
    BookChanged,
    BookUpdated,
    Connected,
    Disconnected,
    Lagged,
    LiveEvent,
    Resync,
    Stale,
    StreamEvent,
)
from tegro.inbox import Inbox
from tegro.model import BookChange, BookSnapshot, Market
from tegro.order_book import OrderBook
from tegro.stream import QUEUE_SIZE, EventStream

_log = logging.getLogger(__name__)

CHECK_SECS: Final = 60.0
"""Time between two checks of one market."""
SETTLE_SECS: Final = 2.0
"""Wait before each snapshot of a check: longer than a change is under way, and than a snapshot is old when it comes."""
CONCURRENCY: Final = 4
"""Snapshots asked for at the same time."""


class BookSource(Protocol):
    """Where books and changes come from; `AsyncTegro` is one."""

    async def book(self, symbol: str, /) -> BookSnapshot:
        """Return the whole book of the market with this id."""
        ...

    def stream(self, markets: Iterable[Market] = (), wallets: Iterable[str] = ()) -> EventStream:
        """Return a stream of the events of markets and wallets."""
        ...


class LiveBooks:
    """The books of some markets, kept up to date: `async for event in books`, and `books.book(symbol)` at any time.

    The events are those of the stream, but `BookUpdated` takes the place of `BookChanged`: one that still waits for the
    reader stands for all changes of its market until it is read, so a slow reader misses none. Further there is `Stale`
    when a book must no longer be traded on, and `Resync` when it is right again.

    After each connect every book is stale until its snapshot was read; changes that come meanwhile are applied over it.
    The same happens to one market when its book crosses, or when a check finds that a change was lost. The books follow
    the venue from the first event asked for, or from `async with`, whether events are read or not.

    Parameters
    ----------
    client
        Used, never closed.
    markets
        Each needs its own symbol: the stream names a market by nothing else (protocol 8.4).
    wallets
        Whose orders and trades to follow on the same socket.
    check_secs
        Time between two checks of one market, shortened or lengthened at random by up to a quarter; the markets take
        turns. None never checks.
    settle_secs
        Wait before each snapshot of a check. A change that is under way for longer looks lost.
    concurrency
        How many snapshots are asked for at the same time.
    backoff, sleep, rng
        The waits between attempts to read a snapshot, and between checks.
    queue_size
        How many events wait for the reader before the oldest is dropped, which `Lagged` tells.
    on_change
        Told at once of each change that went into a book which is right: for who keeps a copy of it. The copy is made
        anew at each `Resync`. It must not raise or wait.

    Raises
    ------
    InvalidInput
        If two markets have the same symbol.
    """

    def __init__(
        self,
        client: BookSource,
        markets: Iterable[Market],
        wallets: Iterable[str] = (),
        *,
        check_secs: float | None = CHECK_SECS,
        settle_secs: float = SETTLE_SECS,
        concurrency: int = CONCURRENCY,
        backoff: Backoff | None = None,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
        queue_size: int = QUEUE_SIZE,
        on_change: Callable[[BookChange], None] | None = None,
    ) -> None:
        followed = list(markets)
        self._live = {market.symbol: _Live(market) for market in followed}
        if len(self._live) < len(followed):
            raise InvalidInput("two of the markets have the same symbol; the stream could not tell them apart")
        self._client = client
        self._stream = client.stream(followed, wallets)
        self._check_secs = check_secs
        self._settle_secs = settle_secs
        self._slots = asyncio.Semaphore(concurrency)
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._on_change = on_change
        self._outbox: Inbox[LiveEvent] = Inbox(queue_size)
        self._announced: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._is_connected = False
        self._is_closed = False
        self.drifts = 0
        """How often a check has found that a change was lost."""

    def book(self, symbol: str) -> OrderBook:
        """Return the live book of a followed market. Look at its `is_stale` before trading on it; do not change it.

        Raises
        ------
        InvalidInput
            If the market is not followed.
        """
        if symbol not in self._live:
            raise InvalidInput(f"{symbol!r} is not followed; these are: {', '.join(self._live) or 'none'}")
        return self._live[symbol].book

    async def follow(self, market: Market) -> None:
        """Follow one more market on the same socket; its book is stale until its `Resync`. May be repeated.

        Raises
        ------
        InvalidInput
            If another market with the same symbol is followed.
        Closed
            If the books are closed.
        """
        known = self._live.get(market.symbol)
        if known is not None and known.market.id != market.id:
            raise InvalidInput(
                f"{market.symbol} is followed as {known.market.id}; the stream could not tell them apart"
            )
        if known is None:
            self._live[market.symbol] = live = _Live(market)
            await self._stream.subscribe_market(market)
            if self._is_connected:
                self._make_anew(live, "followed from now on")

    async def unfollow(self, market: Market) -> None:
        """Stop following a market. May be repeated.

        Raises
        ------
        Closed
            If the books are closed.
        """
        live = self._live.pop(market.symbol, None)
        if live is not None:
            self._lose(live, "not followed any more")
            await self._stream.unsubscribe_market(market)

    def live(self, market: Market) -> OrderBook | None:
        """Return the live book of a market; None if it is not followed or stale."""
        live = self._live.get(market.symbol)
        return live.book if live is not None and live.market.id == market.id and not live.book.is_stale else None

    async def fresh_book(self, market: Market) -> OrderBook:
        """Return the live book, or one made from a new snapshot if that is stale or the market is not followed.

        A connection that died without a sign is noticed within 1.5 heartbeats of the stream; until then the live book
        does not know. Errors are those of the client's `book`.
        """
        live = self.live(market)
        if live is not None:
            return live
        book = OrderBook(market.symbol)
        book.apply_snapshot(await self._client.book(market.id))
        return book

    async def aclose(self) -> None:
        """Close the stream and end the iteration; every book is stale from here on. May be repeated."""
        self._is_closed = True
        self._outbox.discard()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        if self._is_closed:
            raise Closed("the live books are closed")
        self._start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> AsyncIterator[LiveEvent]:
        return self

    async def __anext__(self) -> LiveEvent:
        self._start()
        event = await self._outbox.take()
        if isinstance(event, BookUpdated):
            self._announced.discard(event.symbol)
        if event is not None:
            return event
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        raise StopAsyncIteration

    def _start(self) -> None:
        if self._task is None and not self._is_closed:
            self._task = asyncio.create_task(self._run(), name="tegro live books")
            # A reader must not wait for ever for a task that ended with an error.
            self._task.add_done_callback(lambda _: self._outbox.close())

    async def _run(self) -> None:
        try:
            async with self._stream, asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                checking = tasks.create_task(self._keep_checking())
                async for event in self._stream:
                    self._take(event)
                checking.cancel()
                self._lose_all("the stream was closed")
        finally:
            for live in self._live.values():
                live.book.mark_stale("the live books are closed")

    # Events of the stream

    def _take(self, event: StreamEvent) -> None:
        if isinstance(event, BookChanged):
            self._apply(event.change)
            return
        self._put(event)
        match event:
            case Connected():
                self._is_connected = True
                self._make_all_anew("connected")
            case Lagged():
                self._lose_all(f"{event.dropped} events were dropped because they came too quickly")
                self._make_all_anew("events were dropped")
            case Disconnected() | Stale():
                self._is_connected = False
                self._lose_all(event.reason)

    def _apply(self, change: BookChange) -> None:
        live = self._live.get(change.symbol)
        if live is None:
            return  # it was on its way when the market was given up
        live.book.apply_change(change)
        if live.book.is_stale:
            return
        if self._on_change is not None:
            self._on_change(change)
        if live.book.is_crossed:
            self._make_anew(live, _crossed(live.book))
        elif change.symbol not in self._announced:
            self._announced.add(change.symbol)
            self._put(BookUpdated(change.symbol))

    def _put(self, event: LiveEvent) -> None:
        pushed_out = self._outbox.put(event)
        if isinstance(pushed_out, BookUpdated):
            self._announced.discard(pushed_out.symbol)

    # Snapshots

    def _lose(self, live: "_Live", reason: str) -> None:
        """Make a book stale, and void what is being done to mend it."""
        live.epoch += 1
        if live.syncing is not None:
            live.syncing.cancel()
            live.syncing = None
        was_stale = live.book.is_stale
        live.book.mark_stale(reason)
        if not was_stale:
            self._put(Stale(live.market.symbol, reason))

    def _lose_all(self, reason: str) -> None:
        for live in self._live.values():
            self._lose(live, reason)

    def _make_anew(self, live: "_Live", reason: str) -> None:
        self._lose(live, reason)
        if self._tasks is not None:
            live.syncing = self._tasks.create_task(self._sync(live, reason))

    def _make_all_anew(self, reason: str) -> None:
        for live in self._live.values():
            self._make_anew(live, reason)

    async def _sync(self, live: "_Live", reason: str) -> None:
        """Read snapshots until one makes a book that can be right."""
        failures = 0
        while True:
            least_secs = 0.0
            try:
                live.book.apply_snapshot(await self._snapshot(live))
            except TegroError as error:
                _log.warning("no snapshot of %s, trying again: %s", live.market.symbol, error)
                if isinstance(error, RateLimited):
                    least_secs = error.retry_after_secs or least_secs
            else:
                if not live.book.is_crossed:
                    break
                live.book.mark_stale(_crossed(live.book))
            failures += 1
            await self._sleep(max(least_secs, self._backoff.delay_secs(failures, self._rng)))
        live.changes_at_sync = live.book.changes
        self._put(Resync(live.market.symbol, reason))

    async def _snapshot(self, live: "_Live") -> BookSnapshot:
        async with self._slots:
            return await self._client.book(live.market.id)

    # Checks

    async def _keep_checking(self) -> None:
        if self._check_secs is None:
            return
        while True:
            pause_secs = self._check_secs / max(len(self._live), 1)
            for symbol in list(self._live) or [""]:
                await self._sleep(pause_secs * (0.75 + self._rng.random() / 2))
                live = self._live.get(symbol)
                if live is not None and not live.book.is_stale:
                    await self._check(live)

    async def _check(self, live: "_Live") -> None:
        epoch, check = live.epoch, DriftCheck(live.book)
        found = []
        for _ in range(2):
            await self._sleep(self._settle_secs)
            try:
                snapshot = await self._snapshot(live)
            except TegroError as error:
                _log.info("the book of %s was not checked: %s", live.market.symbol, error)
                return
            if live.epoch != epoch:
                return
            found = check.compare(snapshot)
            if not found:
                return
        self._mend_drift(live, drift_reason(found))

    def _mend_drift(self, live: "_Live", reason: str) -> None:
        self.drifts += 1
        _log.warning("%s: %s", live.market.symbol, reason)
        if live.book.changes > live.changes_at_sync:
            self._make_anew(live, reason)
            return
        # The market moves and nothing of it arrives: the venue may have lost the subscription. Subscribe again.
        self._lose(live, reason)
        self._stream.reconnect(f"{live.market.symbol}: {reason}")


class _Live:
    """One market's book and what is being done to it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.book = OrderBook(market.symbol)
        self.epoch = 0
        """Grows whenever the book was lost: work that began before is void."""
        self.changes_at_sync = 0
        self.syncing: asyncio.Task[None] | None = None


def _crossed(book: OrderBook) -> str:
    bid, ask = book.best_bid, book.best_ask
    return f"the book is crossed: bid {bid and bid.price:f}, ask {ask and ask.price:f}"
