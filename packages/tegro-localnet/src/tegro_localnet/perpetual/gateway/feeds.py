"""Turns what the engine tells, and the passing of time, into the events of the streams."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from tegro_localnet.perpetual.candles import INTERVALS_SECS, opening_ms
from tegro_localnet.perpetual.engine.events import (
    AccountChanged,
    Event,
    LevelChanged,
    LeverageChanged,
    Liquidated,
    MarginCalled,
    OrderChanged,
    Traded,
)
from tegro_localnet.perpetual.engine.market import Market
from tegro_localnet.perpetual.gateway import stream_events as words
from tegro_localnet.perpetual.gateway.account_views import account_event, leverage_event, margin_call_event
from tegro_localnet.perpetual.gateway.depth_feed import DepthFeed
from tegro_localnet.perpetual.gateway.hub import StreamHub
from tegro_localnet.perpetual.gateway.order_views import forced_event, order_event
from tegro_localnet.perpetual.tape import MarketTape

_DEPTH: Final = re.compile(r"depth(?:@(100|250|500)ms)?")
_PARTIAL: Final = re.compile(r"depth(5|10|20)(?:@(100|250|500)ms)?")
_MARK: Final = re.compile(r"markPrice(?:@(1|3)s)?")
_KLINE: Final = re.compile(r"kline_(\w+)")
_KLINE_MS: Final = 250
_MOST_LATE_CANDLES: Final = 60
"""A clock set forward by days must not fill the queues with the seconds between."""
_DAY_MS: Final = 1_000
_DEPTH_MS: Final = 250
_MARK_SECS: Final = 3


class _Periodic(Struct):
    """A stream that says something at a fixed pace."""

    period_ms: int
    make: Callable[[int], list[Any]]
    """Builds the events of a moment."""
    due_ms: int = 0


class Feeds:
    """The public streams and the user streams.

    Parameters
    ----------
    listen_key_of
        Names the user stream of an account; None where nobody listens.
    """

    def __init__(
        self,
        hub: StreamHub,
        markets: Mapping[str, Market],
        tapes: Mapping[str, MarketTape],
        listen_key_of: Callable[[int], str | None],
    ) -> None:
        self._hub: Final = hub
        self._markets: Final = markets
        self._tapes: Final = tapes
        self._listen_key_of: Final = listen_key_of
        self._periodic: dict[str, _Periodic] = {}
        self._depths: dict[str, DepthFeed] = {}
        self._best: dict[str, tuple[str, ...]] = {}

    def started(self, name: str) -> None:
        """Prepare a stream that somebody has begun to follow; what is no stream stays silent."""
        if name not in self._periodic:
            found = self._array(name) if name.startswith("!") else self._single(name)
            if found is not None:
                self._periodic[name] = found

    def tell(self, event: Event, now_ms: int) -> None:
        """Send what an event of the engine means to those who follow it."""
        match event:
            case OrderChanged() | AccountChanged() | LeverageChanged() | MarginCalled():
                self._tell_user(event)
            case Traded(trade):
                contract, name = self._markets[trade.symbol].contract, trade.symbol.lower()
                self._hub.publish(f"{name}@aggTrade", words.aggregate_event(trade, contract))
                self._hub.publish(f"{name}@trade", words.trade_event(trade, contract))
            case LevelChanged():
                self._tell_level(event, now_ms)
            case Liquidated():
                body = forced_event(event, self._markets[event.order.symbol].contract)
                self._hub.publish(f"{event.order.symbol.lower()}@forceOrder", body)
                self._hub.publish("!forceOrder@arr", body)
            case _:
                pass

    def pulse(self, now_ms: int) -> None:
        """Send what is due by time."""
        for name, periodic in tuple(self._periodic.items()):
            if not self._hub.is_followed(name):
                del self._periodic[name]
                self._depths.pop(name, None)
            elif not periodic.due_ms - periodic.period_ms <= now_ms < periodic.due_ms:  # or the clock was set back
                # By the clock, not by when it was sent last: a pace of one second stays one.
                periodic.due_ms = now_ms - now_ms % periodic.period_ms + periodic.period_ms
                for event in periodic.make(now_ms):
                    self._hub.publish(name, event)

    def _tell_user(self, event: OrderChanged | AccountChanged | LeverageChanged | MarginCalled) -> None:
        account_id = event.order.account_id if isinstance(event, OrderChanged) else event.account_id
        listen_key = self._listen_key_of(account_id)
        if listen_key is None:
            return
        match event:
            case OrderChanged():
                body = order_event(event, self._markets[event.order.symbol].contract)
            case AccountChanged():
                body = account_event(event)
            case LeverageChanged():
                body = leverage_event(event)
            case MarginCalled():
                body = margin_call_event(event)
        self._hub.publish(listen_key, body)

    def _tell_level(self, change: LevelChanged, now_ms: int) -> None:
        name = change.symbol.lower()
        for stream, feed in self._depths.items():
            if stream.startswith(f"{name}@"):
                feed.collect(change)
        if self._hub.is_followed(f"{name}@bookTicker") or self._hub.is_followed("!bookTicker"):
            event = words.book_event(self._markets[change.symbol], self._tapes[change.symbol], now_ms)
            best = tuple(event[key] for key in "bBaA")
            if self._best.get(change.symbol) != best:
                self._best[change.symbol] = best
                self._hub.publish(f"{name}@bookTicker", event)
                self._hub.publish("!bookTicker", event)

    def _single(self, name: str) -> _Periodic | None:
        """Return the stream of one contract: `<symbol>@<kind>`."""
        symbol, _, kind = name.partition("@")
        market = self._markets.get(symbol.upper())
        if market is None or symbol != symbol.lower():
            return None
        tape = self._tapes[symbol.upper()]
        if found := _DEPTH.fullmatch(kind):
            feed = self._depths[name] = DepthFeed(market, tape)
            return _Periodic(int(found[1] or _DEPTH_MS), _one(feed.flush))
        if found := _PARTIAL.fullmatch(kind):
            levels = int(found[1])
            period_ms = int(found[2] or _DEPTH_MS)
            return _Periodic(period_ms, _one(lambda now: words.partial_depth_event(market, tape, levels, now)))
        if found := _MARK.fullmatch(kind):
            return _Periodic(int(found[1] or _MARK_SECS) * 1000, _one(lambda now: words.mark_event(market, now)))
        if (found := _KLINE.fullmatch(kind)) and found[1] in INTERVALS_SECS:
            return _Periodic(_KLINE_MS, _candle_maker(market, tape, found[1]))
        return self._day(kind, market, tape)

    def _day(self, kind: str, market: Market, tape: MarketTape) -> _Periodic | None:
        makers = {"ticker": words.day_event, "miniTicker": words.mini_event}
        make = makers.get(kind)
        return None if make is None else _Periodic(_DAY_MS, _one(lambda now: make(market, tape, now)))

    def _array(self, name: str) -> _Periodic | None:
        """Return a stream of all contracts: `!<kind>@arr`."""
        kind, _, rest = name.removeprefix("!").partition("@arr")
        if not name.removeprefix("!").startswith(f"{kind}@arr"):
            return None
        singles = [self._single(f"{symbol.lower()}@{kind}{rest}") for symbol in self._markets]
        found = [single for single in singles if single is not None]
        if not found or kind not in ("markPrice", "ticker", "miniTicker"):
            return None
        return _Periodic(found[0].period_ms, lambda now: [[event for one in found for event in one.make(now)]])


def _one(make: Callable[[int], Any]) -> Callable[[int], list[Any]]:
    """Return what lists the single event of a moment; None is none."""

    def listed(now_ms: int) -> list[Any]:
        event = make(now_ms)
        return [] if event is None else [event]

    return listed


def _candle_maker(market: Market, tape: MarketTape, interval: str) -> Callable[[int], list[Any]]:
    """Return what lists the candle of a moment, behind those that were not yet shown since they ended."""
    shown_ms: int | None = None

    def make(now_ms: int) -> list[Any]:
        nonlocal shown_ms
        first_ms = now_ms if shown_ms is None else min(shown_ms, now_ms)
        late_ms = _MOST_LATE_CANDLES * INTERVALS_SECS[interval] * 1000
        start_ms = opening_ms(interval, max(first_ms, now_ms - late_ms))
        candles = tape.trades.between(interval, start_ms, now_ms, _MOST_LATE_CANDLES + 1)
        shown_ms = candles[-1].open_ms
        return [words.candle_event(market, interval, candle, now_ms) for candle in candles]

    return make
