"""Public data: chains, markets, books and trades (protocol 4.1 to 4.5)."""

from collections.abc import Callable
from decimal import Decimal

from aiohttp import web

from tegro.model import Side
from tegro.wire import DepthSnapshot, MarketInfo, Ticker, bare
from tegro_localnet.dialect import Dialect
from tegro_localnet.gateway.queries import listed_market, page_of, require_chain
from tegro_localnet.gateway.replies import answer
from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket
from tegro_localnet.parsing import read_count
from tegro_localnet.refusal import Refused, excerpt
from tegro_localnet.trades import TradeStore


class MarketDataRoutes:
    """The endpoints that anyone may read."""

    def __init__(self, listing: Listing, trades: TradeStore, dialect: Dialect, clock_ms: Callable[[], int]) -> None:
        self._listing = listing
        self._trades = trades
        self._dialect = dialect
        self._clock_ms = clock_ms

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints. `market/trades` comes before `market/{market_id}`, which would swallow it."""
        return [
            web.get("/api/v1/exchange/chain/list", self._chains),
            web.get("/api/v1/exchange/{chain_id}/market/list", self._markets),
            web.get("/api/v1/exchange/{chain_id}/market/trades", self._public_trades),
            web.get("/api/v1/exchange/{chain_id}/market/{market_id}", self._market),
            web.get("/api/v1/orderbook/depth", self._depth),
        ]

    async def _chains(self, _: web.Request) -> web.Response:
        return answer([self._listing.chain])

    async def _markets(self, request: web.Request) -> web.Response:
        require_chain(request.match_info["chain_id"], self._listing)
        query = request.query
        if query.get("market_id") or query.get("market_symbol"):
            listed = listed_market(query.get("market_id"), query.get("market_symbol"), self._listing)
            return answer([self._view(listed)])
        markets = list(self._listing.markets.values())
        if query.get("sort_by"):
            markets.sort(key=self._volume, reverse=_is_descending(query.get("sort_by"), query.get("sort_order")))
        return answer([self._view(listed) for listed in page_of(markets, request)])

    async def _market(self, request: web.Request) -> web.Response:
        require_chain(request.match_info["chain_id"], self._listing)
        return answer(self._view(listed_market(request.match_info["market_id"], None, self._listing)))

    async def _public_trades(self, request: web.Request) -> web.Response:
        require_chain(request.match_info["chain_id"], self._listing)
        query = request.query
        listed = listed_market(query.get("market_id"), query.get("market_symbol"), self._listing)
        limit = read_count(query.get("limit"), "limit", default=50, least=1, most=500)
        trades = self._trades.latest(listed.market.id, limit)
        return answer([self._dialect.rest_trade(trade) for trade in trades])

    async def _depth(self, request: web.Request) -> web.Response:
        query = request.query
        require_chain(query.get("chain_id"), self._listing)
        listed = listed_market(query.get("market_id"), query.get("market_symbol"), self._listing)
        return answer(
            DepthSnapshot(
                timestamp=self._dialect.book_time(self._clock_ms()),
                bids=self._dialect.book_side(listed, listed.book.levels(Side.BUY)),
                asks=self._dialect.book_side(listed, listed.book.levels(Side.SELL)),
            )
        )

    def _volume(self, listed: ListedMarket) -> Decimal:
        return listed.day_figures(self._clock_ms()).quote_volume

    def _view(self, listed: ListedMarket) -> MarketInfo:
        market = listed.market
        day = listed.day_figures(self._clock_ms())
        view = MarketInfo(
            id=market.id,
            symbol=market.symbol,
            chain_id_camel=market.chain_id,
            chain_id=market.chain_id,
            state=market.state,
            base_contract_address=market.base.address,
            base_symbol=market.base.symbol,
            base_decimal=market.base.decimals,
            base_precision=market.base_precision,
            quote_contract_address=market.quote.address,
            quote_symbol=market.quote.symbol,
            quote_decimal=market.quote.decimals,
            quote_precision=market.quote_precision,
            ticker=Ticker(
                base_volume=bare(day.base_volume),
                quote_volume=bare(day.quote_volume),
                price=bare(day.last_price),
                price_change_24h=bare(day.change_percent),
                price_high_24h=bare(day.high),
                price_low_24h=bare(day.low),
                ask_low=bare(listed.best_price(Side.SELL)),
                bid_high=bare(listed.best_price(Side.BUY)),
            ),
        )
        return self._dialect.market(view)


def _is_descending(sort_by: str | None, sort_order: str | None) -> bool:
    if sort_by != "volume":
        raise Refused(f"sort_by must be 'volume', was {excerpt(sort_by)}")
    if sort_order not in (None, "", "asc", "desc"):
        raise Refused(f"sort_order must be 'asc' or 'desc', was {excerpt(sort_order)}")
    return sort_order != "asc"
