"""Read Hummingbot's SQLite database. It is opened for reading only, so a bot may run on it meanwhile."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from hummingbot_tegro.report.records import (
    STEP,
    ExecutorRecord,
    FillRecord,
    FundingRecord,
    HeldRecord,
    OrderRecord,
    Records,
)
from tegro.errors import InvalidInput
from tegro.model import Side

CLOSE_TYPES: Final = {
    1: "TIME_LIMIT",
    2: "STOP_LOSS",
    3: "TAKE_PROFIT",
    4: "EXPIRED",
    5: "EARLY_STOP",
    6: "TRAILING_STOP",
    7: "INSUFFICIENT_BALANCE",
    8: "FAILED",
    9: "COMPLETED",
    10: "POSITION_HOLD",
}
"""Hummingbot's `CloseType` by the number in the database: its module takes seconds to import."""

_WAIT_SECS: Final = 2.0
_TABLES: Final = frozenset({"Order", "OrderStatus", "TradeFill", "Executors", "FundingPayment", "Position"})
_ORDERS: Final = """
SELECT o.*, (SELECT min(status) FROM OrderStatus s WHERE s.order_id = o.id AND s.status LIKE '%OrderCreated') AS created
FROM "Order" o ORDER BY creation_timestamp, o.rowid
"""


def find_database(data: Path) -> Path:
    """Return the one database of a data folder that has orders in it.

    Raises
    ------
    InvalidInput
        If there is none, or more than one.
    """
    found = [path for path in sorted(data.glob("*.sqlite")) if _has_orders(path)]
    if not found:
        raise InvalidInput(f"no bot has recorded an order in {data}; name another home folder or a file with --db")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InvalidInput(f"{data} has the databases of several bots ({names}): name one with --db")
    return found[0]


def read_records(path: Path) -> Records:
    """Read everything that is reported on.

    Raises
    ------
    InvalidInput
        If the file is missing, is no database of Hummingbot, is empty, or is locked.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no database {path}")
    with _reading(path) as connection:
        missing = _TABLES - _tables(connection)
        if missing:
            raise InvalidInput(f"{path} is no database of Hummingbot: it has no table {min(missing)}")
        records = Records(
            orders=[_order(row) for row in connection.execute(_ORDERS)],
            fills=[_fill(row) for row in connection.execute("SELECT * FROM TradeFill ORDER BY timestamp, rowid")],
            executors=[_executor(row) for row in connection.execute("SELECT * FROM Executors ORDER BY timestamp")],
            funding=[_funding(row) for row in connection.execute("SELECT * FROM FundingPayment ORDER BY timestamp")],
            held=[_held(row) for row in connection.execute("SELECT * FROM Position ORDER BY timestamp")],
        )
    if not records.orders and not records.fills:
        raise InvalidInput(f"{path} is empty: the bot has not placed an order yet")
    return records


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_SECS)) as database:
            database.row_factory = sqlite3.Row
            yield database
    except InvalidInput:
        raise
    except (sqlite3.Error, ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise InvalidInput(_sentence(path, error)) from error


def _sentence(path: Path, error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"{path} is locked by another program; try again in a moment"
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is no SQLite database"
    return f"{path} cannot be read as a database of Hummingbot: {error}"


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row["name"] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _has_orders(path: Path) -> bool:
    try:
        with _reading(path) as connection:
            if not _tables(connection) >= _TABLES:
                return False
            return connection.execute('SELECT 1 FROM "Order" LIMIT 1').fetchone() is not None
    except InvalidInput:
        # What cannot be read is reported when it is named.
        return False


def _order(row: Mapping[str, Any]) -> OrderRecord:
    created = row["created"] or row["last_status"]
    side = next((side for side in Side if created.lower().startswith(side.value)), None)
    return OrderRecord(
        order_id=row["id"],
        connector=row["market"],
        pair=row["symbol"],
        side=side,
        order_type=row["order_type"],
        price=row["price"] * STEP,
        quantity=row["amount"] * STEP,
        created_at_ms=row["creation_timestamp"],
        last_status=row["last_status"],
    )


def _fill(row: Mapping[str, Any]) -> FillRecord:
    price, quantity = row["price"] * STEP, row["amount"] * STEP
    return FillRecord(
        trade_id=row["exchange_trade_id"],
        order_id=row["order_id"],
        connector=row["market"],
        pair=row["symbol"],
        side=Side(row["trade_type"].lower()),
        order_type=row["order_type"],
        price=price,
        quantity=quantity,
        fees=_fees(json.loads(row["trade_fee"]), row["quote_asset"], price * quantity),
        at_ms=row["timestamp"],
    )


def _fees(fee: Mapping[str, Any], quote: str, value: Decimal) -> dict[str, Decimal]:
    """Return the fees by token: flat ones as they are, and a share of the value in quote."""
    fees: dict[str, Decimal] = {}
    shares: Iterable[tuple[str, Decimal]] = [(fee.get("percent_token") or quote, Decimal(fee["percent"]) * value)]
    flat = [(one["token"], Decimal(one["amount"])) for one in fee["flat_fees"]]
    for token, amount in (*shares, *flat):
        if amount:
            fees[token] = fees.get(token, Decimal(0)) + amount
    return fees


def _executor(row: Mapping[str, Any]) -> ExecutorRecord:
    return ExecutorRecord(
        kind=row["type"],
        controller=row["controller_id"] or "",
        ended_as=CLOSE_TYPES.get(row["close_type"], ""),
        net_pnl_quote=Decimal(repr(row["net_pnl_quote"])),
        fees_quote=Decimal(repr(row["cum_fees_quote"])),
        volume_quote=Decimal(repr(row["filled_amount_quote"])),
    )


def _funding(row: Mapping[str, Any]) -> FundingRecord:
    return FundingRecord(
        connector=row["market"], pair=row["symbol"], amount=Decimal(repr(row["amount"])), at_ms=row["timestamp"]
    )


def _held(row: Mapping[str, Any]) -> HeldRecord:
    return HeldRecord(
        controller=row["controller_id"],
        connector=row["connector_name"],
        pair=row["trading_pair"],
        side=row["side"],
        quantity=row["amount"] * STEP,
        breakeven_price=row["breakeven_price"] * STEP,
    )
