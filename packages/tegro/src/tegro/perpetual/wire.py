"""Bodies and frames of the dialect, as they come: Binance USD-M futures, in the subset of `docs/perpetual.md`.

Only what is read is named; other members are skipped. Decimals are texts on the wire.
"""

from decimal import Decimal

from msgspec import Raw, Struct, field


class ServerTime(Struct, rename="camel"):
    """`GET v1/time`."""

    server_time: int


class Filter(Struct, rename="camel"):
    """One rule of a symbol; which members count depends on `filter_type`."""

    filter_type: str
    min_price: Decimal = Decimal(0)
    max_price: Decimal = Decimal(0)
    tick_size: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)


class SymbolInfo(Struct, rename="camel"):
    """A row of `exchangeInfo`."""

    symbol: str
    contract_type: str
    status: str
    base_asset: str
    quote_asset: str
    margin_asset: str
    filters: list[Filter]


class ExchangeInfo(Struct):
    """`GET v1/exchangeInfo`. Each symbol is read by itself: an odd one must not hide the others."""

    symbols: list[Raw]


class Depth(Struct, rename="camel"):
    """`GET v1/depth`."""

    last_update_id: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    time: int = field(default=0, name="E")


class AggregateTrade(Struct):
    """A row of `GET v1/aggTrades`, and the frame of `@aggTrade`."""

    trade_id: int = field(name="a")
    price: Decimal = field(name="p")
    quantity: Decimal = field(name="q")
    time: int = field(name="T")
    is_buyer_maker: bool = field(name="m")
    symbol: str = field(default="", name="s")


class LastPrice(Struct):
    """`GET v2/ticker/price`."""

    price: Decimal


class PremiumIndex(Struct, rename="camel"):
    """`GET v1/premiumIndex`."""

    symbol: str
    mark_price: Decimal
    index_price: Decimal
    last_funding_rate: Decimal
    next_funding_time: int
    time: int


class FundingRow(Struct, rename="camel"):
    """A row of `GET v1/fundingRate`."""

    symbol: str
    funding_rate: Decimal
    funding_time: int


class OrderInfo(Struct, rename="camel"):
    """The order object of 4.1."""

    order_id: int
    client_order_id: str
    symbol: str
    status: str
    side: str
    type: str
    update_time: int
    position_side: str = "BOTH"
    time_in_force: str = "GTC"
    price: Decimal = Decimal(0)
    avg_price: Decimal = Decimal(0)
    orig_qty: Decimal = Decimal(0)
    executed_qty: Decimal = Decimal(0)
    reduce_only: bool = False
    time: int | None = None


class UserTrade(Struct, rename="camel"):
    """A row of `GET v1/userTrades`."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    maker: bool
    time: int
    position_side: str = "BOTH"


class AccountAsset(Struct, rename="camel"):
    """What the account has of one asset."""

    asset: str
    wallet_balance: Decimal
    available_balance: Decimal
    margin_balance: Decimal


class Account(Struct):
    """`GET v2/account`."""

    assets: list[AccountAsset]


class PositionRisk(Struct, rename="camel"):
    """A row of `GET v2/positionRisk`, which lists flat positions too."""

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal
    leverage: str
    margin_type: str
    isolated_wallet: Decimal
    unrealized_profit: Decimal = field(name="unRealizedProfit")


class PositionSideDual(Struct, rename="camel"):
    """`GET v1/positionSide/dual`."""

    dual_side_position: bool


class LeverageReply(Struct):
    """`POST v1/leverage`."""

    leverage: int


class CommissionRate(Struct, rename="camel"):
    """`GET v1/commissionRate`."""

    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class IncomeRow(Struct, rename="camel"):
    """A row of `GET v1/income`."""

    income_type: str
    income: Decimal
    asset: str
    time: int
    tran_id: int
    symbol: str = ""


class ListenKey(Struct, rename="camel"):
    """`POST v1/listenKey`."""

    listen_key: str


type Kline = tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal, int, Decimal, int, Decimal, Decimal, str]
"""Open time, open, high, low, close, base volume, last moment, quote volume, trades, taker-buy base and quote."""


class CombinedFrame(Struct):
    """A frame of a combined stream; an acknowledgement has neither member."""

    stream: str = ""
    data: Raw = Raw(b"null")


class EventHead(Struct):
    """What every event has."""

    kind: str = field(default="", name="e")


class DepthUpdate(Struct):
    """`@depth`."""

    symbol: str = field(name="s")
    time: int = field(name="E")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    previous_id: int = field(name="pu")
    bids: list[tuple[Decimal, Decimal]] = field(name="b")
    asks: list[tuple[Decimal, Decimal]] = field(name="a")


class MarkPriceUpdate(Struct):
    """`@markPrice`."""

    symbol: str = field(name="s")
    time: int = field(name="E")
    mark: Decimal = field(name="p")
    index: Decimal = field(name="i")
    rate: Decimal = field(name="r")
    next_time: int = field(name="T")


class KlineBar(Struct):
    """The bar of `@kline_...`."""

    open_time: int = field(name="t")
    close_time: int = field(name="T")
    symbol: str = field(name="s")
    interval: str = field(name="i")
    open: Decimal = field(name="o")
    high: Decimal = field(name="h")
    low: Decimal = field(name="l")
    close: Decimal = field(name="c")
    base_volume: Decimal = field(name="v")
    quote_volume: Decimal = field(name="q")
    trades: int = field(name="n")
    taker_buy_base: Decimal = field(name="V")
    taker_buy_quote: Decimal = field(name="Q")
    is_closed: bool = field(name="x")


class KlineUpdate(Struct):
    """`@kline_...`."""

    bar: KlineBar = field(name="k")


class OrderTrade(Struct):
    """The order in ORDER_TRADE_UPDATE (8.1)."""

    symbol: str = field(name="s")
    client_order_id: str = field(name="c")
    side: str = field(name="S")
    type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: Decimal = field(name="q")
    price: Decimal = field(name="p")
    average_price: Decimal = field(name="ap")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Decimal = field(name="l")
    last_price: Decimal = field(name="L")
    filled: Decimal = field(name="z")
    time: int = field(name="T")
    trade_id: int = field(name="t")
    """0 unless something traded."""
    is_maker: bool = field(name="m")
    reduce_only: bool = field(name="R")
    position_side: str = field(name="ps")
    realized: Decimal = field(default=Decimal(0), name="rp")
    fee: Decimal = field(default=Decimal(0), name="n")
    fee_asset: str | None = field(default=None, name="N")


class OrderTradeUpdate(Struct):
    """ORDER_TRADE_UPDATE."""

    order: OrderTrade = field(name="o")
    time: int = field(name="T")


class BalanceChange(Struct):
    """A balance in ACCOUNT_UPDATE."""

    asset: str = field(name="a")
    wallet: Decimal = field(name="wb")


class PositionChange(Struct):
    """A position in ACCOUNT_UPDATE."""

    symbol: str = field(name="s")
    quantity: Decimal = field(name="pa")
    entry_price: Decimal = field(name="ep")
    unrealized: Decimal = field(name="up")
    position_side: str = field(name="ps")


class AccountChange(Struct):
    """The changes in ACCOUNT_UPDATE (8.2)."""

    reason: str = field(name="m")
    balances: list[BalanceChange] = field(default_factory=list, name="B")
    positions: list[PositionChange] = field(default_factory=list, name="P")


class AccountUpdate(Struct):
    """ACCOUNT_UPDATE."""

    account: AccountChange = field(name="a")
    time: int = field(name="T")


class EndangeredPosition(Struct):
    """A position in MARGIN_CALL (8.3)."""

    symbol: str = field(name="s")
    position_side: str = field(name="ps")
    quantity: Decimal = field(name="pa")
    unrealized: Decimal = field(name="up")
    maintenance: Decimal = field(name="mm")


class MarginCall(Struct):
    """MARGIN_CALL."""

    positions: list[EndangeredPosition] = field(name="p")
    time: int = field(name="E")
