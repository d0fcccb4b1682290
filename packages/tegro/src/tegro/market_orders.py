"""Market orders, carried out: a plan through the book, sent slice by slice, and what does not match cancelled.

The venue knows limit orders only (protocol 5.2). The plan is made by `tegro.market_plan`.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tegro.backoff import Sleep
from tegro.errors import TegroError
from tegro.market_plan import MarketPlan
from tegro.model import Order, OrderRequest, OrderType
from tegro.outcome import Accepted, CancelOutcome, NotSent, PlaceOutcome, not_sent

MATCH_GRACE_SECS: Final = 0.5
"""How long a slice may take to match before its rest is cancelled: the venue answers first and matches then (5.5)."""


class MarketResult(Struct, frozen=True, kw_only=True):
    """What became of a market order."""

    plan: MarketPlan
    outcomes: tuple[PlaceOutcome | NotSent, ...]
    """One for each slice that was tried, in the order of sending; the first that was not accepted is the last."""
    remainder: CancelOutcome | NotSent | None
    """The cancel of what did not match at once; None where no slice was accepted. `not_found`: everything matched."""
    orders: tuple[Order, ...]
    """The accepted slices as the venue shows them after the cancel. What matched may still have to settle."""

    @property
    def is_complete(self) -> bool:
        """Whether every slice of the plan was accepted. What the book did not hold is in `plan.unfilled`."""
        accepted = sum(isinstance(outcome, Accepted) for outcome in self.outcomes)
        return accepted == len(self.plan.slices)


class MarketOrders:
    """Carries out plans.

    Parameters
    ----------
    place, cancel, read_order
        How an order is placed, cancelled, read again.
    sleep
        For the time that a match may take.
    """

    def __init__(
        self,
        *,
        place: Callable[[OrderRequest], Awaitable[PlaceOutcome]],
        cancel: Callable[[Sequence[str]], Awaitable[CancelOutcome]],
        read_order: Callable[[str], Awaitable[Order | None]],
        sleep: Sleep,
    ) -> None:
        self._place = place
        self._cancel = cancel
        self._read_order = read_order
        self._sleep = sleep

    async def carry_out(self, plan: MarketPlan, request: OrderRequest) -> MarketResult:
        """Send every slice, give them time to match, cancel the rest.

        Parameters
        ----------
        plan
            What to send.
        request
            Market, side, client order id and expiry of the slices.

        Raises
        ------
        TegroError
            If the first slice was not sent. Later the reason is in the result.
        """
        outcomes = await self._send(plan, request)
        accepted = [outcome.order_id for outcome in outcomes if isinstance(outcome, Accepted)]
        if not accepted:
            return MarketResult(plan=plan, outcomes=outcomes, remainder=None, orders=())
        await self._sleep(MATCH_GRACE_SECS)
        try:
            remainder: CancelOutcome | NotSent = await self._cancel(accepted)
        except TegroError as error:
            remainder = not_sent(error)
        return MarketResult(plan=plan, outcomes=outcomes, remainder=remainder, orders=await self._read(accepted))

    async def _send(self, plan: MarketPlan, request: OrderRequest) -> tuple[PlaceOutcome | NotSent, ...]:
        # One after the other: a later slice, with a worse price, would take the level of an earlier one.
        outcomes: list[PlaceOutcome | NotSent] = []
        for number, part in enumerate(plan.slices, start=1):
            name = request.client_order_id
            if name is not None and number > 1:
                name = f"{name}/{number}"
            slice_request = replace(
                request, price=part.price, quantity=part.quantity, order_type=OrderType.MARKET, client_order_id=name
            )
            try:
                outcome: PlaceOutcome | NotSent = await self._place(slice_request)
            except TegroError as error:
                if number == 1:
                    raise
                outcome = not_sent(error)
            outcomes.append(outcome)
            if not isinstance(outcome, Accepted):
                break
        return tuple(outcomes)

    async def _read(self, order_ids: Sequence[str]) -> tuple[Order, ...]:
        orders = []
        for order_id in order_ids:
            try:
                order = await self._read_order(order_id)
            except TegroError:
                continue
            if order is not None:
                orders.append(order)
        return tuple(orders)
