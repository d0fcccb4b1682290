"""What the chain keeps of its blocks, ready to be looked up and shown."""

from eth.abc import BlockHeaderAPI, SignedTransactionAPI
from msgspec import Struct


class LogRecord(Struct, frozen=True, kw_only=True):
    """One event, with its place in the chain."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    tx_hash: bytes
    tx_index: int
    log_index: int


class TransactionRecord(Struct, frozen=True, kw_only=True):
    """A mined transaction and what became of it. `contract_address` is None unless it created one."""

    transaction: SignedTransactionAPI
    header: BlockHeaderAPI
    index: int
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    bloom: int
    contract_address: bytes | None
    logs: tuple[LogRecord, ...]


class BlockRecord(Struct, frozen=True, kw_only=True):
    """A block with its transactions."""

    header: BlockHeaderAPI
    size: int
    transactions: tuple[TransactionRecord, ...]
