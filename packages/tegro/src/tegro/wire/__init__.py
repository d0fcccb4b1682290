"""Shapes of every REST body and WebSocket frame of the Tegro API, shared by the client and the local venue.

Nothing here decides anything: these are `msgspec` structs that name fields and say what may be absent. Numbers stay
the literal text that the peer sent (`NumberLiteral`); `tegro.wire.number` turns them into exact values at the edge.
Section numbers in the docstrings are those of the protocol description that the project keeps in `docs/protocol.md`.
"""

from tegro.wire.accounts import PortfolioEntry
from tegro.wire.chart import ChartBar
from tegro.wire.codec import decode, decode_event, encode
from tegro.wire.events import Envelope, Subscription
from tegro.wire.exchange import ChainInfo, MarketInfo, Ticker
from tegro.wire.number import NumberLiteral, bare, decimal_of, is_decimal, quoted, text_of
from tegro.wire.orderbook import BookDiff, DepthSnapshot, Level
from tegro.wire.trading import (
    CancelAllBody,
    CancelBody,
    CancelReason,
    CancelReply,
    CancelToSign,
    ErrorBody,
    GenerateCancelBody,
    GenerateOrderBody,
    OrderInfo,
    OrderToSign,
    PlaceOrderBody,
    RawOrderData,
    SignData,
    TradeInfo,
    TypedField,
)

__all__ = [
    "BookDiff",
    "CancelAllBody",
    "CancelBody",
    "CancelReason",
    "CancelReply",
    "CancelToSign",
    "ChainInfo",
    "ChartBar",
    "DepthSnapshot",
    "Envelope",
    "ErrorBody",
    "GenerateCancelBody",
    "GenerateOrderBody",
    "Level",
    "MarketInfo",
    "NumberLiteral",
    "OrderInfo",
    "OrderToSign",
    "PlaceOrderBody",
    "PortfolioEntry",
    "RawOrderData",
    "SignData",
    "Subscription",
    "Ticker",
    "TradeInfo",
    "TypedField",
    "bare",
    "decimal_of",
    "decode",
    "decode_event",
    "encode",
    "is_decimal",
    "quoted",
    "text_of",
]
