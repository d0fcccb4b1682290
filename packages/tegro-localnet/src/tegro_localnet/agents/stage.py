"""Markets on which recorded trades can be replayed: what a replay needs of one, and the spot market as such."""

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Final, Protocol

from tegro.model import PRICE_DECIMALS, Side
from tegro_localnet.agents.agent import Agent, Equip, child_of
from tegro_localnet.agents.decisions import Wish, quantity_worth
from tegro_localnet.agents.tape import QUANTITY_DECIMALS, TapeOrder
from tegro_localnet.keccak import keccak256
from tegro_localnet.markets import ListedMarket
from tegro_localnet.signed_order import Domain
from tegro_localnet.venue import Venue
from tegro_localnet.wallet import LocalWallet

_STOCK: Final = Decimal(10) ** 12

type Left = Callable[[], int]
"""Says how much of an order may still trade, in the smallest unit of the base; zero once it has ended."""


class TapeMarket(Protocol):
    """What a tape must know of a market. Quantities are in the smallest unit of the base."""

    @property
    def symbol(self) -> str:
        """Its name."""

    @property
    def tick_e18(self) -> int:
        """Smallest step of a price."""

    def wish_of(self, order: TapeOrder) -> Wish | None:
        """Return a tape's order in the market's own terms; None where it is worth less than the minimum.

        The price is rounded to the nearest tick, the quantity down to whole lots.
        """

    def worth(self, price_e18: int, value: int) -> int:
        """Return the quantity, in whole lots, that is worth about a value in whole quote units."""

    def best_e18(self, side: Side) -> int | None:
        """Return the best price of one side of the book; None where it is empty."""


class Stage(TapeMarket, Protocol):
    """A market with the traders of a replay, who are numbered: number 0 keeps the quotes, the others trade."""

    async def equip(self) -> None:
        """Give the traders what they trade with."""

    def move_to(self, price_e18: int) -> None:
        """Tell the market where the tape is, before it trades there."""

    async def place(self, trader: int, wish: Wish) -> Left | None:
        """Place an order; None if it was refused, which is logged: the market may have moved on."""

    def cancel(self, trader: int) -> None:
        """Cancel all open orders of a trader on the market."""


def nearest_tick(price_e18: int, tick_e18: int) -> int:
    """Return a price rounded to the nearest tick, at least one."""
    return max((price_e18 + tick_e18 // 2) // tick_e18 * tick_e18, tick_e18)


class SpotMarket:
    """A spot market as a tape sees it."""

    def __init__(self, listed: ListedMarket) -> None:
        self._listed: Final = listed

    @property
    def symbol(self) -> str:
        """Its name."""
        return self._listed.market.symbol

    @property
    def tick_e18(self) -> int:
        """Smallest step of a price."""
        tick_e18: int = 10 ** (PRICE_DECIMALS - self._listed.market.quote_precision)
        return tick_e18

    def wish_of(self, order: TapeOrder) -> Wish | None:
        """Return a tape's order in the market's own terms; None where it is worth less than the minimum."""
        listed, market = self._listed, self._listed.market
        lot_wei = 10 ** (market.base.decimals - market.base_precision)
        price_e18 = nearest_tick(order.price_e18, self.tick_e18)
        quantity_wei = order.quantity_e18 * 10**market.base.decimals // 10**QUANTITY_DECIMALS // lot_wei * lot_wei
        if quantity_wei == 0 or listed.value_wei(price_e18, quantity_wei) < listed.min_order_value_wei:
            return None
        return Wish(order.side, price_e18, quantity_wei)

    def worth(self, price_e18: int, value: int) -> int:
        """Return the quantity, in whole lots, that is worth about a value in whole quote units."""
        return quantity_worth(self._listed, price_e18, value)

    def best_e18(self, side: Side) -> int | None:
        """Return the best price of one side of the book; None where it is empty."""
        best = self._listed.book.best(side)
        return None if best is None else best.price_e18


class SpotStage(SpotMarket):
    """A spot market with wallets that trade through the venue's own intake.

    Parameters
    ----------
    listed : ListedMarket
        The market.
    venue, domain
        Where and for which contract orders are signed.
    rng : random.Random
        Draws the wallets and their salts.
    equip : Equip
        Funds a wallet and lets the exchange move what it got.
    takers : int
        How many wallets there are beside the one that keeps the quotes.

    Attributes
    ----------
    traders : tuple of Agent
        The wallets, by number.
    """

    def __init__(
        self, listed: ListedMarket, *, venue: Venue, domain: Domain, rng: random.Random, equip: Equip, takers: int = 1
    ) -> None:
        super().__init__(listed)
        self._equip: Final = equip
        seed = rng.getrandbits(256).to_bytes(32)
        wallets = [LocalWallet(keccak256(b"replay trader" + bytes([number]) + seed)) for number in range(1 + takers)]
        self.traders: Final = tuple(Agent(wallet, venue, domain, child_of(rng)) for wallet in wallets)

    async def equip(self) -> None:
        """Give the traders what they trade with."""
        market = self._listed.market
        for agent in self.traders:
            await self._equip(agent.wallet, {market.base.symbol: _STOCK, market.quote.symbol: _STOCK})

    def move_to(self, _: int) -> None:
        """Do nothing: the price of a spot market is what it trades at."""

    async def place(self, trader: int, wish: Wish) -> Left | None:
        """Place an order; None if it was refused."""
        record = await self.traders[trader].place(self._listed, wish)
        return None if record is None else lambda: record.unmatched_wei if record.is_open else 0

    def cancel(self, trader: int) -> None:
        """Cancel all open orders of a trader on the market."""
        self.traders[trader].cancel_on(self._listed)
