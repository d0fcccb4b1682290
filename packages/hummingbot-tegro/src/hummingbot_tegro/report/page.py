"""The report as one HTML page that holds everything it shows."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from hummingbot_tegro.report.figures import Figures
from hummingbot_tegro.report.plots import draw
from hummingbot_tegro.report.sections import Section, moment
from tegro.errors import InvalidInput

_STYLE: Final = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff; margin: 2rem auto; max-width: 1100px;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
.about, .note { color: #57606a; margin: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .87rem; }
th, td { padding: .32rem .6rem; text-align: right; border-bottom: 1px solid #d1d9e0; white-space: nowrap; }
th { background: #f6f8fa; font-weight: 600; } th.word, td.word { text-align: left; }
td.loss { color: #cf222e; } td.gain { color: #1a7f37; }
svg { width: 100%; height: auto; }
@media print { body { margin: 0; } h2 { break-after: avoid; } }
"""


def write_page(path: Path, name: str, figures: Figures, made: Sequence[Section]) -> None:
    """Write the page. A file that is there is overwritten.

    Parameters
    ----------
    path
        Where it goes.
    name
        What is reported on, for the heading.

    Raises
    ------
    InvalidInput
        If it cannot be written, or the library that draws is not installed.
    """
    text = render(name, figures, made)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or type(error).__name__}") from error


def render(name: str, figures: Figures, made: Sequence[Section]) -> str:
    """Return the page."""
    times = [one.at_ms for market in figures.markets for one in market.moments]
    span = f"{moment(min(times))} to {moment(max(times))} UTC, " if times else ""
    plots = [
        f"<h2>{escape(market.connector)} {escape(market.pair)}</h2>\n{draw(market)}"
        for market in figures.markets
        if market.moments
    ]
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{escape(name)}</h1>",
            f'<p class="about">{span}{figures.fills} fills on {len(plots)} markets.</p>',
            *(_table(section) for section in made),
            *plots,
            "</body></html>\n",
        )
    )


def _table(section: Section) -> str:
    head = "".join(_cell("th", column, section, index) for index, column in enumerate(section.columns))
    body = "\n".join(_row(row, section) for row in section.rows)
    note = f'<p class="note">{escape(section.note)}</p>' if section.note else ""
    return (
        f'<h2>{escape(section.title)}</h2>\n<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>{note}"
    )


def _row(row: Iterable[str], section: Section) -> str:
    return "<tr>" + "".join(_cell("td", text, section, index) for index, text in enumerate(row)) + "</tr>"


def _cell(tag: str, text: str, section: Section, index: int) -> str:
    kind = "word" if index < section.words else _sign(text) if section.has_results else ""
    return f'<{tag} class="{kind}">{escape(text)}</{tag}>' if kind else f"<{tag}>{escape(text)}</{tag}>"


def _sign(text: str) -> str:
    """Return the class of a signed number; only results have a sign that is always written."""
    if not any(digit in text for digit in "123456789"):
        return ""
    return {"+": "gain", "-": "loss"}.get(text[0], "")
