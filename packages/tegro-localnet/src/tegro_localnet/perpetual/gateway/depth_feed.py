"""Diffs of one book for one stream name (perpetual dialect 7.1)."""

from typing import Any, Final

from tegro.model import Side
from tegro_localnet.perpetual.engine.events import LevelChanged
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.gateway.market_views import level_view
from tegro_localnet.perpetual.tape import MarketTape


class DepthFeed:
    """Collects level changes and puts those of a period into one event.

    The ranges of update ids are contiguous, so a snapshot that is taken at any moment joins.
    """

    def __init__(self, market: Market, tape: MarketTape) -> None:
        self._market: Final = market
        self._tape: Final = tape
        self._last_id = tape.update_id
        self._changes: dict[tuple[Side, int], int] = {}

    def collect(self, change: LevelChanged) -> None:
        """Take note of a level; its newest total counts."""
        self._changes[change.side, change.price_e18] = change.quantity_e8

    def flush(self, now_ms: int) -> dict[str, Any] | None:
        """Return what changed since the last flush; None where nothing did."""
        if not self._changes:
            return None
        contract = self._market.contract
        levels: dict[Side, list[list[str]]] = {Side.BUY: [], Side.SELL: []}
        for (side, price_e18), quantity_e8 in self._changes.items():
            levels[side].append(level_view(contract, price_e18, quantity_e8))
        event = {
            "e": "depthUpdate",
            "E": now_ms,
            "T": now_ms,
            "s": contract.symbol,
            "U": self._last_id + 1,
            "u": self._tape.update_id,
            "pu": self._last_id,
            "b": levels[Side.BUY],
            "a": levels[Side.SELL],
        }
        self._last_id = self._tape.update_id
        self._changes.clear()
        return event
