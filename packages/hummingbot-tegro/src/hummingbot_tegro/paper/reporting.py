"""What the paper exchange reports, in Hummingbot's words. Pure functions."""

from typing import Final

from hummingbot.core.data_type.in_flight_order import OrderState, OrderUpdate, TradeUpdate
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount

from hummingbot_tegro.paper.venue import PaperRecord, PaperState

_MS_PER_SEC: Final = 1_000
_STATES: Final = {
    PaperState.UNDER_WAY: OrderState.PENDING_CREATE,
    PaperState.OPEN: OrderState.OPEN,
    PaperState.PARTIALLY_FILLED: OrderState.PARTIALLY_FILLED,
    PaperState.FILLED: OrderState.FILLED,
    PaperState.CANCELLED: OrderState.CANCELED,
    PaperState.REFUSED: OrderState.FAILED,
}


def order_update(record: PaperRecord, state: PaperState, venue_id: str, time_ms: int) -> OrderUpdate:
    """Return a state that an order came to."""
    return OrderUpdate(
        trading_pair=record.pair,
        update_timestamp=time_ms / _MS_PER_SEC,
        new_state=_STATES[state],
        client_order_id=record.order.order_id,
        exchange_order_id=venue_id,
    )


def trade_update(record: PaperRecord, index: int, venue_id: str) -> TradeUpdate:
    """Return one fill of an order. Its id is the order's and the fill's number, so it may be told twice."""
    fill, booked = record.fills[index]
    return TradeUpdate(
        trade_id=f"{venue_id}-{index + 1}",
        client_order_id=record.order.order_id,
        exchange_order_id=venue_id,
        trading_pair=record.pair,
        fill_timestamp=fill.time_ms / _MS_PER_SEC,
        fill_price=fill.price,
        fill_base_amount=fill.quantity,
        fill_quote_amount=booked.quote,
        fee=DeductedFromReturnsTradeFee(flat_fees=[TokenAmount(booked.fee_token, booked.fee)]),
        is_taker=not fill.is_maker,
    )


def venue_id_of(order_id: str) -> str:
    """Return the id that the paper exchange gives to an order."""
    return f"paper-{order_id}"
