"""The shell around `tegro.resolver.verdict`: reads lists and chain, waits, writes into the journal, tells the owner."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from tegro.backoff import Sleep
from tegro.errors import Closed, InvalidInput, JournalFailure, TegroError
from tegro.journal import UNRESOLVED, EntryState, Journal, JournalEntry
from tegro.journal.entry import never_recorded, now_ms
from tegro.model import Order, OrderStatus
from tegro.outcome import Absent, Accepted, Rejected, Resolution, SeenOnChain, Unknown
from tegro.resolver.sources import ChainSource, OrderSource
from tegro.resolver.verdict import STATUS_FILTERS, ChainFacts, Reading, Readings, ResolverPolicy, is_missing, verdict

_log = logging.getLogger(__name__)

_LIVE: Final = UNRESOLVED | {EntryState.ACCEPTED}
_KNOWN_TO_VENUE: Final = frozenset({EntryState.ACCEPTED, EntryState.ENDED})
_MAY_REST: Final = (OrderStatus.OPEN, OrderStatus.UNKNOWN)
_REMEMBERED: Final = 100_000


class Resolver:
    """Ends the doubt about the orders of one wallet on one chain. All methods belong to one event loop.

    Parameters
    ----------
    journal
        What was signed. It may be shared with other wallets and chains.
    maker
        The wallet.
    source
        Its orders at the venue.
    chain_id
        The chain that `source` lists the orders of.
    chain
        None where no node is known: then a clock decides about expiry, and executions show in the lists alone.
    clock_ms, sleep, rng
        Unix time in milliseconds, waits and their jitter.
    policy
        How long to wait for what.
    on_resolved
        Called once for each change of an order's state that is found out here, after it was written down, with the
        entry as it was before. `Accepted` is an adoption: where the entry was `SIGNED`, the call that placed the order
        may still be waiting for its answer. It must not raise.
    on_cancel_wanted
        Sends the cancel of an order id. Called when an order is found whose cancel was asked for before, and again
        after later looks as long as the order rests; never twice at once. None leaves such cancels to the caller.
    """

    def __init__(
        self,
        journal: Journal,
        maker: str,
        source: OrderSource,
        *,
        chain_id: int,
        chain: ChainSource | None = None,
        clock_ms: Callable[[], int] = now_ms,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
        policy: ResolverPolicy | None = None,
        on_resolved: Callable[[JournalEntry, Resolution], None] | None = None,
        on_cancel_wanted: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._journal = journal
        self._maker = maker
        self._chain_id = chain_id
        self._source = source
        self._chain = chain
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._policy = policy or ResolverPolicy()
        self._on_resolved = on_resolved
        self._on_cancel_wanted = on_cancel_wanted
        self._readings = Readings(self._policy.quiet_secs)
        self._latest: dict[str, Order] = {}
        self._accepted: set[str] = set()
        # Hashes that need no further thought: ended, or not in the journal. Such a hash can never come into it later,
        # because it is written down before the order is sent.
        self._passed: dict[str, None] = {}
        self._adopted: dict[str, Order] = {}
        self._wanted: set[str] = set()
        self._cancels: dict[str, str] = {}
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Stop what this object has begun by itself: a reading, cancels. May be repeated."""
        begun = [*self._sending.values(), *([self._reading] if self._reading is not None else [])]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    async def resolve(self, order_hash: str) -> Resolution:
        """Find out what became of an order: look, wait, look again. May be repeated, and called for many at once.

        `Accepted` comes with the first list that has the order, `Absent` not before `settle_secs` after signing. The
        answer is `Unknown`, and the journal stays as it is, where `give_up_secs` did not suffice.

        Raises
        ------
        InvalidInput
            If the order is not in the journal.
        JournalFailure, Closed
            If the journal cannot be used, or the source was closed.
        """
        deadline_ms = self._clock_ms() + int(self._policy.give_up_secs * 1000)
        failures, cause = 0, "the lists of the venue did not stay the same for long enough"
        while True:
            found = self._known(order_hash) or await _attempt(self._look_for(order_hash))
            if isinstance(found, TegroError):
                failures, cause = failures + 1, f"the venue could not be read: {found}"
                found = self._known(order_hash)  # a list that was read before the failure may have had it
            else:
                failures = 0
            if found is not None:
                return found
            wait_secs = self._policy.retry.delay_secs(failures, self._rng) if failures else self._policy.quiet_secs
            if self._clock_ms() + int(wait_secs * 1000) > deadline_ms:
                return Unknown(order_hash=order_hash, cause=cause)
            await self._sleep(wait_secs)

    async def resume(self) -> list[Resolution]:
        """Take up what an earlier life left behind: resolve every open question, send the cancels that waited.

        Accepted orders are brought up to date. Call it at start; with the venue away it takes `give_up_secs`. It may be
        repeated. Errors as in `resolve`.
        """
        mine = self._mine(_LIVE)
        open_questions = [entry.order_hash for entry in mine if entry.state in UNRESOLVED]
        self._take_up_cancels(mine)
        if mine and not open_questions:
            await _attempt(self._look())
        return await asyncio.gather(*(self.resolve(order_hash) for order_hash in open_questions))

    async def watch(self) -> None:
        """Keep looking, slowly, for the orders that were not found. Runs until it is cancelled.

        One reading of the lists serves all of them. A failed reading is logged and changes nothing. Errors as in
        `resolve`.
        """
        self._take_up_cancels(self._mine(_LIVE))
        passes, watched_before = 0, set[tuple[str, EntryState]]()
        while True:
            watched = {(entry.order_hash, entry.state) for entry in self._watched()}
            passes = passes + 1 if watched == watched_before else 1
            watched_before = watched
            await self._sleep(self._policy.watch.delay_secs(passes, self._rng))
            if self._cancels or self._watched():
                error = await _attempt(self._look_for_all())
                if error is not None:
                    _log.info("orders that were not found could not be looked for: %s", error)

    def observe(self, order: Order) -> Accepted | None:
        """Take notice of an order that the venue reports, in a list, an answer or a stream.

        If it is one of the journal's and not accepted there, it is adopted: written down, reported, and its cancel sent
        where one was wanted. An order that is done is written down as ended. Costs a look into a dictionary for orders
        that are known or not ours.

        Returns
        -------
        Accepted or None
            None where there was nothing new.

        Raises
        ------
        JournalFailure, Closed
            If the journal cannot be read.
        """
        order_hash = order.order_hash
        if order_hash in self._passed:
            return None
        adopted = None if order_hash in self._accepted else self._meet(order)
        if order.is_done and order_hash in self._accepted:
            self._end(order_hash)
        return adopted

    def accepted(self, outcome: Accepted) -> None:
        """Take notice of an acceptance that the journal has already, so that it need not be asked about it again."""
        self._accepted.add(outcome.order_hash)
        if outcome.order.is_done:
            self._end(outcome.order_hash)
        elif outcome.order_hash in self._wanted:  # while the answer was under way
            self._send_cancel(outcome.order_hash, outcome.order_id)

    def want_cancel(self, order_hash: str) -> None:
        """Have an order cancelled as soon as it is seen at the venue; at once if it was seen. Survives a restart.

        May be repeated. Errors as in `Journal.want_cancel`.
        """
        self._journal.want_cancel(order_hash)
        self._wanted.add(order_hash)
        entry = self._entry(order_hash)
        if entry.state is EntryState.ACCEPTED and entry.order_id is not None:
            self._send_cancel(order_hash, entry.order_id)

    def cancelled_on_chain(self, order_hash: str) -> None:
        """Take notice that the wallet's own `cancelOrder` transaction for an order was mined (protocol 7.3).

        Nothing more of the order can execute. One that the venue lists ends by the venue's own report. May be repeated.

        Raises
        ------
        InvalidInput
            If the order is not in the journal.
        """
        entry = self._entry(order_hash)
        if entry.state in UNRESOLVED:
            self._settle(entry, Rejected(order_hash=order_hash, reason="cancelled on chain"))
        elif entry.state is EntryState.ACCEPTED and entry.order_id is None:
            self._journal.record_ended(order_hash)

    # Inside

    def _mine(self, states: frozenset[EntryState], *, without_id: bool = False) -> list[JournalEntry]:
        entries = self._journal.entries(states=states, maker=self._maker, without_id=without_id)
        return [entry for entry in entries if entry.chain_id == self._chain_id]

    def _take_up_cancels(self, entries: Iterable[JournalEntry]) -> None:
        for entry in entries:
            if entry.cancel_wanted and entry.order_id is not None:
                self._cancels[entry.order_hash] = entry.order_id

    def _watched(self) -> list[JournalEntry]:
        """Return the orders that no list has shown."""
        return self._mine(_LIVE, without_id=True)

    def _entry(self, order_hash: str) -> JournalEntry:
        entry = self._journal.find(order_hash)
        if entry is None:
            raise never_recorded(order_hash)
        return entry

    def _known(self, order_hash: str) -> Resolution | None:
        """Return what is certain already."""
        entry = self._entry(order_hash)
        if entry.state is EntryState.REJECTED:
            return Rejected(order_hash=order_hash, reason=entry.detail)
        order = self._adopted.get(order_hash) or self._latest.get(order_hash)
        if entry.state in _KNOWN_TO_VENUE and order is not None:
            return Accepted(order_hash=order_hash, order_id=order.order_id, order=order)
        return None

    async def _look_for(self, order_hash: str) -> Resolution | None:
        await self._look()
        return await self._conclude(order_hash)

    async def _look_for_all(self) -> None:
        """Look twice, so that two readings can agree, and conclude what follows for every order that is watched."""
        await self._look()
        await self._sleep(self._policy.quiet_secs)
        await self._look()
        for entry in self._watched():
            await self._conclude(entry.order_hash)

    async def _look(self) -> None:
        """Read every list once, together with whoever else wants that now."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(self._read())
            self._reading.add_done_callback(self._reading_done)
        await asyncio.shield(self._reading)

    def _reading_done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if not task.cancelled():
            task.exception()  # it was told to those who waited, if any were left

    async def _read(self) -> None:
        began_ms = self._clock_ms()
        lists = []
        for statuses in STATUS_FILTERS:
            orders = await self._source.read_orders(statuses)
            for order in orders:
                self.observe(order)
            lists.append(frozenset(orders))
        self._readings.add(Reading(began_ms=began_ms, ended_ms=self._clock_ms(), lists=tuple(lists)))
        self._latest = {order.order_hash: order for orders in lists for order in orders}
        for order_hash, order_id in list(self._cancels.items()):
            listed = self._latest.get(order_hash)
            if listed is not None and listed.status in _MAY_REST:
                self._send_cancel(order_hash, order_id)

    async def _conclude(self, order_hash: str) -> Resolution | None:
        """Return what the readings and the chain say about an order that no list has; None if it is too early."""
        if self._is_open_question(order_hash):
            chain = await _chain_facts(self._chain, order_hash) if self._chain is not None else None
            if self._is_open_question(order_hash):  # the stream may have been quicker
                entry = self._entry(order_hash)
                resolution = verdict(entry, self._readings, chain, self._policy)
                if not isinstance(resolution, Absent) or entry.state is not EntryState.ABSENT:
                    self._settle(entry, resolution)
                return resolution
        return self._known(order_hash)

    def _is_open_question(self, order_hash: str) -> bool:
        entry = self._entry(order_hash)
        return entry.state in UNRESOLVED and is_missing(entry, self._readings, self._policy)

    def _meet(self, order: Order) -> Accepted | None:
        """Look up an order that is seen for the first time, and adopt it if that is news."""
        entry = self._journal.find(order.order_hash)
        if entry is None or entry.state is EntryState.ENDED:
            _remember(self._passed, order.order_hash, None)
            return None
        adopted = None
        if entry.state is not EntryState.ACCEPTED or entry.order_id is None:
            adopted = Accepted(order_hash=order.order_hash, order_id=order.order_id, order=order)
            _remember(self._adopted, order.order_hash, order)
            self._settle(entry, adopted)
        else:
            self._accepted.add(order.order_hash)
        if entry.cancel_wanted and order.status in _MAY_REST:
            self._send_cancel(order.order_hash, order.order_id)
        return adopted

    def _settle(self, entry: JournalEntry, resolution: Accepted | SeenOnChain | Rejected | Absent) -> None:
        try:
            self._journal.record_outcome(entry.order_hash, resolution)
        except JournalFailure as error:
            # What was found out is true whatever the disk does. It is found out again at the next look.
            _log.error("the fate of order %s was not written down: %s", entry.order_hash, error)
        else:
            if isinstance(resolution, Accepted):
                self._accepted.add(entry.order_hash)
        _log.info("order %s was %s, is now known: %s", entry.order_hash, entry.state, type(resolution).__name__)
        if self._on_resolved is not None:
            self._on_resolved(entry, resolution)

    def _end(self, order_hash: str) -> None:
        # Another process may have compacted it away meanwhile.
        if self._journal.find(order_hash) is not None:
            self._journal.record_ended(order_hash)
        self._accepted.discard(order_hash)
        self._wanted.discard(order_hash)
        self._cancels.pop(order_hash, None)
        _remember(self._passed, order_hash, None)

    def _send_cancel(self, order_hash: str, order_id: str) -> None:
        self._cancels[order_hash] = order_id
        if self._on_cancel_wanted is None or order_hash in self._sending:
            return
        task = asyncio.get_running_loop().create_task(self._cancel(self._on_cancel_wanted, order_id))
        self._sending[order_hash] = task
        task.add_done_callback(lambda _: self._sending.pop(order_hash, None))

    @staticmethod
    async def _cancel(send: Callable[[str], Awaitable[None]], order_id: str) -> None:
        try:
            await send(order_id)
        except TegroError as error:
            _log.warning(
                "the cancel of order %s was not sent, it is tried again after the next look: %s", order_id, error
            )


async def _attempt[T](work: Awaitable[T]) -> T | TegroError:
    """Do what needs the world outside; return why it failed, since that may pass. Our own failures are raised."""
    try:
        return await work
    except (Closed, InvalidInput, JournalFailure):
        raise
    except TegroError as error:
        return error


async def _chain_facts(chain: ChainSource, order_hash: str) -> ChainFacts:
    # In this order: what is not known to the contract at a time after the expiry will never be.
    now_secs = await chain.timestamp_secs()
    return ChainFacts(now_secs=now_secs, remaining=await chain.remaining(order_hash))


def _remember[V](cache: dict[str, V], order_hash: str, value: V) -> None:
    """Keep a value; forget the oldest one where there are too many."""
    cache[order_hash] = value
    if len(cache) > _REMEMBERED:
        del cache[next(iter(cache))]
