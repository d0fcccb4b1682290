"""A listed market: its book and its figures of the last 24 hours."""

from collections import OrderedDict
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Market, Side, unscaled
from tegro_localnet.chart import MarketChart
from tegro_localnet.engine.order_book import OrderBook
from tegro_localnet.signed_order import NEWEST_FORM, OrderForm

_MINUTE_MS: Final = 60_000
_MINUTES_A_DAY: Final = 24 * 60


class MinuteBar(Struct):
    """What traded in one minute. Prices are scaled by 10^18, amounts in the tokens' smallest units."""

    open_e18: int
    high_e18: int
    low_e18: int
    close_e18: int
    base_wei: int
    quote_wei: int


class DayFigures(Struct, frozen=True, kw_only=True):
    """The last 24 hours in human units; zeros where nothing traded (protocol 4.2)."""

    last_price: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    low: Decimal = Decimal(0)
    base_volume: Decimal = Decimal(0)
    quote_volume: Decimal = Decimal(0)
    change_percent: Decimal = Decimal(0)


class ListedMarket:
    """A market, its order book, its chart, and minute bars of what was matched on it."""

    def __init__(
        self,
        market: Market,
        min_order_value_wei: int,
        chart: MarketChart | None = None,
        form: OrderForm = NEWEST_FORM,
    ) -> None:
        self.market = market
        self.form = form
        """Which orders are signed for it."""
        self.min_order_value_wei = min_order_value_wei
        """Smallest order value, in the smallest unit of the quote token."""
        self.book = OrderBook()
        self.chart = chart or MarketChart()
        self._bars: OrderedDict[int, MinuteBar] = OrderedDict()
        self._last_price_e18 = 0

    def value_wei(self, price_e18: int, quantity_wei: int) -> int:
        """Return what a quantity costs at a price, in the smallest unit of the quote token."""
        return self.market.quote_wei(price_e18, quantity_wei)

    def best_price(self, side: Side) -> Decimal:
        """Return the best price of one side, quote per base; zero where the side is empty (protocol 4.2)."""
        best = self.book.best(side)
        return Decimal(0) if best is None else unscaled(best.price_e18, PRICE_DECIMALS)

    @property
    def last_price(self) -> Decimal:
        """Price of the last match, quote per base; zero before the first."""
        return unscaled(self._last_price_e18, PRICE_DECIMALS)

    def record_match(self, now_ms: int, price_e18: int, quantity_wei: int) -> None:
        """Count a match in the figures of the day and in the chart."""
        quote_wei = self.value_wei(price_e18, quantity_wei)
        minute = now_ms // _MINUTE_MS
        self._last_price_e18 = price_e18
        self.chart.record(now_ms, price_e18, quantity_wei)
        bar = self._bars.get(minute)
        if bar is None:
            self._bars[minute] = MinuteBar(price_e18, price_e18, price_e18, price_e18, quantity_wei, quote_wei)
            self._forget_before(minute - _MINUTES_A_DAY)
            return
        bar.high_e18 = max(bar.high_e18, price_e18)
        bar.low_e18 = min(bar.low_e18, price_e18)
        bar.close_e18 = price_e18
        bar.base_wei += quantity_wei
        bar.quote_wei += quote_wei

    def day_figures(self, now_ms: int) -> DayFigures:
        """Return the figures of the 24 hours before a moment."""
        self._forget_before(now_ms // _MINUTE_MS - _MINUTES_A_DAY)
        last_price = self.last_price
        if not self._bars:
            return DayFigures(last_price=last_price)
        bars = list(self._bars.values())
        open_price = unscaled(bars[0].open_e18, PRICE_DECIMALS)
        return DayFigures(
            last_price=last_price,
            high=unscaled(max(bar.high_e18 for bar in bars), PRICE_DECIMALS),
            low=unscaled(min(bar.low_e18 for bar in bars), PRICE_DECIMALS),
            base_volume=self.market.base.from_wei(sum(bar.base_wei for bar in bars)),
            quote_volume=self.market.quote.from_wei(sum(bar.quote_wei for bar in bars)),
            change_percent=((last_price / open_price - 1) * 100).quantize(Decimal("0.01")),
        )

    def _forget_before(self, minute: int) -> None:
        while self._bars and next(iter(self._bars)) <= minute:
            self._bars.popitem(last=False)
