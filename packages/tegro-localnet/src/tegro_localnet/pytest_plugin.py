"""pytest fixtures: a local Tegro for tests, started once for each module that asks for it.

Nothing heavy is imported before a test asks.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tegro_localnet.background import BackgroundLocalnet
    from tegro_localnet.config import LocalnetConfig


@pytest.fixture(scope="module")
def localnet_config() -> "LocalnetConfig":
    """Return what the `localnet` fixture starts: free ports, no agents. Override it to change that."""
    from tegro_localnet.config import LocalnetConfig

    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50)


@pytest.fixture(scope="module")
def localnet(localnet_config: "LocalnetConfig") -> "Iterator[BackgroundLocalnet]":
    """Yield a running localnet; usable from plain and from asynchronous tests."""
    from tegro_localnet.background import BackgroundLocalnet

    with BackgroundLocalnet(localnet_config) as running:
        yield running
