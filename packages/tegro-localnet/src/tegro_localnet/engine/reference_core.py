"""A second life cycle of orders, matches and reservations, written to be read: the test of the first one.

It keeps no running totals. What is reserved is added up from all orders and matches each time somebody asks.
"""

from fractions import Fraction

from msgspec import Struct

from tegro.model import CancelCode, OrderStatus, Side
from tegro_localnet.engine.ledger import Lack
from tegro_localnet.engine.reference import ReferenceBook

_LACK_CODES = {Lack.FUNDS: CancelCode.INSUFFICIENT_FUNDS, Lack.ALLOWANCE: CancelCode.INSUFFICIENT_ALLOWANCE}


class ReferenceOrder(Struct, kw_only=True):
    """An order. `left_wei` is what has not been matched."""

    wallet: str
    side: Side
    price_e18: int
    total_wei: int
    left_wei: int
    pending_wei: int = 0
    status: OrderStatus = OrderStatus.OPEN
    code: int = CancelCode.NONE

    @property
    def filled_wei(self) -> int:
        """What was matched and settled."""
        return self.total_wei - self.left_wei - self.pending_wei


class ReferenceMatch(Struct, kw_only=True):
    """A match of two orders (their numbers) at the sell order's price."""

    buy: int
    sell: int
    quantity_wei: int
    price_e18: int
    is_pending: bool = True


class ReferenceCore:
    """One market of two tokens, `base` and `quote`. Orders and matches are known by their place in the lists."""

    def __init__(self, base_decimals: int, quote_decimals: int, min_order_value_wei: int) -> None:
        self._quote_per_base = Fraction(10**quote_decimals, 10**18 * 10**base_decimals)
        self._min_order_value_wei = min_order_value_wei
        self.book = ReferenceBook()
        self.orders: list[ReferenceOrder] = []
        self.matches: list[ReferenceMatch] = []
        self.balances: dict[tuple[str, str], int] = {}
        self.allowances: dict[tuple[str, str], int] = {}

    def value_wei(self, price_e18: int, quantity_wei: int) -> int:
        """Return what a quantity costs, rounded down."""
        return int(price_e18 * quantity_wei * self._quote_per_base)

    def cost_wei(self, side: Side, price_e18: int, quantity_wei: int) -> int:
        """Return what one side pays for a quantity, in its own token."""
        return quantity_wei if side is Side.SELL else self.value_wei(price_e18, quantity_wei)

    def reserved_wei(self, wallet: str, token: str) -> int:
        """Add up what a wallet's open orders and unsettled matches need of a token."""
        side = Side.SELL if token == "base" else Side.BUY  # noqa: S105 - a token of the market, no secret
        own = [order for order in self.orders if order.wallet == wallet and order.side is side]
        needed = sum(self.cost_wei(side, order.price_e18, order.left_wei) for order in own if _is_open(order))
        for match in self.matches:
            order = self.orders[match.sell if side is Side.SELL else match.buy]
            if match.is_pending and order.wallet == wallet:
                needed += self.cost_wei(side, match.price_e18, match.quantity_wei)
        return needed

    def lack(self, wallet: str, token: str, amount_wei: int) -> Lack | None:
        """Say what a wallet has too little of to pay an amount."""
        if self.balances.get((wallet, token), 0) < amount_wei:
            return Lack.FUNDS
        return Lack.ALLOWANCE if self.allowances.get((wallet, token), 0) < amount_wei else None

    def place(self, wallet: str, side: Side, price_e18: int, quantity_wei: int) -> Lack | None:
        """Take an order in if the wallet can pay for it beside everything else; says what lacks if not."""
        token = token_of(side)
        needed = self.reserved_wei(wallet, token) + self.cost_wei(side, price_e18, quantity_wei)
        lack = self.lack(wallet, token, needed)
        if lack is None:
            order = ReferenceOrder(
                wallet=wallet, side=side, price_e18=price_e18, total_wei=quantity_wei, left_wei=quantity_wei
            )
            self.orders.append(order)
            self._enter(len(self.orders) - 1)
        return lack

    def cancel(self, number: int, code: int = CancelCode.USER) -> None:
        """End an open order."""
        order = self.orders[number]
        if _is_open(order):
            self.book.cancel(str(number))
            order.status, order.code = OrderStatus.CANCELLED, code

    def hold(self, wallet: str, token: str, balance_wei: int, allowance_wei: int) -> None:
        """Learn what a wallet has; where it has become less, end the orders that it can no longer pay alone."""
        pair = (wallet, token)
        fell = balance_wei < self.balances.get(pair, 0) or allowance_wei < self.allowances.get(pair, 0)
        self.balances[pair], self.allowances[pair] = balance_wei, allowance_wei
        if fell:
            self._end_uncovered(wallet, token)

    def settle(self, number: int) -> None:
        """Learn that the chain has settled a match."""
        match = self.matches[number]
        match.is_pending = False
        for order in (self.orders[match.buy], self.orders[match.sell]):
            order.pending_wei -= match.quantity_wei

    def fail(self, number: int) -> None:
        """Learn that the chain has refused a match: who cannot pay is out, the other one trades again."""
        match = self.matches[number]
        match.is_pending = False
        lacks = {side: self._lack_of_match(match, side) for side in Side}
        if not any(lacks.values()):
            lacks = dict.fromkeys(Side, Lack.FUNDS)
        again = []
        for order_number in (match.buy, match.sell):
            order = self.orders[order_number]
            order.pending_wei -= match.quantity_wei
            order.left_wei += match.quantity_wei
            if order.status is OrderStatus.CANCELLED:
                continue
            order.status = OrderStatus.OPEN
            lack = lacks[order.side]
            if lack is None:
                again.append(order_number)
            else:
                self.cancel(order_number, _LACK_CODES[lack])
        for order_number in again:
            self._return(order_number)

    def _lack_of_match(self, match: ReferenceMatch, side: Side) -> Lack | None:
        wallet = self.orders[match.sell if side is Side.SELL else match.buy].wallet
        return self.lack(wallet, token_of(side), self.cost_wei(side, match.price_e18, match.quantity_wei))

    def _return(self, number: int) -> None:
        order = self.orders[number]
        self.book.cancel(str(number))
        self._end_uncovered(order.wallet, token_of(order.side))
        if _is_open(order):
            self._enter(number)

    def _end_uncovered(self, wallet: str, token: str) -> None:
        for number, order in enumerate(self.orders):
            if order.wallet == wallet and token_of(order.side) == token and _is_open(order):
                lack = self.lack(wallet, token, self.cost_wei(order.side, order.price_e18, order.left_wei))
                if lack is not None:
                    self.cancel(number, _LACK_CODES[lack])

    def _enter(self, number: int) -> None:
        order = self.orders[number]
        fills = self.book.place(str(number), order.side, order.price_e18, order.left_wei)
        for fill in fills:
            maker = int(fill.maker_order_id)
            buy, sell = (number, maker) if order.side is Side.BUY else (maker, number)
            self.matches.append(
                ReferenceMatch(buy=buy, sell=sell, quantity_wei=fill.quantity_wei, price_e18=fill.price_e18)
            )
            for matched in (self.orders[maker], order):
                matched.left_wei -= fill.quantity_wei
                matched.pending_wei += fill.quantity_wei
                if matched.left_wei == 0:
                    matched.status = OrderStatus.CLOSED
        for touched in (int(fills[-1].maker_order_id), number) if fills else ():
            rest = self.orders[touched]
            if _is_open(rest) and self.value_wei(rest.price_e18, rest.left_wei) < self._min_order_value_wei:
                self.cancel(touched, CancelCode.BELOW_MINIMUM)


def token_of(side: Side) -> str:
    """Return the token that a side pays with."""
    return "base" if side is Side.SELL else "quote"


def _is_open(order: ReferenceOrder) -> bool:
    return order.status is OrderStatus.OPEN
