"""The agents: decisions follow the seed, and the market they make is alive and settles."""

import random
from typing import Any

import pytest

from tegro.model import Market, Side, Token
from tegro_localnet.agents.decisions import LEVELS, FairPrice, ladder, taking
from tegro_localnet.config import LocalnetConfig
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
    return [*quotes, *(taking(listed, rng) for _ in range(5))]


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
