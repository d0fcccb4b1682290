"""The money of a paper exchange: what there is of each token, and what orders hold of it. Pure."""

from collections import defaultdict
from decimal import Decimal
from typing import Final

from msgspec import Struct

from hummingbot_tegro.paper.engine import PaperFill, PaperOrder
from tegro.errors import InvalidInput
from tegro.model import Market, Side, round_down
from tegro.order_terms import EXACT

_NOTHING: Final = Decimal(0)


class Booked(Struct, frozen=True, kw_only=True):
    """What a fill came to."""

    quote: Decimal
    """Value of the fill, rounded down to the token's smallest unit as the venue's contract does (protocol 5.3)."""
    fee: Decimal
    """In `fee_token`."""
    fee_token: str
    """Symbol of the token that this side receives: each side pays of what it receives (protocol 7.3)."""


class PaperAccount:
    """Balances by token symbol, shared by the markets of one paper exchange."""

    def __init__(self) -> None:
        self._totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        self._orders: dict[str, tuple[str, Decimal]] = {}

    def set_total(self, token: str, amount: Decimal) -> None:
        """Say what there is of a token."""
        self._totals[token] = amount

    @property
    def totals(self) -> dict[str, Decimal]:
        """What there is, by token."""
        return dict(self._totals)

    @property
    def held(self) -> dict[str, Decimal]:
        """What orders hold, by token; a token of which nothing is held is left out."""
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for token, amount in self._orders.values():
            held[token] += amount
        return {token: amount for token, amount in held.items() if amount}

    @property
    def available(self) -> dict[str, Decimal]:
        """What there is less what orders hold, by token, never below zero."""
        held = self.held
        return {token: max(total - held.get(token, _NOTHING), _NOTHING) for token, total in self._totals.items()}

    def hold(self, order: PaperOrder, market: Market) -> None:
        """Let an order hold what it may cost.

        Raises
        ------
        InvalidInput
            If that is not there.
        """
        token, amount = _cost(order, market)
        available = self.available.get(token, _NOTHING)
        if amount > available:
            raise InvalidInput(
                f"the paper balance has {available.normalize():f} {token} free and the order needs "
                f"{amount.normalize():f}; "
                f"'balance paper {token} AMOUNT' gives the next start more"
            )
        self._orders[order.order_id] = token, amount

    def release(self, order_id: str) -> None:
        """Let go of what an order holds. May be repeated."""
        self._orders.pop(order_id, None)

    def book(self, fill: PaperFill, order: PaperOrder, market: Market, fee_rate: Decimal) -> Booked:
        """Take a fill into the balances; the order then holds what the rest of it may cost.

        Parameters
        ----------
        fee_rate
            Part of what is received that the venue keeps: 0.0005 is 0.05 percent.
        """
        quote = round_down(EXACT.multiply(fill.price, fill.quantity), _unit(market.quote.decimals))
        if order.side is Side.BUY:
            received, gained, given, paid = market.base, fill.quantity, market.quote, quote
        else:
            received, gained, given, paid = market.quote, quote, market.base, fill.quantity
        fee = round_down(EXACT.multiply(gained, fee_rate), _unit(received.decimals))
        self._totals[received.symbol] += gained - fee
        self._totals[given.symbol] -= paid
        if order.order_id in self._orders:
            self._orders[order.order_id] = _cost(order, market)
        return Booked(quote=quote, fee=fee, fee_token=received.symbol)


def _cost(order: PaperOrder, market: Market) -> tuple[str, Decimal]:
    if order.side is Side.BUY:
        return market.quote.symbol, EXACT.multiply(order.price, order.remaining)
    return market.base.symbol, order.remaining


def _unit(decimals: int) -> Decimal:
    return Decimal(1).scaleb(-decimals)
