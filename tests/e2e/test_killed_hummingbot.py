"""Two stock bots quote three pairs from one wallet, and one of them is killed again and again.

At the end the databases of both, the venue, the contract's log and the balances must tell one story.
"""

import asyncio
import random
from collections import Counter
from decimal import Decimal

import pytest

from hummingbot_tegro.demo.readers import host_fills, venue_fills
from hummingbot_tegro.demo.reconciliation import Books, differences
from hummingbot_tegro.home import create_home
from tegro.client import AsyncTegro
from tegro.errors import TegroError
from tegro.model import Order, OrderRequest, Side, round_down
from tegro.settings import Settings
from tegro.signer import LocalSigner

SCRIPT = "quoting_script.py"
SYMBOLS = ("WETH_USDC", "WBTC_USDC", "TEGRO_USDC")
FUNDS = {"WETH": Decimal(5), "WBTC": Decimal("0.5"), "TEGRO": Decimal(500_000), "USDC": Decimal(50_000)}
HOST_STEP = Decimal("0.000001")
"""Hummingbot's database keeps six decimals."""
NEAR = Decimal("0.01")
"""How far from the middle the bot quotes that is killed; the other one twice as far."""


@pytest.fixture
async def tegro(localnet):
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    wallet = localnet.new_wallet({symbol: 20 * amount for symbol, amount in FUNDS.items()})
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        yield client


class Taker:
    """Takes parts of what the bots quote, until it is told to stop."""

    def __init__(self, tegro: AsyncTegro, rng: random.Random) -> None:
        self._tegro = tegro
        self._rng = rng
        self.taken = 0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.05 + self._rng.random() / 4)
            try:
                await self._take()
            except TegroError:
                continue  # the quote was gone

    async def _take(self) -> None:
        market = await self._tegro.market(self._rng.choice(SYMBOLS))
        side = self._rng.choice(list(Side))
        book = await self._tegro.fresh_book(market)
        level = book.best_ask if side is Side.BUY else book.best_bid
        if level is None:
            return
        share = Decimal(self._rng.randint(20, 100)) / 100
        quantity = round_down(level.quantity * share, max(market.lot_size, HOST_STEP))
        request = OrderRequest(market=market, side=side, price=level.price, quantity=quantity)
        outcome = await self._tegro.place(request)
        self.taken += 1
        # What missed the quote must not rest: the bots are meant to be taken from, not to take.
        await self._tegro.cancel_by_hash(outcome.order_hash)


async def near_quotes(tegro: AsyncTegro, wallet: str) -> list[Order]:
    """Return the open orders of the bot that quotes near the middle."""
    market = await tegro.market("WETH_USDC")
    orders = await tegro.orders(wallet, statuses=("active",), market=market)
    return [order for order in orders if abs(order.price - 3000) == 3000 * NEAR]


async def start_and_quote(bot, tegro: AsyncTegro) -> None:
    """Start the bot and wait for quotes of this life; those of the last one still rest when it begins."""
    earlier = {order.order_id for order in await near_quotes(tegro, bot.wallet.address)}
    bot.start()
    for _ in range(1200):
        bot.require_alive()
        quotes = await near_quotes(tegro, bot.wallet.address)
        if any(order.order_id not in earlier for order in quotes):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"the bot does not quote:\n{bot.log_tail()}")


async def until_all_is_settled(tegro: AsyncTegro, wallet: str) -> None:
    for _ in range(300):
        if not any(order.pending for order in await tegro.orders(wallet, statuses=("active", "matched"))):
            return
        await asyncio.sleep(0.1)
    pytest.fail("matches did not settle")


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, marks=pytest.mark.timeout(1200)),
        pytest.param(50, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_killed_while_quoting_beside_another_bot(
    kills, installed_layout, tmp_path, start_bot, localnet, tegro, chain, chain_fills
):
    rng = random.Random(20260922 + kills)
    wallet = localnet.new_wallet(FUNDS, approve=False)
    bots = []
    for name in ("near", "far"):
        create_home(tmp_path / name)
        bots.append(start_bot(installed_layout, tmp_path / name, SCRIPT, wallet))
    near, far = bots
    before = chain.balances_wei(wallet)
    await asyncio.gather(*(asyncio.to_thread(bot.connect) for bot in bots))
    far.start()
    taker = Taker(tegro, rng)
    taking = asyncio.ensure_future(taker.run())
    for _ in range(kills):
        await start_and_quote(near, tegro)
        await asyncio.sleep(rng.random())
        near.kill()
    await start_and_quote(near, tegro)
    taking.cancel()
    await until_all_is_settled(tegro, wallet.address)
    # The orders of the killed lives are gone: one quote on each side is left of the living one.
    sides = Counter(order.side for order in await near_quotes(tegro, wallet.address))
    assert all(count == 1 for count in sides.values()), f"{sides}\n{near.log_tail()}"
    for bot in bots:
        assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()

    orders = await tegro.orders(wallet.address)
    assert [order for order in orders if not order.is_done] == []
    markets = await tegro.markets()
    after = chain.balances_wei(wallet)
    books = Books(
        host=[fill for bot in bots for fill in host_fills(bot.database)],
        venue=await venue_fills(tegro, orders),
        chain=tuple(chain_fills(chain, {order.order_hash for order in orders})),
        balance_changes_wei={token: after[token] - before[token] for token in after},
        decimals={token.symbol: token.decimals for market in markets for token in (market.base, market.quote)},
    )
    assert differences(books) == []
    assert len(books.host) > 2 * kills, "hardly anything was traded, so that all agree means little"
