"""Three controllers in one stock Hummingbot on localnet's perpetual venue, through funding, liquidation and trouble.

One makes a market in hedge mode, one holds a position through three funding payments, and one, on an account of its
own, is liquidated. At the end the database of the bot, the lists of the venue and the accounts say the same.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hummingbot.strategy_v2.models.executors import CloseType

from tegro.model import Side
from tegro.perpetual import AsyncPerpetual, PositionMode, PositionSide

CONTROLLERS = Path(__file__).parent / "perpetual_controllers"
SYMBOLS = {"ETH-USDT": "ETHUSDT", "BTC-USDT": "BTCUSDT"}
OWN, REST = "tegro_perpetual_testnet", "tegro_perpetual_localnet"
DEPOSITS = {OWN: Decimal(20_000), REST: Decimal(300)}
FUNDING_SECS = 20
LONG, SHORT = ("ETHUSDT", PositionSide.LONG), ("ETHUSDT", PositionSide.SHORT)
HELD = ("BTCUSDT", PositionSide.LONG)
LOST = "It is looked for now; it is not sent again."
GIVEN_UP = "Retrying 10/10"
"""What an executor says that wants to close what the venue has closed already."""
_BARRIERS = {"stop_loss": "", "take_profit": "", "time_limit": ""}
SETTINGS = {
    "maker": {
        "controller_type": "market_making",
        "controller_name": "perpetual_maker",
        "connector_name": OWN,
        "trading_pair": "ETH-USDT",
        "position_mode": "HEDGE",
        "leverage": 5,
        "total_amount_quote": 900,
        "buy_spreads": "0.003",
        "sell_spreads": "0.003",
        "buy_amounts_pct": "2",
        "sell_amounts_pct": "1",
        # The profits are taken further out than the quotes: one account would trade with itself.
        "take_profit": 0.005,
        "stop_loss": 0.5,
        "time_limit": 3600,
        "executor_refresh_time": 3600,
    },
    "holder": {
        "controller_type": "directional_trading",
        "controller_name": "perpetual_holder",
        "connector_name": OWN,
        "trading_pair": "BTC-USDT",
        "position_mode": "HEDGE",
        "leverage": 2,
        "total_amount_quote": 9500,
        "max_executors_per_side": 1,
        **_BARRIERS,
    },
    "gambler": {
        "controller_type": "directional_trading",
        "controller_name": "perpetual_holder",
        "connector_name": REST,
        "trading_pair": "BTC-USDT",
        "position_mode": "HEDGE",
        "leverage": 50,
        "total_amount_quote": 9500,
        "max_executors_per_side": 1,
        **_BARRIERS | {"stop_loss": 0.02},
    },
}


@pytest.fixture
def keys(localnet, perpetual_house):
    """Return the keys of the bot's two accounts by connector."""
    return {name: perpetual_house.open_account(localnet, deposit) for name, deposit in DEPOSITS.items()}


@pytest.fixture
async def bot(installed_layout, tmp_path, start_bot, localnet, keys, perpetual_house):
    """Return a bot with all three controllers, connected with both accounts, not started."""
    home = tmp_path / "home"
    done = installed_layout.run("-c", "from tegro.cli.main import main; main()", "hummingbot", "init", home)
    assert done.returncode == 0, done.stderr
    made = start_bot(installed_layout, home, "quoting_script.py")
    shutil.copytree(CONTROLLERS, home / "controllers", dirs_exist_ok=True)
    for name, settings in SETTINGS.items():
        (home / "conf" / "controllers" / f"{name}.yml").write_text(yaml.safe_dump({"id": name, **settings}))
    script = {"script_file_name": "tegro_controllers.py", "controllers_config": [f"{name}.yml" for name in SETTINGS]}
    (home / "conf" / "scripts" / "conf_bot.yml").write_text(yaml.safe_dump(script))
    perpetual_house.point_at(localnet, home, "testnet", "localnet")
    for name, key in keys.items():
        await perpetual_house.connect(made, name, key)
    return made


@pytest.fixture
async def traders(bot, keys, localnet, perpetual_house) -> AsyncIterator[dict]:
    """Return the bot's accounts by connector, and the house as the empty name."""
    environment = perpetual_house.environment_of(localnet)
    rich = perpetual_house.open_account(localnet, Decimal(100_000_000))
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(AsyncPerpetual(environment, api_key=key))
            for name, key in {**keys, "": rich}.items()
        }
        yield {
            name: perpetual_house.Trader(bot, name, clients[name], deposit) for name, deposit in DEPOSITS.items()
        } | {"": perpetual_house.House(clients[""])}


async def open_everything(house, own, gambler) -> None:
    """Take the maker's first quotes, and wait until the other two have bought."""
    for side in Side:
        await house.take(await own.quote("ETHUSDT", side))
    await own.booked("ETH-USDT", 2)
    for trader in (own, gambler):
        await trader.booked("BTC-USDT", 1)
        assert await trader.client.rest.position_mode() is PositionMode.HEDGE
    assert await own.held() == {LONG: Decimal("0.2"), SHORT: Decimal("-0.099"), HELD: Decimal("0.1")}
    assert await gambler.held() == {HELD: Decimal("0.1")}
    assert await own.leverages() == {"ETHUSDT": 5, "BTCUSDT": 2}
    assert await gambler.leverages() == {"BTCUSDT": 50}


async def lose_the_price(tell, localnet, house) -> None:
    """Let the price fall by more than the gambler's deposit can bear."""
    await house.level("BTCUSDT", Side.BUY, None)
    tell(localnet, "perpetual/index", symbol="BTCUSDT", price="91500")
    await house.level("BTCUSDT", Side.SELL, "91600", "5")
    await house.level("BTCUSDT", Side.BUY, "91400", "5")


async def trade_in_trouble(perpetual_house, localnet, house, own, key) -> None:
    """Take a profit; the quote that follows loses its reply, and is taken while the streams are cut."""
    fault = {"kind": "drop_reply", "path": "*/v1/order", "wallet": key.key, "times": None}
    tell = perpetual_house.tell
    fault_id = tell(localnet, "faults", **fault)["id"]
    await house.take(await own.quote("ETHUSDT", Side.SELL, PositionSide.LONG))
    await own.booked("ETH-USDT", 3)
    await own.logged(LOST)
    assert perpetual_house.clear(localnet, f"faults/{fault_id}") == 1
    quote = await own.quote("ETHUSDT", Side.BUY, PositionSide.LONG)
    assert tell(localnet, "perpetual/streams/cut")["cut"]
    await house.take(quote)
    await own.booked("ETH-USDT", 4)


def ends(perpetual_house, bot) -> dict[str, set[str]]:
    """Return how the executors of each controller ended, as Hummingbot's database has it."""
    found: dict[str, set[str]] = {}
    for controller, close_type in perpetual_house.recorded(
        bot.database, "SELECT controller_id, close_type FROM Executors"
    ):
        found.setdefault(controller, set()).add(CloseType(close_type).name)
    return found


@pytest.mark.timeout(400)
async def test_a_maker_a_holder_and_one_who_is_liquidated_agree_with_the_venue(
    bot, keys, traders, localnet, perpetual_house
):
    house, own, gambler = traders[""], traders[OWN], traders[REST]
    tell = perpetual_house.tell
    for symbol, bid, ask, depth in (("ETHUSDT", "2980", "3020", "50"), ("BTCUSDT", "94990", "95010", "5")):
        await house.level(symbol, Side.BUY, bid, depth)
        await house.level(symbol, Side.SELL, ask, depth)
    bot.start()
    await open_everything(house, own, gambler)
    for symbol in SYMBOLS.values():
        tell(localnet, "perpetual/funding", symbol=symbol, interval_secs=FUNDING_SECS, rate="0.001")

    async def paid_once() -> bool:
        return own.payments("BTC-USDT") >= 1 and gambler.payments("BTC-USDT") >= 1

    await own.until(paid_once)
    await lose_the_price(tell, localnet, house)
    await trade_in_trouble(perpetual_house, localnet, house, own, keys[OWN])

    async def paid_three_times() -> bool:
        return min(own.payments(pair) for pair in SYMBOLS) >= 3

    await own.until(paid_three_times)
    for symbol in SYMBOLS.values():
        tell(localnet, "perpetual/funding", symbol=symbol, interval_secs=86_400, rate="0")

    await gambler.logged(GIVEN_UP)
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
    assert await perpetual_house.require_agreement(own, SYMBOLS) == set()
    assert await perpetual_house.require_agreement(gambler, SYMBOLS)
    ended = ends(perpetual_house, bot)
    assert ended["gambler"] == {"FAILED"}
    assert ended["holder"] == {"EARLY_STOP"}
    assert ended["maker"] >= {"TAKE_PROFIT", "EARLY_STOP"}
    assert perpetual_house.recorded(bot.database, "SELECT 1 FROM Position") == []
