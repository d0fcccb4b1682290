"""What becomes of a wallet's orders after they were sent: their fates, the funds they hold, makers that took."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any, Final

from tegro.errors import Closed, JournalFailure, TegroError
from tegro.funds import Funds
from tegro.journal import Journal
from tegro.maker_only import MakerOnlyWatch
from tegro.model import Order, OrderRequest, OrderType, Trade
from tegro.outcome import Accepted, PlaceOutcome, Unknown
from tegro.resolver import Resolver
from tegro.stream import EventStream, OrderEvent, StreamEvent

_log = logging.getLogger(__name__)

KEPT_MS: Final = 30 * 24 * 60 * 60 * 1000
"""How long the journal keeps an order that is over."""


class OrderTracking:
    """Told of every order that the client sees, from wherever it comes.

    Parameters
    ----------
    resolver
        Ends open questions.
    journal
        Rid of orders that were over long ago.
    funds
        Learns what orders hold.
    maker_only
        Counts limit-maker orders that took.
    trades_of
        Reads the trades of an order.
    wallet
        Whose orders these are, lower case.
    clock_ms
        Unix time in milliseconds.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        journal: Journal,
        funds: Funds,
        maker_only: MakerOnlyWatch,
        trades_of: Callable[[str], Awaitable[list[Trade]]],
        wallet: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._resolver = resolver
        self._journal = journal
        self._funds = funds
        self._maker_only = maker_only
        self._trades_of = trades_of
        self._wallet = wallet
        self._clock_ms = clock_ms
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: set[str] = set()
        self._is_watching = False

    def begin(self) -> None:
        """Take up, beside everything else, what an earlier life of the journal has left open. Done once, if it works.

        Raises
        ------
        JournalFailure, Closed
            If the journal cannot be read.
        """
        if not self._is_watching:
            self._journal.compact(self._clock_ms() - KEPT_MS)
            self._is_watching = True  # not before: where the journal fails, the next order must not go out unwatched
            self._spawn(self._resume())
            self._spawn(self._resolver.watch())

    def placed(self, request: OrderRequest, outcome: PlaceOutcome) -> None:
        """Take notice of the answer to an order."""
        if isinstance(outcome, Accepted):
            if request.order_type is OrderType.LIMIT_MAKER:
                self._maker_only.note(outcome.order_id, request.side)
            self._resolver.accepted(outcome)
            self.observe(outcome.order)
        elif isinstance(outcome, Unknown):
            self._spawn(self._resolve(outcome.order_hash))

    def observe(self, order: Order) -> None:
        """Take notice of an order of this wallet, from an answer, a list or the stream.

        May be repeated. Never raises: what the venue says must reach the caller whatever the journal does.
        """
        try:
            self._resolver.observe(order)
        except (JournalFailure, Closed) as error:
            _log.error("an order of the venue could not be compared with the journal: %s", error)
        self._funds.observe(order)
        if self._maker_only.needs_look(order) and order.order_id not in self._looking:
            self._looking.add(order.order_id)
            self._spawn(self._look_at_fills(order.order_id))

    async def aclose(self) -> None:
        """End everything that runs. May be repeated."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._resolver.aclose()

    async def _resume(self) -> None:
        await self._resolver.resume()

    async def _resolve(self, order_hash: str) -> None:
        await self._resolver.resolve(order_hash)

    async def _look_at_fills(self, order_id: str) -> None:
        try:
            self._maker_only.judge(order_id, await self._trades_of(order_id), self._wallet)
        finally:
            self._looking.discard(order_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TegroError):
            _log.warning("%s", error)
        elif error is not None:
            _log.error("unforeseen", exc_info=error)


class ObservedStream(EventStream):
    """A stream whose order events the client sees too, when they are read."""

    observe: Callable[[OrderEvent, Collection[str]], None]

    async def __anext__(self) -> StreamEvent:
        event = await super().__anext__()
        if isinstance(event, OrderEvent):
            self.observe(event, self.wallets)
        return event
