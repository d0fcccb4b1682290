"""Every stock executor of Hummingbot opens and closes on a localnet, and all books tell the same story of it."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_tegro.demo.readers import host_fills, venue_fills
from hummingbot_tegro.demo.reconciliation import Books, differences
from hummingbot_tegro.home import create_home
from hummingbot_tegro.report.database import read_records
from hummingbot_tegro.report.exact import read_journals, with_exact_numbers
from hummingbot_tegro.report.figures import compute
from tegro.client import AsyncTegro
from tegro.model import Side
from tegro_localnet.config import LocalnetConfig

SCRIPT = "v2_executors_script.py"
FILLS = {"POSITION": 2, "GRID": 2, "DCA": 3, "TWAP": 3, "ORDER": 1, "ETH": 1, "WETH": 1, "BTC": 1, "WBTC": 1}


@pytest.fixture(scope="module")
def localnet_config(v2_house) -> LocalnetConfig:
    """Start a localnet with the executors' markets."""
    return v2_house.executor_markets()


@pytest.fixture
async def tegro(localnet, v2_house) -> AsyncIterator[AsyncTegro]:
    """Return the client of the house's wallet."""
    async with v2_house.house_client(localnet) as client:
        yield client


async def serve_position(house) -> None:
    """Take the entry and the take-profit order."""
    await house.take("POSITION", Side.BUY)
    await house.take("POSITION", Side.SELL)


async def serve_grid(house) -> None:
    """Take one level's entry and exit, which rest behind the best prices, and end the grid by moving the market up."""
    await house.take("GRID", Side.BUY, through=house.depth)
    await house.quote("GRID", "97", "99")
    await house.take("GRID", Side.SELL, through=house.depth)
    await house.booked("GRID", 2)
    await house.quote("GRID", "101", "103")


async def serve_dca(house) -> None:
    """Take both entries, then raise the bid to where the profit is taken."""
    await house.take("DCA", Side.BUY)
    await house.take("DCA", Side.BUY)
    await house.booked("DCA", 2)
    await house.quote("DCA", "100.5", "101")


async def run_all(house, bot) -> dict[str, str]:
    """Play the other side until every executor has ended; return how."""
    await house.open()
    await asyncio.gather(
        serve_position(house),
        serve_grid(house),
        serve_dca(house),
        # The host puts a limit-maker order no nearer than the best price, behind the house's level.
        house.take("ORDER", Side.SELL, through=house.depth),
        house.take("ETH", Side.BUY),
    )
    while not bot.done_file.exists():
        bot.require_alive()
        await asyncio.sleep(0.05)
    return json.loads(bot.done_file.read_text())["ends"]


def stored_executors(bot) -> dict[str, str | None]:
    """Return how each executor ended, as Hummingbot's database has it."""
    with closing(sqlite3.connect(bot.database)) as connection:
        rows = connection.execute("SELECT type, close_type FROM Executors").fetchall()
    return {kind: CloseType(close_type).name if close_type else None for kind, close_type in rows}


def check_report(database: Path, changes_wei: dict[str, int]) -> None:
    """Compare the bot's report with the wallet's balances on chain, and with pandas on the database."""
    records = with_exact_numbers(read_records(database), read_journals(database.parent))
    figures = compute(records)
    assert {one.pair.removesuffix("-USDC"): one.base_change for one in figures.markets} == {
        token: Decimal(change).scaleb(-18) for token, change in changes_wei.items() if token != "USDC"
    }
    quote = sum(one.quote_change for one in figures.markets)
    assert quote == Decimal(changes_wei["USDC"]).scaleb(-6)
    [total] = figures.totals
    assert total.net_pnl == quote + sum(one.base_change * one.last_price for one in figures.markets)
    with closing(sqlite3.connect(database)) as connection:
        frame = pd.read_sql("SELECT symbol, trade_type, price, amount FROM TradeFill", connection)
    frame["volume"] = frame["price"] * frame["amount"] / 1e12
    signed = frame["volume"] * frame["trade_type"].map({"BUY": -1, "SELL": 1})
    for market in figures.markets:
        own = frame["symbol"] == market.pair
        assert float(market.volume) == pytest.approx(frame[own]["volume"].sum())
        traded = market.realised_pnl + market.unrealised_pnl - market.position * market.last_price
        assert float(traded) == pytest.approx(signed[own].sum())
    # Every sell is exact, the price of a buy is not.
    assert figures.exact_fills == sum(fill.side is Side.SELL for fill in records.fills)


@pytest.mark.timeout(300)
async def test_every_stock_executor_opens_and_closes_and_every_book_agrees(
    installed_layout, tmp_path, start_bot, tegro, localnet, chain, chain_fills, v2_house
):
    create_home(tmp_path / "home")
    wallet = localnet.new_wallet(v2_house.FUNDS)
    bot = start_bot(installed_layout, tmp_path / "home", SCRIPT, wallet)
    before = chain.balances_wei(wallet)
    await asyncio.to_thread(bot.connect)
    bot.start()
    try:
        ends = await asyncio.wait_for(run_all(v2_house.House(tegro, bot), bot), 150)
    except TimeoutError:
        pytest.fail(f"the executors did not end:\n{bot.log_tail()}")
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
    assert ends == v2_house.ENDS, bot.log_tail()
    orders = await tegro.orders(wallet.address)
    assert [order for order in orders if not order.is_done] == []
    after = chain.balances_wei(wallet)
    markets = await tegro.markets()
    books = Books(
        host=host_fills(bot.database),
        venue=await venue_fills(tegro, orders),
        chain=tuple(chain_fills(chain, {order.order_hash for order in orders})),
        balance_changes_wei={token: after[token] - before[token] for token in after},
        decimals={token.symbol: token.decimals for market in markets for token in (market.base, market.quote)},
    )
    assert differences(books) == []
    counts = {base: sum(fill.pair == f"{base}-USDC" for fill in books.host) for base in v2_house.BASES}
    assert counts == FILLS
    assert stored_executors(bot) == v2_house.ENDS
    check_report(bot.database, books.balance_changes_wei)
