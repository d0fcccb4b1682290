"""Wallets that localnet itself acts with: nonces, signing, sending, waiting."""

import asyncio
from typing import Final

from eth_account import Account
from eth_utils.address import to_checksum_address

from tegro_localnet.chain.errors import ChainError, Reverted
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.values import ContractCall, Receipt
from tegro_localnet.keccak import keccak256

# A TEST KEY that everybody knows. Whatever it owns on a real chain is lost at once.
OPERATOR_KEY: Final = keccak256(b"tegro-localnet operator")

# An estimate holds for the state it was made on; the transaction may meet another one.
_GAS_MARGIN_PERCENT: Final = 120
_FIRST_POLL_SECS: Final = 0.002
_LONGEST_POLL_SECS: Final = 0.1


class Sender:
    """One wallet's transactions. Use a single `Sender` for a key: the nonces are counted here.

    Parameters
    ----------
    rpc : ChainRpc
        The chain.
    key : bytes
        The private key, 32 bytes. It is shown in no text.
    receipt_timeout_secs : float
        How long a transaction may take to be mined.
    """

    def __init__(self, rpc: ChainRpc, key: bytes, *, receipt_timeout_secs: float = 60.0) -> None:
        self._rpc = rpc
        self._account = Account.from_key(key)
        self._receipt_timeout_secs = receipt_timeout_secs
        self._lock = asyncio.Lock()
        self._chain_id: int | None = None
        self._next_nonce: int | None = None
        self.address: Final[str] = self._account.address.lower()

    def __repr__(self) -> str:
        return f"Sender({self.address})"

    async def send(self, to: str | None, data: bytes = b"", value: int = 0, gas: int | None = None) -> Receipt:
        """Send a transaction and wait until it is mined.

        Parameters
        ----------
        to : str or None
            The receiver; None creates a contract.
        data : bytes
            The call.
        value : int
            Wei to send along.
        gas : int or None
            The gas limit; None estimates it first.

        Raises
        ------
        Reverted
            If the contract refused, before or after it was mined.
        ChainError
            If the node refused, did not answer, or did not mine it in time. Not safe to repeat unless the node refused.
        """
        call = ContractCall(to=to, data=data, sender=self.address, value_wei=value, gas=gas)
        limit = gas if gas is not None else await self._rpc.estimate_gas(call) * _GAS_MARGIN_PERCENT // 100
        tx_hash = await self._submit(call, limit)
        receipt = await self._wait(tx_hash)
        if not receipt.succeeded:
            raise Reverted(await self._cause(call), tx_hash)
        return receipt

    async def forget_nonce(self) -> None:
        """Ask the node for the nonce of the next transaction: the chain may have taken some back."""
        async with self._lock:
            self._next_nonce = None

    async def settle_down(self) -> None:
        """Wait until everything that was ever sent from this wallet, also by an earlier run, is mined.

        Raises
        ------
        ChainError
            If that takes longer than one transaction may.
        """
        pause_secs = _FIRST_POLL_SECS
        try:
            async with asyncio.timeout(self._receipt_timeout_secs):
                while await self._rpc.nonce(self.address) != await self._rpc.mined_nonce(self.address):
                    await asyncio.sleep(pause_secs)
                    pause_secs = min(2 * pause_secs, _LONGEST_POLL_SECS)
        except TimeoutError as error:
            message = f"transactions of {self.address} were not mined within {self._receipt_timeout_secs} seconds"
            raise ChainError(message) from error

    async def _submit(self, call: ContractCall, gas: int) -> str:
        async with self._lock:
            if self._chain_id is None:
                self._chain_id = await self._rpc.chain_id()
            if self._next_nonce is None:
                self._next_nonce = await self._rpc.nonce(self.address)
            fees = await self._rpc.fees()
            signed = self._account.sign_transaction(
                {
                    "chainId": self._chain_id,
                    "nonce": self._next_nonce,
                    "to": to_checksum_address(call.to) if call.to else "",
                    "data": "0x" + call.data.hex(),
                    "value": call.value_wei,
                    "gas": gas,
                    "maxFeePerGas": fees.max_fee_wei,
                    "maxPriorityFeePerGas": fees.priority_fee_wei,
                }
            )
            try:
                tx_hash = await self._rpc.send_raw_transaction(bytes(signed.raw_transaction))
            except BaseException:
                # Whether the node has it is not known: ask it for the nonce next time.
                self._next_nonce = None
                raise
            self._next_nonce += 1
            return tx_hash

    async def _wait(self, tx_hash: str) -> Receipt:
        pause_secs = _FIRST_POLL_SECS
        try:
            async with asyncio.timeout(self._receipt_timeout_secs):
                while (receipt := await self._rpc.receipt(tx_hash)) is None:
                    await asyncio.sleep(pause_secs)
                    pause_secs = min(2 * pause_secs, _LONGEST_POLL_SECS)
                return receipt
        except TimeoutError as error:
            message = f"transaction {tx_hash} was not mined within {self._receipt_timeout_secs} seconds"
            raise ChainError(message) from error

    async def _cause(self, call: ContractCall) -> str:
        try:
            await self._rpc.call_many([call])
        except Reverted as refusal:
            return refusal.reason
        except ChainError as error:
            return f"the cause could not be found: {error}"
        return "the transaction failed in its block; the same call would pass now"
