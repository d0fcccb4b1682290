"""What a perpetual venue says, and the book that is made of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.candles import Interval
from tegro.errors import BadReply, Closed, InvalidInput, Refused
from tegro.model import BookLevel
from tegro.perpetual import MarginType, PositionMode
from tegro.perpetual.book import PerpetualBook
from tegro.perpetual.model import DepthChange, DepthSnapshot


async def test_contracts_come_with_their_rules_and_an_odd_one_hides_none(client, venue, contract, symbol_info):
    without = {**symbol_info, "symbol": "ODD", "filters": symbol_info["filters"][1:]}
    zero = {
        **symbol_info,
        "symbol": "ZERO",
        "filters": [{**symbol_info["filters"][0], "tickSize": "0"}, *symbol_info["filters"][1:]],
    }
    venue.answer("GET", "v1/exchangeInfo", {"symbols": [without, {"symbol": 5}, zero, symbol_info]})
    assert await client.contracts() == [contract]
    assert await client.contract("ethusdt") == contract
    with pytest.raises(InvalidInput, match="there is no contract 'NOPE'; the venue lists ETHUSDT"):
        await client.contract("NOPE")


async def test_prices_and_funding(client, venue):
    venue.answer(
        "GET",
        "v1/premiumIndex",
        {
            "symbol": "ETHUSDT",
            "markPrice": "2000.5",
            "indexPrice": "2000",
            "lastFundingRate": "0.0001",
            "nextFundingTime": 9,
            "time": 5,
        },
    )
    venue.answer("GET", "v1/fundingRate", [{"symbol": "ETHUSDT", "fundingRate": "-0.0002", "fundingTime": 7}])
    mark = await client.mark_price("ETHUSDT")
    assert (mark.mark, mark.index, mark.funding_rate, mark.next_funding_ms) == (
        Decimal("2000.5"),
        2000,
        Decimal("0.0001"),
        9,
    )
    assert [(each.rate, each.time_ms) for each in await client.funding_rates("ETHUSDT")] == [(Decimal("-0.0002"), 7)]


async def test_the_price_of_the_last_trade(client, venue):
    venue.answer("GET", "v2/ticker/price", {"symbol": "ETHUSDT", "price": "2000.55", "time": 5})
    assert await client.last_price("ETHUSDT") == Decimal("2000.55")
    (asked,) = venue.of("GET", "v2/ticker/price")
    assert asked.parameters == {"symbol": "ETHUSDT"}


async def test_candles_and_trades(client, venue):
    venue.now_ms = 90_000
    rows = [
        [0, "1", "3", "0.5", "2", "10", 59_999, "15", 2, "4", "6", "0"],
        [60_000, "2", "2", "2", "2", "0", 119_999, "0", 0, "0", "0", "0"],
    ]
    venue.answer("GET", "v1/klines", rows)
    await client.rest.synchronise()
    closed, running = await client.candles("ETHUSDT", Interval.ONE_MINUTE, start_ms=0, limit=2)
    assert (closed.close_time_ms, closed.quote_volume, closed.taker_buy_quote, closed.is_closed) == (
        60_000,
        15,
        6,
        True,
    )
    assert not running.is_closed
    assert venue.of("GET", "v1/klines")[0].parameters == {
        "symbol": "ETHUSDT",
        "interval": "1m",
        "limit": "2",
        "startTime": "0",
    }
    venue.answer("GET", "v1/aggTrades", [{"a": 1, "p": "2", "q": "3", "T": 4, "m": False, "f": 1, "l": 1}])
    (trade,) = await client.trades("ETHUSDT")
    assert (trade.symbol, trade.taker_side.value, trade.time_ms) == ("ETHUSDT", "buy", 4)


POSITION = {
    "symbol": "ETHUSDT",
    "positionSide": "LONG",
    "positionAmt": "0.5",
    "entryPrice": "2000",
    "markPrice": "2010",
    "unRealizedProfit": "5",
    "liquidationPrice": "1500.25",
    "leverage": "10",
    "marginType": "isolated",
    "isolatedWallet": "100",
    "updateTime": 5,
}


async def test_positions_that_are_flat_are_left_out(client, venue):
    flat = {**POSITION, "positionSide": "SHORT", "positionAmt": "0", "liquidationPrice": "0"}
    venue.answer("GET", "v2/positionRisk", [flat, POSITION])
    (position,) = await client.positions()
    assert (position.quantity, position.leverage, position.margin_type) == (Decimal("0.5"), 10, MarginType.ISOLATED)
    assert position.liquidation_price == Decimal("1500.25")


async def test_settings_are_sent_only_where_they_change_something(client, venue):
    venue.standing["GET", "v1/positionSide/dual"] = {"dualSidePosition": True}
    venue.standing["POST", "v1/positionSide/dual"] = {"code": 200, "msg": "success"}
    await client.set_position_mode(PositionMode.HEDGE)
    assert venue.of("POST", "v1/positionSide/dual") == []
    await client.set_position_mode(PositionMode.ONE_WAY)
    assert venue.of("POST", "v1/positionSide/dual")[0].parameters["dualSidePosition"] == "false"
    venue.standing["GET", "v2/positionRisk"] = [POSITION]
    venue.standing["POST", "v1/marginType"] = {"code": 200, "msg": "success"}
    await client.set_margin_type("ETHUSDT", MarginType.ISOLATED)
    assert venue.of("POST", "v1/marginType") == []
    await client.set_margin_type("ETHUSDT", MarginType.CROSSED)
    assert venue.of("POST", "v1/marginType")[0].parameters["marginType"] == "CROSSED"
    venue.answer("POST", "v1/leverage", {"leverage": 5, "maxNotionalValue": "1", "symbol": "ETHUSDT"}, {"leverage": 4})
    await client.set_leverage("ETHUSDT", 5)
    with pytest.raises(Refused, match="leverage 5 of ETHUSDT was asked for, the venue set 4"):
        await client.set_leverage("ETHUSDT", 5)


async def test_fills_are_read_page_by_page(client, venue):
    def row(number):
        return {
            "id": number,
            "orderId": 1,
            "symbol": "ETHUSDT",
            "side": "BUY",
            "price": "1",
            "qty": "1",
            "time": number,
            "commission": "0.1",
            "commissionAsset": "USDT",
            "realizedPnl": "0",
            "maker": True,
            "positionSide": "BOTH",
        }

    venue.answer("GET", "v1/userTrades", [row(number) for number in range(1, 1001)], [row(1001)])
    fills = await client.fills("ETHUSDT", start_ms=5)
    assert [fill.trade_id for fill in fills] == list(range(1, 1002))
    first, second = (each.parameters for each in venue.of("GET", "v1/userTrades"))
    assert (first["startTime"], "fromId" in first) == ("5", False)
    assert (second["fromId"], "startTime" in second) == ("1001", False)


async def test_a_read_that_was_refused_for_its_time_is_repeated_with_the_right_one(client, venue):
    late = (400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."})
    venue.answer("GET", "v1/openOrders", late, [])
    assert await client.open_orders() == []
    venue.answer("GET", "v1/openOrders", late, late)
    with pytest.raises(Refused, match="outside of the recvWindow"):
        await client.open_orders()


async def test_each_repetition_of_a_read_is_signed_anew(client, venue):
    venue.answer("GET", "v1/openOrders", (502, "bad"), [])
    await client.open_orders()
    first, second = (each.parameters for each in venue.of("GET", "v1/openOrders"))
    assert first["timestamp"] != second["timestamp"]
    assert first["signature"] != second["signature"]


async def test_what_is_no_answer_is_a_bad_reply(client, venue):
    venue.answer("GET", "v1/premiumIndex", {"symbol": "ETHUSDT"})
    with pytest.raises(BadReply, match="v1/premiumIndex could not be read"):
        await client.mark_price("ETHUSDT")


async def test_after_its_end_it_says_so(client):
    await client.aclose()
    with pytest.raises(Closed):
        await client.balances()


# The book

levels = st.lists(st.tuples(st.integers(1, 8), st.integers(0, 3)), max_size=4)


def level_list(rows):
    return [BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in rows]


@given(st.lists(st.tuples(levels, levels, st.booleans()), max_size=30), st.integers(0, 30))
def test_a_book_is_right_or_stale(steps, snapshot_at):
    """Changes with gaps, and a snapshot at any moment: while the book is not stale, it is the venue's."""
    book, true, last_id, heard, shown_at = PerpetualBook("ETHUSDT"), ({}, {}), 0, 0, None
    for number, (bids, asks, is_lost) in enumerate(steps):
        previous_id, last_id = last_id, last_id + 3
        for side, rows in zip(true, (bids, asks), strict=True):
            side.update(rows)
        if not is_lost:
            is_whole = book.take_change(
                DepthChange(
                    symbol="ETHUSDT",
                    first_id=previous_id + 1,
                    last_id=last_id,
                    previous_id=previous_id,
                    bids=level_list(dict(bids).items()),
                    asks=level_list(dict(asks).items()),
                    time_ms=0,
                )
            )
            follows_snapshot = shown_at is None or previous_id <= shown_at
            assert is_whole == (heard == previous_id or (heard == 0 and follows_snapshot))
            heard = last_id
        if number == snapshot_at:
            shown_at = last_id
            book.take_snapshot(
                DepthSnapshot(
                    symbol="ETHUSDT",
                    last_id=last_id,
                    bids=level_list((price, quantity) for price, quantity in true[0].items() if quantity),
                    asks=level_list((price, quantity) for price, quantity in true[1].items() if quantity),
                    time_ms=0,
                )
            )
        if not book.is_stale and heard == last_id:
            for side, shown in zip(true, (book.bids(), book.asks()), strict=True):
                assert {int(level.price): int(level.quantity) for level in shown} == {
                    price: quantity for price, quantity in side.items() if quantity
                }


def test_a_broken_stream_makes_it_stale_until_the_next_snapshot():
    book = PerpetualBook("ETHUSDT")
    assert book.is_stale
    book.take_snapshot(DepthSnapshot(symbol="ETHUSDT", last_id=5, bids=[], asks=[], time_ms=0))
    assert not book.is_stale
    book.lose("cut")
    assert book.stale_reason == "cut"
    assert book.take_change(
        DepthChange(symbol="ETHUSDT", first_id=90, last_id=99, previous_id=89, bids=[], asks=[], time_ms=0)
    )
    assert book.is_stale
