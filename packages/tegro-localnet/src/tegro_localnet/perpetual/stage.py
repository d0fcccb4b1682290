"""A contract on which recorded trades can be replayed. Its index follows them, so its mark price does."""

import logging
from collections.abc import Callable
from typing import Final

from tegro.model import Side
from tegro_localnet.agents.decisions import Wish
from tegro_localnet.agents.stage import Left, nearest_tick
from tegro_localnet.agents.tape import QUANTITY_DECIMALS, TapeOrder
from tegro_localnet.perpetual.agents import worth_e8
from tegro_localnet.perpetual.engine.commands import CancelAll, PlaceOrder, SetIndex, SetLeverage
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.units import E8, notional_e8
from tegro_localnet.perpetual.venue import PerpetualVenue

_LOG: Final = logging.getLogger(__name__)
_STOCK_E8: Final = 10**9 * E8


class PerpetualStage:
    """A contract with accounts that trade on it.

    Parameters
    ----------
    venue : PerpetualVenue
        Where.
    symbol : str
        The contract.
    takers : int
        How many accounts there are beside the one that keeps the quotes.

    Attributes
    ----------
    account_ids : list of int
        The accounts, by the traders' numbers; empty before `equip`.
    """

    def __init__(self, venue: PerpetualVenue, symbol: str, *, takers: int) -> None:
        self._venue: Final = venue
        self._market: Final = venue.state.markets[symbol]
        self._count: Final = 1 + takers
        self.account_ids: Final[list[int]] = []

    @property
    def symbol(self) -> str:
        """Its name."""
        return self._market.contract.symbol

    @property
    def tick_e18(self) -> int:
        """Smallest step of a price."""
        return self._market.contract.tick_e18

    async def equip(self) -> None:
        """Open the accounts, or find them again; they hold as much as the venue allows."""
        for number in range(self._count):
            account_id, is_new = self._venue.account_for(f"replay trader {number}", _STOCK_E8)
            if is_new:
                self._venue.apply(SetLeverage(account_id=account_id, symbol=self.symbol, leverage=1))
            self.account_ids.append(account_id)

    def wish_of(self, order: TapeOrder) -> Wish | None:
        """Return a tape's order in the contract's own terms; None where it is worth less than the minimum."""
        contract = self._market.contract
        price_e18 = nearest_tick(order.price_e18, contract.tick_e18)
        quantity_e8 = order.quantity_e18 * E8 // 10**QUANTITY_DECIMALS // contract.step_e8 * contract.step_e8
        if quantity_e8 == 0 or notional_e8(quantity_e8, price_e18) < contract.min_notional_e8:
            return None
        return Wish(order.side, price_e18, quantity_e8)

    def worth(self, price_e18: int, value: int) -> int:
        """Return the quantity, in whole steps, that is worth about a value in whole USDT."""
        return worth_e8(self._market.contract, price_e18, value)

    def best_e18(self, side: Side) -> int | None:
        """Return the best price of one side of the book; None where it is empty."""
        return self._market.best_e18(side)

    def move_to(self, price_e18: int) -> None:
        """Let what is due at this time happen, then set the index."""
        self._venue.pulse()
        self._venue.apply(SetIndex(symbol=self.symbol, price_e18=price_e18))

    async def place(self, trader: int, wish: Wish) -> Left | None:
        """Place an order, in parts where the contract allows no single one of that size; None if one was refused."""
        orders: list[Order] = []
        left_e8 = wish.quantity_wei
        while left_e8:
            part_e8 = min(left_e8, self._market.contract.max_quantity_e8)
            order = self._place_part(trader, wish, part_e8)
            if order is None:
                return None
            orders.append(order)
            left_e8 -= part_e8
        return self._left_of(orders)

    def cancel(self, trader: int) -> None:
        """Cancel all open orders of a trader in the contract."""
        account_id = self.account_ids[trader]
        if self._venue.state.accounts[account_id].orders(self.symbol):
            self._venue.apply(CancelAll(account_id=account_id, symbol=self.symbol))

    def _place_part(self, trader: int, wish: Wish, quantity_e8: int) -> Order | None:
        command = PlaceOrder(
            account_id=self.account_ids[trader],
            symbol=self.symbol,
            side=wish.side,
            price_e18=wish.price_e18,
            quantity_e8=quantity_e8,
        )
        try:
            placed: Order = self._venue.apply(command).order
        except Rejected as refusal:
            _LOG.info("an order of the replay on %s was refused: %s", self.symbol, refusal)
            return None
        return placed

    def _left_of(self, orders: list[Order]) -> Callable[[], int]:
        def left() -> int:
            known = (
                self._venue.state.orders.find(order.account_id, order.symbol, order.order_id, None) for order in orders
            )
            return sum(order.remaining_e8 for order in known if order is not None and order.is_open)

        return left
