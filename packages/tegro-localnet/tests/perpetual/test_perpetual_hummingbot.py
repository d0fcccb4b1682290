"""Hummingbot's own binance_perpetual connector and candles feed, unmodified, with only the addresses changed."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from hummingbot.connector.derivative.binance_perpetual import binance_perpetual_constants as constants
from hummingbot.connector.derivative.binance_perpetual.binance_perpetual_derivative import BinancePerpetualDerivative
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType, PositionAction, PositionMode, PositionSide
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import MarketEvent
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory
from hummingbot.data_feed.candles_feed.binance_perpetual_candles import BinancePerpetualCandles
from hummingbot.data_feed.candles_feed.binance_perpetual_candles import constants as candle_constants

from tegro.model import Side
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.funding import FundingTerms

# Hummingbot keeps objects that belong to the loop in which they were first used.
pytestmark = pytest.mark.asyncio(loop_scope="module")

PAIR = "BTC-USDT"
E8, E18 = 10**8, 10**18


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def _own_session() -> AsyncIterator[None]:
    """Hummingbot has one HTTP session in a process; an earlier module's may belong to a loop that is closed."""
    ConnectionsFactory()._shared_client = None
    yield
    await ConnectionsFactory().close()


@pytest_asyncio.fixture(loop_scope="module")
async def connector(running_venue: Any, until: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    monkeypatch.setattr(constants, "PERPETUAL_BASE_URL", f"http://127.0.0.1:{running_venue.port}/fapi/")
    monkeypatch.setattr(constants, "PERPETUAL_WS_URL", f"ws://127.0.0.1:{running_venue.port}/")
    key = running_venue.new_key()
    connector = BinancePerpetualDerivative(
        binance_perpetual_api_key=key["apiKey"],
        binance_perpetual_api_secret=key["apiSecret"],
        trading_pairs=[PAIR],
    )
    connector.account_id = key["accountId"]
    clock = Clock(ClockMode.REALTIME, 0.2)
    clock.add_iterator(connector)
    with clock:
        ticking = asyncio.ensure_future(clock.run())
        await until(lambda: connector.ready, "the connector is ready")
        yield connector
        await connector.stop_network()
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


@pytest.fixture
def counterpart(running_venue: Any) -> Any:
    """Return a function that rests an order of another account."""
    account_id = running_venue.new_key("10000000")["accountId"]
    running_venue.do(c.CancelAll(account_id=account_id, symbol="BTCUSDT"))

    def rest(side: str, price: int, quantity: str) -> Any:
        command = c.PlaceOrder(
            account_id=account_id,
            symbol="BTCUSDT",
            side=Side(side),
            price_e18=price * E18,
            quantity_e8=int(Decimal(quantity) * E8),
        )
        return running_venue.do(command)

    return rest


def best_prices(connector: Any) -> tuple[Decimal, Decimal]:
    return connector.get_price(PAIR, False), connector.get_price(PAIR, True)


class Listener(EventLogger):
    """Keeps the events of a connector."""

    def __init__(self, connector: Any) -> None:
        super().__init__()
        for event in MarketEvent:
            connector.add_listener(event, self)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.event_log]


async def test_an_order_is_placed_and_cancelled(connector: Any, until: Any) -> None:
    seen = Listener(connector)
    order_id = connector.buy(
        PAIR, Decimal("0.01"), OrderType.LIMIT, Decimal(94000), position_action=PositionAction.OPEN
    )
    await until(lambda: "BuyOrderCreatedEvent" in seen.names(), "created")
    connector.cancel(PAIR, order_id)
    await until(lambda: "OrderCancelledEvent" in seen.names(), "cancelled")


async def test_one_way_opens_and_closes_with_fills_fees_and_balances(
    connector: Any, counterpart: Any, until: Any
) -> None:
    seen = Listener(connector)
    counterpart("sell", 95_010, "0.05")
    counterpart("buy", 94_990, "0.05")
    await until(lambda: best_prices(connector) == (94_990, 95_010), "the book")
    connector.buy(PAIR, Decimal("0.05"), OrderType.MARKET, position_action=PositionAction.OPEN)
    await until(lambda: "BuyOrderCompletedEvent" in seen.names(), "bought")
    await until(lambda: connector.account_positions, "position")
    (position,) = connector.account_positions.values()
    assert (position.amount, position.entry_price) == (Decimal("0.05"), Decimal(95010))
    connector.sell(PAIR, Decimal("0.05"), OrderType.MARKET, position_action=PositionAction.CLOSE)
    await until(lambda: "SellOrderCompletedEvent" in seen.names(), "sold")
    await until(lambda: not connector.account_positions, "flat")
    fees = Decimal("0.05") * (95_010 + 94_990) * Decimal("0.0004")
    expected = 100_000 - Decimal(1) - fees
    await until(lambda: connector.get_balance("USDT") == expected, "balance")
    fills = [event for event in seen.event_log if type(event).__name__ == "OrderFilledEvent"]
    assert sum(fill.trade_fee.flat_fees[0].amount for fill in fills) == fees


async def test_a_maker_order_that_would_take_fails_and_one_that_rests_is_filled(
    connector: Any, counterpart: Any, until: Any
) -> None:
    seen = Listener(connector)
    counterpart("sell", 95_020, "0.01")
    connector.buy(PAIR, Decimal("0.01"), OrderType.LIMIT_MAKER, Decimal(95030), position_action=PositionAction.OPEN)
    await until(lambda: "MarketOrderFailureEvent" in seen.names(), "refused")
    connector.buy(PAIR, Decimal("0.01"), OrderType.LIMIT_MAKER, Decimal(95000), position_action=PositionAction.OPEN)
    await until(lambda: "BuyOrderCreatedEvent" in seen.names(), "resting")
    counterpart("sell", 95_000, "0.01")
    await until(lambda: "BuyOrderCompletedEvent" in seen.names(), "filled")


async def test_hedge_mode_holds_both_sides(connector: Any, counterpart: Any, until: Any) -> None:
    connector.set_position_mode(PositionMode.HEDGE)
    await until(lambda: connector.position_mode is PositionMode.HEDGE, "hedge mode")
    connector.set_leverage(PAIR, 10)
    await until(lambda: connector.get_leverage(PAIR) == 10, "leverage")
    seen = Listener(connector)
    counterpart("sell", 95_010, "0.05")
    counterpart("buy", 94_990, "0.05")
    await until(lambda: best_prices(connector) == (94_990, 95_010), "the book")
    connector.buy(PAIR, Decimal("0.02"), OrderType.MARKET, position_action=PositionAction.OPEN)
    connector.sell(PAIR, Decimal("0.03"), OrderType.MARKET, position_action=PositionAction.OPEN)
    await until(lambda: len(connector.account_positions) == 2, "both positions")
    held = {position.position_side: position.amount for position in connector.account_positions.values()}
    assert held == {PositionSide.LONG: Decimal("0.02"), PositionSide.SHORT: Decimal("-0.03")}
    connector.sell(PAIR, Decimal("0.02"), OrderType.MARKET, position_action=PositionAction.CLOSE)
    connector.buy(PAIR, Decimal("0.03"), OrderType.MARKET, position_action=PositionAction.CLOSE)
    await until(lambda: not connector.account_positions, "flat again")
    assert seen.names().count("OrderFilledEvent") == 4


async def test_the_book_and_the_funding_follow_the_venue(
    connector: Any, counterpart: Any, running_venue: Any, until: Any
) -> None:
    terms = FundingTerms(interval_ms=3_600_000, fixed_rate_e8=12_345)
    running_venue.do(c.SetFunding(symbol="BTCUSDT", terms=terms))
    counterpart("buy", 93_333, "0.5")
    book = connector.get_order_book(PAIR)
    await until(lambda: Decimal(93333) in [Decimal(str(row.price)) for row in book.bid_entries()], "a new level")
    await until(lambda: connector.get_funding_info(PAIR).rate == Decimal("0.00012345"), "the funding rate")
    assert connector.get_funding_info(PAIR).index_price == Decimal(95000)


async def test_the_candles_feed_fills_its_history(
    running_venue: Any, counterpart: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candle_constants, "REST_URL", f"http://127.0.0.1:{running_venue.port}")
    monkeypatch.setattr(candle_constants, "WSS_URL", f"ws://127.0.0.1:{running_venue.port}/market/stream")
    feed = BinancePerpetualCandles(PAIR, "1m", 150)
    await feed.start_network()
    try:
        await until(lambda: feed.ready, "candles")
        times = feed.candles_df["timestamp"].tolist()
        assert {later - earlier for earlier, later in pairwise(times)} == {60}
    finally:
        await feed.stop_network()
