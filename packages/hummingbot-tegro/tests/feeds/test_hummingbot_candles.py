"""Candle feeds in a stock Hummingbot, against a localnet with a past of months."""

import logging
import sqlite3
import time
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import pytest_asyncio
from hummingbot.core.network_iterator import NetworkStatus
from hummingbot.data_feed.candles_feed.candles_base import CandlesBase
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory
from hummingbot.data_feed.candles_feed.data_types import CandlesConfig, HistoricalCandlesConfig
from hummingbot.data_feed.market_data_provider import MarketDataProvider
from hummingbot.strategy_v2.backtesting.backtesting_data_provider import BacktestingDataProvider
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_tegro.candles import TegroSpotCandles
from hummingbot_tegro.candles.keeping import open_store
from hummingbot_tegro.candles.rows import (
    known_at_the_end,
    row_of,
    what_came_instead,
    what_has_no_volume,
    what_is_missing,
)
from tegro.candles import Candle, Interval
from tegro.candles.reader import Window
from tegro.errors import InvalidInput, Refused
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.fault_spec import Fault, FaultKind

DAY_MS = 86_400_000
DOMAINS = ("tegro", "tegro_testnet", "tegro_localnet")
PAIR = "WETH-USDC"
PAST_DAYS = (95, 70, 40, 39, 20, 9, 3, 1, 1, 0.2, 0.1, 0.01, 0.01, 0.005)
"""How long ago the trades of the past were."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _past(venue):
    """Trades of the last months; afterwards the venue's clock is right."""
    now_ms = time.time_ns() // 1_000_000
    for number, days in enumerate(PAST_DAYS):
        venue.clock.set_to(now_ms - round(days * DAY_MS))
        await venue.trade(str(3000 + 7 * number % 31))
    venue.clock.behind_ms = 0


@pytest.fixture(autouse=True)
def _settings(venue, settings_at):
    settings_at(venue.localnet.rest_url)


@pytest_asyncio.fixture(loop_scope="module")
async def trades(venue):
    """All trades of the venue as pandas has them."""

    async def read():
        async with venue.client() as client:
            shown = await client.public_trades("WETH_USDC", limit=500)
        index = pd.to_datetime([trade.timestamp_ms for trade in shown], unit="ms")
        columns = {"price": [float(trade.price) for trade in shown], "size": [float(trade.quantity) for trade in shown]}
        return pd.DataFrame(columns, index=index).sort_index(kind="stable")

    return read


def feed_of(interval="1m", max_records=5, connector="tegro", pair=PAIR):
    config = CandlesConfig(connector=connector, trading_pair=pair, interval=interval, max_records=max_records)
    return CandlesFactory.get_candle(config)


@asynccontextmanager
async def running(feed):
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()
        await feed.stop_network()


def config_of(interval, start_secs, end_secs):
    return HistoricalCandlesConfig(
        connector_name="tegro", trading_pair=PAIR, interval=interval, start_time=start_secs, end_time=end_secs
    )


def times_of(frame):
    return frame["timestamp"].astype(int).tolist()


# Registered in a stock Hummingbot


@pytest.mark.parametrize("domain", DOMAINS)
async def test_every_domain_has_a_feed_with_all_intervals_of_the_base_class(domain):
    for interval, seconds in CandlesBase.interval_to_seconds.items():
        feed = feed_of(interval, connector=domain)
        assert isinstance(feed, TegroSpotCandles)
        assert (feed.domain, feed.name, feed.max_records) == (domain, f"{domain}_{PAIR}", 5)
        # The base class has one length for all months.
        assert feed.interval_in_seconds == seconds or (interval, feed.interval_in_seconds) == ("1M", 31 * 86400)
        assert feed.candles_df.empty
        assert list(feed.candles_df.columns) == CandlesBase.columns
        assert not feed.ready


async def test_an_unknown_interval_is_refused_in_one_sentence():
    with pytest.raises(InvalidInput, match=r"an interval must be one of 1s, .*, was '7m'"):
        feed_of("7m")


@pytest.mark.parametrize(("interval", "rule"), [("1M", "MS"), ("1w", "W-MON"), ("1d", "D"), ("4h", "4h")])
async def test_moments_are_rounded_as_the_calendar_has_it(interval, rule):
    feed = feed_of(interval)
    begins = pd.date_range("2023-12-01", "2024-04-01", freq=rule)
    for begin, following in pairwise(begins):
        for moment in (begin.timestamp(), (begin + (following - begin) / 3).timestamp(), following.timestamp() - 1):
            assert feed._round_timestamp_to_interval_multiple(moment) == begin.timestamp()


# The past


@pytest.mark.parametrize(("interval", "rule"), [("1M", "MS"), ("1w", "W-MON"), ("1d", "D"), ("15m", "15min")])
async def test_the_past_is_what_pandas_makes_of_the_trades(interval, rule, trades):
    now = int(time.time())
    frame = await feed_of(interval).get_historical_candles(config_of(interval, now - 60 * 86400, now))
    label = {"closed": "left", "label": "left"}
    # Values beside the key: an interval without a trade is flat at the close before.
    shown = await trades()
    bars = shown["price"].resample(rule, **label).ohlc()
    bars["close"] = bars["close"].ffill()
    for column in ("open", "high", "low"):
        bars[column] = bars[column].fillna(bars["close"])
    bars["volume"] = shown["size"].resample(rule, **label).sum()
    bars.index = bars.index.as_unit("s").astype("int64")
    known = bars[(bars.index >= now - 60 * 86400) & (bars.index <= now)]
    length = len(known)
    assert times_of(frame)[:length] == known.index.tolist()
    for column in ("open", "high", "low", "close", "volume"):
        np.testing.assert_allclose(frame[column].to_numpy()[:length], known[column].to_numpy(), rtol=1e-12)
    # After the last trade nothing changes any more.
    assert set(frame["close"][length:]) <= {known["close"].iloc[-1]}
    assert set(frame.dtypes) == {np.dtype(float)}
    assert not frame.isna().to_numpy().any()


async def test_both_ends_belong_to_the_time_and_an_empty_time_has_no_candle():
    now = int(time.time())
    hour = now - now % 3600 - 5 * 3600
    feed = feed_of("1h")
    assert times_of(await feed.get_historical_candles(config_of("1h", hour, hour + 7200))) == [
        hour,
        hour + 3600,
        hour + 7200,
    ]
    assert times_of(await feed.get_historical_candles(config_of("1h", hour + 1, hour + 7199))) == [hour + 3600]
    for start, end in ((hour + 1, hour + 3599), (hour + 3600, hour), (now + 90_000, now + 99_000)):
        assert (await feed.get_historical_candles(config_of("1h", start, end))).empty


async def test_what_is_older_than_the_venue_is_left_out_and_said(caplog):
    now = int(time.time())
    frame = await feed_of("1d").get_historical_candles(config_of("1d", now - 400 * 86400, now))
    first = now - now % 86400 - 95 * 86400
    assert times_of(frame) == list(range(first, now, 86400))
    said, more = [record.message for record in caplog.records if record.name.startswith("hummingbot_tegro")]
    assert said.endswith(f", only those from {pd.Timestamp(first, unit='s'):%Y-%m-%d}T00:00:00Z on are known.")
    # The oldest trade that the venue shows lies in the middle of that day, so only the chart knows all of it.
    assert more == "The volumes of 1 candles 1d of WETH-USDC are 0: Tegro's chart does not name them."
    assert frame["volume"].iloc[0] == 0


async def test_a_long_time_is_read_in_parts_and_comes_as_one():
    now = int(time.time())
    start = now - now % 300 - 20 * 86400
    frame = await feed_of("5m").get_historical_candles(config_of("5m", start, now - now % 300 - 600))
    assert len(frame) > feed_of().candles_max_result_per_rest_request
    assert times_of(frame) == list(range(start, now - now % 300 - 599, 300))


async def test_candles_are_fetched_by_their_end_or_their_start():
    now = int(time.time())
    hour = now - now % 3600
    feed = feed_of("1h")
    by_end = await feed.fetch_candles(end_time=hour - 3600, limit=3)
    by_start = await feed.fetch_candles(start_time=hour - 3 * 3600, limit=3)
    assert by_end.shape == by_start.shape == (3, 10)
    assert by_end[:, 0].tolist() == by_start[:, 0].tolist() == [hour - 3 * 3600, hour - 2 * 3600, hour - 3600]
    assert (await feed.fetch_candles(start_time=now + 90_000)).shape == (0, 10)
    with pytest.raises(ValueError, match="the start or the end"):
        await feed.fetch_candles(limit=3)


async def test_the_backtester_gets_its_candles():
    provider = BacktestingDataProvider(connectors={})
    now = int(time.time())
    provider.update_backtesting_time(now - 10 * 86400, now)
    config = CandlesConfig(connector="tegro", trading_pair=PAIR, interval="1d", max_records=14)
    frame = await provider.get_candles_feed(config)
    assert len(frame) == 24
    assert len(provider.get_candles_df("tegro", PAIR, "1d")) == 10


# Live


async def test_a_controller_reads_the_past_and_then_what_trades(venue, trades, until):
    past = await trades()
    begun = int(past.index[-1].timestamp()) + 1
    await until(lambda: time.time() >= begun)
    provider = MarketDataProvider(connectors={})
    config = CandlesConfig(connector="tegro", trading_pair=PAIR, interval="1s", max_records=60)
    provider.initialize_candles_feed(config)
    try:
        await until(lambda: provider.ready)
        frame = provider.get_candles_df("tegro", PAIR, "1s", 60)
        assert len(frame) == 60
        assert set(np.diff(frame["timestamp"])) == {1}
        shown = past[past.index >= pd.Timestamp(int(frame["timestamp"].iloc[0]), unit="s")]
        assert frame["volume"].sum() == pytest.approx(shown["size"].sum())

        await venue.trade("3111", "3107", "3109")
        feed = provider.get_candles_feed(config)
        await until(lambda: feed.candles_df["close"].iloc[-1] == 3109)
        last = int((await trades()).index[-1].timestamp())
        await until(lambda: feed.candles_df["timestamp"].iloc[-1] > last)
        frame = provider.get_candles_df("tegro", PAIR, "1s", 60)
        traded = frame[(frame["volume"] > 0) & (frame["timestamp"] >= begun)]
        assert (traded["high"].max(), traded["low"].min(), traded["n_trades"].sum()) == (3111, 3107, 3)
        assert traded["volume"].sum() == pytest.approx(0.03)
        assert traded["quote_asset_volume"].sum() == pytest.approx(93.27)
        assert set(np.diff(frame["timestamp"])) == {1}
        assert len(frame) == 60
        # More candles of the same market: the provider makes a new feed, on the same store.
        more = await provider.get_historical_candles_df("tegro", PAIR, "1s", max_records=90)
        assert len(more) == 90
        assert more[more["timestamp"] >= begun]["n_trades"].sum() == 3
        await until(lambda: provider.ready)
    finally:
        feeds = list(provider.candles_feeds.values())
        provider.stop()
        for each in feeds:
            await each.stop_network()


async def test_calendar_months_are_live_too(venue, until):
    async with running(feed_of("1M", max_records=3)) as feed:
        await until(lambda: feed.ready)
        this_month = pd.Timestamp.now("UTC").tz_localize(None).to_period("M").to_timestamp()
        months = pd.date_range(end=this_month, periods=3, freq="MS")
        assert times_of(feed.candles_df) == [int(month.timestamp()) for month in months]
        await venue.trade("3333")
        await until(lambda: feed.candles_df["close"].iloc[-1] == 3333)
        assert len(feed.candles_df) == 3


async def test_a_broken_stream_costs_no_candle(venue, until):
    async with running(feed_of("5m", max_records=200)) as feed:
        await until(lambda: feed.ready)
        before = times_of(feed.candles_df)
        fault = venue.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/events/ws", times=None))
        venue.localnet.cut_streams()
        await until(lambda: not feed.ready)
        assert times_of(feed.candles_df) == before
        assert await feed.check_network() is NetworkStatus.CONNECTED
        await venue.trade("3555")
        venue.localnet.faults.clear(fault)
        await until(lambda: feed.ready and 3555 in set(feed.candles_df["close"]))
        assert times_of(feed.candles_df)[-195:] == list(range(before[-1] - 194 * 300, before[-1] + 1, 300))[-195:]
        assert len(feed.candles_df) == 200


async def test_what_was_missed_between_stop_and_start_is_read(venue, until):
    feed = feed_of("5m", max_records=100)
    async with running(feed):
        await until(lambda: feed.ready)
    assert len(feed.candles_df) == 100
    assert not feed.ready
    assert feed.network_status is NetworkStatus.STOPPED
    await venue.trade("3666")
    async with running(feed):
        await until(lambda: feed.ready and 3666 in set(feed.candles_df["high"]))
        assert set(np.diff(feed.candles_df["timestamp"])) == {300}
        assert len(feed.candles_df) == 100


async def test_a_venue_that_refuses_is_one_sentence_and_asked_again(venue, until, caplog):
    fault = venue.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/market/trades", status=403, times=2))
    async with running(feed_of("5m")) as feed:
        await until(lambda: feed.ready)
    assert venue.localnet.faults.fired(fault) == 2
    [said] = [record.message for record in caplog.records if "No candles of" in record.message]
    assert "No candles of WETH-USDC from Tegro: " in said
    assert said.endswith("Trying again.")
    venue.localnet.faults.add(Fault(kind=FaultKind.STATUS, path="*/market/trades", status=403))
    with pytest.raises(Refused):
        await feed.get_historical_candles(config_of("1h", int(time.time()) - 7200, int(time.time())))


# Where there is no past


async def test_a_young_market_is_ready_with_what_is_known_and_says_from_when(venue, until, caplog):
    async with running(feed_of("1M", max_records=12)) as feed:
        await until(lambda: feed.ready)
        known = len(feed.candles_df)
        assert 3 <= known <= 5
    [said] = [record for record in caplog.records if "candles 1M" in record.message]
    assert said.levelno == logging.WARNING
    first = pd.Timestamp(feed.candles_df["timestamp"].iloc[0], unit="s")
    complete = first + pd.DateOffset(months=12)
    assert f"Only {known} of 12 candles 1M of WETH-USDC are known, from {first:%Y-%m-%d}T00:00:00Z on" in said.message
    assert f"all are there at {complete:%Y-%m-%d}T00:00:00Z" in said.message


async def test_a_market_that_never_traded_says_so_and_is_ready_with_its_first_candle(venue, until, caplog):
    async with running(feed_of("1s", max_records=10, pair="TEGRO-USDC")) as feed:
        await until(lambda: "No candle 1s of TEGRO-USDC is known yet" in caplog.text)
        assert not feed.ready
        await venue.trade("0.0512", symbol="TEGRO_USDC", quantity="100")
        await until(lambda: feed.ready)
        assert set(feed.candles_df["close"]) == {0.0512}


async def test_a_pair_that_is_not_there_is_one_sentence(caplog):
    feed = feed_of(pair="NOPE-USDC")
    for _ in range(2):
        assert await feed.check_network() is NetworkStatus.NOT_CONNECTED
    [said] = [record.message for record in caplog.records if "NOPE-USDC" in record.message]
    assert "there is no market NOPE-USDC on base" in said


# What is kept


async def test_history_grows_although_the_venue_forgets(localnet_config, data_folder, settings_at, until):
    async with running(feed_of("1h")) as feed:
        await until(lambda: feed.ready)
    file = data_folder / "tegro_candles_mainnet.sqlite"
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM trades").fetchone()[0] >= len(PAST_DAYS)
    now = int(time.time())
    span = now - now % 3600 - 20 * 86400, now - now % 3600 - 3600
    with BackgroundLocalnet(localnet_config) as reborn:
        settings_at(reborn.rest_url)
        frame = await feed_of("1h").get_historical_candles(config_of("1h", *span))
    assert times_of(frame) == list(range(span[0], span[1] + 1, 3600))
    assert (frame["n_trades"] > 0).any()


async def test_nothing_is_kept_of_a_localnet(data_folder):
    open_store("localnet").close()
    assert not data_folder.exists()
    for environment in ("mainnet", "testnet"):
        open_store(environment).close()
    files = {path.name for path in data_folder.glob("*.sqlite")}
    assert files == {"tegro_candles_mainnet.sqlite", "tegro_candles_testnet.sqlite"}


async def test_a_store_that_cannot_be_used_is_said_and_the_feed_works(data_folder, until, caplog):
    (data_folder / "tegro_candles_mainnet.sqlite").mkdir(parents=True)
    async with running(feed_of("5m")) as feed:
        await until(lambda: feed.ready)
    assert "Candles are kept in memory only, the candle store" in caplog.text


# Rows


def candle_at(number, volume="1.5"):
    open_time_ms = number * 60_000
    price = Decimal("0.1")
    amounts = {"base_volume": None, "quote_volume": None, "trades": None}
    if volume is not None:
        amounts = {"base_volume": Decimal(volume), "quote_volume": Decimal(volume) * price, "trades": 3}
    return Candle(
        open_time_ms=open_time_ms,
        close_time_ms=open_time_ms + 60_000,
        open=price,
        high=price * 3,
        low=price / 2,
        close=price * 2,
        is_closed=True,
        **amounts,
    )


async def test_a_row_has_the_columns_of_hummingbot_and_what_is_not_known_is_zero():
    row = dict(zip(CandlesBase.columns, row_of(candle_at(5)), strict=True))
    assert row == {
        "timestamp": 300,
        "open": 0.1,
        "high": 0.3,
        "low": 0.05,
        "close": 0.2,
        "volume": 1.5,
        "quote_asset_volume": 0.15,
        "n_trades": 3,
        "taker_buy_base_volume": 0,
        "taker_buy_quote_volume": 0,
    }
    assert row_of(candle_at(5, volume=None)).tolist()[5:] == [0] * 5


@given(st.lists(st.booleans(), max_size=12))
async def test_only_what_follows_the_last_gap_is_known(is_known):
    candles = [candle_at(number) if known else None for number, known in enumerate(is_known)]
    times = [number * 60_000 for number in range(len(candles))]
    window = Window(open_times_ms=times, candles=candles, unseen_ms=[], until_ms=0, traded_since_ms=0)
    known = known_at_the_end(window)
    assert known == [candle_at(number) for number in range(len(is_known)) if all(is_known[number:])]


async def test_what_is_said_of_candles_that_are_not_known():
    minute, known = Interval("1m"), [candle_at(number, None if number < 12 else "1") for number in range(10, 20)]
    assert what_is_missing(PAIR, minute, known, 10) is None
    assert what_has_no_volume(PAIR, minute, known[2:]) is None
    assert what_has_no_volume(PAIR, minute, known) == (
        "The volumes of 2 candles 1m of WETH-USDC are 0: Tegro's chart does not name them."
    )
    assert "are known, from 1970-01-01T00:10:00Z on: " in what_is_missing(PAIR, minute, known, 25)
    assert "all are there at 1970-01-01T00:35:00Z." in what_is_missing(PAIR, minute, known, 25)
    assert what_came_instead(PAIR, minute, [], 0).endswith("from 1970-01-01T00:00:00Z on, none of them is known.")
