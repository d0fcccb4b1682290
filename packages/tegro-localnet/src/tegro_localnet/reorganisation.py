"""What the venue does when the chain takes blocks back: settled matches whose transaction is gone are pending again."""

from itertools import islice
from typing import Final

from tegro.model import TradeState
from tegro_localnet.chain.accounts import Sender
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.faults import FaultBoard
from tegro_localnet.trades import TradeRecord
from tegro_localnet.venue import Venue

LOOK_BACK: Final = 2_000
"""How many of the newest trades are looked at after a reorganisation."""


class Reorganisation:
    """Notices that blocks were taken back, and lets them be taken back on demand.

    A match that was settled in a lost block waits for settlement again, before all others, and is settled or refused
    anew. A match that the contract had refused stays failed, and orders that have ended stay ended. What wallets had
    sent themselves in lost blocks (transfers, approvals, what the faucet gave) is gone until it is sent again.

    Parameters
    ----------
    rpc : ChainRpc
        The chain.
    operator : Sender
        Whose count of transactions has to begin anew.
    venue : Venue
        Whose trades are looked at.
    mirror : ChainMirror
        Which notices it.
    board : FaultBoard
        Whose event log tells of it.
    """

    def __init__(self, rpc: ChainRpc, operator: Sender, venue: Venue, mirror: ChainMirror, board: FaultBoard) -> None:
        self._rpc = rpc
        self._operator = operator
        self._venue = venue
        self._mirror = mirror
        self._board = board
        self._first_block = 0
        mirror.on_reorganisation(self._take_back)

    async def begin(self) -> None:
        """Note where the chain stands: the blocks up to here hold the contracts and are never taken back on demand."""
        self._first_block = (await self._rpc.newest_block())[0] + 1

    async def reorganise(self, depth: int) -> None:
        """Take the newest blocks of the chain back and put empty ones into their place.

        Raises
        ------
        ValueError
            If there are not as many blocks since the start.
        ChainError
            If the node refuses.
        """
        newest = (await self._rpc.newest_block())[0]
        most = newest - self._first_block + 1
        if not 0 < depth <= most:
            message = f"depth must be from 1 to {most}, the blocks since the start of this localnet; was {depth}"
            raise ValueError(message)
        self._board.note(f"the chain takes back its newest {depth} blocks, from {newest - depth + 1} on")
        await self._mirror.reorganise(lambda: self._rpc.reorganise(depth))

    async def _take_back(self) -> None:
        """Let the settled trades whose transaction is in no block any more wait for settlement again."""
        await self._operator.forget_nonce()
        settled = [trade for trade in islice(self._venue.trades.newest(), LOOK_BACK) if _is_settled(trade)]
        transactions = dict.fromkeys(trade.tx_hash for trade in settled)
        lost = {tx_hash for tx_hash in transactions if await self._rpc.receipt(tx_hash) is None}
        trades = [trade for trade in reversed(settled) if trade.tx_hash in lost]
        if trades:
            self._venue.unsettle(trades)
            self._board.note(f"{len(trades)} settled trades are pending again: their blocks are gone")


def _is_settled(trade: TradeRecord) -> bool:
    return trade.state is TradeState.SUCCESS
