"""Clients of other people, unmodified, with only the base address changed. They run in an environment of their own."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tegro.model import Side
from tegro_localnet.perpetual.engine import commands as c

CLIENTS = Path(__file__).parent / "clients"
PYTHON = Path(__file__).parents[4] / ".bootstrap" / "clients" / "bin" / "python"
E8, E18 = 10**8, 10**18


@pytest.fixture
def running_venue(a_venue: Any) -> Iterator[Any]:
    """Start a venue for each client: what they see of its history is told to the trade."""
    with a_venue() as running:
        yield running


@pytest.fixture
def quotes(running_venue: Any) -> Iterator[None]:
    """Let another account rest enough on both sides, for one test."""
    account_id = running_venue.new_key("10000000")["accountId"]
    for side, price in (("buy", 94_900), ("sell", 95_100)):
        order = c.PlaceOrder(
            account_id=account_id, symbol="BTCUSDT", side=Side(side), price_e18=price * E18, quantity_e8=E8 // 2
        )
        running_venue.do(order)
    yield
    running_venue.do(c.CancelAll(account_id=account_id, symbol="BTCUSDT"))


@pytest.fixture
def run_client(running_venue: Any) -> Callable[..., Any]:
    """Return a function that runs a client's script with a new key and returns what it prints as JSON."""
    if not PYTHON.exists():
        pytest.fail(f"{PYTHON} is missing: 'make bootstrap' installs the clients of requirements-clients.lock there")

    def run(script: str) -> Any:
        key = running_venue.new_key()
        given = {"PORT": str(running_venue.port), "KEY": key["apiKey"], "SECRET": key["apiSecret"]}
        done = subprocess.run(
            [PYTHON, CLIENTS / script],
            env=os.environ | given,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def test_ccxt_over_rest(quotes: None, run_client: Callable[..., Any]) -> None:
    seen = run_client("ccxt_rest.py")
    public = seen["public"]
    assert public.pop("time") > 0
    assert public == {
        "linear": True,
        "precision": {"amount": 0.001, "price": 0.1, "base": 1e-8, "quote": 1e-8},
        "cost": 5,
        "book": [[94900, 0.5], [95100, 0.5]],
        "trades": 0,
        "plain_trades": 0,
        "candles": 10,
        "mark_candles": 10,
        "index_candles": 10,
        "premium_candles": 10,
        "ticker": 95000,
        "tickers": ["BTC/USDT:USDT", "ETH/USDT:USDT"],
        "bids_asks": 94900,
        "last_prices": 95000,
        "mark_price": 95000,
        "funding_rate": 0.0001,
        "funding_rates": 2,
        "funding_history": 0,
        "funding_interval": "8h",
        "open_interest": 0,
    }
    assert seen["orders"] == {
        "resting": ["open", "PO", True],
        "edited": [0.02, 94010],
        "fetched": "open",
        "opened": True,
        "listed": True,
        "cancelled": "canceled",
        "batch": ["open", "open", "open"],
        "after_one": 2,
        "after_all": 0,
        "history": 4,
    }
    assert seen["refusals"] == {
        "poor": "InsufficientFunds",
        "small": "InvalidOrder",
        "post_only": "OrderNotFillable",
        "fill_or_kill": "OrderNotFillable",
        "reduce_only": "InvalidOrder",
        "unknown": "OrderNotFound",
        "not_open": "OrderNotFound",
        "bad_signature": "AuthenticationError",
    }
    assert seen["account"] == {
        "bought": ["closed", 0.1, 95100],
        "position": ["long", 0.1, 95100],
        "old": ["long", 0.1, "cross"],
        "balance": [True, True],
        "trades": [True, "taker", "USDT"],
        "sold": ["closed", True],
        "isolated": ["isolated", 0.05],
        "margin": [100, 50, 2],
        "closed": 4,
        "leverage": 10,
        "margin_mode": "isolated",
        "tiers": 7,
        "fee": float(Decimal("0.0004")),
        "fees": True,
        "ledger": ["commission", "trade", "transfer"],
        "funding_history": 0,
    }
    assert seen["hedge"] == {"mode": True, "held": {"long": 0.02, "short": 0.03}, "left": 0}


def test_ccxt_pro_over_streams(quotes: None, run_client: Callable[..., Any]) -> None:
    seen = run_client("ccxt_pro.py")
    assert seen["public"] == {
        "book": [[94900, 0.5], [95100, 0.5]],
        "trade": True,
        "aggregate": True,
        "candle": True,
        "ticker": "BTC/USDT:USDT",
        "tickers": ["BTC/USDT:USDT"],
        "best": 94900,
        "mark": True,
    }
    assert seen["follows"] is True
    assert seen["private"] == {
        "order": "BTC/USDT:USDT",
        "fill": ["BTC/USDT:USDT", "taker", "USDT"],
        "balance": True,
        "position": ["BTC/USDT:USDT", "long"],
    }


def test_the_official_sdk(quotes: None, run_client: Callable[..., Any]) -> None:
    seen = run_client("official_sdk.py")
    assert seen["untyped"] == []
    assert seen["public"] == {
        "time": True,
        "symbols": ["BTCUSDT", "ETHUSDT"],
        "book": ["94900.0", "0.500"],
        "trades": True,
        "old_trades": True,
        "aggregates": True,
        "candles": 5,
        "funding_rates": 0,
        "funding_info": 2,
        "open_interest": "BTCUSDT",
        "mark": "BTCUSDT",
        "day": "BTCUSDT",
        "price": "BTCUSDT",
        "best": "94900.0",
    }
    assert seen["trading"] == {
        "order": ["NEW", "0.010"],
        "changed": ["0.020", "94010.0"],
        "batch": [True, False],
        "cancelled": ["CANCELED", "CANCELED"],
        "queried": "CANCELED",
        "open": 0,
        "all": 3,
        "filled": ["FILLED", "0.100"],
        "fills": "0.100",
        "positions": ["0.100"],
        "positions_v2": ["20"],
        "forced": 0,
        "quantile": 2,
    }
    assert seen["account"] == {
        "balances": ["USDT", "USDT"],
        "v2": True,
        "v3": "USDT",
        "config": True,
        "burn": False,
        "multi": False,
        "mode": False,
        "income": True,
        "limits": 2,
        "symbols": [20, 20],
        "commission": "0.000400",
        "leverage": 12,
    }
    assert seen["refusals"] == ["BadRequestError", "BadRequestError"]
    assert seen["streams"] == [
        "AccountUpdate",
        "AggregateTradeStreamsResponse",
        "DiffBookDepthStreamsResponse",
        "KlineCandlestickStreamsResponse",
        "MarkPriceStreamResponse",
        "OrderTradeUpdate",
    ]
