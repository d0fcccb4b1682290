"""The JSON-RPC methods, each a short function on the chain."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from eth.abc import BlockHeaderAPI

from tegro_localnet import __version__
from tegro_localnet.chain.node import parameters
from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.evm import base_fee_wei
from tegro_localnet.chain.node.filters import Filters
from tegro_localnet.chain.node.formatting import (
    block_json,
    log_json,
    receipt_json,
    to_hex,
    transaction_json,
    waiting_transaction_json,
)
from tegro_localnet.chain.node.lookups import Lookups
from tegro_localnet.chain.node.pool import TransactionPool
from tegro_localnet.chain.node.records import BlockRecord
from tegro_localnet.chain.node.refusals import invalid_input, invalid_params, unknown_method

# What a wallet offers a block's maker here. Any tip will do; a round, small one keeps balances readable.
_PRIORITY_FEE_WEI: Final = 1_000_000
_LONGEST_FEE_HISTORY: Final = 1_024


class Methods:
    """All methods of the node by name."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._pool = TransactionPool(chain)
        self._methods: dict[str, Callable[..., object]] = {
            "web3_clientVersion": lambda: f"tegro-localnet/{__version__}/py-evm",
            "net_version": lambda: str(chain.chain_id),
            "eth_chainId": lambda: hex(chain.chain_id),
            "eth_syncing": lambda: False,
            "eth_accounts": list,
            "eth_blockNumber": lambda: hex(chain.head.block_number),
            "eth_getBalance": self._balance,
            "eth_getTransactionCount": self._nonce,
            "eth_getCode": self._code,
            "eth_getStorageAt": self._storage,
            "eth_call": self._call,
            "eth_estimateGas": self._estimate_gas,
            "eth_gasPrice": lambda: hex(base_fee_wei(chain.next_header) + _PRIORITY_FEE_WEI),
            "eth_maxPriorityFeePerGas": lambda: hex(_PRIORITY_FEE_WEI),
            "eth_feeHistory": self._fee_history,
            "eth_sendRawTransaction": self._send,
            "eth_getTransactionReceipt": self._receipt,
            "eth_getTransactionByHash": self._transaction,
            "eth_getBlockByNumber": self._block_by_number,
            "eth_getBlockByHash": self._block_by_hash,
            "eth_getLogs": self._logs,
            "evm_mine": self._mine,
            "anvil_reorg": self._reorganise,
            **Lookups(chain, self._block).methods(),
            **Filters(chain, self._logs).methods(),
        }

    def run(self, method: str, arguments: Sequence[Any]) -> object:
        """Run a method and return its result, ready for JSON.

        Raises
        ------
        RpcRefusal
            If there is no such method, its arguments are wrong, or the chain refuses.
        """
        function = self._methods.get(method)
        if function is None:
            raise unknown_method(method)
        try:
            return function(*arguments)
        except TypeError as error:
            # Raised by the call itself and not inside the method: the arguments do not fit.
            if error.__traceback__ is not None and error.__traceback__.tb_next is None:
                raise invalid_params(f"wrong number of arguments for {method}, were {len(arguments)}") from error
            raise

    def _balance(self, address: object, block: object = "latest") -> str:
        return hex(self._chain.state(self._header(block)).get_balance(parameters.address(address, "address")))

    def _nonce(self, address: object, block: object = "latest") -> str:
        return hex(self._chain.state(self._header(block)).get_nonce(parameters.address(address, "address")))

    def _code(self, address: object, block: object = "latest") -> str:
        return to_hex(self._chain.state(self._header(block)).get_code(parameters.address(address, "address")))

    def _storage(self, address: object, slot: object, block: object = "latest") -> str:
        state = self._chain.state(self._header(block))
        value = state.get_storage(parameters.address(address, "address"), parameters.quantity(slot, "slot"))
        return to_hex(value.to_bytes(32))

    def _call(self, call: object, block: object = "latest", *_overrides: object) -> str:
        return to_hex(self._chain.call(parameters.call(call), self._header(block)))

    def _estimate_gas(self, call: object, block: object = "latest", *_overrides: object) -> str:
        return hex(self._chain.estimate_gas(parameters.call(call), self._header(block)))

    def _fee_history(self, count: object, newest: object, percentiles: Sequence[object] = ()) -> dict[str, Any]:
        last = self._header(newest).block_number
        # ethers and web3 send the count as a quantity, others as a number.
        wanted = count if isinstance(count, int) else parameters.quantity(count, "blockCount")
        first = max(0, last + 1 - min(wanted, _LONGEST_FEE_HISTORY))
        blocks = [block for number in range(first, last + 1) if (block := self._chain.block(number))]
        following = self._chain.block(last + 1)
        next_header = following.header if following else self._chain.next_header
        return {
            "oldestBlock": hex(first),
            "baseFeePerGas": [
                hex(base_fee_wei(header)) for header in (*(block.header for block in blocks), next_header)
            ],
            "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in blocks],
            **({"reward": [[hex(_tip_wei(block))] * len(percentiles) for block in blocks]} if percentiles else {}),
        }

    def _send(self, raw: object) -> str:
        return to_hex(self._pool.submit(parameters.data(raw, "transaction")))

    def _receipt(self, tx_hash: object) -> object:
        record = self._chain.transaction(parameters.data(tx_hash, "hash", 32))
        return receipt_json(record) if record else None

    def _transaction(self, tx_hash: object) -> object:
        wanted = parameters.data(tx_hash, "hash", 32)
        if record := self._chain.transaction(wanted):
            return transaction_json(record)
        waiting = self._pool.waiting(wanted)
        return waiting_transaction_json(waiting) if waiting else None

    def _block_by_number(self, number: object, full: object = False) -> object:  # noqa: FBT002 - JSON-RPC is positional
        block = self._block(number)
        return block_json(block, full=bool(full)) if block else None

    def _block_by_hash(self, block_hash: object, full: object = False) -> object:  # noqa: FBT002 - the same
        number = self._chain.block_number(parameters.data(block_hash, "hash", 32))
        block = self._chain.block(number) if number is not None else None
        return block_json(block, full=bool(full)) if block else None

    def _logs(self, wanted: object) -> list[dict[str, Any]]:
        fields = parameters.mapping(wanted, "filter")
        if (block_hash := fields.get("blockHash")) is not None:
            number = self._chain.block_number(parameters.data(block_hash, "blockHash", 32))
            if number is None:
                raise invalid_input("unknown block")
            first = last = number
        else:
            first = self._number(fields.get("fromBlock") or "latest")
            last = self._number(fields.get("toBlock") or "latest")
        contracts = parameters.addresses(fields.get("address"))
        return [
            log_json(log)
            for log in self._chain.logs.find(first, last, contracts, parameters.topics(fields.get("topics")))
        ]

    def _mine(self, *_options: object) -> str:
        self._chain.mine([])
        return "0x0"

    def _reorganise(self, depth: object, transactions: object = ()) -> None:
        """Do what Anvil's method of this name does, without its list of transactions for the new blocks."""
        if transactions:
            raise invalid_params("the new blocks are empty: leave the list of transactions empty, and send them again")
        if not isinstance(depth, int):
            raise invalid_params("depth must be a whole number of blocks")
        try:
            self._chain.reorganise(depth)
        except ValueError as error:
            raise invalid_params(str(error)) from error

    def _number(self, block: object) -> int:
        if block == "earliest":
            return 0
        if isinstance(block, str) and block in parameters.BLOCK_TAGS:
            # Each transaction is in a block at once and no block is undone by itself, so these are all the same.
            return int(self._chain.head.block_number)
        return parameters.quantity(block, "block number")

    def _block(self, block: object) -> BlockRecord | None:
        if isinstance(block, dict) and "blockHash" in block:
            number = self._chain.block_number(parameters.data(block["blockHash"], "blockHash", 32))
            return self._chain.block(number) if number is not None else None
        if isinstance(block, dict):
            block = block.get("blockNumber")
        return self._chain.block(self._number(block))

    def _header(self, block: object) -> BlockHeaderAPI:
        found = self._block(block)
        if found is None:
            raise invalid_input("header not found")
        return found.header


def _tip_wei(block: BlockRecord) -> int:
    """Return what the transaction of a block gave to the block's maker for a unit of gas, 0 when there is none."""
    for record in block.transactions:
        transaction = record.transaction
        return min(transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas - base_fee_wei(record.header))
    return 0
