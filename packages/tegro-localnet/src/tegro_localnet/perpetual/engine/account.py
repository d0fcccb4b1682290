"""An account: one wallet of USDT, settings for each contract, positions and open orders."""

from collections.abc import Iterator

from msgspec import Struct, field

from tegro.model import Side
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.position import Position
from tegro_localnet.perpetual.engine.terms import MarginType, PositionSide
from tegro_localnet.perpetual.engine.units import notional_e8

_ONE_WAY = (PositionSide.BOTH,)
_HEDGE = (PositionSide.LONG, PositionSide.SHORT)


class SymbolSettings(Struct):
    """What an account has chosen for a contract."""

    leverage: int = 20
    margin_type: MarginType = MarginType.CROSSED

    @property
    def is_isolated(self) -> bool:
        """Whether positions have wallets of their own."""
        return self.margin_type is MarginType.ISOLATED


class Account(Struct, kw_only=True):
    """An account. The wallet holds everything, the isolated wallets of positions included."""

    account_id: int
    wallet_e8: int = 0
    is_hedge: bool = False
    updated_ms: int = 0
    margin_call_ms: int = 0
    """When it was last warned."""
    settings: dict[str, SymbolSettings] = field(default_factory=dict)
    positions: dict[tuple[str, PositionSide], Position] = field(default_factory=dict)
    open_orders: dict[str, dict[int, Order]] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[PositionSide, ...]:
        """The position sides of its mode."""
        return _HEDGE if self.is_hedge else _ONE_WAY

    @property
    def cross_wallet_e8(self) -> int:
        """What is not in an isolated wallet."""
        return self.wallet_e8 - sum(position.isolated_wallet_e8 for position in self.positions.values())

    def setting(self, symbol: str) -> SymbolSettings:
        """Return the settings of a contract, made on first use."""
        found = self.settings.get(symbol)
        if found is None:
            found = self.settings[symbol] = SymbolSettings()
        return found

    def position(self, symbol: str, side: PositionSide) -> Position:
        """Return a position, made on first use.

        They are kept in the order of their names, whoever asked first: what happens must not depend on who looks.
        """
        found = self.positions.get((symbol, side))
        if found is None:
            found = Position(symbol=symbol, side=side)
            self.positions = dict(sorted([*self.positions.items(), ((symbol, side), found)]))
        return found

    def held(self) -> Iterator[Position]:
        """Yield the positions that are not zero."""
        return (position for position in self.positions.values() if position.quantity_e8)

    def orders(self, symbol: str | None = None) -> list[Order]:
        """Return the open orders, of one contract or of all, oldest first."""
        if symbol is not None:
            return list(self.open_orders.get(symbol, {}).values())
        return [order for orders in self.open_orders.values() for order in orders.values()]

    def opening_notionals(self, symbol: str, side: PositionSide) -> tuple[int, int]:
        """Return what the open orders that may enlarge a position would buy, and what they would sell."""
        bids_e8 = asks_e8 = 0
        for order in self.open_orders.get(symbol, {}).values():
            if order.position_side is not side or order.must_reduce:
                continue
            worth_e8 = notional_e8(order.remaining_e8, order.price_e18)
            if order.side is Side.BUY:
                bids_e8 += worth_e8
            else:
                asks_e8 += worth_e8
        return bids_e8, asks_e8

    def reducible_e8(self, order: Order) -> int:
        """Return how much an order could close of its position now, without sign."""
        quantity_e8 = self.position(order.symbol, order.position_side).quantity_e8
        return abs(quantity_e8) if quantity_e8 * order.sign < 0 else 0
