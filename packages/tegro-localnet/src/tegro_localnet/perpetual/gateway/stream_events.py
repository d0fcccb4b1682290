"""Public events of the streams (perpetual dialect 7.3 to 7.7)."""

from typing import Any

from tegro.model import Side
from tegro_localnet.perpetual.candles import Candle
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.market import Market, Trade
from tegro_localnet.perpetual.gateway.market_views import (
    aggregate_view,
    book_ticker_view,
    day_view,
    depth_levels,
)
from tegro_localnet.perpetual.notation import amount_text, price_text, quantity_text
from tegro_localnet.perpetual.tape import MarketTape

type Json = dict[str, Any]

_DAY_NAMES = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
_MINI_NAMES = "cohlvq"


def aggregate_event(trade: Trade, contract: Contract) -> Json:
    """Return aggTrade."""
    return {"e": "aggTrade", "E": trade.time_ms, "s": trade.symbol} | aggregate_view(trade, contract)


def trade_event(trade: Trade, contract: Contract) -> Json:
    """Return trade."""
    return {
        "e": "trade",
        "E": trade.time_ms,
        "T": trade.time_ms,
        "s": trade.symbol,
        "t": trade.trade_id,
        "p": price_text(trade.price_e18, contract.price_decimals),
        "q": quantity_text(trade.quantity_e8, contract),
        "X": "MARKET",
        "m": trade.is_buyer_maker,
    }


def candle_event(market: Market, interval: str, candle: Candle, now_ms: int) -> Json:
    """Return kline."""
    symbol, decimals = market.contract.symbol, market.contract.price_decimals
    body = {
        "t": candle.open_ms,
        "T": candle.close_ms,
        "s": symbol,
        "i": interval,
        "f": candle.first_id,
        "L": candle.last_id,
        "o": price_text(candle.open_e18, decimals),
        "c": price_text(candle.close_e18, decimals),
        "h": price_text(candle.high_e18, decimals),
        "l": price_text(candle.low_e18, decimals),
        "v": amount_text(candle.base_e8),
        "n": candle.count,
        "x": now_ms > candle.close_ms,
        "q": amount_text(candle.quote_e8),
        "V": amount_text(candle.taker_buy_base_e8),
        "Q": amount_text(candle.taker_buy_quote_e8),
        "B": "0",
    }
    return {"e": "kline", "E": now_ms, "s": symbol, "k": body}


def mark_event(market: Market, now_ms: int) -> Json:
    """Return markPriceUpdate."""
    mark, index = price_text(market.mark_e18), price_text(market.prices.index_e18)
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": market.contract.symbol,
        "p": mark,
        "ap": mark,
        "P": index,
        "i": index,
        "r": amount_text(market.rate_e8),
        "T": market.next_funding_ms,
    }


def day_event(market: Market, tape: MarketTape, now_ms: int) -> Json:
    """Return 24hrTicker."""
    view = day_view(market, tape.day(now_ms))
    head = {"e": "24hrTicker", "E": now_ms, "s": market.contract.symbol}
    return head | {short: view[long] for short, long in _DAY_NAMES.items()}


def mini_event(market: Market, tape: MarketTape, now_ms: int) -> Json:
    """Return 24hrMiniTicker."""
    full = day_event(market, tape, now_ms)
    head = {"e": "24hrMiniTicker", "E": now_ms, "s": market.contract.symbol}
    return head | {name: full[name] for name in _MINI_NAMES}


def book_event(market: Market, tape: MarketTape, now_ms: int) -> Json:
    """Return bookTicker."""
    view = book_ticker_view(market, tape.update_id, now_ms)
    return {
        "e": "bookTicker",
        "u": tape.update_id,
        "s": market.contract.symbol,
        "b": view["bidPrice"],
        "B": view["bidQty"],
        "a": view["askPrice"],
        "A": view["askQty"],
        "T": now_ms,
        "E": now_ms,
    }


def partial_depth_event(market: Market, tape: MarketTape, levels: int, now_ms: int) -> Json:
    """Return depthUpdate with the whole top of the book."""
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "T": now_ms,
        "s": market.contract.symbol,
        "U": tape.update_id,
        "u": tape.update_id,
        "pu": tape.update_id,
        "b": depth_levels(market, Side.BUY, levels),
        "a": depth_levels(market, Side.SELL, levels),
    }
