"""Recorded trades: the CSV form in which exchanges publish them, and how they are spread over time.

The columns are `id,price,qty,quote_qty,time,is_buyer_maker`, with or without a header; spot files have `is_best_match`
as a seventh. Times are Unix milliseconds or, in newer files, microseconds. A file whose name ends in `.gz` is unpacked
while it is read.
"""

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Final, TextIO

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Side, scaled
from tegro_localnet.errors import LocalnetError

QUANTITY_DECIMALS: Final = 18

_COLUMNS: Final = ("id", "price", "qty", "quote_qty", "time", "is_buyer_maker", "is_best_match")
_COLUMN_COUNTS: Final = (6, 7)
_TAKER_SIDES: Final = {"true": Side.SELL, "false": Side.BUY}
"""By `is_buyer_maker`: where the buyer rested, the taker sold."""
_LIMIT: Final = 10**15
_FIRST_TIME_IN_US: Final = 10**14
"""As milliseconds this would be the year 5138, as microseconds it is 1973."""
_EXCERPT_CHARACTERS: Final = 40


class RecordedTrade(Struct, frozen=True):
    """One trade of a tape."""

    side: Side
    """Side of the taker."""
    price_e18: int
    quantity_e18: int
    """Base units x 10^18, whatever the decimals of the token that stands for it here."""
    time_us: int
    """Unix microseconds."""


class TapeSummary(Struct, frozen=True):
    """What a tape holds in all."""

    trade_count: int
    first_us: int
    """Time of the first trade, in Unix microseconds."""


class TapeOrder(Struct, frozen=True):
    """Recorded trades that one taker order repeats."""

    side: Side
    price_e18: int
    """The price that reaches all of them: the highest of a buyer, the lowest of a seller."""
    quantity_e18: int
    trade_count: int


class Window(Struct, frozen=True):
    """Recorded trades that are due together."""

    due_us: int
    """Microseconds from the start of the replay."""
    trades: tuple[RecordedTrade, ...]


def read_tape(path: Path) -> Iterator[RecordedTrade]:
    """Yield the trades of a file while it is read.

    Raises
    ------
    LocalnetError
        One sentence, with the number of the line, if the file cannot be read or a row is not understood.
    """
    try:
        with _open(path) as file:
            yield from parse_tape(file, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LocalnetError(f"{path} is no whole gzip file: {error}") from error
    except OSError as error:
        raise LocalnetError(f"cannot read the recorded trades: {error.strerror}: {path}") from error
    except UnicodeDecodeError as error:
        raise LocalnetError(f"{path} is no CSV text; unpack it first if it is an archive") from error


def check_tape(path: Path) -> TapeSummary:
    """Read a whole file as `read_tape` does, and say what it holds.

    Raises
    ------
    LocalnetError
        As `read_tape`, and if there is no trade in the file.
    """
    trades = read_tape(path)
    first = next(trades, None)
    if first is None:
        raise LocalnetError(f"{path} holds no recorded trade: expected rows of {','.join(_COLUMNS[:6])}")
    return TapeSummary(1 + sum(1 for _ in trades), first.time_us)


def parse_tape(lines: Iterable[str], name: str) -> Iterator[RecordedTrade]:
    """Yield the trades of lines of CSV; `name` stands in messages. Empty lines are passed over.

    Raises
    ------
    LocalnetError
        One sentence with the name, the number of the line, and what is wrong with it.
    """
    rows = csv.reader(lines)
    try:
        for row in rows:
            if row and not _is_header(row, rows.line_num):
                yield _trade_of(row)
    except UnicodeDecodeError:
        raise
    except (ValueError, csv.Error) as error:
        raise LocalnetError(f"{name} line {rows.line_num}: {error}") from error


def windows(trades: Iterable[RecordedTrade], speed: int, window_us: int) -> Iterator[Window]:
    """Group trades by the moment at which they are due.

    Parameters
    ----------
    trades : iterable of RecordedTrade
        In the order of the tape. A time before that of the trade ahead counts as equal to it.
    speed : int
        How many recorded seconds pass in one second.
    window_us : int
        Length of a window in the time of the replay, in microseconds.
    """
    for index, group in groupby(_window_indexes(trades, speed * window_us), key=lambda pair: pair[0]):
        yield Window(index * window_us, tuple(trade for _, trade in group))


def coalesce(trades: Sequence[RecordedTrade], limit: int) -> list[TapeOrder]:
    """Return at most `limit` (at least two) orders that repeat the trades, in their order.

    Neighbours of one side become one order, as one taker order had made them; where that leaves too many, all trades of
    a side do.
    """
    runs = [_one_order(list(group)) for _, group in groupby(trades, key=lambda trade: trade.side)]
    if len(runs) <= limit:
        return runs
    sides = dict.fromkeys(trade.side for trade in trades)
    return [_one_order([trade for trade in trades if trade.side is side]) for side in sides]


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _one_order(trades: list[RecordedTrade]) -> TapeOrder:
    side = trades[0].side
    prices = [trade.price_e18 for trade in trades]
    return TapeOrder(
        side=side,
        price_e18=max(prices) if side is Side.BUY else min(prices),
        quantity_e18=sum(trade.quantity_e18 for trade in trades),
        trade_count=len(trades),
    )


def _window_indexes(trades: Iterable[RecordedTrade], recorded_us: int) -> Iterator[tuple[int, RecordedTrade]]:
    first_us: int | None = None
    index = 0
    for trade in trades:
        first_us = trade.time_us if first_us is None else first_us
        index = max(index, (trade.time_us - first_us) // recorded_us)
        yield index, trade


def _is_header(row: list[str], line_number: int) -> bool:
    if line_number != 1 or not row[0].strip().isalpha():
        return False
    names = tuple(cell.strip().lower() for cell in row)
    if len(names) not in _COLUMN_COUNTS or names != _COLUMNS[: len(names)]:
        message = f"the columns must be {','.join(_COLUMNS[:6])}, were {_excerpt(','.join(row))}"
        raise ValueError(message)
    return True


def _trade_of(row: list[str]) -> RecordedTrade:
    if len(row) not in _COLUMN_COUNTS:
        message = f"expected 6 or 7 columns, found {len(row)}"
        raise ValueError(message)
    _, price, quantity, _, time, is_buyer_maker = (cell.strip() for cell in row[:6])
    side = _TAKER_SIDES.get(is_buyer_maker.lower())
    if side is None:
        message = f"is_buyer_maker must be true or false, was {_excerpt(is_buyer_maker)}"
        raise ValueError(message)
    price_e18, quantity_e18 = _positive(price, "price", PRICE_DECIMALS), _positive(quantity, "qty", QUANTITY_DECIMALS)
    return RecordedTrade(side, price_e18, quantity_e18, _time_us(time))


def _positive(text: str, column: str, decimals: int) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 < value < _LIMIT:
        message = f"{column} must be a number above 0 and below 10^15, was {_excerpt(text)}"
        raise ValueError(message)
    return scaled(value, decimals, column)


def _time_us(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) not in range(10, 20):
        message = f"time must be Unix milliseconds or microseconds, was {_excerpt(text)}"
        raise ValueError(message)
    time = int(text)
    return time if time >= _FIRST_TIME_IN_US else time * 1000


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= _EXCERPT_CHARACTERS else text[:_EXCERPT_CHARACTERS] + "...")
