"""Hummingbot's book is a copy of the client's, whatever comes in which order."""

import asyncio
from decimal import Decimal

from hummingbot.connector.exchange.tegro.tegro_api_order_book_data_source import TegroAPIOrderBookDataSource
from hummingbot.core.data_type.order_book import OrderBook as HostBook
from hypothesis import example, given
from hypothesis import strategies as st

from hummingbot_tegro.common.order_book_tracker import TegroOrderBookTracker
from tegro.events import Resync
from tegro.model import BookChange, BookLevel, BookSnapshot
from tegro.order_book import OrderBook

PAIR, SYMBOL = "WETH-USDC", "WETH_USDC"
START_MS = 1_700_000_000_000


class Link:
    """Knows one market."""

    def pair_of(self, symbol: str) -> str | None:
        return PAIR if symbol == SYMBOL else None

    def known_market(self, pair: str) -> str | None:
        return SYMBOL if pair == PAIR else None


class Books:
    """One live book, without a stream."""

    def __init__(self) -> None:
        self.only = OrderBook(SYMBOL)

    def live(self, _market: str) -> OrderBook:
        return self.only


class Copy:
    """The client's book, and Hummingbot's beside it."""

    def __init__(self) -> None:
        self.books = Books()
        self.source = TegroAPIOrderBookDataSource(Link(), [PAIR])
        self.source._books = self.books
        self.tracker = TegroOrderBookTracker(self.source, [PAIR])
        self.tracker._order_books[PAIR] = HostBook()

    def change(self, change: BookChange) -> None:
        self.books.only.apply_change(change)
        self.source._change(change)

    async def snapshot(self, snapshot: BookSnapshot) -> None:
        self.books.only.apply_snapshot(snapshot)
        await self.source._take(Resync(SYMBOL, "asked for"))

    def shown(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        book = self.tracker.order_books[PAIR]
        return (
            [(row.price, row.amount) for row in book.bid_entries()],
            [(row.price, row.amount) for row in book.ask_entries()],
        )

    def expected(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        book = self.books.only
        return (
            [(float(level.price), float(level.quantity)) for level in book.bids()],
            [(float(level.price), float(level.quantity)) for level in book.asks()],
        )


def side(low: int, high: int):
    price, quantity = st.integers(low, high).map(Decimal), st.integers(0, 3).map(Decimal)
    return st.lists(st.builds(BookLevel, price, quantity), max_size=3, unique_by=lambda level: level.price)


times = st.integers(0, 3000).map(lambda late: START_MS + late)
changes = st.builds(BookChange, symbol=st.just(SYMBOL), bids=side(90, 95), asks=side(96, 101), timestamp_ms=times)
snapshots = st.builds(BookSnapshot, symbol=st.just(SYMBOL), bids=side(90, 95), asks=side(96, 101), timestamp_ms=times)


def change_of(late_ms: int, *bids: tuple[int, int]) -> BookChange:
    levels = [BookLevel(Decimal(price), Decimal(quantity)) for price, quantity in bids]
    return BookChange(symbol=SYMBOL, bids=levels, asks=[], timestamp_ms=START_MS + late_ms)


@given(st.lists(st.one_of(changes, changes, snapshots), max_size=12))
@example([change_of(2000, (92, 2)), change_of(1000, (92, 1), (91, 3))])
@example([change_of(2000, (92, 2)), change_of(2000, (92, 0))])
def test_whatever_comes_the_copy_is_the_book(happenings):
    async def check() -> None:
        copy = Copy()
        await copy.snapshot(BookSnapshot(symbol=SYMBOL, bids=[], asks=[], timestamp_ms=START_MS))
        for happening in happenings:
            if isinstance(happening, BookChange):
                copy.change(happening)
            else:
                await copy.snapshot(happening)
            assert copy.shown() == copy.expected()

    asyncio.run(check())


async def test_a_change_of_a_pair_without_a_book_yet_is_left_to_the_copy_that_is_made_later():
    copy = Copy()
    await copy.snapshot(BookSnapshot(symbol=SYMBOL, bids=[], asks=[], timestamp_ms=START_MS))
    del copy.tracker._order_books[PAIR]
    copy.change(change_of(1, (92, 2)))
    assert copy.tracker.order_books == {}


async def test_what_was_put_into_the_book_is_counted_as_hummingbot_counts():
    copy = Copy()
    await copy.snapshot(BookSnapshot(symbol=SYMBOL, bids=[], asks=[], timestamp_ms=START_MS))
    copy.change(change_of(1, (92, 2)))
    copy.change(change_of(2, (92, 1)))
    counts = copy.tracker.metrics.to_dict()
    assert (counts["total_snapshots_processed"], counts["total_diffs_processed"]) == (1, 2)
    assert counts["per_pair_metrics"][PAIR]["diffs_processed"] == 2
    assert counts["per_pair_metrics"][PAIR]["last_snapshot_timestamp"] > 0


async def test_under_a_tracker_of_hummingbots_own_changes_go_into_its_queues():
    source = TegroAPIOrderBookDataSource(Link(), [PAIR])
    source._books = Books()
    await source._take(Resync(SYMBOL, "asked for"))
    source._change(change_of(1, (92, 2)))
    assert source._message_queue[source._snapshot_messages_queue_key].qsize() == 1
    (message,) = source._message_queue[source._diff_messages_queue_key]._queue
    assert message.bids[0].price == 92.0
