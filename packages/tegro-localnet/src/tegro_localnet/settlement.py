"""Carrying matches to the chain in batches, and its verdicts back to the venue."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tegro_localnet.chain.settlement import MAX_PAIRS_PER_BATCH, Match, Settled, SettlementFailed, Settler
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.trades import TradeRecord
from tegro_localnet.venue import Venue

_CHAIN_POLL_SECS: Final = 0.2


class SettlementLoop:
    """The venue's two periodic duties: settle what was matched, and follow the chain.

    A chain that fails as a whole ends the loop with its `ChainError`: what became of the batch is not known then, so
    going on could settle it twice.
    """

    def __init__(self, venue: Venue, settler: Settler, mirror: ChainMirror, interval_ms: int) -> None:
        self._venue = venue
        self._settler = settler
        self._mirror = mirror
        self._interval_secs = interval_ms / 1000

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle_regularly())
            group.create_task(self._follow_chain())

    async def settle_batch(self) -> int:
        """Settle the oldest matches in one transaction; returns how many there were."""
        trades = self._venue.trades.next_unsettled(MAX_PAIRS_PER_BATCH)
        if not trades:
            return 0
        matches = [
            Match(
                trade_id=trade.trade_id,
                buy=trade.buy.order,
                sell=trade.sell.order,
                quantity_wei=trade.quantity_wei,
            )
            for trade in trades
        ]
        await self._mirror.settle(lambda: self._settler.settle(matches), lambda outcomes: self._apply(trades, outcomes))
        return len(trades)

    def _apply(self, trades: Sequence[TradeRecord], outcomes: Sequence[Settled | SettlementFailed]) -> None:
        for trade, outcome in zip(trades, outcomes, strict=True):
            if isinstance(outcome, Settled):
                self._venue.settle(trade, outcome.tx_hash)
            else:
                self._venue.fail(trade, outcome.tx_hash, outcome.reason)

    async def _settle_regularly(self) -> None:
        while True:
            await asyncio.sleep(self._interval_secs)
            while await self.settle_batch() == MAX_PAIRS_PER_BATCH:
                pass

    async def _follow_chain(self) -> None:
        while True:
            await self._mirror.catch_up()
            self._venue.end_expired()
            await asyncio.sleep(_CHAIN_POLL_SECS)
