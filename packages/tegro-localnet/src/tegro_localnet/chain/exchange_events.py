"""What happens at the exchange contract, whoever has caused it: settlements and cancels (protocol 7.3)."""

from typing import Final

from msgspec import Struct

from tegro_localnet.chain.contracts import EXCHANGE
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.values import Log

_TRADE_SETTLED: Final = EXCHANGE.events["TradeSettled"]
_ORDER_CANCELLED: Final = EXCHANGE.events["OrderCancelled"]


class PairSettled(Struct, frozen=True, kw_only=True):
    """A pair of orders was settled. Hashes have 64 hex digits without 0x; the price is as it was signed."""

    tx_hash: str
    buy_hash: str
    sell_hash: str
    signed_price: int
    quantity_wei: int


class OrderCancelled(Struct, frozen=True, kw_only=True):
    """An order can never be settled any more."""

    order_hash: str
    """64 hex digits without 0x."""


class ExchangeEventReader:
    """Reads the events of a deployment's exchange.

    Parameters
    ----------
    rpc
        The chain.
    deployment
        Its contracts.
    operator
        Address of the wallet that settles for the venue.
    """

    def __init__(self, rpc: ChainRpc, deployment: Deployment, operator: str) -> None:
        self._rpc = rpc
        self._exchange = deployment.exchange
        self._operator = operator

    async def of_others(self, first_block: int, last_block: int) -> list[PairSettled | OrderCancelled]:
        """Return what others than the venue did in these blocks, both included, in the order it happened."""
        topics = [[_TRADE_SETTLED.topic, _ORDER_CANCELLED.topic]]
        logs = await self._rpc.logs(first_block, last_block, [self._exchange], topics)
        senders = {tx_hash: await self._rpc.sender_of(tx_hash) for tx_hash in {log.tx_hash for log in logs}}
        return [_event(log) for log in logs if senders[log.tx_hash] != self._operator]


def _event(log: Log) -> PairSettled | OrderCancelled:
    if log.topics[0] == _ORDER_CANCELLED.topic:
        return OrderCancelled(order_hash=log.topics[1].hex())
    values = _TRADE_SETTLED.decode(log)
    return PairSettled(
        tx_hash=log.tx_hash,
        buy_hash=log.topics[1].hex(),
        sell_hash=log.topics[2].hex(),
        signed_price=values["price"],
        quantity_wei=values["totalQuantity"],
    )
