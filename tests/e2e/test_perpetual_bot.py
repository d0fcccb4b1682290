"""A stock Hummingbot on localnet's perpetual venue: it quotes in hedge mode, pays funding, and is liquidated.

At the end the database of the bot, the lists of the venue and the account say the same.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tegro.model import Side
from tegro.perpetual import (
    Accepted,
    ApiKey,
    AsyncPerpetual,
    PerpetualOrderRequest,
    PositionMode,
    PositionSide,
    load_perpetual,
)

NAME, SYMBOL = "tegro_perpetual_testnet", "ETHUSDT"
MICRO = Decimal(10) ** -6


def tell(localnet, path: str, **body: object) -> dict[str, str]:
    """Use localnet's own paths of the perpetual venue."""
    answer = httpx.post(f"{localnet.rest_url}/localnet/perpetual/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(database: Path, query: str) -> list[tuple]:
    """Return rows of the bot's database; none before it has made its tables, or while it writes."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.Error:
        return []


class Account:
    """The bot's account and another one, through clients of their own."""

    def __init__(self, bot, own: AsyncPerpetual, other: AsyncPerpetual) -> None:
        self.bot = bot
        self.own = own
        self.other = other

    async def until(self, condition: Callable[[], object], secs: float = 120) -> None:
        """Wait until something is so, while the bot lives."""
        deadline = asyncio.get_running_loop().time() + secs
        while not await condition():
            self.bot.require_alive()
            if asyncio.get_running_loop().time() > deadline:
                pytest.fail(f"it did not happen in time:\n{self.bot.log_tail()}")
            await asyncio.sleep(0.1)

    async def take(self, side: Side, quantity: str, price: str) -> None:
        """Let the other account trade with the bot's quote."""
        contract = await self.other.contract(SYMBOL)
        request = PerpetualOrderRequest(contract=contract, side=side, quantity=Decimal(quantity), price=Decimal(price))
        assert isinstance(await self.other.place(request), Accepted)

    async def held(self) -> dict[PositionSide, Decimal]:
        """Return the positions of the bot's account."""
        return {position.position_side: position.quantity for position in await self.own.positions()}

    async def funding(self) -> Decimal:
        """Return what the venue says was paid for funding."""
        return sum((each.amount for each in await self.own.income(kind="FUNDING_FEE")), Decimal(0))

    def booked_funding(self) -> tuple[int, Decimal]:
        """Return how many payments the database has, and their sum."""
        amounts = [Decimal(str(amount)) for (amount,) in rows(self.bot.database, "SELECT amount FROM FundingPayment")]
        return len(amounts), sum(amounts, Decimal(0))


@pytest.fixture
def bot(installed_layout, tmp_path, start_bot, localnet):
    """Return a bot whose testnet is this localnet, connected to a new account, and that account's key."""
    home = tmp_path / "home"
    done = installed_layout.run("-c", "from tegro.cli.main import main; main()", "hummingbot", "init", home)
    assert done.returncode == 0, done.stderr
    made = start_bot(installed_layout, home, "perpetual_quoting_script.py")
    with (home / "conf" / "tegro.toml").open("a") as file:
        file.write(f'[perpetual.testnet]\nrest_url = "{localnet.rest_url}"\n')
    opened = tell(localnet, "api-keys", deposit="1000")
    made.account = ApiKey(opened["apiKey"], opened["apiSecret"])
    keys = {f"{NAME}_api_key": opened["apiKey"], f"{NAME}_api_secret": opened["apiSecret"]}
    made._command("connect", NAME, "--keys-stdin", given=json.dumps(keys))
    return made


@pytest.fixture
async def account(bot, localnet):
    """Yield the bot's account and a rich one."""
    environment = load_perpetual("localnet", env={"TEGRO_PERPETUAL_LOCALNET_REST_URL": localnet.rest_url})
    opened = tell(localnet, "api-keys", deposit="10000000")
    rich = ApiKey(opened["apiKey"], opened["apiSecret"])
    async with (
        AsyncPerpetual(environment, api_key=bot.account) as own,
        AsyncPerpetual(environment, api_key=rich) as other,
    ):
        yield Account(bot, own, other)


@pytest.mark.timeout(300)
async def test_a_bot_quotes_in_hedge_mode_pays_funding_and_is_liquidated(bot, account, localnet):
    tell(localnet, "index", symbol=SYMBOL, price="2000")
    bot.start()

    async def quoted() -> bool:
        return len(await account.own.open_orders(SYMBOL)) == 2

    await account.until(quoted)
    assert await account.own.rest.position_mode() is PositionMode.HEDGE
    await account.take(Side.SELL, "2", "1990")
    await account.take(Side.BUY, "1", "2010")

    async def booked() -> bool:
        return len(rows(bot.database, "SELECT 1 FROM TradeFill")) == 2

    await account.until(booked)
    assert await account.held() == {PositionSide.LONG: Decimal(2), PositionSide.SHORT: Decimal(-1)}

    # Three payments of funding: two long and one short pay for one.
    tell(localnet, "funding", symbol=SYMBOL, interval_secs=1, rate="0.001")

    async def paid() -> bool:
        return account.booked_funding()[0] >= 3

    await account.until(paid)
    tell(localnet, "funding", symbol=SYMBOL, interval_secs=28_800, rate="0")

    async def agreed() -> bool:
        return abs(account.booked_funding()[1] - await account.funding()) < MICRO

    await account.until(agreed)
    assert await account.funding() < 0

    # The price falls until the margin is gone.
    tell(localnet, "index", symbol=SYMBOL, price="900")

    async def flat() -> bool:
        return not await account.held()

    await account.until(flat)
    fills = await account.own.fills(SYMBOL)
    ours = {
        str(row[0]): Decimal(str(row[1]))
        for row in rows(bot.database, "SELECT exchange_trade_id, amount FROM TradeFill")
    }
    listed = {str(fill.trade_id): fill.quantity for fill in fills}
    # What the venue closed by force is no order of the bot's, and no fill of its.
    assert len(listed) > len(ours) == 2
    amounts = {name: Decimal(amount).scaleb(-6) if amount > 1000 else amount for name, amount in ours.items()}
    assert amounts == {name: listed[name] for name in ours}
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
    assert await account.own.open_orders(SYMBOL) == []
    (balance,) = [each for each in await account.own.balances() if each.asset == "USDT"]
    changes = await account.own.income()
    assert sum((each.amount for each in changes if each.asset == "USDT"), Decimal(0)) == balance.wallet
