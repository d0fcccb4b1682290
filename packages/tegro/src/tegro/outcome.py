"""What became of a write: values, so that the type checker makes the caller look at each.

A definite refusal is one the venue states (HTTP 400 with its reason). Everything else that is not an acceptance - 429,
5xx, a timeout, a broken socket, a reply that cannot be read - leaves the fate open: the order may be live. It must not
be sent again; it is found by its hash.
"""

from msgspec import Struct

from tegro.model import Order


class Accepted(Struct, frozen=True, kw_only=True):
    """The venue took the order."""

    order_hash: str
    order_id: str
    order: Order


class Rejected(Struct, frozen=True, kw_only=True):
    """The venue refused the order, with its reason. It will never execute unless somebody sends it again."""

    order_hash: str
    reason: str


class Unknown(Struct, frozen=True, kw_only=True):
    """The order may or may not be live. `cause` says what happened to the request."""

    order_hash: str
    cause: str


type PlaceOutcome = Accepted | Rejected | Unknown


class NotSent(Struct, frozen=True, kw_only=True):
    """One of several requests that did not leave this machine: it was refused here, or no connection was made."""

    error: str
    """Name of the error class (`tegro.errors`)."""
    reason: str


class Absent(Struct, frozen=True, kw_only=True):
    """No list of the venue has the order. Weak evidence: a signed order can be taken later, so it may still execute.

    Its funds stay reserved and its hash stays watched.
    """

    order_hash: str
    reason: str
    """What was looked at."""


class SeenOnChain(Struct, frozen=True, kw_only=True):
    """The exchange contract knows the order, although no list of the venue has it: it was executed or cancelled there.

    Source: `remaining` of protocol 7.3.
    """

    order_hash: str
    remaining_wei: int
    """What may still execute, in the smallest unit of the base token; 0: nothing more."""


type Resolution = Accepted | SeenOnChain | Rejected | Absent | Unknown
"""What `tegro.resolver` found out about an order. `Unknown`: it could not look well enough in the time it had."""


class Cancelled(Struct, frozen=True, kw_only=True):
    """The venue answered a cancel: which of the ids it cancelled, and which it did not."""

    cancelled: tuple[str, ...]
    not_cancelled: tuple[str, ...]


class CancelRejected(Struct, frozen=True, kw_only=True):
    """The venue refused the whole cancel."""

    order_ids: tuple[str, ...]
    reason: str
    not_found: bool
    """Whether the reason is that no such live order exists: it ended before."""


class CancelUnknown(Struct, frozen=True, kw_only=True):
    """The cancel may or may not have worked. Unlike an order it may be sent again safely."""

    order_ids: tuple[str, ...]
    cause: str


type CancelOutcome = Cancelled | CancelRejected | CancelUnknown


def not_sent(error: Exception) -> NotSent:
    """Return the value for a request that an error kept from being sent."""
    return NotSent(error=type(error).__name__, reason=str(error))
