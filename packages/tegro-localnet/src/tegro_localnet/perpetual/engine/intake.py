"""Every check of a new order, in the order in which clients expect them (perpetual dialect 1.9)."""

import re
from typing import Final

from tegro.model import Side
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.commands import AmendOrder, PlaceOrder
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.margin import account_margin, row_margin
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.engine.matching import Matcher, crosses
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import OrderType, PositionSide, TimeInForce
from tegro_localnet.perpetual.engine.units import PPM, notional_e8, share_up

_CLIENT_ID: Final = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_OWN_PREFIXES: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
_LEAST_GOOD_TILL_MS: Final = 600_000
_MOST_GOOD_TILL_MS: Final = 253_402_300_799_000
_MARKET_PREMIUM_PPM: Final = 500
"""How much worse than the best ask a market buy is assumed to trade (perpetual dialect 10.3)."""


class Intake:
    """Turns a command into an order, or refuses it."""

    def __init__(self, state: VenueState, matcher: Matcher) -> None:
        self._state = state
        self._matcher = matcher

    def admit(self, command: PlaceOrder) -> Order:
        """Return the order that a command asks for. Nothing is changed yet but the count of order numbers.

        Raises
        ------
        Rejected
            With the dialect's code.
        """
        state = self._state
        market = state.market(command.symbol)
        account = state.accounts[command.account_id]
        if (command.position_side is PositionSide.BOTH) is account.is_hedge:
            raise Rejected(-4061)
        if account.is_hedge and command.reduce_only:
            raise Rejected(-1106)
        self._check_client_id(command)
        order = self._build(command, account)
        self._check_filters(market, order)
        self._check_notional(market, order)
        self._check_reducing(account, order)
        if len(account.open_orders.get(order.symbol, {})) >= market.contract.max_open_orders:
            raise Rejected(-2025)
        self.check_margin(market, account, order)
        self._check_execution(market, order)
        return order

    def check_amendment(self, order: Order, command: AmendOrder) -> None:
        """Refuse a new price or quantity that the filters forbid."""
        if order.type is not OrderType.LIMIT:
            raise Rejected(-5025)
        if (order.price_e18, order.quantity_e8) == (command.price_e18, command.quantity_e8):
            raise Rejected(-5027)
        if command.must_be_reduce_only and not order.reduce_only:
            raise Rejected(-5047)
        market = self._state.market(order.symbol)
        _check_quantity(market.contract, command.quantity_e8, market.contract.max_quantity_e8)
        _check_price(market, order.side, command.price_e18)

    def check_margin(self, market: Market, account: Account, order: Order) -> None:
        """Refuse what the account could not hold; the order must not be among its open orders (dialect 10.3)."""
        if order.must_reduce:
            return
        assumed_e18 = _assumed_price_e18(market, order)
        worth_e8 = notional_e8(order.remaining_e8, assumed_e18)
        is_buy = order.side is Side.BUY
        row = row_margin(account, market, order.position_side)
        worst_e8, initial_e8 = row.with_orders(worth_e8, 0) if is_buy else row.with_orders(0, worth_e8)
        if worst_e8 == row.worst_e8:
            return
        if worst_e8 > market.contract.max_notional_e8(row.leverage):
            raise Rejected(-2027)
        loss_e18 = max(0, order.sign * (assumed_e18 - market.mark_e18))
        cost_e8 = initial_e8 - row.initial_e8 + notional_e8(order.remaining_e8, loss_e18)
        cost_e8 += share_up(worth_e8, market.contract.taker_fee_ppm)
        if cost_e8 > account_margin(account, self._state.markets, row).available_e8:
            raise Rejected(-2019)

    def _check_client_id(self, command: PlaceOrder) -> None:
        client_order_id = command.client_order_id
        if client_order_id is None:
            return
        if not _CLIENT_ID.fullmatch(client_order_id) or client_order_id.startswith(_OWN_PREFIXES):
            raise Rejected(-4015)
        self._state.orders.require_free(command.account_id, command.symbol, client_order_id)

    def _build(self, command: PlaceOrder, account: Account) -> Order:
        state = self._state
        quantity_e8 = command.quantity_e8
        if command.close_position:
            if quantity_e8:
                raise Rejected(-4137)
            quantity_e8 = abs(account.position(command.symbol, command.position_side).quantity_e8)
            if not quantity_e8:
                raise Rejected(-2022)
        order_id = state.order_ids.take()
        is_market = command.type is OrderType.MARKET
        return Order(
            order_id=order_id,
            client_order_id=command.client_order_id or f"local{order_id}",
            account_id=command.account_id,
            symbol=command.symbol,
            side=command.side,
            position_side=command.position_side,
            type=command.type,
            time_in_force=TimeInForce.GTC if is_market else command.time_in_force,
            price_e18=0 if is_market else command.price_e18,
            quantity_e8=quantity_e8,
            created_ms=state.now_ms,
            updated_ms=state.now_ms,
            reduce_only=command.reduce_only,
            close_position=command.close_position,
            self_trade=command.self_trade,
            good_till_ms=command.good_till_ms if command.time_in_force is TimeInForce.GTD else 0,
        )

    def _check_filters(self, market: Market, order: Order) -> None:
        contract = market.contract
        is_market = order.type is OrderType.MARKET
        most_e8 = contract.max_market_quantity_e8 if is_market else contract.max_quantity_e8
        if not order.close_position:
            _check_quantity(contract, order.quantity_e8, most_e8)
        if not is_market:
            _check_price(market, order.side, order.price_e18)
        if order.time_in_force is TimeInForce.GTD:
            soonest_ms = self._state.now_ms + _LEAST_GOOD_TILL_MS
            if not soonest_ms < order.good_till_ms < _MOST_GOOD_TILL_MS:
                raise Rejected(-5040)

    def _check_notional(self, market: Market, order: Order) -> None:
        least_e8 = market.contract.min_notional_e8
        price_e18 = order.price_e18 or market.mark_e18
        if not order.must_reduce and notional_e8(order.quantity_e8, price_e18) < least_e8:
            # The real venue writes the number without decimals where it has none.
            raise Rejected(
                -4164, f"Order's notional must be no smaller than {least_e8 // 10**8} (unless you choose reduce only)."
            )

    def _check_reducing(self, account: Account, order: Order) -> None:
        if not order.must_reduce:
            return
        reducible_e8 = account.reducible_e8(order)
        is_too_much = account.is_hedge and order.quantity_e8 > reducible_e8
        if reducible_e8 == 0 or is_too_much:
            raise Rejected(-2022)

    def _check_execution(self, market: Market, order: Order) -> None:
        best_e18 = market.best_e18(order.side.opposite)
        if order.type is OrderType.MARKET:
            if best_e18 is None:
                raise Rejected(-1112)
        elif order.time_in_force is TimeInForce.GTX:
            if best_e18 is not None and crosses(order.side, order.price_e18, best_e18):
                raise Rejected(-5022)
        elif order.time_in_force is TimeInForce.FOK and not self._matcher.could_fill(order, order.price_e18):
            raise Rejected(-5021)


def price_bound_e18(market: Market, side: Side) -> int:
    """Return the worst price that PERCENT_PRICE allows a side, on the tick."""
    contract = market.contract
    if side is Side.BUY:
        return market.mark_e18 * contract.price_up_ppm // PPM // contract.tick_e18 * contract.tick_e18
    return -(-market.mark_e18 * contract.price_down_ppm // PPM // contract.tick_e18) * contract.tick_e18


def _check_quantity(contract: Contract, quantity_e8: int, most_e8: int) -> None:
    if quantity_e8 <= 0:
        raise Rejected(-4003)
    if quantity_e8 % contract.step_e8:
        raise Rejected(-1111)
    if quantity_e8 > most_e8:
        raise Rejected(-4005)


def _check_price(market: Market, side: Side, price_e18: int) -> None:
    contract = market.contract
    if price_e18 < 0:
        raise Rejected(-4001)
    if price_e18 < contract.tick_e18:
        raise Rejected(-4013)
    if price_e18 % contract.tick_e18:
        raise Rejected(-1111)
    if price_e18 > contract.max_price_e18:
        raise Rejected(-4002)
    bound_e18 = price_bound_e18(market, side)
    if side is Side.BUY and price_e18 > bound_e18:
        raise Rejected(-4016)
    if side is Side.SELL and price_e18 < bound_e18:
        raise Rejected(-4024)


def _assumed_price_e18(market: Market, order: Order) -> int:
    best_bid_e18 = market.best_e18(Side.BUY) or 0
    if order.type is OrderType.LIMIT:
        return order.price_e18 if order.side is Side.BUY else max(order.price_e18, best_bid_e18)
    if order.side is Side.SELL:
        return best_bid_e18
    return (market.best_e18(Side.SELL) or 0) * (PPM + _MARKET_PREMIUM_PPM) // PPM
