"""How results are shown: a table for people, JSON and CSV for programs. Messages go to standard error."""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from io import StringIO
from typing import Final, NamedTuple

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tegro.errors import InvalidInput

_WIDTH: Final = 160
"""Columns where the output is no terminal, so that a pipe gets whole values."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_WHOLE_UNITS: Final = ("_wei", "_e18")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Form(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Column[T](NamedTuple):
    """One value of each row."""

    name: str
    """In JSON and CSV; stable."""
    of: Callable[[T], object]
    heading: str | None = None
    """In the table; None leaves the column out there."""


def form_of(*, as_json: bool, as_csv: bool = False) -> Form:
    """Return the form that the options ask for.

    Raises
    ------
    InvalidInput
        If they ask for two.
    """
    if as_json and as_csv:
        raise InvalidInput("choose one of --json and --csv")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE


def show_list[T](columns: Sequence[Column[T]], items: Iterable[T], form: Form) -> None:
    """Print one row for each item."""
    if form is Form.JSON:
        show_json([{column.name: column.of(item) for column in columns} for item in items])
    elif form is Form.CSV:
        _show_csv(columns, items)
    else:
        shown = [column for column in columns if column.heading is not None]
        show_table([str(column.heading) for column in shown], ([column.of(item) for column in shown] for item in items))


def show_json(value: object) -> None:
    """Print a value as one JSON document; amounts are texts, so that no digit is lost."""
    typer.echo(msgspec.json.format(_encoded(value)).decode())


def show_json_line(value: object) -> None:
    """Print a value as one line of JSON, for output that does not end."""
    typer.echo(_encoded(value).decode())


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their headings; numbers in plain notation, None as a dash."""
    table = Table(*headings, box=None, header_style="bold")
    for row in rows:
        table.add_row(*(escape(text_of(cell) or "-") for cell in row))
    Console(width=None if sys.stdout.isatty() else _WIDTH, highlight=False).print(table)


def show_line(cells: Iterable[object]) -> None:
    """Print values on one line."""
    typer.echo("  ".join(text_of(cell) or "-" for cell in cells))


def tell(sentence: str) -> None:
    """Print a sentence on standard error."""
    typer.echo(printable(sentence), err=True)


def say(sentence: str, form: Form) -> None:
    """Print a result in words, where no program reads it."""
    if form is Form.TABLE:
        typer.echo(printable(sentence))


def utc(time_ms: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC."""
    try:
        moment = _EPOCH + timedelta(milliseconds=time_ms)
    except OverflowError:
        return str(time_ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def text_of(cell: object) -> str:
    """Return a value as plain text on one line; None is empty."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return printable(f"{cell:f}" if isinstance(cell, Decimal) else str(cell))


def plain(amount: Decimal) -> str:
    """Return a number for a sentence: plain notation, no zeros at the end, nothing rounded."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def printable(text: str) -> str:
    """Return a text without control characters: a venue's words must not steer the terminal."""
    return _CONTROL.sub(" ", text)


def json_form(value: object) -> object:
    """Return a value of plain lists, objects and texts: decimals in plain notation, `_wei` and `_e18` as texts."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, msgspec.Struct):
        return {name: _member_form(name, getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(name): _member_form(str(name), member) for name, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [json_form(member) for member in value]
    return value


def _member_form(name: str, value: object) -> object:
    is_whole_units = name.endswith(_WHOLE_UNITS) and isinstance(value, int)
    return str(value) if is_whole_units else json_form(value)


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(json_form(value))


def _show_csv[T](columns: Sequence[Column[T]], items: Iterable[T]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in columns])
    writer.writerows([text_of(column.of(item)) for column in columns] for item in items)
    typer.echo(text.getvalue(), nl=False)
