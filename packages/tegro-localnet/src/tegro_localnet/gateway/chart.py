"""Candles (protocol 10)."""

from typing import Final

from aiohttp import web
from msgspec import UNSET

from tegro.model import PRICE_DECIMALS, Market, unscaled
from tegro.wire import ChartBar, bare
from tegro_localnet.chart import DEFAULT_INTERVALS, Bar
from tegro_localnet.gateway.queries import listed_market, require_chain
from tegro_localnet.gateway.replies import answer
from tegro_localnet.listing import Listing
from tegro_localnet.parsing import read_count
from tegro_localnet.refusal import Refused

_LATEST_MS: Final = 10**14


class ChartRoutes:
    """The chart.

    Parameters
    ----------
    listing
        The markets.
    is_full
        Whether all sixteen intervals are served, and bars name their volumes. The venue is not known to do so.
    """

    def __init__(self, listing: Listing, *, is_full: bool) -> None:
        self._listing = listing
        self._is_full = is_full

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoint. It must come before `market/{market_id}`, which would swallow it."""
        return [web.get("/api/v1/exchange/{chain_id}/market/chart", self._chart)]

    async def _chart(self, request: web.Request) -> web.Response:
        require_chain(request.match_info["chain_id"], self._listing)
        query = request.query
        listed = listed_market(query.get("market_id"), query.get("market_symbol"), self._listing)
        interval_secs = read_count(query.get("interval"), "interval", default=0, least=0, most=_LATEST_MS)
        served = listed.chart.intervals if self._is_full else DEFAULT_INTERVALS
        if interval_secs not in served:
            known = ", ".join(map(str, served))
            raise Refused(f"interval must be one of {known} seconds, was {interval_secs}")
        from_ms = read_count(query.get("from"), "from", default=0, least=0, most=_LATEST_MS)
        to_ms = read_count(query.get("to"), "to", default=_LATEST_MS, least=0, most=_LATEST_MS)
        bars = listed.chart.bars(interval_secs, from_ms, to_ms)
        return answer([self._view(bar, listed.market) for bar in bars])

    def _view(self, bar: Bar, market: Market) -> ChartBar:
        value_decimals = PRICE_DECIMALS + market.base.decimals
        return ChartBar(
            time=bar.open_secs,
            open=bare(unscaled(bar.open_e18, PRICE_DECIMALS)),
            high=bare(unscaled(bar.high_e18, PRICE_DECIMALS)),
            low=bare(unscaled(bar.low_e18, PRICE_DECIMALS)),
            close=bare(unscaled(bar.close_e18, PRICE_DECIMALS)),
            volume=bare(market.base.from_wei(bar.base_wei)) if self._is_full else UNSET,
            quote_volume=bare(unscaled(bar.value, value_decimals)) if self._is_full else UNSET,
        )
