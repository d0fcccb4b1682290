"""What of a wallet's balances is free to trade with. Nothing here asks anybody."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder
from msgspec import Struct, field

from tegro.allowance import AllowanceState
from tegro.funds import live_quantity
from tegro.model import Balance, Order, Side

from .order_mapping import newer


class WalletOrders:
    """Every order of the wallet that can still take something out of it: this bot's, other bots', other programs'."""

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}

    def replace(self, orders: Iterable[Order]) -> None:
        """Take over a whole list of the orders that rest or have to settle."""
        self._orders = {order.order_id: newer(self._orders.get(order.order_id), order) for order in orders}

    def see(self, order: Order) -> None:
        """Take notice of one order."""
        seen = newer(self._orders.get(order.order_id), order)
        if seen.is_done:
            self._orders.pop(order.order_id, None)
        else:
            self._orders[order.order_id] = seen

    def __contains__(self, order_id: str | None) -> bool:
        return order_id in self._orders

    def held(self, pair_of: Callable[[str], str | None]) -> dict[str, Decimal]:
        """Return what these orders may still take, by token symbol.

        Parameters
        ----------
        pair_of
            Returns the pair of a market's id; an order on one that is not known is left out.
        """
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self._orders.values():
            pair = pair_of(order.market_id)
            if pair is None:
                continue
            base, quote = pair.split("-")
            left = live_quantity(order)
            if order.side is Side.BUY:
                held[quote] += left * order.price
            else:
                held[base] += left
        return dict(held)


def held_by_orders(orders: Iterable[InFlightOrder]) -> dict[str, Decimal]:
    """Return what live orders may still take from the wallet, by token symbol.

    A part that matched but has not settled is still in the wallet, and still spoken for.
    """
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        if order.is_done:
            continue
        left: Decimal = order.amount - order.executed_amount_base
        if order.trade_type is TradeType.BUY:
            held[order.quote_asset] += left * order.price
        else:
            held[order.base_asset] += left
    return dict(held)


def together(*parts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return sums by token symbol."""
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for part in parts:
        for symbol, amount in part.items():
            total[symbol] += amount
    return dict(total)


def with_chain(balances: Iterable[Balance], states: Iterable[AllowanceState]) -> list[Balance]:
    """Return balances with the chain's word in the place of the venue's, where there is one: it is never late."""
    found = {balance.token.address: balance for balance in balances}
    for state in states:
        known = found.get(state.token.address)
        found[state.token.address] = Balance(
            token=state.token,
            total=state.token.from_wei(state.balance_wei),
            reserved=known.reserved if known is not None else Decimal(0),
        )
    return list(found.values())


class Reading(Struct, frozen=True, kw_only=True):
    """What the wallet had when it was looked at, by token symbol."""

    totals: Mapping[str, Decimal] = field(default_factory=dict)
    unexplained: Mapping[str, Decimal] = field(default_factory=dict)
    """What the venue held back beyond what we knew of."""

    def available(self, held: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """Return what is free, given what orders hold now."""
        return {
            symbol: max(total - self.unexplained[symbol] - held.get(symbol, Decimal(0)), Decimal(0))
            for symbol, total in self.totals.items()
        }


def reading_of(
    balances: Iterable[Balance],
    *,
    trading_pairs: Iterable[str],
    preferred_tokens: Collection[str],
    held: Mapping[str, Decimal],
) -> Reading:
    """Return a reading.

    The venue's figure of what orders hold may be missing; ours may miss an order on a market that is not known here.
    So what the venue holds beyond what we knew when it was asked is held as well.

    Parameters
    ----------
    trading_pairs
        Both tokens of each pair are in the result, with zero where the wallet has none.
    preferred_tokens
        Addresses of tokens that are traded: of two tokens with one symbol, that one counts.
    held
        What orders held, as far as we knew, when the balances were asked for.
    """
    totals = dict.fromkeys((symbol for pair in trading_pairs for symbol in pair.split("-")), Decimal(0))
    unexplained = dict(totals)
    for balance in sorted(balances, key=lambda balance: balance.token.address in preferred_tokens):
        symbol = balance.token.symbol
        totals[symbol] = balance.total
        unexplained[symbol] = max(balance.reserved - held.get(symbol, Decimal(0)), Decimal(0))
    return Reading(totals=totals, unexplained=unexplained)


class Spending:
    """What orders have paid since the last reading of the balances: it shows in none yet."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Decimal, Decimal]] = {}

    def mark(self, orders: Iterable[InFlightOrder]) -> dict[str, tuple[Decimal, Decimal]]:
        """Return what orders have executed by now: to be kept when the reading that begins now is there."""
        return {order.client_order_id: (order.executed_amount_base, order.executed_amount_quote) for order in orders}

    def keep(self, marked: dict[str, tuple[Decimal, Decimal]]) -> None:
        """Take over what a reading shows."""
        self._read = marked

    def since(self, orders: Iterable[InFlightOrder]) -> dict[str, Decimal]:
        """Return what these orders have paid since, by token symbol."""
        spent: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in orders:
            base, quote = self._read.get(order.client_order_id, (Decimal(0), Decimal(0)))
            if order.trade_type is TradeType.BUY:
                spent[order.quote_asset] += order.executed_amount_quote - quote
            else:
                spent[order.base_asset] += order.executed_amount_base - base
        return dict(spent)
