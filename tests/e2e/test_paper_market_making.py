"""A stock Hummingbot runs its classic market-making strategy on paper, on a live market, without any key."""

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

pytestmark = pytest.mark.timeout(240)

NAME = "tegro_localnet_paper_trade"
STRATEGY = {
    "template_version": 24,
    "strategy": "pure_market_making",
    "exchange": NAME,
    "market": "WETH-USDC",
    "bid_spread": 0.1,
    "ask_spread": 0.1,
    "minimum_spread": -100,
    "order_refresh_time": 1_000,
    "max_order_age": 1_800,
    "order_refresh_tolerance_pct": 0,
    "order_amount": 0.5,
    "price_ceiling": -1,
    "price_floor": -1,
    "moving_price_band_enabled": False,
    "ping_pong_enabled": False,
    "inventory_skew_enabled": False,
    "inventory_price": 1,
    "order_levels": 1,
    "order_level_amount": 0,
    "order_level_spread": 1,
    "filled_order_delay": 60,
    "hanging_orders_enabled": False,
    "order_optimization_enabled": False,
    "add_transaction_costs": False,
    "price_source": "current_market",
    "price_type": "mid_price",
    "take_if_crossed": False,
    "split_order_levels_enabled": False,
}


_PASSWORD = """
import os
from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger, store_password_verification
store_password_verification(ETHKeyFileSecretManger(os.environ["HBOT_PASSWORD"]))
"""


class PaperBot:
    """A stock Hummingbot process in a new home folder."""

    def __init__(self, layout, home: Path, localnet) -> None:
        self._layout, self.home = layout, home
        self._output = home.parent / "bot.out"
        self._env = {"HBOT_PASSWORD": "paper-password", "HUMMINGBOT_TEGRO_HOME": str(home)}
        made = layout.run("-c", "from tegro.cli.main import main; main()", "hummingbot", "init", home)
        assert made.returncode == 0, made.stderr
        (home / "conf" / "tegro.toml").write_text(
            f'[localnet]\nrest_url = "{localnet.rest_url}"\n[localnet.paper]\nrealism = "strict"\n'
        )
        paper = {"paper_trade_exchanges": ["tegro_localnet"], "paper_trade_account_balance": {"WETH": 3, "USDC": 9_000}}
        client = {"instance_id": "e2e", "anonymized_metrics_mode": {}, "paper_trade": paper}
        (home / "conf" / "conf_client.yml").write_text(yaml.safe_dump(client))
        (home / "conf" / "strategies" / "conf_pmm.yml").write_text(yaml.safe_dump(STRATEGY))

    def start(self) -> subprocess.Popen:
        made = self._layout.run("-c", _PASSWORD, **self._env)
        assert made.returncode == 0, made.stderr
        command = [self._layout.python, "-m", "hummingbot.cli.engine", "--name", "conf_pmm", "--config", "conf_pmm.yml"]
        with self._output.open("w") as output:
            return subprocess.Popen(
                command, cwd=self.home, env=self._layout.env | self._env, stdout=output, stderr=output
            )

    def rows(self, query: str) -> list[tuple]:
        databases = list((self.home / "data").glob("conf_pmm*.sqlite"))
        if not databases:
            return []
        with sqlite3.connect(f"file:{databases[0]}?mode=ro", uri=True) as database:
            try:
                return database.execute(query).fetchall()
            except sqlite3.OperationalError:  # the tables are not made yet
                return []

    def log(self) -> str:
        paths = [self._output, *(self.home / "logs").glob("*.log")]
        return "\n".join(path.read_text(errors="replace")[-5_000:] for path in paths if path.exists())

    def until(self, process: subprocess.Popen, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 90
        while not condition():
            assert process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)


async def test_pure_market_making_quotes_and_fills_on_paper(installed_layout, tmp_path, localnet):
    bot = PaperBot(installed_layout, tmp_path / "home", localnet)
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    amounts = {"WETH": Decimal(50), "USDC": Decimal(500_000)}
    makers, takers = localnet.new_wallet(amounts), localnet.new_wallet(amounts)
    async with (
        AsyncTegro(environment, signer=LocalSigner(makers.key)) as maker,
        AsyncTegro(environment, signer=LocalSigner(takers.key)) as taker,
    ):
        market = await maker.market("WETH_USDC")

        async def place(client, side, quantity, price) -> None:
            outcome = await client.place(
                OrderRequest(market=market, side=side, quantity=Decimal(quantity), price=Decimal(price))
            )
            assert isinstance(outcome, Accepted), outcome

        await place(maker, Side.BUY, "2", "2990")
        await place(maker, Side.SELL, "2", "3010")
        process = bot.start()
        try:
            created = "SELECT id, price FROM 'Order' WHERE last_status LIKE '%Created'"
            bot.until(process, lambda: len(bot.rows(created)) == 2)
            # Beyond our bid of 2997: what we do not see in the venue's book is filled first on paper.
            await place(taker, Side.SELL, "0.3", "2990")
            fills = "SELECT trade_type, CAST(price AS REAL), CAST(amount AS REAL), market FROM TradeFill"
            bot.until(process, lambda: bot.rows(fills))
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
        assert {order.price for order in await maker.orders(makers.address)} == {Decimal(2990), Decimal(3010)}
    [(side, _, amount, where)] = bot.rows(fills)
    assert (side, where) == ("BUY", NAME)
    # Hummingbot stores amounts as millionths.
    assert amount == 300_000
    assert json.loads((bot.home / "data" / "bot" / "status.json").read_text())["running"] is False
    assert list((bot.home / "conf" / "connectors").iterdir()) == []
