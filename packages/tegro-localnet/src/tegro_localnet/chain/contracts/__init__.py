"""The contracts: sources, compiled artifacts, and encoding of what goes to them and comes from them."""

from tegro_localnet.chain.contracts.abi import (
    APPROVE_TO_ZERO_TOKEN,
    EXCHANGE,
    EXCHANGE_NO_EXPIRY,
    SETTLER,
    SETTLER_NO_EXPIRY,
    SILENT_TOKEN,
    TOKEN,
    Contract,
    Event,
    Function,
)

__all__ = [
    "APPROVE_TO_ZERO_TOKEN",
    "EXCHANGE",
    "EXCHANGE_NO_EXPIRY",
    "SETTLER",
    "SETTLER_NO_EXPIRY",
    "SILENT_TOKEN",
    "TOKEN",
    "Contract",
    "Event",
    "Function",
]
