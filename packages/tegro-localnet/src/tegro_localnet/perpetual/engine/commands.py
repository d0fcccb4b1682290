"""What the venue can be asked to do, as values: whoever records them can play them again."""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.perpetual.engine.funding import FundingTerms
from tegro_localnet.perpetual.engine.terms import MarginType, OrderType, PositionSide, SelfTrade, TimeInForce


class OpenAccount(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Make an account. Returns its number."""


class Transfer(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Bring USDT to an account, or (negative) take it out."""

    account_id: int
    amount_e8: int


class PlaceOrder(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Place an order. Returns it as `Placed`. A client order id of None lets the venue make one."""

    account_id: int
    symbol: str
    side: Side
    position_side: PositionSide = PositionSide.BOTH
    type: OrderType = OrderType.LIMIT
    time_in_force: TimeInForce = TimeInForce.GTC
    price_e18: int = 0
    quantity_e8: int = 0
    reduce_only: bool = False
    close_position: bool = False
    """Close the whole position at market; `quantity_e8` must be zero then."""
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int = 0
    client_order_id: str | None = None
    is_test: bool = False
    """Only check it: nothing is changed."""


class AmendOrder(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Give a resting limit order another price or total quantity. It loses its place."""

    account_id: int
    order_id: int
    price_e18: int
    quantity_e8: int
    must_be_reduce_only: bool = False


class CancelOrder(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Cancel an open order. Returns it."""

    account_id: int
    order_id: int


class CancelAll(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Cancel all open orders of an account in a contract. Returns them."""

    account_id: int
    symbol: str


class CountDown(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Cancel all open orders of a contract after a time, unless told again before; zero stops that."""

    account_id: int
    symbol: str
    countdown_ms: int


class SetLeverage(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Choose the leverage of a contract."""

    account_id: int
    symbol: str
    leverage: int


class SetMarginType(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Choose crossed or isolated margin for a contract."""

    account_id: int
    symbol: str
    margin_type: MarginType


class SetPositionMode(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Choose hedge or one-way mode for an account."""

    account_id: int
    is_hedge: bool


class AdjustMargin(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Add to the wallet of an isolated position, or (negative) take out of it."""

    account_id: int
    symbol: str
    position_side: PositionSide
    amount_e8: int


class SetIndex(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Tell a contract's index price."""

    symbol: str
    price_e18: int


class SetFunding(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Fund a contract in another way from now on."""

    symbol: str
    terms: FundingTerms


class Tick(Struct, frozen=True, kw_only=True, tag=True, tag_field="command"):
    """Let time pass: prices, funding, liquidation, expiry. To be given about once a second."""


type Command = (
    OpenAccount
    | Transfer
    | PlaceOrder
    | AmendOrder
    | CancelOrder
    | CancelAll
    | CountDown
    | SetLeverage
    | SetMarginType
    | SetPositionMode
    | AdjustMargin
    | SetIndex
    | SetFunding
    | Tick
)
