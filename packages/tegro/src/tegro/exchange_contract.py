"""The chain's exchange contract as a trader uses it: how much of an order remains, and cancelling one on chain.

The contract is the last word on an order (protocol 7.3): what it has finished can never be executed, whatever the venue
says or has forgotten.
"""

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from tegro.eip712 import Domain, OrderMessage, parse_address, to_checksum
from tegro.errors import SigningRefused
from tegro.evm import AbiFunction, EvmNode, Receipt, abi_function
from tegro.journal import JournalEntry
from tegro.keccak import keccak256
from tegro.settings import DEFAULT_FEE_CEILING_WEI
from tegro.signer import Signer
from tegro.transactions import RECEIPT_SECS, TransactionSender

NEVER_SEEN: Final = 0
"""What `remaining` answers for an order of which nothing was settled or cancelled."""
FINISHED: Final = 1
"""What `remaining` answers for an order that is settled whole or cancelled on chain: it can never be executed again."""

_REMAINING: Final = abi_function("remaining", {"orderHash": "bytes32"}, ("uint256",), is_view=True)
_CANCEL_ORDER: Final[AbiFunction] = {
    "type": "function",
    "name": "cancelOrder",
    "stateMutability": "nonpayable",
    "inputs": [
        {
            "name": "order",
            "type": "tuple",
            "components": [
                {"name": "baseToken", "type": "address"},
                {"name": "quoteToken", "type": "address"},
                {"name": "price", "type": "uint256"},
                {"name": "totalQuantity", "type": "uint256"},
                {"name": "isBuy", "type": "bool"},
                {"name": "salt", "type": "uint256"},
                {"name": "maker", "type": "address"},
                {"name": "expiryTime", "type": "uint256"},
            ],
        },
        {"name": "signature", "type": "bytes"},
    ],
    "outputs": [],
}


class _RawOrder(Struct, frozen=True, kw_only=True, rename="camel"):
    """The text of `OrderMessage.raw_order_data`."""

    base_token: str
    quote_token: str
    price: str
    total_quantity: str
    is_buy: bool
    salt: str
    maker: str
    expiry_time: str


class ExchangeContract:
    """Reads and cancels orders at the exchange contract of one chain.

    Every method raises `ChainFailure` where the node does not do its part. It is a `ChainSource` of `tegro.resolver`.

    Parameters
    ----------
    node
        A node of the chain; used, never closed.
    domain
        Chain and contract, as orders are signed for them.
    fee_ceiling_wei
        Most that one transaction may cost, in the chain's own coin.
    receipt_timeout_secs
        How long one transaction is waited for.
    """

    def __init__(
        self,
        node: EvmNode,
        domain: Domain,
        *,
        fee_ceiling_wei: int = DEFAULT_FEE_CEILING_WEI,
        receipt_timeout_secs: float = RECEIPT_SECS,
    ) -> None:
        self._node = node
        self._domain = domain
        self._fee_ceiling_wei = fee_ceiling_wei
        self._receipt_timeout_secs = receipt_timeout_secs

    async def remaining(self, order_hash: str) -> int:
        """Return what the contract keeps of an order: 0 never seen, 1 finished, else what remains of it plus 1."""
        contract = self._domain.verifying_contract
        return int(await self._node.read(contract, _REMAINING, bytes.fromhex(order_hash[2:])))

    async def timestamp_secs(self) -> int:
        """Return the time of the newest block in Unix seconds: what an order's expiry is measured by."""
        return await self._node.block_time_secs()

    async def cancel_order(
        self, order: JournalEntry | OrderMessage, signer: Signer, *, on_sent: Callable[[str], None] | None = None
    ) -> Receipt | None:
        """Make the contract refuse an order for ever (protocol 7.3). May be repeated.

        The wallet pays for the transaction. What was matched and is being settled may still be settled before it.

        Parameters
        ----------
        order
            The signed message, or the journal's entry of it.
        signer
            The maker's wallet.
        on_sent
            Told the hash when the node has taken the transaction.

        Returns
        -------
        Receipt or None
            None where the contract has finished the order already; nothing was sent then.

        Raises
        ------
        SigningRefused
            If the order is another wallet's, or was signed for another contract or chain, or the journal's message does
            not give the journal's hash. Nothing was signed.
        TransactionFailed, FeeTooHigh, GasMissing
            As `TransactionSender.send`.
        Reverted
            If the contract refuses.
        """
        message = order if isinstance(order, OrderMessage) else self._message_of(order)
        self._require_own(message, signer)
        if await self.remaining(message.order_hash) == FINISHED:
            return None
        signature = await signer.sign_personal(keccak256(b"cancel " + message.digest))
        contract = self._domain.verifying_contract
        call = await self._node.prepare(
            signer.address, contract, _CANCEL_ORDER, _struct_of(message), bytes.fromhex(signature[2:])
        )
        sender = TransactionSender(
            self._node,
            signer,
            self._domain.chain_id,
            fee_ceiling_wei=self._fee_ceiling_wei,
            receipt_timeout_secs=self._receipt_timeout_secs,
        )
        return await sender.send(call, f"the on-chain cancel of order {message.order_hash}", on_sent=on_sent)

    def _message_of(self, entry: JournalEntry) -> OrderMessage:
        try:
            raw = msgspec.json.decode(entry.raw_order_data, type=_RawOrder)
            message = OrderMessage(
                base_token=raw.base_token,
                quote_token=raw.quote_token,
                price_e18=int(raw.price),
                total_quantity_wei=int(raw.total_quantity),
                is_buy=raw.is_buy,
                salt=int(raw.salt),
                maker=raw.maker,
                expiry_time=int(raw.expiry_time),
                domain=self._domain,
            )
        except ValueError as error:
            raise SigningRefused(f"the journal's message of order {entry.order_hash} is damaged: {error}") from None
        if message.order_hash != entry.order_hash:
            raise SigningRefused(
                f"the journal's message of order {entry.order_hash} has the hash {message.order_hash} for contract "
                f"{self._domain.verifying_contract} on chain {self._domain.chain_id}: it was signed for another one"
            )
        return message

    def _require_own(self, message: OrderMessage, signer: Signer) -> None:
        if message.domain.separator != self._domain.separator:
            raise SigningRefused(
                f"order {message.order_hash} was signed for contract {message.domain.verifying_contract} on chain "
                f"{message.domain.chain_id}, not for {self._domain.verifying_contract} on {self._domain.chain_id}"
            )
        if parse_address(message.maker) != parse_address(signer.address):
            raise SigningRefused(
                f"order {message.order_hash} is one of {message.maker}, not of {signer.address}; only its maker can "
                "cancel it"
            )


def _struct_of(message: OrderMessage) -> tuple[object, ...]:
    return (
        to_checksum(message.base_token),
        to_checksum(message.quote_token),
        message.price_e18,
        message.total_quantity_wei,
        message.is_buy,
        message.salt,
        to_checksum(message.maker),
        message.expiry_time,
    )
