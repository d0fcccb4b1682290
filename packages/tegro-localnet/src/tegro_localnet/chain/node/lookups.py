"""What explorers ask of a node beside what traders ask: places in blocks, counts, receipts by block.

There are no uncles and no traces: a chain that nobody mines has none, and nothing here records the others.
"""

from collections.abc import Callable
from typing import Any

from Crypto.Hash import keccak

from tegro_localnet.chain.node import parameters
from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.formatting import receipt_json, to_hex, transaction_json
from tegro_localnet.chain.node.records import BlockRecord

type FindBlock = Callable[[object], BlockRecord | None]
type Method = Callable[..., object]


class Lookups:
    """Methods that look into blocks.

    Parameters
    ----------
    chain
        What is looked into.
    find_block
        Returns the block of a number, tag or block object; None where there is none.
    """

    def __init__(self, chain: LocalChain, find_block: FindBlock) -> None:
        self._chain = chain
        self._find_block = find_block

    def methods(self) -> dict[str, Method]:
        """Return the methods by name."""
        by_number, by_hash = self._find_block, self._by_hash
        return {
            "web3_sha3": _sha3,
            "net_listening": lambda: True,
            "net_peerCount": lambda: "0x0",
            "eth_protocolVersion": lambda: "0x44",
            "eth_mining": lambda: False,
            "eth_hashrate": lambda: "0x0",
            "eth_getBlockReceipts": self._receipts,
            "eth_getBlockTransactionCountByNumber": lambda block: _count(by_number(block)),
            "eth_getBlockTransactionCountByHash": lambda block: _count(by_hash(block)),
            "eth_getTransactionByBlockNumberAndIndex": lambda block, index: _nth(by_number(block), index),
            "eth_getTransactionByBlockHashAndIndex": lambda block, index: _nth(by_hash(block), index),
            "eth_getUncleCountByBlockNumber": lambda block: _no_uncles(by_number(block)),
            "eth_getUncleCountByBlockHash": lambda block: _no_uncles(by_hash(block)),
            "eth_getUncleByBlockNumberAndIndex": lambda _block, _index: None,
            "eth_getUncleByBlockHashAndIndex": lambda _block, _index: None,
            "eth_getRawTransactionByHash": self._raw_transaction,
        }

    def _by_hash(self, block_hash: object) -> BlockRecord | None:
        return self._find_block({"blockHash": block_hash})

    def _receipts(self, block: object) -> list[dict[str, Any]] | None:
        is_hash = isinstance(block, str) and len(block) == 66
        found = self._by_hash(block) if is_hash else self._find_block(block)
        return None if found is None else [receipt_json(record) for record in found.transactions]

    def _raw_transaction(self, tx_hash: object) -> str | None:
        record = self._chain.transaction(parameters.data(tx_hash, "hash", 32))
        return None if record is None else to_hex(record.transaction.encode())


def _sha3(value: object) -> str:
    return "0x" + keccak.new(digest_bits=256, data=parameters.data(value, "data")).hexdigest()


def _count(block: BlockRecord | None) -> str | None:
    return None if block is None else hex(len(block.transactions))


def _no_uncles(block: BlockRecord | None) -> str | None:
    return None if block is None else "0x0"


def _nth(block: BlockRecord | None, index: object) -> dict[str, Any] | None:
    place = parameters.quantity(index, "index")
    if block is None or place >= len(block.transactions):
        return None
    return transaction_json(block.transactions[place])
