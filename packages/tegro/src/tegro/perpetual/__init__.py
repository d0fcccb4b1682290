"""Perpetual contracts: a client for venues that speak the dialect of Binance USD-M futures (`docs/perpetual.md`).

No public API of Tegro's own futures is known. This is proven on localnet only.
"""

from tegro.perpetual.client import AsyncPerpetual
from tegro.perpetual.live_books import PerpetualBooks
from tegro.perpetual.model import (
    Contract,
    MarginType,
    OrderState,
    PerpetualFill,
    PerpetualOrder,
    PerpetualOrderRequest,
    Position,
    PositionMode,
    PositionSide,
    TimeInForce,
)
from tegro.perpetual.outcome import Accepted, Cancelled, CancelUnknown, NotOpen, Rejected, Unknown
from tegro.perpetual.settings import PerpetualEnvironment, confirm_host, load_perpetual
from tegro.perpetual.signing import ApiKey
from tegro.perpetual.stream import PerpetualStream

__all__ = [
    "Accepted",
    "ApiKey",
    "AsyncPerpetual",
    "CancelUnknown",
    "Cancelled",
    "Contract",
    "MarginType",
    "NotOpen",
    "OrderState",
    "PerpetualBooks",
    "PerpetualEnvironment",
    "PerpetualFill",
    "PerpetualOrder",
    "PerpetualOrderRequest",
    "PerpetualStream",
    "Position",
    "PositionMode",
    "PositionSide",
    "Rejected",
    "TimeInForce",
    "Unknown",
    "confirm_host",
    "load_perpetual",
]
