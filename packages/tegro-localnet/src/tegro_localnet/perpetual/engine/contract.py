"""What can be traded: the filters, the leverage brackets and the rates of a contract (perpetual dialect 3.3, 10.2)."""

from typing import Final

from msgspec import Struct

from tegro_localnet.perpetual.engine.units import E8, E18, PPM, ceil_div


class Bracket(Struct, frozen=True, kw_only=True):
    """One step of the risk limits. It holds for a notional above `floor_e8`, up to `cap_e8`."""

    number: int
    floor_e8: int
    cap_e8: int
    max_leverage: int
    maintenance_ppm: int
    cum_e8: int
    """What makes the maintenance margin continuous from bracket to bracket."""


class Contract(Struct, frozen=True, kw_only=True):
    """A linear perpetual contract. Its quote is its collateral."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    quantity_decimals: int
    start_price_e18: int
    """Where the index begins."""
    brackets: tuple[Bracket, ...]
    min_notional_e8: int = 5 * E8
    max_quantity_e8: int = 1_000 * E8
    max_market_quantity_e8: int = 120 * E8
    max_open_orders: int = 200
    price_up_ppm: int = 1_050_000
    """How far above the mark price a buy may be priced."""
    price_down_ppm: int = 950_000
    maker_fee_ppm: int = 200
    taker_fee_ppm: int = 400
    liquidation_fee_ppm: int = 12_500

    def __post_init__(self) -> None:
        if self.price_decimals + self.quantity_decimals > 8:
            message = f"{self.symbol}: the decimals of price and quantity together must be at most 8"
            raise ValueError(message)

    @property
    def tick_e18(self) -> int:
        """Smallest step of a price; also the smallest price."""
        step: int = 10 ** (18 - self.price_decimals)
        return step

    @property
    def step_e8(self) -> int:
        """Smallest step of a quantity; also the smallest quantity."""
        step: int = 10 ** (8 - self.quantity_decimals)
        return step

    @property
    def max_price_e18(self) -> int:
        """Highest price that is taken at all."""
        return self.start_price_e18 * 100 // self.tick_e18 * self.tick_e18

    @property
    def max_leverage(self) -> int:
        """Highest leverage, that of the first bracket."""
        return self.brackets[0].max_leverage

    def bracket_of(self, notional_e8: int) -> Bracket:
        """Return the bracket of a notional; the last one for what is above all."""
        for bracket in self.brackets:
            if notional_e8 <= bracket.cap_e8:
                return bracket
        return self.brackets[-1]

    def maintenance_e8(self, notional_e8: int) -> int:
        """Return the maintenance margin of a notional, rounded up."""
        bracket = self.bracket_of(notional_e8)
        return ceil_div(notional_e8 * bracket.maintenance_ppm, PPM) - bracket.cum_e8

    def max_notional_e8(self, leverage: int) -> int:
        """Return the largest notional that may be held at a leverage."""
        return max(bracket.cap_e8 for bracket in self.brackets if bracket.max_leverage >= leverage)


def brackets_of(steps: tuple[tuple[int, int, int], ...]) -> tuple[Bracket, ...]:
    """Build brackets from (cap in quote units, highest leverage, maintenance rate in parts per million)."""
    brackets: list[Bracket] = []
    floor_e8 = cum_e8 = previous_ppm = 0
    for number, (cap, max_leverage, maintenance_ppm) in enumerate(steps, 1):
        cum_e8 += floor_e8 * (maintenance_ppm - previous_ppm) // PPM if number > 1 else 0
        brackets.append(
            Bracket(
                number=number,
                floor_e8=floor_e8,
                cap_e8=cap * E8,
                max_leverage=max_leverage,
                maintenance_ppm=maintenance_ppm,
                cum_e8=cum_e8,
            )
        )
        floor_e8, previous_ppm = cap * E8, maintenance_ppm
    return tuple(brackets)


EXAMPLE_BRACKETS: Final = brackets_of(
    (
        (50_000, 125, 4_000),
        (600_000, 100, 5_000),
        (3_000_000, 75, 6_500),
        (12_000_000, 50, 10_000),
        (50_000_000, 20, 25_000),
        (200_000_000, 5, 100_000),
        (1_000_000_000, 1, 500_000),
    )
)
"""The table of the worked examples (perpetual dialect 10.2), with three further steps to a leverage of one."""

DEFAULT_CONTRACTS: Final = (
    Contract(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        price_decimals=1,
        quantity_decimals=3,
        start_price_e18=95_000 * E18,
        brackets=EXAMPLE_BRACKETS,
    ),
    Contract(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        price_decimals=2,
        quantity_decimals=3,
        start_price_e18=3_000 * E18,
        brackets=EXAMPLE_BRACKETS,
        max_quantity_e8=10_000 * E8,
        max_market_quantity_e8=2_000 * E8,
    ),
)
