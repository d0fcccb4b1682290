"""The chain itself: genesis, making blocks, and everything that can be looked up in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import rlp
from eth._utils.address import generate_contract_address
from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI, StateAPI
from eth.chains.base import MiningChain
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.db.atomic import AtomicDB
from eth_typing import Hash32

from tegro_localnet.chain.node.evm import Call, GasEstimator, LocalVM, build_state, output_or_refusal, run
from tegro_localnet.chain.node.log_index import LogIndex
from tegro_localnet.chain.node.records import BlockRecord, LogRecord, TransactionRecord
from tegro_localnet.chain.node.store import BlockStore

BLOCK_GAS_LIMIT: Final = 100_000_000
_GENESIS_BASE_FEE_WEI: Final = 10**9


class LocalChain:
    """An EVM chain in memory.

    Parameters
    ----------
    chain_id : int
        Free to choose.
    balances : mapping of bytes to int
        Native coins in wei at the start, by address.
    clock : callable
        The present time in whole seconds since 1970.
    store : BlockStore, optional
        Where the blocks are kept on disk. What is in it already is taken over, and the genesis given here is not used.
    """

    def __init__(
        self, chain_id: int, balances: Mapping[bytes, int], clock: Callable[[], int], store: BlockStore | None = None
    ) -> None:
        self.chain_id: Final = chain_id
        self.logs: Final = LogIndex()
        self._clock = clock
        self._store = store
        self._blocks: list[BlockRecord] = []
        self._numbers: dict[bytes, int] = {}
        self._transactions: dict[bytes, TransactionRecord] = {}
        evm_class = _evm_class(chain_id)
        database: Any = AtomicDB() if store is None else AtomicDB(store.database)
        if store is not None and store.blocks:
            self._evm: MiningChain = evm_class(database)
            for block in store.blocks:
                self._remember(block)
            return
        self._evm = _genesis(evm_class, database, balances, clock())
        genesis = self._evm.get_canonical_head()
        self._add(BlockRecord(header=genesis, size=len(rlp.encode(genesis)), transactions=()))

    @property
    def head(self) -> BlockHeaderAPI:
        """The header of the newest block."""
        return self._blocks[-1].header

    @property
    def next_header(self) -> BlockHeaderAPI:
        """The header the next block would begin with. Time never runs backwards."""
        return self._evm.create_header_from_parent(
            self.head, timestamp=max(self._clock(), self.head.timestamp), gas_limit=BLOCK_GAS_LIMIT
        )

    def mine(self, transactions: Sequence[SignedTransactionAPI]) -> BlockRecord:
        """Make the next block of transactions that have been checked.

        Raises
        ------
        eth_utils.ValidationError
            If the protocol does not allow one of them.
        """
        self._evm.header = self.next_header
        result, receipts, _computations = self._evm.mine_all(transactions)
        block = _block_record(result.imported_block, receipts)
        self._add(block)
        return block

    def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by as many empty ones. Their transactions are gone; they may be sent again.

        Raises
        ------
        ValueError
            If there are not as many blocks after the first one.
        """
        if not 0 < depth < len(self._blocks):
            message = f"depth must be from 1 to {len(self._blocks) - 1}, was {depth}"
            raise ValueError(message)
        for block in self._blocks[-depth:]:
            del self._numbers[block.header.hash]
            for record in block.transactions:
                del self._transactions[record.transaction.hash]
        del self._blocks[-depth:]
        self.logs.forget_from(len(self._blocks))
        for _ in range(depth):
            self.mine([])

    def block(self, number: int) -> BlockRecord | None:
        """Return a block by its number, None when there is none."""
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def block_number(self, block_hash: bytes) -> int | None:
        """Return the number of the block with a hash, None when there is none."""
        return self._numbers.get(block_hash)

    def transaction(self, tx_hash: bytes) -> TransactionRecord | None:
        """Return a mined transaction, None when there is none."""
        return self._transactions.get(tx_hash)

    def state(self, header: BlockHeaderAPI) -> StateAPI:
        """Return the state after a block."""
        return build_state(self._evm, header, self._ancestors(header))

    def call(self, call: Call, header: BlockHeaderAPI) -> bytes:
        """Run a call on the state after a block and return its output.

        Raises
        ------
        RpcRefusal
            If it fails.
        """
        gas = min(call.gas or header.gas_limit, header.gas_limit)
        return output_or_refusal(run(self.state(header), call, gas), gas)

    def estimate_gas(self, call: Call, header: BlockHeaderAPI) -> int:
        """Return the gas a call needs on the state after a block.

        Raises
        ------
        RpcRefusal
            If it fails with any gas.
        """
        return GasEstimator(lambda: self.state(header), header.gas_limit).estimate(call)

    def decode(self, raw: bytes) -> SignedTransactionAPI:
        """Read a signed transaction. Raises what py-evm raises when it cannot be read."""
        return LocalVM.get_transaction_builder().decode(raw)

    def _ancestors(self, header: BlockHeaderAPI) -> Iterator[Hash32]:
        return (self._blocks[number].header.hash for number in range(header.block_number - 1, -1, -1))

    def _add(self, block: BlockRecord) -> None:
        """Take over a new block, on disk first."""
        if self._store is not None:
            self._store.append(block)
        self._remember(block)

    def _remember(self, block: BlockRecord) -> None:
        self._blocks.append(block)
        self._numbers[block.header.hash] = block.header.block_number
        for record in block.transactions:
            self._transactions[record.transaction.hash] = record
            self.logs.add(record.logs)


def _evm_class(chain_id: int) -> Any:  # noqa: ANN401 - py-evm makes the class at run time
    return MiningChain.configure("LocalEvm", vm_configuration=((0, LocalVM),), chain_id=chain_id)


def _genesis(
    evm_class: Any,  # noqa: ANN401 - see `_evm_class`
    database: AtomicDB,
    balances: Mapping[bytes, int],
    timestamp: int,
) -> MiningChain:
    accounts = {
        address: {"balance": balance, "nonce": 0, "code": b"", "storage": {}} for address, balance in balances.items()
    }
    parameters = {
        "gas_limit": BLOCK_GAS_LIMIT,
        "timestamp": timestamp,
        "base_fee_per_gas": _GENESIS_BASE_FEE_WEI,
    }
    chain: MiningChain = evm_class.from_genesis(database, parameters, accounts)
    return chain


def _block_record(block: BlockAPI, receipts: Sequence[ReceiptAPI]) -> BlockRecord:
    records: list[TransactionRecord] = []
    gas_before = log_count = 0
    for index, (transaction, receipt) in enumerate(zip(block.transactions, receipts, strict=True)):
        logs = _log_records(block.header, transaction, receipt, index, log_count)
        creates = transaction.to == CREATE_CONTRACT_ADDRESS
        record = TransactionRecord(
            transaction=transaction,
            header=block.header,
            index=index,
            succeeded=receipt.state_root == b"\x01",
            gas_used=receipt.gas_used - gas_before,
            cumulative_gas_used=receipt.gas_used,
            bloom=receipt.bloom,
            contract_address=generate_contract_address(transaction.sender, transaction.nonce) if creates else None,
            logs=logs,
        )
        records.append(record)
        gas_before = receipt.gas_used
        log_count += len(logs)
    return BlockRecord(header=block.header, size=len(rlp.encode(block)), transactions=tuple(records))


def _log_records(
    header: BlockHeaderAPI, transaction: SignedTransactionAPI, receipt: ReceiptAPI, index: int, first_log: int
) -> tuple[LogRecord, ...]:
    return tuple(
        LogRecord(
            address=log.address,
            topics=tuple(topic.to_bytes(32) for topic in log.topics),
            data=log.data,
            block_number=header.block_number,
            block_hash=header.hash,
            tx_hash=transaction.hash,
            tx_index=index,
            log_index=log_index,
        )
        for log_index, log in enumerate(receipt.logs, start=first_log)
    )
