"""The two sides of an order, in Hummingbot's words and in those of `tegro`."""

from hummingbot.core.data_type.common import TradeType

from tegro.model import Side


def side_of(trade_type: TradeType) -> Side:
    """Return the side of an order."""
    return Side.BUY if trade_type is TradeType.BUY else Side.SELL


def trade_type_of(side: Side | None) -> TradeType:
    """Return Hummingbot's word for a side; an unknown one counts as a buy."""
    return TradeType.SELL if side is Side.SELL else TradeType.BUY
