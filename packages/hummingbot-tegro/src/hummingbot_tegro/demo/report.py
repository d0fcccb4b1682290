"""What the demo says at its end."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from hummingbot_tegro.demo.following import Tally, tally_of
from hummingbot_tegro.demo.reconciliation import Books, changes_wei
from hummingbot_tegro.demo.view import counts, signed
from tegro.model import Market

_MOST_DIFFERENCES: Final = 20


def report(books: Books, differences: Sequence[str], market: Market, price: Decimal) -> RenderableType:
    """Return the summary and the comparison of the four books.

    Parameters
    ----------
    price
        At which a position is valued.
    """
    tally = tally_of(books.venue, price)
    parts: list[RenderableType] = [_summary(tally, market), Text(), _comparison(books)]
    if not differences:
        parts.append(Text("The four books agree to the last unit, fees included.", style="bold green"))
    else:
        number = "one difference" if len(differences) == 1 else f"{len(differences)} differences"
        parts.append(Text(f"The four books differ ({number}):", style="bold red"))
        parts += [Text(f"  {difference}") for difference in differences[:_MOST_DIFFERENCES]]
        if len(differences) > _MOST_DIFFERENCES:
            parts.append(Text(f"  and {len(differences) - _MOST_DIFFERENCES} more"))
    return Group(*parts)


def _summary(tally: Tally, market: Market) -> Table:
    base, quote = market.base.symbol, market.quote.symbol
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    grid.add_row("fills", counts(tally))
    grid.add_row("volume", f"{tally.volume:,.2f} {quote}")
    grid.add_row("fees", f"{tally.fees:,.6f} {quote} (those in {base} at their own prices)")
    grid.add_row("position", f"{signed(tally.position, 6)} {base}, valued at {price_text(tally)} {quote}")
    grid.add_row(
        "PnL", f"{signed(tally.profit, 2)} {quote}; before fees {signed(tally.profit + tally.fees, 2)} {quote}"
    )
    grid.add_row("settlements", f"{tally.transactions} transactions on chain, none waiting")
    return grid


def price_text(tally: Tally) -> str:
    """Return the price at which the position is valued."""
    return f"{tally.price.normalize():,f}"


def _comparison(books: Books) -> Table:
    table = Table(title="Reconciliation", title_justify="left", title_style="bold", header_style="bold")
    table.add_column("")
    for name in ("Hummingbot", "venue", "chain events", "chain balances"):
        table.add_column(name, justify="right", overflow="fold")
    table.add_row("trades", str(len(books.host)), str(len(books.venue)), str(len(books.chain)), "")
    for token, changes in changes_wei(books).items():
        decimals = books.decimals[token]
        amounts = [f"{Decimal(change).scaleb(-decimals).normalize():+,f}" for change in changes]
        table.add_row(token, *amounts, style=None if len(set(changes)) == 1 else "red")
    return table
