"""Everything off: cancel what rests, make what was signed worthless on chain if asked, take the allowances back.

Cancelling asks the venue to forget an order. Only the two others bind a venue that does not keep its word: an on-chain
cancel of one order, and an allowance of zero, without which nothing settles at all (protocol 7.1, 7.3).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

from msgspec import Struct

from tegro.allowance import AllowanceState, ApprovalReceipt
from tegro.backoff import Sleep
from tegro.errors import TegroError
from tegro.evm import Receipt
from tegro.journal import UNRESOLVED, EntryState, Journal, JournalEntry
from tegro.model import Order
from tegro.outcome import CancelOutcome
from tegro.settings import Environment
from tegro.trader import IDS_PER_CANCEL

ATTEMPTS: Final = 5
RETRY_SECS: Final = 0.5


class PanicClient(Protocol):
    """What is needed of a client; `AsyncTegro` is one."""

    journal: Journal
    environment: Environment

    @property
    def wallet(self) -> str | None:
        """Address of the signer."""
        ...

    async def orders(self, *, statuses: Sequence[str] = ()) -> list[Order]:
        """Return the wallet's orders."""
        ...

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders by their ids."""
        ...


class Failure(Struct, frozen=True, kw_only=True):
    """A step that did not work, and why."""

    step: str
    reason: str


class PanicReport(Struct, frozen=True, kw_only=True):
    """What was done, and what could still execute."""

    cancelled: tuple[str, ...]
    """Ids of the orders that are no longer open at the venue."""
    cancelled_on_chain: tuple[str, ...]
    """Hashes that the exchange contract will never settle again."""
    revoked: tuple[ApprovalReceipt, ...]
    still_open: tuple[Order, ...]
    """Orders that rest at the venue all the same."""
    still_possible: tuple[JournalEntry, ...]
    """Signed orders whose fate is not known, or whose settlement the chain has not ruled out."""
    still_allowed: tuple[AllowanceState, ...] | None
    """Tokens of which the exchange contract may still move something; None where that could not be read."""
    failures: tuple[Failure, ...]

    @property
    def is_safe(self) -> bool:
        """Whether nothing more of this wallet can execute: nothing is allowed, or nothing is open or possible."""
        could_execute = bool(self.still_open or self.still_possible)
        is_nothing_allowed = self.still_allowed is not None and not self.still_allowed
        return not self.failures and (not could_execute or is_nothing_allowed)


class PanicPlan(Struct, frozen=True, kw_only=True):
    """What to do beyond cancelling, each None if it is not asked for or not possible without a node."""

    cancel_on_chain: Callable[[str], Awaitable[Receipt | None]] | None
    revoke: Callable[[], Awaitable[Sequence[ApprovalReceipt]]] | None
    allowances: Callable[[], Awaitable[Sequence[AllowanceState]]] | None
    """Reads what is allowed at the end; None where there is no node to ask."""


async def panic(
    client: PanicClient,
    plan: PanicPlan,
    *,
    progress: Callable[[str], None] | None = None,
    sleep: Sleep = asyncio.sleep,
) -> PanicReport:
    """Stop this wallet and report what could still execute. It may be repeated, and goes on where a step fails.

    Parameters
    ----------
    client
        A client with a signer.
    plan
        What to do beyond cancelling.
    progress
        Told what is done next, in a few words; None tells nobody.
    sleep
        For the waits between attempts.
    """
    run = _Run(client, plan, progress, sleep)
    return await run.everything()


class _Run:
    def __init__(
        self, client: PanicClient, plan: PanicPlan, progress: Callable[[str], None] | None, sleep: Sleep
    ) -> None:
        self._client = client
        self._plan = plan
        self._tell = progress
        self._sleep = sleep
        self._failures: list[Failure] = []

    async def everything(self) -> PanicReport:
        # The revocation goes first on chain: one transaction a token stops every order there is.
        opened, still_open = await self._cancel_all()
        revoked = await self._revoke()
        live = self._live_entries(opened)
        on_chain = await self._cancel_on_chain(live)
        allowances = await self._allowances()
        open_ids = {order.order_id for order in still_open}
        return PanicReport(
            cancelled=tuple(order.order_id for order in opened if order.order_id not in open_ids),
            cancelled_on_chain=tuple(on_chain),
            revoked=tuple(revoked),
            still_open=tuple(still_open),
            still_possible=tuple(entry for entry in live if entry.order_hash not in on_chain),
            still_allowed=None if allowances is None else tuple(each for each in allowances if each.allowance_wei),
            failures=tuple(self._failures),
        )

    def _progress(self, words: str) -> None:
        if self._tell is not None:
            self._tell(words)

    async def _cancel_all(self) -> tuple[list[Order], list[Order]]:
        """Return the orders that were open, and those that still are."""
        seen: dict[str, Order] = {}
        still_open: list[Order] = []
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await self._sleep(RETRY_SECS)
            try:
                still_open = await self._client.orders(statuses=("active",))
                seen |= {order.order_id: order for order in still_open}
                if not still_open:
                    return list(seen.values()), []
                self._progress(f"cancelling {len(still_open)} orders")
                await self._cancel([order.order_id for order in still_open])
                still_open = await self._client.orders(statuses=("active",))
                reason = f"{len(still_open)} orders are still open"
            except TegroError as error:
                reason = str(error)
                continue
            if not still_open:
                return list(seen.values()), []
        self._failures.append(Failure(step="cancel", reason=reason))
        return list(seen.values()), still_open

    async def _cancel(self, order_ids: Sequence[str]) -> None:
        # What each cancel came to is not asked here: the list that is read next says it better.
        for start in range(0, len(order_ids), IDS_PER_CANCEL):
            await self._client.cancel(order_ids[start : start + IDS_PER_CANCEL])

    async def _revoke(self) -> Sequence[ApprovalReceipt]:
        if self._plan.revoke is None:
            return ()
        self._progress("taking the allowances back")
        try:
            return await self._plan.revoke()
        except TegroError as error:
            self._failures.append(Failure(step="revoke", reason=str(error)))
            return ()

    def _live_entries(self, opened: Iterable[Order]) -> list[JournalEntry]:
        """Return the signed orders that a venue could still settle: of unknown fate, or open when this began."""
        states = {*UNRESOLVED, EntryState.ACCEPTED}
        hashes = {order.order_hash for order in opened}
        return [
            entry
            for entry in self._client.journal.entries(states=states, maker=self._client.wallet)
            if entry.chain_id == self._client.environment.chain_id
            and (entry.state in UNRESOLVED or entry.order_hash in hashes)
        ]

    async def _cancel_on_chain(self, live: Sequence[JournalEntry]) -> list[str]:
        done: list[str] = []
        if self._plan.cancel_on_chain is None:
            return done
        for number, entry in enumerate(live, start=1):
            self._progress(f"cancelling order {number} of {len(live)} on chain")
            try:
                await self._plan.cancel_on_chain(entry.order_hash)
                done.append(entry.order_hash)
            except TegroError as error:
                self._failures.append(Failure(step=f"on-chain cancel of {entry.order_hash}", reason=str(error)))
        return done

    async def _allowances(self) -> Sequence[AllowanceState] | None:
        if self._plan.allowances is None:
            return None
        try:
            return await self._plan.allowances()
        except TegroError as error:
            self._failures.append(Failure(step="read allowances", reason=str(error)))
            return None
