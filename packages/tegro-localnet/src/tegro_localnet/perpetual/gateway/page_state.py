"""What localnet's page shows of the perpetual venue's markets, in the shapes that it knows from the spot venue.

The page could read `/fapi`, but would spend there the request weight of a bot on the same machine.
"""

from itertools import islice
from typing import Final

from aiohttp import web
from msgspec import Struct

from tegro.model import Side
from tegro_localnet.gateway.replies import answer
from tegro_localnet.gateway.state import CandleView, LevelView, MarketView
from tegro_localnet.parsing import read_count
from tegro_localnet.perpetual.candles import INTERVALS_SECS, Candle
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.market import Market, Trade
from tegro_localnet.perpetual.gateway import market_views as views
from tegro_localnet.perpetual.notation import amount_text, price_text, quantity_text
from tegro_localnet.perpetual.venue import PerpetualVenue
from tegro_localnet.refusal import Refused, excerpt

_INTERVAL_NAMES: Final = {secs: name for name, secs in INTERVALS_SECS.items()}
_MAX_LEVELS: Final = 200
_MAX_TRADES: Final = 50
_MAX_BARS: Final = 500


class PerpetualTradeView(Struct, kw_only=True):
    """One trade of a contract."""

    trade_id: str
    price: str
    quantity: str
    taker_side: str
    """`buy` or `sell`."""
    created_ms: int

    @classmethod
    def of(cls, trade: Trade, contract: Contract) -> "PerpetualTradeView":
        """Return the view of a trade."""
        return cls(
            trade_id=str(trade.trade_id),
            price=price_text(trade.price_e18, contract.price_decimals),
            quantity=quantity_text(trade.quantity_e8, contract),
            taker_side=(Side.SELL if trade.is_buyer_maker else Side.BUY).value,
            created_ms=trade.time_ms,
        )


class PerpetualMarketState(Struct, kw_only=True):
    """Answer of `GET /localnet/perpetual/markets/{symbol}`: the best levels, best first, and the newest trades."""

    market: MarketView
    mark_price: str
    index_price: str
    funding_rate: str
    next_funding_ms: int
    bids: list[LevelView]
    asks: list[LevelView]
    trades: list[PerpetualTradeView]


class PerpetualPageRoutes:
    """The endpoints, all of which only read."""

    def __init__(self, venue: PerpetualVenue) -> None:
        self._venue: Final = venue

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/localnet/perpetual/markets", self._markets),
            web.get("/localnet/perpetual/markets/{symbol}", self._market),
            web.get("/localnet/perpetual/markets/{symbol}/candles", self._candles),
        ]

    async def _markets(self, _: web.Request) -> web.Response:
        return answer([self._view(market) for market in self._venue.state.markets.values()])

    async def _market(self, request: web.Request) -> web.Response:
        market = self._chosen(request)
        newest = islice(reversed(market.trades), _MAX_TRADES)
        return answer(
            PerpetualMarketState(
                market=self._view(market),
                mark_price=price_text(market.mark_e18, market.contract.price_decimals),
                index_price=price_text(market.prices.index_e18, market.contract.price_decimals),
                funding_rate=amount_text(market.rate_e8),
                next_funding_ms=market.next_funding_ms,
                bids=_levels(market, Side.BUY),
                asks=_levels(market, Side.SELL),
                trades=[PerpetualTradeView.of(trade, market.contract) for trade in newest],
            )
        )

    async def _candles(self, request: web.Request) -> web.Response:
        market = self._chosen(request)
        interval_secs = read_count(request.query.get("interval"), "interval", default=60, least=0, most=10**9)
        name = _INTERVAL_NAMES.get(interval_secs)
        if name is None:
            known = ", ".join(map(str, _INTERVAL_NAMES))
            raise Refused(f"interval must be one of {known} seconds, was {interval_secs}")
        limit = read_count(request.query.get("limit"), "limit", default=_MAX_BARS, least=1, most=_MAX_BARS)
        tape = self._venue.tapes[market.contract.symbol]
        # Only those in which something traded, as on the spot venue.
        candles = tape.trades.filled(name, 0, self._venue.clock_ms())[-limit:]
        return answer([_candle_view(candle, market.contract) for candle in candles])

    def _chosen(self, request: web.Request) -> Market:
        symbol = request.match_info["symbol"]
        market = self._venue.state.markets.get(symbol)
        if market is None:
            raise Refused(f"unknown contract {excerpt(symbol)}")
        return market

    def _view(self, market: Market) -> MarketView:
        contract = market.contract
        day = views.day_view(market, self._venue.tapes[contract.symbol].day(self._venue.clock_ms()))
        return MarketView(
            id=contract.symbol,
            symbol=contract.symbol,
            channel=f"{contract.symbol.lower()}@aggTrade",
            base=contract.base,
            quote=contract.quote,
            base_precision=contract.quantity_decimals,
            quote_precision=contract.price_decimals,
            intervals_secs=sorted(_INTERVAL_NAMES),
            last_price=day["lastPrice"],
            change_percent=day["priceChangePercent"],
            high=day["highPrice"],
            low=day["lowPrice"],
            base_volume=day["volume"],
            quote_volume=day["quoteVolume"],
            open_orders=len(market.book),
        )


def _levels(market: Market, side: Side) -> list[LevelView]:
    levels = views.depth_levels(market, side, _MAX_LEVELS)
    return [LevelView(price=price, quantity=quantity) for price, quantity in levels]


def _candle_view(candle: Candle, contract: Contract) -> CandleView:
    prices = (candle.open_e18, candle.high_e18, candle.low_e18, candle.close_e18)
    opened, high, low, closed = (price_text(price_e18, contract.price_decimals) for price_e18 in prices)
    volume = quantity_text(candle.base_e8, contract)
    return CandleView(time_secs=candle.open_ms // 1000, open=opened, high=high, low=low, close=closed, volume=volume)
