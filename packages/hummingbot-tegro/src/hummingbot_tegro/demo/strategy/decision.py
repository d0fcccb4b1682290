"""What the demo bot decides, apart from Hummingbot: quotes on both sides, skewed by inventory, and takings.

The fair price is the middle of what *others* quote, so that the bot does not follow its own orders. Before it takes, it
withdraws its own quote on the side that it takes from: the venue lets a wallet trade with itself.
"""

import random
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tegro.model import BookLevel, Side, round_down

_BPS: Final = 10_000
_JITTER_PERCENT: Final = 50


class MakerParameters(Struct, frozen=True, kw_only=True):
    """How the demo bot trades. Values are in quote, distances in basis points of the fair price."""

    half_spread_bps: Decimal = Decimal(3)
    """From the reservation price to each quote."""
    skew_bps: Decimal = Decimal(3)
    """How far a full inventory moves the reservation price away from it."""
    quote_value: Decimal = Decimal(120)
    """Value of one quote."""
    take_value: Decimal = Decimal(60)
    """Mean value of one taking; each is drawn between half and one and a half times it."""
    full_position_value: Decimal = Decimal(1000)
    """The position at which the skew is full and the growing side is no longer quoted."""
    refresh_ms: int = 4_000
    """Age at which a quote is replaced."""
    take_every_ms: int = 5_000
    """Mean time between two takings; each is drawn between half and one and a half times it."""


class OwnOrder(Struct, frozen=True):
    """One of the bot's orders that rests, or may still rest, in the book."""

    side: Side
    price: Decimal
    quantity: Decimal
    """What is left of it."""


class LiveQuote(Struct, frozen=True):
    """A quote or taking that the bot stands by, whatever became of its order so far."""

    quote_id: str
    side: Side
    age_ms: int
    remaining: Decimal
    """What is not filled yet, in base."""


class MarketView(Struct, frozen=True, kw_only=True):
    """Everything a decision looks at."""

    now_ms: int
    bids: Sequence[BookLevel]
    """Best first, with the bot's own orders in it."""
    asks: Sequence[BookLevel]
    tick_size: Decimal
    position: Decimal
    """Base held more (or less) than at the start."""
    min_value: Decimal
    """The smallest order, in quote: the venue cancels what is left of one below it."""
    quotes: Sequence[LiveQuote]
    takings: Sequence[LiveQuote]
    own_orders: Sequence[OwnOrder]


class Quote(Struct, frozen=True):
    """Place a limit order."""

    side: Side
    price: Decimal
    quantity: Decimal


class Withdraw(Struct, frozen=True):
    """Cancel what is left of a quote or taking."""

    quote_id: str


class Take(Struct, frozen=True):
    """Send a market order."""

    side: Side
    quantity: Decimal


type Step = Quote | Withdraw | Take


class DemoMaker:
    """The demo bot's mind. It keeps only its generator and the taking that it prepares; the rest is in the view.

    Parameters
    ----------
    parameters
        How it trades.
    rng
        Draws times, sides and sizes of takings.
    """

    def __init__(self, parameters: MakerParameters, rng: random.Random) -> None:
        self._parameters = parameters
        self._rng = rng
        self._next_take_ms: int | None = None
        self._taking: Side | None = None

    def decide(self, view: MarketView) -> list[Step]:
        """Return what to do now; nothing where one side of the market has no orders of others."""
        bid, ask = best_of_others(view.bids, view.own_orders), best_of_others(view.asks, view.own_orders)
        if bid is None or ask is None:
            return []
        fair = (bid.price + ask.price) / 2
        self._plan_taking(view, fair)
        withdrawn = [quote for quote in view.quotes if self._is_over(quote)]
        withdrawn += [live for live in (*view.quotes, *view.takings) if live.remaining * fair < view.min_value]
        steps: list[Step] = [Withdraw(quote_id) for quote_id in dict.fromkeys(live.quote_id for live in withdrawn)]
        take = self._take(view, fair)
        if take is not None:
            # The next quotes wait for the next decision, so that none of them is there before the market order.
            return [*steps, take]
        kept = {quote.side for quote in view.quotes if quote not in withdrawn}
        steps.extend(self._quotes(view, fair, kept))
        return steps

    def _is_over(self, quote: LiveQuote) -> bool:
        is_old = quote.age_ms >= self._parameters.refresh_ms
        return is_old or (self._taking is not None and quote.side is self._taking.opposite)

    def _plan_taking(self, view: MarketView, fair: Decimal) -> None:
        if self._next_take_ms is None:
            self._next_take_ms = view.now_ms + self._drawn(self._parameters.take_every_ms)
        if self._taking is None and view.now_ms >= self._next_take_ms:
            self._taking = self._side_to_take(view.position * fair)

    def _side_to_take(self, position_value: Decimal) -> Side:
        """Reduce a position that is half full or more, else toss a coin."""
        drawn = self._rng.choice((Side.BUY, Side.SELL))
        if abs(position_value) * 2 < self._parameters.full_position_value:
            return drawn
        return Side.SELL if position_value > 0 else Side.BUY

    def _take(self, view: MarketView, fair: Decimal) -> Take | None:
        """Take as soon as no order of ours is left on the side that is taken from."""
        side = self._taking
        if side is None or any(order.side is side.opposite for order in view.own_orders):
            return None
        if any(quote.side is side.opposite for quote in view.quotes):
            return None
        self._taking = None
        self._next_take_ms = view.now_ms + self._drawn(self._parameters.take_every_ms)
        value = self._parameters.take_value * self._drawn(1000) / 1000
        return Take(side, value / fair)

    def _quotes(self, view: MarketView, fair: Decimal, kept: Iterable[Side]) -> Iterable[Quote]:
        """Yield a quote for each side that has none and wants one."""
        parameters = self._parameters
        fullness = max(min(view.position * fair / parameters.full_position_value, Decimal(1)), Decimal(-1))
        reservation = fair * (1 - fullness * parameters.skew_bps / _BPS)
        quoted = set(kept) | ({self._taking.opposite} if self._taking else set())
        for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
            if side in quoted or fullness == -sign:
                continue
            price = reservation * (1 + sign * parameters.half_spread_bps / _BPS)
            yield Quote(side, _passive(price, side, view), parameters.quote_value / fair)

    def _drawn(self, mean: int) -> int:
        spread = mean * _JITTER_PERCENT // 100
        return self._rng.randint(mean - spread, mean + spread)


def best_of_others(levels: Iterable[BookLevel], own_orders: Iterable[OwnOrder]) -> BookLevel | None:
    """Return the best level with more in it than the bot's own orders; None where there is none."""
    own: dict[Decimal, Decimal] = {}
    for order in own_orders:
        own[order.price] = own.get(order.price, Decimal(0)) + order.quantity
    return next((level for level in levels if level.quantity > own.get(level.price, Decimal(0))), None)


def _passive(price: Decimal, side: Side, view: MarketView) -> Decimal:
    """Return a price on the tick that crosses nobody, neither others nor the bot's own older orders."""
    tick = view.tick_size
    levels = view.asks if side is Side.BUY else view.bids
    opposite = [level.price for level in levels[:1]]
    opposite += [order.price for order in view.own_orders if order.side is side.opposite]
    if side is Side.BUY:
        return min(round_down(price, tick), *(one - tick for one in opposite))
    return max(round_down(price, tick) + tick, *(one + tick for one in opposite))
