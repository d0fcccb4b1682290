"""Live books: snapshot and replay after each connect, staleness, crossed books, checks for lost changes."""

import asyncio
import json
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web

from tegro.backoff import Backoff
from tegro.errors import Closed, InvalidInput
from tegro.events import BookUpdated, Resync
from tegro.live_book import LiveBooks
from tegro.model import Side, Token
from tegro.rest import RestClient
from tegro.stream import (
    BookChanged,
    Connected,
    Disconnected,
    EventStream,
    Lagged,
    OrderEvent,
    Stale,
    TradeEvent,
)
from tegro.transport import ReadPolicy

DEPTH = "/api/v1/orderbook/depth"
WALLET = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
DEADLINE_SECS = 10
WETH = "WETH_USDT"


class Source:
    """What live books need of a client, without its start: one try for a read, no wait between connections."""

    def __init__(self, environment, session, rng, queue_size):
        self._rest = RestClient(environment, session, reads=ReadPolicy(tries=1), rng=rng)
        self._markets = {}
        self._make = lambda markets, wallets: EventStream(
            environment, session, markets=markets, wallets=wallets, sleep=no_wait, rng=rng, queue_size=queue_size
        )

    async def book(self, symbol, /):
        return await self._rest.book(self._markets[symbol])

    def stream(self, markets=(), wallets=()):
        self._markets |= {market.id: market for market in markets}
        return self._make(markets, wallets)


async def no_wait(_delay_secs):
    await asyncio.sleep(0)


class Depths:
    """The books that the stub serves, by market id; a request can be kept waiting."""

    def __init__(self, stub):
        self.books = {}
        self.asked = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failures = []
        self.most_at_once = self.at_once = 0
        stub.answer("GET", DEPTH, self.serve)

    def set(self, market, bids, asks=(("11", "1"),), at_secs=100):
        self.books[market.id] = {"timestamp": at_secs, "bids": rows(bids), "asks": rows(asks)}

    async def serve(self, request):
        self.asked.put_nowait(request.query["market_id"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        # What a snapshot holds is decided when the request arrives: it may be old when the answer does.
        body = json.dumps(self.books[request.query["market_id"]])
        try:
            await self.may_answer.wait()
        finally:
            self.at_once -= 1
        if self.failures:
            return self.failures.pop(0)
        return web.Response(text=body, content_type="application/json")


def rows(levels):
    return [{"price": price, "quantity": quantity} for price, quantity in levels] or None


def diff(bids=(), asks=(), symbol=WETH, at_secs=100):
    data = {"symbol": symbol, "timestamp": at_secs, "bids": rows(bids), "asks": rows(asks)}
    return {"action": "order_book_diff", "data": data}


def pairs(levels):
    return [(str(level.price), str(level.quantity)) for level in levels]


@pytest.fixture
def depths(stub, market):
    served = Depths(stub)
    served.set(market, [("10", "1")])
    return served


@pytest.fixture
def waits():
    return []


@pytest.fixture
def make_books(stub, session, environment_at, market, rng, waits):
    async def sleep(delay_secs):
        waits.append(delay_secs)
        await asyncio.sleep(0)

    def make(markets=(market,), wallets=(), *, queue_size=1000, **options):
        source = Source(environment_at(stub.url), session, rng, queue_size)
        settings = {"check_secs": None, "sleep": sleep, "rng": rng} | options
        return LiveBooks(source, markets, wallets, **settings)

    return make


@pytest.fixture
def opened(make_books, depths, market):
    """Open live books and read on to where every one is right."""

    @asynccontextmanager
    async def open_books(markets=(market,), **options):
        async with make_books(markets, **options) as books:
            assert await take(books) == [Connected(1)]
            ready = await take(books, len(markets))
            assert {event.symbol for event in ready} == {each.symbol for each in markets}
            assert all(isinstance(event, Resync) and event.reason == "connected" for event in ready)
            yield books

    return open_books


async def take(books, count=1):
    async with asyncio.timeout(DEADLINE_SECS):
        return [await anext(books) for _ in range(count)]


async def until(books, wanted):
    """Read on to an event of a type; return what came, it included."""
    found = []
    async with asyncio.timeout(DEADLINE_SECS):
        while not (found and isinstance(found[-1], wanted)):
            found.append(await anext(books))
    return found


async def send(stub, *frames):
    for frame in frames:
        await stub.sockets[-1].send_str(json.dumps(frame))


async def test_defect_23_a_book_is_one_snapshot_and_then_changes(opened, stub, depths):
    async with opened() as books:
        book = books.book(WETH)
        assert pairs(book.bids()) == [("10", "1")]
        await send(stub, diff(bids=[("10", "0"), ("9", "2")]))
        assert await take(books) == [BookUpdated(WETH)]
        assert pairs(book.bids()) == [("9", "2")]
        assert depths.asked.qsize() == 1


async def test_changes_that_come_while_the_snapshot_is_fetched_are_applied_over_it(make_books, stub, depths):
    depths.may_answer.clear()
    async with make_books() as books:
        assert await take(books) == [Connected(1)]
        await depths.asked.get()
        # One event that is passed on says that the change before it was taken.
        await send(stub, diff(bids=[("10", "5")], at_secs=101), trade())
        assert isinstance((await take(books))[0], TradeEvent)
        assert books.book(WETH).is_stale
        depths.may_answer.set()
        assert await take(books) == [Resync(WETH, "connected")]
        assert pairs(books.book(WETH).bids()) == [("10", "5")]


async def test_other_events_pass_and_a_change_that_is_repeated_does_nothing(opened, stub):
    async with opened(wallets=[WALLET]) as books:
        change = diff(bids=[("9", "2")])
        order = {"action": "order_submitted", "data": {"order_id": "1", "side": "buy", "status": "open"}}
        await send(stub, change, change, trade(), order)
        kinds = [type(event) for event in await take(books, 3)]
        assert kinds == [BookUpdated, TradeEvent, OrderEvent]
        assert pairs(books.book(WETH).bids()) == [("10", "1"), ("9", "2")]


def trade():
    data = {"id": "t", "symbol": WETH, "price": 1, "amount": 2, "state": "success", "timestamp": 1}
    return {"action": "trade_created", "data": data}


async def test_defect_54_a_book_is_stale_from_the_break_until_its_new_snapshot(opened, stub, depths, market):
    async with opened() as books:
        depths.may_answer.clear()
        depths.set(market, [("8", "3")])
        stub.sockets[-1]._req.transport.abort()
        lost, stale, again = await take(books, 3)
        assert isinstance(lost, Disconnected)
        assert stale == Stale(WETH, lost.reason)
        assert again == Connected(2)
        assert books.book(WETH).is_stale
        depths.may_answer.set()
        assert await take(books) == [Resync(WETH, "connected")]
        assert pairs(books.book(WETH).bids()) == [("8", "3")]


async def test_a_break_while_the_snapshot_is_pending_voids_it(make_books, stub, depths, market):
    depths.may_answer.clear()
    async with make_books() as books:
        assert await take(books) == [Connected(1)]
        await depths.asked.get()
        depths.set(market, [("8", "3")])
        stub.sockets[-1]._req.transport.abort()
        lost, again = await take(books, 2)
        assert isinstance(lost, Disconnected)
        assert again == Connected(2)
        depths.may_answer.set()
        assert await take(books) == [Resync(WETH, "connected")]
        assert pairs(books.book(WETH).bids()) == [("8", "3")]


async def test_a_snapshot_that_fails_is_asked_for_again_later_each_time(make_books, depths, waits):
    refusals = [web.Response(status=503), web.Response(text="no json"), web.Response(status=429)]
    refusals += [web.Response(status=429, headers={"Retry-After": "7"})]
    depths.failures = list(refusals)
    async with make_books(backoff=Backoff(first_secs=1, cap_secs=8)) as books:
        assert await take(books, 2) == [Connected(1), Resync(WETH, "connected")]
    assert [0.5 <= waits[0] <= 1, 1 <= waits[1] <= 2, 2 <= waits[2] <= 4, 7 <= waits[3] <= 8] == [True] * 4


async def test_so_many_snapshots_are_asked_for_at_once_and_no_more(make_books, depths, make_market):
    markets = [make_market(id=f"m{number}", symbol=f"M{number}_USDT") for number in range(6)]
    for each in markets:
        depths.set(each, [("10", "1")])
    depths.may_answer.clear()
    async with make_books(markets, concurrency=2) as books:
        assert await take(books) == [Connected(1)]
        for _ in range(2):
            await depths.asked.get()
        depths.may_answer.set()
        assert {event.symbol for event in await take(books, 6)} == {each.symbol for each in markets}
        assert depths.most_at_once == 2


async def test_a_crossed_book_is_stale_and_made_anew(opened, stub, depths, market):
    async with opened() as books:
        depths.may_answer.clear()
        depths.set(market, [("12", "1")], asks=[("13", "1")])
        await send(stub, diff(bids=[("12", "1")]))
        reason = "the book is crossed: bid 12, ask 11"
        assert await take(books) == [Stale(WETH, reason)]
        assert books.book(WETH).stale_reason == reason
        depths.may_answer.set()
        assert await take(books) == [Resync(WETH, reason)]
        assert pairs(books.book(WETH).bids()) == [("12", "1")]
        assert pairs(books.book(WETH).asks()) == [("13", "1")]


async def test_a_crossed_snapshot_is_not_believed(make_books, depths, market):
    depths.set(market, [("12", "1")])
    depths.may_answer.clear()
    async with make_books() as books:
        assert await take(books) == [Connected(1)]
        await depths.asked.get()
        depths.set(market, [("10", "2")])
        depths.may_answer.set()
        assert await take(books) == [Resync(WETH, "connected")]
        assert pairs(books.book(WETH).bids()) == [("10", "2")]
        assert depths.asked.qsize() == 1


async def test_a_slow_reader_finds_one_event_for_all_changes_of_a_market(opened, stub):
    async with opened() as books:
        await send(stub, *(diff(bids=[("9", str(quantity))]) for quantity in range(1, 50)))
        async with asyncio.timeout(DEADLINE_SECS):
            while pairs(books.book(WETH).bids())[-1] != ("9", "49"):  # noqa: ASYNC110  the event must not be read yet
                await asyncio.sleep(0)
        await send(stub, trade())
        assert [type(event) for event in await take(books, 2)] == [BookUpdated, TradeEvent]
        await send(stub, diff(bids=[("9", "50")]))
        assert await take(books) == [BookUpdated(WETH)]
        assert pairs(books.book(WETH).bids())[-1] == ("9", "50")


async def test_a_reader_who_loses_events_is_told_and_the_books_are_right_all_the_same(opened, stub):
    async with opened(wallets=[WALLET]) as books:
        books._outbox._size = 2
        await send(stub, diff(bids=[("9", "1")]), trade(), trade(), trade(), diff(bids=[("8", "1")]))
        async with asyncio.timeout(DEADLINE_SECS):
            while len(books.book(WETH).bids()) < 3:  # noqa: ASYNC110  nothing tells of it but an event, and none is read
                await asyncio.sleep(0)
        events = await take(books, 3)
        assert events[0] == Lagged(3)
        assert [type(event) for event in events[1:]] == [TradeEvent, BookUpdated]


async def test_books_are_made_anew_when_changes_were_dropped_before_they_were_applied(opened, stub, depths, market):
    async with opened() as books:
        depths.set(market, [("7", "7")])
        books._take(Lagged(3))
        assert await take(books, 2) == [
            Lagged(3),
            Stale(WETH, "3 events were dropped because they came too quickly"),
        ]
        assert await take(books) == [Resync(WETH, "events were dropped")]
        assert pairs(books.book(WETH).bids()) == [("7", "7")]


async def test_a_lost_change_is_found_and_only_that_market_is_made_anew(opened, stub, depths, market, make_market):
    base = Token(address="0x" + "ab" * 20, symbol="WBTC", decimals=8)
    wbtc = make_market(id="m2", symbol="WBTC_USDT", base=base)
    depths.set(wbtc, [("10", "1")])
    async with opened([market, wbtc], check_secs=0.0, settle_secs=0.0) as books:
        await send(stub, diff(bids=[("9", "2")]))
        assert await until(books, BookUpdated) == [BookUpdated(WETH)]
        # What the stream does not tell: a level more, and one gone.
        depths.set(market, [("10", "1"), ("9", "2"), ("9.5", "3")], asks=())
        stale, anew = await take(books, 2)
        assert stale == Stale(WETH, "a change was lost: buy 9.5 is 0 here and 3 there, and 1 more")
        assert anew == Resync(WETH, stale.reason)
        assert pairs(books.book(WETH).bids()) == [("10", "1"), ("9.5", "3"), ("9", "2")]
        assert (books.drifts, len(stub.sockets)) == (1, 1)
        assert not books.book("WBTC_USDT").is_stale


async def test_a_market_that_moves_while_its_channel_is_silent_is_subscribed_again(opened, stub, depths, market):
    async with opened(check_secs=0.0, settle_secs=0.0) as books:
        depths.set(market, [("9.5", "3")])
        stale, lost, again, anew = await take(books, 4)
        assert stale == Stale(WETH, "a change was lost: buy 9.5 is 0 here and 3 there, and 1 more")
        assert lost == Disconnected(f"{WETH}: {stale.reason}")
        assert (again, anew) == (Connected(2), Resync(WETH, "connected"))
        assert len(stub.sockets) == 2


async def test_a_book_that_is_right_is_checked_and_left_alone(opened, depths):
    async with opened(check_secs=0.0, settle_secs=0.0) as books:
        depths.failures = [web.Response(status=503)]
        async with asyncio.timeout(DEADLINE_SECS):
            for _ in range(5):
                await depths.asked.get()
        assert books.drifts == 0
        assert not books.book(WETH).is_stale


async def test_a_break_during_a_check_voids_it(opened, depths, market):
    async with opened(settle_secs=0.0) as books:
        await depths.asked.get()
        depths.set(market, [("9", "9")])
        depths.may_answer.clear()
        live = books._live[WETH]
        checking = asyncio.create_task(books._check(live))
        async with asyncio.timeout(DEADLINE_SECS):
            await depths.asked.get()
            books._lose(live, "the connection broke")
            depths.may_answer.set()
            await checking
        assert books.drifts == 0
        assert live.book.stale_reason == "the connection broke"


async def test_a_check_comes_at_its_time_give_or_take_a_quarter(opened, depths, waits):
    async with opened(check_secs=60.0, settle_secs=2.0):
        async with asyncio.timeout(DEADLINE_SECS):
            for _ in range(8):
                await depths.asked.get()
    pauses = [delay_secs for delay_secs in waits if delay_secs != 2.0]
    assert all(45 <= pause <= 75 for pause in pauses)
    assert len(set(pauses)) > 1
    assert waits.count(2.0) >= 7


async def test_a_fresh_book_is_the_live_one_or_a_snapshot_while_that_is_stale(opened, depths, market, make_market):
    async with opened() as books:
        assert await books.fresh_book(market) is books.book(WETH)
        depths.set(market, [("8", "8")])
        books.book(WETH).mark_stale("for the test")
        fresh = await books.fresh_book(market)
        assert pairs(fresh.bids()) == [("8", "8")]
        assert not fresh.is_stale
        other = make_market(id="m2")
        depths.set(other, [("7", "7")])
        books._client._markets["m2"] = other
        assert pairs((await books.fresh_book(other)).bids()) == [("7", "7")]


async def test_closing_ends_the_iteration_and_every_book_is_stale(opened):
    async with opened() as books:
        waiting = asyncio.create_task(anext(books, "end"))
        await asyncio.sleep(0)
        await books.aclose()
        await books.aclose()
        async with asyncio.timeout(DEADLINE_SECS):
            assert await waiting == "end"
        assert books.book(WETH).stale_reason == "the live books are closed"
        assert [event async for event in books] == []
    with pytest.raises(Closed):
        await books.__aenter__()


async def test_the_end_of_the_stream_ends_the_books(opened):
    async with opened(check_secs=60.0) as books:
        await books._stream.aclose()
        assert [event async for event in books] == [Stale(WETH, "the stream was closed")]
        assert books.book(WETH).is_stale


async def test_a_fault_of_ours_reaches_the_reader_instead_of_silence(make_books, depths):
    async def broken(_delay_secs):
        raise ZeroDivisionError

    async with make_books(check_secs=1.0, sleep=broken) as books:
        with pytest.raises(ExceptionGroup) as caught:
            await until(books, BookChanged)
        assert caught.group_contains(ZeroDivisionError)


async def test_markets_are_named_by_their_symbols_alone(make_books, market, make_market):
    with pytest.raises(InvalidInput, match="two of the markets have the same symbol"):
        make_books([market, make_market(id="another")])
    with pytest.raises(InvalidInput, match="'WBTC_USDT' is not followed; these are: WETH_USDT"):
        make_books().book("WBTC_USDT")


async def test_a_copy_is_told_of_each_change_of_a_book_that_is_right_and_of_no_other(opened, stub, market):
    told = []
    async with opened(on_change=told.append) as books:
        await send(stub, diff(bids=[("9", "2")]), diff(bids=[("9", "0")]), diff(bids=[("12", "1")]))
        await until(books, Stale)
        # The last one crossed the book, which is made anew then.
        assert [pairs(change.bids) for change in told[:2]] == [[("9", "2")], [("9", "0")]]
        assert books.book(WETH).quantity_at(Side.BUY, Decimal(9)) == 0


async def test_a_market_is_followed_and_given_up_on_the_open_socket(opened, stub, depths, market, make_market):
    base = Token(address="0x" + "ab" * 20, symbol="WBTC", decimals=8)
    other = make_market(id="m2", symbol="WBTC_USDT", base=base)
    depths.set(other, [("7", "3")])
    async with opened() as books:
        books._client._markets[other.id] = other
        await books.follow(other)
        await books.follow(other)
        resynced = (await until(books, Resync))[-1]
        assert (resynced.symbol, resynced.reason) == ("WBTC_USDT", "followed from now on")
        assert pairs(books.live(other).bids()) == [("7", "3")]
        await send(stub, diff(bids=[("6", "1")], symbol="WBTC_USDT"))
        await until(books, BookUpdated)
        assert pairs(books.book("WBTC_USDT").bids()) == [("7", "3"), ("6", "1")]

        await books.unfollow(other)
        await books.unfollow(other)
        assert books.live(other) is None
        await send(stub, diff(bids=[("5", "1")], symbol="WBTC_USDT"), diff(bids=[("9", "2")]))
        assert (await until(books, BookUpdated))[-1] == BookUpdated(WETH)
        with pytest.raises(InvalidInput, match="could not tell them apart"):
            await books.follow(make_market(symbol=WETH, id="another"))
