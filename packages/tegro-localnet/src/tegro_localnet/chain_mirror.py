"""The venue's picture of balances and allowances, kept in step with the chain.

A wallet and token are read when they are first needed. From then on every Transfer or Approval log that touches the
pair makes the mirror read it again, so no arithmetic of its own can drift away from the chain. If the last block that
it has seen is not in the chain any more, blocks were taken back: everything is read again, from where the chain forked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.tokens import ApprovalEvent, TokenLedgerReader, TransferEvent
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.lifecycle import Lifecycle

_SEEN_BLOCKS: Final = 4096

type Pair = tuple[str, str]
"""Wallet and token, lower case."""


class ChainMirror:
    """Reads the chain's state of wallets for the ledger.

    All readings take turns. A settlement takes a turn as well, from before its transaction until the venue has applied
    the outcome: else a balance could be read that has been paid out already while the payment is still reserved.
    """

    _lifecycle: Lifecycle

    def __init__(self, rpc: ChainRpc, reader: TokenLedgerReader, ledger: Ledger) -> None:
        self._rpc = rpc
        self._reader = reader
        self._ledger = ledger
        self._next_block = 0
        self._turn = asyncio.Lock()
        self._watches: list[Callable[[int, int], Awaitable[None]]] = []
        self._reorganisations: list[Callable[[], Awaitable[None]]] = []
        self._seen: deque[tuple[int, str]] = deque(maxlen=_SEEN_BLOCKS)
        """Number and hash of the newest block each time that the chain was followed."""

    def follow_for(self, lifecycle: Lifecycle) -> None:
        """Hand what is read to the owner of the ledger from now on, and follow the logs from where it has come to."""
        self._lifecycle = lifecycle
        self._next_block = lifecycle.next_block

    def on_blocks(self, watch: Callable[[int, int], Awaitable[None]]) -> None:
        """Await `watch(first, last)` for each range of new blocks, before any balance of them is read."""
        self._watches.append(watch)

    def on_reorganisation(self, watch: Callable[[], Awaitable[None]]) -> None:
        """Await `watch()` whenever the chain has taken blocks back, before anything is read again."""
        self._reorganisations.append(watch)

    async def reorganise(self, take_back: Callable[[], Awaitable[None]]) -> None:
        """Let the chain take blocks back while nobody waits for it, and follow it from there."""
        async with self._turn:
            await take_back()
            await self._follow()

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
        newest, newest_hash = await self._rpc.newest_block()
        if not await self._still_holds(newest, newest_hash):
            await self._go_back()
        if newest < self._next_block:
            return
        for watch in self._watches:
            await watch(self._next_block, newest)
        events = await self._reader.token_events(self._next_block, newest)
        touched = {pair for event in events for pair in _pairs_of(event)}
        await self._read({pair for pair in touched if self._ledger.is_mirrored(*pair)})
        self._next_block = newest + 1
        self._seen.append((newest, newest_hash))
        if events:
            self._lifecycle.chain_followed(self._next_block)

    async def _still_holds(self, newest: int, newest_hash: str) -> bool:
        """Say whether the last block that was seen is still in the chain."""
        if not self._seen:
            return True
        number, known_hash = self._seen[-1]
        return known_hash == (newest_hash if number == newest else await self._rpc.block_hash(number))

    async def _go_back(self) -> None:
        """Forget the blocks that the chain has taken back, tell of it, and read all that was ever read."""
        while self._seen and await self._rpc.block_hash(self._seen[-1][0]) != self._seen[-1][1]:
            self._seen.pop()
        self._next_block = self._seen[-1][0] + 1 if self._seen else 0
        for watch in self._reorganisations:
            await watch()
        await self._read([pair for pair, _ in self._ledger.mirrored()])

    async def _read(self, pairs: Collection[Pair]) -> None:
        # In a fixed order, so that the same events leave the same journal.
        in_order = sorted(pairs)
        states = await asyncio.gather(
            *(self._reader.balance_and_allowance(token, wallet) for wallet, token in in_order)
        )
        for (wallet, token), (balance_wei, allowance_wei) in zip(in_order, states, strict=True):
            self._lifecycle.take_holding(wallet, token, balance_wei, allowance_wei)


def _pairs_of(event: TransferEvent | ApprovalEvent) -> list[Pair]:
    if isinstance(event, TransferEvent):
        return [(event.sender, event.token), (event.receiver, event.token)]
    return [(event.owner, event.token)]
