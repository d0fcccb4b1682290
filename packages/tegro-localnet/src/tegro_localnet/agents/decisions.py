"""What the agents want to do: pure functions of a seeded generator and the state of a market."""

import random
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side
from tegro_localnet.config import FairPriceConfig
from tegro_localnet.markets import ListedMarket

LEVELS: Final = 5
_PARTS: Final = 10_000
_HALF_SPREAD_PARTS: Final = 5
_LEVEL_GAP_PARTS: Final = 8
_TAKER_REACH_PARTS: Final = 50
"""How far beyond the best ask a buyer reaches. A seller does not reach: it would be paid its own limit."""
_LADDER_VALUES: Final = (400, 2_500)
_TAKER_VALUES: Final = (10, 150)
MOMENTUM_STEPS: Final = 5
"""Over how many steps of the price a momentum trader looks."""
_MOMENTUM_PARTS: Final = 3
"""How far the price must have gone, for it to follow."""
_DRAWS: Final = 10**9


class Wish(Struct, frozen=True):
    """An order an agent wants to place."""

    side: Side
    price_e18: int
    quantity_wei: int

    @property
    def answered(self) -> "Wish":
        """The order of the other side that it trades with in full."""
        return Wish(self.side.opposite, self.price_e18, self.quantity_wei)


class FairPrice:
    """A random walk in steps of hundredths of a percent with jumps, kept between half and twice its start."""

    def __init__(self, start_e18: int, rng: random.Random, config: FairPriceConfig | None = None) -> None:
        self._start_e18 = start_e18
        self._rng = rng
        self._config = config or FairPriceConfig()
        self.now_e18 = start_e18

    def step(self) -> int:
        """Walk one step and return the new price."""
        moved = self.now_e18 * (_PARTS + self._move_parts()) // _PARTS
        self.now_e18 = min(max(moved, self._start_e18 // 2), self._start_e18 * 2)
        return self.now_e18

    def _move_parts(self) -> int:
        config = self._config
        if config.jump_bps and self._rng.randrange(_DRAWS) < config.jump_probability * _DRAWS:
            return self._rng.choice((-1, 1)) * self._rng.randint((config.jump_bps + 1) // 2, config.jump_bps)
        return self._rng.randint(-config.volatility_bps, config.volatility_bps)


def ladder(listed: ListedMarket, fair_e18: int, rng: random.Random) -> list[Wish]:
    """Return a market maker's quotes around a fair price, best first, bids and asks in turn."""
    wishes: list[Wish] = []
    for level in range(LEVELS):
        away_parts = _HALF_SPREAD_PARTS + level * _LEVEL_GAP_PARTS
        for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
            price_e18 = on_tick(listed, fair_e18 * (_PARTS + sign * away_parts) // _PARTS)
            wishes.append(Wish(side, price_e18, quantity_worth(listed, price_e18, rng.randint(*_LADDER_VALUES))))
    return wishes


def taking(listed: ListedMarket, rng: random.Random) -> Wish | None:
    """Return a noise taker's order, priced to trade at once; None where the other side is empty."""
    return _crossing(listed, rng.choice((Side.BUY, Side.SELL)), rng.randint(*_TAKER_VALUES))


def following(listed: ListedMarket, prices_e18: Sequence[int], rng: random.Random) -> Wish | None:
    """Return a momentum trader's order in the direction of the last prices; None where they went nowhere."""
    if len(prices_e18) < MOMENTUM_STEPS:
        return None
    begin_e18, end_e18 = prices_e18[-MOMENTUM_STEPS], prices_e18[-1]
    if abs(end_e18 - begin_e18) * _PARTS < begin_e18 * _MOMENTUM_PARTS:
        return None
    return _crossing(listed, Side.BUY if end_e18 > begin_e18 else Side.SELL, rng.randint(*_TAKER_VALUES))


def middle(listed: ListedMarket) -> int | None:
    """Return the price between the best bid and the best ask, by 10^18; None where a side is empty."""
    bid, ask = listed.book.best(Side.BUY), listed.book.best(Side.SELL)
    return None if bid is None or ask is None else (bid.price_e18 + ask.price_e18) // 2


def _crossing(listed: ListedMarket, side: Side, value: int) -> Wish | None:
    """Return an order worth about a value that trades at once; None where the other side is empty."""
    best = listed.book.best(side.opposite)
    if best is None:
        return None
    reach = _TAKER_REACH_PARTS if side is Side.BUY else 0
    price_e18 = on_tick(listed, best.price_e18 * (_PARTS + reach) // _PARTS)
    return Wish(side, price_e18, quantity_worth(listed, price_e18, value))


def on_tick(listed: ListedMarket, price_e18: int) -> int:
    """Return a price rounded down to the market's tick, at least one tick."""
    tick_e18: int = 10 ** (PRICE_DECIMALS - listed.market.quote_precision)
    return max(price_e18 // tick_e18 * tick_e18, tick_e18)


def quantity_worth(listed: ListedMarket, price_e18: int, value: int) -> int:
    """Return the quantity in wei, in whole lots, that is worth about a value in whole quote units."""
    market = listed.market
    lot_wei: int = 10 ** (market.base.decimals - market.base_precision)
    quantity_wei: int = value * 10 ** (PRICE_DECIMALS + market.base.decimals) // price_e18
    return max(quantity_wei // lot_wei * lot_wei, lot_wei)
