"""Everything that an order has to pass before it is signed: maker or taker, limits, funds."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from decimal import Decimal
from typing import Final

from tegro.errors import TegroError
from tegro.funds import Funds, FundsReading, Shortfall
from tegro.limits import LimitGuard
from tegro.market_plan import give_away_warning
from tegro.model import Market, OrderRequest, OrderType, Side, Token
from tegro.order_book import OrderBook
from tegro.order_terms import require_maker
from tegro.settings import Environment

_log = logging.getLogger(__name__)

STALE_SECS: Final = 10.0
"""Age of a reading of the funds after which a new one is made, beside the order that notices it."""
USELESS_SECS: Final = 300.0
"""Age after which an order waits for a new one. In between own orders are counted, and the venue looks too."""


class PreTrade:
    """Holds orders against the book, the limits and the funds.

    Parameters
    ----------
    environment
        Its limits, its distance of limit-maker orders.
    funds
        What the wallet can still spend.
    guard
        The user's limits.
    fresh_book
        Returns a book that is not stale, reading it where none is followed.
    followed_book
        Returns the book of a market if one is followed and not stale, without asking the venue; else None.
    read_funds
        Reads what the wallet holds of some tokens.
    clock_ms
        Time in milliseconds.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        funds: Funds,
        guard: LimitGuard,
        fresh_book: Callable[[Market], Awaitable[OrderBook]],
        followed_book: Callable[[Market], OrderBook | None],
        read_funds: Callable[[Collection[Token]], Awaitable[FundsReading]],
        clock_ms: Callable[[], int],
    ) -> None:
        self._environment = environment
        self._funds = funds
        self._guard = guard
        self._fresh_book = fresh_book
        self._followed_book = followed_book
        self._read_funds = read_funds
        self._clock_ms = clock_ms
        self._tokens: set[Token] = set()
        self._read_at_ms = 0
        self._failed_at_ms = -int(STALE_SECS * 1000) - 1
        self._reading: asyncio.Task[None] | None = None

    async def admit(self, request: OrderRequest, order_hash: str, cost_wei: int) -> None:
        """Hold what the order may cost, or refuse it. See `tegro.desk.PreTradeChecks`."""
        mid = await self._check_book(request)
        shortfall = await self._shortfall(request, cost_wei)
        # From here on nothing waits: two orders must not be covered by the same funds, or pass the same limit.
        open_notional = self._funds.open_notional(request.market)
        self._guard.check(request, mid=mid, open_notional=open_notional, now_ms=self._clock_ms())
        if shortfall is not None:
            raise shortfall.error(self._environment)
        self._funds.reserve(order_hash, request, cost_wei)

    def withdraw(self, order_hash: str) -> None:
        """Take back an admission. See `tegro.desk.PreTradeChecks`."""
        self._funds.release(order_hash)

    async def read(self, tokens: Collection[Token]) -> None:
        """Read the funds of some tokens now, and of these from now on.

        Raises
        ------
        TegroError
            If they cannot be read.
        """
        self._tokens |= set(tokens)
        reading = await self._read_funds(self._tokens)
        self._funds.refresh(reading)
        self._read_at_ms = reading.started_at_ms

    async def aclose(self) -> None:
        """End what runs beside the orders. May be repeated."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _check_book(self, request: OrderRequest) -> Decimal | None:
        """Hold the order against the book; return the mid price, None where it is not known."""
        market, side = request.market, request.side
        needs_book = request.order_type is OrderType.LIMIT_MAKER or self._guard.needs_mid(market)
        book = await self._fresh_book(market) if needs_book else self._followed_book(market)
        best_bid, best_ask = (book.best_bid, book.best_ask) if book is not None else (None, None)
        best_opposite = best_ask if side is Side.BUY else best_bid
        if request.order_type is OrderType.LIMIT_MAKER:
            require_maker(
                market,
                side,
                request.price,
                best_opposite=best_opposite.price if best_opposite is not None else None,
                distance_ticks=self._environment.maker_distance_ticks,
            )
        elif request.order_type is OrderType.LIMIT and side is Side.SELL and book is not None:
            _warn_of_gift(book, request)
        return (best_bid.price + best_ask.price) / 2 if best_bid is not None and best_ask is not None else None

    async def _shortfall(self, request: OrderRequest, cost_wei: int) -> Shortfall | None:
        """Return what is missing for an order, by a reading that is young enough; None if it is covered.

        Before anything is missing there was a new reading.
        """
        self._tokens |= {request.market.base, request.market.quote}
        if self._funds.is_fresh(request):
            self._renew_if_stale()
            if self._funds.cover(request, cost_wei) is None:
                return None
        if not self._has_just_failed:
            await self._try_to_read()
        return self._funds.cover(request, cost_wei) if self._read_at_ms else None

    def _renew_if_stale(self) -> None:
        is_stale = self._clock_ms() - self._read_at_ms > STALE_SECS * 1000
        if is_stale and not self._is_reading and not self._has_just_failed:
            self._reading = asyncio.create_task(self._try_to_read(), name="tegro funds")

    @property
    def _has_just_failed(self) -> bool:
        return self._clock_ms() - self._failed_at_ms <= STALE_SECS * 1000

    @property
    def _is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def _try_to_read(self) -> None:
        try:
            await self.read(())
        except TegroError as error:
            self._failed_at_ms = self._clock_ms()
            # The venue looks at funds too (protocol 5.5); a node that is down must not stop a bot.
            _log.warning("the funds could not be read, so only the venue checks them: %s", error)


def _warn_of_gift(book: OrderBook, request: OrderRequest) -> None:
    market, side, price = request.market, request.side, request.price
    warning = give_away_warning(book.bids(), market=market, side=side, price=price, quantity=request.quantity)
    if warning is not None:
        _log.warning("%s", warning)
