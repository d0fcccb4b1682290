"""Candles of perpetual contracts: Hummingbot's own feed for the dialect, at our hosts and with the calendar's months.

No past is kept here as for spot: the venue shows candles of any age (dialect 3.7).
"""

from itertools import pairwise
from typing import Any, ClassVar, Final, override

import numpy as np
from hummingbot.data_feed.candles_feed.binance_perpetual_candles import BinancePerpetualCandles
from hummingbot.data_feed.candles_feed.binance_perpetual_candles import constants as stock

from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import perpetual_environment
from tegro.candles import Interval
from tegro.candles.interval import DAY_MS


class TegroPerpetualCandles(BinancePerpetualCandles):
    """A candle feed that Hummingbot starts, stops and reads. All times of its rows are seconds.

    Parameters
    ----------
    trading_pair
        Hummingbot pair, such as `ETH-USDT`.
    interval
        One of the sixteen words from `1s` to `1M`. Weeks and months are the calendar's, in UTC.
    max_records
        How many candles to hold; the feed is ready when it has as many.

    Raises
    ------
    InvalidInput
        If there is no such interval, the host is not known, or the settings file has a mistake.
    """

    domain: ClassVar[str] = "tegro_perpetual"

    def __init__(self, trading_pair: str, interval: str = "1m", max_records: int = 150) -> None:
        self._kind: Final = Interval(interval)
        self._environment: Final = perpetual_environment(self.domain)
        super().__init__(trading_pair, interval, max_records)

    @property
    def name(self) -> str:
        """Name in Hummingbot's logs and files."""
        return f"{self.domain}_{self._trading_pair}"

    @property
    def rest_url(self) -> str:
        """Origin of the requests."""
        return self._environment.rest_url

    @property
    def wss_url(self) -> str:
        """Where the stream of candles is (dialect 6.1)."""
        return f"{self._environment.stream_url}/market/stream"

    @property
    def candles_url(self) -> str:
        """Where the past is (dialect 3.7)."""
        return self.rest_url + str(stock.CANDLES_ENDPOINT)

    @property
    @override
    def interval_in_seconds(self) -> int:
        """Length of a candle; of months the longest, or stock, which counts back by it, never comes to the first."""
        return (self._kind.step_ms or 31 * DAY_MS) // 1000

    @override
    def _round_timestamp_to_interval_multiple(self, timestamp: float) -> int:
        # Stock divides by 30 days and skips whole months.
        return self._kind.floor(int(timestamp) * 1000) // 1000

    @override
    def check_candles_sorted_and_equidistant(self, candles: Any) -> None:
        """Begin anew where a candle is missing. Months are of different lengths, and no fault."""
        if self._kind is not Interval.ONE_MONTH:
            super().check_candles_sorted_and_equidistant(candles)
            return
        times_ms = [int(row[0]) * 1000 for row in np.asarray(candles)]
        if any(self._kind.shift(time_ms, 1) != after_ms for time_ms, after_ms in pairwise(times_ms)):
            self.logger().warning("Candles are malformed. Restarting...")
            self._reset_candles()


class TegroPerpetualTestnetCandles(TegroPerpetualCandles):
    """Candles of `tegro_perpetual_testnet`."""

    domain: ClassVar[str] = "tegro_perpetual_testnet"


class TegroPerpetualLocalnetCandles(TegroPerpetualCandles):
    """Candles of `tegro_perpetual_localnet`."""

    domain: ClassVar[str] = "tegro_perpetual_localnet"


PERPETUAL_FEEDS: dict[str, type[TegroPerpetualCandles]] = {
    feed.domain: feed for feed in (TegroPerpetualCandles, TegroPerpetualTestnetCandles, TegroPerpetualLocalnetCandles)
}
"""By the name that a `CandlesConfig` calls its connector."""
