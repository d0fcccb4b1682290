"""Settling matched orders: many pairs in one transaction, and what became of each (protocol 7.3)."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from msgspec import Struct

from tegro_localnet.chain.accounts import Sender
from tegro_localnet.chain.contracts import EXCHANGE, SETTLER
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.chain.errors import ChainError, Reverted
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.values import Log
from tegro_localnet.signed_order import SignedOrder

MAX_PAIRS_PER_BATCH: Final = 40
# A pair takes at most about 320,000 with every slot fresh, two decimals included; what is not used is not paid.
_GAS_PER_PAIR: Final = 400_000
_GAS_PER_BATCH: Final = 500_000
_TRADE_SETTLED: Final = EXCHANGE.events["TradeSettled"]
_TRADE_FAILED: Final = SETTLER.events["TradeFailed"]


class Match(Struct, frozen=True, kw_only=True):
    """A buy and a sell order that the venue matched for a quantity of the base token."""

    trade_id: str
    buy: SignedOrder
    sell: SignedOrder
    quantity_wei: int


class Settled(Struct, frozen=True, kw_only=True):
    """The tokens changed hands. Quantity and quote amount are before fees; the price is the sell order's."""

    trade_id: str
    tx_hash: str
    block_number: int
    price_e18: int
    quantity_wei: int
    quote_wei: int


class SettlementFailed(Struct, frozen=True, kw_only=True):
    """The contract refused the pair; nothing moved. The reason is the contract's own text."""

    trade_id: str
    tx_hash: str
    reason: str


class Settler:
    """Sends matches to the settlement contract.

    Parameters
    ----------
    rpc : ChainRpc
        The chain.
    operator : Sender
        Who pays the gas.
    deployment : Deployment
        The contracts.
    """

    def __init__(self, rpc: ChainRpc, operator: Sender, deployment: Deployment) -> None:
        self._rpc = rpc
        self._operator = operator
        self._deployment = deployment

    async def settle(self, matches: Sequence[Match]) -> list[Settled | SettlementFailed]:
        """Settle up to `MAX_PAIRS_PER_BATCH` matches in one transaction and return what became of each, in order.

        Repeating a match settles its quantity again as long as both orders have that much left.

        Raises
        ------
        ValueError
            If there are too many matches.
        ChainError
            If the transaction as a whole failed (`Reverted`), was refused, or its answer is lost.
        """
        if not matches:
            return []
        if len(matches) > MAX_PAIRS_PER_BATCH:
            raise ValueError(f"at most {MAX_PAIRS_PER_BATCH} matches fit into a batch, were {len(matches)}")
        data = self._deployment.form.settler.encode(
            "settleBatchOrders",
            [match.buy.abi_fields for match in matches],
            [match.buy.signature for match in matches],
            [match.sell.abi_fields for match in matches],
            [match.sell.signature for match in matches],
            [match.quantity_wei for match in matches],
        )
        gas = _GAS_PER_BATCH + _GAS_PER_PAIR * len(matches)
        receipt = await self._operator.send(self._deployment.settlement, data, gas=gas)
        logs = self._outcome_logs(receipt.logs)
        if len(logs) != len(matches):
            raise ChainError(f"{receipt.tx_hash} reports {len(logs)} pairs of {len(matches)}")
        return [await self._outcome(match, log) for match, log in zip(matches, logs, strict=True)]

    async def newest_block(self) -> int:
        """Return the number of the newest block."""
        return await self._rpc.block_number()

    async def find(self, matches: Sequence[Match], from_block: int) -> list[Settled | SettlementFailed] | None:
        """Return what became of a batch that was sent, or None if no transaction since that block is that batch.

        Waits until nothing that the operator sent is on its way any more.
        """
        await self._operator.settle_down()
        contracts = [self._deployment.exchange, self._deployment.settlement]
        topics = [[_TRADE_SETTLED.topic, _TRADE_FAILED.topic]]
        logs = await self._rpc.logs(from_block, await self._rpc.block_number(), contracts, topics)
        domain = self._deployment.domain
        wanted = [(match.buy.order_hash(domain), match.sell.order_hash(domain)) for match in matches]
        for tx_hash, group in groupby(self._outcome_logs(logs), key=attrgetter("tx_hash")):
            batch = list(group)
            is_wanted = [log.topics[1:] for log in batch] == wanted
            # Others may settle the same pair themselves.
            if is_wanted and await self._rpc.sender_of(tx_hash) == self._operator.address:
                return [await self._outcome(match, log) for match, log in zip(matches, batch, strict=True)]
        return None

    def _outcome_logs(self, logs: Iterable[Log]) -> list[Log]:
        """Return the one log of each pair, in the order of the pairs, leaving out those of the tokens."""
        kinds = {
            (self._deployment.exchange, _TRADE_SETTLED.topic),
            (self._deployment.settlement, _TRADE_FAILED.topic),
        }
        return [log for log in logs if (log.address, log.topics[0]) in kinds]

    async def _outcome(self, match: Match, log: Log) -> Settled | SettlementFailed:
        domain = self._deployment.domain
        if log.topics[1:] != (match.buy.order_hash(domain), match.sell.order_hash(domain)):
            raise ChainError(f"{log.tx_hash} reports another pair of orders where {match.trade_id} was expected")
        if log.topics[0] == _TRADE_FAILED.topic:
            return SettlementFailed(trade_id=match.trade_id, tx_hash=log.tx_hash, reason=await self._cause(match))
        values = _TRADE_SETTLED.decode(log)
        return Settled(
            trade_id=match.trade_id,
            tx_hash=log.tx_hash,
            block_number=log.block_number,
            price_e18=values["price"],
            quantity_wei=values["totalQuantity"],
            quote_wei=values["totalPrice"],
        )

    async def _cause(self, match: Match) -> str:
        """Return why a pair fails; the batch itself only says that it did."""
        data = self._deployment.form.exchange.encode(
            "settleOrders",
            match.buy.abi_fields,
            match.buy.signature,
            match.sell.abi_fields,
            match.sell.signature,
            match.quantity_wei,
        )
        try:
            await self._rpc.call(self._deployment.exchange, data, sender=self._deployment.settlement)
        except Reverted as refusal:
            return refusal.reason
        except ChainError as error:
            # What became of the batch is known and must not be lost for want of an explanation.
            return f"the cause could not be found: {error}"
        return "the pair failed in its batch and would settle now"
