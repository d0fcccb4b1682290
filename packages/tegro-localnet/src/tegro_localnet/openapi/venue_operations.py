"""The endpoints of the exchange (protocol 4 and 10), as localnet serves them with every switch at its default."""

from typing import Final

from tegro.wire import (
    CancelAllBody,
    CancelBody,
    CancelReply,
    CancelToSign,
    ChainInfo,
    ChartBar,
    DepthSnapshot,
    GenerateCancelBody,
    GenerateOrderBody,
    MarketInfo,
    NumberLiteral,
    OrderInfo,
    OrderToSign,
    PlaceOrderBody,
    PortfolioEntry,
    TradeInfo,
)
from tegro_localnet.openapi.operation import ADDRESS, TEXT, Operation, Parameter, whole

_EXCHANGE: Final = "/api/v1/exchange"
_ORDERS: Final = "/api/v1/trading/market/orders"
_ACCOUNTS: Final = "/api/v1/accounts"

_CHAIN_ID: Final = Parameter(name="chain_id", schema=whole(0, 10**17), description="The chain of this venue.")
_MARKET: Final = (
    Parameter(name="market_id", schema=TEXT, description="One of market_id and market_symbol is needed."),
    Parameter(name="market_symbol", schema=TEXT, description="Such as `WETH_USDC`."),
)
_PAGE: Final = (
    Parameter(name="page", schema=whole(1, 10**9), description="From 1."),
    Parameter(name="page_size", schema=whole(1, 500), description="100 unless told otherwise."),
)
_ORDER_QUERY: Final = (
    _CHAIN_ID,
    Parameter(
        name="statuses",
        schema=TEXT,
        description="Words with commas between: active, open, completed, closed, cancelled, matched.",
    ),
    Parameter(name="market_id", schema=TEXT),
    Parameter(name="order_id", schema=TEXT),
    *_PAGE,
)
_HEALTH: Final = dict[str, str]

_MARKET_DATA: Final = (
    Operation(
        method="GET", path=f"{_EXCHANGE}/chain/list", tag="market data", summary="List the chain", reply=list[ChainInfo]
    ),
    Operation(
        method="GET",
        path=f"{_EXCHANGE}/{{chain_id}}/market/list",
        tag="market data",
        summary="List markets",
        query=(
            *_MARKET,
            *_PAGE,
            Parameter(name="sort_by", schema={"type": "string", "enum": ["volume"]}),
            Parameter(name="sort_order", schema={"type": "string", "enum": ["asc", "desc"]}),
        ),
        reply=list[MarketInfo],
    ),
    Operation(
        method="GET",
        path=f"{_EXCHANGE}/{{chain_id}}/market/{{market_id}}",
        tag="market data",
        summary="Show a market",
        reply=MarketInfo,
    ),
    Operation(
        method="GET",
        path=f"{_EXCHANGE}/{{chain_id}}/market/trades",
        tag="market data",
        summary="List the newest trades of a market",
        query=(*_MARKET, Parameter(name="limit", schema=whole(1, 500), description="50 unless told otherwise.")),
        reply=list[TradeInfo],
    ),
    Operation(
        method="GET",
        path=f"{_EXCHANGE}/{{chain_id}}/market/chart",
        tag="market data",
        summary="List candles",
        query=(
            *_MARKET,
            Parameter(name="interval", schema=whole(0, 10**14), description="Seconds; one of those that are served."),
            Parameter(name="from", schema=whole(0, 10**14), description="Unix milliseconds."),
            Parameter(name="to", schema=whole(0, 10**14), description="Unix milliseconds."),
        ),
        reply=list[ChartBar],
    ),
    Operation(
        method="GET",
        path="/api/v1/orderbook/depth",
        tag="market data",
        summary="Show the order book",
        description="Both sides come from high to low, so the best ask is the last. An empty side is null.",
        query=(_CHAIN_ID, *_MARKET),
        reply=DepthSnapshot,
    ),
)

_TRADING: Final = (
    Operation(method="GET", path="/api/v1/trading/health", tag="trading", summary="Say that it lives", reply=_HEALTH),
    Operation(
        method="POST",
        path=f"{_ORDERS}/typedData/generate",
        tag="trading",
        summary="Build an order to sign",
        body=GenerateOrderBody,
        reply=OrderToSign,
    ),
    Operation(
        method="POST",
        path=f"{_ORDERS}/place",
        tag="trading",
        summary="Place a signed order",
        description="The answer shows the order as it was before it was matched.",
        body=PlaceOrderBody,
        reply=OrderInfo,
    ),
    Operation(
        method="POST",
        path=f"{_ORDERS}/typedData/generateCancelOrder",
        tag="trading",
        summary="Build a cancel to sign",
        body=GenerateCancelBody,
        reply=CancelToSign,
    ),
    Operation(
        method="POST",
        path=f"{_ORDERS}/cancel",
        tag="trading",
        summary="Cancel orders by a signed list",
        body=CancelBody,
        reply=CancelReply,
    ),
    *(
        Operation(
            method="POST",
            path=f"{_ORDERS}/{name}",
            tag="trading",
            summary="Cancel all open orders of a wallet",
            description="The signature is a personal-sign of the wallet's address in lower case.",
            body=CancelAllBody,
            reply=CancelReply,
        )
        for name in ("cancel-all", "cancelAll")
    ),
    *(
        Operation(
            method="GET",
            path=f"{_ORDERS}/user{path}",
            tag="trading",
            summary="List a wallet's orders, newest first",
            query=(*named, *_ORDER_QUERY),
            reply=list[OrderInfo],
        )
        for path, named in (
            ("/{wallet}", ()),
            ("", (Parameter(name="user_address", schema=ADDRESS, is_required=True),)),
        )
    ),
    Operation(
        method="GET",
        path=f"{_ORDERS}/trades/{{order_id}}",
        tag="trading",
        summary="List an order's trades",
        reply=list[TradeInfo],
    ),
)

_STREAM: Final = Operation(
    method="GET",
    path="/api/v1/events/ws",
    tag="stream",
    summary="Follow events over a WebSocket",
    description=(
        "A client sends `Subscription` frames; the venue sends `Envelope` frames. A channel is a wallet's address or "
        "`{chain_id}/{base token address}`. Actions and their data: docs/protocol.md, section 8."
    ),
    reply=None,
    status=101,
)

VENUE_OPERATIONS: Final = (
    *_MARKET_DATA,
    *_TRADING,
    *(
        Operation(
            method="GET",
            path=path,
            tag="accounts",
            summary="List a wallet's balances",
            reply=list[PortfolioEntry],
        )
        for path in (f"{_ACCOUNTS}/{{chain_id}}/{{wallet}}/portfolio", f"{_ACCOUNTS}/{{chain_id}}/balances/{{wallet}}")
    ),
    Operation(
        method="GET",
        path=f"{_ACCOUNTS}/{{chain_id}}/balances/{{wallet}}/{{token}}",
        tag="accounts",
        summary="Show a wallet's balance of one token",
        reply=NumberLiteral,
    ),
    _STREAM,
)
