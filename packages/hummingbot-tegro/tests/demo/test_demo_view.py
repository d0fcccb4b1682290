"""The pictures of the demo fit every screen, and say what was fed in."""

import io
from decimal import Decimal

import pytest
from rich.console import Console

from hummingbot_tegro.demo.following import Follower, tally_of
from hummingbot_tegro.demo.reconciliation import differences
from hummingbot_tegro.demo.report import report
from hummingbot_tegro.demo.view import Scene, line, screen
from tegro.model import BookLevel, BookSnapshot, Order, OrderStatus, Side

WALLET = "0x" + "cc" * 20


@pytest.fixture
def follower(market, books):
    follower = Follower(market, WALLET)
    levels = [BookLevel(Decimal(3000) - n, Decimal("0.5") + n) for n in range(20)]
    asks = [BookLevel(Decimal(3001) + n, Decimal("0.5") + n) for n in range(20)]
    follower.book.apply_snapshot(BookSnapshot(symbol="WETH_USDC", bids=levels, asks=asks, timestamp_ms=1))
    order = Order(
        order_id="o1",
        order_hash="0x1",
        market_id="m1",
        side=Side.BUY,
        price=Decimal(3000),
        quantity=Decimal("0.5"),
        filled=Decimal(0),
        pending=Decimal(0),
        average_price=Decimal(0),
        status=OrderStatus.OPEN,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=1,
    )
    follower.open_orders["o1"] = order
    for reported in books.venue:
        follower.fills[reported.fill.trade_id, reported.fill.side] = reported
    return follower


@pytest.fixture
def scene(follower):
    return Scene(
        title="tegro demo",
        phases=["trading"],
        done_secs=12,
        of_secs=90,
        is_trading=True,
        follower=follower,
        allowances="much",
    )


def text_of(renderable, columns, rows):
    console = Console(width=columns, height=rows, record=True, file=io.StringIO())
    console.print(renderable)
    return console.export_text()


@pytest.mark.parametrize(("columns", "rows"), [(100, 30), (200, 60), (80, 24), (40, 12), (20, 5), (1, 1)])
def test_a_picture_fits_its_screen(scene, columns, rows):
    lines = text_of(screen(scene, columns, rows), columns, rows).splitlines()
    assert len(lines) <= rows
    assert all(len(text) <= columns for text in lines)


def test_the_picture_shows_book_orders_fills_and_settlements(scene):
    text = text_of(screen(scene, 100, 30), 100, 30)
    for wanted in ("3001", "3000", "◀ bot", "maker", "taker", "0x1", "12 of 90 s", "trading", "much", "PnL"):
        assert wanted in text


def test_before_the_bot_trades_the_picture_says_what_is_done():
    assert "starting it" in text_of(screen(Scene(title="t", phases=["making it", "starting it"]), 80, 24), 80, 24)
    assert line(Scene(title="t", phases=["making it", "starting it"])) == "starting it ..."


def test_the_tally_is_net_of_fees(books):
    tally = tally_of(books.venue, Decimal(3000))
    assert (tally.fills, tally.makers, tally.takers, tally.buys, tally.sells) == (2, 1, 1, 1, 1)
    assert tally.position == Decimal("0.5") - Decimal("0.00035") - Decimal("0.1234567")
    assert tally.cash == Decimal(-1500) + Decimal("3000.01") * Decimal("0.1234567") - Decimal("0.259259")
    assert tally.profit == tally.cash + tally.position * 3000
    assert tally.fees == Decimal("0.00035") * 3000 + Decimal("0.259259")
    assert tally.transactions == 2


def test_a_line_says_how_far_it_is(scene):
    assert line(scene).startswith(
        "12 of 90 s: 2 fills (1 maker, 1 taker; 1 buys, 1 sells); 1 open orders; position +0.37"
    )


def test_the_report_shows_four_columns_and_every_difference(books, market):
    agreeing = text_of(report(books, differences(books), market, Decimal(3000)), 120, 60)
    assert "agree to the last unit" in agreeing
    assert agreeing.count(f"{Decimal(books.balance_changes_wei['USDC']).scaleb(-6):,f}") >= 3
    differing = text_of(report(books, [f"difference {n}" for n in range(25)], market, Decimal(3000)), 120, 60)
    assert "25 differences" in differing
    assert "and 5 more" in differing
