"""Taking in signed transactions: what geth checks, in geth's words, and a block for each at once.

A transaction whose turn has not come (a nonce too far ahead) waits for the ones before it.
"""

from contextlib import suppress

from eth.abc import SignedTransactionAPI
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.exceptions import UnrecognizedTransactionType
from eth_keys.exceptions import BadSignature
from eth_typing import Address
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.evm import base_fee_wei
from tegro_localnet.chain.node.refusals import RpcRefusal, invalid_input

_UNREADABLE = (RLPException, ValidationError, UnrecognizedTransactionType, BadSignature, TypeError, ValueError)
_LARGEST_INITCODE_BYTES = 49_152


class TransactionPool:
    """Transactions on their way into the chain."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._waiting: dict[tuple[Address, int], SignedTransactionAPI] = {}

    def submit(self, raw: bytes) -> bytes:
        """Check a signed transaction, mine it and those that waited for it, and return its hash.

        Raises
        ------
        RpcRefusal
            If it is refused; nothing has changed then.
        """
        transaction = self._read(raw)
        self._check(transaction)
        if transaction.nonce > self._next_nonce(transaction.sender):
            self._waiting[transaction.sender, transaction.nonce] = transaction
        else:
            self._mine(transaction)
            self._mine_waiting(transaction.sender)
        return transaction.hash

    def waiting(self, tx_hash: bytes) -> SignedTransactionAPI | None:
        """Return a transaction that waits for others, None when there is none with this hash."""
        return next((item for item in self._waiting.values() if item.hash == tx_hash), None)

    def _next_nonce(self, sender: Address) -> int:
        return self._chain.state(self._chain.head).get_nonce(sender)

    def _mine_waiting(self, sender: Address) -> None:
        """Mine what waited for a wallet's last transaction. One that has become impossible is dropped, as geth does."""
        while (transaction := self._waiting.pop((sender, self._next_nonce(sender)), None)) is not None:
            with suppress(RpcRefusal):
                self._check(transaction)
                self._mine(transaction)

    def _mine(self, transaction: SignedTransactionAPI) -> None:
        try:
            self._chain.mine([transaction])
        except ValidationError as error:
            raise invalid_input(f"invalid transaction: {error}") from error

    def _read(self, raw: bytes) -> SignedTransactionAPI:
        try:
            transaction = self._chain.decode(raw)
            transaction.check_signature_validity()
        except _UNREADABLE as error:
            raise invalid_input(f"invalid transaction: {error}") from error
        if transaction.chain_id is not None and transaction.chain_id != self._chain.chain_id:
            raise invalid_input(f"invalid chain id for signer: have {transaction.chain_id} want {self._chain.chain_id}")
        if self._chain.transaction(transaction.hash) or self.waiting(transaction.hash):
            raise invalid_input("already known")
        return transaction

    def _check(self, transaction: SignedTransactionAPI) -> None:
        for refusal in (self._unaffordable(transaction), _ill_formed(transaction, self._chain.head.gas_limit)):
            if refusal is not None:
                raise refusal

    def _unaffordable(self, transaction: SignedTransactionAPI) -> RpcRefusal | None:
        state = self._chain.state(self._chain.head)
        nonce = state.get_nonce(transaction.sender)
        if transaction.nonce < nonce:
            return invalid_input(f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        floor_wei = base_fee_wei(self._chain.next_header)
        if transaction.max_fee_per_gas < floor_wei:
            return invalid_input(
                f"max fee per gas less than block base fee: maxFeePerGas: {transaction.max_fee_per_gas}, "
                f"baseFee: {floor_wei}"
            )
        balance_wei = state.get_balance(transaction.sender)
        cost_wei = transaction.gas * transaction.max_fee_per_gas + transaction.value
        if balance_wei < cost_wei:
            return invalid_input(
                f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {cost_wei}, "
                f"overshot {cost_wei - balance_wei}"
            )
        return None


def _ill_formed(transaction: SignedTransactionAPI, gas_limit: int) -> RpcRefusal | None:
    if transaction.gas > gas_limit:
        return invalid_input(f"exceeds block gas limit: have {transaction.gas}, limit {gas_limit}")
    if transaction.gas < transaction.intrinsic_gas:
        return invalid_input(
            f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.intrinsic_gas}"
        )
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        return invalid_input(
            "max priority fee per gas higher than max fee per gas: "
            f"maxPriorityFeePerGas: {transaction.max_priority_fee_per_gas}, "
            f"maxFeePerGas: {transaction.max_fee_per_gas}"
        )
    if transaction.to == CREATE_CONTRACT_ADDRESS and len(transaction.data) > _LARGEST_INITCODE_BYTES:
        return invalid_input(
            f"max initcode size exceeded: code size {len(transaction.data)}, limit {_LARGEST_INITCODE_BYTES}"
        )
    return None
