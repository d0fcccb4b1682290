"""The chain on disk: each block with everything that making it wrote, appended before anybody hears of it.

Reading it back executes nothing: the database is filled with what was written, and the records of blocks and events are
taken over as they were.
"""

from pathlib import Path
from typing import Final

import msgspec
import rlp
from eth.db.backends.memory import MemoryDB
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_utils.exceptions import ValidationError
from filelock import FileLock, Timeout
from msgspec import Struct

from tegro_localnet.chain.node.evm import LocalVM
from tegro_localnet.chain.node.records import BlockRecord, LogRecord, TransactionRecord
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import Durability, FrameWriter, read_frames

_KIND: Final = b"tegro-localnet chain 1"
# The node of a localnet that was killed a moment ago ends as soon as it notices.
_LOCK_TIMEOUT_SECS: Final = 10.0
_BLOOM_BYTES: Final = 256


class _StoredTransaction(Struct, frozen=True, array_like=True):
    raw: bytes
    succeeded: bool
    gas_used: int
    cumulative_gas_used: int
    bloom: bytes
    contract_address: bytes | None
    logs: tuple[LogRecord, ...]


class _StoredBlock(Struct, frozen=True, array_like=True):
    header: bytes
    size: int
    transactions: tuple[_StoredTransaction, ...]
    writes: list[tuple[bytes, bytes]]


class RecordingDB(MemoryDB):
    """A database in memory that remembers what was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[bytes, bytes] = {}

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Write a value; one that is there already is not remembered again."""
        if self.kv_store.get(key) != value:
            self._written[key] = value
            self.kv_store[key] = value

    def take_written(self) -> list[tuple[bytes, bytes]]:
        """Return what was written since the last call."""
        written = list(self._written.items())
        self._written.clear()
        return written


class BlockStore:
    """The file of one chain's blocks. One process at a time uses it.

    Parameters
    ----------
    path : Path
        The file, in a folder that exists.
    durability : Durability
        What a block survives once it is appended.

    Attributes
    ----------
    database : RecordingDB
        What the chain is to keep its state in; filled from the file.
    blocks : list of BlockRecord
        The blocks that were in the file, oldest first.

    Raises
    ------
    LocalnetError
        If another process has the file, or if it is damaged or from another version.
    """

    def __init__(self, path: Path, durability: Durability) -> None:
        lock = FileLock(f"{path}.lock")
        try:
            lock.acquire(timeout=_LOCK_TIMEOUT_SECS)
        except Timeout as error:
            raise LocalnetError(f"{path} is in use by another localnet; stop it or choose another folder") from error
        self._lock = lock
        self._is_synced = durability is Durability.POWER
        self.database: Final = RecordingDB()
        self.blocks: Final[list[BlockRecord]] = []
        for offset, record in read_frames(path, _KIND):
            block = self._load(offset, record, path)
            # After a reorganisation of the chain the new block of a number stands behind the old ones.
            del self.blocks[block.header.block_number :]
            self.blocks.append(block)
        self._file = FrameWriter(path, _KIND)

    def append(self, block: BlockRecord) -> None:
        """Write a block and what making it wrote.

        Raises
        ------
        LocalnetError
            If the disk does not take it.
        """
        stored = _StoredBlock(
            header=rlp.encode(block.header),
            size=block.size,
            transactions=tuple(_to_stored(record) for record in block.transactions),
            writes=self.database.take_written(),
        )
        self._file.append(msgspec.msgpack.encode(stored))
        if self._is_synced:
            self._file.sync()

    def _load(self, offset: int, record: bytes, path: Path) -> BlockRecord:
        try:
            stored = msgspec.msgpack.decode(record, type=_StoredBlock)
            header = rlp.decode(stored.header, PragueBlockHeader)
            transactions = tuple(_from_stored(item, header, index) for index, item in enumerate(stored.transactions))
        except (msgspec.DecodeError, rlp.RLPException, ValidationError) as error:
            raise LocalnetError(f"{path} holds at offset {offset} what is not a block: {error}") from error
        self.database.kv_store.update(stored.writes)
        return BlockRecord(header=header, size=stored.size, transactions=transactions)


def _to_stored(record: TransactionRecord) -> _StoredTransaction:
    return _StoredTransaction(
        raw=record.transaction.encode(),
        succeeded=record.succeeded,
        gas_used=record.gas_used,
        cumulative_gas_used=record.cumulative_gas_used,
        bloom=record.bloom.to_bytes(_BLOOM_BYTES),
        contract_address=record.contract_address,
        logs=record.logs,
    )


def _from_stored(stored: _StoredTransaction, header: PragueBlockHeader, index: int) -> TransactionRecord:
    return TransactionRecord(
        transaction=LocalVM.get_transaction_builder().decode(stored.raw),
        header=header,
        index=index,
        succeeded=stored.succeeded,
        gas_used=stored.gas_used,
        cumulative_gas_used=stored.cumulative_gas_used,
        bloom=int.from_bytes(stored.bloom),
        contract_address=stored.contract_address,
        logs=stored.logs,
    )
