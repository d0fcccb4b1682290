"""Recorded trades at work: a taker that repeats them and a market maker that keeps the book they met."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side
from tegro_localnet.agents.agent import Agent, Equip, child_of
from tegro_localnet.agents.decisions import Wish, quantity_worth
from tegro_localnet.agents.tape import QUANTITY_DECIMALS, TapeOrder, TapeSummary, Window, coalesce, read_tape, windows
from tegro_localnet.config import ReplayConfig
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.signed_order import Domain, keccak256
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

LOG: Final = logging.getLogger(__name__)
"""What a replay says of itself: one line at its start, from time to time, and at the end of the tape."""

WINDOW_US: Final = 500_000
ORDERS_A_WINDOW: Final = 3
"""With `WINDOW_US` at most six taker orders a second, a fraction of what the chain can settle."""
LEVELS: Final = 3

_PARTS: Final = 10_000
_LEVEL_GAP_PARTS: Final = 2
_WIDEST_SPREAD_PARTS: Final = 10
_LEVEL_VALUE: Final = 2_500
_STOCK: Final = Decimal(10) ** 12
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


def tape_wish(listed: ListedMarket, order: TapeOrder) -> Wish | None:
    """Return a tape's order in a market's own terms; None where it is worth less than the minimum.

    The price is rounded to the nearest tick, the quantity down to whole lots.
    """
    market = listed.market
    tick_e18, lot_wei = _tick_e18(listed), 10 ** (market.base.decimals - market.base_precision)
    price_e18 = max((order.price_e18 + tick_e18 // 2) // tick_e18 * tick_e18, tick_e18)
    quantity_wei = order.quantity_e18 * 10**market.base.decimals // 10**QUANTITY_DECIMALS // lot_wei * lot_wei
    if quantity_wei == 0 or listed.value_wei(price_e18, quantity_wei) < listed.min_order_value_wei:
        return None
    return Wish(order.side, price_e18, quantity_wei)


def quotes_for(listed: ListedMarket, wish: Wish, before: Quotes | None) -> Quotes:
    """Return the quotes that a taker order of the tape meets: its own price, and on the other side the last one.

    The other side stays at least a tick away, and at most a tenth of a percent behind a price that has run off.
    """
    tick_e18, price_e18 = _tick_e18(listed), wish.price_e18
    widest_e18 = max(price_e18 * _WIDEST_SPREAD_PARTS // _PARTS // tick_e18 * tick_e18, tick_e18)
    if wish.side is Side.BUY:
        last_e18 = price_e18 - tick_e18 if before is None else before.bid_e18
        bid_e18 = min(max(last_e18, price_e18 - widest_e18), price_e18 - tick_e18)
        return Quotes(bid_e18, price_e18)
    last_e18 = price_e18 + tick_e18 if before is None else before.ask_e18
    ask_e18 = max(min(last_e18, price_e18 + widest_e18), price_e18 + tick_e18)
    return Quotes(price_e18, ask_e18)


def resting_ladder(listed: ListedMarket, side: Side, best_e18: int, top_quantity_wei: int) -> list[Wish]:
    """Return one side of the market maker's book, best first; it never takes what others offer.

    Parameters
    ----------
    best_e18 : int
        Price of the first level, moved away where it would cross the other side of the book.
    top_quantity_wei : int
        What the first level must hold beside its usual size.
    """
    tick_e18 = _tick_e18(listed)
    gap_e18 = max(best_e18 * _LEVEL_GAP_PARTS // _PARTS // tick_e18 * tick_e18, tick_e18)
    sign = -1 if side is Side.BUY else 1
    other = listed.book.best(side.opposite)
    if other is not None:
        limit_e18 = other.price_e18 + sign * tick_e18
        best_e18 = min(best_e18, limit_e18) if side is Side.BUY else max(best_e18, limit_e18)
    prices = (best_e18 + sign * level * gap_e18 for level in range(LEVELS))
    wishes = [Wish(side, price, quantity_worth(listed, price, _LEVEL_VALUE)) for price in prices if price > 0]
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
    listed : ListedMarket
        Where it is replayed.
    clock_ns, sleep_us : callable
        A monotonic time in nanoseconds, and how to wait a number of microseconds.
    report_every_ns : int
        How long it says nothing of its progress at least, in nanoseconds.

    Attributes
    ----------
    progress : ReplayProgress
        How far it has come.
    maker, taker : Agent
        Its two wallets.
    """

    def __init__(
        self,
        config: ReplayConfig,
        *,
        tape: TapeSummary,
        listed: ListedMarket,
        venue: Venue,
        domain: Domain,
        rng: random.Random,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep_us: Callable[[int], Awaitable[None]] = _sleep_us,
        report_every_ns: int = _REPORT_NS,
    ) -> None:
        self._config = config
        self._listed = listed
        self._clock_ns = clock_ns
        self._sleep_us = sleep_us
        self._report_every_ns = report_every_ns
        self._reported_ns = clock_ns()
        seed = rng.getrandbits(256).to_bytes(32)
        self.maker = Agent(LocalWallet(keccak256(b"replay maker" + seed)), venue, domain, child_of(rng))
        self.taker = Agent(LocalWallet(keccak256(b"replay taker" + seed)), venue, domain, child_of(rng))
        self.progress = ReplayProgress(tape.trade_count)
        self._quotes: Quotes | None = None
        self._top: dict[Side, OrderRecord | None] = {}

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Everybody who trades."""
        return (self.maker, self.taker)

    async def run(self, equip: Equip) -> None:
        """Equip the wallets, replay the tape, then keep its last quotes until cancelled.

        Raises
        ------
        LocalnetError
            If the file has become unreadable since it was checked.
        """
        market = self._listed.market
        for agent in self.agents:
            await equip(agent.wallet, {market.base.symbol: _STOCK, market.quote.symbol: _STOCK})
        LOG.info("replay on %s begins: %s", market.symbol, self._config.path)
        await self._play()
        self.progress.is_finished = True
        LOG.info("replay on %s has reached the end of the tape, its last quotes stay: %s", market.symbol, self.progress)
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
            LOG.info("replay on %s: %s", self._listed.market.symbol, self.progress)

    async def _trade(self, window: Window) -> None:
        for order in coalesce(window.trades, ORDERS_A_WINDOW):
            wish = tape_wish(self._listed, order)
            self.progress.trades_replayed += order.trade_count
            if wish is None:
                self.progress.trades_below_minimum += order.trade_count
                continue
            await self._meet(wish)
            self.progress.orders += 1

    async def _meet(self, wish: Wish) -> None:
        """Let the maker stand where the tape traded, take from the book, and leave no rest of the taker's order."""
        quotes = quotes_for(self._listed, wish, self._quotes)
        stays = quotes == self._quotes and self._covers(wish, quotes)
        self._quotes = quotes
        if not stays:
            self.maker.cancel_on(self._listed)
            await self._quote(quotes, wish.side.opposite, wish.quantity_wei)
        await self.taker.place(self._listed, wish)
        self.taker.cancel_on(self._listed)
        if not stays:
            await self._quote(quotes, wish.side, 0)

    def _covers(self, wish: Wish, quotes: Quotes) -> bool:
        """Say whether the maker's book as it stands can meet an order at the price of the tape."""
        side = wish.side.opposite
        top = self._top.get(side)
        return (
            top is not None
            and top.is_open
            and top.order.price_e18 == quotes.best(side)
            and top.unmatched_wei >= wish.quantity_wei
        )

    async def _quote(self, quotes: Quotes, side: Side, top_quantity_wei: int) -> None:
        wishes = resting_ladder(self._listed, side, quotes.best(side), top_quantity_wei)
        records = [await self.maker.place(self._listed, wish) for wish in wishes]
        self._top[side] = records[0] if records else None


def _tick_e18(listed: ListedMarket) -> int:
    tick_e18: int = 10 ** (PRICE_DECIMALS - listed.market.quote_precision)
    return tick_e18
