"""What a chain answers, as plain values. Addresses and hashes are lower-case hex with `0x`; amounts are integers."""

from enum import StrEnum

from msgspec import Struct


class TokenKind(StrEnum):
    """How a token takes approvals."""

    STANDARD = "standard"
    APPROVE_TO_ZERO = "approve_to_zero"
    """An allowance that is not zero can only be set to zero, as with Ethereum's USDT."""
    SILENT = "silent"
    """`approve` answers nothing at all."""


class Log(Struct, frozen=True, kw_only=True):
    """One event as a contract wrote it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    tx_hash: str
    log_index: int


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of a mined transaction.

    `contract_address` is None unless the transaction created a contract.
    """

    tx_hash: str
    block_number: int
    succeeded: bool
    gas_used: int
    contract_address: str | None
    logs: tuple[Log, ...]


class ContractCall(Struct, frozen=True, kw_only=True):
    """A message to a contract or a wallet.

    `to` is None to create a contract. `sender` is None for "anybody". `gas` is None for what the node finds right.
    """

    to: str | None
    data: bytes = b""
    sender: str | None = None
    value_wei: int = 0
    gas: int | None = None


class Fees(Struct, frozen=True, kw_only=True):
    """What to offer for gas: the most in all, and the part that goes to the block's maker (EIP-1559)."""

    max_fee_wei: int
    priority_fee_wei: int
