"""The venue's picture of balances and allowances, kept in step with the chain.

A wallet and token are read when they are first needed. From then on every Transfer or Approval log that touches the
pair makes the mirror read it again, so no arithmetic of its own can drift away from the chain.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection

from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.tokens import ApprovalEvent, TokenLedgerReader, TransferEvent
from tegro_localnet.engine.ledger import Ledger

type Pair = tuple[str, str]
"""Wallet and token, lower case."""


class ChainMirror:
    """Copies chain state into the ledger and reports the pairs whose funds or allowance fell.

    All readings take turns. A settlement takes a turn as well, from before its transaction until the venue has applied
    the outcome: else a balance could be read that has been paid out already while the payment is still reserved.
    """

    def __init__(self, rpc: ChainRpc, reader: TokenLedgerReader, ledger: Ledger) -> None:
        self._rpc = rpc
        self._reader = reader
        self._ledger = ledger
        self._fall_listeners: list[Callable[[str, str], None]] = []
        self._next_block = 0
        self._turn = asyncio.Lock()

    def on_fall(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(wallet, token)` whenever a balance or an allowance was found lower than before."""
        self._fall_listeners.append(listener)

    async def ensure(self, wallet: str, tokens: Collection[str]) -> None:
        """Read those of a wallet's tokens that were never read."""
        if all(self._ledger.is_mirrored(wallet, token) for token in tokens):
            return
        async with self._turn:
            await self._read({(wallet, token) for token in tokens if not self._ledger.is_mirrored(wallet, token)})

    async def refresh(self, pairs: Collection[Pair]) -> None:
        """Read pairs from the chain, whatever is known of them."""
        async with self._turn:
            await self._read(pairs)

    async def catch_up(self) -> None:
        """Follow the logs up to the newest block. May be called at any time."""
        async with self._turn:
            await self._follow()

    async def settle[T](self, send: Callable[[], Awaitable[T]], apply: Callable[[T], None]) -> None:
        """Send a settlement, follow the chain beyond it, and apply its outcome, as one turn."""
        async with self._turn:
            outcome = await send()
            await self._follow()
            apply(outcome)

    async def _follow(self) -> None:
        newest = await self._rpc.block_number()
        if newest < self._next_block:
            return
        events = await self._reader.token_events(self._next_block, newest)
        touched = {pair for event in events for pair in _pairs_of(event)}
        await self._read({pair for pair in touched if self._ledger.is_mirrored(*pair)})
        self._next_block = newest + 1

    async def _read(self, pairs: Collection[Pair]) -> None:
        states = await asyncio.gather(*(self._reader.balance_and_allowance(token, wallet) for wallet, token in pairs))
        for (wallet, token), (balance_wei, allowance_wei) in zip(pairs, states, strict=True):
            if self._ledger.mirror(wallet, token, balance_wei, allowance_wei):
                for listener in self._fall_listeners:
                    listener(wallet, token)


def _pairs_of(event: TransferEvent | ApprovalEvent) -> list[Pair]:
    if isinstance(event, TransferEvent):
        return [(event.sender, event.token), (event.receiver, event.token)]
    return [(event.owner, event.token)]
