"""The streams on real sockets: what is subscribed, what frames become, and how a broken socket comes back."""

import asyncio
from decimal import Decimal

import pytest

from tegro.candles import Interval
from tegro.errors import Closed, InvalidInput
from tegro.model import Side
from tegro.perpetual import OrderState, PositionSide
from tegro.perpetual.events import (
    AccountEvent,
    CandleEvent,
    ChannelConnected,
    ChannelDisconnected,
    DepthEvent,
    ListenKeyExpired,
    MarginCallEvent,
    MarkEvent,
    OrderUpdate,
    PublicTradeEvent,
)

DEPTH = {
    "e": "depthUpdate",
    "E": 5,
    "T": 5,
    "s": "ETHUSDT",
    "U": 11,
    "u": 12,
    "pu": 10,
    "b": [["2000.5", "0"]],
    "a": [],
}
TRADE = {"e": "aggTrade", "E": 5, "s": "ETHUSDT", "a": 3, "p": "2000.5", "q": "1.5", "f": 1, "l": 1, "T": 4, "m": True}
MARK = {"e": "markPriceUpdate", "E": 5, "s": "ETHUSDT", "p": "2000", "i": "1999", "P": "0", "r": "-0.0001", "T": 9}
KLINE = {
    "e": "kline",
    "E": 5,
    "s": "ETHUSDT",
    "k": {
        "t": 0,
        "T": 59_999,
        "s": "ETHUSDT",
        "i": "1m",
        "f": 1,
        "L": 2,
        "o": "1",
        "c": "2",
        "h": "3",
        "l": "0.5",
        "v": "10",
        "n": 2,
        "x": True,
        "q": "15",
        "V": "4",
        "Q": "6",
        "B": "0",
    },
}
ORDER = {
    "e": "ORDER_TRADE_UPDATE",
    "E": 8,
    "T": 7,
    "o": {
        "s": "ETHUSDT",
        "c": "mine",
        "S": "SELL",
        "o": "LIMIT",
        "f": "GTX",
        "q": "2",
        "p": "2000",
        "ap": "2000",
        "sp": "0",
        "x": "TRADE",
        "X": "PARTIALLY_FILLED",
        "i": 77,
        "l": "0.5",
        "L": "2000",
        "z": "0.5",
        "N": "USDT",
        "n": "0.2",
        "T": 7,
        "t": 900,
        "m": True,
        "R": False,
        "ps": "LONG",
        "rp": "-1.25",
    },
}
ACCOUNT = {
    "e": "ACCOUNT_UPDATE",
    "E": 8,
    "T": 7,
    "a": {
        "m": "ORDER",
        "B": [{"a": "USDT", "wb": "999.8", "cw": "999.8", "bc": "0"}],
        "P": [{"s": "ETHUSDT", "pa": "-0.5", "ep": "2000", "up": "1", "mt": "cross", "iw": "0", "ps": "SHORT"}],
    },
}


async def next_of(stream, kind):
    async with asyncio.timeout(30):
        async for event in stream:
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the stream ended before a {kind.__name__}")


async def connected(stream, count):
    async with asyncio.timeout(30):
        return {(await next_of(stream, ChannelConnected)).channel for _ in range(count)}


def socket_of(venue, path):
    return venue.sockets[next(index for index, each in enumerate(venue.socket_paths) if each.startswith(path))]


async def push(venue, path, stream_name, event):
    await socket_of(venue, path).send_json({"stream": stream_name, "data": event})


@pytest.fixture
async def stream(client, venue):
    venue.standing["POST", "v1/listenKey"] = {"listenKey": "key-of-the-stream"}
    venue.standing["PUT", "v1/listenKey"] = {}
    async with client.stream(["ETHUSDT"], candles=Interval.ONE_MINUTE, account=True) as made:
        assert await connected(made, 3) == {"public", "market", "account"}
        yield made


async def test_each_group_has_its_socket_and_its_names(stream, venue):
    assert sorted(venue.socket_paths) == ["/market/stream", "/private/ws?listenKey=key-of-the-stream", "/public/stream"]
    assert sorted(venue.subscriptions) == [
        ["ethusdt@aggTrade", "ethusdt@markPrice@1s", "ethusdt@kline_1m"],
        ["ethusdt@depth@100ms"],
    ]
    (asked,) = venue.of("POST", "v1/listenKey")
    assert asked.key == "key-1"


async def test_frames_become_events(stream, venue):
    await push(venue, "/public", "ethusdt@depth@100ms", DEPTH)
    change = (await next_of(stream, DepthEvent)).change
    assert (change.first_id, change.last_id, change.previous_id) == (11, 12, 10)
    assert [(level.price, level.quantity) for level in change.bids] == [(Decimal("2000.5"), Decimal(0))]
    await push(venue, "/market", "ethusdt@aggTrade", TRADE)
    trade = (await next_of(stream, PublicTradeEvent)).trade
    assert (trade.symbol, trade.price, trade.quantity, trade.taker_side) == (
        "ETHUSDT",
        Decimal("2000.5"),
        Decimal("1.5"),
        Side.SELL,
    )
    await push(venue, "/market", "ethusdt@markPrice@1s", MARK)
    mark = (await next_of(stream, MarkEvent)).mark
    assert (mark.mark, mark.index, mark.funding_rate, mark.next_funding_ms) == (2000, 1999, Decimal("-0.0001"), 9)
    await push(venue, "/market", "ethusdt@kline_1m", KLINE)
    told = await next_of(stream, CandleEvent)
    assert (told.interval, told.candle.close_time_ms, told.candle.close, told.candle.is_closed) == (
        "1m",
        60_000,
        2,
        True,
    )


async def test_account_frames_become_events(stream, venue):
    private = socket_of(venue, "/private")
    await private.send_json(ORDER)
    told = await next_of(stream, OrderUpdate)
    assert (told.order.state, told.order.filled, told.order.position_side) == (
        OrderState.PARTIALLY_FILLED,
        Decimal("0.5"),
        PositionSide.LONG,
    )
    assert told.fill is not None
    assert (told.fill.trade_id, told.fill.fee, told.fill.fee_asset, told.fill.realized_pnl, told.fill.is_maker) == (
        900,
        Decimal("0.2"),
        "USDT",
        Decimal("-1.25"),
        True,
    )
    resting = {**ORDER["o"], "t": 0, "x": "NEW", "X": "NEW", "l": "0", "N": None}
    await private.send_json({**ORDER, "o": resting})
    assert (await next_of(stream, OrderUpdate)).fill is None
    await private.send_json({**ORDER, "o": {**resting, "X": "SOMETHING_NEW"}})
    assert (await next_of(stream, OrderUpdate)).order.state is OrderState.UNKNOWN
    await private.send_json(ACCOUNT)
    account = await next_of(stream, AccountEvent)
    assert [(each.asset, each.wallet) for each in account.balances] == [("USDT", Decimal("999.8"))]
    assert [(each.position_side, each.quantity) for each in account.positions] == [
        (PositionSide.SHORT, Decimal("-0.5"))
    ]
    endangered = {"s": "ETHUSDT", "ps": "LONG", "pa": "1", "mt": "CROSSED", "iw": "0", "mp": "9", "up": "-5", "mm": "4"}
    await private.send_json({"e": "MARGIN_CALL", "E": 8, "cw": "1", "p": [endangered]})
    assert (await next_of(stream, MarginCallEvent)).positions[0].maintenance == 4


async def test_what_cannot_be_read_is_counted_and_what_is_not_known_passes(stream, venue):
    market = socket_of(venue, "/market")
    for text in ("no json", "[1]", '{"stream": "x", "data": {"e": "aggTrade"}}'):
        await market.send_str(text)
    await market.send_json({"stream": "x", "data": {"e": "somethingNew"}})
    await push(venue, "/market", "ethusdt@aggTrade", TRADE)
    await next_of(stream, PublicTradeEvent)
    assert stream.skipped == 3


async def test_a_socket_that_breaks_comes_back_with_its_subscriptions(stream, venue):
    await socket_of(venue, "/market").close()
    lost = await next_of(stream, ChannelDisconnected)
    assert lost.channel == "market"
    assert await connected(stream, 1) == {"market"}
    assert venue.subscriptions.count(["ethusdt@aggTrade", "ethusdt@markPrice@1s", "ethusdt@kline_1m"]) == 2
    assert venue.socket_paths.count("/public/stream") == 1


async def test_contracts_are_followed_and_given_up_on_the_open_sockets(stream, venue):
    await stream.follow("BTCUSDT")
    await stream.follow("BTCUSDT")
    await push(venue, "/public", "btcusdt@depth@100ms", {**DEPTH, "s": "BTCUSDT"})
    assert (await next_of(stream, DepthEvent)).change.symbol == "BTCUSDT"
    await stream.unfollow("ETHUSDT")
    await stream.unfollow("ETHUSDT")
    async with asyncio.timeout(30):
        for _ in range(2):
            await venue.drops.acquire()
    await socket_of(venue, "/public").close()
    await socket_of(venue, "/market").close()
    assert await connected(stream, 2) == {"public", "market"}
    book, market = ["btcusdt@depth@100ms"], ["btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@kline_1m"]
    # Asked for once when it was followed, and once by each of the new sockets, which ask for nothing else.
    assert sorted(venue.subscriptions[2:]) == [market, market, book, book]
    assert sorted(venue.dropped_subscriptions) == [
        ["ethusdt@aggTrade", "ethusdt@markPrice@1s", "ethusdt@kline_1m"],
        ["ethusdt@depth@100ms"],
    ]
    await stream.aclose()
    with pytest.raises(Closed):
        await stream.follow("SOLUSDT")


async def test_an_expired_key_is_replaced(stream, venue):
    venue.standing["POST", "v1/listenKey"] = {"listenKey": "next"}
    await socket_of(venue, "/private").send_json({"e": "listenKeyExpired", "E": 1, "listenKey": "key-of-the-stream"})
    await next_of(stream, ListenKeyExpired)
    assert await connected(stream, 1) == {"account"}
    assert venue.socket_paths[-1] == "/private/ws?listenKey=next"


async def test_a_key_that_cannot_be_kept_is_replaced(client, venue, time):
    time.passes_long_waits = True
    venue.standing["POST", "v1/listenKey"] = {"listenKey": "first"}
    venue.answer("PUT", "v1/listenKey", {}, (400, {"code": -1125, "msg": "This listenKey does not exist."}))
    venue.standing["PUT", "v1/listenKey"] = (400, {"code": -1125, "msg": "This listenKey does not exist."})
    async with client.stream(account=True) as stream:
        lost = await next_of(stream, ChannelDisconnected)
        assert lost.channel == "account"
        await next_of(stream, ChannelConnected)
    assert len(venue.of("POST", "v1/listenKey")) >= 2


async def test_a_venue_without_keys_is_asked_again(client, venue):
    venue.answer("POST", "v1/listenKey", (400, {"code": -1000, "msg": "no"}))
    venue.standing["POST", "v1/listenKey"] = {"listenKey": "late"}
    venue.standing["PUT", "v1/listenKey"] = {}
    async with client.stream(account=True) as stream:
        assert "no" in (await next_of(stream, ChannelDisconnected)).reason
        assert await connected(stream, 1) == {"account"}


async def test_it_follows_something_and_nothing_after_its_end(client):
    with pytest.raises(InvalidInput, match="name a contract to follow"):
        client.stream()
    stream = client.stream(["ETHUSDT"])
    await stream.aclose()
    await stream.aclose()
    assert [event async for event in stream] == []
    with pytest.raises(Closed):
        async with stream:
            pass
