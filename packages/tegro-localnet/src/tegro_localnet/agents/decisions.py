"""What the agents want to do: pure functions of a seeded generator and the state of a market."""

import random
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side
from tegro_localnet.markets import ListedMarket

LEVELS: Final = 5
_PARTS: Final = 10_000
_STEP_PARTS: Final = 3
_HALF_SPREAD_PARTS: Final = 5
_LEVEL_GAP_PARTS: Final = 8
_TAKER_REACH_PARTS: Final = 50
"""How far beyond the best ask a buyer reaches. A seller does not reach: it would be paid its own limit."""
_LADDER_VALUES: Final = (400, 2_500)
_TAKER_VALUES: Final = (10, 150)


class Wish(Struct, frozen=True):
    """An order an agent wants to place."""

    side: Side
    price_e18: int
    quantity_wei: int


class FairPrice:
    """A random walk in steps of hundredths of a percent, kept between half and twice its start."""

    def __init__(self, start_e18: int, rng: random.Random) -> None:
        self._start_e18 = start_e18
        self._rng = rng
        self.now_e18 = start_e18

    def step(self) -> int:
        """Walk one step and return the new price."""
        moved = self.now_e18 * (_PARTS + self._rng.randint(-_STEP_PARTS, _STEP_PARTS)) // _PARTS
        self.now_e18 = min(max(moved, self._start_e18 // 2), self._start_e18 * 2)
        return self.now_e18


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
    side = rng.choice((Side.BUY, Side.SELL))
    value = rng.randint(*_TAKER_VALUES)
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
