"""Live books on real sockets: right, or known to be stale until a snapshot was read again."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from tegro.events import Resync, Stale
from tegro.perpetual import PerpetualBooks
from tegro.perpetual.events import ChannelDisconnected, MarkEvent, PublicTradeEvent
from tegro.perpetual.model import DepthChange

DEPTH = ("GET", "v1/depth")
NOT_NOW = (400, {"code": -1000, "msg": "not now"})
TRADE = {"e": "aggTrade", "s": "ETHUSDT", "a": 3, "p": "2000.5", "q": "1", "T": 4, "m": True}
MARK = {"e": "markPriceUpdate", "E": 5, "s": "ETHUSDT", "p": "2000", "i": "1999", "r": "0", "T": 9}


def snapshot(last_id, *bids):
    return {"lastUpdateId": last_id, "bids": [list(each) for each in bids], "asks": [["2100", "1"]], "E": 1}


@dataclass
class Watched:
    """Live books, the changes that they told of, and the venue's side of the sockets."""

    books: PerpetualBooks
    venue: Any
    changes: "asyncio.Queue[DepthChange]"

    async def next_of(self, kind):
        async with asyncio.timeout(30):
            async for event in self.books:
                if isinstance(event, kind):
                    return event
        raise AssertionError(f"the books ended before a {kind.__name__}")

    def socket(self, path):
        paths = self.venue.socket_paths
        return self.venue.sockets[max(index for index, each in enumerate(paths) if each.startswith(path))]

    async def push(self, previous_id, last_id, price="2000", quantity="2", symbol="ETHUSDT"):
        event = {"e": "depthUpdate", "E": 5, "s": symbol, "U": previous_id + 1, "u": last_id, "pu": previous_id}
        event |= {"b": [[price, quantity]], "a": []}
        await self.socket("/public").send_json({"stream": "any", "data": event})

    async def changed(self):
        async with asyncio.timeout(30):
            return await self.changes.get()

    def bids(self, symbol="ETHUSDT"):
        book = self.books.live(symbol)
        return None if book is None else [(int(level.price), int(level.quantity)) for level in book.bids()]


@pytest.fixture
async def watched(client, venue):
    venue.standing[DEPTH] = snapshot(10, ("2000", "1"))
    changes = asyncio.Queue()
    async with client.live_books(["ETHUSDT"], on_change=changes.put_nowait) as books:
        made = Watched(books, venue, changes)
        assert made.bids() is None
        assert (await made.next_of(Resync)).symbol == "ETHUSDT"
        yield made


async def test_a_book_is_the_snapshot_and_the_changes_after_it(watched):
    assert watched.bids() == [(2000, 1)]
    await watched.push(8, 9, quantity="7")  # it is in the snapshot already
    await watched.push(9, 12)
    await watched.push(12, 13, price="1999")
    ids = [(await watched.changed()).last_id for _ in range(3)]
    assert ids == [9, 12, 13]
    assert watched.bids() == [(2000, 2), (1999, 2)]
    assert watched.books.live("ETHUSDT").last_id == 13


async def test_a_missing_change_makes_it_stale_until_a_snapshot_is_read(watched):
    await watched.push(10, 12)
    await watched.changed()
    watched.venue.standing[DEPTH] = snapshot(32, ("1990", "5"))
    await watched.push(20, 31, price="1980")
    stale = await watched.next_of(Stale)
    assert (stale.symbol, stale.reason) == ("ETHUSDT", "changes 12 to 20 are missing")
    await watched.next_of(Resync)
    assert watched.bids() == [(1990, 5)]
    await watched.push(31, 33, price="1980")
    assert (await watched.changed()).last_id == 33
    assert watched.bids() == [(1990, 5), (1980, 2)]


async def test_the_first_change_must_reach_back_to_the_snapshot(watched):
    watched.venue.standing[DEPTH] = snapshot(15, ("2000", "3"))
    await watched.push(12, 14)
    assert (await watched.next_of(Stale)).reason == "changes 10 to 12 are missing"
    await watched.next_of(Resync)
    assert watched.bids() == [(2000, 3)]


async def test_a_snapshot_older_than_the_kept_changes_is_read_again(watched):
    watched.venue.answer(*DEPTH, snapshot(15, ("1", "1")), snapshot(19, ("2", "1")))
    watched.venue.standing[DEPTH] = snapshot(20, ("1970", "5"))
    await watched.push(20, 21, price="1980")
    await watched.next_of(Stale)
    await watched.next_of(Resync)
    assert watched.bids() == [(1980, 2), (1970, 5)]
    assert len(watched.venue.of(*DEPTH)) == 4
    assert watched.changes.empty()  # what was kept is in the whole book that `Resync` tells of


async def test_a_snapshot_that_cannot_be_read_is_asked_for_again(watched, time):
    before_ms = time.now_ms()
    watched.venue.answer(*DEPTH, *[NOT_NOW] * 3)
    watched.venue.standing[DEPTH] = snapshot(22, ("1970", "5"))
    await watched.push(20, 21)
    await watched.next_of(Resync)
    assert watched.bids() == [(1970, 5)]
    assert time.now_ms() > before_ms


async def test_a_broken_stream_makes_every_book_stale_until_it_is_read_anew(watched):
    await watched.books.follow("BTCUSDT")
    await watched.next_of(Resync)
    watched.venue.standing[DEPTH] = NOT_NOW
    await watched.socket("/public").close()
    assert {(await watched.next_of(Stale)).symbol for _ in range(2)} == {"ETHUSDT", "BTCUSDT"}
    assert (await watched.next_of(ChannelDisconnected)).channel == "public"
    assert (watched.bids(), watched.bids("BTCUSDT")) == (None, None)
    watched.venue.standing[DEPTH] = snapshot(5, ("1970", "5"))
    assert {(await watched.next_of(Resync)).symbol for _ in range(2)} == {"ETHUSDT", "BTCUSDT"}
    # The new socket's ids have nothing to do with those of the one before.
    await watched.push(5, 6)
    assert (await watched.changed()).last_id == 6
    assert watched.bids() == [(2000, 2), (1970, 5)]


async def test_a_contract_is_followed_and_given_up_while_the_stream_is_open(watched):
    watched.venue.standing[DEPTH] = snapshot(40, ("90000", "1"))
    await watched.books.follow("BTCUSDT")
    await watched.books.follow("BTCUSDT")
    assert (await watched.next_of(Resync)).symbol == "BTCUSDT"
    assert watched.bids("BTCUSDT") == [(90_000, 1)]
    assert watched.venue.subscriptions.count(["btcusdt@depth@100ms"]) == 1
    await watched.books.unfollow("BTCUSDT")
    await watched.books.unfollow("BTCUSDT")
    assert watched.bids("BTCUSDT") is None
    async with asyncio.timeout(30):
        for _ in range(2):
            await watched.venue.drops.acquire()
    await watched.push(99, 100, symbol="BTCUSDT")
    await watched.push(10, 11)
    assert (await watched.changed()).symbol == "ETHUSDT"
    assert watched.venue.dropped_subscriptions.count(["btcusdt@depth@100ms"]) == 1


async def test_trades_and_marks_come_with_the_books(watched):
    market = watched.socket("/market")
    await market.send_json({"stream": "any", "data": TRADE})
    await market.send_json({"stream": "any", "data": MARK})
    assert (await watched.next_of(PublicTradeEvent)).trade.trade_id == 3
    assert (await watched.next_of(MarkEvent)).mark.mark == 2000


async def test_after_its_end_it_ends_the_iteration(watched):
    await watched.books.aclose()
    await watched.books.aclose()
    assert [event async for event in watched.books] == []
