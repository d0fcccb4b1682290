"""Bodies and frames of the dialect, as they come: Binance USD-M futures, in the subset of `docs/perpetual.md`.

Only what is read is named; other members are skipped. Decimals are texts on the wire.
"""

from decimal import Decimal

import msgspec
from msgspec import Raw, Struct, field

from tegro.perpetual.number import Number, read_number, require_levels

type Level = tuple[str, str]
"""Price and quantity; both are proved to be numbers where a body or a frame is read."""


class ServerTime(Struct, rename="camel"):
    """`GET v1/time`."""

    server_time: int


class Filter(Struct, rename="camel"):
    """One rule of a symbol; which members count depends on `filter_type`."""

    filter_type: str
    min_price: Number = Decimal(0)
    max_price: Number = Decimal(0)
    tick_size: Number = Decimal(0)
    min_qty: Number = Decimal(0)
    max_qty: Number = Decimal(0)
    step_size: Number = Decimal(0)
    notional: Number = Decimal(0)


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


class _Sides(Struct):
    bids: list[Level]
    asks: list[Level]

    def __post_init__(self) -> None:
        require_levels(self.bids)
        require_levels(self.asks)


class Depth(_Sides, rename="camel"):
    """`GET v1/depth`."""

    last_update_id: int
    time: int = field(default=0, name="E")


class AggregateTrade(Struct):
    """A row of `GET v1/aggTrades`, and the frame of `@aggTrade`."""

    trade_id: int = field(name="a")
    price: Number = field(name="p")
    quantity: Number = field(name="q")
    time: int = field(name="T")
    is_buyer_maker: bool = field(name="m")
    symbol: str = field(default="", name="s")


class LastPrice(Struct):
    """`GET v2/ticker/price`."""

    price: Number


class PremiumIndex(Struct, rename="camel"):
    """`GET v1/premiumIndex`."""

    symbol: str
    mark_price: Number
    index_price: Number
    last_funding_rate: Number
    next_funding_time: int
    time: int


class FundingRow(Struct, rename="camel"):
    """A row of `GET v1/fundingRate`."""

    symbol: str
    funding_rate: Number
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
    price: Number = Decimal(0)
    avg_price: Number = Decimal(0)
    orig_qty: Number = Decimal(0)
    executed_qty: Number = Decimal(0)
    reduce_only: bool = False
    time: int | None = None


class UserTrade(Struct, rename="camel"):
    """A row of `GET v1/userTrades`."""

    id: int
    order_id: int
    symbol: str
    side: str
    price: Number
    qty: Number
    commission: Number
    commission_asset: str
    realized_pnl: Number
    maker: bool
    time: int
    position_side: str = "BOTH"


class AccountAsset(Struct, rename="camel"):
    """What the account has of one asset."""

    asset: str
    wallet_balance: Number
    available_balance: Number
    margin_balance: Number


class Account(Struct):
    """`GET v2/account`."""

    assets: list[AccountAsset]


class PositionRisk(Struct, rename="camel"):
    """A row of `GET v2/positionRisk`, which lists flat positions too."""

    symbol: str
    position_side: str
    position_amt: Number
    entry_price: Number
    mark_price: Number
    liquidation_price: Number
    leverage: str
    margin_type: str
    isolated_wallet: Number
    unrealized_profit: Number = field(name="unRealizedProfit")


class PositionSideDual(Struct, rename="camel"):
    """`GET v1/positionSide/dual`."""

    dual_side_position: bool


class LeverageReply(Struct):
    """`POST v1/leverage`."""

    leverage: int


class CommissionRate(Struct, rename="camel"):
    """`GET v1/commissionRate`."""

    maker_commission_rate: Number
    taker_commission_rate: Number


class IncomeRow(Struct, rename="camel"):
    """A row of `GET v1/income`."""

    income_type: str
    income: Number
    asset: str
    time: int
    tran_id: int
    symbol: str = ""


class ListenKey(Struct, rename="camel"):
    """`POST v1/listenKey`."""

    listen_key: str


type Kline = tuple[int, Number, Number, Number, Number, Number, int, Number, int, Number, Number, str]
"""Open time, open, high, low, close, base volume, last moment, quote volume, trades, taker-buy base and quote."""


class CombinedFrame(Struct):
    """A frame of a combined stream; an acknowledgement has neither member."""

    stream: str = ""
    data: Raw = Raw(b"null")


class EventHead(Struct):
    """What every event has."""

    kind: str = field(default="", name="e")


class DepthUpdate(_Sides):
    """`@depth`."""

    symbol: str = field(name="s")
    time: int = field(name="E")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    previous_id: int = field(name="pu")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")


class MarkPriceUpdate(Struct):
    """`@markPrice`."""

    symbol: str = field(name="s")
    time: int = field(name="E")
    mark: Number = field(name="p")
    index: Number = field(name="i")
    rate: Number = field(name="r")
    next_time: int = field(name="T")


class KlineBar(Struct):
    """The bar of `@kline_...`."""

    open_time: int = field(name="t")
    close_time: int = field(name="T")
    symbol: str = field(name="s")
    interval: str = field(name="i")
    open: Number = field(name="o")
    high: Number = field(name="h")
    low: Number = field(name="l")
    close: Number = field(name="c")
    base_volume: Number = field(name="v")
    quote_volume: Number = field(name="q")
    trades: int = field(name="n")
    taker_buy_base: Number = field(name="V")
    taker_buy_quote: Number = field(name="Q")
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
    quantity: Number = field(name="q")
    price: Number = field(name="p")
    average_price: Number = field(name="ap")
    status: str = field(name="X")
    order_id: int = field(name="i")
    last_quantity: Number = field(name="l")
    last_price: Number = field(name="L")
    filled: Number = field(name="z")
    time: int = field(name="T")
    trade_id: int = field(name="t")
    """0 unless something traded."""
    is_maker: bool = field(name="m")
    reduce_only: bool = field(name="R")
    position_side: str = field(name="ps")
    realized: Number = field(default=Decimal(0), name="rp")
    fee: Number = field(default=Decimal(0), name="n")
    fee_asset: str | None = field(default=None, name="N")


class OrderTradeUpdate(Struct):
    """ORDER_TRADE_UPDATE."""

    order: OrderTrade = field(name="o")
    time: int = field(name="T")


class BalanceChange(Struct):
    """A balance in ACCOUNT_UPDATE."""

    asset: str = field(name="a")
    wallet: Number = field(name="wb")


class PositionChange(Struct):
    """A position in ACCOUNT_UPDATE."""

    symbol: str = field(name="s")
    quantity: Number = field(name="pa")
    entry_price: Number = field(name="ep")
    unrealized: Number = field(name="up")
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
    quantity: Number = field(name="pa")
    unrealized: Number = field(name="up")
    maintenance: Number = field(name="mm")


class MarginCall(Struct):
    """MARGIN_CALL."""

    positions: list[EndangeredPosition] = field(name="p")
    time: int = field(name="E")


def read[T](body: bytes | str | Raw, kind: type[T]) -> T:
    """Read a body or a frame.

    Raises
    ------
    msgspec.DecodeError
        If the text is no JSON, or (as its subclass `msgspec.ValidationError`) does not fit the shape: a number that is
        none, not finite or too long does not.
    """
    return msgspec.json.decode(body, type=kind, dec_hook=read_number)
