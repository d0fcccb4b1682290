"""What the demo looks like on a terminal: pure pictures of a scene, for any size of the screen."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Final

from msgspec import Struct, field
from rich.console import RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hummingbot_tegro.demo.following import Follower, Tally
from tegro.model import BookLevel, Market, Side

_COLOURS: Final = {Side.BUY: "green", Side.SELL: "red"}
_HEADER_ROWS: Final = 4
_FOOTER_ROWS: Final = 1
_BOT_ROWS: Final = 7
_ORDER_ROWS: Final = 6
_BOOK_COLUMNS: Final = 38
_BAR_COLUMNS: Final = 9
_NARROW: Final = 84
"""Screens with fewer columns do without the book."""


class Scene(Struct, kw_only=True):
    """What there is to see at one moment."""

    title: str
    phases: list[str] = field(default_factory=list)
    """What was done, and last what is being done."""
    done_secs: float = 0.0
    of_secs: float = 0.0
    """How long the bot trades in all; 0 while that has not begun."""
    is_trading: bool = False
    """Whether it does now."""
    follower: Follower | None = None
    allowances: str = ""
    """What the exchange contract may move."""

    @property
    def phase(self) -> str:
        """What is being done."""
        return self.phases[-1] if self.phases else "starting"


def screen(scene: Scene, columns: int, rows: int) -> RenderableType:
    """Return the picture for a screen of this size."""
    layout = Layout()
    layout.split_column(
        Layout(_header(scene), size=_HEADER_ROWS),
        Layout(name="body"),
        Layout(Text(f" {scene.allowances}", style="dim", no_wrap=True, overflow="ellipsis"), size=_FOOTER_ROWS),
    )
    follower = scene.follower
    if follower is None:
        layout["body"].update(Panel(_steps(scene), border_style="dim"))
        return layout
    body_rows = max(rows - _HEADER_ROWS - _FOOTER_ROWS, 4)
    right = Layout()
    right.split_column(
        Layout(_bot(follower.tally(), follower), size=_BOT_ROWS),
        Layout(_orders(follower), size=_ORDER_ROWS),
        Layout(_fills(follower, body_rows - _BOT_ROWS - _ORDER_ROWS - 3)),
    )
    if columns < _NARROW:
        layout["body"].update(right)
    else:
        layout["body"].split_row(Layout(_book(follower, body_rows - 4), size=_BOOK_COLUMNS), right)
    return layout


def line(scene: Scene) -> str:
    """Return the scene as one line, for an output that is no terminal."""
    if scene.follower is None or not scene.is_trading:
        return f"{scene.phase} ..."
    tally = scene.follower.tally()
    base, quote = scene.follower.market.base.symbol, scene.follower.market.quote.symbol
    return (
        f"{scene.done_secs:.0f} of {scene.of_secs:.0f} s: {counts(tally)}; "
        f"{len(scene.follower.open_orders)} open orders; position {signed(tally.position, 6)} {base}; "
        f"PnL {signed(tally.profit, 2)} {quote}; settled in {tally.transactions} transactions"
    )


def counts(tally: Tally) -> str:
    """Return how many fills there were of which kind, in words."""
    return f"{tally.fills} fills ({tally.makers} maker, {tally.takers} taker; {tally.buys} buys, {tally.sells} sells)"


def signed(amount: Decimal, decimals: int) -> str:
    """Return an amount with its sign and a fixed number of decimals."""
    return f"{amount:+,.{decimals}f}"


def _steps(scene: Scene) -> Text:
    done = Text("".join(f"\n  ✓ {phase}" for phase in scene.phases[:-1]), style="green")
    return done.append(f"\n  … {scene.phase}", style="bold white")


def _header(scene: Scene) -> RenderableType:
    if scene.of_secs:
        bar: RenderableType = ProgressBar(total=scene.of_secs, completed=min(scene.done_secs, scene.of_secs))
        time = f"{scene.done_secs:3.0f} of {scene.of_secs:.0f} s"
    else:
        bar, time = ProgressBar(total=None, pulse=True), ""
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=3)
    grid.add_column(ratio=2)
    grid.add_column(no_wrap=True, justify="right", width=13)
    grid.add_row(Text(scene.phase, style="bold"), bar, time)
    return Panel(
        grid, title=scene.title, subtitle="Ctrl-C ends it in order", border_style="cyan", height=_HEADER_ROWS - 1
    )


def _bot(tally: Tally, follower: Follower) -> Panel:
    base, quote = follower.market.base.symbol, follower.market.quote.symbol
    grid = Table.grid(expand=True, padding=(0, 2))
    for _ in range(2):
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
    before_fees = tally.profit + tally.fees
    grid.add_row("fills", str(tally.fills), "position", f"{signed(tally.position, 6)} {base}")
    grid.add_row("maker / taker", f"{tally.makers} / {tally.takers}", "PnL", _money(tally.profit, quote))
    grid.add_row("buys / sells", f"{tally.buys} / {tally.sells}", "PnL before fees", _money(before_fees, quote))
    grid.add_row("settlements", str(tally.transactions), "fees", f"{tally.fees:,.2f} {quote}")
    grid.add_row("waiting for chain", str(len(follower.waiting)), "volume", f"{tally.volume:,.2f} {quote}")
    return Panel(grid, title="Hummingbot", border_style="blue")


def _money(amount: Decimal, symbol: str) -> Text:
    return Text(f"{signed(amount, 2)} {symbol}", style="green" if amount >= 0 else "red")


def _orders(follower: Follower) -> Panel:
    table = _table(("side", "left"), ("price", "right"), ("quantity", "right"), ("filled", "right"))
    newest = sorted(follower.open_orders.values(), key=lambda order: order.timestamp_ms, reverse=True)
    for order in newest[: _ORDER_ROWS - 3]:
        side = Text(order.side.value, style=_COLOURS[order.side])
        price, lots = follower.market.quote_precision, follower.market.base_precision
        table.add_row(side, f"{order.price:.{price}f}", f"{order.quantity:.{lots}f}", f"{order.filled:.{lots}f}")
    return Panel(table, title=f"open orders of the bot ({len(newest)})", border_style="blue")


def _fills(follower: Follower, rows: int) -> Panel:
    table = _table(("side", "left"), ("", "left"), ("price", "right"), ("quantity", "right"), ("settled in", "left"))
    for reported in islice(reversed(follower.fills.values()), max(rows, 0)):
        fill = reported.fill
        table.add_row(
            Text(fill.side.value, style=_COLOURS[fill.side]),
            "maker" if reported.is_maker else "taker",
            f"{fill.price:.{follower.market.quote_precision}f}",
            f"{fill.quantity:.{follower.market.base_precision}f}",
            Text(f"{reported.tx_hash[:10]}…{reported.tx_hash[-6:]}", style="dim"),
        )
    return Panel(table, title="fills of the bot, settled on chain", border_style="blue")


def _book(follower: Follower, rows: int) -> Panel:
    depth = max((rows - 1) // 2, 1)
    asks, bids = follower.book.asks(depth), follower.book.bids(depth)
    largest = max((level.quantity for level in (*asks, *bids)), default=Decimal(1))
    own: dict[Decimal, Decimal] = {}
    for order in follower.open_orders.values():
        own[order.price] = own.get(order.price, Decimal(0)) + order.remaining
    table = _table(("price", "right"), ("quantity", "right"), ("", "left"))
    for _ in range(depth - len(asks)):
        table.add_row("", "", "")
    for level in reversed(asks):
        table.add_row(*_level(level, Side.SELL, follower.market, own, largest))
    middle = f"{follower.price:.{follower.market.quote_precision + 1}f}"
    table.add_row(Text(middle, style="bold"), Text("middle", style="dim"), "")
    for level in bids:
        table.add_row(*_level(level, Side.BUY, follower.market, own, largest))
    return Panel(table, title=f"book of {follower.market.symbol.replace('_', '-')}", border_style="blue")


def _level(
    level: BookLevel, side: Side, market: Market, own: Mapping[Decimal, Decimal], largest: Decimal
) -> tuple[Text, str, Text]:
    is_own = level.price in own
    colour = _COLOURS[side]
    bar = "█" * max(int(level.quantity * _BAR_COLUMNS / largest), 1)
    return (
        Text(f"{level.price:.{market.quote_precision}f}", style=f"bold {colour}" if is_own else colour),
        f"{level.quantity:.{market.base_precision}f}",
        Text("◀ bot", style="bold yellow") if is_own else Text(bar, style=f"dim {colour}"),
    )


def _table(*columns: Sequence[str]) -> Table:
    table = Table(box=None, expand=True, header_style="dim", padding=(0, 1, 0, 0))
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True, overflow="ellipsis")
    return table
