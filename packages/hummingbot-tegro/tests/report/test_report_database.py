"""Reading Hummingbot's database: what is in it, and one sentence for every way in which it cannot be read."""

import hashlib
import sqlite3
from decimal import Decimal

import pytest
from hummingbot.model.executors import Executors
from hummingbot.model.funding_payment import FundingPayment
from hummingbot.model.position import Position
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_tegro.report.database import CLOSE_TYPES, find_database, read_records
from tegro.errors import InvalidInput
from tegro.model import Side


def test_everything_is_read_as_hummingbot_wrote_it(make_database):
    database = make_database()
    order = database.order("sell", "3000.25", "0.5", order_type="LIMIT_MAKER", last_status="SellOrderCompleted")
    database.fill(order, "sell", "3000.25", "0.5")
    database.add(
        Executors(
            id="e1",
            timestamp=1.0,
            type="grid_executor",
            close_type=CloseType.TAKE_PROFIT.value,
            close_timestamp=2,
            status=4,
            config={},
            net_pnl_pct=0.1,
            net_pnl_quote=0.1,
            cum_fees_quote=0.2,
            filled_amount_quote=30.5,
            is_active=False,
            is_trading=False,
            custom_info={},
            controller_id="main",
        )
    )
    database.add(
        FundingPayment(timestamp=1, config_file_path="c", market="tegro_perpetual", rate=0.1, symbol="A-B", amount=-0.3)
    )
    numbers = dict.fromkeys(
        ("volume_traded_quote", "unrealized_pnl_quote", "realized_pnl_quote", "cum_fees_quote"), Decimal(1)
    )
    database.add(
        Position(
            id="p1",
            controller_id="main",
            connector_name="tegro_localnet",
            side="BUY",
            trading_pair="WETH-USDC",
            timestamp=1,
            amount=Decimal("0.25"),
            breakeven_price=Decimal(2999),
            **numbers,
        )
    )
    records = read_records(database.path)
    [order], [fill] = records.orders, records.fills
    assert (order.side, order.order_type, order.price, order.quantity) == (
        Side.SELL,
        "LIMIT_MAKER",
        Decimal("3000.25"),
        Decimal("0.5"),
    )
    assert (fill.side, fill.price, fill.quantity) == (Side.SELL, Decimal("3000.25"), Decimal("0.5"))
    assert fill.fees == {"USDC": Decimal("1.0500875")}
    [executor], [funding], [held] = records.executors, records.funding, records.held
    assert (executor.ended_as, executor.net_pnl_quote, executor.volume_quote) == (
        "TAKE_PROFIT",
        Decimal("0.1"),
        Decimal("30.5"),
    )
    assert funding.amount == Decimal("-0.3")
    assert (held.side, held.quantity, held.breakeven_price) == ("BUY", Decimal("0.25"), Decimal(2999))


def test_a_fee_that_is_a_share_counts_in_its_token(make_database):
    database = make_database()
    order = database.order("buy", "2000", "0.5")
    share = {"fee_type": "AddedToCost", "percent": "0.001", "percent_token": None, "flat_fees": []}
    database.fill(order, "buy", "2000", "0.5", fee=share)
    database.fill(order, "buy", "2000", "0.5", fee=share | {"percent_token": "BNB"})
    assert [fill.fees for fill in read_records(database.path).fills] == [{"USDC": Decimal(1)}, {"BNB": Decimal(1)}]


def test_fills_stand_in_the_order_in_which_they_happened(make_database):
    database = make_database()
    order = database.order("buy", "1", "4")
    for price, at_ms in (("3", 3000), ("1", 1000), ("2", 3000)):
        database.fill(order, "buy", price, "1", at_ms=at_ms)
    assert [fill.price for fill in read_records(database.path).fills] == [1, 3, 2]


def test_the_numbers_of_close_types_are_hummingbots():
    assert {close_type.value: close_type.name for close_type in CloseType} == CLOSE_TYPES


def test_reading_changes_nothing(make_database):
    database = make_database()
    database.order("buy", "1", "1")
    before = hashlib.sha256(database.path.read_bytes()).hexdigest()
    read_records(database.path)
    assert hashlib.sha256(database.path.read_bytes()).hexdigest() == before
    assert [path.name for path in database.path.parent.iterdir()] == [database.path.name]


def test_the_one_bot_is_found_and_others_than_hummingbots_files_are_passed_over(make_database):
    one, empty = make_database(), make_database("empty")
    one.order("buy", "1", "1")
    (one.path.parent / "tegro_journal.sqlite").write_bytes(b"no database")
    assert find_database(one.path.parent) == one.path
    empty.order("buy", "1", "1")
    with pytest.raises(InvalidInput, match=r"several bots \(bot.sqlite, empty.sqlite\): name one with --db"):
        find_database(one.path.parent)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no database"),
        (b"this is a text, long enough to be no empty database" * 20, "is no SQLite database"),
        ("CREATE TABLE other (a)", "is no database of Hummingbot: it has no table Executors"),
    ],
)
def test_what_is_no_database_is_one_sentence(tmp_path, content, said):
    path = tmp_path / "some.sqlite"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        with sqlite3.connect(path) as connection:
            connection.execute(content)
    with pytest.raises(InvalidInput) as refused:
        read_records(path)
    assert str(refused.value) in (f"{path} {said}", f"{said} {path}")


def test_a_bot_that_did_nothing_yet_is_one_sentence(make_database):
    with pytest.raises(InvalidInput, match="is empty: the bot has not placed an order yet"):
        read_records(make_database().path)
    with pytest.raises(InvalidInput, match="no bot has recorded an order"):
        find_database(make_database().path.parent)


def test_columns_of_another_hummingbot_are_one_sentence(make_database):
    database = make_database()
    database.order("buy", "1", "1")
    with sqlite3.connect(database.path) as connection:
        connection.execute('ALTER TABLE "Order" RENAME COLUMN amount TO volume')
    with pytest.raises(InvalidInput, match="cannot be read as a database of Hummingbot"):
        read_records(database.path)


def test_a_locked_database_is_one_sentence(make_database):
    database = make_database()
    database.order("buy", "1", "1")
    other = sqlite3.connect(database.path, isolation_level=None)
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InvalidInput, match="is locked by another program; try again"):
            read_records(database.path)
    finally:
        other.close()
