"""Recorded trades at work: a taker that repeats them and a market maker that keeps the book they met."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.agents.decisions import Wish
from tegro_localnet.agents.stage import Left, Stage, TapeMarket
from tegro_localnet.agents.tape import TapeSummary, Window, coalesce, read_tape, windows
from tegro_localnet.config import ReplayConfig

LOG: Final = logging.getLogger(__name__)
"""What a replay says of itself: one line at its start, from time to time, and at the end of the tape."""

WINDOW_US: Final = 500_000
ORDERS_A_WINDOW: Final = 3
"""With `WINDOW_US` at most six taker orders a second, a fraction of what the chain can settle."""
LEVELS: Final = 3
MAKER: Final = 0
TAKER: Final = 1
"""Numbers of the traders."""

_PARTS: Final = 10_000
_LEVEL_GAP_PARTS: Final = 2
_WIDEST_SPREAD_PARTS: Final = 10
_LEVEL_VALUE: Final = 2_500
_REPORT_NS: Final = 30 * 10**9


class ReplayProgress(Struct):
    """How far a replay has come. All are counts of recorded trades but `orders`."""

    trades_in_tape: int
    trades_replayed: int = 0
    trades_below_minimum: int = 0
    """Left out, because they are worth less than the venue takes, also together with their neighbours."""
    orders: int = 0
    """Taker orders placed."""
    is_finished: bool = False

    def __str__(self) -> str:
        return (
            f"{self.trades_replayed} of {self.trades_in_tape} recorded trades in {self.orders} orders, "
            f"{self.trades_below_minimum} below the minimum value left out"
        )


class Quotes(Struct, frozen=True):
    """The best bid and ask that a tape implies: where it last sold and where it last bought."""

    bid_e18: int
    ask_e18: int

    def best(self, side: Side) -> int:
        """Return the price of one side."""
        return self.bid_e18 if side is Side.BUY else self.ask_e18


def quotes_for(market: TapeMarket, wish: Wish, before: Quotes | None) -> Quotes:
    """Return the quotes that a taker order of the tape meets: its own price, and on the other side the last one.

    The other side stays at least a tick away, and at most a tenth of a percent behind a price that has run off.
    """
    tick_e18, price_e18 = market.tick_e18, wish.price_e18
    widest_e18 = max(price_e18 * _WIDEST_SPREAD_PARTS // _PARTS // tick_e18 * tick_e18, tick_e18)
    if wish.side is Side.BUY:
        last_e18 = price_e18 - tick_e18 if before is None else before.bid_e18
        bid_e18 = min(max(last_e18, price_e18 - widest_e18), price_e18 - tick_e18)
        return Quotes(bid_e18, price_e18)
    last_e18 = price_e18 + tick_e18 if before is None else before.ask_e18
    ask_e18 = max(min(last_e18, price_e18 + widest_e18), price_e18 + tick_e18)
    return Quotes(price_e18, ask_e18)


def resting_ladder(market: TapeMarket, side: Side, best_e18: int, top_quantity_wei: int) -> list[Wish]:
    """Return one side of the market maker's book, best first; it never takes what others offer.

    Parameters
    ----------
    best_e18 : int
        Price of the first level, moved away where it would cross the other side of the book.
    top_quantity_wei : int
        What the first level must hold beside its usual size.
    """
    tick_e18 = market.tick_e18
    gap_e18 = max(best_e18 * _LEVEL_GAP_PARTS // _PARTS // tick_e18 * tick_e18, tick_e18)
    sign = -1 if side is Side.BUY else 1
    other_e18 = market.best_e18(side.opposite)
    if other_e18 is not None:
        limit_e18 = other_e18 + sign * tick_e18
        best_e18 = min(best_e18, limit_e18) if side is Side.BUY else max(best_e18, limit_e18)
    prices = (best_e18 + sign * level * gap_e18 for level in range(LEVELS))
    wishes = [Wish(side, price, market.worth(price, _LEVEL_VALUE)) for price in prices if price > 0]
    if wishes:
        top = wishes[0]
        wishes[0] = Wish(side, top.price_e18, top.quantity_wei + top_quantity_wei)
    return wishes


async def _sleep_us(duration_us: int) -> None:
    await asyncio.sleep(duration_us / 1_000_000)


class Replay:
    """A tape on one market of a localnet.

    Parameters
    ----------
    config : ReplayConfig
        The file and the speed.
    tape : TapeSummary
        What `check_tape` found.
    stage : Stage
        Where it is replayed, with two traders at least.
    clock_ns, sleep_us : callable
        A monotonic time in nanoseconds, and how to wait a number of microseconds.
    report_every_ns : int
        How long it says nothing of its progress at least, in nanoseconds.

    Attributes
    ----------
    progress : ReplayProgress
        How far it has come.
    stage : Stage
        Where it is replayed.
    """

    def __init__(
        self,
        config: ReplayConfig,
        *,
        tape: TapeSummary,
        stage: Stage,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep_us: Callable[[int], Awaitable[None]] = _sleep_us,
        report_every_ns: int = _REPORT_NS,
    ) -> None:
        self._config = config
        self.stage: Final = stage
        self._clock_ns = clock_ns
        self._sleep_us = sleep_us
        self._report_every_ns = report_every_ns
        self._reported_ns = clock_ns()
        self.progress = ReplayProgress(tape.trade_count)
        self._quotes: Quotes | None = None
        self._top: dict[Side, tuple[int, Left]] = {}
        """Price and rest of the first level of the maker's quotes."""

    async def run(self) -> None:
        """Equip the traders, replay the tape, then keep its last quotes until cancelled.

        Raises
        ------
        LocalnetError
            If the file has become unreadable since it was checked.
        """
        symbol = self.stage.symbol
        await self.stage.equip()
        LOG.info("replay on %s begins: %s", symbol, self._config.path)
        await self._play()
        self.progress.is_finished = True
        LOG.info("replay on %s has reached the end of the tape, its last quotes stay: %s", symbol, self.progress)
        await asyncio.Event().wait()

    async def _play(self) -> None:
        start_ns = self._clock_ns()
        for window in windows(read_tape(self._config.path), self._config.speed or 1, WINDOW_US):
            ahead_us = window.due_us - (self._clock_ns() - start_ns) // 1000
            if ahead_us > 0:
                await self._sleep_us(ahead_us)
            await self._trade(window)
            self._report()

    def _report(self) -> None:
        """Say how far it has come, unless that was said a short while ago."""
        now_ns = self._clock_ns()
        if now_ns - self._reported_ns >= self._report_every_ns:
            self._reported_ns = now_ns
            LOG.info("replay on %s: %s", self.stage.symbol, self.progress)

    async def _trade(self, window: Window) -> None:
        for order in coalesce(window.trades, ORDERS_A_WINDOW):
            wish = self.stage.wish_of(order)
            self.progress.trades_replayed += order.trade_count
            if wish is None:
                self.progress.trades_below_minimum += order.trade_count
                continue
            await self._meet(wish)
            self.progress.orders += 1

    async def _meet(self, wish: Wish) -> None:
        """Let the maker stand where the tape traded, take from the book, and leave no rest of the taker's order."""
        quotes = quotes_for(self.stage, wish, self._quotes)
        stays = quotes == self._quotes and self._covers(wish, quotes)
        self._quotes = quotes
        self.stage.move_to(wish.price_e18)
        if not stays:
            self.stage.cancel(MAKER)
            await self._quote(quotes, wish.side.opposite, wish.quantity_wei)
        await self.stage.place(TAKER, wish)
        self.stage.cancel(TAKER)
        if not stays:
            await self._quote(quotes, wish.side, 0)

    def _covers(self, wish: Wish, quotes: Quotes) -> bool:
        """Say whether the maker's book as it stands can meet an order at the price of the tape."""
        side = wish.side.opposite
        if side not in self._top:
            return False
        price_e18, left = self._top[side]
        return price_e18 == quotes.best(side) and left() >= wish.quantity_wei

    async def _quote(self, quotes: Quotes, side: Side, top_quantity_wei: int) -> None:
        self._top.pop(side, None)
        for wish in resting_ladder(self.stage, side, quotes.best(side), top_quantity_wei):
            left = await self.stage.place(MAKER, wish)
            if left is not None and side not in self._top:
                self._top[side] = (wish.price_e18, left)
