"""The chart: bars against pandas, its dialect over HTTP, and a whole localnet that fills it."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pandas as pd
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from tegro.model import Market, Token
from tegro.wire import ChainInfo
from tegro_localnet.chart import ALL_INTERVALS, DEFAULT_INTERVALS, MONTH_SECS, MarketChart, floor_secs
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.gateway.chart import ChartRoutes
from tegro_localnet.gateway.replies import refusals
from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket

E18 = 10**18
START_MS = 1_709_164_800_000
"""Thursday, 2024-02-29 00:00 UTC."""
WEEK_SECS = 604_800
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PATH = "/api/v1/exchange/31337/market/chart"

moments = st.integers(4 * 86_400, 7_258_118_400).map(lambda after_secs: EPOCH + timedelta(seconds=after_secs))
matches = st.lists(
    st.tuples(st.integers(0, 40 * 86_400_000), st.integers(1, 10**6), st.integers(1, 10**20)), min_size=1, max_size=40
)


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, full_chart=True)


def listed_market(chart: MarketChart) -> ListedMarket:
    base = Token(address="0x" + "aa" * 20, symbol="WETH", decimals=18)
    quote = Token(address="0x" + "bb" * 20, symbol="USDC", decimals=6)
    market = Market(
        id="m", symbol="WETH_USDC", chain_id=31337, base=base, quote=quote, base_precision=6, quote_precision=2
    )
    return ListedMarket(market, 2 * 10**6, chart)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Any]]:
    """Serve the chart of one market; returns how to ask it."""
    runners, session = [], aiohttp.ClientSession()

    async def start(listed: ListedMarket, *, is_full: bool) -> Callable[..., Any]:
        chain = ChainInfo(id=31337, name="localnet", exchange_contract="0x" + "cc" * 20)
        listing = Listing(chain=chain, tokens={}, markets={"m": listed})
        application = web.Application(middlewares=[refusals])
        application.add_routes(ChartRoutes(listing, is_full=is_full).routes())
        runners.append(runner := web.AppRunner(application))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"

        async def ask(path: str = PATH, **query: Any) -> tuple[int, Any]:
            async with session.get(url + path, params=query) as response:
                return response.status, json.loads(await response.text(), parse_float=Decimal, parse_int=Decimal)

        return ask

    yield start
    await session.close()
    for runner in runners:
        await runner.cleanup()


def secs(moment: pd.Timestamp | datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


@given(moments, st.sampled_from(ALL_INTERVALS))
def test_a_bar_opens_where_pandas_begins_its_period(moment: datetime, interval_secs: int) -> None:
    stamp = pd.Timestamp(moment).tz_localize(None)
    if interval_secs == MONTH_SECS:
        start = stamp.to_period("M").start_time
    elif interval_secs == WEEK_SECS:
        start = stamp.to_period("W-SUN").start_time
    else:
        start = stamp.floor(f"{interval_secs}s")
    assert floor_secs(secs(moment), interval_secs) == secs(start.tz_localize("UTC"))


@given(matches, st.sampled_from(ALL_INTERVALS))
def test_bars_are_those_of_pandas(recorded: list[tuple[int, int, int]], interval_secs: int) -> None:
    chart = MarketChart(ALL_INTERVALS)
    in_order = sorted(recorded, key=lambda match: match[0])
    for after_ms, price, quantity_wei in in_order:
        chart.record(START_MS + after_ms, price * E18, quantity_wei)
    frame = pd.DataFrame(in_order, columns=["after_ms", "price", "quantity"], dtype=object)
    opens = [floor_secs((START_MS + after_ms) // 1000, interval_secs) for after_ms in frame["after_ms"]]
    expected = [
        (
            open_secs,
            group.price.iloc[0],
            group.price.max(),
            group.price.min(),
            group.price.iloc[-1],
            sum(group.quantity),
        )
        for open_secs, group in frame.groupby(pd.Series(opens))
    ]
    bars = chart.bars(interval_secs, 0, 10**14)
    shown = [(bar.open_secs, bar.open_e18, bar.high_e18, bar.low_e18, bar.close_e18, bar.base_wei) for bar in bars]
    assert shown == [(time, *(price * E18 for price in prices), wei) for time, *prices, wei in expected]
    assert sum(bar.value for bar in bars) == sum(price * E18 * wei for _, price, wei in in_order)


async def test_by_default_six_intervals_without_volume(serve: Any) -> None:
    listed = listed_market(MarketChart())
    listed.record_match(START_MS + 1000, 3000 * E18 + E18 // 2, E18)
    listed.record_match(START_MS + 2000, 3001 * E18, E18)
    ask = await serve(listed, is_full=False)
    for interval_secs in DEFAULT_INTERVALS:
        status, bars = await ask(market_id="m", interval=interval_secs, **{"from": 0, "to": START_MS + 10**6})
        assert status == 200
        time = START_MS // 1000 if interval_secs != WEEK_SECS else START_MS // 1000 - 3 * 86_400
        prices = {"open": Decimal("3000.5"), "high": 3001, "low": Decimal("3000.5"), "close": 3001}
        assert bars == [{"time": time} | prices]
    for interval_secs in sorted(set(ALL_INTERVALS) - set(DEFAULT_INTERVALS)):
        status, refusal = await ask(market_id="m", interval=interval_secs)
        assert (status, refusal["error"]) == (
            400,
            f"interval must be one of 300, 900, 3600, 14400, 86400, 604800 seconds, was {interval_secs}",
        )


async def test_the_option_adds_volume_and_the_other_ten(serve: Any) -> None:
    listed = listed_market(MarketChart(ALL_INTERVALS))
    listed.record_match(START_MS, 3 * E18 + 1, 10**17 + 1)
    listed.record_match(START_MS + 999, 2 * E18, 10**17)
    ask = await serve(listed, is_full=True)
    assert len(ALL_INTERVALS) == len(set(ALL_INTERVALS)) == 16
    for interval_secs in ALL_INTERVALS:
        _, [bar] = await ask(market_id="m", interval=interval_secs)
        assert bar["volume"] == Decimal("0.200000000000000001")
        # (3 x 10^18 + 1) x (10^17 + 1) + 2 x 10^18 x 10^17, over 10^36: not rounded.
        assert bar["quote_volume"] == Decimal("0.500000000000000003100000000000000001")


async def test_times_with_no_trade_have_no_bar_and_both_ends_belong_to_the_range(serve: Any) -> None:
    listed = listed_market(MarketChart())
    for minutes in (0, 5, 20):
        listed.record_match(START_MS + minutes * 60_000, E18, E18)
    ask = await serve(listed, is_full=False)

    async def opens(from_ms: int, to_ms: int) -> list[int]:
        _, bars = await ask(market_id="m", interval=300, **{"from": from_ms, "to": to_ms})
        return [(bar["time"] * 1000 - START_MS) // 60_000 for bar in bars]

    assert await opens(START_MS, START_MS + 20 * 60_000) == [0, 5, 20]
    assert await opens(START_MS + 1, START_MS + 20 * 60_000 - 1) == [5]
    assert await opens(START_MS + 6 * 60_000, START_MS + 19 * 60_000) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"interval": 300}, "market_id or market_symbol is missing"),
        ({"market_id": "x", "interval": 300}, "unknown market 'x'"),
        ({"market_id": "m"}, "interval must be one of"),
        ({"market_id": "m", "interval": "5m"}, "interval must be a whole number"),
        ({"market_id": "m", "interval": 300, "from": "-1"}, "from must be a whole number"),
        ({"market_id": "m", "interval": 300, "to": "9" * 20}, "to must be a whole number"),
    ],
)
async def test_a_wrong_request_is_refused(serve: Any, query: dict[str, Any], words: str) -> None:
    ask = await serve(listed_market(MarketChart()), is_full=False)
    status, refusal = await ask(**query)
    assert status == 400
    assert words in refusal["error"]
    status, refusal = await ask("/api/v1/exchange/1/market/chart", market_id="m", interval=300)
    assert (status, refusal["error"]) == (400, "unknown chain_id '1': this venue trades on 31337")


async def test_matches_of_a_running_localnet_are_in_its_chart(api: Any, trader: Any) -> None:
    seller, buyer = trader(), trader()
    await seller.place("WETH_USDC", "sell", "3000", "1")
    await buyer.place("WETH_USDC", "buy", "3000", "0.5")
    await seller.place("WETH_USDC", "sell", "3010", "1")
    await buyer.place("WETH_USDC", "buy", "3010", "0.75")
    market_id = seller.localnet.markets["WETH_USDC"].id
    _, public = await api.get("/api/v1/exchange/31337/market/trades", market_id=market_id)
    status, bars = await api.get("/api/v1/exchange/31337/market/chart", market_id=market_id, interval=1)
    assert status == 200
    by_second: dict[int, list[Any]] = {}
    for trade in reversed(public):
        by_second.setdefault(trade["timestamp"] // 1000, []).append(trade)
    assert [bar["time"] for bar in bars] == sorted(by_second)
    for bar in bars:
        trades = by_second[bar["time"]]
        assert (Decimal(str(bar["open"])), Decimal(str(bar["close"]))) == (
            Decimal(trades[0]["price"]),
            Decimal(trades[-1]["price"]),
        )
        assert Decimal(str(bar["volume"])) == sum(Decimal(trade["amount"]) for trade in trades)
