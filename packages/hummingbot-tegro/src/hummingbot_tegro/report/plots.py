"""The plots of the HTML page, as SVG: they need no script and no network. Drawn by matplotlib, which uses floats."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from hummingbot_tegro.report.figures import MarketFigures, Moment
from tegro.errors import InvalidInput
from tegro.model import Side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES: Final = (10.0, 6.5)
_COLOURS: Final = {Side.BUY: "#1a7f37", Side.SELL: "#cf222e"}
_LINE: Final = "#0969da"
_MOST_VECTORS: Final = 3000
"""A plot of more fills is drawn as pixels inside the SVG: as shapes it would be many megabytes."""
_LEAST_MARGIN: Final = timedelta(seconds=30)


def draw(market: MarketFigures) -> str:
    """Return one SVG of a market's fills, inventory and net PnL over time.

    Raises
    ------
    InvalidInput
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise InvalidInput("the HTML page needs matplotlib: pip install matplotlib") from None
    base, _, quote = market.pair.partition("-")
    # Text stays text, so that the page can be searched; a fixed salt makes the same data the same page.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": market.pair, "date.converter": "concise"}):
        figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
        fills, inventory, pnl = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
        for axes in (fills, inventory, pnl):
            # All below this level: the dots and lines, not the texts and axes.
            axes.set_rasterization_zorder(3 if len(market.moments) > _MOST_VECTORS else None)
        _draw_fills(fills, market.moments, quote)
        _draw_steps(inventory, market.moments, lambda moment: moment.inventory, f"inventory, {base}")
        _draw_steps(pnl, market.moments, lambda moment: moment.net_pnl, f"net PnL, {quote}")
        pnl.set_xlabel("UTC")
        pnl.set_xlim(*_span(market.moments))
        target = StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None})
    text = target.getvalue()
    return text[text.index("<svg") :]


def _draw_fills(axes: "Axes", moments: Sequence[Moment], quote: str) -> None:
    for side, marker in ((Side.BUY, "^"), (Side.SELL, "v")):
        own = [moment for moment in moments if moment.side is side]
        prices = [float(moment.price) for moment in own]
        axes.scatter(_times(own), prices, marker=marker, color=_COLOURS[side], s=28, label=f"{side} ({len(own)})")
    axes.set_ylabel(f"price of fills, {quote}")
    axes.legend(loc="best")
    _finish(axes)


def _draw_steps(axes: "Axes", moments: Sequence[Moment], value: Callable[[Moment], Decimal], label: str) -> None:
    values = [float(value(moment)) for moment in moments]
    axes.step(_times(moments), values, where="post", color=_LINE, marker=".", markersize=5)
    axes.axhline(0, color="#57606a", linewidth=0.6)
    axes.set_ylabel(label)
    _finish(axes)


def _finish(axes: "Axes") -> None:
    axes.grid(alpha=0.3)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.spines[["top", "right"]].set_visible(False)


def _span(moments: Sequence[Moment]) -> Any:  # noqa: ANN401  as below
    """Return where the time axis begins and ends: a little before the first fill, a little after the last."""
    first, last = _times((moments[0], moments[-1]))
    margin = max((last - first) / 20, _LEAST_MARGIN)
    return first - margin, last + margin


def _times(moments: Sequence[Moment]) -> Any:  # noqa: ANN401  matplotlib takes times, its types do not
    return [datetime.fromtimestamp(moment.at_ms / 1000, UTC) for moment in moments]
