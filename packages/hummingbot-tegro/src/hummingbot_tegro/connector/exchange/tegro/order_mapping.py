"""What the venue reports, in Hummingbot's words. Pure functions."""

from collections.abc import Collection
from decimal import Decimal
from typing import Final, Literal

from hummingbot.core.data_type.common import OrderType as HostOrderType
from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount

from tegro.model import Market, Order, OrderStatus, OrderType, Trade, TradeState, round_down

type Booking = Literal["settled", "matched"]
"""When a fill is booked."""

_BOOKED: Final = {
    "settled": frozenset({TradeState.SUCCESS}),
    "matched": frozenset({TradeState.PENDING, TradeState.SUCCESS}),
}
_TYPES: Final = {HostOrderType.LIMIT: OrderType.LIMIT, HostOrderType.LIMIT_MAKER: OrderType.LIMIT_MAKER}
_HOST_TYPES: Final = {
    OrderType.LIMIT: HostOrderType.LIMIT,
    OrderType.LIMIT_MAKER: HostOrderType.LIMIT_MAKER,
    OrderType.MARKET: HostOrderType.MARKET,
}
_OVER: Final = (OrderStatus.CLOSED, OrderStatus.CANCELLED)


def bookable(reports: Collection[Order], booking: Booking) -> Decimal:
    """Return how much of an order is to be booked by now, in base."""
    return sum((_booked_part(report, booking) for report in reports), Decimal(0))


def order_state(reports: Collection[Order], *, amount: Decimal, booking: Booking) -> OrderState | None:
    """Return the state of an order, or None if the venue used a word that this version does not know.

    An order counts as ended only when nothing of it is left to settle: until then the matched part may still fail and
    return to the book (protocol 5.4, 5.5). Where fills are booked at match, it ends with the match. A cancel after a
    partial fill is a cancel, whoever asked for it.

    Parameters
    ----------
    reports
        The venue's orders that make up this one: several for a market order.
    amount
        Of the whole order, in base.
    """
    if not reports or any(report.status is OrderStatus.UNKNOWN for report in reports):
        return None
    filled = bookable(reports, booking)
    if all(is_over(report, booking) for report in reports):
        # Closed with a part that never settled: that part is gone, and only `CANCELED` says so.
        return OrderState.FILLED if filled >= amount else OrderState.CANCELED
    if all(report.status is OrderStatus.CANCELLED for report in reports):
        return OrderState.PENDING_CANCEL
    return OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN


def is_over(report: Order, booking: Booking) -> bool:
    """Tell whether nothing more of one of the venue's orders can be booked."""
    return report.status in _OVER and (booking == "matched" or not report.pending)


def trade_update(
    trade: Trade, *, venue_order_id: str, order: InFlightOrder, market: Market, wallet: str, booking: Booking
) -> TradeUpdate | None:
    """Return a fill of an order, or None where it is not to be booked (yet).

    Each side pays its fee in the token that it receives: base for the buyer, quote for the seller (protocol 7.3).
    """
    if trade.state not in _BOOKED[booking]:
        return None
    is_maker = rested(trade, is_buy=order.trade_type is TradeType.BUY, wallet=wallet)
    received = market.base if order.trade_type is TradeType.BUY else market.quote
    fee = TokenAmount(received.symbol, trade.maker_fee if is_maker else trade.taker_fee)
    return TradeUpdate(
        trade_id=trade.trade_id,
        client_order_id=order.client_order_id,
        exchange_order_id=venue_order_id,
        trading_pair=order.trading_pair,
        fill_timestamp=trade.timestamp_ms / 1000,
        fill_price=trade.price,
        fill_base_amount=trade.quantity,
        fill_quote_amount=round_down(trade.price * trade.quantity, Decimal(1).scaleb(-market.quote.decimals)),
        fee=DeductedFromReturnsTradeFee(flat_fees=[fee]),
        is_taker=not is_maker,
    )


def rested(trade: Trade, *, is_buy: bool, wallet: str) -> bool:
    """Tell whether our side of a trade was in the book first."""
    if trade.is_buyer_maker is None:
        return trade.maker == wallet.lower()
    return trade.is_buyer_maker is is_buy


def type_of(order_type: HostOrderType) -> OrderType:
    """Return what a limit or limit-maker order is called in `tegro`."""
    return _TYPES[order_type]


def host_type_of(order_type: str) -> HostOrderType:
    """Return Hummingbot's word for the type that a journal has."""
    return _HOST_TYPES[OrderType(order_type)]


def newer(known: Order | None, report: Order) -> Order:
    """Return the later one of two reports of an order: they may come out of order."""
    if known is None or not (known.is_done or report.filled < known.filled):
        return report
    return known


def _booked_part(report: Order, booking: Booking) -> Decimal:
    return report.filled + report.pending if booking == "matched" else report.filled
