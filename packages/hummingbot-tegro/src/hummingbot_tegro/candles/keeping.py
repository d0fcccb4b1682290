"""Where the candles of this Hummingbot are kept, so that history grows from run to run."""

import logging
from pathlib import Path
from typing import Final

import hummingbot

from tegro.candles import CandleStore
from tegro.errors import StoreFailure

_log: Final = logging.getLogger(__name__)


def open_store(environment: str) -> CandleStore:
    """Open the store of an environment in Hummingbot's data folder; all feeds and all bots share the file.

    A file that cannot be used is a warning, and what is seen is kept in memory: a bot trades without a past, too. A
    localnet forgets its trades at each start, so nothing of it is kept.

    Parameters
    ----------
    environment
        `mainnet`, `testnet` or `localnet`.
    """
    if environment == "localnet":
        return CandleStore()
    try:
        return CandleStore(Path(hummingbot.data_path()) / f"tegro_candles_{environment}.sqlite")
    except StoreFailure as failure:
        _log.warning("Candles are kept in memory only, %s.", failure)
        return CandleStore()
