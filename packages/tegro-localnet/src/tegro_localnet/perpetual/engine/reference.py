"""A second account model, written to be read rather than to be quick: the test of the first one.

It follows the fills with exact fractions and the formulas of perpetual dialect 10 as they stand there. Amounts are in
whole USDT, quantities in whole coins.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct, field

from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.units import E8, PPM


class NaivePosition(Struct):
    """Signed quantity, mean entry price, isolated wallet."""

    quantity: Fraction = Fraction(0)
    entry: Fraction = Fraction(0)
    isolated: Fraction = Fraction(0)

    def profit(self, mark: Fraction) -> Fraction:
        """Return what closing at the mark price would bring."""
        return self.quantity * (mark - self.entry)


class NaiveOrder(Struct, frozen=True):
    """What is left of an open order that may enlarge a position; the quantity of a sell is negative."""

    symbol: str
    side: str
    quantity: Fraction
    price: Fraction


class NaiveAccount(Struct, kw_only=True):
    """One account, told of every deposit, fill and funding."""

    contracts: Mapping[str, Contract]
    wallet: Fraction = Fraction(0)
    positions: dict[tuple[str, str], NaivePosition] = field(default_factory=dict)
    leverages: dict[str, int] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)

    def fill(self, symbol: str, side: str, signed: Fraction, price: Fraction, fee: Fraction) -> Fraction:
        """Book a fill and return the profit realised."""
        position = self.positions.setdefault((symbol, side), NaivePosition())
        held = position.quantity
        closed = min(abs(held), abs(signed)) if held * signed < 0 else Fraction(0)
        opened = abs(signed) - closed
        direction = 1 if held > 0 else -1
        realized = direction * closed * (price - position.entry)
        if closed:
            released = position.isolated * closed / abs(held)
            shortfall = max(Fraction(0), -(released + realized))
            position.isolated = max(Fraction(0), position.isolated - released - shortfall)
        if opened and closed:
            position.entry = price
        elif opened:
            position.entry = (abs(held) * position.entry + opened * price) / (abs(held) + opened)
        position.quantity = held + signed
        if symbol in self.isolated:
            position.isolated += opened * price / self.leverages.get(symbol, 20)
        self.wallet += realized - fee
        return realized

    def fund(self, symbol: str, mark: Fraction, rate: Fraction) -> None:
        """Pay or receive funding for every position of a contract."""
        for (held_symbol, _), position in self.positions.items():
            if held_symbol == symbol:
                payment = -position.quantity * mark * rate
                self.wallet += payment
                if symbol in self.isolated:
                    position.isolated = max(Fraction(0), position.isolated + payment)

    def equity(self, marks: Mapping[str, Fraction]) -> Fraction:
        """Return wallet and unrealised profit."""
        return self.wallet + sum(position.profit(marks[symbol]) for (symbol, _), position in self.positions.items())

    def maintenance(self, marks: Mapping[str, Fraction]) -> Fraction:
        """Return the maintenance margin of all positions, each bracket charged for the part that lies in it."""
        total = Fraction(0)
        for (symbol, _), position in self.positions.items():
            notional = abs(position.quantity) * marks[symbol]
            for bracket in self.contracts[symbol].brackets:
                part = min(notional, Fraction(bracket.cap_e8, E8)) - Fraction(bracket.floor_e8, E8)
                total += max(Fraction(0), part) * Fraction(bracket.maintenance_ppm, PPM)
        return total

    def available(self, marks: Mapping[str, Fraction], orders: Iterable[NaiveOrder]) -> Fraction:
        """Return what new orders may use."""
        waiting = list(orders)
        left = self.wallet - sum(position.isolated for position in self.positions.values())
        keys = {*self.positions, *((order.symbol, order.side) for order in waiting)}
        for symbol, side in keys:
            position = self.positions.get((symbol, side), NaivePosition())
            notional = position.quantity * marks[symbol]
            own = [order for order in waiting if (order.symbol, order.side) == (symbol, side)]
            bought = sum(order.quantity * order.price for order in own if order.quantity > 0)
            sold = sum(order.quantity * order.price for order in own if order.quantity < 0)
            worst = max(abs(notional + bought), abs(notional + sold))
            leverage = self.leverages.get(symbol, 20)
            if symbol in self.isolated:
                left -= (worst - abs(notional)) / leverage
            else:
                left += position.profit(marks[symbol]) - worst / leverage
        return max(Fraction(0), left)
