"""What the controllers decide, asked of the classes themselves; how they trade is tested end to end."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pandas as pd
import pytest
from hummingbot.core.data_type.common import PriceType, TradeType
from hummingbot.strategy_v2.executors.data_types import ConnectorPair
from hummingbot.strategy_v2.executors.order_executor.data_types import ExecutionStrategy
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_tegro.controllers.directional_trading.tegro_trend import TegroTrend, TegroTrendConfig
from hummingbot_tegro.controllers.generic.tegro_xemm import TegroXemm, TegroXemmConfig
from hummingbot_tegro.controllers.market_making.tegro_market_maker import TegroMarketMaker, TegroMarketMakerConfig

NOW_SECS = 1000.0
NAN = Decimal("NaN")


class Connector:
    """A connector with balances."""

    def __init__(self, **balances: str) -> None:
        self.balances = {token: Decimal(amount) for token, amount in balances.items()}
        self.in_flight_orders = {"resting": object()}

    def get_balance(self, token: str) -> Decimal:
        return self.balances[token]

    get_available_balance = get_balance

    def quantize_order_amount(self, pair: str, amount: Decimal) -> Decimal:
        return amount // Decimal("0.001") * Decimal("0.001")


class MarketData:
    """What Hummingbot's market data provider tells a controller."""

    def __init__(self, mid: Decimal = NAN, closes: tuple[float, ...] = (), **connectors: Connector) -> None:
        self.mid = mid
        self.connectors = connectors
        self.closes = closes
        self.asked_candles = None

    def time(self) -> float:
        return NOW_SECS

    def initialize_rate_sources(self, pairs: list[ConnectorPair]) -> None:
        pass

    def get_price_by_type(self, connector: str, pair: str, price_type: PriceType) -> Decimal:
        assert price_type is PriceType.MidPrice
        return self.mid

    def get_connector(self, name: str) -> Connector:
        return self.connectors[name]

    def get_candles_df(self, *asked: object) -> pd.DataFrame:
        self.asked_candles = asked
        return pd.DataFrame({"timestamp": range(len(self.closes)), "close": self.closes})


def info(**values):
    """Return the report of an executor."""
    common = {
        "id": "e",
        "is_active": True,
        "status": RunnableStatus.RUNNING,
        "timestamp": NOW_SECS,
        "close_type": None,
        "close_timestamp": None,
        "custom_info": {"level_id": "buy_0", "order_id": "resting"},
    }
    return SimpleNamespace(**common | values)


def decide(controller):
    """Let a controller look and decide once."""
    asyncio.run(controller.update_processed_data())
    return controller.determine_executor_actions()


def market_maker(mid="100", infos=(), weth="10", usdc="1000", **settings):
    config = TegroMarketMakerConfig(id="mm", total_amount_quote=Decimal(400), **settings)
    data = MarketData(Decimal(mid), tegro_localnet=Connector(WETH=weth, USDC=usdc))
    controller = TegroMarketMaker(config, data, asyncio.Queue())
    controller.executors_info = list(infos)
    return controller


def test_a_balanced_market_maker_quotes_every_level_around_the_middle():
    actions = decide(market_maker())
    quotes = [action.executor_config for action in actions]
    assert [quote.level_id for quote in quotes] == ["buy_0", "buy_1", "sell_0", "sell_1"]
    assert [float(quote.price) for quote in quotes] == pytest.approx([99.9, 99.8, 100.1, 100.2])
    assert {quote.execution_strategy for quote in quotes} == {ExecutionStrategy.LIMIT_MAKER}
    # A quarter of the total on each level, at the lot size.
    assert [quote.amount for quote in quotes] == [Decimal(text) for text in ("1.001", "1.002", "0.999", "0.998")]


@pytest.mark.parametrize(
    ("weth", "usdc", "reference"),
    [("10", "0", "99.9"), ("0", "1000", "100.1"), ("10", "1000", "100"), ("30", "1000", "99.95"), ("0", "0", "100")],
)
def test_the_quotes_lean_against_the_inventory(weth, usdc, reference):
    controller = market_maker(weth=weth, usdc=usdc)
    asyncio.run(controller.update_processed_data())
    assert controller.processed_data["reference_price"] == Decimal(reference)
    assert controller.to_format_status()[0].startswith(f"  reference price {Decimal(reference):.6f}, base share")


def test_without_a_price_nothing_is_quoted():
    controller = market_maker(mid="NaN", infos=[info(timestamp=0)])
    assert decide(controller) == []
    assert controller.to_format_status() == ["  no quotes: one side of the book is empty"]


def test_levels_that_the_wallet_cannot_pay_are_left_out():
    poor = market_maker(weth="1.5", usdc="150", inventory_skew=0)
    assert [action.executor_config.level_id for action in decide(poor)] == ["buy_0", "sell_0"]


@pytest.mark.parametrize(
    ("closed_ago_secs", "close_type", "is_quoted"),
    [
        (4, CloseType.POSITION_HOLD, False),
        (6, CloseType.POSITION_HOLD, True),
        (1, CloseType.EARLY_STOP, True),
    ],
)
def test_a_level_rests_after_it_was_filled(closed_ago_secs, close_type, is_quoted):
    closed = info(is_active=False, close_type=close_type, close_timestamp=NOW_SECS - closed_ago_secs)
    levels = [action.executor_config.level_id for action in decide(market_maker(infos=[closed]))]
    assert ("buy_0" in levels) is is_quoted


@pytest.mark.parametrize(
    ("changes", "is_stopped"),
    [
        ({"timestamp": NOW_SECS - 21}, True),
        ({"timestamp": NOW_SECS - 19}, False),
        ({"timestamp": 0, "status": RunnableStatus.SHUTTING_DOWN}, False),
        ({"timestamp": 0, "custom_info": {"level_id": "buy_0", "order_id": "ended"}}, False),
        ({"timestamp": 0, "custom_info": {"level_id": "buy_0", "order_id": None}}, True),
    ],
)
def test_only_an_old_quote_that_still_stands_is_withdrawn(changes, is_stopped):
    actions = decide(market_maker(infos=[info(**changes)]))
    stopped = [action for action in actions if not hasattr(action, "executor_config")]
    assert [(action.executor_id, action.keep_position) for action in stopped] == [("e", True)] * is_stopped


def trend(closes, infos=(), **settings):
    data = MarketData(Decimal(100), closes)
    controller = TegroTrend(TegroTrendConfig(id="t", **settings), data, asyncio.Queue())
    controller.executors_info = list(infos)
    return controller


RISING, FALLING = tuple(range(100, 142)), tuple(range(142, 100, -1))


@pytest.mark.parametrize(
    ("closes", "settings", "signal"),
    [
        (RISING, {}, 1),
        (FALLING, {}, 0),
        (FALLING, {"is_long_only": False}, -1),
        ((100.0,) * 42, {"is_long_only": False}, 0),
        (RISING, {"threshold": 1}, 0),
        ((), {}, 0),
    ],
)
def test_the_signal_follows_the_averages(closes, settings, signal):
    controller = trend(closes, **settings)
    asyncio.run(controller.update_processed_data())
    assert controller.processed_data["signal"] == signal
    assert controller.market_data_provider.asked_candles == ("tegro_localnet", "WETH-USDC", "1m", 42)
    [candles] = controller.get_candles_config()
    assert (candles.connector, candles.interval, candles.max_records) == ("tegro_localnet", "1m", 42)


def test_a_rising_trend_opens_one_position_with_its_barriers():
    [action] = decide(trend(RISING))
    config = action.executor_config
    assert (config.side, config.amount) == (TradeType.BUY, 1)
    barriers = config.triple_barrier_config
    assert (barriers.take_profit, barriers.stop_loss, barriers.time_limit) == (Decimal("0.01"), Decimal("0.01"), 1800)


@pytest.mark.parametrize(
    ("signal", "side", "is_active", "opened_ago_secs", "may_open"),
    [
        (1, TradeType.BUY, True, 100, False),
        (1, TradeType.BUY, False, 50, False),
        (1, TradeType.BUY, False, 70, True),
        (-1, TradeType.BUY, True, 10, True),
        (-1, TradeType.SELL, True, 100, False),
    ],
)
def test_only_positions_of_the_same_side_stand_in_the_way(signal, side, is_active, opened_ago_secs, may_open):
    one = info(side=side, is_active=is_active, timestamp=NOW_SECS - opened_ago_secs)
    assert trend(RISING, [one]).can_create_executor(signal) is may_open


def xemm(infos=(), maker=("5", "1000"), taker=("5", "1000"), mid="100"):
    connectors = {
        name: Connector(WETH=weth, USDC=usdc)
        for name, (weth, usdc) in (("tegro_localnet", maker), ("tegro_testnet", taker))
    }
    controller = TegroXemm(TegroXemmConfig(id="x"), MarketData(Decimal(mid), **connectors), asyncio.Queue())
    controller.executors_info = list(infos)
    return controller


def sides(actions):
    return [action.executor_config.maker_side for action in actions]


def test_xemm_quotes_both_sides_of_the_maker_and_hedges_on_the_taker():
    buy, sell = (action.executor_config for action in decide(xemm()))
    assert (buy.maker_side, buy.buying_market.connector_name, buy.selling_market.connector_name) == (
        TradeType.BUY,
        "tegro_localnet",
        "tegro_testnet",
    )
    assert (sell.maker_side, sell.selling_market.connector_name) == (TradeType.SELL, "tegro_localnet")
    assert {buy.order_amount, sell.order_amount} == {Decimal(1)}
    assert decide(xemm(mid="NaN")) == []


@pytest.mark.parametrize(
    ("maker", "taker", "quoted"),
    [
        (("5", "99"), ("5", "1000"), [TradeType.SELL]),
        (("5", "1000"), ("0.9", "1000"), [TradeType.SELL]),
        (("0.9", "1000"), ("5", "1000"), [TradeType.BUY]),
        (("5", "1000"), ("5", "99"), [TradeType.BUY]),
    ],
)
def test_xemm_leaves_out_a_side_that_either_wallet_cannot_pay(maker, taker, quoted):
    assert sides(decide(xemm(maker=maker, taker=taker))) == quoted


@pytest.mark.parametrize(
    ("changes", "quoted"),
    [
        ({}, [TradeType.SELL]),
        ({"is_active": False, "close_timestamp": NOW_SECS - 4}, [TradeType.SELL]),
        ({"is_active": False, "close_timestamp": NOW_SECS - 6}, [TradeType.BUY, TradeType.SELL]),
    ],
)
def test_xemm_has_one_executor_for_each_side_and_rests_after_it(changes, quoted):
    one = info(config=SimpleNamespace(maker_side=TradeType.BUY), **changes)
    assert sides(decide(xemm([one]))) == quoted
