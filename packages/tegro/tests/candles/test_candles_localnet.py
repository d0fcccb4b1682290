"""Candles of a running localnet: chart, public trades and stream of a venue that matches for itself."""

import asyncio
from decimal import Decimal
from itertools import pairwise

import pytest

from tegro.candles import CandleFeed, CandleStore, Interval, candle_history, candles_from_trades
from tegro.client import AsyncTegro
from tegro.errors import HistoryMissing, Refused
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.rest import RestClient
from tegro.signer import LocalSigner

DEADLINE_SECS = 20
FAR_MS = 10**14
SYMBOL = "WETH_USDC"


class Client:
    """The client and its chart, as `LiveSource` wants them."""

    def __init__(self, tegro, rest):
        self.tegro = tegro
        self.public_trades = tegro.public_trades
        self.stream = tegro.stream
        self._rest = rest

    async def chart(self, symbol, *, interval_secs, start_ms, end_ms):
        market = await self.tegro.market(symbol)
        return await self._rest.chart(market, interval_secs=interval_secs, start_ms=start_ms, end_ms=end_ms)


@pytest.fixture
def environment(localnet, environment_at):
    return environment_at(localnet.rest_url, stream_url=localnet.stream_url, chain_id=localnet.chain_id)


@pytest.fixture
async def client(environment, session):
    async with AsyncTegro(environment) as tegro:
        yield Client(tegro, RestClient(environment, session))


@pytest.fixture
async def trade(localnet, environment):
    """Let a seller and a buyer match."""
    wallets = [localnet.new_wallet() for _ in range(2)]
    async with (
        AsyncTegro(environment, signer=LocalSigner(wallets[0].key)) as seller,
        AsyncTegro(environment, signer=LocalSigner(wallets[1].key)) as buyer,
    ):
        market = await seller.market(SYMBOL)

        async def match(price, quantity="0.01"):
            for side, wallet in ((Side.SELL, seller), (Side.BUY, buyer)):
                request = OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))
                assert isinstance(await wallet.place(request), Accepted)

        yield match


async def test_the_chart_of_the_venue_is_what_its_trades_make(client, trade):
    for price in ("3000", "3010.5", "2990", "3005"):
        await trade(price)
    market = await client.tegro.market(SYMBOL)
    trades = (await client.public_trades(SYMBOL, limit=500))[::-1]
    for interval in (Interval.FIVE_MINUTES, Interval.ONE_WEEK):
        rows = await client.chart(
            SYMBOL, interval_secs=interval.step_ms // 1000, start_ms=0, end_ms=trades[-1].timestamp_ms
        )
        made = candles_from_trades(trades, interval, until_ms=FAR_MS)
        assert [(row.open_time_ms, row.open, row.high, row.low, row.close) for row in rows] == [
            (each.open_time_ms, each.open, each.high, each.low, each.close) for each in made
        ]
        assert {row.base_volume for row in rows} == {None}
    [*_, hour] = await candle_history(client, market, Interval.ONE_HOUR, start_ms=trades[0].timestamp_ms)
    assert (hour.close, hour.is_closed) == (3005, False)
    with pytest.raises(HistoryMissing):
        await candle_history(client, market, Interval.ONE_MINUTE, limit=3)
    with pytest.raises(Refused, match="interval must be one of"):
        await client.chart(SYMBOL, interval_secs=60, start_ms=0, end_ms=FAR_MS)


async def test_a_feed_of_seconds_follows_the_trades_and_its_store_holds_them(client, trade):
    await trade("3000")
    market = await client.tegro.market(SYMBOL)
    store = CandleStore()
    candles = []
    async with (
        CandleFeed(client, market, Interval.ONE_SECOND, store=store) as feed,
        asyncio.timeout(DEADLINE_SECS),
    ):
        follower = asyncio.create_task(_collect(feed, candles))
        # Each trade says that what was before it has been told, so that seconds close as they pass. The venue's list
        # is read all the time: it shows the latest only.
        number, shown = 0, {}
        while sum(candle.is_closed for candle in candles) < 2:
            number += 1
            await trade(3000 + number)
            shown |= {each.trade_id: each for each in (await client.public_trades(SYMBOL, limit=500))[::-1]}
        follower.cancel()
    closed = [candle for candle in candles if candle.is_closed]
    assert all(earlier.close_time_ms == later.open_time_ms for earlier, later in pairwise(closed))
    in_order = list(shown.values())
    true = {each.open_time_ms: each for each in candles_from_trades(in_order, Interval.ONE_SECOND, until_ms=FAR_MS)}
    for candle in closed:
        if candle.open_time_ms in true:
            assert candle == true[candle.open_time_ms]
        else:
            assert candle.trades == 0
    # The second in which the feed began may not have been seen from its beginning.
    assert feed.late == 0
    assert feed.missing <= 1
    assert len(store.trades(market.id, closed[0].open_time_ms, FAR_MS)) >= 3
    store.close()


async def _collect(feed, candles):
    async for candle in feed:
        candles.append(candle)
