"""The comparison of the books: it is silent when they agree and names what differs when they do not."""

import sqlite3
from dataclasses import replace
from decimal import Decimal

import pytest


@pytest.fixture
def books(reconciliation):
    """Two trades at 7 basis points: a buy of 0.5 WETH at 3000 and a sell of 0.1234567 WETH at 3000.01."""
    buy = reconciliation.Fill("t1", "WETH-USDC", True, Decimal(3000), Decimal("0.5"), Decimal("0.00035"), "WETH")
    sell = reconciliation.Fill(
        "t2", "WETH-USDC", False, Decimal("3000.01"), Decimal("0.1234567"), Decimal("0.259259"), "USDC"
    )
    recorded = replace(sell, quantity=Decimal("0.123456"))
    return reconciliation.Books(
        host=(buy, recorded),
        venue=(reconciliation.VenueFill(buy, "0xb", "0x1"), reconciliation.VenueFill(sell, "0xs", "0x2")),
        chain=(
            reconciliation.ChainFill("0xb", "0x1", "WETH-USDC", True, 3000 * 10**18, 5 * 10**17, 1_500_000_000),
            reconciliation.ChainFill(
                "0xs", "0x2", "WETH-USDC", False, 300001 * 10**16, 123_456_700_000_000_000, 370_371_334
            ),
        ),
        balance_changes_wei={
            "WETH": 5 * 10**17 - 35 * 10**13 - 123_456_700_000_000_000,
            "USDC": -1_500_000_000 + 370_371_334 - 259_259,
            "WBTC": 0,
        },
        decimals={"WETH": 18, "USDC": 6, "WBTC": 8},
    )


def test_books_that_agree_have_no_difference(reconciliation, books):
    assert reconciliation.differences(books) == []


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda books: {"host": books.host[1:]}, "Hummingbot did not record the trade t1"),
        (lambda books: {"host": (*books.host, books.host[0])}, "recorded the trade t1 2 times"),
        (lambda books: {"venue": books.venue[1:]}, "the trade t1, which the venue does not report"),
        (lambda books: {"venue": books.venue[1:]}, "the contract logged what the venue does not report"),
        (lambda books: {"chain": books.chain[1:]}, "the venue reports what the contract did not log"),
        (lambda books: {"balance_changes_wei": books.balance_changes_wei | {"WETH": 1}}, "WETH changed by 1 on chain"),
        (
            lambda books: {"balance_changes_wei": books.balance_changes_wei | {"WBTC": -1}},
            "WBTC changed by -1 on chain",
        ),
        (lambda books: {"balance_changes_wei": {}}, "the balance of USDC changed by 0"),
    ],
)
def test_a_spoiled_source_is_named(reconciliation, books, spoil, sentence):
    found = reconciliation.differences(replace(books, **spoil(books)))
    assert any(sentence in difference for difference in found), found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", Decimal("3000.000001")),
        ("quantity", Decimal("0.500001")),
        ("fee", Decimal("0.000350000000000001")),
        ("fee_token", "USDC"),
        ("is_buy", False),
        ("pair", "WBTC-USDC"),
    ],
)
def test_a_spoiled_member_of_a_recorded_fill_is_named(reconciliation, books, name, value):
    spoiled = replace(books, host=(replace(books.host[0], **{name: value}), *books.host[1:]))
    found = reconciliation.differences(spoiled)
    assert any(f"Hummingbot has {name} {value}" in difference for difference in found), found


@pytest.mark.parametrize("name", ["price_e18", "quantity_wei", "quote_wei"])
def test_one_unit_of_a_settlement_is_named(reconciliation, books, name):
    spoiled_fill = replace(books.chain[0], **{name: getattr(books.chain[0], name) + 1})
    found = reconciliation.differences(replace(books, chain=(spoiled_fill, *books.chain[1:])))
    assert any("the contract logged what the venue does not report" in difference for difference in found)


def test_hummingbots_database_is_read_with_its_six_decimals(reconciliation, tmp_path):
    database = tmp_path / "bot.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE TradeFill (exchange_trade_id, symbol, trade_type, price, amount, trade_fee)")
    fee = '{"fee_type": "DeductedFromReturns", "flat_fees": [{"token": "USDC", "amount": "0.84"}]}'
    connection.execute("INSERT INTO TradeFill VALUES ('t', 'WETH-USDC', 'SELL', 3000010000, 400000, ?)", (fee,))
    connection.commit()
    connection.close()
    assert reconciliation.host_fills(database) == (
        reconciliation.Fill("t", "WETH-USDC", False, Decimal("3000.01"), Decimal("0.4"), Decimal("0.84"), "USDC"),
    )
