"""The controllers that `tegro hummingbot init` lays out trade in a stock Hummingbot, on two venues at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from hummingbot_tegro.demo.problem import DemoFailure
from hummingbot_tegro.demo.readers import host_fills
from hummingbot_tegro.demo.reconciliation import Fill
from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig

FUNDS = {"WETH": Decimal(5), "WBTC": Decimal("0.5"), "TEGRO": Decimal(500_000), "USDC": Decimal(50_000)}
CONTROLLERS = ("tegro_market_maker", "tegro_trend", "tegro_xemm")
CHANGES = {
    # Each has a pair of its own: one wallet would trade with itself.
    "tegro_market_maker": {"trading_pair": "WBTC-USDC", "cooldown_time": 1},
    "tegro_trend": {
        "trading_pair": "TEGRO-USDC",
        "candles_trading_pair": "TEGRO-USDC",
        "interval": "1s",
        "fast_span": 2,
        "slow_span": 4,
    },
    "tegro_xemm": {},
}


@pytest.fixture(scope="module")
def other_localnet() -> Iterator[BackgroundLocalnet]:
    """Run the venue that `tegro_testnet` means here, where the XEMM controller hedges."""
    config = LocalnetConfig(port=0, rpc_port=0, chain_id=84532, agents=False, settlement_interval_ms=50)
    with BackgroundLocalnet(config) as running:
        yield running


@pytest.fixture
async def clients(localnet, other_localnet) -> AsyncIterator[dict[str, AsyncTegro]]:
    """Return clients of a rich wallet on both venues, by environment."""
    async with AsyncExitStack() as stack:
        opened = {}
        for name, venue in (("localnet", localnet), ("testnet", other_localnet)):
            env = {f"TEGRO_{name.upper()}_REST_URL": venue.rest_url, f"TEGRO_{name.upper()}_RPC_URL": venue.rpc_url}
            wallet = venue.new_wallet({symbol: 20 * amount for symbol, amount in FUNDS.items()})
            environment = Settings.load(env=env).environment(name)
            opened[name] = await stack.enter_async_context(AsyncTegro(environment, signer=LocalSigner(wallet.key)))
        yield opened


@pytest.fixture
async def bot(installed_layout, tmp_path, start_bot, localnet, other_localnet):
    """Return a bot with all three controllers, connected to both venues, not started."""
    home = tmp_path / "home"
    done = installed_layout.run(
        "-c", "from tegro.cli.main import main; main()", "hummingbot", "init", "--home", home, timeout_secs=90
    )
    assert done.returncode == 0, done.stderr
    bot = start_bot(installed_layout, home, "quoting_script.py", localnet.new_wallet(FUNDS, approve=False))
    other_localnet.fund(bot.wallet.address, FUNDS)
    with (home / "conf" / "tegro.toml").open("a") as file:
        file.write(f'[testnet]\nrest_url = "{other_localnet.rest_url}"\nrpc_url = "{other_localnet.rpc_url}"\n')
    for name, changes in CHANGES.items():
        path = home / "conf" / "controllers" / f"{name}.yml"
        path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    script = {"script_file_name": "tegro_controllers.py", "controllers_config": [f"{name}.yml" for name in CONTROLLERS]}
    (home / "conf" / "scripts" / "conf_bot.yml").write_text(yaml.safe_dump(script))
    for name, chain in (("tegro_localnet", "localnet"), ("tegro_testnet", "base")):
        keys = {
            f"{name}_api_key": bot.wallet.checksum_address,
            f"{name}_api_secret": bot.wallet.key,
            "chain_name": chain,
        }
        await asyncio.to_thread(bot._command, "connect", name, "--keys-stdin", given=json.dumps(keys))
    return bot


def fills_of(database: Path, pair: str) -> list[Fill]:
    """Return the fills of a pair that Hummingbot has recorded; none before it has made its tables."""
    try:
        return [fill for fill in host_fills(database) if fill.pair == pair]
    except DemoFailure:
        return []


async def serve_market_maker(house) -> None:
    """Take a sell quote; then the levels go on being quoted on both sides."""
    await house.take("WBTC", Side.SELL, through=Decimal("0.1"))
    await house.quote("WBTC", "94990", "95010", Decimal("0.1"))
    await house.bots_orders("WBTC", Side.SELL, 2)


async def serve_trend(house, client: AsyncTegro, database) -> None:
    """Let the price rise, trade by trade, until the bot has bought and has sold with a profit."""
    price = Decimal("0.05")
    market = await client.market("TEGRO_USDC")
    while len(fills_of(database, "TEGRO-USDC")) < 2:
        await house.quote("TEGRO", str(price - Decimal("0.0001")), str(price + Decimal("0.0001")), Decimal(20_000))
        for side in Side:
            await client.place(OrderRequest(market=market, side=side, price=price, quantity=Decimal(100)))
        price += Decimal("0.0002")
        await asyncio.sleep(0.5)


async def serve_xemm(house, database) -> None:
    """Take the limit orders that the taker market's bid allows, until one of them is hedged.

    Where the venue needs longer than a second, Hummingbot's executor forgets an order that it has just placed.
    """
    taken = set()
    while Side.SELL not in {fill.side for fill in fills_of(database, "WETH-USDC")}:
        for order in await house.resting("WETH", Side.BUY):
            if order.order_id not in taken:
                taken.add(order.order_id)
                await house.place("WETH", Side.SELL, order.price, order.quantity)
        await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_all_three_controllers_trade_and_stop(bot, clients, v2_house):
    house = v2_house.House(clients["localnet"], bot)
    other_house = v2_house.House(clients["testnet"], bot)
    await house.quote("WBTC", "94990", "95010", Decimal("0.1"))
    await house.quote("TEGRO", "0.0499", "0.0501", Decimal(20_000))
    await house.quote("WETH", "2900", "3100", Decimal(2))
    await other_house.quote("WETH", "2999", "3001", Decimal(2))
    bot.start()
    try:
        async with asyncio.timeout(150):
            await asyncio.gather(
                serve_market_maker(house),
                serve_trend(house, clients["localnet"], bot.database),
                serve_xemm(house, bot.database),
            )
    except TimeoutError:
        pytest.fail(f"the controllers did not trade:\n{bot.log_tail()}")
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()
    for name, client in clients.items():
        orders = await client.orders(bot.wallet.address)
        assert orders, name
        assert [order for order in orders if not order.is_done] == [], name
    # Every hedge sells what was bought, for more.
    xemm = {side: [fill for fill in fills_of(bot.database, "WETH-USDC") if fill.side is side] for side in Side}
    assert {fill.quantity for fill in xemm[Side.SELL]} == {fill.quantity for fill in xemm[Side.BUY]}
    assert min(fill.price for fill in xemm[Side.SELL]) > max(fill.price for fill in xemm[Side.BUY]) * Decimal("1.002")
    # The trend was bought, and sold with a profit.
    bought, *sold = fills_of(bot.database, "TEGRO-USDC")
    assert bought.side is Side.BUY
    assert all(fill.side is Side.SELL and fill.price > bought.price for fill in sold)
