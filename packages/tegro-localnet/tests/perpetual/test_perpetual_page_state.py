"""What localnet's page shows of the perpetual venue, compared with what its own REST says."""

import json
from typing import Any
from urllib.request import urlopen

import pytest

from tegro.model import Side
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.terms import OrderType

SYMBOL = "ETHUSDT"
E8, E18 = 10**8, 10**18


def get(venue: Any, path: str) -> Any:
    with urlopen(f"http://127.0.0.1:{venue.port}{path}") as reply:
        return json.load(reply)


@pytest.fixture(scope="module")
def traded(running_venue: Any) -> Any:
    """Return a venue with a book of two levels a side, after two trades."""
    maker, taker = (running_venue.new_key()["accountId"] for _ in range(2))

    def place(account_id: int, side: Side, price: int, quantity_e8: int) -> None:
        running_venue.do(
            c.PlaceOrder(
                account_id=account_id,
                symbol=SYMBOL,
                side=side,
                type=OrderType.LIMIT,
                price_e18=price * E18,
                quantity_e8=quantity_e8,
            )
        )

    for price in (3001, 3002, 3003):
        place(maker, Side.SELL, price, E8)
    for price in (2999, 2998):
        place(maker, Side.BUY, price, E8 // 2)
    place(taker, Side.BUY, 3001, E8)
    place(taker, Side.SELL, 2999, E8 // 4)
    return running_venue


def test_the_book_and_the_trades_are_those_of_the_venue(traded: Any) -> None:
    shown = get(traded, f"/localnet/perpetual/markets/{SYMBOL}")
    depth = get(traded, f"/fapi/v1/depth?symbol={SYMBOL}&limit=1000")
    for side in ("bids", "asks"):
        assert [[level["price"], level["quantity"]] for level in shown[side]] == depth[side]
        assert len(depth[side]) == 2
    trades = get(traded, f"/fapi/v1/trades?symbol={SYMBOL}")[::-1]
    assert shown["trades"] == [
        {
            "trade_id": str(trade["id"]),
            "price": trade["price"],
            "quantity": trade["qty"],
            "taker_side": "sell" if trade["isBuyerMaker"] else "buy",
            "created_ms": trade["time"],
        }
        for trade in trades
    ]
    assert [trade["taker_side"] for trade in shown["trades"]] == ["sell", "buy"]


def test_prices_and_funding_are_those_of_the_venue(traded: Any) -> None:
    traded.post("index", {"symbol": SYMBOL, "price": "3100.5"})
    traded.post("funding", {"symbol": SYMBOL, "interval_secs": 28_800, "rate": "0.00025"})
    shown = get(traded, f"/localnet/perpetual/markets/{SYMBOL}")
    premium = get(traded, f"/fapi/v1/premiumIndex?symbol={SYMBOL}")
    assert float(shown["index_price"]) == float(premium["indexPrice"]) == 3100.5
    assert shown["funding_rate"] == premium["lastFundingRate"] == "0.00025000"
    assert shown["next_funding_ms"] == premium["nextFundingTime"]


def test_candles_are_those_in_which_something_traded(traded: Any) -> None:
    shown = get(traded, f"/localnet/perpetual/markets/{SYMBOL}/candles?interval=2592000")
    bars = get(traded, f"/fapi/v1/klines?symbol={SYMBOL}&interval=1M&limit=2")
    traded_in = [bar for bar in bars if bar[8]]
    assert [bar["time_secs"] * 1000 for bar in shown] == [bar[0] for bar in traded_in]
    assert [[bar["open"], bar["high"], bar["low"], bar["close"]] for bar in shown] == [bar[1:5] for bar in traded_in]
    assert sum(float(bar["volume"]) for bar in shown) == 1.25


def test_every_market_is_listed_with_its_figures(traded: Any) -> None:
    shown = {market["symbol"]: market for market in get(traded, "/localnet/perpetual/markets")}
    listed = {market["symbol"]: market for market in get(traded, "/fapi/v1/exchangeInfo")["symbols"]}
    assert shown.keys() == listed.keys()
    for symbol, market in shown.items():
        day = get(traded, f"/fapi/v1/ticker/24hr?symbol={symbol}")
        assert (market["last_price"], market["high"], market["low"]) == (
            day["lastPrice"],
            day["highPrice"],
            day["lowPrice"],
        )
        assert market["quote_precision"] == listed[symbol]["pricePrecision"]
        assert market["base_precision"] == listed[symbol]["quantityPrecision"]
    assert shown[SYMBOL]["open_orders"] == 4
