"""The candle feeds of perpetuals against localnet: past and present, in all sixteen intervals."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hummingbot.core.event.events import BuyOrderCompletedEvent
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory
from hummingbot.data_feed.candles_feed.data_types import CandlesConfig, HistoricalCandlesConfig

from hummingbot_tegro.candles.perpetual_feed import PERPETUAL_FEEDS
from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import DOMAINS
from tegro.candles import Interval
from tegro.errors import InvalidInput
from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME, PAIR = "tegro_perpetual_localnet", "ETH-USDT"


def config_of(name: str, interval: str, count: int) -> CandlesConfig:
    return CandlesConfig(connector=name, trading_pair=PAIR, interval=interval, max_records=count)


def feed(interval: str, count: int = 20):
    return CandlesFactory.get_candle(config_of(NAME, interval, count))


def starts(made) -> list[int]:
    return [int(time) for time in made.candles_df["timestamp"]]


async def trade(desk, price: str) -> None:
    await desk.other_places(Side.SELL, "0.5", price)
    name = desk.order("buy", "0.5", price)
    await desk.until(lambda: desk.of(BuyOrderCompletedEvent, name))
    await desk.until(lambda: desk.connector.account_positions)


async def test_there_is_a_feed_for_each_domain_and_its_host_must_be_known(desk):
    assert list(PERPETUAL_FEEDS) == list(DOMAINS)
    assert feed("1m").name == "tegro_perpetual_localnet_ETH-USDT"
    with pytest.raises(InvalidInput, match="no host of the perpetual mainnet is known"):
        CandlesFactory.get_candle(config_of("tegro_perpetual", "1m", 5))
    with pytest.raises(InvalidInput, match="7m"):
        feed("7m")


@pytest.mark.parametrize("interval", [str(each) for each in Interval])
async def test_every_interval_has_its_past_without_a_gap(desk, interval):
    made = feed(interval)
    kind = Interval(interval)
    now_secs = int(datetime.now(UTC).timestamp())
    first_secs = kind.shift(now_secs * 1000, -30) // 1000
    wanted = HistoricalCandlesConfig(
        connector_name=NAME, trading_pair=PAIR, interval=interval, start_time=first_secs, end_time=now_secs
    )
    rows = await made.get_historical_candles(wanted)
    times = [int(time) for time in rows["timestamp"]]
    assert len(times) >= 29
    assert all(kind.shift(one * 1000, 1) == other * 1000 for one, other in pairwise(times))
    assert times[-1] * 1000 >= kind.shift(kind.floor(now_secs * 1000), -1)


@pytest.mark.parametrize("interval", ["1s", "1m", "1w", "1M"])
async def test_a_feed_is_ready_with_its_past_and_follows_the_present(desk, interval):
    made = feed(interval, 120)
    await made.start_network()
    try:
        kind = Interval(interval)
        await desk.until(lambda: made.ready)
        assert all(kind.shift(one * 1000, 1) == other * 1000 for one, other in pairwise(starts(made)))
        await trade(desk, "2001.5")
        # Looked for in all candles: one of a second may be over when it is seen.
        await desk.until(lambda: any(made.candles_df["high"] == 2001.5))
        assert made.candles_df["volume"].sum() >= 0.5
    finally:
        await made.stop_network()
        await desk.clear()
