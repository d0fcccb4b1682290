"""The public door to a perpetual venue: contracts, market data, account, orders, streams."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from types import TracebackType
from typing import Final, Self

import aiohttp

from tegro.backoff import Backoff, Sleep
from tegro.candles.interval import Interval
from tegro.errors import Closed, InvalidInput, NotConnected, Refused
from tegro.perpetual.book import PerpetualBook
from tegro.perpetual.live_books import PerpetualBooks
from tegro.perpetual.model import (
    Contract,
    DepthChange,
    FundingRate,
    Income,
    MarginBalance,
    MarginType,
    MarkPrice,
    PerpetualCandle,
    PerpetualFill,
    PerpetualOrder,
    PerpetualOrderRequest,
    PerpetualTrade,
    Position,
    PositionMode,
)
from tegro.perpetual.outcome import Accepted, CancelOutcome, PlaceOutcome, Rejected, Unknown
from tegro.perpetual.rest import RECV_WINDOW_MS, PerpetualRest
from tegro.perpetual.settings import PerpetualEnvironment
from tegro.perpetual.signing import ApiKey
from tegro.perpetual.stream import PerpetualStream
from tegro.perpetual.terms import new_client_order_id, parameters_of, require_side_of_mode

SETTLE_MS: Final = 1000
"""How long after a request can no longer be taken the lists are given to show what was."""
GIVE_UP_SECS: Final = 120.0


class AsyncPerpetual:
    """A perpetual venue, with or without an account. Use it in `async with`, or close it.

    Proven on localnet alone: no public API of Tegro's own futures is known (`docs/perpetual.md`).

    Parameters
    ----------
    environment
        See `tegro.perpetual.load_perpetual`.
    api_key
        The account. None for market data.
    session
        Used and not closed; None opens one.
    clock_ms, sleep, rng
        Time, waits, jitter; passed in so that a test need not wait.
    """

    def __init__(
        self,
        environment: PerpetualEnvironment,
        *,
        api_key: ApiKey | None = None,
        session: aiohttp.ClientSession | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Sleep = asyncio.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self.environment = environment
        self._api_key = api_key
        self._given_session = session
        self._session: aiohttp.ClientSession | None = None
        self._clock_ms = clock_ms
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311  jitter, nothing secret
        self._rest: PerpetualRest | None = None
        self._contracts: dict[str, Contract] = {}
        self._mode: PositionMode | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self.rest  # noqa: B018  opens the session inside the loop
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close what this object opened. May be repeated."""
        self._is_closed = True
        if self._session is not None and self._given_session is None:
            await self._session.close()

    @property
    def rest(self) -> PerpetualRest:
        """The plain requests, one method per endpoint."""
        if self._is_closed:
            raise Closed("the perpetual client is closed")
        if self._rest is None:
            self._session = self._given_session or aiohttp.ClientSession()
            self._rest = PerpetualRest(
                self.environment,
                self._session,
                api_key=self._api_key,
                clock_ms=self._clock_ms,
                sleep=self._sleep,
                rng=self._rng,
            )
        return self._rest

    # The market

    async def contracts(self, *, refresh: bool = False) -> list[Contract]:
        """Return every contract, from memory unless `refresh` is set."""
        if refresh or not self._contracts:
            self._contracts = {contract.symbol: contract for contract in await self.rest.contracts()}
        return list(self._contracts.values())

    async def contract(self, symbol: str) -> Contract:
        """Return one contract.

        Raises
        ------
        InvalidInput
            If the venue lists none of that name.
        """
        await self.contracts()
        found = self._contracts.get(symbol.upper())
        if found is None:
            known = ", ".join(sorted(self._contracts)) or "none"
            raise InvalidInput(f"there is no contract {symbol!r}; the venue lists {known}")
        return found

    async def book(self, symbol: str) -> PerpetualBook:
        """Return the book as it is now."""
        book = PerpetualBook(symbol)
        book.take_snapshot(await self.rest.depth(symbol))
        return book

    async def trades(self, symbol: str, *, limit: int = 500) -> list[PerpetualTrade]:
        """Return the latest public trades, oldest first."""
        return await self.rest.trades(symbol, limit=limit)

    async def candles(
        self,
        symbol: str,
        interval: Interval,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[PerpetualCandle]:
        """Return candles, oldest first; the running one may be the last. At most 1,500 at once."""
        return await self.rest.candles(symbol, interval.value, start_ms=start_ms, end_ms=end_ms, limit=limit)

    async def mark_price(self, symbol: str) -> MarkPrice:
        """Return mark and index price and the coming funding."""
        return await self.rest.mark_price(symbol)

    async def funding_rates(self, symbol: str, *, limit: int = 100) -> list[FundingRate]:
        """Return the latest funding settlements, oldest first."""
        return await self.rest.funding_rates(symbol, limit=limit)

    # The account

    async def balances(self) -> list[MarginBalance]:
        """Return what the account has."""
        return await self.rest.balances()

    async def positions(self, symbol: str | None = None) -> list[Position]:
        """Return the positions that are not flat."""
        return [position for position in await self.rest.positions(symbol) if position.quantity]

    async def position_mode(self) -> PositionMode:
        """Return how positions are kept, from memory once it is known."""
        if self._mode is None:
            self._mode = await self.rest.position_mode()
        return self._mode

    async def set_position_mode(self, mode: PositionMode) -> None:
        """Change how positions are kept. The venue refuses it while there are positions or open orders."""
        self._mode = None
        await self.rest.set_position_mode(mode)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        """Set a contract's leverage. May be repeated.

        Raises
        ------
        Refused
            If the venue refuses it or sets another one.
        """
        got = await self.rest.set_leverage(symbol, leverage)
        if got != leverage:
            raise Refused(f"leverage {leverage} of {symbol} was asked for, the venue set {got}", status=200)

    async def set_margin_type(self, symbol: str, margin_type: MarginType) -> None:
        """Set what stands behind a contract's positions. May be repeated."""
        await self.rest.set_margin_type(symbol, margin_type)

    async def fee_rates(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Return what makers and takers pay, as fractions of the notional."""
        return await self.rest.fee_rates(symbol)

    async def income(
        self, *, symbol: str | None = None, kind: str | None = None, start_ms: int | None = None
    ) -> list[Income]:
        """Return changes of the wallet balance, oldest first: funding payments are of kind FUNDING_FEE."""
        return await self.rest.income(symbol=symbol, kind=kind, start_ms=start_ms)

    # Orders

    async def place(self, request: PerpetualOrderRequest) -> PlaceOutcome:
        """Check and send one order, once.

        Returns
        -------
        Accepted, Rejected or Unknown
            What became of it. An `Unknown` one must not be sent again: give it to `resolve`.

        Raises
        ------
        InvalidInput
            If the venue could only refuse it. Nothing was sent.
        SigningRefused
            If the host was not confirmed. Nothing was sent.
        NotConnected
            If the connection was never made. Nothing was sent.
        """
        parameters = parameters_of(request, request.client_order_id or new_client_order_id())
        require_side_of_mode(request, await self.position_mode())
        return await self.rest.place(parameters)

    async def resolve(self, unknown: Unknown) -> Accepted | Rejected | Unknown:
        """Find out what became of an order. May be repeated; it takes some seconds, at most two minutes.

        The venue takes no request after its window (dialect 1.5). What it does not know then, in two readings, it never
        took.
        """
        gone_at_ms = unknown.sent_at_ms + RECV_WINDOW_MS + SETTLE_MS
        give_up_at_ms = self._clock_ms() + round(GIVE_UP_SECS * 1000)
        backoff, failures, absences = Backoff(first_secs=0.5, cap_secs=5.0), 0, 0
        while self._clock_ms() < give_up_at_ms:
            try:
                order = await self.rest.order(unknown.symbol, unknown.client_order_id)
            except (NotConnected, Refused):
                failures += 1
                await self._sleep(backoff.delay_secs(failures, self._rng))
                continue
            if order is not None:
                return Accepted(client_order_id=unknown.client_order_id, order=order)
            absences += self.rest.venue_ms() >= gone_at_ms
            if absences >= 2:
                reason = "the venue has no such order, and its request can no longer be taken"
                return Rejected(client_order_id=unknown.client_order_id, reason=reason)
            await self._sleep(max((gone_at_ms - self.rest.venue_ms()) / 1000, SETTLE_MS / 1000))
        return unknown

    async def cancel(self, symbol: str, client_order_id: str) -> CancelOutcome:
        """Cancel an order by its owner's id. It may be sent again."""
        return await self.rest.cancel(symbol, client_order_id)

    async def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a contract. May be repeated."""
        await self.rest.cancel_all(symbol)

    async def order(self, symbol: str, client_order_id: str) -> PerpetualOrder | None:
        """Return an order by its owner's id; None where the venue knows none."""
        return await self.rest.order(symbol, client_order_id)

    async def order_by_id(self, symbol: str, order_id: int) -> PerpetualOrder | None:
        """Return an order by the venue's id; None where the venue knows none."""
        return await self.rest.order_by_id(symbol, order_id)

    async def orders(self, symbol: str, *, from_id: int, to_id: int) -> list[PerpetualOrder]:
        """Return own orders of a contract between two of the venue's ids, oldest first, all pages.

        Those that ended more than seven days ago may be left out.
        """
        found = page = await self.rest.orders(symbol, from_id=from_id)
        while len(page) == 1000 and found[-1].order_id < to_id:
            page = await self.rest.orders(symbol, from_id=found[-1].order_id + 1)
            found = found + page
        return [order for order in found if order.order_id <= to_id]

    async def open_orders(self, symbol: str | None = None) -> list[PerpetualOrder]:
        """Return the open orders; None means of every contract."""
        return await self.rest.open_orders(symbol)

    async def fills(self, symbol: str, *, start_ms: int | None = None) -> list[PerpetualFill]:
        """Return own fills of a contract from a moment on, oldest first, all pages; None: the last seven days."""
        found = await self.rest.fills(symbol, start_ms=start_ms)
        page = found
        while len(page) == 1000:
            page = await self.rest.fills(symbol, from_id=found[-1].trade_id + 1)
            found = found + page
        return found

    def live_books(
        self, symbols: Iterable[str], *, on_change: Callable[[DepthChange], None] | None = None
    ) -> PerpetualBooks:
        """Return live books of some contracts; see `PerpetualBooks`."""
        return PerpetualBooks(self.rest, self.stream, symbols, on_change=on_change, sleep=self._sleep, rng=self._rng)

    async def last_price(self, symbol: str) -> Decimal:
        """Return the price of the last trade."""
        return await self.rest.last_price(symbol)

    def stream(
        self, symbols: Iterable[str] = (), *, candles: Interval | None = None, account: bool = False
    ) -> PerpetualStream:
        """Return a stream of books, trades and marks, candles if asked for, and the account's events.

        Raises
        ------
        InvalidInput
            If it would follow nothing.
        """
        names = list(symbols)
        if not names and not account:
            raise InvalidInput("name a contract to follow, or follow the account")
        rest = self.rest
        assert self._session is not None  # noqa: S101  `rest` has opened it
        return PerpetualStream(
            self.environment,
            self._session,
            symbols=names,
            candles=None if candles is None else candles.value,
            listen_keys=rest if account else None,
            sleep=self._sleep,
            rng=self._rng,
        )
