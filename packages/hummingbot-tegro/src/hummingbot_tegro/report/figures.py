"""The figures of a report, computed from records. Pure; exact but for averages, which are divisions.

For each market, in its quote token, with the price of its last fill:

- traded PnL = what sells brought - what buys cost + position x last price
- unrealised PnL = position x (last price - average cost); the average cost of a position counts what opened or grew it
- realised PnL = traded PnL - unrealised PnL
- fees = those in quote + those in base x last price
- net PnL = traded PnL - fees, which is what the wallet's change is worth at the last price
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from statistics import median_low
from typing import Final

from msgspec import Struct

from hummingbot_tegro.report.records import FillRecord, OrderRecord, Records, Source
from tegro.model import Side

_DIGITS: Final = 60
_BPS: Final = 10_000


class SideFigures(Struct, frozen=True, kw_only=True):
    """What became of one side's quotes: limit and limit-maker orders."""

    side: Side
    orders: int
    filled: int
    """Filled to the end."""
    partly_filled: int
    ordered: Decimal
    """In base."""
    executed: Decimal
    fill_ratio: Decimal | None
    """Executed of ordered; None without orders."""
    average_price: Decimal | None
    """Of the fills; None without any."""
    time_to_fill_ms: int | None
    """Median from creation to the first fill; both are recorded in whole seconds. None without a fill."""


class Moment(Struct, frozen=True, kw_only=True):
    """A market after one fill."""

    at_ms: int
    side: Side
    price: Decimal
    inventory: Decimal
    """Change of base since the start, after fees."""
    net_pnl: Decimal
    """At the price of this fill."""


class MarketFigures(Struct, frozen=True, kw_only=True):
    """One market of one connector."""

    connector: str
    pair: str
    fills: int
    exact_fills: int
    """How many have both price and quantity from the journal."""
    bought: Decimal
    sold: Decimal
    volume: Decimal
    """In quote."""
    last_price: Decimal
    position: Decimal
    """Bought less sold, before fees."""
    average_cost: Decimal | None
    """Of the position; None without one."""
    base_change: Decimal
    """Of the wallet, after fees."""
    quote_change: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    fees: Mapping[str, Decimal]
    """By token."""
    fees_value: Decimal
    """In quote. Fees in a third token are not in it."""
    net_pnl: Decimal
    quotes: Sequence[SideFigures]
    spread_bps: Decimal | None
    """How far the quotes' average sale was above their average purchase; None unless both sides were filled."""
    moments: Sequence[Moment]


class Totals(Struct, frozen=True, kw_only=True):
    """All markets with the same quote token."""

    quote: str
    volume: Decimal
    realised_pnl: Decimal
    unrealised_pnl: Decimal
    fees_value: Decimal
    net_pnl: Decimal


class Figures(Struct, frozen=True, kw_only=True):
    """The whole report."""

    markets: Sequence[MarketFigures]
    totals: Sequence[Totals]
    fees: Mapping[str, Decimal]
    """By token, over all markets."""
    funding: Mapping[str, Decimal]
    """Funding payments by connector and pair; positive was received."""
    fills: int
    exact_fills: int


def compute(records: Records) -> Figures:
    """Compute the report of some records."""
    with localcontext(prec=_DIGITS):
        names = {(order.connector, order.pair) for order in records.orders}
        names |= {(fill.connector, fill.pair) for fill in records.fills}
        markets = [_market(records, connector, pair) for connector, pair in sorted(names)]
        return Figures(
            markets=markets,
            totals=[_totals(quote, markets) for quote in sorted({_tokens(market.pair)[1] for market in markets})],
            fees=_sum_by_key(market.fees for market in markets),
            funding=_sum_by_key({f"{paid.connector} {paid.pair}": paid.amount} for paid in records.funding),
            fills=len(records.fills),
            exact_fills=sum(market.exact_fills for market in markets),
        )


class _Ledger:
    """A position at average cost, and what was paid and received for it."""

    def __init__(self, pair: str) -> None:
        self._base, self._quote = _tokens(pair)
        self.position = Decimal(0)
        self.cash = Decimal(0)
        self.average_cost = Decimal(0)
        self.fees: defaultdict[str, Decimal] = defaultdict(Decimal)

    def add(self, fill: FillRecord) -> None:
        """Book one fill."""
        signed = fill.quantity if fill.side is Side.BUY else -fill.quantity
        before, after = self.position, self.position + signed
        self.position = after
        self.cash -= signed * fill.price
        if before * signed >= 0:
            cost = abs(before) * self.average_cost + fill.quantity * fill.price
            self.average_cost = cost / abs(after) if after else Decimal(0)
        elif before * after < 0:
            # The fill closed the position and opened one on the other side.
            self.average_cost = fill.price
        for token, amount in fill.fees.items():
            self.fees[token] += amount

    @property
    def base_change(self) -> Decimal:
        """What the wallet has more of base."""
        return self.position - self.fees[self._base]

    @property
    def quote_change(self) -> Decimal:
        """What the wallet has more of quote."""
        return self.cash - self.fees[self._quote]

    def fees_value(self, price: Decimal) -> Decimal:
        """Return the fees in quote, base at a price."""
        return self.fees[self._quote] + self.fees[self._base] * price

    def net(self, price: Decimal) -> Decimal:
        """Return what the wallet's change is worth at a price."""
        return self.quote_change + self.base_change * price

    def unrealised(self, price: Decimal) -> Decimal:
        """Return what the position has gained at a price."""
        return self.position * (price - self.average_cost)


def _market(records: Records, connector: str, pair: str) -> MarketFigures:
    fills = [fill for fill in records.fills if (fill.connector, fill.pair) == (connector, pair)]
    orders = [order for order in records.orders if (order.connector, order.pair) == (connector, pair)]
    ledger = _Ledger(pair)
    moments = []
    for fill in fills:
        ledger.add(fill)
        moments.append(
            Moment(
                at_ms=fill.at_ms,
                side=fill.side,
                price=fill.price,
                inventory=ledger.base_change,
                net_pnl=ledger.net(fill.price),
            )
        )
    last_price = fills[-1].price if fills else Decimal(0)
    unrealised = ledger.unrealised(last_price)
    quotes = [_side(side, orders, fills) for side in Side]
    return MarketFigures(
        connector=connector,
        pair=pair,
        fills=len(fills),
        exact_fills=sum({fill.price_source, fill.quantity_source} == {Source.JOURNAL} for fill in fills),
        bought=_sum(fill.quantity for fill in fills if fill.side is Side.BUY),
        sold=_sum(fill.quantity for fill in fills if fill.side is Side.SELL),
        volume=_sum(fill.price * fill.quantity for fill in fills),
        last_price=last_price,
        position=ledger.position,
        average_cost=ledger.average_cost if ledger.position else None,
        base_change=ledger.base_change,
        quote_change=ledger.quote_change,
        realised_pnl=ledger.cash + ledger.position * last_price - unrealised,
        unrealised_pnl=unrealised,
        fees={token: amount for token, amount in ledger.fees.items() if amount},
        fees_value=ledger.fees_value(last_price),
        net_pnl=ledger.net(last_price),
        quotes=quotes,
        spread_bps=_spread_bps(quotes),
        moments=moments,
    )


def _side(side: Side, orders: Iterable[OrderRecord], fills: Iterable[FillRecord]) -> SideFigures:
    quotes = {order.order_id: order for order in orders if order.is_quote and order.side is side}
    executed: defaultdict[str, Decimal] = defaultdict(Decimal)
    first_at_ms: dict[str, int] = {}
    value = Decimal(0)
    for fill in fills:
        if fill.order_id in quotes:
            executed[fill.order_id] += fill.quantity
            first_at_ms.setdefault(fill.order_id, fill.at_ms)
            value += fill.price * fill.quantity
    ordered, total = _sum(order.quantity for order in quotes.values()), _sum(executed.values())
    waits = [at_ms - quotes[order_id].created_at_ms for order_id, at_ms in first_at_ms.items()]
    filled = sum(quotes[order_id].last_status.endswith("OrderCompleted") for order_id in executed)
    return SideFigures(
        side=side,
        orders=len(quotes),
        filled=filled,
        partly_filled=len(executed) - filled,
        ordered=ordered,
        executed=total,
        fill_ratio=total / ordered if ordered else None,
        average_price=value / total if total else None,
        time_to_fill_ms=median_low(waits) if waits else None,
    )


def _spread_bps(quotes: Sequence[SideFigures]) -> Decimal | None:
    prices = {figures.side: figures.average_price for figures in quotes}
    bought, sold = prices[Side.BUY], prices[Side.SELL]
    if bought is None or sold is None:
        return None
    return (sold - bought) / ((sold + bought) / 2) * _BPS


def _totals(quote: str, markets: Iterable[MarketFigures]) -> Totals:
    own = [market for market in markets if _tokens(market.pair)[1] == quote]
    return Totals(
        quote=quote,
        volume=_sum(market.volume for market in own),
        realised_pnl=_sum(market.realised_pnl for market in own),
        unrealised_pnl=_sum(market.unrealised_pnl for market in own),
        fees_value=_sum(market.fees_value for market in own),
        net_pnl=_sum(market.net_pnl for market in own),
    )


def _sum_by_key(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for part in parts:
        for key, amount in part.items():
            sums[key] += amount
    return dict(sorted(sums.items()))


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, Decimal(0))


def _tokens(pair: str) -> tuple[str, str]:
    base, _, quote = pair.partition("-")
    return base, quote
