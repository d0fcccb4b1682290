"""What the venue reports, in Hummingbot's words. Pure functions."""

from decimal import Decimal

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount

from tegro.model import Market, Order, OrderStatus, Side, Trade, TradeState, round_down


def order_state(order: Order) -> OrderState | None:
    """Return the state of an order, or None if the venue used a word that this version does not know.

    An order counts as ended only when nothing of it is left to settle: until then the matched part may still fail and
    return to the book (protocol 5.4, 5.5). A cancel after a partial fill is a cancel, whoever asked for it.
    """
    if order.status is OrderStatus.UNKNOWN:
        return None
    if order.status is OrderStatus.CANCELLED:
        return OrderState.PENDING_CANCEL if order.pending else OrderState.CANCELED
    if order.status is OrderStatus.CLOSED and not order.pending:
        # Closed with a part that never settled: that part is gone, and only `CANCELED` says so.
        return OrderState.FILLED if order.filled >= order.quantity else OrderState.CANCELED
    return OrderState.PARTIALLY_FILLED if order.filled else OrderState.OPEN


def trade_update(trade: Trade, *, order: InFlightOrder, market: Market, wallet: str) -> TradeUpdate | None:
    """Return a fill of an order, or None as long as the trade has not settled.

    Each side pays its fee in the token that it receives: base for the buyer, quote for the seller (protocol 7.3).
    """
    if trade.state is not TradeState.SUCCESS:
        return None
    is_maker = rested(trade, is_buy=order.trade_type is TradeType.BUY, wallet=wallet)
    received = market.base if order.trade_type is TradeType.BUY else market.quote
    fee = TokenAmount(received.symbol, trade.maker_fee if is_maker else trade.taker_fee)
    return TradeUpdate(
        trade_id=trade.trade_id,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
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


def side_of(trade_type: TradeType) -> Side:
    """Return the side of an order."""
    return Side.BUY if trade_type is TradeType.BUY else Side.SELL
