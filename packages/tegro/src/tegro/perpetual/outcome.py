"""What became of a write: values, so that the type checker makes the caller look at each.

The fate of an order is tied to its client order id. Unlike a signed order of the spot venue a request here carries its
own time: the venue refuses it once `recvWindow` has passed (dialect 1.5), so an order that is not found after that is
gone for good.
"""

from msgspec import Struct

from tegro.perpetual.model import PerpetualOrder


class Accepted(Struct, frozen=True, kw_only=True):
    """The venue took the order."""

    client_order_id: str
    order: PerpetualOrder


class Rejected(Struct, frozen=True, kw_only=True):
    """The venue does not have the order and will never execute it."""

    client_order_id: str
    reason: str
    code: int | None = None
    """The dialect's number for the reason (-2019: margin is insufficient); None where the venue named none."""


class Unknown(Struct, frozen=True, kw_only=True):
    """The order may or may not be live. Ask `resolve`; do not send it again."""

    client_order_id: str
    symbol: str
    cause: str
    sent_at_ms: int
    """The request's own timestamp, in the venue's time."""


type PlaceOutcome = Accepted | Rejected | Unknown


class Cancelled(Struct, frozen=True, kw_only=True):
    """The venue cancelled the order. What had filled by then is in it."""

    order: PerpetualOrder


class NotOpen(Struct, frozen=True, kw_only=True):
    """The venue has no such open order: it is filled, ended, or never came."""

    client_order_id: str
    reason: str


class CancelUnknown(Struct, frozen=True, kw_only=True):
    """The cancel may or may not have worked. It may be sent again."""

    client_order_id: str
    cause: str


type CancelOutcome = Cancelled | NotOpen | CancelUnknown
