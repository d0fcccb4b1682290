"""Order books and trades of a real connector, also across broken streams, and pairs added while it runs."""

import math
from decimal import Decimal

import pytest
import pytest_asyncio
from hummingbot.connector.exchange.tegro.tegro_api_order_book_data_source import TegroAPIOrderBookDataSource
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.event_forwarder import SourceInfoEventForwarder
from hummingbot.core.event.events import OrderBookEvent
from hummingbot.data_feed.market_data_provider import MarketDataProvider

from tegro.model import Side

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _empty_books(desk):
    yield
    desk.proxy.refuse_sockets = False
    await desk.clear()


def levels(desk, pair: str, side: Side) -> list[tuple[str, str]]:
    book = desk.connector.get_order_book(pair)
    rows = book.bid_entries() if side is Side.BUY else book.ask_entries()
    return [(f"{row.price:g}", f"{row.amount:g}") for row in rows]


async def test_defect_19_20_and_22_every_pair_has_its_plain_totals(desk):
    await desk.other_places(Side.BUY, "1", "2990")
    await desk.other_places(Side.BUY, "2", "2980")
    gone = await desk.other_places(Side.BUY, "3", "2970")
    await desk.other_places(Side.SELL, "0.1", "95000", "WBTC_USDC")
    await desk.until(lambda: len(levels(desk, "WETH-USDC", Side.BUY)) == 3)
    await desk.other.cancel([gone.order_id])
    await desk.until(lambda: levels(desk, "WETH-USDC", Side.BUY) == [("2990", "1"), ("2980", "2")])
    await desk.until(lambda: levels(desk, "WBTC-USDC", Side.SELL) == [("95000", "0.1")])


async def test_defect_39_and_54_after_a_broken_stream_the_book_is_read_anew(desk):
    gone = await desk.other_places(Side.BUY, "1", "2990")
    await desk.until(lambda: levels(desk, "WETH-USDC", Side.BUY) == [("2990", "1")])
    desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    await desk.other.cancel([gone.order_id])
    await desk.other_places(Side.BUY, "5", "2900")
    desk.proxy.refuse_sockets = False
    await desk.until(lambda: levels(desk, "WETH-USDC", Side.BUY) == [("2900", "5")])
    await desk.until(lambda: desk.connector.ready)


async def test_what_happened_to_an_order_while_the_stream_was_down_is_caught_up(desk):
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000)))
    desk.proxy.refuse_sockets = True
    await desk.proxy.cut()
    await desk.until(lambda: desk.connector._user_stream_tracker.last_recv_time == 0)
    await desk.other_places(Side.BUY, "1", "3000")
    desk.proxy.refuse_sockets = False
    await desk.ended(order)
    assert order.executed_amount_base == 1
    await desk.market_data_is_back()


async def test_defect_24_25_and_26_a_trade_is_told_once_with_the_takers_side_and_a_date_of_today(desk):
    trades = []
    listener = SourceInfoEventForwarder(lambda tag, source, trade: trades.append(trade))
    book = desk.connector.get_order_book("WETH-USDC")
    book.add_listener(OrderBookEvent.TradeEvent, listener)
    order = await desk.opened(desk.connector.sell("WETH-USDC", Decimal(1), OrderType.LIMIT, Decimal(3000)))
    await desk.other_places(Side.BUY, "0.25", "3000")
    await desk.other_places(Side.BUY, "0.5", "3000")
    await desk.until(lambda: order.executed_amount_base == Decimal("0.75"))
    assert [(trade.type, trade.price, trade.amount) for trade in trades] == [
        (TradeType.BUY, 3000.0, 0.25),
        (TradeType.BUY, 3000.0, 0.5),
    ]
    assert abs(trades[0].timestamp - desk.connector.current_timestamp) < 60


async def test_a_pair_is_added_and_removed_while_the_connector_runs(desk):
    assert await desk.connector.add_trading_pair("TEGRO-USDC")
    await desk.other_places(Side.BUY, "100", "0.05", "TEGRO_USDC")
    await desk.until(lambda: levels(desk, "TEGRO-USDC", Side.BUY) == [("0.05", "100")])
    await desk.other.cancel_all()
    await desk.until(lambda: levels(desk, "TEGRO-USDC", Side.BUY) == [])

    assert await desk.connector.remove_trading_pair("TEGRO-USDC")
    assert "TEGRO-USDC" not in desk.connector.trading_pairs
    assert "TEGRO-USDC" not in desk.connector.order_books
    assert not await desk.connector.add_trading_pair("NOPE-USDC")


async def test_defect_28_the_last_traded_price_is_that_of_the_pair_that_was_asked_for(desk):
    await desk.other_places(Side.SELL, "0.01", "95000", "WBTC_USDC")
    await desk.other_places(Side.BUY, "0.01", "95000", "WBTC_USDC")
    await desk.until(lambda: levels(desk, "WBTC-USDC", Side.SELL) == [])
    prices = await desk.connector.get_last_traded_prices(["WBTC-USDC"])
    assert prices == {"WBTC-USDC": 95000.0}


async def test_a_market_without_a_trade_has_no_price_and_is_not_asked_for_all_the_time(desk, caplog):
    pair = "TEGRO-USDC"
    assert await desk.connector.get_last_traded_prices([pair]) == {pair: 0.0}
    rates = await MarketDataProvider(connectors={})._safe_get_last_traded_prices(desk.connector, [pair])
    assert (rates, [record for record in caplog.records if record.exc_info]) == ({}, [])
    assert await desk.connector.add_trading_pair(pair)
    book = desk.connector.get_order_book(pair)
    await desk.until(lambda: book.last_trade_price_rest_updated > 0)
    assert math.isnan(book.last_trade_price)
    assert await desk.connector.remove_trading_pair(pair)


async def test_defect_5_and_27_every_market_of_the_venue_is_a_pair_of_its_tokens_symbols(desk):
    assert sorted(await desk.connector.all_trading_pairs()) == ["TEGRO-USDC", "WBTC-USDC", "WETH-USDC"]
    assert await desk.connector.exchange_symbol_associated_to_pair("WBTC-USDC") == "WBTC_USDC"


async def test_update_ids_rise_although_the_clock_stands_or_steps_back():
    times = iter([100, 100, 50, 200])
    source = TegroAPIOrderBookDataSource(None, [], clock_ns=lambda: next(times))
    assert [source._next_update_id() for _ in range(4)] == [100, 101, 102, 200]
