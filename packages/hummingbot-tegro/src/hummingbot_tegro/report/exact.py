"""Put the exact numbers of our journal in place of those that Hummingbot's database cut off.

The journal has price and quantity of every order as they were signed. That gives two things exactly. A completed order
was filled for its signed quantity. And a sell was paid its signed price, because the contract settles at the sell's
limit (protocol 7.3). What does not fit to the database within what it cuts off is left as the database has it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from hummingbot_tegro.report.records import STEP, FillRecord, OrderRecord, Records, Source
from tegro.errors import InvalidInput, JournalFailure
from tegro.journal import JournalEntry, read_entries
from tegro.model import Side, round_down

JOURNALS: Final = "tegro_journal*.sqlite"

_DIGITS: Final = 60
_COMPLETED: Final = frozenset({"BuyOrderCompleted", "SellOrderCompleted"})


def read_journals(data: Path) -> dict[str, JournalEntry]:
    """Return the entries of all journals of a data folder by Hummingbot's order id.

    An order that was sent as several signed ones (a market order across levels) is left out.

    Raises
    ------
    InvalidInput
        If a journal cannot be read.
    """
    found: defaultdict[str, list[JournalEntry]] = defaultdict(list)
    for path in sorted(data.glob(JOURNALS)):
        for entry in _entries(path):
            if entry.client_order_id is not None:
                found[entry.client_order_id].append(entry)
    return {order_id: entries[0] for order_id, entries in found.items() if len(entries) == 1}


def with_exact_numbers(records: Records, journal: Mapping[str, JournalEntry]) -> Records:
    """Return the records with every number that the journal has exactly."""
    with localcontext(prec=_DIGITS):
        return _with_exact_numbers(records, journal)


def _with_exact_numbers(records: Records, journal: Mapping[str, JournalEntry]) -> Records:
    completed = {order.order_id for order in records.orders if order.last_status in _COMPLETED}
    fills_of: defaultdict[str, list[FillRecord]] = defaultdict(list)
    for fill in records.fills:
        fills_of[fill.order_id].append(fill)
    exact: dict[tuple[str, str], FillRecord] = {}
    for order_id, fills in fills_of.items():
        entry = journal.get(order_id)
        if entry is not None:
            priced = [_exact_price(fill, entry) for fill in fills]
            for fill in _exact_quantities(priced, entry) if order_id in completed else priced:
                exact[fill.order_id, fill.trade_id] = fill
    return replace(
        records,
        orders=[_exact_order(order, journal.get(order.order_id)) for order in records.orders],
        fills=[exact.get((fill.order_id, fill.trade_id), fill) for fill in records.fills],
    )


def _entries(path: Path) -> Iterable[JournalEntry]:
    try:
        return read_entries(path)
    except JournalFailure as error:
        raise InvalidInput(f"the exact numbers cannot be read: {error}") from error


def _exact_order(order: OrderRecord, entry: JournalEntry | None) -> OrderRecord:
    if entry is None or _cut(entry.quantity) != order.quantity or _cut(entry.price) != order.price:
        return order
    return replace(order, price=entry.price, quantity=entry.quantity)


def _exact_price(fill: FillRecord, entry: JournalEntry) -> FillRecord:
    if fill.side is not Side.SELL or _cut(entry.price) != fill.price:
        return fill
    return replace(fill, price=entry.price, price_source=Source.JOURNAL)


def _exact_quantities(fills: Sequence[FillRecord], entry: JournalEntry) -> list[FillRecord]:
    """Add to the last fill what was cut off all of them, so that their sum is the signed quantity."""
    cut_off = entry.quantity - sum((fill.quantity for fill in fills), Decimal(0))
    if not 0 <= cut_off < len(fills) * STEP:
        return list(fills)
    marked = [replace(fill, quantity_source=Source.JOURNAL) for fill in fills]
    marked[-1] = replace(marked[-1], quantity=marked[-1].quantity + cut_off)
    return marked


def _cut(value: Decimal) -> Decimal:
    return round_down(value, STEP)
