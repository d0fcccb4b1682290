"""What a localnet can be told. Every value has a default that needs no thought."""

from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct

from tegro_localnet.chain.values import TokenKind

DEFAULT_PORT: Final = 8780
DEFAULT_RPC_PORT: Final = 8781

CHAIN_NAMES: Final = {31337: "localnet", 8453: "base", 84532: "base sepolia", 80002: "amoy", 11155420: "optimism"}
"""Chains a localnet may stand in for: its own, and those of Tegro's mainnet and testnets (protocol 2.2)."""


class ReportPrice(StrEnum):
    """Which price trades report. The venue's own choice is not public (protocol 7.3)."""

    SETTLEMENT = "settlement"
    """What the contract pays: the sell order's limit."""
    RESTING = "resting"
    """The level that was taken; `settled_price` then stands beside it."""


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
_USDC: Final = TokenConfig("USDC", "USD Coin (localnet)", 6, Decimal(100_000))

DEFAULT_MARKETS: Final = (
    MarketConfig(TokenConfig("WETH", "Wrapped Ether (localnet)", 18), _USDC, 6, 2, Decimal(3000)),
    MarketConfig(TokenConfig("WBTC", "Wrapped Bitcoin (localnet)", 8), _USDC, 8, 2, Decimal(95_000)),
    MarketConfig(TokenConfig("TEGRO", "Tegro (localnet)", 18, Decimal(1_000_000)), _USDC, 2, 6, Decimal("0.05")),
)


class ReplayConfig(Struct, frozen=True, kw_only=True):
    """Recorded trades that drive a market."""

    path: Path
    """CSV as exchanges publish it: `id,price,qty,quote_qty,time,is_buyer_maker`."""
    speed: int = 1
    """How many recorded seconds pass in one second."""
    market: str | None = None
    """Symbol of the market they are replayed on; None takes the first."""


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
    chain_id: int = 31337
    fee_bps: int = 7
    """What the contract takes of what each side receives, in basis points; the contract allows at most 100."""
    min_order_value: Decimal = Decimal(2)
    """Smallest order value in quote units; a smaller remainder after a match is cancelled too (code 811)."""
    markets: tuple[MarketConfig, ...] = DEFAULT_MARKETS
    agents: bool = True
    """Whether a market maker and a taker keep the markets alive."""
    replay: ReplayConfig | None = None
    """Recorded trades that move a market in place of the agents."""
    seed: int | None = None
    """Seed of everything random. None draws one, so that ids differ from run to run."""
    settlement_interval_ms: int = 250
    report_price: ReportPrice = ReportPrice.SETTLEMENT
    full_chart: bool = False
    """Whether the chart serves all sixteen intervals, with volume, instead of the venue's six without (protocol 10)."""

    def __post_init__(self) -> None:
        for name, port in (("port", self.port), ("rpc_port", self.rpc_port)):
            _require(0 <= port <= 65535, f"{name} must be between 0 and 65535, was {port}")
        known = ", ".join(str(chain_id) for chain_id in CHAIN_NAMES)
        _require(self.chain_id in CHAIN_NAMES, f"chain_id must be one of {known}, was {self.chain_id}")
        _require(0 <= self.fee_bps <= 100, f"fee_bps must be between 0 and 100, was {self.fee_bps}")
        _require(self.min_order_value >= 0, f"min_order_value must not be negative, was {self.min_order_value}")
        _require(
            self.settlement_interval_ms > 0,
            f"settlement_interval_ms must be above zero, was {self.settlement_interval_ms}",
        )
        self._check_markets()
        if self.replay is not None:
            self._check_replay(self.replay)

    @property
    def tokens(self) -> tuple[TokenConfig, ...]:
        """Every token of the markets, once, in the order of their first appearance."""
        by_symbol = {token.symbol: token for market in self.markets for token in (market.base, market.quote)}
        return tuple(by_symbol.values())

    def _check_replay(self, replay: ReplayConfig) -> None:
        _require(1 <= replay.speed <= _FASTEST, f"replay speed must be between 1 and {_FASTEST}, was {replay.speed}")
        symbols = [market.symbol for market in self.markets]
        _require(
            replay.market is None or replay.market in symbols,
            f"replay market must be one of {', '.join(symbols)}, was {replay.market}",
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


def _require(condition: bool, message: str) -> None:  # noqa: FBT001 - an assertion reads best this way
    if not condition:
        raise ValueError(message)
