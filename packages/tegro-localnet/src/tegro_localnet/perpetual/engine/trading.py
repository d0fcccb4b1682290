"""Orders from the outside: placed, amended, cancelled."""

from typing import Final

import msgspec
from msgspec import Struct

from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.perpetual.engine.commands import AmendOrder, CancelAll, CancelOrder, CountDown, PlaceOrder
from tegro_localnet.perpetual.engine.intake import Intake, price_bound_e18
from tegro_localnet.perpetual.engine.matching import Matcher, crosses
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import Execution, ExpiryReason, OrderStatus, OrderType, TimeInForce

_REMAINDERS: Final = {
    TimeInForce.IOC: ExpiryReason.IOC_REMAINDER,
    TimeInForce.FOK: ExpiryReason.FOK,
}


class Placed(Struct, frozen=True):
    """An order as it was accepted, and as it is after matching."""

    accepted: Order
    order: Order


class Trading:
    """The life of orders."""

    def __init__(self, state: VenueState, matcher: Matcher) -> None:
        self._state: Final = state
        self._matcher: Final = matcher
        self._intake: Final = Intake(state, matcher)

    def place(self, command: PlaceOrder) -> Placed:
        """Check an order, match it, and let rest what may."""
        state = self._state
        order = self._intake.admit(command)
        accepted = msgspec.structs.replace(order)
        if not command.is_test:
            state.orders.add(order, state.records[order.account_id])
            state.tell_order(order, Execution.NEW)
            self._execute(order)
        return Placed(accepted, msgspec.structs.replace(order))

    def amend(self, command: AmendOrder) -> Order:
        """Change price or total quantity of a resting order.

        It is cancelled instead if it has executed as much already, or if it may not take and now would (dialect 4.5).
        """
        state = self._state
        order = self._open_order(command.account_id, command.order_id, -2013)
        self._intake.check_amendment(order, command)
        market = state.markets[order.symbol]
        if command.quantity_e8 <= order.executed_e8:
            state.end(order, OrderStatus.CANCELED)
            return msgspec.structs.replace(order)
        before = (order.price_e18, order.quantity_e8)
        state.withdraw(order)
        order.price_e18, order.quantity_e8 = command.price_e18, command.quantity_e8
        try:
            self._intake.check_margin(market, state.accounts[order.account_id], order)
        except Rejected:
            order.price_e18, order.quantity_e8 = before
            self._rest(order)
            raise
        best_e18 = market.best_e18(order.side.opposite)
        if order.time_in_force is TimeInForce.GTX and best_e18 and crosses(order.side, order.price_e18, best_e18):
            state.end(order, OrderStatus.EXPIRED, ExpiryReason.POST_ONLY)
        else:
            order.updated_ms = state.now_ms
            state.tell_order(order, Execution.AMENDMENT)
            self._execute(order)
        return msgspec.structs.replace(order)

    def cancel(self, command: CancelOrder) -> Order:
        """Cancel an order."""
        order = self._open_order(command.account_id, command.order_id, -2011)
        self._state.end(order, OrderStatus.CANCELED)
        return msgspec.structs.replace(order)

    def cancel_all(self, command: CancelAll) -> list[Order]:
        """Cancel all orders of a contract."""
        self._state.market(command.symbol)
        orders = self._state.accounts[command.account_id].orders(command.symbol)
        for order in orders:
            self._state.end(order, OrderStatus.CANCELED)
        return [msgspec.structs.replace(order) for order in orders]

    def count_down(self, command: CountDown) -> None:
        """Start, restart or stop a countdown."""
        self._state.market(command.symbol)
        key = (command.account_id, command.symbol)
        if command.countdown_ms > 0:
            self._state.countdowns[key] = self._state.now_ms + command.countdown_ms
        else:
            self._state.countdowns.pop(key, None)

    def expire_due(self) -> None:
        """Cancel where a countdown has ended, and expire the orders whose date has come."""
        state = self._state
        for (account_id, symbol), due_ms in tuple(state.countdowns.items()):
            if due_ms <= state.now_ms:
                del state.countdowns[account_id, symbol]
                self.cancel_all(CancelAll(account_id=account_id, symbol=symbol))
        for account in state.accounts.values():
            for order in account.orders():
                if 0 < order.good_till_ms <= state.now_ms:
                    state.end(order, OrderStatus.EXPIRED)

    def _execute(self, order: Order) -> None:
        """Match an order that rests nowhere, and end or rest what is left."""
        state = self._state
        market = state.markets[order.symbol]
        is_market = order.type is OrderType.MARKET
        self._matcher.take(order, price_bound_e18(market, order.side) if is_market else order.price_e18)
        if not order.is_open:
            return
        if order.must_reduce and state.accounts[order.account_id].reducible_e8(order) == 0:
            state.end(order, OrderStatus.EXPIRED, ExpiryReason.REDUCE_ONLY)
        elif is_market:
            state.end(order, OrderStatus.EXPIRED, ExpiryReason.MARKET_REMAINDER)
        elif (reason := _REMAINDERS.get(order.time_in_force)) is not None:
            state.end(order, OrderStatus.EXPIRED, reason)
        else:
            self._rest(order)

    def _rest(self, order: Order) -> None:
        state = self._state
        book = state.markets[order.symbol].book
        book.add(RestingOrder(str(order.order_id), order.side, order.price_e18, order.remaining_e8))
        state.accounts[order.account_id].open_orders.setdefault(order.symbol, {})[order.order_id] = order
        state.tell_level(order)

    def _open_order(self, account_id: int, order_id: int, code: int) -> Order:
        account = self._state.accounts[account_id]
        found = (orders[order_id] for orders in account.open_orders.values() if order_id in orders)
        order = next(found, None)
        if order is None:
            raise Rejected(code)
        return order
