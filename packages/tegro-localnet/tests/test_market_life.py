"""What a market maker of somebody else meets on a localnet with its agents.

The agents' steps are taken by the test, in the order in which a minute and a half would bring them, so that the result
follows from the seed and takes some seconds.
"""

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tegro.model import PRICE_DECIMALS, Side, unscaled
from tegro_localnet.agents.crowd import REFRESH_SECS, TAKE_SECS, Crowd

SYMBOL = "WETH_USDC"
TICK = Decimal("0.01")
PERIOD_SECS = 90
REQUOTE_SECS = 10
MOST_MATCHES_A_SECOND = 5


@pytest.fixture
def crowd(localnet: Any) -> Crowd:
    """The default agents with seed 7, which trade only when told."""
    inner = localnet.localnet
    made = Crowd(inner.config, inner._listing, inner.venue, inner.deployment.domain, random.Random("7/agents"))
    localnet.call(made.equip(inner._equip))
    return made


class Quoter:
    """A market maker of its own wallet: one small order a side, just inside the agents' spread."""

    def __init__(self, localnet: Any, trader: Any) -> None:
        self.listed = localnet.localnet._listing.market_named(SYMBOL)
        self.trader = trader
        self.order_ids: list[str] = []

    def others_best(self, side: Side) -> Decimal:
        own = set(self.order_ids)
        best = next(order for order in self.listed.book.orders(side) if order.order_id not in own)
        return unscaled(best.price_e18, PRICE_DECIMALS)

    async def requote(self) -> None:
        if self.order_ids:
            await self.trader.cancel(*self.order_ids)
        bid, ask = self.others_best(Side.BUY) + TICK, self.others_best(Side.SELL) - TICK
        placed = [await self.trader.place(SYMBOL, "buy", str(bid), "0.05")]
        placed.append(await self.trader.place(SYMBOL, "sell", str(ask), "0.05"))
        self.order_ids = [order["order_id"] for order in placed]


async def test_a_quoter_inside_the_spread_is_filled_on_both_sides(
    localnet: Any, crowd: Crowd, trader: Any, eventually: Any
) -> None:
    quoter = Quoter(localnet, trader({"WETH": "20", "USDC": "60000"}))
    takes_a_refresh = int(REFRESH_SECS / TAKE_SECS)
    for step in range(int(PERIOD_SECS / REFRESH_SECS)):
        localnet.call(crowd.quote())
        if step % int(REQUOTE_SECS / REFRESH_SECS) == 0:
            await quoter.requote()
        for _ in range(takes_a_refresh):
            localnet.call(crowd.take())

    trades = [
        trade
        for market in localnet.markets.values()
        for trade in localnet.localnet.venue.trades.latest(market.id, 10_000)
    ]
    made = [trade for trade in trades if trade.maker.order.maker == quoter.trader.wallet]
    own_sides = Counter(trade.maker.side.value for trade in made)
    assert len(made) >= 20
    assert min(own_sides["buy"], own_sides["sell"]) >= 5
    noise = [trade for trade in trades if trade.taker.order.maker == crowd.taker.wallet.address]
    noise_sides = Counter(trade.taker.side.value for trade in noise)
    assert min(noise_sides["buy"], noise_sides["sell"]) >= len(noise) // 3
    assert len(trades) <= MOST_MATCHES_A_SECOND * PERIOD_SECS

    async def states() -> set[str]:
        return {trade.state.value for trade in trades}

    await eventually(states, lambda found: found == {"success"})
