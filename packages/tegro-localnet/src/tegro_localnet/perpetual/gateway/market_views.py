"""Public data of a contract as REST and the streams show it (perpetual dialect 3, 7)."""

from itertools import islice
from typing import Any

from tegro.model import Side, unscaled
from tegro.wire import bare
from tegro_localnet.perpetual.candles import Candle
from tegro_localnet.perpetual.engine.contract import Contract
from tegro_localnet.perpetual.engine.funding import CAP_E8
from tegro_localnet.perpetual.engine.market import FundingRate, Market, Trade
from tegro_localnet.perpetual.engine.units import E8, PPM
from tegro_localnet.perpetual.notation import amount_text, price_text, quantity_text, rate_text
from tegro_localnet.perpetual.tape import DaySummary

type Json = dict[str, Any]

ORDER_TYPES = ["LIMIT", "MARKET"]
_FOREVER_MS = 4_133_404_800_000


def contract_view(contract: Contract) -> Json:
    """Return a row of `exchangeInfo.symbols`."""
    return {
        "symbol": contract.symbol,
        "pair": contract.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": _FOREVER_MS,
        "onboardDate": 1_569_398_400_000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": contract.base,
        "quoteAsset": contract.quote,
        "marginAsset": contract.quote,
        "pricePrecision": contract.price_decimals,
        "quantityPrecision": contract.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "settlePlan": 0,
        "triggerProtect": "0.0500",
        "liquidationFee": rate_text(contract.liquidation_fee_ppm),
        "marketTakeBound": rate_text(contract.price_up_ppm - PPM),
        "maxMoveOrderLimit": 10_000,
        "filters": _filters(contract),
        "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
    }


def depth_levels(market: Market, side: Side, limit: int) -> list[list[str]]:
    """Return the best levels of a side, best first."""
    levels = market.book.levels(side)
    ordered = levels if side is Side.BUY else reversed(list(levels))
    return [level_view(market.contract, price, quantity) for price, quantity in islice(ordered, limit)]


def level_view(contract: Contract, price_e18: int, quantity_e8: int) -> list[str]:
    """Return a price and a quantity; a quantity of zero is `0`."""
    quantity = quantity_text(quantity_e8, contract) if quantity_e8 else "0"
    return [price_text(price_e18, contract.price_decimals), quantity]


def trade_view(trade: Trade, contract: Contract) -> Json:
    """Return a row of `trades`."""
    return {
        "id": trade.trade_id,
        "price": price_text(trade.price_e18, contract.price_decimals),
        "qty": quantity_text(trade.quantity_e8, contract),
        "quoteQty": amount_text(trade.quote_e8),
        "time": trade.time_ms,
        "isBuyerMaker": trade.is_buyer_maker,
        "isRPITrade": False,
    }


def aggregate_view(trade: Trade, contract: Contract) -> Json:
    """Return a row of `aggTrades`; each trade is an aggregate of its own here."""
    quantity = quantity_text(trade.quantity_e8, contract)
    return {
        "a": trade.trade_id,
        "p": price_text(trade.price_e18, contract.price_decimals),
        "q": quantity,
        "nq": quantity,
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ms,
        "m": trade.is_buyer_maker,
    }


def candle_row(candle: Candle, decimals: int, *, has_volume: bool = True) -> list[Any]:
    """Return a candle as twelve values; series of mere prices have no volumes."""
    prices = [price_text(p, decimals) for p in (candle.open_e18, candle.high_e18, candle.low_e18, candle.close_e18)]
    base, quote, taker_base, taker_quote = (
        amount_text(amount) if has_volume else "0"
        for amount in (candle.base_e8, candle.quote_e8, candle.taker_buy_base_e8, candle.taker_buy_quote_e8)
    )
    return [candle.open_ms, *prices, base, candle.close_ms, quote, candle.count, taker_base, taker_quote, "0"]


def premium_view(market: Market, now_ms: int) -> Json:
    """Return `premiumIndex`."""
    return {
        "symbol": market.contract.symbol,
        "markPrice": price_text(market.mark_e18),
        "indexPrice": price_text(market.prices.index_e18),
        "estimatedSettlePrice": price_text(market.prices.index_e18),
        "lastFundingRate": amount_text(market.rate_e8),
        "interestRate": "0.00010000",
        "nextFundingTime": market.next_funding_ms,
        "time": now_ms,
    }


def funding_view(rate: FundingRate) -> Json:
    """Return a row of `fundingRate`."""
    return {
        "symbol": rate.symbol,
        "fundingRate": amount_text(rate.rate_e8),
        "fundingTime": rate.time_ms,
        "markPrice": price_text(rate.mark_e18),
    }


def funding_info_view(market: Market) -> Json:
    """Return a row of `fundingInfo`. An interval below an hour is shown as one hour: the field counts whole hours."""
    return {
        "symbol": market.contract.symbol,
        "adjustedFundingRateCap": amount_text(CAP_E8),
        "adjustedFundingRateFloor": amount_text(-CAP_E8),
        "fundingIntervalHours": max(1, market.terms.interval_ms // 3_600_000),
        "disclaimer": False,
    }


def day_view(market: Market, day: DaySummary) -> Json:
    """Return `ticker/24hr`. It must not hold best prices: clients would take the row for spot's."""
    decimals = market.contract.price_decimals
    change_e18 = day.last_e18 - day.open_e18
    trades = market.trades
    return {
        "symbol": market.contract.symbol,
        "priceChange": price_text(change_e18, decimals),
        "priceChangePercent": percent_text(change_e18, day.open_e18),
        "weightedAvgPrice": price_text(day.average_e18, decimals),
        "lastPrice": price_text(day.last_e18, decimals),
        "lastQty": quantity_text(trades[-1].quantity_e8 if trades else 0, market.contract),
        "openPrice": price_text(day.open_e18, decimals),
        "highPrice": price_text(day.high_e18, decimals),
        "lowPrice": price_text(day.low_e18, decimals),
        "volume": quantity_text(day.base_e8, market.contract),
        "quoteVolume": amount_text(day.quote_e8),
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def percent_text(change_e18: int, base_e18: int) -> str:
    """Write a change in percent with three decimals."""
    return price_text(change_e18 * 10**20 // base_e18, 3)


def book_ticker_view(market: Market, update_id: int, time_ms: int) -> Json:
    """Return `ticker/bookTicker`; an empty side is zero."""
    bids, asks = depth_levels(market, Side.BUY, 1), depth_levels(market, Side.SELL, 1)
    bid, ask = (bids or [["0", "0"]])[0], (asks or [["0", "0"]])[0]
    return {
        "symbol": market.contract.symbol,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
        "time": time_ms,
        "lastUpdateId": update_id,
    }


def brackets_view(contract: Contract) -> Json:
    """Return a row of `leverageBracket`; its rates are numbers, not text."""
    rows = [
        {
            "bracket": bracket.number,
            "initialLeverage": bracket.max_leverage,
            "notionalCap": bracket.cap_e8 // E8,
            "notionalFloor": bracket.floor_e8 // E8,
            "maintMarginRatio": bare(unscaled(bracket.maintenance_ppm, 6)),
            "cum": bare(unscaled(bracket.cum_e8, 8)),
        }
        for bracket in contract.brackets
    ]
    return {"symbol": contract.symbol, "notionalCoef": 1, "brackets": rows}


def _filters(contract: Contract) -> list[Json]:
    step = quantity_text(contract.step_e8, contract)
    lot = {"minQty": step, "maxQty": quantity_text(contract.max_quantity_e8, contract), "stepSize": step}
    tick = price_text(contract.tick_e18, contract.price_decimals)
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": tick,
            "maxPrice": price_text(contract.max_price_e18, contract.price_decimals),
            "tickSize": tick,
        },
        {"filterType": "LOT_SIZE", **lot},
        {
            "filterType": "MARKET_LOT_SIZE",
            **lot,
            "maxQty": quantity_text(contract.max_market_quantity_e8, contract),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": contract.max_open_orders},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 0},
        {"filterType": "MIN_NOTIONAL", "notional": str(contract.min_notional_e8 // E8)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": rate_text(contract.price_up_ppm),
            "multiplierDown": rate_text(contract.price_down_ppm),
            "multiplierDecimal": "4",
        },
    ]
