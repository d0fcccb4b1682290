"""The report on the terminal."""

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hummingbot_tegro.report.sections import Section


def show(console: Console, made: Iterable[Section]) -> None:
    """Print every section as a table, with its note below."""
    for section in made:
        # Every character that is no number is one less for the numbers.
        table = Table(title=section.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for index, column in enumerate(section.columns):
            table.add_column(column, justify="left" if index < section.words else "right", overflow="fold")
        for row in section.rows:
            table.add_row(*map(escape, row))
        console.print(table)
        if section.note:
            console.print(section.note, style="dim")
        console.print()
