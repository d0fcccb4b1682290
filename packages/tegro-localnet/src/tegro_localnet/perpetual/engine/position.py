"""A position: signed quantity and signed cost. The entry price is their quotient, so nothing is rounded away."""

from msgspec import Struct

from tegro_localnet.perpetual.engine.terms import PositionSide
from tegro_localnet.perpetual.engine.units import E18, nearest_div, notional_e8


class Change(Struct, frozen=True):
    """What a trade did to a position."""

    realized_e8: int
    closed_e8: int
    """Quantity that was closed, without sign."""
    opened_quote_e8: int
    """Worth of what was opened, without sign."""


class Position(Struct, kw_only=True):
    """A position of an account in a contract. A short one has a negative quantity and a negative cost."""

    symbol: str
    side: PositionSide
    quantity_e8: int = 0
    cost_e8: int = 0
    isolated_wallet_e8: int = 0
    realized_e8: int = 0
    """Profit realised since the venue began, before fees."""
    updated_ms: int = 0

    @property
    def entry_price_e18(self) -> int:
        """Mean price of what is held; zero without a position."""
        return nearest_div(abs(self.cost_e8) * E18, abs(self.quantity_e8)) if self.quantity_e8 else 0

    def notional_e8(self, mark_e18: int) -> int:
        """Return the signed worth at a mark price, rounded down."""
        return notional_e8(self.quantity_e8, mark_e18)

    def unrealized_e8(self, mark_e18: int) -> int:
        """Return the profit at a mark price, rounded down."""
        return self.notional_e8(mark_e18) - self.cost_e8

    def trade(self, signed_quantity_e8: int, price_e18: int) -> Change:
        """Take part in a trade: close against what is held first, open with the rest (perpetual dialect 10.1)."""
        held_e8 = self.quantity_e8
        opposes = held_e8 * signed_quantity_e8 < 0
        closed_e8 = min(abs(held_e8), abs(signed_quantity_e8)) if opposes else 0
        worth_e8 = notional_e8(abs(signed_quantity_e8), price_e18)
        closed_worth_e8 = notional_e8(closed_e8, price_e18)
        realized_e8 = self._close(closed_e8, closed_worth_e8) if closed_e8 else 0
        opened_worth_e8 = worth_e8 - closed_worth_e8
        sign = 1 if signed_quantity_e8 > 0 else -1
        self.quantity_e8 = held_e8 + signed_quantity_e8
        self.cost_e8 += sign * opened_worth_e8
        self.realized_e8 += realized_e8
        return Change(realized_e8, closed_e8, opened_worth_e8)

    def _close(self, closed_e8: int, worth_e8: int) -> int:
        cost_e8 = self.cost_e8 * closed_e8 // abs(self.quantity_e8)
        self.cost_e8 -= cost_e8
        return (worth_e8 if self.quantity_e8 > 0 else -worth_e8) - cost_e8
