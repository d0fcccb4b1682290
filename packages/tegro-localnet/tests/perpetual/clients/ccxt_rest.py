"""Every call of ccxt's `binanceusdm` that the perpetual dialect lists. Run by a test, in an environment of its own.

The environment names PORT, KEY and SECRET. The counterpart has rested 0.5 BTC on both sides (94900 and 95100).
Prints what the calls returned as JSON.
"""

import json
import os
import sys
from collections.abc import Callable

import ccxt

SYMBOL = "BTC/USDT:USDT"


def exchange(port: str, key: str, secret: str) -> ccxt.binanceusdm:
    root = f"http://127.0.0.1:{port}/fapi"
    made = ccxt.binanceusdm(
        {
            "apiKey": key,
            "secret": secret,
            "enableRateLimit": False,
            "options": {"fetchCurrencies": False, "fetchOpenOrders": {"warnWithoutSymbol": False}},
        }
    )
    for name in ("fapiPublic", "fapiPrivate"):
        for suffix, version in (("", "v1"), ("V2", "v2"), ("V3", "v3")):
            made.urls["api"][f"{name}{suffix}"] = f"{root}/{version}"
    made.exceptions["exact"].update(made.exceptions["linear"]["exact"])
    return made


def public(x: ccxt.binanceusdm) -> dict[str, object]:
    market = x.load_markets()[SYMBOL]
    book = x.fetch_order_book(SYMBOL, 5)
    return {
        "linear": market["linear"],
        "precision": market["precision"],
        "cost": market["limits"]["cost"]["min"],
        "time": x.fetch_time(),
        "book": [book["bids"][0], book["asks"][0]],
        "trades": len(x.fetch_trades(SYMBOL)),
        "plain_trades": len(x.fetch_trades(SYMBOL, params={"fetchTradesMethod": "fapiPublicGetTrades"})),
        "candles": len(x.fetch_ohlcv(SYMBOL, "1m", limit=10)),
        "mark_candles": len(x.fetch_ohlcv(SYMBOL, "1m", limit=10, params={"price": "mark"})),
        "index_candles": len(x.fetch_ohlcv(SYMBOL, "1m", limit=10, params={"price": "index"})),
        "premium_candles": len(x.fetch_ohlcv(SYMBOL, "1m", limit=10, params={"price": "premiumIndex"})),
        "ticker": x.fetch_ticker(SYMBOL)["last"],
        "tickers": sorted(x.fetch_tickers()),
        "bids_asks": x.fetch_bids_asks([SYMBOL])[SYMBOL]["bid"],
        "last_prices": x.fetch_last_prices([SYMBOL])[SYMBOL]["price"],
        "mark_price": x.fetch_mark_price(SYMBOL)["markPrice"],
        "funding_rate": x.fetch_funding_rate(SYMBOL)["fundingRate"],
        "funding_rates": len(x.fetch_funding_rates()),
        "funding_history": len(x.fetch_funding_rate_history(SYMBOL)),
        "funding_interval": x.fetch_funding_intervals()[SYMBOL]["interval"],
        "open_interest": x.fetch_open_interest(SYMBOL)["openInterestAmount"],
    }


def orders(x: ccxt.binanceusdm) -> dict[str, object]:
    resting = x.create_order(SYMBOL, "limit", "buy", 0.01, 94000, {"postOnly": True})
    edited = x.edit_order(resting["id"], SYMBOL, "limit", "buy", 0.02, 94010)
    fetched = x.fetch_order(resting["id"], SYMBOL)
    opened = x.fetch_open_order(resting["id"], SYMBOL)
    listed = [order["id"] for order in x.fetch_open_orders()]
    cancelled = x.cancel_order(resting["id"], SYMBOL)
    made = x.create_orders(
        [{"symbol": SYMBOL, "type": "limit", "side": "buy", "amount": 0.01, "price": 93000 + step} for step in range(3)]
    )
    x.cancel_orders([made[0]["id"]], SYMBOL)
    after_one = len(x.fetch_open_orders(SYMBOL))
    x.cancel_all_orders(SYMBOL)
    return {
        "resting": [resting["status"], resting["timeInForce"], resting["postOnly"]],
        "edited": [edited["amount"], edited["price"]],
        "fetched": fetched["status"],
        "opened": opened["id"] == resting["id"],
        "listed": listed == [resting["id"]],
        "cancelled": cancelled["status"],
        "batch": [order["status"] for order in made],
        "after_one": after_one,
        "after_all": len(x.fetch_open_orders(SYMBOL)),
        "history": len(x.fetch_orders(SYMBOL)),
    }


def refusals(x: ccxt.binanceusdm) -> dict[str, object]:
    tries = {
        "poor": lambda: x.create_order(SYMBOL, "limit", "buy", 100, 94000),
        "small": lambda: x.create_order(SYMBOL, "limit", "buy", 0.001, 100),
        "post_only": lambda: x.create_order(SYMBOL, "limit", "buy", 0.01, 95200, {"postOnly": True}),
        "fill_or_kill": lambda: x.create_order(SYMBOL, "limit", "buy", 5, 95200, {"timeInForce": "FOK"}),
        "reduce_only": lambda: x.create_order(SYMBOL, "market", "buy", 0.01, None, {"reduceOnly": True}),
        "unknown": lambda: x.fetch_order("1", SYMBOL),
        "not_open": lambda: x.cancel_order("1", SYMBOL),
        "bad_signature": lambda: exchange_with_wrong_secret(x).fetch_balance(),
    }
    return {name: refusal_of(act) for name, act in tries.items()}


def refusal_of(act: Callable[[], object]) -> str:
    try:
        act()
    except ccxt.BaseError as error:
        return type(error).__name__
    return "accepted"


def exchange_with_wrong_secret(x: ccxt.binanceusdm) -> ccxt.binanceusdm:
    return exchange(os.environ["PORT"], x.apiKey, x.secret[::-1])


def account(x: ccxt.binanceusdm) -> dict[str, object]:
    x.set_leverage(10, SYMBOL)
    bought = x.create_order(SYMBOL, "market", "buy", 0.1)
    (position,) = x.fetch_positions([SYMBOL])
    old = x.fetch_positions([SYMBOL], {"useV2": True})[0]
    balance = x.fetch_balance()["USDT"]
    trades = x.fetch_my_trades(SYMBOL)
    sold = x.create_order(SYMBOL, "market", "sell", 0.1, None, {"reduceOnly": True})
    x.set_margin_mode("isolated", SYMBOL)
    x.create_order(SYMBOL, "market", "buy", 0.05)
    added = x.add_margin(SYMBOL, 100)
    reduced = x.reduce_margin(SYMBOL, 50)
    (isolated,) = x.fetch_positions([SYMBOL])
    adjustments = len(x.fetch_margin_adjustment_history(SYMBOL))
    x.create_order(SYMBOL, "market", "sell", 0.05, None, {"reduceOnly": True})
    return {
        "bought": [bought["status"], bought["filled"], bought["average"]],
        "position": [position["side"], position["contracts"], position["entryPrice"]],
        "old": [old["side"], old["contracts"], old["marginMode"]],
        "balance": [balance["total"] > balance["free"], balance["used"] > 0],
        "trades": [trades[0]["order"] == bought["id"], trades[0]["takerOrMaker"], trades[0]["fee"]["currency"]],
        "sold": [sold["status"], sold["reduceOnly"]],
        "isolated": [isolated["marginMode"], isolated["contracts"]],
        "margin": [added["amount"], reduced["amount"], adjustments],
        "closed": len(x.fetch_closed_orders(SYMBOL)),
        "leverage": x.fetch_leverage(SYMBOL)["longLeverage"],
        "margin_mode": x.fetch_margin_mode(SYMBOL)["marginMode"],
        "tiers": len(x.fetch_leverage_tiers([SYMBOL])[SYMBOL]),
        "fee": x.fetch_trading_fee(SYMBOL)["taker"],
        "fees": SYMBOL in x.fetch_trading_fees(),
        "ledger": sorted({row["type"] for row in x.fetch_ledger("USDT")}),
        "funding_history": len(x.fetch_funding_history(SYMBOL)),
    }


def hedge(x: ccxt.binanceusdm) -> dict[str, object]:
    x.set_position_mode(True)
    x.create_order(SYMBOL, "market", "buy", 0.02, None, {"hedged": True})
    x.create_order(SYMBOL, "market", "sell", 0.03, None, {"hedged": True})
    held = {position["side"]: position["contracts"] for position in x.fetch_positions([SYMBOL])}
    x.create_order(SYMBOL, "market", "sell", 0.02, None, {"hedged": True, "reduceOnly": True})
    x.create_order(SYMBOL, "market", "buy", 0.03, None, {"positionSide": "SHORT"})
    return {
        "mode": x.fetch_position_mode(SYMBOL)["hedged"],
        "held": held,
        "left": len(x.fetch_positions([SYMBOL])),
    }


def main() -> None:
    x = exchange(*(os.environ[name] for name in ("PORT", "KEY", "SECRET")))
    parts: tuple[Callable[..., object], ...] = (public, orders, refusals, account, hedge)
    sys.stdout.write(json.dumps({part.__name__: part(x) for part in parts}))


if __name__ == "__main__":
    main()
