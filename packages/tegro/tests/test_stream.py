"""The event stream: subscriptions, events, reconnection, and everything a venue may send that is no event."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.backoff import Backoff
from tegro.errors import Closed
from tegro.events import read_frame
from tegro.model import OrderStatus, Token
from tegro.stream import (
    BookChanged,
    Connected,
    Disconnected,
    EventStream,
    Lagged,
    OrderEvent,
    Stale,
    TradeEvent,
    UserTradeEvent,
)

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
DEADLINE_SECS = 10


@pytest.fixture
def waits():
    return []


@pytest.fixture
def opened(stub, session, environment_at, waits, rng):
    """Open a stream to the stub and wait for its first `Connected`."""

    async def sleep(delay_secs):
        waits.append(delay_secs)

    @asynccontextmanager
    async def open_stream(**options):
        stream = EventStream(environment_at(stub.url), session, sleep=sleep, rng=rng, **options)
        async with stream:
            assert await take(stream) == [Connected(1)]
            yield stream

    return open_stream


async def take(stream, count=1):
    async with asyncio.timeout(DEADLINE_SECS):
        return [await anext(stream) for _ in range(count)]


async def frames(stub, count):
    async with asyncio.timeout(DEADLINE_SECS):
        while len(stub.frames) < count:
            stub.frame_received.clear()
            await stub.frame_received.wait()
    return [(frame["action"], frame["channelId"]) for frame in stub.frames]


async def send(stub, *bodies):
    for body in bodies:
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        if isinstance(text, bytes):
            await stub.sockets[-1].send_bytes(text)
        else:
            await stub.sockets[-1].send_str(text)


def diff(symbol, price="1"):
    level = [{"price": price, "quantity": "1"}]
    return {"action": "order_book_diff", "data": {"symbol": symbol, "timestamp": 1, "bids": level, "asks": None}}


def trade(action, symbol="WETH_USDT"):
    data = {"id": "t", "symbol": symbol, "price": 1, "amount": 2, "state": "success", "timestamp": 1}
    return {"action": action, "data": data | {"is_buyer_maker": True}}


def order(action, order_id="1"):
    return {"action": action, "data": {"order_id": order_id, "side": "buy", "status": "open"}}


async def test_it_is_connected_only_once_the_venue_has_taken_the_subscriptions(stub, session, environment_at, rng):
    stub.may_read.clear()
    async with EventStream(environment_at(stub.url), session, wallets=[WALLET], rng=rng) as stream:
        async with asyncio.timeout(DEADLINE_SECS):
            await stub.socket_opened.wait()
        # What the venue sends first arrives, and still nothing says that the subscription counts.
        await send(stub, {"action": "order_book_diff", "data": {"symbol": "NOT_FOLLOWED"}}, "no json")
        async with asyncio.timeout(DEADLINE_SECS):
            while not stream.skipped:  # noqa: ASYNC110  (the stream announces no skipped frame)
                await asyncio.sleep(0)
        first = asyncio.ensure_future(anext(stream))
        assert not (await asyncio.wait([first], timeout=0))[0]
        stub.may_read.set()
        async with asyncio.timeout(DEADLINE_SECS):
            assert await first == Connected(1)
        assert await frames(stub, 1) == [("subscribe", WALLET.lower())]


async def test_everything_is_subscribed_on_one_socket_and_defect_40_wallets_in_lower_case(opened, stub, market):
    async with opened(markets=[market], wallets=[WALLET]):
        assert await frames(stub, 2) == [("subscribe", market.channel), ("subscribe", WALLET.lower())]
        assert len(stub.sockets) == 1


async def test_defect_22_every_market_is_subscribed_and_a_shared_channel_once(opened, stub, make_market):
    weth, dai = make_market(), make_market(symbol="WETH_DAI")
    wbtc = make_market(symbol="WBTC_USDT", base=Token(address="0x" + "ab" * 20, symbol="WBTC", decimals=8))
    async with opened(markets=[weth, dai, wbtc]):
        assert await frames(stub, 2) == [("subscribe", weth.channel), ("subscribe", wbtc.channel)]


async def test_defect_38_every_kind_of_event_arrives_typed_and_in_order(opened, stub, market):
    async with opened(markets=[market], wallets=[WALLET]) as stream:
        await send(
            stub,
            order("order_placed"),
            order("order_submitted"),
            diff("WETH_USDT"),
            trade("trade_created"),
            trade("trade_updated"),
            trade("user_trade_created"),
            trade("user_trade_updated"),
            order("order_trade_processed"),
        )
        events = await take(stream, 8)
        kinds = [
            OrderEvent,
            OrderEvent,
            BookChanged,
            TradeEvent,
            TradeEvent,
            UserTradeEvent,
            UserTradeEvent,
            OrderEvent,
        ]
        assert [type(event) for event in events] == kinds
        assert [event.action for event in events if isinstance(event, OrderEvent)] == [
            "order_placed",
            "order_submitted",
            "order_trade_processed",
        ]
        assert [event.is_update for event in events[3:7]] == [False, True, False, True]


async def test_the_golden_frames_are_read_the_half_old_and_the_list_form_too(golden):
    for name in ("ws_order_submitted_old_names", "ws_order_submitted_array"):
        (event,) = read_frame(golden(name))
        assert (event.order.status, event.order.cancel_code) == (OrderStatus.CANCELLED, 611)
    (changed,) = read_frame(golden("ws_order_book_diff"))
    assert changed.change.symbol == "WETH_USDC"
    (traded,) = read_frame(golden("ws_trade_updated"))
    assert traded.is_update


async def test_a_market_that_shares_the_channel_is_kept_apart_by_its_symbol(opened, stub, market):
    async with opened(markets=[market]) as stream:
        await send(stub, diff("WETH_DAI"), trade("trade_created", "WETH_DAI"), diff("WETH_USDT"))
        (event,) = await take(stream)
        assert event.change.symbol == "WETH_USDT"


async def test_two_markets_of_one_base_token_share_a_socket_and_each_gets_its_own(opened, stub, make_market):
    weth, dai = make_market(), make_market(symbol="WETH_DAI")
    async with opened(markets=[weth, dai]) as stream:
        await send(stub, diff("WETH_DAI", "2"), diff("WETH_USDT", "1"), diff("WETH_EUR"), trade("trade_created"))
        one, other, traded = await take(stream, 3)
        assert (one.change.symbol, str(one.change.bids[0].price)) == ("WETH_DAI", "2")
        assert (other.change.symbol, str(other.change.bids[0].price)) == ("WETH_USDT", "1")
        assert traded.trade.symbol == "WETH_USDT"


async def test_frames_that_come_twice_or_in_the_wrong_order_can_be_told_by_id_and_time(opened, stub, market):
    async with opened(markets=[market]) as stream:
        late = trade("trade_created")
        await send(stub, trade("trade_updated"), late, late)
        events = await take(stream, 3)
        assert {event.trade.trade_id for event in events} == {"t"}
        assert [event.is_update for event in events] == [True, False, False]


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "",
        "[]",
        "{}",
        '{"action":1}',
        '{"action":"order_filled","data":{}}',
        '{"action":"order_book_diff"}',
        '{"action":"order_book_diff","data":null}',
        '{"action":"order_book_diff","data":{"symbol":"WETH_USDT","bids":[{"price":"x","quantity":"1"}]}}',
        '{"action":"order_submitted","data":{"order_id":"1","side":"up","status":"open"}}',
        '{"action":"order_submitted","data":[{"order_id":"1"}]}',
        '{"action":"trade_created","data":' + "[" * 50_000,
        b"\xff\xfe",
    ],
)
async def test_a_frame_that_is_no_event_is_counted_and_skipped(opened, stub, market, frame):
    async with opened(markets=[market]) as stream:
        await send(stub, frame, diff("WETH_USDT"))
        assert [type(event) for event in await take(stream)] == [BookChanged]
        assert stream.skipped == 1


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: '{"action":"order_book_diff","data":' + text))
def test_no_frame_raises_anything_but_what_is_caught(frame):
    with suppress(msgspec.DecodeError, ValueError):
        read_frame(frame)


async def test_defect_39_a_closed_socket_is_opened_again_with_every_subscription(opened, stub, market, waits):
    async with opened(markets=[market], wallets=[WALLET]) as stream:
        await send(stub, diff("WETH_USDT"))
        await take(stream)
        await stub.sockets[0].close(code=1012)
        lost, again = await take(stream, 2)
        assert lost == Disconnected("closed by the venue with code 1012")
        assert again == Connected(2)
        expected = [("subscribe", market.channel), ("subscribe", WALLET.lower())]
        assert await frames(stub, 4) == expected * 2
        await send(stub, diff("WETH_USDT"))
        assert isinstance((await take(stream))[0], BookChanged)
        assert 0.125 <= waits[0] <= 0.25


async def test_waits_grow_while_connections_bring_nothing_and_start_again_after_one_that_does(
    opened, stub, market, waits
):
    async with opened(markets=[market], backoff=Backoff(first_secs=1, cap_secs=8)) as stream:
        for _ in range(5):
            await stub.sockets[-1].close()
            await take(stream, 2)
        await send(stub, diff("WETH_USDT"))
        await take(stream)
        await stub.sockets[-1].close()
        await take(stream, 2)
    longest = [1, 2, 4, 8, 8, 1]
    assert all(most / 2 <= wait <= most for wait, most in zip(waits, longest, strict=True))


async def test_a_host_that_is_not_there_is_tried_again(session, environment_at, rng):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        waits = []

        async def sleep(delay_secs):
            waits.append(delay_secs)
            await asyncio.sleep(0)

        environment = environment_at(f"http://127.0.0.1:{unused.getsockname()[1]}")
        async with EventStream(environment, session, sleep=sleep, rng=rng) as stream:
            events = await take(stream, 3)
        assert all(isinstance(event, Disconnected) and "connection failed" in event.reason for event in events)
        assert len(waits) >= 2


async def test_a_socket_that_answers_pings_but_delivers_nothing_is_told_and_made_again(opened, stub, market):
    async with opened(markets=[market], idle_secs=0.02) as stream:
        quiet, lost, again = await take(stream, 3)
        assert isinstance(quiet, Stale)
        assert quiet.symbol is None
        assert "nothing arrived for 0.02 s" in quiet.reason
        assert lost == Disconnected(quiet.reason)
        assert again == Connected(2)
        assert (await frames(stub, 2))[:2] == [("subscribe", market.channel)] * 2


async def test_a_socket_that_delivers_is_not_idle(opened, stub, market):
    async with opened(markets=[market], idle_secs=0.3) as stream:
        started = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - started < 0.7:
            await send(stub, diff("WETH_USDT"))
            assert isinstance((await take(stream))[0], BookChanged)
        assert len(stub.sockets) == 1


async def test_silence_is_nothing_where_it_is_not_watched(opened, stub, market):
    async with opened(markets=[market], idle_secs=None) as stream:
        await send(stub, diff("WETH_USDT"))
        assert isinstance((await take(stream))[0], BookChanged)


async def test_a_connection_is_made_again_on_demand(opened, stub, session, environment_at, market):
    async with opened(markets=[market]) as stream:
        stream.reconnect("no trust")
        stream.reconnect("no trust in it")
        assert await take(stream, 2) == [Disconnected("no trust in it"), Connected(2)]
    unused = EventStream(environment_at(stub.url), session)
    unused.reconnect("there is nothing to make again")
    await unused.aclose()


async def test_a_socket_cut_while_it_subscribes_is_opened_again(stub, session, environment_at, market, rng):
    stub.may_read.clear()

    async def sleep(_delay_secs):
        stub.may_read.set()

    async with EventStream(environment_at(stub.url), session, markets=[market], sleep=sleep, rng=rng) as stream:
        async with asyncio.timeout(DEADLINE_SECS):
            await stub.socket_opened.wait()
        stub.sockets[0]._req.transport.abort()
        lost, connected = await take(stream, 2)
        assert "connection" in lost.reason
        assert connected == Connected(1)
        assert await frames(stub, 1) == [("subscribe", market.channel)]


async def test_a_market_can_be_followed_and_left_later(opened, stub, make_market):
    weth, dai = make_market(), make_market(symbol="WETH_DAI")
    async with opened() as stream:
        await stream.subscribe_market(weth)
        await stream.subscribe_market(weth)
        await stream.subscribe_market(dai)
        await stream.unsubscribe_market(weth)
        await stream.unsubscribe_market(dai)
        await stream.unsubscribe_market(dai)
        await stream.subscribe_wallet(WALLET)
        await stream.subscribe_wallet(WALLET.lower())
        assert await frames(stub, 3) == [
            ("subscribe", weth.channel),
            ("unsubscribe", weth.channel),
            ("subscribe", WALLET.lower()),
        ]
        assert len(stub.frames) == 3


async def test_a_slow_reader_loses_the_oldest_events_and_is_told(opened, stub, market):
    async with opened(markets=[market], queue_size=3) as stream:
        await send(stub, *(diff("WETH_USDT", str(price)) for price in range(1, 11)))
        async with asyncio.timeout(DEADLINE_SECS):
            while stream.dropped < 7:  # noqa: ASYNC110  nothing tells of a drop but the counter
                await asyncio.sleep(0)
        lagged, *rest = await take(stream, 4)
        assert lagged == Lagged(7)
        assert [str(event.change.bids[0].price) for event in rest] == ["8", "9", "10"]
        await send(stub, diff("WETH_USDT"))
        assert isinstance((await take(stream))[0], BookChanged)


async def test_closing_ends_the_iteration_and_may_be_repeated(opened, market):
    async with opened(markets=[market]) as stream:
        waiting = asyncio.create_task(anext(stream, "end"))
        await asyncio.sleep(0)
        await stream.aclose()
        await stream.aclose()
        async with asyncio.timeout(DEADLINE_SECS):
            assert await waiting == "end"
        assert [event async for event in stream] == []
        for call in (
            stream.subscribe_market(market),
            stream.unsubscribe_market(market),
            stream.subscribe_wallet(WALLET),
        ):
            with pytest.raises(Closed):
                await call
        with pytest.raises(Closed):
            await stream.__aenter__()


async def test_a_fault_of_ours_reaches_the_reader_instead_of_silence(stub, session, environment_at):
    async def broken(_delay_secs):
        raise ZeroDivisionError

    stream = EventStream(environment_at(stub.url), session, sleep=broken)
    assert await take(stream) == [Connected(1)]
    await stub.sockets[0].close()
    assert isinstance((await take(stream))[0], Disconnected)
    with pytest.raises(ZeroDivisionError):
        await take(stream)
    await stream.aclose()
