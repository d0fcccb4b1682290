"""Carrying matches to the chain in batches, and its verdicts back to the venue."""

import asyncio
from collections.abc import Sequence
from typing import Final

from tegro.model import TradeState
from tegro_localnet.chain.settlement import MAX_PAIRS_PER_BATCH, Match, Settled, SettlementFailed, Settler
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.settlement_faults import SettlementFaults
from tegro_localnet.signed_order import SignedOrder
from tegro_localnet.trades import TradeRecord
from tegro_localnet.venue import Venue

_CHAIN_POLL_SECS: Final = 0.2

type Outcomes = Sequence[Settled | SettlementFailed]


class SettlementLoop:
    """The venue's two periodic duties: settle what was matched, and follow the chain.

    A chain that fails as a whole ends the loop with its `ChainError`: what became of the batch is not known then, so
    going on could settle it twice.
    """

    def __init__(
        self, venue: Venue, settler: Settler, mirror: ChainMirror, interval_ms: int, faults: SettlementFaults
    ) -> None:
        self._venue = venue
        self._settler = settler
        self._mirror = mirror
        self._interval_secs = interval_ms / 1000
        self._faults = faults

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle_regularly())
            group.create_task(self._follow_chain())

    async def settle_batch(self) -> int:
        """Settle the oldest matches in one transaction; returns how many there were."""
        trades = self._faults.admit(self._venue.trades.next_unsettled, MAX_PAIRS_PER_BATCH)
        if not trades:
            return 0
        matches = [_match_of(trade, self._faults.buy_order(trade)) for trade in trades]

        async def send() -> Outcomes:
            self._venue.send_batch(trades, await self._settler.newest_block())
            return await self._settler.settle(matches)

        await self._mirror.settle(send, lambda outcomes: self._apply(trades, outcomes))
        return len(trades)

    async def recover(self) -> None:
        """Find out what became of the batch that was in flight when an earlier run ended, and take it over.

        Each match of it is settled once: by that batch if a block holds it, else by a later one.
        """
        batch = self._venue.in_flight
        if batch is None:
            return
        trades = [self._venue.trades[trade_id] for trade_id in batch.trade_ids]
        matches = [_match_of(trade, trade.buy.order) for trade in trades]
        await self._mirror.settle(
            lambda: self._settler.find(matches, batch.after_block + 1),
            lambda outcomes: self._venue.batch_unsent() if outcomes is None else self._apply(trades, outcomes),
        )

    def _apply(self, trades: Sequence[TradeRecord], outcomes: Outcomes) -> None:
        for trade, outcome in zip(trades, outcomes, strict=True):
            if trade.state is not TradeState.PENDING and trade.tx_hash == outcome.tx_hash:
                # An earlier run has written down this part of the batch.
                continue
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


def _match_of(trade: TradeRecord, buy: SignedOrder) -> Match:
    return Match(trade_id=trade.trade_id, buy=buy, sell=trade.sell.order, quantity_wei=trade.quantity_wei)
