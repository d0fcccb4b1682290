"""A whole local Tegro: the venue's own REST and WebSocket dialect, matching, signatures, settlement on a real EVM."""

from tegro_localnet._version import __version__

__all__ = ["__version__"]
