"""One signed order, the states it goes through, and which state may follow which. Pure."""

import time
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from tegro.errors import InvalidInput
from tegro.model import Side
from tegro.outcome import Absent, Accepted, Rejected, Resolution, SeenOnChain

_INT64_END: Final = 1 << 63


class EntryState(StrEnum):
    """How far an order has come on its way to the venue."""

    SIGNED = "signed"
    """Signed; whether it was sent is not known (the process may have died in between)."""
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    """Sent; the answer did not say what became of it."""
    ABSENT = "absent"
    """No list of the venue had it when it was looked for. It may still be taken."""
    ENDED = "ended"
    """Accepted, and over at the venue: nothing can change any more."""


UNRESOLVED: Final = frozenset({EntryState.SIGNED, EntryState.UNKNOWN, EntryState.ABSENT})
"""Whether the venue has such an order is not known. It may execute, so its funds are reserved."""

OVER: Final = frozenset({EntryState.REJECTED, EntryState.ENDED})
"""Such an order cannot execute any more: what `compact` may remove."""


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One signed order."""

    order_hash: str
    """Lower-case hex with `0x`."""
    maker: str
    chain_id: int
    market_id: str
    client_order_id: str | None = None
    """The caller's own name for the order."""
    raw_order_data: str
    """The signed message as it is sent (`OrderMessage.raw_order_data`)."""
    signature: str
    side: Side
    price: Decimal
    """Quote per base."""
    quantity: Decimal
    """In base."""
    signed_at_ms: int
    state: EntryState = EntryState.SIGNED
    order_id: str | None = None
    """The venue's id, once it is known."""
    detail: str = ""
    """The reason of a refusal, what happened to the request of an unknown order, or where an absent one was sought."""
    expiry_time: int = 0
    """Unix seconds after which the order may not settle; 0 means never."""
    order_type: str = "limit"
    """What the caller asked for: `limit`, `limit_maker` or `market`. The signed message does not tell them apart."""
    cancel_wanted: bool = False
    """Whether the order is to be cancelled as soon as its fate is known."""
    changed_at_ms: int = 0
    """When it came into its state; 0 where it is still as it was recorded."""


class Change(Struct, frozen=True, kw_only=True):
    """What happens to an entry."""

    state: EntryState
    after: frozenset[EntryState]
    """The states that give way. In any other the entry stays as it is."""
    order_id: str | None = None
    """None leaves it; one that is known already stays."""
    detail: str | None = None
    """None leaves it."""


_REFUTABLE: Final = UNRESOLVED | {EntryState.REJECTED}
"""A refusal gives way to the proof that the venue has the order all the same."""
_ADOPTABLE: Final = _REFUTABLE | {EntryState.ACCEPTED}
"""An acceptance may be repeated: the contract's word for it (`SeenOnChain`) does not tell the venue's id."""

ENDING: Final = Change(state=EntryState.ENDED, after=frozenset({EntryState.ACCEPTED}))


def change_by(outcome: Resolution) -> Change:
    """Return what an outcome does to an entry: the one table of transitions, with `ENDING`."""
    if isinstance(outcome, Accepted):
        return Change(state=EntryState.ACCEPTED, after=_ADOPTABLE, order_id=outcome.order_id, detail="")
    if isinstance(outcome, SeenOnChain):
        detail = f"known to the exchange contract, {outcome.remaining_wei} base units remain"
        return Change(state=EntryState.ACCEPTED, after=_REFUTABLE, detail=detail)
    if isinstance(outcome, Rejected):
        return Change(state=EntryState.REJECTED, after=UNRESOLVED, detail=outcome.reason)
    if isinstance(outcome, Absent):
        return Change(state=EntryState.ABSENT, after=UNRESOLVED, detail=outcome.reason)
    return Change(state=EntryState.UNKNOWN, after=UNRESOLVED, detail=outcome.cause)


def require_recordable(entry: JournalEntry) -> None:
    """Refuse an expiry that no journal can hold.

    Raises
    ------
    InvalidInput
        If `expiry_time` is negative, or no 64-bit integer.
    """
    if not 0 <= entry.expiry_time < _INT64_END:
        raise InvalidInput(f"expiry_time must be Unix seconds below 2^63, or 0 for never, was {entry.expiry_time}")


def already_recorded(order_hash: str) -> InvalidInput:
    """Return the error for a second order with the same hash."""
    return InvalidInput(f"an order with the hash {order_hash} was signed before; sign with another salt")


def never_recorded(order_hash: str) -> InvalidInput:
    """Return the error for a hash that is not there."""
    return InvalidInput(f"no order with the hash {order_hash} was recorded")


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000
