"""A whole local Tegro: the venue's own REST and WebSocket dialect, matching, signatures, settlement on a real EVM.

Names are loaded when they are first used, so that the pytest plug-in costs nothing in a run that does not need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from tegro_localnet._version import __version__

if TYPE_CHECKING:
    from tegro_localnet.background import BackgroundLocalnet
    from tegro_localnet.config import LocalnetConfig, MarketConfig, ReplayConfig, TokenConfig
    from tegro_localnet.errors import LocalnetError
    from tegro_localnet.localnet import Localnet
    from tegro_localnet.switches import ReportPrice, Switches
    from tegro_localnet.wallet import LocalWallet

_HOME: Final = {
    "BackgroundLocalnet": "tegro_localnet.background",
    "LocalWallet": "tegro_localnet.wallet",
    "Localnet": "tegro_localnet.localnet",
    "LocalnetConfig": "tegro_localnet.config",
    "LocalnetError": "tegro_localnet.errors",
    "MarketConfig": "tegro_localnet.config",
    "ReplayConfig": "tegro_localnet.config",
    "ReportPrice": "tegro_localnet.switches",
    "Switches": "tegro_localnet.switches",
    "TokenConfig": "tegro_localnet.config",
}

__all__ = [
    "BackgroundLocalnet",
    "LocalWallet",
    "Localnet",
    "LocalnetConfig",
    "LocalnetError",
    "MarketConfig",
    "ReplayConfig",
    "ReportPrice",
    "Switches",
    "TokenConfig",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'tegro_localnet' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
