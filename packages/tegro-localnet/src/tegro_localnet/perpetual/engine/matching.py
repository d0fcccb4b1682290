"""Trades: an incoming order takes from the book at the resting prices, and both sides are booked."""

from typing import Final

from tegro.model import Side
from tegro_localnet.perpetual.engine.account import Account
from tegro_localnet.perpetual.engine.events import Traded
from tegro_localnet.perpetual.engine.market import Trade
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.position import Change, Position
from tegro_localnet.perpetual.engine.state import VenueState
from tegro_localnet.perpetual.engine.terms import (
    Execution,
    ExpiryReason,
    IncomeType,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    SelfTrade,
)
from tegro_localnet.perpetual.engine.units import ceil_div, notional_e8, share_up


class Matcher:
    """Matches by price, then time."""

    def __init__(self, state: VenueState) -> None:
        self._state: Final = state

    def take(self, order: Order, limit_e18: int) -> None:
        """Trade with everything that crosses a price. The order may end here; what is left of it does not rest yet."""
        state = self._state
        book = state.markets[order.symbol].book
        while order.is_open and order.remaining_e8 > 0:
            resting = book.best(order.side.opposite)
            if resting is None or not crosses(order.side, limit_e18, resting.price_e18):
                return
            maker = state.orders[int(resting.order_id)]
            if maker.account_id == order.account_id:
                self._prevent_self_trade(order, maker)
                continue
            quantity_e8 = min(self._fillable_e8(order), self._fillable_e8(maker))
            if quantity_e8 == 0:
                return
            book.reduce(resting, quantity_e8)
            self._trade(order, maker, quantity_e8)
            state.tell_level(maker)

    def could_fill(self, order: Order, limit_e18: int) -> bool:
        """Say whether an order would trade wholly at once."""
        state = self._state
        left_e8 = self._fillable_e8(order)
        if left_e8 < order.remaining_e8:
            return False
        reducible: dict[tuple[int, PositionSide], int] = {}
        for resting in state.markets[order.symbol].book.orders(order.side.opposite):
            if left_e8 <= 0 or not crosses(order.side, limit_e18, resting.price_e18):
                break
            maker = state.orders[int(resting.order_id)]
            if maker.account_id == order.account_id:
                if order.self_trade is SelfTrade.EXPIRE_MAKER:
                    continue
                break
            left_e8 -= self._offered_e8(maker, reducible)
        return left_e8 <= 0

    def cross(self, first: Order, second: Order, quantity_e8: int, price_e18: int) -> None:
        """Let two forced orders trade with each other, outside the book and free of charge."""
        trade_id = self._state.trade_ids.take()
        for order in (first, second):
            self._book_side(order, trade_id, price_e18, quantity_e8, fee_ppm=0, is_maker=False)

    def take_over(self, order: Order, price_e18: int) -> None:
        """Let the insurance fund take the rest of a liquidation order, outside the book and free of charge."""
        signed_e8 = -order.sign * order.remaining_e8
        trade_id = self._state.trade_ids.take()
        self._book_side(order, trade_id, price_e18, order.remaining_e8, fee_ppm=0, is_maker=False)
        house = self._state.house
        self._move(house, house.position(order.symbol, PositionSide.BOTH), signed_e8, price_e18, trade_id)

    def sweep(self, account: Account, symbol: str) -> None:
        """Expire the open orders that may only reduce and have nothing to reduce any more."""
        for order in account.orders(symbol):
            if order.must_reduce and account.reducible_e8(order) == 0:
                self._state.end(order, OrderStatus.EXPIRED, ExpiryReason.REDUCE_ONLY)

    def _trade(self, taker: Order, maker: Order, quantity_e8: int) -> None:
        state = self._state
        market = state.markets[taker.symbol]
        contract = market.contract
        price_e18 = maker.price_e18
        trade = Trade(
            trade_id=state.trade_ids.take(),
            symbol=taker.symbol,
            price_e18=price_e18,
            quantity_e8=quantity_e8,
            quote_e8=notional_e8(quantity_e8, price_e18),
            is_buyer_maker=maker.side is Side.BUY,
            time_ms=state.now_ms,
        )
        market.last_price_e18 = price_e18
        market.trades.append(trade)
        state.emit(Traded(trade))
        taker_fee_ppm = 0 if taker.type is OrderType.LIQUIDATION else contract.taker_fee_ppm
        self._book_side(maker, trade.trade_id, price_e18, quantity_e8, fee_ppm=contract.maker_fee_ppm, is_maker=True)
        self._book_side(taker, trade.trade_id, price_e18, quantity_e8, fee_ppm=taker_fee_ppm, is_maker=False)
        for account_id in (maker.account_id, taker.account_id):
            self.sweep(state.accounts[account_id], taker.symbol)

    def _book_side(
        self, order: Order, trade_id: int, price_e18: int, quantity_e8: int, *, fee_ppm: int, is_maker: bool
    ) -> None:
        state = self._state
        account = state.accounts[order.account_id]
        quote_e8 = notional_e8(quantity_e8, price_e18)
        fee_e8 = share_up(quote_e8, fee_ppm)
        order.executed_e8 += quantity_e8
        order.quote_e8 += quote_e8
        order.updated_ms = state.now_ms
        order.status = OrderStatus.PARTIALLY_FILLED if order.remaining_e8 else OrderStatus.FILLED
        if not order.is_open:
            state.withdraw(order)
        position = account.position(order.symbol, order.position_side)
        realized_e8 = self._move(account, position, order.sign * quantity_e8, price_e18, trade_id)
        state.pay(account, -fee_e8, IncomeType.COMMISSION, order.symbol, trade_id)
        state.fees_e8 += fee_e8
        fill = Fill(
            trade_id=trade_id,
            order_id=order.order_id,
            account_id=order.account_id,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side,
            price_e18=price_e18,
            quantity_e8=quantity_e8,
            quote_e8=quote_e8,
            fee_e8=fee_e8,
            realized_e8=realized_e8,
            is_maker=is_maker,
            time_ms=state.now_ms,
        )
        state.records[order.account_id].fills.append(fill)
        state.tell_account(account, Reason.ORDER, [position])
        state.tell_order(order, Execution.TRADE, fill=fill)

    def _move(self, account: Account, position: Position, signed_e8: int, price_e18: int, trade_id: int) -> int:
        """Change a position by a trade, book its profit, and return that."""
        state = self._state
        held_e8 = abs(position.quantity_e8)
        change = position.trade(signed_e8, price_e18)
        position.updated_ms = state.now_ms
        state.pay(account, change.realized_e8, IncomeType.REALIZED_PNL, position.symbol, trade_id)
        settings = account.setting(position.symbol)
        if settings.is_isolated:
            _fit_isolated(position, change, held_e8, settings.leverage)
        return change.realized_e8

    def _prevent_self_trade(self, taker: Order, maker: Order) -> None:
        if taker.self_trade is not SelfTrade.EXPIRE_TAKER:
            self._state.end(maker, OrderStatus.EXPIRED_IN_MATCH, ExpiryReason.SELF_TRADE)
        if taker.self_trade is not SelfTrade.EXPIRE_MAKER:
            self._state.end(taker, OrderStatus.EXPIRED_IN_MATCH, ExpiryReason.SELF_TRADE)

    def _fillable_e8(self, order: Order) -> int:
        if not order.must_reduce:
            return order.remaining_e8
        return min(order.remaining_e8, self._state.accounts[order.account_id].reducible_e8(order))

    def _offered_e8(self, maker: Order, reducible: dict[tuple[int, PositionSide], int]) -> int:
        """Return what a resting order could give, where others of its account may have closed its position before."""
        if not maker.must_reduce:
            return maker.remaining_e8
        key = (maker.account_id, maker.position_side)
        left_e8 = reducible.setdefault(key, self._state.accounts[maker.account_id].reducible_e8(maker))
        offered_e8 = min(left_e8, maker.remaining_e8)
        reducible[key] = left_e8 - offered_e8
        return offered_e8


def crosses(side: Side, price_e18: int, resting_e18: int) -> bool:
    """Say whether an order of a side and price trades with one that rests."""
    return resting_e18 <= price_e18 if side is Side.BUY else resting_e18 >= price_e18


def _fit_isolated(position: Position, change: Change, held_e8: int, leverage: int) -> None:
    """Release the wallet in proportion to what was closed, and fund what was opened (perpetual dialect 10.4).

    A loss that is larger than the released share is paid by the rest of the isolated wallet, as far as it goes.
    """
    if change.closed_e8:
        released_e8 = position.isolated_wallet_e8 * change.closed_e8 // held_e8
        position.isolated_wallet_e8 -= released_e8
        missing_e8 = max(0, -(released_e8 + change.realized_e8))
        position.isolated_wallet_e8 -= min(position.isolated_wallet_e8, missing_e8)
    position.isolated_wallet_e8 += ceil_div(change.opened_quote_e8, leverage)
