"""Candle feeds of Tegro's spot markets for Hummingbot, one class for each domain of the connector."""

from hummingbot_tegro.candles.spot_feed import (
    TegroLocalnetSpotCandles,
    TegroSpotCandles,
    TegroTestnetSpotCandles,
)

FEEDS: dict[str, type[TegroSpotCandles]] = {
    feed.domain: feed for feed in (TegroSpotCandles, TegroTestnetSpotCandles, TegroLocalnetSpotCandles)
}
"""By the name that a `CandlesConfig` calls its connector."""

__all__ = ["FEEDS", "TegroLocalnetSpotCandles", "TegroSpotCandles", "TegroTestnetSpotCandles"]
