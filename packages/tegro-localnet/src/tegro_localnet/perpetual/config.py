"""What a perpetual venue can be told."""

from msgspec import Struct

from tegro_localnet.perpetual.engine.contract import DEFAULT_CONTRACTS, Contract
from tegro_localnet.perpetual.engine.funding import DEFAULT_INTERVAL_MS, FundingTerms


class PerpetualConfig(Struct, frozen=True, kw_only=True):
    """Settings of the perpetual venue."""

    contracts: tuple[Contract, ...] = DEFAULT_CONTRACTS
    funding: FundingTerms = FundingTerms(interval_ms=DEFAULT_INTERVAL_MS)
