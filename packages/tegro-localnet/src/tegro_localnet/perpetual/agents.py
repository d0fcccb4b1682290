"""Test traders of the perpetual venue: an index that walks, a market maker around it, and a taker."""

import asyncio
import random
from typing import Final

from tegro.model import Side
from tegro_localnet.perpetual.engine.commands import CancelAll, PlaceOrder, SetIndex, SetLeverage
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import OrderType
from tegro_localnet.perpetual.engine.units import E8, E18, clamp
from tegro_localnet.perpetual.venue import PerpetualVenue

REFRESH_SECS: Final = 2.0
TAKE_SECS: Final = 0.5
LEVELS: Final = 5
_STOCK_E8: Final = 10**9 * E8
_PARTS: Final = 10_000
_STEP_PARTS: Final = 3
_HALF_SPREAD_PARTS: Final = 3
_LEVEL_GAP_PARTS: Final = 6
_LADDER_VALUES: Final = (5_000, 30_000)
_TAKER_VALUES: Final = (50, 2_000)
_LEVERAGE: Final = 5


class PerpetualCrowd:
    """The agents. What they decide follows from the generator; only when is the clock's.

    Where the venue was taken up again, so are their accounts.

    Attributes
    ----------
    maker_id, taker_id : int
        Their accounts.
    """

    def __init__(self, venue: PerpetualVenue, rng: random.Random) -> None:
        self._venue: Final = venue
        self._maker_rng: Final = random.Random(rng.getrandbits(64))  # noqa: S311 - test traders, nothing secret
        self._taker_rng: Final = random.Random(rng.getrandbits(64))  # noqa: S311 - the same
        self.maker_id: Final = self._open("market maker")
        self.taker_id: Final = self._open("taker")

    async def run(self) -> None:
        """Trade until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._quote_regularly())
            group.create_task(self._take_regularly())

    def quote(self) -> None:
        """Let every index walk one step and replace the market maker's quotes around it."""
        for market in self._venue.state.markets.values():
            contract = market.contract
            moved_e18 = market.prices.index_e18 * self._step() // _PARTS
            start_e18 = contract.start_price_e18
            index_e18 = clamp(moved_e18, start_e18 // 2, start_e18 * 2)
            self._venue.apply(SetIndex(symbol=contract.symbol, price_e18=index_e18))
            self._venue.apply(CancelAll(account_id=self.maker_id, symbol=contract.symbol))
            for level in range(LEVELS):
                away_parts = _HALF_SPREAD_PARTS + level * _LEVEL_GAP_PARTS
                for side, sign in ((Side.BUY, -1), (Side.SELL, 1)):
                    price_e18 = _on_tick(contract, index_e18 * (_PARTS + sign * away_parts) // _PARTS)
                    quantity_e8 = worth_e8(contract, price_e18, self._maker_rng.randint(*_LADDER_VALUES))
                    self._place(self.maker_id, contract, side, quantity_e8, price_e18)

    def take(self) -> None:
        """Let the taker trade once, on a contract and a side that it draws."""
        market = self._taker_rng.choice(list(self._venue.state.markets.values()))
        side = self._taker_rng.choice((Side.BUY, Side.SELL))
        value = self._taker_rng.randint(*_TAKER_VALUES)
        quantity_e8 = worth_e8(market.contract, market.mark_e18, value)
        self._place(self.taker_id, market.contract, side, quantity_e8, None)

    def _open(self, role: str) -> int:
        account_id, is_new = self._venue.account_for(role, _STOCK_E8)
        for symbol in self._venue.state.markets if is_new else ():
            self._venue.apply(SetLeverage(account_id=account_id, symbol=symbol, leverage=_LEVERAGE))
        return account_id

    def _step(self) -> int:
        return _PARTS + self._maker_rng.randint(-_STEP_PARTS, _STEP_PARTS)

    def _place(self, account_id: int, contract: Contract, side: Side, quantity_e8: int, price_e18: int | None) -> None:
        """Place an order at a price, or None: at market. A refusal changes nothing: the market may have moved on."""
        command = PlaceOrder(
            account_id=account_id,
            symbol=contract.symbol,
            side=side,
            type=OrderType.MARKET if price_e18 is None else OrderType.LIMIT,
            price_e18=price_e18 or 0,
            quantity_e8=quantity_e8,
        )
        try:
            self._venue.apply(command)
        except Rejected:
            return

    async def _quote_regularly(self) -> None:
        while True:
            self.quote()
            await asyncio.sleep(REFRESH_SECS)

    async def _take_regularly(self) -> None:
        while True:
            await asyncio.sleep(TAKE_SECS)
            self.take()


def _on_tick(contract: Contract, price_e18: int) -> int:
    return price_e18 // contract.tick_e18 * contract.tick_e18


def worth_e8(contract: Contract, price_e18: int, value: int) -> int:
    """Return the quantity, in whole steps, that is worth about a value in whole USDT."""
    quantity_e8 = value * E8 * E18 // price_e18 // contract.step_e8 * contract.step_e8
    return max(quantity_e8, contract.step_e8)
