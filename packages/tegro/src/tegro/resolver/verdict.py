"""What may be concluded about an order that was looked for. Pure: readings in, a value out.

Presence is proof, absence is not. An order that no list has may be one that the venue is still to take, or one that a
list left out while its pages moved. So absence counts only when two complete readings agree, with a pause in between,
some time after the order was signed; and even then it makes the order `Absent`, never `Rejected`. It is rejected only
when its expiry has passed, because then it can no longer settle.
"""

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, Inexact, localcontext
from typing import Final

from msgspec import Struct

from tegro.backoff import Backoff
from tegro.journal import UNRESOLVED, EntryState, JournalEntry
from tegro.model import Order, Side
from tegro.outcome import Absent, Rejected, SeenOnChain

STATUS_FILTERS: Final[tuple[tuple[str, ...], ...]] = (("active",), ("matched",), ("completed",), ("cancelled",), ())
"""The lists that make a reading complete, in the order in which they are read (protocol 4.12).

All of them, because it is not documented what the list without a filter holds, nor which filter shows an order that is
matched and not settled. In this order, because an order moves this way (protocol 5.5): one that moves on while the
lists are read is met in a later one.
"""

_EXACT: Final = Context(prec=400, traps=[Inexact])
"""Wide enough for sums of products of two uint256 values; it raises instead of rounding."""


class ResolverPolicy(Struct, frozen=True, kw_only=True):
    """How long the resolver waits for what."""

    settle_secs: float = 15.0
    """Time after signing before which absence means nothing: longer than a request may take."""
    quiet_secs: float = 3.0
    """Pause between two readings that are to agree."""
    give_up_secs: float = 60.0
    """Time after which `resolve` answers `Unknown` where the venue could not be read well enough."""
    expiry_margin_secs: int = 60
    """Time after an order's expiry before which it is not taken for expired: clocks differ, blocks are reorganised."""
    retry: Backoff = Backoff(first_secs=1.0, cap_secs=15.0)
    """Waits after readings that failed."""
    watch: Backoff = Backoff(first_secs=10.0, cap_secs=300.0)
    """Waits between the looks of `watch`, as long as nothing changes."""


class Reading(Struct, frozen=True, kw_only=True):
    """All orders of a wallet, from every list and page, without a failure."""

    began_ms: int
    ended_ms: int
    lists: tuple[frozenset[Order], ...]
    """One for each of `STATUS_FILTERS`."""


class ChainFacts(Struct, frozen=True, kw_only=True):
    """What the chain says. The time was read before the amount."""

    now_secs: int
    """Time of the newest block."""
    remaining: int
    """The contract's `remaining` of the order: 0 never seen, 1 finished, else what remains plus 1 (protocol 7.3)."""


class Readings:
    """The complete readings of one wallet, as far as they still agree.

    Parameters
    ----------
    quiet_secs
        The pause that two readings need between them to count as two.
    """

    def __init__(self, quiet_secs: float) -> None:
        self._quiet_ms = int(quiet_secs * 1000)
        self._pair: tuple[Reading, ...] = ()

    def add(self, reading: Reading) -> None:
        """Take in a newer reading. One that differs makes those before it worthless."""
        if not self._pair or reading.lists != self._pair[-1].lists or reading.began_ms < self._pair[-1].began_ms:
            self._pair = (reading,)
        elif reading.began_ms - self._pair[-1].ended_ms >= self._quiet_ms:
            self._pair = (self._pair[-1], reading)

    def agree_since(self, time_ms: int) -> bool:
        """Return whether two readings agree of which the earlier one began at this time or later."""
        return len(self._pair) == 2 and self._pair[0].began_ms >= time_ms


def is_missing(entry: JournalEntry, readings: Readings, policy: ResolverPolicy) -> bool:
    """Return whether an order that no reading showed counts as absent."""
    if entry.state is EntryState.ABSENT:
        return True
    return readings.agree_since(entry.signed_at_ms + int(policy.settle_secs * 1000))


def verdict(
    entry: JournalEntry, readings: Readings, chain: ChainFacts | None, policy: ResolverPolicy
) -> Absent | SeenOnChain | Rejected:
    """Return what became of an order that `is_missing`.

    Parameters
    ----------
    chain
        None where no chain can be asked; then the clock by which the readings were taken decides about the expiry.
    """
    if chain is not None and chain.remaining:
        return SeenOnChain(order_hash=entry.order_hash, remaining_wei=chain.remaining - 1)
    if entry.expiry_time and _is_expired(entry.expiry_time + policy.expiry_margin_secs, readings, chain):
        reason = f"its expiry time {entry.expiry_time} has passed, and the venue has never listed it"
        return Rejected(order_hash=entry.order_hash, reason=reason)
    where = "no list of the venue" if chain is None else "neither a list of the venue nor the exchange contract"
    return Absent(order_hash=entry.order_hash, reason=f"{where} has it")


def reserved(entries: Iterable[JournalEntry]) -> Mapping[tuple[str, Side], Decimal]:
    """Return what orders of unknown fate may still cost, by market id and side.

    Sells in the market's base token, buys (price x quantity) in its quote token; exact, in human units. Entries in any
    other state than signed, unknown or absent are left out.
    """
    totals: dict[tuple[str, Side], Decimal] = {}
    with localcontext(_EXACT):
        for entry in entries:
            if entry.state in UNRESOLVED:
                cost = entry.quantity if entry.side is Side.SELL else entry.price * entry.quantity
                key = (entry.market_id, entry.side)
                totals[key] = totals.get(key, Decimal(0)) + cost
    return totals


def _is_expired(end_secs: int, readings: Readings, chain: ChainFacts | None) -> bool:
    return readings.agree_since(end_secs * 1000) and (chain is None or chain.now_secs > end_secs)
