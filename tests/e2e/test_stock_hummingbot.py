"""A stock Hummingbot process trades on localnet, and four books of what it did tell one story to the last unit."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from hummingbot_tegro.demo.readers import host_fills, venue_fills
from hummingbot_tegro.demo.reconciliation import Books, differences
from hummingbot_tegro.home import create_home
from tegro.client import AsyncTegro
from tegro.model import Market, Order, OrderRequest, OrderStatus, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

pytestmark = pytest.mark.timeout(240)

PAIRS = {"WETH_USDC": Decimal(3000), "WBTC_USDC": Decimal(95000)}


class Counterparty:
    """The test's own wallet: takes what the bot makes, makes what the bot takes."""

    def __init__(self, tegro: AsyncTegro, bot) -> None:
        self._tegro = tegro
        self._bot = bot
        self._wallet = bot.wallet.address

    async def trade(self, symbol: str, price: Decimal) -> None:
        """Play the other side of the bot's plan on one market."""
        market = await self._tegro.market(symbol)
        sell = await self._bots_order(market, Side.SELL)
        part = market.lot_size * int(sell.quantity * Decimal("0.4") / market.lot_size)
        await self._place(market, Side.BUY, sell.price, part)
        await self._until_settled(sell.order_id, part)
        await self._place(market, Side.BUY, sell.price + 5, sell.quantity - part)
        await self._until_settled(sell.order_id, sell.quantity)

        buy = await self._bots_order(market, Side.BUY)
        # The bot's bid rests higher: the contract pays this lower limit, to the bot's advantage.
        await self._place(market, Side.SELL, buy.price - 10, buy.quantity)
        await self._until_settled(buy.order_id, buy.quantity)

        ask = await self._place(market, Side.SELL, price, sell.quantity)
        await self._until_closed(ask)
        bid = await self._place(market, Side.BUY, price, sell.quantity)
        await self._until_closed(bid)

    async def _place(self, market: Market, side: Side, price: Decimal, quantity: Decimal) -> Order:
        request = OrderRequest(market=market, side=side, price=price, quantity=quantity)
        outcome = await self._tegro.place(request)
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    async def _bots_order(self, market: Market, side: Side) -> Order:
        while True:
            orders = await self._tegro.orders(self._wallet, statuses=("active",), market=market)
            found = [order for order in orders if order.side is side]
            if found:
                return found[0]
            await self._pause()

    async def _until_settled(self, order_id: str, quantity: Decimal) -> None:
        while True:
            order = await self._tegro.order(order_id, self._wallet)
            if order is not None and order.filled == quantity:
                return
            await self._pause()

    async def _until_closed(self, order: Order) -> None:
        while True:
            now = await self._tegro.order(order.order_id)
            if now is not None and now.is_done:
                return
            await self._pause()

    async def _pause(self) -> None:
        self._bot.require_alive()
        await asyncio.sleep(0.1)


@pytest.fixture
async def tegro(localnet) -> AsyncIterator[AsyncTegro]:
    """Return a client of a funded wallet."""
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    wallet = localnet.new_wallet({"WETH": Decimal(50), "WBTC": Decimal(5), "USDC": Decimal(500_000)})
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        yield client


@pytest.mark.parametrize("layout_name", ["installed_layout", "source_layout"])
async def test_a_stock_hummingbot_trades_and_every_book_agrees(
    layout_name, request, tmp_path, start_bot, tegro, chain, chain_fills
):
    layout = request.getfixturevalue(layout_name)
    home = layout.cwd
    if layout_name == "installed_layout":
        home = tmp_path / "home"
        create_home(home)
    bot = start_bot(layout, home)
    balances_before = chain.balances_wei(bot.wallet)

    await asyncio.to_thread(bot.connect)
    bot.start()
    try:
        await asyncio.wait_for(run_the_plan(bot, tegro), 150)
    except TimeoutError:
        pytest.fail(f"the bot did not finish:\n{bot.log_tail()}")
    resting = await tegro.orders(bot.wallet.address, statuses=("active",))
    assert len(resting) == len(PAIRS)
    assert await asyncio.to_thread(bot.stop) == 0, bot.log_tail()

    orders = await tegro.orders(bot.wallet.address)
    check_orders(orders)
    settled = tuple(chain_fills(chain, {order.order_hash for order in orders}))
    books = await read_books(bot, tegro, chain, orders, settled, balances_before)
    assert differences(books) == []
    assert len(books.host) == 5 * len(PAIRS)
    check_that_it_would_notice(books)
    assert bot.files_with(bot.wallet.key[2:]) == []
    assert bot.files_with(bot.wallet.address[2:]), (
        "the search finds what is there, so that it found no key means something"
    )


async def run_the_plan(bot, tegro: AsyncTegro) -> None:
    """Trade on both markets at once, then wait until the bot says that its plan is over."""
    counterparty = Counterparty(tegro, bot)
    await asyncio.gather(*(counterparty.trade(symbol, price) for symbol, price in PAIRS.items()))
    while not bot.done_file.exists():
        bot.require_alive()
        await asyncio.sleep(0.1)


def check_orders(orders: list[Order]) -> None:
    """Per market: four orders filled, one cancelled by the strategy, one by the stop. Nothing is left."""
    assert all(order.is_done for order in orders)
    ends = Counter((order.market_id, order.status) for order in orders)
    assert len(ends) == 2 * len(PAIRS)
    for (_, status), count in ends.items():
        assert count == (4 if status is OrderStatus.CLOSED else 2)


async def read_books(bot, tegro: AsyncTegro, chain, orders: list[Order], settled, balances_before) -> Books:
    """Read the same trades from Hummingbot's database, the venue, the chain's log and the chain's balances."""
    markets = await tegro.markets()
    balances_after = chain.balances_wei(bot.wallet)
    return Books(
        host=host_fills(bot.database),
        venue=await venue_fills(tegro, orders),
        chain=settled,
        balance_changes_wei={token: balances_after[token] - balances_before[token] for token in balances_after},
        decimals={token.symbol: token.decimals for market in markets for token in (market.base, market.quote)},
    )


def check_that_it_would_notice(books) -> None:
    """Spoil each real source in turn: the comparison must see it."""
    first = books.host[0]
    spoiled = [
        replace(books, host=books.host[1:]),
        replace(books, host=(*books.host, first)),
        replace(books, host=(replace(first, fee=first.fee + Decimal("0.000001")), *books.host[1:])),
        replace(books, venue=books.venue[1:]),
        replace(books, chain=books.chain[1:]),
        replace(books, chain=(replace(books.chain[0], quote_wei=books.chain[0].quote_wei + 1), *books.chain[1:])),
        replace(books, balance_changes_wei=books.balance_changes_wei | {"USDC": books.balance_changes_wei["USDC"] + 1}),
    ]
    for one in spoiled:
        assert differences(one)
