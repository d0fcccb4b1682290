"""Exact numbers from the journal, where they fit to what the database has."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from hummingbot_tegro.report.database import read_records
from hummingbot_tegro.report.exact import read_journals, with_exact_numbers
from hummingbot_tegro.report.figures import compute
from hummingbot_tegro.report.records import Source
from tegro.errors import InvalidInput
from tegro.journal import JournalEntry, SqliteJournal
from tegro.model import Side

PRICE, QUANTITY = Decimal("0.123456789"), Decimal("1.234567890123456789")


def sign(data, order_id, side, price=PRICE, quantity=QUANTITY, number=1):
    """Record an order in the journal, as the client does."""
    journal = SqliteJournal(data / "tegro_journal.sqlite")
    journal.record_signed(
        JournalEntry(
            order_hash=f"0x{number:064x}",
            maker="0x" + "11" * 20,
            chain_id=31337,
            market_id="m",
            client_order_id=order_id,
            raw_order_data="{}",
            signature="0x",
            side=side,
            price=price,
            quantity=quantity,
            signed_at_ms=1,
        )
    )
    journal.close()


def exact(database):
    return with_exact_numbers(read_records(database.path), read_journals(database.path.parent))


def test_a_completed_sell_is_exact_in_price_and_quantity(make_database):
    database = make_database()
    order = database.order("sell", str(PRICE), str(QUANTITY), last_status="SellOrderCompleted")
    database.fill(order, "sell", str(PRICE), "0.5")
    database.fill(order, "sell", str(PRICE), "0.734567890123456789")
    sign(database.path.parent, order, Side.SELL)
    found = exact(database)
    assert [fill.price for fill in found.fills] == [PRICE, PRICE]
    assert sum(fill.quantity for fill in found.fills) == QUANTITY
    assert {fill.quantity_source for fill in found.fills} == {Source.JOURNAL}
    assert (found.orders[0].price, found.orders[0].quantity) == (PRICE, QUANTITY)
    [market] = compute(found).markets
    assert (market.exact_fills, market.sold, market.volume) == (2, QUANTITY, PRICE * QUANTITY)


@pytest.mark.parametrize("paid", ["0.12", "0.123456"])
def test_the_price_of_a_buy_is_not_the_signed_one(make_database, paid):
    database = make_database()
    order = database.order("buy", str(PRICE), str(QUANTITY), last_status="BuyOrderCompleted")
    database.fill(order, "buy", paid, str(QUANTITY))
    sign(database.path.parent, order, Side.BUY)
    [fill] = exact(database).fills
    assert (fill.price, fill.price_source) == (Decimal(paid), Source.DATABASE)
    assert (fill.quantity, fill.quantity_source) == (QUANTITY, Source.JOURNAL)


@pytest.mark.parametrize(
    ("status", "filled", "signed"),
    [
        ("OrderCancelled", str(QUANTITY), QUANTITY),
        ("SellOrderCompleted", "1.234566", QUANTITY),
        ("SellOrderCompleted", "1.234567", Decimal("1.234566")),
    ],
)
def test_a_quantity_that_the_journal_cannot_tell_is_left(make_database, status, filled, signed):
    database = make_database()
    order = database.order("sell", str(PRICE), str(QUANTITY), last_status=status)
    database.fill(order, "sell", str(PRICE), filled)
    sign(database.path.parent, order, Side.SELL, quantity=signed)
    [fill] = exact(database).fills
    assert fill.quantity_source is Source.DATABASE
    assert fill.quantity == read_records(database.path).fills[0].quantity


def test_what_the_contract_paid_otherwise_and_what_was_signed_twice_is_left(make_database):
    database = make_database()
    other = database.order("sell", "0.2", "1", last_status="OrderCancelled")
    database.fill(other, "sell", "0.2", "1")
    sign(database.path.parent, other, Side.SELL)
    twice = database.order("sell", str(PRICE), "1", last_status="SellOrderCompleted")
    database.fill(twice, "sell", str(PRICE), "1")
    for number in (2, 3):
        sign(database.path.parent, twice, Side.SELL, quantity=Decimal("0.5"), number=number)
    assert exact(database) == read_records(database.path)


def test_database_and_journal_are_read_and_not_touched(make_database):
    database = make_database()
    order = database.order("sell", str(PRICE), str(QUANTITY), last_status="SellOrderCompleted")
    database.fill(order, "sell", str(PRICE), str(QUANTITY))
    data = database.path.parent
    sign(data, order, Side.SELL)
    with closing(sqlite3.connect(data / "tegro_journal.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # to open it for writing would change this
    database.close()
    before = {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in data.iterdir()}
    assert exact(database).fills[0].price_source is Source.JOURNAL
    assert {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in data.iterdir()} == before


def test_a_journal_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "tegro_journal.sqlite").write_bytes(b"this is a text, long enough to be no empty database" * 20)
    with pytest.raises(InvalidInput, match="the exact numbers cannot be read"):
        read_journals(tmp_path)
