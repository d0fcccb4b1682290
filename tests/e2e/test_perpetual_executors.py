"""The stock executors that trade on one market open and close on localnet's perpetual venue, in both position modes."""

import asyncio
import json
from decimal import Decimal

import pytest
import yaml
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_tegro.home import create_home
from tegro.model import Side
from tegro.perpetual import AsyncPerpetual, PositionSide
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.perpetual.config import PerpetualConfig
from tegro_localnet.perpetual.engine.contract import EXAMPLE_BRACKETS, Contract
from tegro_localnet.perpetual.engine.units import E18

CONNECTOR = "tegro_perpetual_localnet"
BASES = ("POSITION", "GRID", "DCA", "TWAP", "ORDER")
SYMBOLS = {f"{base}-USDT": f"{base}USDT" for base in BASES}
DEPOSIT = Decimal(2_000)
DEPTH = Decimal(5)
FILLS = {"POSITION": 2, "GRID": 2, "DCA": 3, "TWAP": 3, "ORDER": 1}
ENDS = {
    "position_executor": "TAKE_PROFIT",
    "grid_executor": "TAKE_PROFIT",
    "dca_executor": "TAKE_PROFIT",
    "twap_executor": "COMPLETED",
    "order_executor": "POSITION_HOLD",
}


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Start a venue on which every executor has a contract of its own, so that all can run at the same time."""
    contracts = tuple(
        Contract(
            symbol=f"{base}USDT",
            base=base,
            quote="USDT",
            price_decimals=2,
            quantity_decimals=3,
            start_price_e18=100 * E18,
            brackets=EXAMPLE_BRACKETS,
        )
        for base in BASES
    )
    perpetual = PerpetualConfig(contracts=contracts)
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, perpetual=perpetual)


class Market:
    """The other side of one executor: a level on each side by one account, and what takes the bot's orders by another.

    One account would trade with itself.
    """

    def __init__(self, base: str, own, house, taker) -> None:
        self._symbol = f"{base}USDT"
        self._pair = f"{base}-USDT"
        self._own = own
        self._house = house
        self._taker = taker

    async def level(self, bid: str, ask: str) -> None:
        """Quote on both sides, in place of what was quoted before."""
        await self._house.level(self._symbol, Side.BUY, None)
        await self._house.level(self._symbol, Side.SELL, ask, str(DEPTH))
        await self._house.level(self._symbol, Side.BUY, bid, str(DEPTH))

    async def take(self, side: Side, *, through: Decimal = Decimal(0)) -> None:
        """Wait for an order of the bot and take it."""
        await self._taker.take(await self._own.quote(self._symbol, side), through=through)

    async def booked(self, count: int) -> None:
        """Wait until Hummingbot has recorded so many fills."""
        await self._own.booked(self._pair, count)


async def serve_position(market: Market) -> None:
    """Take the entry and the take-profit order."""
    await market.take(Side.BUY)
    await market.take(Side.SELL)


async def serve_grid(market: Market) -> None:
    """Take one level's entry and exit, which rest behind the best prices, and end the grid by moving the market up."""
    await market.take(Side.BUY, through=DEPTH)
    await market.level("97", "99")
    await market.take(Side.SELL, through=DEPTH)
    await market.booked(2)
    await market.level("101", "103")


async def serve_dca(market: Market) -> None:
    """Take both entries, then raise the bid to where the profit is taken."""
    await market.take(Side.BUY)
    await market.take(Side.BUY)
    await market.booked(2)
    await market.level("100.5", "101")


async def run_all(markets: dict[str, Market], bot) -> dict[str, str]:
    """Play the other side until every executor has ended; return how."""
    await asyncio.gather(
        serve_position(markets["POSITION"]),
        serve_grid(markets["GRID"]),
        serve_dca(markets["DCA"]),
        # The host puts a limit-maker order no nearer than the best price, behind the house's level.
        markets["ORDER"].take(Side.SELL, through=DEPTH),
    )
    while not bot.done_file.exists():
        bot.require_alive()
        await asyncio.sleep(0.05)
    return json.loads(bot.done_file.read_text())["ends"]


async def start(layout, tmp_path, start_bot, localnet, perpetual_house, key, mode: str):
    """Return a bot with the executors' script, connected to the account, not started."""
    home = tmp_path / "home"
    create_home(home)
    bot = start_bot(layout, home, "v2_executors_script.py")
    perpetual_house.point_at(localnet, home, "localnet")
    path = home / "conf" / "scripts" / "conf_bot.yml"
    settings = {"connector": CONNECTOR, "quote": "USDT", "position_mode": mode}
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | settings))
    await perpetual_house.connect(bot, CONNECTOR, key)
    return bot


@pytest.mark.parametrize(
    ("mode", "long", "short"),
    [("HEDGE", PositionSide.LONG, PositionSide.SHORT), ("ONEWAY", PositionSide.BOTH, PositionSide.BOTH)],
)
@pytest.mark.timeout(300)
async def test_the_executors_open_and_close_and_every_source_agrees(
    installed_layout, tmp_path, start_bot, localnet, perpetual_house, mode, long, short
):
    deposits = (DEPOSIT, Decimal(1_000_000), Decimal(1_000_000))
    keys = [perpetual_house.open_account(localnet, deposit) for deposit in deposits]
    bot = await start(installed_layout, tmp_path, start_bot, localnet, perpetual_house, keys[0], mode)
    environment = perpetual_house.environment_of(localnet)
    async with (
        AsyncPerpetual(environment, api_key=keys[0]) as own_client,
        AsyncPerpetual(environment, api_key=keys[1]) as house_client,
        AsyncPerpetual(environment, api_key=keys[2]) as taker_client,
    ):
        own = perpetual_house.Trader(bot, CONNECTOR, own_client, DEPOSIT)
        house, taker = perpetual_house.House(house_client), perpetual_house.House(taker_client)
        markets = {base: Market(base, own, house, taker) for base in BASES}
        for market in markets.values():
            await market.level("99", "101")
        bot.start()
        try:
            ends = await asyncio.wait_for(run_all(markets, bot), 150)
        except TimeoutError:
            pytest.fail(f"the executors did not end:\n{bot.log_tail()}")
        assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
        assert ends == ENDS, bot.log_tail()
        bought = perpetual_house.recorded(bot.database, "SELECT amount FROM TradeFill WHERE base_asset = 'TWAP'")
        # Two executors open a position and leave it: the others have closed theirs.
        held = {
            ("ORDERUSDT", short): Decimal("-0.75"),
            ("TWAPUSDT", long): sum(Decimal(amount).scaleb(-6) for (amount,) in bought),
        }
        assert await perpetual_house.require_agreement(own, SYMBOLS, held) == set()
        for symbol in SYMBOLS.values():
            await house_client.cancel_all(symbol)
    rows = perpetual_house.recorded(bot.database, "SELECT type, close_type FROM Executors")
    assert {kind: CloseType(close_type).name for kind, close_type in rows} == ENDS
    fills = perpetual_house.recorded(bot.database, "SELECT base_asset, count(*) FROM TradeFill GROUP BY base_asset")
    assert dict(fills) == FILLS
