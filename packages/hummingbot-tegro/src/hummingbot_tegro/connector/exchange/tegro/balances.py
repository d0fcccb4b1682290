"""What of a wallet's balances is free to trade with. Pure functions."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from tegro.model import Balance


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


def available_balances(
    balances: Iterable[Balance],
    *,
    trading_pairs: Iterable[str],
    preferred_tokens: Collection[str],
    held: Mapping[str, Decimal],
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return total and available balances by token symbol.

    The venue's figure of what orders hold may be missing or late, and knows orders of other programs; ours is at hand
    but knows only our own. The larger one is taken.

    Parameters
    ----------
    trading_pairs
        Both tokens of each pair are in the result, with zero where the wallet has none.
    preferred_tokens
        Addresses of tokens that are traded: of two tokens with one symbol, that one counts.
    held
        What our orders hold.
    """
    symbols = [symbol for pair in trading_pairs for symbol in pair.split("-")]
    totals = dict.fromkeys(symbols, Decimal(0))
    available = dict(totals)
    for balance in sorted(balances, key=lambda balance: balance.token.address in preferred_tokens):
        symbol = balance.token.symbol
        totals[symbol] = balance.total
        available[symbol] = max(balance.total - max(balance.reserved, held.get(symbol, Decimal(0))), Decimal(0))
    return totals, available
