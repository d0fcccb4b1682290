"""What a running localnet says about itself. It holds no key."""

from msgspec import Struct

from tegro_localnet._version import __version__


class TokenInfo(Struct, frozen=True):
    """A token of this chain."""

    symbol: str
    address: str
    decimals: int


class OtherChain(Struct, frozen=True, kw_only=True):
    """A further chain of this localnet. `GET /localnet/info?chain_id=` says all of it."""

    chain_id: int
    chain_name: str
    rpc_url: str
    exchange_contract: str


class LocalnetInfo(Struct, frozen=True, kw_only=True):
    """Answer of `GET /localnet/info` and content of the ready file."""

    rest_url: str
    """Base of the REST paths, ending in `/api/`."""
    stream_url: str
    rpc_url: str
    faucet_url: str
    chain_id: int
    chain_name: str
    exchange_contract: str
    settlement_contract: str
    fee_bps: int
    seed: int
    tokens: tuple[TokenInfo, ...]
    markets: tuple[str, ...]
    more_chains: tuple[OtherChain, ...] = ()
    version: str = __version__
