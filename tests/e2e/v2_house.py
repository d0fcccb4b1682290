"""What the tests of V2 strategies share: the markets, how each executor must end, and the other side of the trades."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from typing import Final

from tegro.client import AsyncTegro
from tegro.model import Order, OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig, MarketConfig, TokenConfig

BASES: Final = ("POSITION", "GRID", "DCA", "TWAP", "ORDER", "ETH", "WETH", "BTC", "WBTC")
"""Every executor has markets of its own, so that all can run at the same time."""
FIRST: Final = dict.fromkeys(BASES, ("99", "101")) | {"ETH": ("90", "110"), "WBTC": ("103", "104")}
"""Best bid and ask of each market in the beginning."""
DEPTH: Final = Decimal(5)
"""What the house puts on each side of these markets."""
FUNDS: Final = dict.fromkeys(BASES, Decimal(20)) | {"USDC": Decimal(20_000)}
"""What the bot has."""
ENDS: Final = {
    "position_executor": "TAKE_PROFIT",
    "grid_executor": "TAKE_PROFIT",
    "dca_executor": "TAKE_PROFIT",
    "twap_executor": "COMPLETED",
    "order_executor": "POSITION_HOLD",
    "xemm_executor": None,
    "arbitrage_executor": "COMPLETED",
}
"""How each executor of `v2_executors_script` ends. The XEMM executor does not tell."""


def executor_markets() -> LocalnetConfig:
    """Return a localnet with these markets, and nobody on them."""
    usdc = TokenConfig("USDC", "USD Coin", 6)
    markets = (MarketConfig(TokenConfig(base, base, 18), usdc, 4, 2, Decimal(100)) for base in BASES)
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, markets=tuple(markets))


@asynccontextmanager
async def house_client(localnet: BackgroundLocalnet) -> AsyncIterator[AsyncTegro]:
    """Yield the client of a rich wallet on these markets."""
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    wallet = localnet.new_wallet({token: 50 * amount for token, amount in FUNDS.items()})
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        yield client


class House:
    """A level on each side of every market, and orders that take what the bot quotes.

    Parameters
    ----------
    tegro
        The client of the house's wallet.
    bot
        The bot; waiting for its orders fails when it has ended.
    """

    depth: Final = DEPTH

    def __init__(self, tegro: AsyncTegro, bot) -> None:
        self._tegro = tegro
        self._bot = bot
        self._levels: dict[str, list[Order]] = {}

    async def open(self) -> None:
        """Put the first level on each side of the executors' markets."""
        for base, (bid, ask) in FIRST.items():
            await self.quote(base, bid, ask)

    async def quote(self, base: str, bid: str, ask: str, depth: Decimal = DEPTH) -> None:
        """Put a level on each side of a market in place of the ones before."""
        for order in self._levels.pop(base, ()):
            await self._tegro.cancel_by_hash(order.order_hash)
        self._levels[base] = [
            await self.place(base, side, Decimal(price), depth) for side, price in zip(Side, (bid, ask), strict=True)
        ]

    async def booked(self, base: str, count: int) -> None:
        """Wait until Hummingbot has recorded so many fills of a market.

        What has only matched is not settled yet: the executors do not know of it.
        """
        while self._recorded(base) < count:
            self._bot.require_alive()
            await asyncio.sleep(0.05)

    async def place(self, base: str, side: Side, price: Decimal, quantity: Decimal) -> Order:
        """Place an order."""
        market = await self._tegro.market(f"{base}_USDC")
        outcome = await self._tegro.place(OrderRequest(market=market, side=side, price=price, quantity=quantity))
        assert isinstance(outcome, Accepted), outcome
        return outcome.order

    async def take(self, base: str, side: Side, *, through: Decimal = Decimal(0)) -> None:
        """Wait for a resting order of the bot and take it, with what `through` stands before it in the book."""
        order = (await self.bots_orders(base, side))[0]
        await self.place(base, side.opposite, order.price, order.quantity + through)

    async def bots_orders(self, base: str, side: Side, count: int = 1) -> list[Order]:
        """Wait until so many orders of the bot rest on a side, and return them."""
        while True:
            resting = await self.resting(base, side)
            if len(resting) >= count:
                return resting
            await asyncio.sleep(0.05)

    async def resting(self, base: str, side: Side) -> list[Order]:
        """Return the orders of the bot that rest on a side now."""
        self._bot.require_alive()
        market = await self._tegro.market(f"{base}_USDC")
        orders = await self._tegro.orders(self._bot.wallet.address, statuses=("active",), market=market)
        return [order for order in orders if order.side is side and order.remaining > 0]

    def _recorded(self, base: str) -> int:
        try:
            with closing(sqlite3.connect(f"file:{self._bot.database}?mode=ro", uri=True)) as connection:
                query = "SELECT count(*) FROM TradeFill WHERE base_asset = ?"
                return int(connection.execute(query, (base,)).fetchone()[0])
        except sqlite3.Error:
            return 0  # it has not made its tables yet, or writes right now
