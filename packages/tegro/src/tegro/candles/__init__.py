"""Candles: sixteen intervals, of the past and live, from the venue's chart and from trades, none of them made up."""

from tegro.candles.candle import Candle, candles_from_candles, candles_from_trades
from tegro.candles.feed import CandleFeed, LiveSource
from tegro.candles.history import candle_history
from tegro.candles.interval import VENUE_INTERVALS, Interval
from tegro.candles.reader import CandleSource
from tegro.candles.store import CandleStore
from tegro.errors import HistoryMissing, StoreFailure

__all__ = [
    "VENUE_INTERVALS",
    "Candle",
    "CandleFeed",
    "CandleSource",
    "CandleStore",
    "HistoryMissing",
    "Interval",
    "LiveSource",
    "StoreFailure",
    "candle_history",
    "candles_from_candles",
    "candles_from_trades",
]
