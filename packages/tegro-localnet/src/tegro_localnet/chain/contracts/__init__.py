"""The contracts: sources, compiled artifacts, and encoding of what goes to them and comes from them."""

from tegro_localnet.chain.contracts.abi import EXCHANGE, SETTLER, TOKEN, Contract, Event, Function

__all__ = ["EXCHANGE", "SETTLER", "TOKEN", "Contract", "Event", "Function"]
