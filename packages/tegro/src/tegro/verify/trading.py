"""V21 to V24: one minimum order, placed far from the market and cancelled. The only checks that sign something."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

from tegro.backoff import Sleep
from tegro.errors import InvalidInput, TegroError
from tegro.model import CancelCode, Chain, Market, Order, OrderRequest, OrderStatus, OrderType, Side, round_down
from tegro.order_book import OrderBook
from tegro.order_terms import least_quantity, minimum_value_wei
from tegro.outcome import Accepted, Cancelled, CancelOutcome, PlaceOutcome, Rejected
from tegro.verify.report import Finding, Result, printable

FACTS: Final = (
    ("V21", "an order that is signed as this project signs it is accepted", "4.8, 6.2"),
    ("V22", "it is listed as open, under the hash that was computed here", "4.12, 6.3"),
    ("V23", "a cancel of its id, signed as this project signs it, is accepted", "4.10, 6.4"),
    ("V24", "it is then listed as cancelled by its user (code 611)", "4.12, 5.6"),
)
_DISTANCE: Final = 2
"""The order's price is the best one divided by this."""
_LOOKS: Final = 10
_PAUSE_SECS: Final = 0.3


class TradingClient(Protocol):
    """What is needed of a client with a signer; `AsyncTegro` is one."""

    async def chain(self) -> Chain:
        """Return the trusted chain."""
        ...

    async def fresh_book(self, market: Market) -> OrderBook:
        """Return a book that is not stale."""
        ...

    async def place(self, request: OrderRequest) -> PlaceOutcome:
        """Place an order."""
        ...

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Cancel orders."""
        ...

    async def order(self, order_id: str) -> Order | None:
        """Return one order."""
        ...


async def smallest_buy(client: TradingClient, market: Market) -> OrderRequest:
    """Return the smallest buy that the venue takes, at half the best price, so that nobody will trade with it.

    Raises
    ------
    InvalidInput
        If nobody is in the book, so that no price is known to be far away.
    """
    book = await client.fresh_book(market)
    best = book.best_bid or book.best_ask
    if best is None:
        raise InvalidInput(f"the book of {market.symbol} is empty, so no price is known to be far away: name a market")
    price = max(round_down(best.price / _DISTANCE, market.tick_size), market.tick_size)
    least_wei = minimum_value_wei(market, await client.chain())
    return OrderRequest(
        market=market,
        side=Side.BUY,
        price=price,
        quantity=least_quantity(market, price, least_wei),
        order_type=OrderType.LIMIT_MAKER,
    )


async def verify_trading(
    client: TradingClient, request: OrderRequest, *, sleep: Sleep = asyncio.sleep
) -> tuple[Finding, ...]:
    """Place the order, look for it, cancel it, look again; say of each step whether the fact holds.

    A step that fails leaves those after it unchecked, but an order that was accepted is cancelled in any case.
    """
    steps = _Steps(client, request, sleep)
    await steps.walk()
    return tuple(steps.findings) + tuple(
        _finding(place, Result.NOT_CHECKED, "a step before it failed")
        for place in range(len(steps.findings), len(FACTS))
    )


class _Steps:
    def __init__(self, client: TradingClient, request: OrderRequest, sleep: Sleep) -> None:
        self._client = client
        self._request = request
        self._sleep = sleep
        self.findings: list[Finding] = []

    async def walk(self) -> None:
        accepted = await self._place()
        if accepted is None:
            return
        await self._listed(accepted, OrderStatus.OPEN)
        if await self._cancel(accepted.order_id):
            await self._listed(accepted, OrderStatus.CANCELLED)

    async def _place(self) -> Accepted | None:
        try:
            outcome = await self._client.place(self._request)
        except TegroError as error:
            self._note(Result.NOT_CHECKED, str(error))
            return None
        if isinstance(outcome, Accepted):
            self._note(Result.HOLDS, f"{self._described()}: accepted as {outcome.order_id}")
            return outcome
        if isinstance(outcome, Rejected):
            self._note(Result.DIFFERS, f"{self._described()}: refused: {outcome.reason}")
        else:
            self._note(Result.NOT_CHECKED, f"the order may be live ({outcome.cause}), hash {outcome.order_hash}")
        return None

    async def _cancel(self, order_id: str) -> bool:
        try:
            outcome = await self._client.cancel([order_id])
        except TegroError as error:
            self._note(Result.NOT_CHECKED, f"order {order_id} is still open: {error}")
            return False
        if isinstance(outcome, Cancelled) and order_id in outcome.cancelled:
            self._note(Result.HOLDS, f"order {order_id} is cancelled")
            return True
        self._note(Result.DIFFERS, f"order {order_id} may still be open: {outcome}")
        return False

    async def _listed(self, accepted: Accepted, status: OrderStatus) -> None:
        """Look whether the venue lists the order in this state; it may take a moment."""
        seen = "the order is not listed"
        for _ in range(_LOOKS):
            try:
                order = await self._client.order(accepted.order_id)
            except TegroError as error:
                self._note(Result.NOT_CHECKED, str(error))
                return
            if order is not None:
                seen = f"{order.status}, code {order.cancel_code}, hash {order.order_hash}"
                if _is_as_meant(order, accepted.order_hash, status):
                    self._note(Result.HOLDS, seen)
                    return
            await self._sleep(_PAUSE_SECS)
        self._note(Result.DIFFERS, seen)

    def _described(self) -> str:
        request = self._request
        return f"{request.side} {request.quantity:f} {request.market.symbol} at {request.price:f}"

    def _note(self, result: Result, note: str) -> None:
        self.findings.append(_finding(len(self.findings), result, note))


def _is_as_meant(order: Order, order_hash: str, status: OrderStatus) -> bool:
    is_user_cancel = status is not OrderStatus.CANCELLED or order.cancel_code == CancelCode.USER
    return order.order_hash == order_hash and order.status is status and order.filled == Decimal(0) and is_user_cancel


def _finding(place: int, result: Result, note: str) -> Finding:
    number, fact, section = FACTS[place]
    return Finding(number=number, fact=fact, section=section, result=result, note=printable(note))
