"""What the perpetual venue reports of orders, in Hummingbot's words. Pure functions."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from hummingbot.core.data_type.common import OrderType as HostOrderType
from hummingbot.core.data_type.common import PositionAction, TradeType
from hummingbot.core.data_type.common import PositionMode as HostPositionMode
from hummingbot.core.data_type.common import PositionSide as HostPositionSide
from hummingbot.core.data_type.in_flight_order import (
    InFlightOrder,
    OrderState,
    PerpetualDerivativeInFlightOrder,
    TradeUpdate,
)
from hummingbot.core.data_type.trade_fee import TokenAmount, TradeFeeBase, TradeFeeSchema

from hummingbot_tegro.common.sides import trade_type_of
from tegro.model import OrderType, Side
from tegro.perpetual import OrderState as VenueState
from tegro.perpetual import PerpetualFill, PerpetualOrder, PositionMode, PositionSide

_STATES: Final[Mapping[VenueState, OrderState]] = {
    VenueState.NEW: OrderState.OPEN,
    VenueState.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    VenueState.FILLED: OrderState.FILLED,
    VenueState.CANCELED: OrderState.CANCELED,
    # The venue ended it after it was taken, so it did not fail: what had filled before stands.
    VenueState.EXPIRED: OrderState.CANCELED,
    VenueState.EXPIRED_IN_MATCH: OrderState.CANCELED,
    VenueState.REJECTED: OrderState.FAILED,
}
_TYPES: Final = {
    HostOrderType.LIMIT: OrderType.LIMIT,
    HostOrderType.LIMIT_MAKER: OrderType.LIMIT_MAKER,
    HostOrderType.MARKET: OrderType.MARKET,
}
MODES: Final = {HostPositionMode.ONEWAY: PositionMode.ONE_WAY, HostPositionMode.HEDGE: PositionMode.HEDGE}
HOST_MODES: Final = {mode: host for host, mode in MODES.items()}


def host_state(order: PerpetualOrder) -> OrderState | None:
    """Return the state of an order; None if the venue used a word that this version does not know."""
    return _STATES.get(order.state)


def type_of(order_type: HostOrderType) -> OrderType:
    """Return the client's word for Hummingbot's."""
    return _TYPES[order_type]


def position_side_of(mode: HostPositionMode, trade_type: TradeType, action: PositionAction) -> PositionSide:
    """Return which position an order changes (dialect 9.4): buying opens a long one and closes a short one."""
    if mode is not HostPositionMode.HEDGE:
        return PositionSide.BOTH
    opens_long = trade_type is TradeType.BUY
    return PositionSide.LONG if opens_long is (action is PositionAction.OPEN) else PositionSide.SHORT


def host_position_side(position_side: PositionSide, quantity: Decimal) -> HostPositionSide:
    """Return the side of a position; that of a net position is in its sign."""
    if position_side is PositionSide.BOTH:
        return HostPositionSide.LONG if quantity >= 0 else HostPositionSide.SHORT
    return HostPositionSide[position_side.value]


def trade_update(fill: PerpetualFill, order: InFlightOrder, schema: TradeFeeSchema) -> TradeUpdate:
    """Return a fill as Hummingbot books it, with the fee that was charged."""
    fees = [TokenAmount(amount=fill.fee, token=fill.fee_asset)] if fill.fee else []
    return TradeUpdate(
        trade_id=str(fill.trade_id),
        client_order_id=order.client_order_id,
        exchange_order_id=str(fill.order_id),
        trading_pair=order.trading_pair,
        fill_timestamp=fill.time_ms / 1000,
        fill_price=fill.price,
        fill_base_amount=fill.quantity,
        fill_quote_amount=fill.price * fill.quantity,
        fee=TradeFeeBase.new_perpetual_fee(
            fee_schema=schema, position_action=order.position, percent_token=fill.fee_asset or None, flat_fees=fees
        ),
        is_taker=not fill.is_maker,
    )


def adopted_order(
    order: PerpetualOrder, trading_pair: str, leverage: int, *, is_announced: bool
) -> PerpetualDerivativeInFlightOrder:
    """Return an order of an earlier run as Hummingbot tracks it, made from what the venue says.

    Parameters
    ----------
    is_announced
        Whether Hummingbot's database has it already; then it is not said again that it was created.
    """
    is_buy = order.side is Side.BUY
    closes = order.reduce_only or order.position_side is (PositionSide.SHORT if is_buy else PositionSide.LONG)
    types = {"MARKET": HostOrderType.MARKET}
    limit = HostOrderType.LIMIT_MAKER if order.time_in_force == "GTX" else HostOrderType.LIMIT
    return PerpetualDerivativeInFlightOrder(
        client_order_id=order.client_order_id,
        trading_pair=trading_pair,
        order_type=types.get(order.order_type, limit),
        trade_type=trade_type_of(order.side),
        amount=order.quantity,
        price=order.price,
        exchange_order_id=str(order.order_id) if is_announced else None,
        initial_state=OrderState.OPEN if is_announced else OrderState.PENDING_CREATE,
        creation_timestamp=(order.created_ms or order.updated_ms) / 1000,
        leverage=leverage,
        position=PositionAction.CLOSE if closes else PositionAction.OPEN,
    )
