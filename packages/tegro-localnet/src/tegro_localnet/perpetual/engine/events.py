"""What happened, as values. They hold copies, so they stay true however late they are read."""

from msgspec import Struct

from tegro.model import Side
from tegro_localnet.perpetual.engine.market import FundingRate, Trade
from tegro_localnet.perpetual.engine.order import Fill, Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.terms import Execution, ExpiryReason, MarginType, Reason


class OrderChanged(Struct, frozen=True, kw_only=True):
    """An order became what it is now. `fill` is there where a trade did it."""

    order: Order
    execution: Execution
    reason: ExpiryReason = ExpiryReason.NONE
    fill: Fill | None = None
    time_ms: int


class PositionState(Struct, frozen=True, kw_only=True):
    """A position as it was, with what it was worth."""

    position: Position
    margin_type: MarginType
    unrealized_e8: int


class AccountChanged(Struct, frozen=True, kw_only=True):
    """Balance or positions of an account changed."""

    account_id: int
    reason: Reason
    wallet_e8: int
    cross_wallet_e8: int
    change_e8: int
    """Change of the balance by anything but profit and commission."""
    positions: tuple[PositionState, ...]
    time_ms: int


class LeverageChanged(Struct, frozen=True, kw_only=True):
    """An account chose another leverage."""

    account_id: int
    symbol: str
    leverage: int
    time_ms: int


class AtRisk(Struct, frozen=True, kw_only=True):
    """One position of a margin call."""

    state: PositionState
    mark_e18: int
    maintenance_e8: int


class MarginCalled(Struct, frozen=True, kw_only=True):
    """The maintenance margin has come near to what stands behind it."""

    account_id: int
    cross_wallet_e8: int
    positions: tuple[AtRisk, ...]
    time_ms: int


class Traded(Struct, frozen=True):
    """A public trade happened."""

    trade: Trade


class LevelChanged(Struct, frozen=True):
    """A price level of a book has a new total; zero: it is gone."""

    symbol: str
    side: Side
    price_e18: int
    quantity_e8: int


class Repriced(Struct, frozen=True):
    """A contract's index or mark price was computed anew."""

    symbol: str
    time_ms: int


class Funded(Struct, frozen=True):
    """A funding settlement happened."""

    rate: FundingRate


class Liquidated(Struct, frozen=True, kw_only=True):
    """A liquidation or deleveraging order ended."""

    order: Order
    time_ms: int


type Event = (
    OrderChanged
    | AccountChanged
    | LeverageChanged
    | MarginCalled
    | Traded
    | LevelChanged
    | Repriced
    | Funded
    | Liquidated
)
