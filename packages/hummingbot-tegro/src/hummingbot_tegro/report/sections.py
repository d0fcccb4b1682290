"""The report as sections of plain texts, which the terminal and the HTML page both show."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Final

from msgspec import Struct

from hummingbot_tegro.report.figures import Figures, MarketFigures, SideFigures
from hummingbot_tegro.report.records import ExecutorRecord, HeldRecord

FORMULA: Final = (
    "Traded PnL is what sells brought less what buys cost, with the position valued at the last fill's price. Of it, "
    "unrealised is position x (last price - average cost), realised is the rest. Fees in base are valued at the last "
    "price. Net is traded PnL less fees: what the change of the wallet is worth."
)
TIMES: Final = "Hummingbot records times in whole seconds, so a time to fill is right to a second."


class Section(Struct, frozen=True, kw_only=True):
    """One table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: int = 1
    """How many columns from the left are words; the rest are numbers."""
    note: str = ""
    has_results: bool = True
    """Whether numbers with a sign are gains and losses."""


def sections(figures: Figures, executors: Iterable[ExecutorRecord], held: Iterable[HeldRecord]) -> list[Section]:
    """Return the tables that have something in them."""
    made = [
        _totals(figures),
        _pnl(figures),
        _amounts("Fees", "token", figures.fees),
        _amounts("Funding", "market", figures.funding),
        _inventory(figures),
        _quotes(figures),
        _executors(executors),
        _held(held),
    ]
    return [section for section in made if section.rows]


def exactness(figures: Figures) -> str:
    """Say which numbers are exact."""
    rest = figures.fills - figures.exact_fills
    said = f"Price and quantity of {figures.exact_fills} of {figures.fills} fills are exact, from the journal."
    if not rest:
        return said
    return (
        f"{said} The other {rest} have at least one of them from Hummingbot's database, which keeps six decimals: "
        "nothing is lost where tick and lot size are no finer. Fees are exact everywhere."
    )


def moment(at_ms: int) -> str:
    """Return a time in words, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def plain(value: Decimal | None) -> str:
    """Return a number with all of its digits, and a dash for None."""
    if value is None:
        return "-"
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Decimal | None, decimals: int = 6) -> str:
    """Return a number with its sign, to some decimals: for what is a division, or a sum of many digits."""
    if value is None:
        return "-"
    # A zero has no sign.
    return f"{round(value, decimals) + 0:+,.{decimals}f}"


def _totals(figures: Figures) -> Section:
    return Section(
        title="Totals",
        columns=("quote", "volume", "realised PnL", "unrealised PnL", "fees", "net PnL"),
        rows=[
            (
                total.quote,
                f"{total.volume:,.2f}",
                rounded(total.realised_pnl),
                rounded(total.unrealised_pnl),
                f"{total.fees_value:,.6f}",
                rounded(total.net_pnl),
            )
            for total in figures.totals
        ],
        note=FORMULA,
    )


def _pnl(figures: Figures) -> Section:
    return Section(
        title="PnL by market",
        columns=("market", "fills", "volume", "last price", "realised", "unrealised", "fees", "net"),
        rows=[
            (
                name,
                str(market.fills),
                f"{market.volume:,.2f}",
                plain(market.last_price),
                rounded(market.realised_pnl),
                rounded(market.unrealised_pnl),
                f"{market.fees_value:,.6f}",
                rounded(market.net_pnl),
            )
            for name, market in _named(figures)
            if market.fills
        ],
        note=exactness(figures),
    )


def _amounts(title: str, what: str, amounts: Mapping[str, Decimal]) -> Section:
    rows = [(name, plain(amount)) for name, amount in amounts.items()]
    return Section(title=title, columns=(what, "amount"), rows=rows)


def _inventory(figures: Figures) -> Section:
    return Section(
        title="Inventory",
        columns=("market", "bought", "sold", "position", "average cost", "base change", "quote change"),
        rows=[
            (
                name,
                plain(market.bought),
                plain(market.sold),
                plain(market.position),
                "-" if market.average_cost is None else f"{market.average_cost:,.6f}",
                plain(market.base_change),
                plain(market.quote_change),
            )
            for name, market in _named(figures)
            if market.fills
        ],
        note="The last two columns are the change of the wallet: fees are taken off.",
        has_results=False,
    )


def _quotes(figures: Figures) -> Section:
    return Section(
        title="Quotes against fills",
        columns=(
            "market",
            "side",
            "quotes",
            "filled",
            "partly",
            "ordered",
            "executed",
            "fill ratio",
            "time to fill",
            "spread captured",
        ),
        words=2,
        rows=[
            (
                name,
                str(side.side),
                str(side.orders),
                str(side.filled),
                str(side.partly_filled),
                plain(side.ordered),
                plain(side.executed),
                _ratio(side),
                "-" if side.time_to_fill_ms is None else f"{side.time_to_fill_ms / 1000:,.0f} s",
                "-" if market.spread_bps is None else f"{market.spread_bps:+,.2f} bps",
            )
            for name, market in _named(figures)
            for side in market.quotes
            if side.orders
        ],
        note=(
            "Limit and limit-maker orders. The spread captured is how far the average sale was above the average "
            f"purchase, of their middle. {TIMES}"
        ),
    )


def _ratio(side: SideFigures) -> str:
    return "-" if side.fill_ratio is None else f"{side.fill_ratio:.1%}"


def _executors(executors: Iterable[ExecutorRecord]) -> Section:
    def key(executor: ExecutorRecord) -> tuple[str, str, str]:
        return executor.controller, executor.kind, executor.ended_as

    rows = []
    for (controller, kind, ended_as), group in groupby(sorted(executors, key=key), key):
        own = list(group)
        rows.append(
            (
                controller or "-",
                kind,
                ended_as or "-",
                str(len(own)),
                f"{sum((executor.volume_quote for executor in own), Decimal(0)):,.2f}",
                f"{sum((executor.fees_quote for executor in own), Decimal(0)):,.6f}",
                rounded(sum((executor.net_pnl_quote for executor in own), Decimal(0))),
            )
        )
    return Section(
        title="Executors",
        columns=("controller", "executor", "ended as", "count", "volume", "fees", "net PnL"),
        words=3,
        rows=rows,
        note="Hummingbot's own figures, which are floating-point numbers. A held position counts nothing here.",
    )


def _held(held: Iterable[HeldRecord]) -> Section:
    return Section(
        title="Positions held by controllers",
        columns=("controller", "connector", "market", "side", "quantity", "breakeven price"),
        words=4,
        rows=[
            (one.controller, one.connector, one.pair, one.side, plain(one.quantity), plain(one.breakeven_price))
            for one in held
        ],
    )


def _named(figures: Figures) -> list[tuple[str, MarketFigures]]:
    """Return every market with what to call it: the connector is named where there are several."""
    several = len({market.connector for market in figures.markets}) > 1
    return [(f"{market.pair} {market.connector}" if several else market.pair, market) for market in figures.markets]
