"""What localnet's page shows and no exchange tells: every wallet, every order, every settlement.

The shapes are steady whatever dialect the venue is told to speak. Amounts are human units as decimal strings.
"""

import heapq
from collections.abc import Callable, Iterable
from typing import Final, Self

from aiohttp import web
from msgspec import Struct

from tegro.model import PRICE_DECIMALS, Market, Side, TradeState, unscaled
from tegro.wire.number import plain
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.chart import Bar
from tegro_localnet.gateway.queries import listed_market
from tegro_localnet.gateway.replies import answer
from tegro_localnet.listing import Listing
from tegro_localnet.markets import ListedMarket
from tegro_localnet.orders import OrderRecord
from tegro_localnet.parsing import read_count
from tegro_localnet.refusal import Refused
from tegro_localnet.trades import TradeRecord
from tegro_localnet.venue import Venue

MAX_ROWS: Final = 500
"""Wallets, orders or settlements in one answer."""
_DEFAULT_ROWS: Final = 100
_MAX_LEVELS: Final = 200
_MAX_BARS: Final = 1000


class MarketView(Struct, kw_only=True):
    """A market and its figures of the last 24 hours."""

    id: str
    symbol: str
    channel: str
    """Where the stream announces its trades and book changes."""
    base: str
    quote: str
    base_precision: int
    quote_precision: int
    intervals_secs: list[int]
    """Candles that can be asked for."""
    last_price: str
    change_percent: str
    high: str
    low: str
    base_volume: str
    quote_volume: str
    open_orders: int

    @classmethod
    def of(cls, listed: ListedMarket, now_ms: int) -> Self:
        """Return the view of a market at a moment."""
        market, day = listed.market, listed.day_figures(now_ms)
        return cls(
            id=market.id,
            symbol=market.symbol,
            channel=market.channel,
            base=market.base.symbol,
            quote=market.quote.symbol,
            base_precision=market.base_precision,
            quote_precision=market.quote_precision,
            intervals_secs=sorted(listed.chart.intervals),
            last_price=plain(day.last_price),
            change_percent=plain(day.change_percent),
            high=plain(day.high),
            low=plain(day.low),
            base_volume=plain(day.base_volume),
            quote_volume=plain(day.quote_volume),
            open_orders=len(listed.book),
        )


class LevelView(Struct, kw_only=True):
    """A price and the total that rests there."""

    price: str
    quantity: str


class SettlementView(Struct, kw_only=True):
    """One match and what the chain made of it."""

    trade_id: str
    symbol: str
    price: str
    """What the contract pays: the sell order's limit (protocol 7.3)."""
    quantity: str
    taker_side: str
    """`buy` or `sell`."""
    state: str
    tx_hash: str
    """Empty until the chain has answered."""
    maker: str
    taker: str
    created_ms: int

    @classmethod
    def of(cls, trade: TradeRecord) -> Self:
        """Return the view of a match."""
        market = trade.buy.market
        return cls(
            trade_id=trade.trade_id,
            symbol=market.symbol,
            price=plain(unscaled(trade.price_e18, PRICE_DECIMALS)),
            quantity=plain(market.base.from_wei(trade.quantity_wei)),
            taker_side=trade.taker.side.value,
            state=trade.state.value,
            tx_hash=trade.tx_hash,
            maker=trade.maker.order.maker,
            taker=trade.taker.order.maker,
            created_ms=trade.created_ms,
        )


class MarketState(Struct, kw_only=True):
    """Answer of `GET /localnet/markets/{symbol}`: the best levels, the best one first, and the newest trades."""

    market: MarketView
    bids: list[LevelView]
    asks: list[LevelView]
    trades: list[SettlementView]


class CandleView(Struct, kw_only=True):
    """One bar. An interval in which nothing traded has none."""

    time_secs: int
    """When it opens, in Unix seconds."""
    open: str
    high: str
    low: str
    close: str
    volume: str
    """Base amount."""

    @classmethod
    def of(cls, bar: Bar, market: Market) -> Self:
        """Return the view of a bar."""
        prices = (bar.open_e18, bar.high_e18, bar.low_e18, bar.close_e18)
        opened, high, low, closed = (plain(unscaled(price_e18, PRICE_DECIMALS)) for price_e18 in prices)
        volume = plain(market.base.from_wei(bar.base_wei))
        return cls(time_secs=bar.open_secs, open=opened, high=high, low=low, close=closed, volume=volume)


class HoldingView(Struct, kw_only=True):
    """What a wallet has of one token."""

    symbol: str
    balance: str
    reserved: str
    """What its open orders and unsettled matches need."""
    allowance: str
    """What the exchange contract may move."""


class WalletView(Struct, kw_only=True):
    """A wallet that was funded here or has traded here."""

    wallet: str
    open_orders: int
    holdings: list[HoldingView]


class OrderView(Struct, kw_only=True):
    """One order of anybody."""

    order_id: str
    wallet: str
    symbol: str
    side: str
    price: str
    quantity: str
    filled: str
    pending: str
    """Matched, and not settled yet."""
    status: str
    cancel_code: int
    cancel_reason: str
    created_ms: int

    @classmethod
    def of(cls, record: OrderRecord) -> Self:
        """Return the view of an order."""
        base = record.market.base
        return cls(
            order_id=record.order_id,
            wallet=record.order.maker,
            symbol=record.market.symbol,
            side=record.side.value,
            price=plain(unscaled(record.order.price_e18, PRICE_DECIMALS)),
            quantity=plain(base.from_wei(record.order.total_quantity_wei)),
            filled=plain(base.from_wei(record.filled_wei)),
            pending=plain(base.from_wei(record.pending_wei)),
            status=record.status.value,
            cancel_code=record.cancel_code,
            cancel_reason=record.cancel_reason,
            created_ms=record.created_ms,
        )


class VenueState(Struct, kw_only=True):
    """Answer of `GET /localnet/state`. Orders and settlements are the newest, the newest first."""

    wallets: list[WalletView]
    orders: list[OrderView]
    settlements: list[SettlementView]
    unsettled: int
    """Settlements of this answer that wait for the chain."""


class StateRoutes:
    """The endpoints that only read, made for localnet's page."""

    def __init__(self, venue: Venue, listing: Listing, mirror: ChainMirror, clock_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._listing = listing
        self._mirror = mirror
        self._clock_ms = clock_ms

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints."""
        return [
            web.get("/localnet/state", self._state),
            web.get("/localnet/markets", self._markets),
            web.get("/localnet/markets/{symbol}", self._market),
            web.get("/localnet/markets/{symbol}/candles", self._candles),
        ]

    async def _state(self, request: web.Request) -> web.Response:
        limit = read_count(request.query.get("limit"), "limit", default=_DEFAULT_ROWS, least=1, most=MAX_ROWS)
        settlements = [SettlementView.of(trade) for trade in self._newest_trades(limit)]
        return answer(
            VenueState(
                wallets=await self._wallets(limit),
                orders=[OrderView.of(record) for record in self._venue.orders.newest(limit)],
                settlements=settlements,
                unsettled=sum(view.state == TradeState.PENDING.value for view in settlements),
            )
        )

    async def _markets(self, _: web.Request) -> web.Response:
        now_ms = self._clock_ms()
        return answer([MarketView.of(listed, now_ms) for listed in self._listing.markets.values()])

    async def _market(self, request: web.Request) -> web.Response:
        listed = self._listed(request)
        limit = read_count(request.query.get("limit"), "limit", default=50, least=1, most=MAX_ROWS)
        return answer(
            MarketState(
                market=MarketView.of(listed, self._clock_ms()),
                bids=_levels(listed, listed.book.levels(Side.BUY)),
                asks=_levels(listed, reversed(list(listed.book.levels(Side.SELL)))),
                trades=[SettlementView.of(trade) for trade in self._venue.trades.latest(listed.market.id, limit)],
            )
        )

    async def _candles(self, request: web.Request) -> web.Response:
        listed = self._listed(request)
        known = listed.chart.intervals
        interval_secs = read_count(request.query.get("interval"), "interval", default=known[0], least=0, most=10**9)
        if interval_secs not in known:
            raise Refused(f"interval must be one of {', '.join(map(str, sorted(known)))} seconds, was {interval_secs}")
        limit = read_count(request.query.get("limit"), "limit", default=_MAX_BARS, least=1, most=_MAX_BARS)
        bars = listed.chart.bars(interval_secs, 0, self._clock_ms())[-limit:]
        return answer([CandleView.of(bar, listed.market) for bar in bars])

    def _listed(self, request: web.Request) -> ListedMarket:
        return listed_market(None, request.match_info["symbol"], self._listing)

    def _newest_trades(self, limit: int) -> list[TradeRecord]:
        by_market = (self._venue.trades.latest(market_id, limit) for market_id in self._listing.markets)
        merged = heapq.merge(*by_market, key=lambda trade: trade.created_ms, reverse=True)
        return [trade for trade, _ in zip(merged, range(limit), strict=False)]

    async def _wallets(self, limit: int) -> list[WalletView]:
        views = [self._wallet(wallet) for wallet in self._venue.ledger.wallets()]
        shown = [view.wallet for view in views if view.holdings or view.open_orders][-limit:]
        for wallet in shown:
            # The venue itself needs only what a wallet pays with; a person also wants to see what it receives.
            await self._mirror.ensure(wallet, [token.address for token in self._listing.tokens.values()])
        return [self._wallet(wallet) for wallet in shown]

    def _wallet(self, wallet: str) -> WalletView:
        holdings = []
        for token in self._listing.tokens.values():
            if not self._venue.ledger.is_mirrored(wallet, token.address):
                continue
            holding = self._venue.ledger.holding(wallet, token.address)
            if holding.balance_wei or holding.allowance_wei or holding.reserved_wei:
                holdings.append(
                    HoldingView(
                        symbol=token.symbol,
                        balance=plain(token.from_wei(holding.balance_wei)),
                        reserved=plain(token.from_wei(holding.reserved_wei)),
                        allowance=plain(token.from_wei(holding.allowance_wei)),
                    )
                )
        return WalletView(wallet=wallet, open_orders=len(self._venue.orders.open_of(wallet)), holdings=holdings)


def _levels(listed: ListedMarket, levels: Iterable[tuple[int, int]]) -> list[LevelView]:
    base = listed.market.base
    return [
        LevelView(price=plain(unscaled(price_e18, PRICE_DECIMALS)), quantity=plain(base.from_wei(total_wei)))
        for (price_e18, total_wei), _ in zip(levels, range(_MAX_LEVELS), strict=False)
    ]
