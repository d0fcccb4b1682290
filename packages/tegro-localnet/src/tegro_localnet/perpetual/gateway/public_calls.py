"""The calls that need no key (perpetual dialect 3)."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from tegro.model import Side
from tegro_localnet.perpetual.candles import INTERVALS_SECS, CandleSeries
from tegro_localnet.perpetual.engine.market import Market, Trade
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.gateway import market_views as views
from tegro_localnet.perpetual.gateway.account_views import ASSET
from tegro_localnet.perpetual.gateway.rest import Call, Endpoint, Security
from tegro_localnet.perpetual.notation import price_text, quantity_text
from tegro_localnet.perpetual.tape import MarketTape
from tegro_localnet.perpetual.venue import PerpetualVenue

_DEPTH_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000)
_HOUR_MS: Final = 3_600_000
RATE_LIMITS: Final = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
    {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
]


class PublicCalls:
    """Market data."""

    def __init__(self, venue: PerpetualVenue) -> None:
        self._venue: Final = venue

    def endpoints(self) -> list[Endpoint]:
        """Return the calls."""
        none = Security.NONE
        return [
            Endpoint("GET", "/v1/ping", none, lambda _: {}),
            Endpoint("GET", "/v1/time", none, lambda call: {"serverTime": call.now_ms}),
            Endpoint("GET", "/v1/exchangeInfo", none, self._exchange_info),
            Endpoint("GET", "/v1/depth", none, self._depth, 10),
            Endpoint("GET", "/v1/rpiDepth", none, self._depth, 10),
            Endpoint("GET", "/v1/trades", none, self._trades, 5),
            Endpoint("GET", "/v1/historicalTrades", Security.KEY, self._trades, 200),
            Endpoint("GET", "/v1/aggTrades", none, self._aggregates, 20),
            Endpoint("GET", "/v1/klines", none, self._klines("symbol", lambda tape: tape.trades), 5),
            Endpoint("GET", "/v1/continuousKlines", none, self._klines("pair", lambda tape: tape.trades), 5),
            Endpoint("GET", "/v1/markPriceKlines", none, self._price_klines("symbol", lambda tape: tape.marks), 5),
            Endpoint("GET", "/v1/indexPriceKlines", none, self._price_klines("pair", lambda tape: tape.indexes), 5),
            Endpoint("GET", "/v1/premiumIndexKlines", none, self._price_klines("symbol", lambda t: t.premiums), 5),
            Endpoint("GET", "/v1/premiumIndex", none, self._each(self._premium)),
            Endpoint("GET", "/v1/fundingRate", none, self._funding_rates),
            Endpoint("GET", "/v1/fundingInfo", none, self._funding_info),
            Endpoint("GET", "/v1/ticker/24hr", none, self._each(self._day), 40),
            Endpoint("GET", "/v1/ticker/price", none, self._each(self._price)),
            Endpoint("GET", "/v2/ticker/price", none, self._each(self._price)),
            Endpoint("GET", "/v1/ticker/bookTicker", none, self._each(self._best), 2),
            Endpoint("GET", "/v1/openInterest", none, self._open_interest),
        ]

    def _market(self, call: Call, name: str = "symbol") -> Market:
        return self._venue.state.market(call.parameters.text(name).upper())

    def _tape(self, market: Market) -> MarketTape:
        return self._venue.tapes[market.contract.symbol]

    def _each(self, view: Callable[[Market, Call], Any]) -> Callable[[Call], Any]:
        """Return a call that shows one contract as an object, or without a symbol all as an array."""

        def answer(call: Call) -> Any:  # noqa: ANN401 - JSON
            if call.parameters.find("symbol") is not None:
                return view(self._market(call), call)
            return [view(market, call) for market in self._venue.state.markets.values()]

        return answer

    def _exchange_info(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        return {
            "timezone": "UTC",
            "serverTime": call.now_ms,
            "futuresType": "U_MARGINED",
            "rateLimits": RATE_LIMITS,
            "exchangeFilters": [],
            "assets": [{"asset": ASSET, "marginAvailable": True, "autoAssetExchange": "0"}],
            "symbols": [views.contract_view(market.contract) for market in self._venue.state.markets.values()],
        }

    def _depth(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        market = self._market(call)
        limit = call.parameters.integer("limit", 500)
        if limit not in _DEPTH_LIMITS:
            raise Rejected(-4021, f"{limit} is not valid depth limit.")
        return {
            "lastUpdateId": self._tape(market).update_id,
            "E": call.now_ms,
            "T": call.now_ms,
            "bids": views.depth_levels(market, Side.BUY, limit),
            "asks": views.depth_levels(market, Side.SELL, limit),
        }

    def _trades(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        market, limit = self._market(call), call.parameters.limit(500, 1000)
        found = _from_id(market, call.parameters.integer("fromId", -1), limit)
        return [views.trade_view(trade, market.contract) for trade in found]

    def _aggregates(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        market, limit = self._market(call), call.parameters.limit(500, 1000)
        from_id = call.parameters.integer("fromId", -1)
        start_ms, end_ms = call.parameters.span(_HOUR_MS)
        if from_id < 0 and call.parameters.find("startTime"):
            spanned = (trade for trade in market.trades if start_ms <= trade.time_ms <= end_ms)
            found = list(islice(spanned, limit))
        else:
            found = _from_id(market, from_id, limit, end_ms)
        return [views.aggregate_view(trade, market.contract) for trade in found]

    def _klines(
        self, name: str, series: Callable[[MarketTape], CandleSeries], *, has_volume: bool = True
    ) -> Callable[[Call], Any]:
        def answer(call: Call) -> Any:  # noqa: ANN401 - JSON
            market = self._market(call, name)
            interval = call.parameters.text("interval")
            if interval not in INTERVALS_SECS:
                raise Rejected(-1120, "Invalid interval.")
            limit = call.parameters.limit(500, 1500)
            start_ms, end_ms = call.parameters.span()
            candles, end_ms = series(self._tape(market)), min(end_ms, call.now_ms)
            if call.parameters.find("startTime") is None:
                found = candles.latest(interval, end_ms, limit)
            else:
                found = candles.between(interval, start_ms, end_ms, limit)
            decimals = market.contract.price_decimals if has_volume else 8
            return [views.candle_row(candle, decimals, has_volume=has_volume) for candle in found]

        return answer

    def _price_klines(self, name: str, series: Callable[[MarketTape], CandleSeries]) -> Callable[[Call], Any]:
        return self._klines(name, series, has_volume=False)

    def _premium(self, market: Market, call: Call) -> Any:  # noqa: ANN401 - JSON
        return views.premium_view(market, call.now_ms)

    def _funding_rates(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        start_ms, end_ms = call.parameters.span()
        limit = call.parameters.limit(100, 1000)
        symbol = call.parameters.find("symbol")
        markets = [self._market(call)] if symbol else self._venue.state.markets.values()
        rates = [rate for market in markets for rate in market.funding_rates if start_ms <= rate.time_ms <= end_ms]
        rates.sort(key=lambda rate: rate.time_ms)
        chosen = rates[:limit] if call.parameters.find("startTime") else rates[-limit:]
        return [views.funding_view(rate) for rate in chosen]

    def _funding_info(self, _: Call) -> Any:  # noqa: ANN401 - JSON
        return [views.funding_info_view(market) for market in self._venue.state.markets.values()]

    def _day(self, market: Market, call: Call) -> Any:  # noqa: ANN401 - JSON
        return views.day_view(market, self._tape(market).day(call.now_ms))

    def _price(self, market: Market, call: Call) -> Any:  # noqa: ANN401 - JSON
        price = price_text(market.last_price_e18, market.contract.price_decimals)
        return {"symbol": market.contract.symbol, "price": price, "time": call.now_ms}

    def _best(self, market: Market, call: Call) -> Any:  # noqa: ANN401 - JSON
        return views.book_ticker_view(market, self._tape(market).update_id, call.now_ms)

    def _open_interest(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        market = self._market(call)
        symbol = market.contract.symbol
        held = (position for account in self._venue.state.accounts.values() for position in account.held())
        open_e8 = sum(
            position.quantity_e8 for position in held if position.symbol == symbol and position.quantity_e8 > 0
        )
        return {"openInterest": quantity_text(open_e8, market.contract), "symbol": symbol, "time": call.now_ms}


def _from_id(market: Market, from_id: int, limit: int, end_ms: int = 2**62) -> list[Trade]:
    """Return the trades from an id on or, without one, the newest up to a moment."""
    if from_id >= 0:
        return list(islice((trade for trade in market.trades if trade.trade_id >= from_id), limit))
    return [trade for trade in market.trades if trade.time_ms <= end_ms][-limit:]
