"""Every stock executor of Hummingbot opens and closes on the paper exchange, which crashes on Hummingbot's own.

The paper account trades against the live book of a localnet: nothing of the bot is at the venue, so the house does not
see its orders, and moves the market to where they must be instead.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
import yaml

from hummingbot_tegro.home import create_home
from hummingbot_tegro.report.database import read_records
from hummingbot_tegro.report.figures import compute
from tegro.client import AsyncTegro
from tegro_localnet.config import LocalnetConfig

SCRIPT = "v2_executors_script.py"
PAPER = "tegro_localnet_paper_trade"


@pytest.fixture(scope="module")
def localnet_config(v2_house) -> LocalnetConfig:
    """Start a localnet with the executors' markets."""
    return v2_house.executor_markets()


@pytest.fixture
async def tegro(localnet, v2_house) -> AsyncIterator[AsyncTegro]:
    """Return the client of the house's wallet."""
    async with v2_house.house_client(localnet) as client:
        yield client


@pytest.fixture
def bot(installed_layout, tmp_path, start_bot, localnet, v2_house):
    """Return a bot that trades on paper; it has no key."""
    home = tmp_path / "home"
    create_home(home)
    bot = start_bot(installed_layout, home, SCRIPT, localnet.new_wallet())
    path = home / "conf" / "conf_client.yml"
    settings = yaml.safe_load(path.read_text())
    balances = {token: float(amount) for token, amount in v2_house.FUNDS.items()}
    settings["paper_trade"] = {"paper_trade_exchanges": ["tegro_localnet"], "paper_trade_account_balance": balances}
    path.write_text(yaml.safe_dump(settings))
    script = {"script_file_name": SCRIPT, "done_file": str(bot.done_file), "connector": PAPER, "controllers_config": []}
    (home / "conf" / "scripts" / "conf_bot.yml").write_text(yaml.safe_dump(script))
    return bot


async def serve(house, base: str, *moves: tuple[str, str, int]) -> None:
    """Move a market (bid, ask) step by step; each waits until the bot has so many fills there."""
    for bid, ask, fills in moves:
        await house.quote(base, bid, ask)
        await house.booked(base, fills)


async def run_all(house, bot) -> dict[str, dict[str, str]]:
    """Move the markets until every executor has ended; return how, and the balances."""
    await house.open()
    # The last executor starts with the first; its trades tell that all of them have seen these prices.
    await house.booked("WBTC", 1)
    await house.booked("TWAP", 1)
    await asyncio.gather(
        serve(house, "POSITION", ("97", "99.4", 1), ("100.2", "102", 2)),
        serve(house, "GRID", ("97", "98.5", 1), ("100.8", "103", 2)),
        serve(house, "DCA", ("97", "99.1", 2), ("100.5", "102", 3)),
        serve(house, "ORDER", ("101.5", "103", 1)),
        serve(house, "ETH", ("90", "98.4", 1)),
    )
    while not bot.done_file.exists():
        bot.require_alive()
        await asyncio.sleep(0.05)
    return json.loads(bot.done_file.read_text())


@pytest.mark.timeout(300)
async def test_every_stock_executor_opens_and_closes_on_paper(bot, tegro, v2_house):
    await asyncio.to_thread(bot._command, "balance", given="")  # the first command that needs a password stores it
    bot.start()
    try:
        done = await asyncio.wait_for(run_all(v2_house.House(tegro, bot), bot), 150)
    except TimeoutError:
        pytest.fail(f"the executors did not end:\n{bot.log_tail()}")
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
    assert done["ends"] == v2_house.ENDS, bot.log_tail()
    assert await tegro.orders(bot.wallet.address) == []
    # What the paper account has is what it had and what Hummingbot recorded, fees taken off.
    figures = compute(read_records(bot.database))
    changes = {market.pair.removesuffix("-USDC"): market.base_change for market in figures.markets}
    assert set(changes) == set(v2_house.BASES)
    changes["USDC"] = sum(market.quote_change for market in figures.markets)
    for token, change in changes.items():
        assert Decimal(done["balances"][token]) == pytest.approx(v2_house.FUNDS[token] + change, abs=Decimal("1e-9")), (
            token
        )
    assert all(market.fees for market in figures.markets)
