"""Orders: what is asked for, and what has become of it."""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.perpetual.engine.terms import OrderStatus, OrderType, PositionSide, SelfTrade, TimeInForce
from tegro_localnet.perpetual.engine.units import E18, nearest_div

ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH)


class Order(Struct, kw_only=True):
    """An order of an account. What happens to it changes it; events carry copies."""

    order_id: int
    client_order_id: str
    account_id: int
    symbol: str
    side: Side
    position_side: PositionSide
    type: OrderType
    time_in_force: TimeInForce
    price_e18: int
    """Limit price; zero for a market order."""
    quantity_e8: int
    created_ms: int
    updated_ms: int
    executed_e8: int = 0
    quote_e8: int = 0
    """What the executed quantity was worth."""
    reduce_only: bool = False
    close_position: bool = False
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    good_till_ms: int = 0
    """When a GTD order expires; zero for the others."""
    status: OrderStatus = OrderStatus.NEW

    @property
    def remaining_e8(self) -> int:
        """What may still trade."""
        return self.quantity_e8 - self.executed_e8

    @property
    def average_price_e18(self) -> int:
        """Mean price of the executed quantity; zero without any."""
        return nearest_div(self.quote_e8 * E18, self.executed_e8) if self.executed_e8 else 0

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status not in ENDED

    @property
    def must_reduce(self) -> bool:
        """Whether it may only make its position smaller: by its own flag, or because it closes in hedge mode."""
        closing = (self.position_side is PositionSide.LONG and self.side is Side.SELL) or (
            self.position_side is PositionSide.SHORT and self.side is Side.BUY
        )
        return self.reduce_only or self.close_position or closing

    @property
    def sign(self) -> int:
        """What a fill does to a signed quantity: +1 or -1."""
        return 1 if self.side is Side.BUY else -1


class Fill(Struct, frozen=True, kw_only=True):
    """One side of a trade. Fee and realised profit are in the quote."""

    trade_id: int
    order_id: int
    account_id: int
    symbol: str
    side: Side
    position_side: PositionSide
    price_e18: int
    quantity_e8: int
    quote_e8: int
    fee_e8: int
    realized_e8: int
    is_maker: bool
    time_ms: int
