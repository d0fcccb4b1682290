"""What the public sees of one contract beside its book: candles of four series, and the count of book updates."""

from typing import Final

from tegro_localnet.perpetual.candles import CandleSeries, Sample
from tegro_localnet.perpetual.engine.market import Market, Trade
from tegro_localnet.perpetual.engine.units import E18

_DAY_MS: Final = 86_400_000
_MOST_TRADED: Final = 100_000
"""More than a day of seconds in which there were trades."""
_MOST_PRICES: Final = 10_000
"""Prices are sampled each second: nearly three hours of those, a week of minutes."""


class MarketTape:
    """The record of one contract.

    Attributes
    ----------
    update_id : int
        Count of level changes; the scale of `lastUpdateId` and of the diff streams.
    """

    def __init__(self, market: Market) -> None:
        start_e18 = market.contract.start_price_e18
        self._market = market
        self.trades: Final = CandleSeries(start_e18, _MOST_TRADED)
        self.marks: Final = CandleSeries(start_e18, _MOST_PRICES)
        self.indexes: Final = CandleSeries(start_e18, _MOST_PRICES)
        self.premiums: Final = CandleSeries(0, _MOST_PRICES)
        self.update_id = 1

    @property
    def series(self) -> dict[str, CandleSeries]:
        """The four series by name."""
        return {"trades": self.trades, "marks": self.marks, "indexes": self.indexes, "premiums": self.premiums}

    def record_trade(self, trade: Trade) -> None:
        """Count a trade."""
        sample = Sample(
            time_ms=trade.time_ms,
            price_e18=trade.price_e18,
            base_e8=trade.quantity_e8,
            quote_e8=trade.quote_e8,
            is_taker_buy=not trade.is_buyer_maker,
            trade_id=trade.trade_id,
        )
        self.trades.record(sample)

    def record_prices(self, time_ms: int) -> None:
        """Count the mark price, the index price and the premium between them."""
        prices = self._market.prices
        premium_e18 = (prices.mark_e18 - prices.index_e18) * E18 // prices.index_e18
        series = ((self.marks, prices.mark_e18), (self.indexes, prices.index_e18), (self.premiums, premium_e18))
        for candles, price_e18 in series:
            candles.record(Sample(time_ms=time_ms, price_e18=price_e18))

    def day(self, now_ms: int) -> "DaySummary":
        """Return what happened in the last 24 hours, to the minute."""
        return DaySummary(self.trades, now_ms - _DAY_MS, now_ms)


class DaySummary:
    """Prices and volumes of a span, from its minute candles."""

    def __init__(self, series: CandleSeries, start_ms: int, end_ms: int) -> None:
        self.open_ms = start_ms
        self.close_ms = end_ms
        self.open_e18 = series.at("1m", start_ms).close_e18
        self.last_e18 = series.at("1m", end_ms).close_e18
        candles = series.filled("1m", start_ms, end_ms)
        self.high_e18 = max([candle.high_e18 for candle in candles], default=self.last_e18)
        self.low_e18 = min([candle.low_e18 for candle in candles], default=self.last_e18)
        self.base_e8 = sum(candle.base_e8 for candle in candles)
        self.quote_e8 = sum(candle.quote_e8 for candle in candles)
        self.count = sum(candle.count for candle in candles)
        self.first_id = candles[0].first_id if candles else -1
        self.last_id = candles[-1].last_id if candles else -1

    @property
    def average_e18(self) -> int:
        """Mean price of what traded; the last price where nothing did."""
        return self.quote_e8 * E18 // self.base_e8 if self.base_e8 else self.last_e18
