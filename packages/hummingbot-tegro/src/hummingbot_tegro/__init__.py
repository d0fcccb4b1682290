"""Tegro for an untouched Hummingbot."""

from hummingbot_tegro._version import __version__

__all__ = ["__version__"]
