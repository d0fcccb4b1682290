"""The agents: decisions follow the seed, and the market they make is alive and settles."""

import random
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tegro.model import Market, Side, Token
from tegro_localnet.agents.crowd import Crowd
from tegro_localnet.agents.decisions import LEVELS, MOMENTUM_STEPS, FairPrice, following, ladder, middle, taking
from tegro_localnet.config import FairPriceConfig, LocalnetConfig
from tegro_localnet.engine.order_book import RestingOrder
from tegro_localnet.markets import ListedMarket

E18 = 10**18


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """With agents."""
    return LocalnetConfig(port=0, rpc_port=0, agents=True, seed=7, settlement_interval_ms=50)


def listed_market() -> ListedMarket:
    base = Token(address="0x" + "aa" * 20, symbol="WETH", decimals=18)
    quote = Token(address="0x" + "bb" * 20, symbol="USDC", decimals=6)
    market = Market(
        id="m", symbol="WETH_USDC", chain_id=31337, base=base, quote=quote, base_precision=6, quote_precision=2
    )
    return ListedMarket(market, 2 * 10**6)


def decisions(seed: int) -> list[Any]:
    rng = random.Random(seed)
    listed = listed_market()
    fair = FairPrice(3000 * E18, rng)
    quotes = [wish for _ in range(5) for wish in ladder(listed, fair.step(), rng)]
    listed.book.add(RestingOrder("a", Side.SELL, 3010 * E18, E18))
    listed.book.add(RestingOrder("b", Side.BUY, 2990 * E18, E18))
    rising = [(3000 + step) * E18 for step in range(MOMENTUM_STEPS)]
    return [*quotes, *(taking(listed, rng) for _ in range(5)), following(listed, rising, rng)]


def test_equal_seeds_decide_equally_and_others_do_not() -> None:
    assert decisions(1) == decisions(1)
    assert decisions(1) != decisions(2)


def test_a_ladder_has_its_levels_on_tick_and_does_not_cross_itself() -> None:
    listed = listed_market()
    wishes = ladder(listed, 3000 * E18, random.Random(3))
    bids = [wish.price_e18 for wish in wishes if wish.side is Side.BUY]
    asks = [wish.price_e18 for wish in wishes if wish.side is Side.SELL]
    assert len(bids) == len(asks) == LEVELS
    assert max(bids) < 3000 * E18 < min(asks)
    for wish in wishes:
        assert wish.price_e18 % 10**16 == 0
        assert wish.quantity_wei % 10**12 == 0
        assert listed.value_wei(wish.price_e18, wish.quantity_wei) >= listed.min_order_value_wei


def test_there_is_nothing_to_take_from_an_empty_book() -> None:
    assert taking(listed_market(), random.Random(1)) is None


def moves_bps(config: FairPriceConfig, steps: int = 2000) -> list[Decimal]:
    """Return by how much each step moved, in hundredths of a percent, for as long as the walk is not at its bounds."""
    fair = FairPrice(3000 * E18, random.Random(5), config)
    prices = [fair.now_e18, *(fair.step() for _ in range(steps))]
    assert all(1500 * E18 <= price <= 6000 * E18 for price in prices)
    return [Decimal(after - before) * 10_000 / before for before, after in pairwise(prices)]


def test_volatility_bounds_every_step_and_nothing_moves_without() -> None:
    moves = moves_bps(FairPriceConfig(volatility_bps=20))
    assert max(map(abs, moves)) < 21
    assert max(moves) > 19
    assert min(moves) < -19
    assert set(moves_bps(FairPriceConfig(volatility_bps=0))) == {0}


def test_jumps_come_as_often_and_as_large_as_they_are_set() -> None:
    config = FairPriceConfig(volatility_bps=3, jump_bps=200, jump_probability=Decimal("0.05"))
    jumps = [abs(move) for move in moves_bps(config) if abs(move) > 4]
    # Six standard deviations of 2000 draws at 0.05.
    assert abs(len(jumps) - 100) < 59
    assert min(jumps) > 99
    assert max(jumps) < 201
    assert moves_bps(config) == moves_bps(config)


@pytest.mark.parametrize(("first", "last", "side"), [(3000, 3002, Side.BUY), (3002, 3000, Side.SELL)])
def test_momentum_follows_a_price_that_went_somewhere(first: int, last: int, side: Side) -> None:
    listed, rng = listed_market(), random.Random(1)
    prices = [first * E18] * (MOMENTUM_STEPS - 1) + [last * E18]
    assert following(listed, prices, rng) is None
    assert middle(listed) is None
    listed.book.add(RestingOrder("a", Side.SELL, 3010 * E18, E18))
    listed.book.add(RestingOrder("b", Side.BUY, 2990 * E18, E18))
    assert middle(listed) == 3000 * E18
    wish = following(listed, prices, rng)
    assert wish is not None
    best = listed.book.best(side.opposite)
    assert wish.side is side
    assert wish.price_e18 >= best.price_e18 if side is Side.BUY else wish.price_e18 <= best.price_e18
    assert following(listed, prices[1:], rng) is None
    assert following(listed, [first * E18] * MOMENTUM_STEPS, rng) is None
    # It looks at the last steps only.
    assert following(listed, [*prices, *([last * E18] * MOMENTUM_STEPS)], rng) is None


async def test_the_momentum_trader_trades_on_a_market_that_moves(localnet: Any, eventually: Any) -> None:
    inner = localnet.localnet
    config = LocalnetConfig(fair_price=FairPriceConfig(volatility_bps=100), seed=3)
    crowd = Crowd(config, inner._listing, inner.venue, inner.deployment.domain, random.Random(3))

    async def trade() -> list[Any]:
        await crowd.equip(inner._equip)
        for _ in range(4 * MOMENTUM_STEPS):
            await crowd.quote()
            await crowd.follow()
        return [record for record in inner.venue.orders.of_wallet(crowd.follower.wallet.address) if record.pending_wei]

    assert localnet.call(trade())


async def test_every_market_comes_alive_and_trades_settle(api: Any, localnet: Any, eventually: Any) -> None:
    async def markets() -> Any:
        return (await api.get(f"/api/v1/exchange/{localnet.chain_id}/market/list"))[1]

    def quoted(market: Any) -> bool:
        return 0 < market["ticker"]["bid_high"] < market["ticker"]["ask_low"]

    await eventually(markets, lambda found: all(quoted(market) for market in found))

    async def settled() -> Any:
        pages = [
            (await api.get(f"/api/v1/exchange/{localnet.chain_id}/market/trades", market_symbol=symbol))[1]
            for symbol in localnet.markets
        ]
        return [trade for page in pages for trade in page if trade["state"] == "success"]

    [trade, *_] = await eventually(settled, bool)
    assert len(trade["tx_hash"]) == 66
    assert trade["maker"] != trade["taker"]
