"""The comparison of the demo's four books is silent when they agree, and names source, trade and member when not."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest
from msgspec.structs import replace

from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.readers import host_fills
from hummingbot_tegro.demo.reconciliation import Fill, changes_wei, differences
from tegro.model import Side


def test_books_that_agree_have_no_difference(books):
    assert differences(books) == []


def test_the_columns_agree_to_the_last_unit_but_for_what_hummingbot_cuts_off(books):
    changes = changes_wei(books)
    assert set(changes) == {"USDC", "WETH"}
    assert changes["WETH"][1:] == (books.balance_changes_wei["WETH"],) * 3
    assert changes["USDC"][1:] == (books.balance_changes_wei["USDC"],) * 3
    assert changes["WETH"][0] - changes["WETH"][1] == 700_000_000_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", Decimal("3000.000001")),
        ("quantity", Decimal("0.500001")),
        ("fee", Decimal("0.000350000000000001")),
        ("fee_token", "USDC"),
        ("side", Side.SELL),
        ("pair", "WBTC-USDC"),
        ("trade_id", "t9"),
    ],
)
def test_one_altered_row_of_the_database_is_named(books, name, value):
    spoiled = replace(books, host=(replace(books.host[0], **{name: value}), *books.host[1:]))
    found = differences(spoiled)
    assert any(text.startswith(("database", "venue: it does not report")) and "t1" in text for text in found), found
    if name in ("price", "quantity", "fee", "fee_token", "pair"):
        assert any(f"trade t1: {name} is {value} in Hummingbot" in text for text in found), found


@pytest.mark.parametrize(
    ("name", "value"),
    [("price", Decimal("2999.99")), ("quantity", Decimal("0.4")), ("fee", Decimal("0.00034")), ("fee_token", "USDC")],
)
def test_one_altered_trade_of_the_venue_is_named(books, name, value):
    reported = books.venue[0]
    altered = replace(reported, fill=replace(reported.fill, **{name: value}))
    found = differences(replace(books, venue=(altered, *books.venue[1:])))
    assert any(
        f"trade t1: {name} is" in text and f", {value}" in text and text.endswith("at the venue") for text in found
    ), found


@pytest.mark.parametrize(
    ("name", "value"), [("price_e18", 1), ("quantity_wei", 5 * 10**17 + 1), ("quote_wei", 1_500_000_001)]
)
def test_one_altered_event_of_the_chain_is_named(books, name, value):
    found = differences(replace(books, chain=(replace(books.chain[0], **{name: value}), *books.chain[1:])))
    assert any(
        text.startswith("venue against chain: trade t1")
        and f"{name} is" in text
        and f"{value} in the contract's" in text
        for text in found
    ), found


@pytest.mark.parametrize("token", ["WETH", "USDC", "WBTC"])
def test_one_unit_of_a_balance_is_named(books, token):
    altered = books.balance_changes_wei | {token: books.balance_changes_wei[token] + 1}
    found = differences(replace(books, balance_changes_wei=altered))
    assert len(found) == 1
    assert found[0].startswith(f"balance: {token} changed by {altered[token]}")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("host", "database: Hummingbot did not record trade t1 (buy), which the venue reports"),
        ("venue", "venue: it does not report trade t1 (buy), which Hummingbot recorded"),
        ("chain", "chain: the contract did not log trade t1 of order 0xb that the venue reports"),
    ],
)
def test_a_missing_row_is_named(books, source, sentence):
    assert sentence in differences(replace(books, **{source: getattr(books, source)[1:]}))


def test_rows_too_many_are_named(books):
    twice = differences(replace(books, host=(*books.host, books.host[0])))
    assert twice == ["database: Hummingbot recorded trade t1 (buy) 2 times"]
    unknown = replace(books.chain[0], order_hash="0xother", tx_hash="0x9")
    found = differences(replace(books, chain=(*books.chain, unknown)))
    assert any(
        "settlement of order 0xother in transaction 0x9 that the venue does not report" in text for text in found
    )


def test_hummingbots_database_is_read_with_its_six_decimals(tmp_path):
    database = tmp_path / "bot.sqlite"
    fee = '{"fee_type": "DeductedFromReturns", "flat_fees": [{"token": "USDC", "amount": "0.84"}]}'
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE TradeFill (exchange_trade_id, symbol, trade_type, price, amount, trade_fee)")
        connection.execute("INSERT INTO TradeFill VALUES ('t', 'WETH-USDC', 'SELL', 3000010000, 400000, ?)", (fee,))
        connection.commit()
    assert host_fills(database) == [
        Fill(
            trade_id="t",
            pair="WETH-USDC",
            side=Side.SELL,
            price=Decimal("3000.01"),
            quantity=Decimal("0.4"),
            fee=Decimal("0.84"),
            fee_token="USDC",
        )
    ]


def test_a_missing_database_is_one_sentence(tmp_path):
    with pytest.raises(DemoFailure, match=r"Hummingbot's database .*none\.sqlite cannot be read"):
        host_fills(tmp_path / "none.sqlite")
