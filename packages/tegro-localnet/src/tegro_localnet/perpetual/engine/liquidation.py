"""Liquidation, the insurance fund, and deleveraging, in the simple form of perpetual dialect 10.6.

An account is watched at the mark price: its cross positions together, each isolated one alone. Where the maintenance
margin is reached its orders are cancelled, and a position is sold to the book, no worse than at the bankruptcy price.
What the book does not take goes at that price to the insurance fund or, where the fund could not bear it, to the
opposite positions that have won most.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import msgspec

from tegro.model import Side
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.events import AtRisk, Liquidated, MarginCalled
from tegro_localnet.perpetual.engine.liquidation_price import bankruptcy_price_e18
from tegro_localnet.perpetual.engine.margin import RowMargin, account_margin, row_margin, rows_of
from tegro_localnet.perpetual.engine.matching import Matcher
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import (
    Execution,
    ExpiryReason,
    IncomeType,
    OrderStatus,
    OrderType,
    Reason,
    TimeInForce,
)
from tegro_localnet.perpetual.engine.units import E18, share_up

_CALL_PERCENT: Final = 80
_CALL_PAUSE_MS: Final = 60_000


class Liquidator:
    """Watches all accounts but the insurance fund."""

    def __init__(self, state: VenueState, matcher: Matcher) -> None:
        self._state: Final = state
        self._matcher: Final = matcher

    def check_all(self) -> None:
        """Liquidate whoever has reached the maintenance margin, and warn who has nearly.

        The insurance fund pays what an account owes that holds nothing any more.
        """
        for account in tuple(self._state.accounts.values()):
            if account is self._state.house:
                continue
            if self._may_be_near(account):
                self._check(account)
            if account.wallet_e8 < 0 and not any(account.held()):
                self._move_to_fund(account, account.wallet_e8, "")

    def _check(self, account: Account) -> None:
        for position in tuple(account.held()):
            if account.setting(position.symbol).is_isolated and self._isolated_fails(account, position):
                self._cancel(account.orders(position.symbol))
                self._close(account, position)
        if self._cross_fails(account):
            self._cancel(order for order in account.orders() if not account.setting(order.symbol).is_isolated)
            rows = [row for row in rows_of(account, self._state.markets) if not row.is_isolated]
            for row in sorted(rows, key=lambda row: -row.maintenance_e8):
                if row.position.quantity_e8 and self._cross_fails(account):
                    self._close(account, row.position)
        self._warn(account)

    def _may_be_near(self, account: Account) -> bool:
        """Say whether a warning or more could be due. It is quick, because everybody is asked at every mark price."""
        balance_e8, maintenance_e8, holds = account.wallet_e8, 0, False
        for position in account.positions.values():
            if not position.quantity_e8:
                continue
            holds = True
            market = self._state.markets[position.symbol]
            notional_e8 = position.notional_e8(market.mark_e18)
            needed_e8 = market.contract.maintenance_e8(abs(notional_e8))
            profit_e8 = notional_e8 - position.cost_e8
            if not account.setting(position.symbol).is_isolated:
                balance_e8 += profit_e8
                maintenance_e8 += needed_e8
            elif _is_near(needed_e8, position.isolated_wallet_e8 + profit_e8):
                return True
            else:
                balance_e8 -= position.isolated_wallet_e8
        return holds and _is_near(maintenance_e8, balance_e8)

    def _isolated_fails(self, account: Account, position: Position) -> bool:
        row = self._row(account, position)
        return position.isolated_wallet_e8 + row.unrealized_e8 <= row.maintenance_e8

    def _cross_fails(self, account: Account) -> bool:
        margin = account_margin(account, self._state.markets)
        return margin.cross_maintenance_e8 > 0 and margin.cross_balance_e8 <= margin.cross_maintenance_e8

    def _row(self, account: Account, position: Position) -> RowMargin:
        return row_margin(account, self._state.markets[position.symbol], position.side)

    def _equity_e8(self, account: Account, position: Position) -> int:
        if account.setting(position.symbol).is_isolated:
            return position.isolated_wallet_e8 + self._row(account, position).unrealized_e8
        return account_margin(account, self._state.markets).cross_balance_e8

    def _cancel(self, orders: Iterable[Order]) -> None:
        for order in tuple(orders):
            self._state.end(order, OrderStatus.EXPIRED, ExpiryReason.LIQUIDATION)

    def _close(self, account: Account, position: Position) -> None:
        state = self._state
        market = state.markets[position.symbol]
        equity_e8 = self._equity_e8(account, position)
        isolated_e8, wallet_e8 = position.isolated_wallet_e8, account.wallet_e8
        price_e18 = bankruptcy_price_e18(market, position, equity_e8)
        order = self._forced_order(position, account, "autoclose-", abs(position.quantity_e8), price_e18)
        self._matcher.take(order, price_e18)
        if order.is_open and not self._fund_bears(order, price_e18):
            self._deleverage(order, price_e18)
        if order.is_open:
            self._matcher.take_over(order, price_e18)
        self._matcher.sweep(account, order.symbol)
        # No commission is taken, so what is left of an isolated wallet is the wallet and what was realised.
        is_isolated = account.setting(order.symbol).is_isolated
        isolated_left_e8 = isolated_e8 + account.wallet_e8 - wallet_e8
        left_e8 = isolated_left_e8 if is_isolated else self._equity_e8(account, position)
        fee_e8 = min(share_up(order.quote_e8, market.contract.liquidation_fee_ppm), max(0, left_e8))
        self._move_to_fund(account, fee_e8, order.symbol)
        self._keep(order)

    def _forced_order(
        self, position: Position, account: Account, prefix: str, quantity_e8: int, price_e18: int
    ) -> Order:
        state = self._state
        order_id = state.order_ids.take()
        tick_e18 = state.markets[position.symbol].contract.tick_e18
        order = Order(
            order_id=order_id,
            client_order_id=f"{prefix}{order_id}",
            account_id=account.account_id,
            symbol=position.symbol,
            side=Side.SELL if position.quantity_e8 > 0 else Side.BUY,
            position_side=position.side,
            type=OrderType.LIQUIDATION,
            time_in_force=TimeInForce.IOC,
            price_e18=price_e18 // tick_e18 * tick_e18,
            quantity_e8=quantity_e8,
            created_ms=state.now_ms,
            updated_ms=state.now_ms,
        )
        state.orders.add(order, state.records[account.account_id])
        state.tell_order(order, Execution.NEW)
        return order

    def _fund_bears(self, order: Order, price_e18: int) -> bool:
        """Say whether the insurance fund could take the rest at a price and still be worth something."""
        state = self._state
        mark_e18 = state.markets[order.symbol].mark_e18
        gain_e8 = -order.sign * order.remaining_e8 * (mark_e18 - price_e18) // E18
        return account_margin(state.house, state.markets).margin_balance_e8 + gain_e8 >= 0

    def _deleverage(self, order: Order, price_e18: int) -> None:
        """Close opposite positions at the bankruptcy price, those first that have won most."""
        state = self._state
        opposite = [
            (account, position)
            for account in state.accounts.values()
            for position in account.held()
            if position.symbol == order.symbol and position.quantity_e8 * order.sign > 0
            if account.account_id not in (state.house.account_id, order.account_id)
        ]
        for account, position in sorted(opposite, key=lambda pair: self._rank(*pair), reverse=True):
            if not order.is_open:
                return
            self._cancel(account.orders(order.symbol))
            quantity_e8 = min(order.remaining_e8, abs(position.quantity_e8))
            counter = self._forced_order(position, account, "adl_autoclose-", quantity_e8, price_e18)
            self._matcher.cross(order, counter, quantity_e8, price_e18)
            self._matcher.sweep(account, order.symbol)
            self._keep(counter)

    def _rank(self, account: Account, position: Position) -> Fraction:
        """Return profit by cost, times the leverage in effect for winners, by it for losers."""
        row = self._row(account, position)
        profit = Fraction(row.unrealized_e8, max(1, abs(position.cost_e8)))
        leverage = Fraction(max(1, abs(row.notional_e8)), max(1, self._equity_e8(account, position)))
        return profit * leverage if profit > 0 else profit / leverage

    def _keep(self, order: Order) -> None:
        copy = msgspec.structs.replace(order)
        self._state.records[order.account_id].forced.append(copy)
        self._state.emit(Liquidated(order=copy, time_ms=self._state.now_ms))

    def _move_to_fund(self, account: Account, amount_e8: int, symbol: str) -> None:
        state = self._state
        state.pay(account, -amount_e8, IncomeType.INSURANCE_CLEAR, symbol)
        state.pay(state.house, amount_e8, IncomeType.INSURANCE_CLEAR, symbol)
        if amount_e8:
            state.tell_account(account, Reason.INSURANCE_CLEAR, change_e8=-amount_e8)

    def _warn(self, account: Account) -> None:
        """Call for margin where four fifths of it are used, at most once a minute."""
        state = self._state
        if account.margin_call_ms and state.now_ms - account.margin_call_ms < _CALL_PAUSE_MS:
            return
        margin = account_margin(account, state.markets)
        cross_is_near = _is_near(margin.cross_maintenance_e8, margin.cross_balance_e8)
        near = [
            row
            for row in rows_of(account, state.markets)
            if row.position.quantity_e8 and (self._isolated_is_near(row) if row.is_isolated else cross_is_near)
        ]
        if not near:
            return
        account.margin_call_ms = state.now_ms
        at_risk = tuple(
            AtRisk(
                state=state.position_state(account, row.position),
                mark_e18=state.markets[row.position.symbol].mark_e18,
                maintenance_e8=row.maintenance_e8,
            )
            for row in near
        )
        called = MarginCalled(
            account_id=account.account_id,
            cross_wallet_e8=account.cross_wallet_e8,
            positions=at_risk,
            time_ms=state.now_ms,
        )
        state.emit(called)

    def _isolated_is_near(self, row: RowMargin) -> bool:
        return _is_near(row.maintenance_e8, row.position.isolated_wallet_e8 + row.unrealized_e8)


def _is_near(maintenance_e8: int, balance_e8: int) -> bool:
    """Say whether four fifths of a balance are needed as maintenance margin."""
    return maintenance_e8 * 100 >= _CALL_PERCENT * balance_e8
