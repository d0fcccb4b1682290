"""What a localnet can be told. Every value has a default that needs no thought."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tegro_localnet.chain.values import TokenKind
from tegro_localnet.journal.frames import Durability
from tegro_localnet.latency import Latency
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.rate_limits import RateLimits
from tegro_localnet.switches import Switches

DEFAULT_PORT: Final = 8780
DEFAULT_RPC_PORT: Final = 8781

CHAIN_NAMES: Final = {31337: "localnet", 8453: "base", 84532: "base sepolia", 80002: "amoy", 11155420: "optimism"}
"""Chains a localnet may stand in for: its own, and those of Tegro's mainnet and testnets (protocol 2.2)."""


class TokenConfig(Struct, frozen=True):
    """An ERC-20 token to deploy."""

    symbol: str
    name: str
    decimals: int
    faucet_amount: Decimal = Decimal(100)
    """What the faucet gives to those who name no amount, in human units."""
    kind: TokenKind = TokenKind.STANDARD
    """How it takes approvals."""


class MarketConfig(Struct, frozen=True):
    """A pair to list. Precisions are the decimals allowed in a quantity (base) and in a price (quote)."""

    base: TokenConfig
    quote: TokenConfig
    base_precision: int
    quote_precision: int
    start_price: Decimal
    """Where the agents' fair price begins, quote per base."""

    @property
    def symbol(self) -> str:
        """`BASE_QUOTE`."""
        return f"{self.base.symbol}_{self.quote.symbol}"


_FASTEST: Final = 1000
_OWN_FOLDER: Final = "be kept in a data folder"
_OWN_NODE: Final = "use a node of its own"
_USDC: Final = TokenConfig("USDC", "USD Coin (localnet)", 6, Decimal(100_000))

DEFAULT_MARKETS: Final = (
    MarketConfig(TokenConfig("WETH", "Wrapped Ether (localnet)", 18), _USDC, 6, 2, Decimal(3000)),
    MarketConfig(TokenConfig("WBTC", "Wrapped Bitcoin (localnet)", 8), _USDC, 8, 2, Decimal(95_000)),
    MarketConfig(TokenConfig("TEGRO", "Tegro (localnet)", 18, Decimal(1_000_000)), _USDC, 2, 6, Decimal("0.05")),
)


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion reads best this way
    if not condition:
        raise ValueError(message)


class FairPriceConfig(Struct, frozen=True, kw_only=True):
    """How the price moves around which the agents trade. A step is taken every two seconds.

    Raises
    ------
    ValueError
        On construction, where a value cannot work; the message says what to do.
    """

    volatility_bps: int = 3
    """The largest move of an ordinary step, in hundredths of a percent; 0: it stands still between jumps."""
    jump_bps: int = 0
    """The largest jump, in hundredths of a percent; the smallest is half of it. 0: there are none."""
    jump_probability: Decimal = Decimal("0.01")
    """Chance that a step is a jump."""

    def __post_init__(self) -> None:
        for name, value, most in (("volatility_bps", self.volatility_bps, 1000), ("jump_bps", self.jump_bps, 5000)):
            _require(0 <= value <= most, f"{name} must be between 0 and {most}, was {value}")
        chance = self.jump_probability
        _require(
            chance.is_finite() and 0 < chance <= 1, f"jump_probability must be above 0 and at most 1, was {chance}"
        )


class ReplayConfig(Struct, frozen=True, kw_only=True):
    """Recorded trades that drive a market."""

    path: Path
    """CSV as exchanges publish it: `id,price,qty,quote_qty,time,is_buyer_maker`."""
    speed: int | None = 1
    """How many recorded seconds pass in one second; None: as fast as possible, at the time of the tape."""
    market: str | None = None
    """Symbol of the market or contract they are replayed on; None takes the first."""


class LocalnetConfig(Struct, frozen=True, kw_only=True):
    """Settings of one localnet.

    Raises
    ------
    ValueError
        On construction, where a value cannot work; the message says what to do.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    """Port of REST and WebSocket; 0 takes a free one."""
    rpc_port: int = DEFAULT_RPC_PORT
    """Port of the chain's JSON-RPC; 0 takes a free one."""
    rpc_url: str | None = None
    """JSON-RPC of a node to use, such as Anvil; None starts the embedded one on `rpc_port`."""
    chain_id: int = 31337
    more_chains: tuple[int, ...] = ()
    """Further chains, each with an embedded node, contracts and books of its own, behind the same API."""
    fee_bps: int = 7
    """What the contract takes of what each side receives, in basis points; the contract allows at most 100."""
    min_order_value: Decimal = Decimal(2)
    """Smallest order value in quote units; a smaller remainder after a match is cancelled too (code 811)."""
    markets: tuple[MarketConfig, ...] = DEFAULT_MARKETS
    agents: bool = True
    """Whether a market maker, a noise taker and a momentum trader keep the markets alive."""
    fair_price: FairPriceConfig = FairPriceConfig()
    """How the price moves around which they trade."""
    replay: ReplayConfig | None = None
    """Recorded trades that move a market in place of the agents."""
    perpetual_replay: ReplayConfig | None = None
    """Recorded trades that move a contract of the perpetual venue in place of its agents."""
    latency: tuple[Latency, ...] = ()
    """How long answers and stream frames take; the first rule that fits counts."""
    rate_limits: RateLimits = RateLimits()
    """How many requests an address and a wallet may send; none is limited by default."""
    seed: int | None = None
    """Seed of everything random. None draws one, so that ids differ from run to run."""
    settlement_interval_ms: int = 250
    switches: Switches = Switches()
    """What this venue does otherwise, where nothing public says what the real one does (protocol 12)."""
    perpetual: PerpetualConfig | None = PerpetualConfig()
    """The perpetual venue beside the spot one, on the same port; None: there is none."""
    full_chart: bool = False
    """Whether the chart serves all sixteen intervals, with volume, instead of the venue's six without (protocol 10)."""

    data: Path | None = None
    """Folder in which everything survives the end of the process; None keeps all in memory."""
    durability: Durability = Durability.PROCESS
    """What an acknowledged change survives, where there is such a folder."""
    snapshot_every: int = 10_000
    """Least changes between two snapshots in that folder."""

    def __post_init__(self) -> None:
        for name, port in (("port", self.port), ("rpc_port", self.rpc_port)):
            _require(0 <= port <= 65535, f"{name} must be between 0 and 65535, was {port}")
        known = ", ".join(str(chain_id) for chain_id in CHAIN_NAMES)
        _require(self.chain_id in CHAIN_NAMES, f"chain_id must be one of {known}, was {self.chain_id}")
        self._check_more_chains()
        _require(0 <= self.fee_bps <= 100, f"fee_bps must be between 0 and 100, was {self.fee_bps}")
        _require(self.min_order_value >= 0, f"min_order_value must not be negative, was {self.min_order_value}")
        _require(
            self.settlement_interval_ms > 0,
            f"settlement_interval_ms must be above zero, was {self.settlement_interval_ms}",
        )
        _require(self.snapshot_every > 0, f"snapshot_every must be above zero, was {self.snapshot_every}")
        self._check_markets()
        if self.replay is not None:
            _check_replay(self.replay, [market.symbol for market in self.markets])
        if self.perpetual_replay is not None:
            self._check_perpetual_replay(self.perpetual_replay)

    @property
    def tokens(self) -> tuple[TokenConfig, ...]:
        """Every token of the markets, once, in the order of their first appearance."""
        by_symbol = {token.symbol: token for market in self.markets for token in (market.base, market.quote)}
        return tuple(by_symbol.values())

    def _check_more_chains(self) -> None:
        for chain_id in self.more_chains:
            known = ", ".join(map(str, CHAIN_NAMES))
            _require(chain_id in CHAIN_NAMES, f"more_chains must be of {known}, was {chain_id}")
        chains = (self.chain_id, *self.more_chains)
        _require(len(set(chains)) == len(chains), f"chains must differ, were {', '.join(map(str, chains))}")
        for option, value, what in (("data", self.data, _OWN_FOLDER), ("rpc-url", self.rpc_url, _OWN_NODE)):
            is_possible = not self.more_chains or value is None
            _require(is_possible, f"one chain alone can {what}; name one, or leave --{option} out")

    def _check_perpetual_replay(self, replay: ReplayConfig) -> None:
        contracts = () if self.perpetual is None else self.perpetual.contracts
        _check_replay(replay, [contract.symbol for contract in contracts])
        _require(
            replay.speed is not None or self.replay is None or self.replay.speed is not None,
            "only one of two replays can run at max: each holds the venue's clock at the time of its tape",
        )

    def _check_markets(self) -> None:
        _require(bool(self.markets), "markets must name at least one market")
        symbols = [market.symbol for market in self.markets]
        _require(len(set(symbols)) == len(symbols), f"markets must differ, were {', '.join(symbols)}")
        for market in self.markets:
            for token in (market.base, market.quote):
                _require(
                    next(known for known in self.tokens if known.symbol == token.symbol) == token,
                    f"the token {token.symbol} is described in two ways; describe it once",
                )
            _require(
                0 <= market.base_precision <= market.base.decimals,
                f"base_precision of {market.symbol} must be between 0 and the token's {market.base.decimals} decimals",
            )
            _require(0 <= market.quote_precision <= 18, f"quote_precision of {market.symbol} must be between 0 and 18")


def _check_replay(replay: ReplayConfig, symbols: Sequence[str]) -> None:
    _require(
        replay.speed is None or 1 <= replay.speed <= _FASTEST,
        f"replay speed must be between 1 and {_FASTEST}, or max, was {replay.speed}",
    )
    _require(bool(symbols), "recorded trades need a market, and there is no perpetual venue")
    _require(
        replay.market is None or replay.market in symbols,
        f"replay market must be one of {', '.join(symbols)}, was {replay.market}",
    )
