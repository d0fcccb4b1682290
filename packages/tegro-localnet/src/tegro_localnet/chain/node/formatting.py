"""Blocks, transactions, receipts and events as JSON-RPC shows them."""

from typing import Any, Final

from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth_utils.address import to_checksum_address

from tegro_localnet.chain.node.evm import base_fee_wei
from tegro_localnet.chain.node.records import BlockRecord, LogRecord, TransactionRecord

_LEGACY: Final = 0
_DYNAMIC_FEE: Final = 2

type Json = dict[str, Any]


def to_hex(data: bytes) -> str:
    """Return bytes as JSON-RPC writes them."""
    return "0x" + data.hex()


def block_json(block: BlockRecord, *, full: bool) -> Json:
    """Return a block with its transactions, whole or as hashes."""
    header: Any = block.header  # py-evm's interface leaves the newest members of a header out.
    return {
        "number": hex(header.block_number),
        "hash": to_hex(header.hash),
        "parentHash": to_hex(header.parent_hash),
        "nonce": to_hex(header.nonce),
        "sha3Uncles": to_hex(header.uncles_hash),
        "logsBloom": _bloom(header.bloom),
        "transactionsRoot": to_hex(header.transaction_root),
        "stateRoot": to_hex(header.state_root),
        "receiptsRoot": to_hex(header.receipt_root),
        "miner": to_hex(header.coinbase),
        "difficulty": hex(header.difficulty),
        "totalDifficulty": "0x0",
        "extraData": to_hex(header.extra_data),
        "mixHash": to_hex(header.mix_hash),
        "size": hex(block.size),
        "gasLimit": hex(header.gas_limit),
        "gasUsed": hex(header.gas_used),
        "timestamp": hex(header.timestamp),
        "baseFeePerGas": hex(header.base_fee_per_gas),
        "withdrawalsRoot": to_hex(header.withdrawals_root),
        "withdrawals": [],
        "blobGasUsed": hex(header.blob_gas_used),
        "excessBlobGas": hex(header.excess_blob_gas),
        "parentBeaconBlockRoot": to_hex(header.parent_beacon_block_root),
        "requestsHash": to_hex(header.requests_hash),
        "uncles": [],
        "transactions": [
            transaction_json(record) if full else to_hex(record.transaction.hash) for record in block.transactions
        ],
    }


def transaction_json(record: TransactionRecord) -> Json:
    """Return a mined transaction."""
    return {
        **waiting_transaction_json(record.transaction),
        "blockHash": to_hex(record.header.hash),
        "blockNumber": hex(record.header.block_number),
        "transactionIndex": hex(record.index),
        "gasPrice": hex(_effective_gas_price_wei(record.transaction, record.header)),
    }


def waiting_transaction_json(transaction: Any) -> Json:  # noqa: ANN401 - each kind has members of its own
    """Return a transaction that is in no block yet."""
    kind = _kind(transaction)
    creates = transaction.to == CREATE_CONTRACT_ADDRESS
    fields: Json = {
        "type": hex(kind),
        "hash": to_hex(transaction.hash),
        "nonce": hex(transaction.nonce),
        "from": to_hex(transaction.sender),
        "to": None if creates else to_hex(transaction.to),
        "value": hex(transaction.value),
        "gas": hex(transaction.gas),
        "gasPrice": hex(transaction.max_fee_per_gas),
        "input": to_hex(transaction.data),
        "r": hex(transaction.r),
        "s": hex(transaction.s),
        "blockHash": None,
        "blockNumber": None,
        "transactionIndex": None,
    }
    if kind == _LEGACY:
        fields["v"] = hex(transaction.v)
        if transaction.chain_id is not None:
            fields["chainId"] = hex(transaction.chain_id)
        return fields
    fields |= {
        "v": hex(transaction.y_parity),
        "yParity": hex(transaction.y_parity),
        "chainId": hex(transaction.chain_id),
        "accessList": [
            {"address": to_hex(account), "storageKeys": [to_hex(key.to_bytes(32)) for key in keys]}
            for account, keys in transaction.access_list
        ],
    }
    if kind >= _DYNAMIC_FEE:
        fields["maxFeePerGas"] = hex(transaction.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = hex(transaction.max_priority_fee_per_gas)
    return fields


def receipt_json(record: TransactionRecord) -> Json:
    """Return what became of a mined transaction."""
    transaction = record.transaction
    created = record.contract_address
    return {
        "type": hex(_kind(transaction)),
        "transactionHash": to_hex(transaction.hash),
        "transactionIndex": hex(record.index),
        "blockHash": to_hex(record.header.hash),
        "blockNumber": hex(record.header.block_number),
        "from": to_hex(transaction.sender),
        "to": None if created else to_hex(transaction.to),
        "contractAddress": to_checksum_address(created) if created else None,
        "status": "0x1" if record.succeeded else "0x0",
        "gasUsed": hex(record.gas_used),
        "cumulativeGasUsed": hex(record.cumulative_gas_used),
        "effectiveGasPrice": hex(_effective_gas_price_wei(transaction, record.header)),
        "logsBloom": _bloom(record.bloom),
        "logs": [log_json(log) for log in record.logs],
    }


def log_json(log: LogRecord) -> Json:
    """Return one event."""
    return {
        "address": to_hex(log.address),
        "topics": [to_hex(topic) for topic in log.topics],
        "data": to_hex(log.data),
        "blockNumber": hex(log.block_number),
        "blockHash": to_hex(log.block_hash),
        "transactionHash": to_hex(log.tx_hash),
        "transactionIndex": hex(log.tx_index),
        "logIndex": hex(log.log_index),
        "removed": False,
    }


def _kind(transaction: SignedTransactionAPI) -> int:
    return transaction.type_id or _LEGACY


def _effective_gas_price_wei(transaction: SignedTransactionAPI, header: BlockHeaderAPI) -> int:
    return min(transaction.max_fee_per_gas, base_fee_wei(header) + transaction.max_priority_fee_per_gas)


def _bloom(bloom: int) -> str:
    return to_hex(bloom.to_bytes(256))
