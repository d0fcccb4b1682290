"""How results are shown: a table for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_WIDTH: Final = 160
"""Columns where the output is no terminal, so that a pipe gets whole values."""


def show_json(value: object) -> None:
    """Print a value as one JSON document; amounts are texts, so that no digit is lost."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their headings; numbers in plain notation, None as a dash."""
    table = Table(*columns, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_text(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False).print(table)


def _text(cell: object) -> str:
    if cell is None:
        return "-"
    return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
