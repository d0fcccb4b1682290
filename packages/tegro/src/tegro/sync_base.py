"""What of the blocking twins cannot be written by `scripts/sync_twin`: their lives, and what is iterated over."""

import random
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tegro.allowance import AllowanceManager
from tegro.candles import Candle, CandleStore, Interval
from tegro.client import AsyncTegro
from tegro.events import LiveEvent, StreamEvent
from tegro.journal import Journal, JournalEntry
from tegro.live_book import LiveBooks
from tegro.maker_only import TakenInstead
from tegro.model import Market
from tegro.order_book import OrderBook
from tegro.outcome import Resolution
from tegro.pins import FirstUse, PinBook
from tegro.portal import Portal
from tegro.resolver import ResolverPolicy
from tegro.settings import Environment
from tegro.signer import Signer

if TYPE_CHECKING:
    from tegro.sync import SyncAllowanceManager


class Twin[A]:
    """A blocking object that runs the methods of an asynchronous one on the portal's loop."""

    def __init__(self, portal: Portal, twin: A) -> None:
        self._portal = portal
        self._twin = twin

    def _call[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._portal.call(coroutine)


class AllowanceBase(Twin[AllowanceManager]):
    """Approvals of one wallet. Made by `Tegro.allowances`."""


class TegroBase(Twin[AsyncTegro]):
    """A venue on one chain, for programs without an event loop. Close it with `close`, or use it in `with`.

    Between two calls the client goes on by itself: it looks for orders of unknown fate, follows what is followed.

    Parameters
    ----------
    environment, signer, journal, pins, on_first_use, on_resolved, on_taken, policy, rng
        As in `AsyncTegro`. The functions are called in the client's own thread and must not call the client.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        signer: Signer | None = None,
        journal: Journal | None = None,
        pins: PinBook | None = None,
        on_first_use: Callable[[FirstUse], None] | None = None,
        on_resolved: Callable[[JournalEntry, Resolution], None] | None = None,
        on_taken: Callable[[TakenInstead], None] | None = None,
        policy: ResolverPolicy | None = None,
        rng: random.Random | None = None,
    ) -> None:
        twin = AsyncTegro(
            environment,
            signer=signer,
            journal=journal,
            pins=pins,
            on_first_use=on_first_use,
            on_resolved=on_resolved,
            on_taken=on_taken,
            policy=policy,
            rng=rng,
        )
        super().__init__(Portal(), twin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, end what the client does by itself, and its thread. May be repeated."""
        if not self._portal.is_closed:
            self._call(self._twin.aclose())
            self._portal.close()

    @property
    def environment(self) -> Environment:
        """The venue and the chain."""
        return self._twin.environment

    @property
    def journal(self) -> Journal:
        """Where signed orders are written down."""
        return self._twin.journal

    @property
    def pins(self) -> PinBook:
        """What the venue said of its contracts before."""
        return self._twin.pins

    @property
    def wallet(self) -> str | None:
        """Address of the signer, in checksum case; None without one."""
        return self._twin.wallet

    @property
    def maker_orders_taken(self) -> Mapping[str, int]:
        """How many limit-maker orders took on arrival, by market symbol. See `AsyncTegro.maker_orders_taken`."""
        return self._call(_made(lambda: self._twin.maker_orders_taken))

    @property
    def allowances(self) -> "SyncAllowanceManager":
        """What the exchange contract may move, and how to change it. See `AsyncTegro.allowances`."""
        from tegro.sync import SyncAllowanceManager

        return SyncAllowanceManager(self._portal, self._call(_made(lambda: self._twin.allowances)))

    @contextmanager
    def stream(self, markets: Iterable[Market] = (), wallets: Iterable[str] = ()) -> Iterator[Iterator[StreamEvent]]:
        """Follow markets and wallets: `with tegro.stream([market]) as events: for event in events`."""
        stream = self._call(_made(lambda: self._twin.stream(markets, wallets)))
        try:
            self._call(stream.__aenter__())
            yield self._portal.iterate(stream)
        finally:
            self._call(stream.aclose())

    @contextmanager
    def live_books(self, markets: Iterable[Market], wallets: Iterable[str] = ()) -> Iterator["SyncLiveBooks"]:
        """Keep the books of some markets: `with tegro.live_books([market]) as books`. See `AsyncTegro.live_books`."""
        books = self._call(_made(lambda: self._twin.live_books(markets, wallets)))
        try:
            self._call(books.__aenter__())
            yield SyncLiveBooks(self._portal, books)
        finally:
            self._call(books.aclose())

    @contextmanager
    def candle_feed(
        self, market: Market, interval: Interval, *, history: int = 0, store: CandleStore | None = None
    ) -> Iterator[Iterator[Candle]]:
        """Follow a market's candles: `with tegro.candle_feed(...) as candles`. See `AsyncTegro.candle_feed`."""
        feed = self._call(_made(lambda: self._twin.candle_feed(market, interval, history=history, store=store)))
        try:
            yield self._portal.iterate(feed)
        finally:
            self._call(feed.aclose())


class SyncLiveBooks(Twin[LiveBooks]):
    """Live books of some markets: iterate over their events, and look at a book at any time."""

    def __iter__(self) -> Iterator[LiveEvent]:
        return self._portal.iterate(self._twin)

    def book(self, symbol: str) -> OrderBook:
        """Return a copy of a followed market's book as it is now.

        Raises
        ------
        InvalidInput
            If the market is not followed.
        """
        return self._call(_made(lambda: deepcopy(self._twin.book(symbol))))


async def _made[T](make: Callable[[], T]) -> T:
    """Make something on the loop: much of it needs one that runs."""
    return make()
