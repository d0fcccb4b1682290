"""What a perpetual venue is made of, in exact numbers: human units, price in quote per base, quantity in base.

The words are those of the dialect (`docs/perpetual.md`): Binance USD-M futures. No public API of Tegro's own futures is
known; that this dialect is theirs is an assumption, proven on localnet alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from tegro.model import BookLevel, OrderType, Side


class PositionMode(StrEnum):
    """How positions are kept, for the whole account."""

    ONE_WAY = "one_way"
    """One net position of a contract."""
    HEDGE = "hedge"
    """A long and a short one beside each other."""


class PositionSide(StrEnum):
    """Which position an order changes."""

    BOTH = "BOTH"
    """The net one; the only word in one-way mode."""
    LONG = "LONG"
    SHORT = "SHORT"


class MarginType(StrEnum):
    """What stands behind a position."""

    CROSSED = "CROSSED"
    """All of the account's margin."""
    ISOLATED = "ISOLATED"
    """What was set apart for it."""


class TimeInForce(StrEnum):
    """How long a limit order lives."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"
    """Post only: refused by the venue where it would take."""


class OrderState(StrEnum):
    """How far an order has come."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    """Ended by its time in force, by a liquidation, or as a reduce-only order with nothing left to reduce."""
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"
    """Ended because it met an order of the same account."""
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    """Any word that this version does not know; the order is kept, never dropped."""

    @property
    def is_open(self) -> bool:
        """Whether more may happen to it."""
        return self in (OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.UNKNOWN)

    @classmethod
    def _missing_(cls, value: object) -> "OrderState":  # noqa: ARG003  every word that is not known
        return cls.UNKNOWN


class Contract(Struct, frozen=True, kw_only=True):
    """A perpetual contract and the rules of its orders."""

    symbol: str
    """As the venue writes it: `ETHUSDT`."""
    base: str
    quote: str
    margin_asset: str
    is_trading: bool
    tick_size: Decimal
    min_price: Decimal
    max_price: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    """Smallest price x quantity of an order that is not reduce-only."""


class PerpetualOrderRequest(Struct, frozen=True, kw_only=True):
    """An order as its owner means it."""

    contract: Contract
    side: Side
    quantity: Decimal
    order_type: OrderType = OrderType.LIMIT
    price: Decimal | None = None
    """None for a market order."""
    position_side: PositionSide = PositionSide.BOTH
    """LONG or SHORT in hedge mode, BOTH in one-way mode."""
    reduce_only: bool = False
    """Only in one-way mode: the order may shrink a position, never open or turn one."""
    time_in_force: TimeInForce = TimeInForce.GTC
    """Of a limit order. A limit-maker order is sent as GTX, whatever this says."""
    client_order_id: str | None = None
    """1 to 32 characters of `.A-Z:/a-z0-9_-`, not used by another open order. None draws one."""

    @property
    def is_closing(self) -> bool:
        """Whether it can only shrink a position: by `reduce_only`, or by its side in hedge mode (dialect 9.4)."""
        closed_by = {PositionSide.LONG: Side.SELL, PositionSide.SHORT: Side.BUY}
        return self.reduce_only or closed_by.get(self.position_side) is self.side


class PerpetualOrder(Struct, frozen=True, kw_only=True):
    """An order as the venue knows it."""

    order_id: int
    client_order_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    order_type: str
    """The venue's word: LIMIT, MARKET, LIQUIDATION."""
    time_in_force: str
    price: Decimal
    """0 for a market order."""
    average_price: Decimal
    """0 before the first fill."""
    quantity: Decimal
    filled: Decimal
    state: OrderState
    reduce_only: bool
    updated_ms: int
    created_ms: int | None = None
    """None where the answer does not say."""

    @property
    def remaining(self) -> Decimal:
        """Quantity that has not traded."""
        return self.quantity - self.filled


class PerpetualFill(Struct, frozen=True, kw_only=True):
    """One execution of an own order."""

    trade_id: int
    """The same in the stream and in lists: what names a fill once."""
    order_id: int
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    quantity: Decimal
    fee: Decimal
    """Positive is paid."""
    fee_asset: str
    realized_pnl: Decimal
    """Before the fee."""
    is_maker: bool
    time_ms: int


class Position(Struct, frozen=True, kw_only=True):
    """A position, or its absence (quantity 0)."""

    symbol: str
    position_side: PositionSide
    quantity: Decimal
    """Signed: below zero is short."""
    entry_price: Decimal
    unrealized_pnl: Decimal
    mark_price: Decimal | None = None
    """None in events, which do not say; so are the members below."""
    liquidation_price: Decimal | None = None
    """None where there is none."""
    leverage: int | None = None
    margin_type: MarginType | None = None
    isolated_wallet: Decimal | None = None


class MarginBalance(Struct, frozen=True, kw_only=True):
    """What the account has of one asset."""

    asset: str
    wallet: Decimal
    """Deposits and realized results, without open positions' profit."""
    available: Decimal | None
    """What a new order may bind; None in events, which do not say."""
    equity: Decimal | None
    """Wallet and unrealized profit; None in events."""


class MarkPrice(Struct, frozen=True, kw_only=True):
    """Mark and index of a contract, and the funding to come."""

    symbol: str
    mark: Decimal
    index: Decimal
    funding_rate: Decimal
    """Estimate for the coming settlement: positive means that longs pay shorts."""
    next_funding_ms: int
    time_ms: int


class FundingRate(Struct, frozen=True, kw_only=True):
    """A funding settlement that has happened."""

    symbol: str
    rate: Decimal
    time_ms: int


class Income(Struct, frozen=True, kw_only=True):
    """A change of the wallet balance."""

    income_id: int
    """Unique within its kind."""
    kind: str
    """FUNDING_FEE, REALIZED_PNL, COMMISSION, TRANSFER, INSURANCE_CLEAR, ..."""
    symbol: str
    """Empty where it is about no contract."""
    amount: Decimal
    """Signed: below zero was paid."""
    asset: str
    time_ms: int


class PerpetualTrade(Struct, frozen=True, kw_only=True):
    """A public trade, or several fills of one taker order at one price."""

    trade_id: int
    symbol: str
    price: Decimal
    quantity: Decimal
    taker_side: Side
    time_ms: int


class DepthSnapshot(Struct, frozen=True, kw_only=True):
    """A whole book, best levels first."""

    symbol: str
    last_id: int
    """Id of the last change that it holds; the same scale as `DepthChange.last_id`."""
    bids: Sequence[BookLevel]
    asks: Sequence[BookLevel]
    time_ms: int


class DepthChange(Struct, frozen=True, kw_only=True):
    """New totals of some levels; 0 removes one."""

    symbol: str
    first_id: int
    last_id: int
    previous_id: int
    """`last_id` of the change before it; where that differs, something is missing."""
    bids: Sequence[BookLevel]
    asks: Sequence[BookLevel]
    time_ms: int


class PerpetualCandle(Struct, frozen=True, kw_only=True):
    """What traded in one interval."""

    open_time_ms: int
    close_time_ms: int
    """First moment that no longer belongs to it."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    base_volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_base: Decimal
    taker_buy_quote: Decimal
    is_closed: bool
