"""Client for Tegro, a self-custodial order-book exchange on EVM chains.

Names are loaded when they are first used, so that `import tegro` stays quick and `tegro.wire` can be used alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from tegro._version import __version__

if TYPE_CHECKING:
    from tegro.model import Market, Order, OrderRequest, Side, Trade

_HOME: Final = {
    "Market": "tegro.model",
    "Order": "tegro.model",
    "OrderRequest": "tegro.model",
    "Side": "tegro.model",
    "Trade": "tegro.model",
}

__all__ = ["Market", "Order", "OrderRequest", "Side", "Trade", "__version__"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'tegro' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
