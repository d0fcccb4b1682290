"""Candles of a spot market as Hummingbot's strategies read them.

The base class connects to an exchange and clears all candles when the connection breaks. Here `tegro.candles` does the
work: it survives breaks, closes candles where nothing traded, and knows the calendar's weeks and months.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final, override

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from bidict import bidict
from hummingbot.core.network_iterator import NetworkStatus
from hummingbot.data_feed.candles_feed.candles_base import CandlesBase
from hummingbot.data_feed.candles_feed.data_types import HistoricalCandlesConfig

from hummingbot_tegro.candles.keeping import open_store
from hummingbot_tegro.candles.rows import (
    known_at_the_end,
    row_of,
    what_came_instead,
    what_has_no_volume,
    what_is_missing,
)
from hummingbot_tegro.common.warnings_once import WarnOnce
from hummingbot_tegro.host_settings import environment_for
from hummingbot_tegro.pairs import pair_of
from tegro.backoff import Backoff
from tegro.candles import Candle, CandleFeed, CandleStore, Interval
from tegro.candles.history import MAX_CANDLES, now_ms
from tegro.candles.interval import DAY_MS
from tegro.candles.reader import CandleReader
from tegro.client import AsyncTegro
from tegro.errors import InvalidInput, StoreFailure, TegroError
from tegro.model import Market

_AT_ONCE: Final = 5000
_BACKOFF: Final = Backoff(first_secs=1.0, cap_secs=30.0)


class TegroSpotCandles(CandlesBase):
    """A candle feed that Hummingbot starts, stops and reads. All times of its rows are seconds.

    It is ready when all that is known of the past has been read, there is a candle, and the stream is connected. Where
    less is known than was asked for, one warning says from when on candles are known and when all will be there: a
    strategy gets fewer rows then, rather than none for days. Rows stay through breaks and through stop and start.

    Parameters
    ----------
    trading_pair
        Hummingbot pair, such as `WETH-USDC`.
    interval
        One of the sixteen words from `1s` to `1M`. Weeks and months are the calendar's, in UTC.
    max_records
        How many candles to hold at most.

    Raises
    ------
    InvalidInput
        If there is no such interval, or the settings file has a mistake.
    """

    domain: ClassVar[str] = "tegro"

    def __init__(self, trading_pair: str, interval: str = "1m", max_records: int = 150) -> None:
        self._kind: Final = Interval(interval)
        super().__init__(trading_pair, interval, max_records)
        self._environment: Final = environment_for(self.domain)
        self._client: AsyncTegro | None = None
        self._market: Market | None = None
        self._store: CandleStore | None = None
        self._feed: CandleFeed | None = None
        self._listen_candles_task: asyncio.Task[None] | None = None
        self._is_past_read = False
        self._rng: Final = random.Random()  # noqa: S311  jitter, nothing secret
        self._failures = 0
        self._warnings: Final = WarnOnce(self.logger())

    # What Hummingbot asks of a feed

    @classmethod
    def logger(cls) -> logging.Logger:
        """Return the logger of this feed."""
        return logging.getLogger(__name__)

    @property
    def name(self) -> str:
        """Name of the feed, as in the names of files: domain and pair."""
        return f"{self.domain}_{self._trading_pair}"

    @property
    def intervals(self) -> Any:  # noqa: ANN401  (bidict, as in every feed)
        """The sixteen intervals; the venue needs no words of its own."""
        return bidict({word.value: word.value for word in Interval})

    @property
    def rate_limits(self) -> list[Any]:
        """Empty: none are documented or were seen (protocol 9); `tegro` slows down when it is told to."""
        return []

    @property
    def candles_max_result_per_rest_request(self) -> int:
        """How many candles are read at once."""
        return _AT_ONCE

    @property
    def interval_in_seconds(self) -> int:
        """Length of a candle; of months the longest, so that who counts back by it comes far enough."""
        return (self._kind.step_ms or 31 * DAY_MS) // 1000

    @property
    def ready(self) -> bool:
        """Whether strategies may rely on the candles: see the class."""
        return self._is_past_read and bool(self._candles) and self._feed is not None and self._feed.is_connected

    def get_exchange_trading_pair(self, trading_pair: str) -> str:
        """Return the usual symbol of a pair at the venue. What is read is named by the market's id."""
        return trading_pair.replace("-", "_")

    @override
    def _round_timestamp_to_interval_multiple(self, timestamp: int) -> int:
        """Return when the candle opens that holds a moment."""
        return self._kind.floor(int(timestamp) * 1000) // 1000

    # The network

    async def check_network(self) -> NetworkStatus:
        """Return whether the venue answers and has the market. While the feed runs, it mends its own connection."""
        task = self._listen_candles_task
        if task is not None and not task.done():
            return NetworkStatus.CONNECTED
        try:
            async with self._borrowed() as client:
                await self._require_market(client)
        except TegroError as error:
            self._warnings.say(f"No candles of {self._trading_pair} from Tegro: {error}.")
            return NetworkStatus.NOT_CONNECTED
        return NetworkStatus.CONNECTED

    async def stop_network(self) -> None:
        """Stop following the market and close everything; the candles stay. May be repeated."""
        task, self._listen_candles_task = self._listen_candles_task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        self._close_store()
        self._exchange_data_initialized = False

    async def listen_for_subscriptions(self) -> None:
        """Follow the market for as long as the network runs, whatever happens."""
        while True:
            try:
                await self._follow()
            except asyncio.CancelledError:
                raise
            except TegroError as error:
                if isinstance(error, StoreFailure):
                    self._close_store()
                self._warnings.say(f"No candles of {self._trading_pair} from Tegro: {error}. Trying again.")
            except Exception:  # noqa: BLE001  (the feed must not end while the bot runs)
                self.logger().exception("Unexpected error in Tegro's candles. Trying again.")
            self._failures += 1
            await self._sleep(_BACKOFF.delay_secs(self._failures, self._rng))

    async def _follow(self) -> None:
        client = self._client = self._client or AsyncTegro(self._environment)
        market = await self._require_market(client)
        if self._store is None:
            self._store = await asyncio.to_thread(open_store, self._environment.name)
        await self._read_past()
        # What closes while the stream is being opened is part of this past.
        history = min(self.max_records, MAX_CANDLES - 1)
        async with client.candle_feed(market, self._kind, history=history, store=self._store) as feed:
            self._feed = feed
            try:
                async for candle in feed:
                    self._take(candle)
                    self._failures = 0
                    self._warnings.forget()
            finally:
                self._feed = None

    async def _read_past(self) -> None:
        wanted = min(self.max_records, MAX_CANDLES)
        async with self._reading() as reader:
            known = known_at_the_end(await reader.read(self._kind, limit=wanted))
        rows = {row[0]: row for row in self._candles} | {row[0]: row for row in map(row_of, known)}
        self._candles.clear()
        self._candles.extend(rows[time] for time in sorted(rows))
        if not self._is_past_read:
            self._say(what_is_missing(self._trading_pair, self._kind, known, wanted))
            self._say(what_has_no_volume(self._trading_pair, self._kind, known))
        self._is_past_read = True

    def _take(self, candle: Candle) -> None:
        """Add the newest candle or change it. The older ones, which a feed tells at its start, are there already."""
        row = row_of(candle)
        newest = self._candles[-1][0] if self._candles else 0
        if row[0] > newest:
            self._candles.append(row)
        elif row[0] == newest:
            self._candles[-1] = row

    # The past

    async def get_historical_candles(self, config: HistoricalCandlesConfig) -> pd.DataFrame:
        """Return the candles that open between two moments, both included, as far back as they are known without a gap.

        Where less is known, one warning says from when.

        Raises
        ------
        TegroError
            If the venue cannot be read.
        """
        rows = await self._rows_between(config.start_time, config.end_time)
        return pd.DataFrame(rows, columns=self.columns, dtype=float)

    async def fetch_candles(
        self, start_time: int | None = None, end_time: int | None = None, limit: int | None = None
    ) -> Any:  # noqa: ANN401  (numpy's array)
        """Return the `limit` candles up to the end, or from the start where no end is given, one to a row.

        Raises
        ------
        ValueError
            If neither start nor end is given.
        TegroError
            As in `get_historical_candles`.
        """
        count = min(max(limit or _AT_ONCE, 1), _AT_ONCE)
        if end_time is not None:
            start_time = self._kind.shift(end_time * 1000, 1 - count) // 1000
        elif start_time is not None:
            end_time = self._kind.shift(start_time * 1000 - 1, count) // 1000
        else:
            raise ValueError("give the start or the end of the candles")
        return np.array(await self._rows_between(start_time, end_time)).reshape(-1, len(self.columns))

    async def _rows_between(self, start_secs: float, end_secs: float) -> list[Any]:
        first_ms = self._kind.next(int(start_secs) * 1000 - 1)
        end_ms = min(int(end_secs) * 1000 + 1, now_ms())
        found: list[Candle] = []
        async with self._reading() as reader:
            while first_ms < end_ms:
                from_ms = max(first_ms, self._kind.shift(end_ms - 1, 1 - _AT_ONCE))
                window = await reader.read(self._kind, start_ms=from_ms, end_ms=end_ms)
                known = known_at_the_end(window)
                found = known + found
                if len(known) < len(window.candles):
                    self._say(what_came_instead(self._trading_pair, self._kind, found, first_ms))
                    break
                end_ms = from_ms
        self._say(what_has_no_volume(self._trading_pair, self._kind, found))
        return [row_of(candle) for candle in found]

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[CandleReader]:
        """Lend a reader with the store of the running network, or with one for this block only."""
        async with self._borrowed() as client:
            market = await self._require_market(client)
            running = self._store
            store = await asyncio.to_thread(open_store, self._environment.name) if running is None else running
            try:
                yield CandleReader(client, market, store, clock_ms=now_ms)
            finally:
                if store is not running:
                    store.close()

    # Inside

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[AsyncTegro]:
        """Lend the client of the running network, or one for this block only where the network does not run."""
        if self._client is not None:
            yield self._client
            return
        async with AsyncTegro(self._environment) as client:
            yield client

    async def _require_market(self, client: AsyncTegro) -> Market:
        if self._market is None:
            # The venue sends the most traded first; a later one of the same name is another token.
            found = (each for each in await client.markets() if pair_of(each) == self._trading_pair)
            self._market = next(found, None)
        if self._market is None:
            raise InvalidInput(
                f"there is no market {self._trading_pair} on {self._environment.chain}; 'tegro markets' lists all"
            )
        return self._market

    def _close_store(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _say(self, sentence: str | None) -> None:
        if sentence is not None:
            self.logger().warning(sentence)


class TegroTestnetSpotCandles(TegroSpotCandles):
    """Candles of `tegro_testnet`."""

    domain: ClassVar[str] = "tegro_testnet"


class TegroLocalnetSpotCandles(TegroSpotCandles):
    """Candles of `tegro_localnet`."""

    domain: ClassVar[str] = "tegro_localnet"
