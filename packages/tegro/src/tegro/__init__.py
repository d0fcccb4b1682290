"""Client for Tegro, a self-custodial order-book exchange on EVM chains.

Names are loaded when they are first used, so that `import tegro` stays quick and `tegro.wire` can be used alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from tegro._version import __version__

if TYPE_CHECKING:
    from tegro.allowance import AllowanceManager
    from tegro.client import AsyncTegro
    from tegro.errors import InvalidInput, TegroError
    from tegro.journal import MemoryJournal, SqliteJournal
    from tegro.model import Balance, Market, Order, OrderRequest, Side, Token, Trade
    from tegro.order_book import OrderBook
    from tegro.outcome import Accepted, Cancelled, CancelRejected, CancelUnknown, Rejected, Unknown
    from tegro.settings import Environment, Settings
    from tegro.signer import LocalSigner, Signer
    from tegro.stream import EventStream

_HOME: Final = {
    "Accepted": "tegro.outcome",
    "AllowanceManager": "tegro.allowance",
    "AsyncTegro": "tegro.client",
    "Balance": "tegro.model",
    "CancelRejected": "tegro.outcome",
    "CancelUnknown": "tegro.outcome",
    "Cancelled": "tegro.outcome",
    "Environment": "tegro.settings",
    "EventStream": "tegro.stream",
    "InvalidInput": "tegro.errors",
    "LocalSigner": "tegro.signer",
    "Market": "tegro.model",
    "MemoryJournal": "tegro.journal",
    "Order": "tegro.model",
    "OrderBook": "tegro.order_book",
    "OrderRequest": "tegro.model",
    "Rejected": "tegro.outcome",
    "Settings": "tegro.settings",
    "Side": "tegro.model",
    "Signer": "tegro.signer",
    "SqliteJournal": "tegro.journal",
    "TegroError": "tegro.errors",
    "Token": "tegro.model",
    "Trade": "tegro.model",
    "Unknown": "tegro.outcome",
}

__all__ = [
    "Accepted",
    "AllowanceManager",
    "AsyncTegro",
    "Balance",
    "CancelRejected",
    "CancelUnknown",
    "Cancelled",
    "Environment",
    "EventStream",
    "InvalidInput",
    "LocalSigner",
    "Market",
    "MemoryJournal",
    "Order",
    "OrderBook",
    "OrderRequest",
    "Rejected",
    "Settings",
    "Side",
    "Signer",
    "SqliteJournal",
    "TegroError",
    "Token",
    "Trade",
    "Unknown",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'tegro' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
