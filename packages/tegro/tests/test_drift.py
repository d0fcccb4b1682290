"""When a check accuses a stream of having lost a change: always if it did, never if it did not.

The model is a venue whose changes go into a pipe in order, come out later, and reach the book. A wait (`settle`) lets
everything arrive that was sent before the wait began: that is what "longer than a change is under way" means.
"""

from collections import deque
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tegro.drift import DriftCheck, drift_reason
from tegro.model import BookChange, BookLevel, BookSnapshot, Side
from tegro.order_book import Difference, OrderBook

PRICES = 3
TOTALS = st.integers(0, 2)


class Market:
    """A venue with one side of a book, the pipe behind it, and the live book at the pipe's other end."""

    def __init__(self):
        self.history = [{}]
        self.pipe = deque()
        self.book = OrderBook("X")
        self.book.apply_snapshot(self.snapshot())

    @property
    def now(self):
        return self.history[-1]

    def snapshot(self, age=0):
        """Return the book as it is, or as it was so many changes ago."""
        totals = self.history[max(0, len(self.history) - 1 - age)]
        bids = tuple(BookLevel(Decimal(price), Decimal(total)) for price, total in totals.items())
        return BookSnapshot(symbol="X", bids=bids, asks=(), timestamp_ms=0)

    def change(self, price, total, *, is_lost=False):
        self.history.append(self.now | {price: total})
        if not is_lost:
            self.pipe.append((price, total))

    def deliver(self):
        price, total = self.pipe.popleft()
        level = BookLevel(Decimal(price), Decimal(total))
        self.book.apply_change(BookChange(symbol="X", bids=(level,), asks=(), timestamp_ms=0))

    def is_wrong_at(self, price):
        ours = {int(level.price): int(level.quantity) for level in self.book.bids()}
        return ours.get(price, 0) != self.now.get(price, 0)


class Run:
    """Steps that hypothesis chooses: changes at the venue and deliveries, in any mixture."""

    def __init__(self, data, prices):
        self.data = data
        self.prices = st.integers(1, prices)
        self.market = Market()

    def live(self):
        """Let some things happen."""
        for step in self.data.draw(st.lists(st.sampled_from(["change", "deliver"]), max_size=5)):
            if step == "change":
                self.market.change(self.data.draw(self.prices), self.data.draw(TOTALS))
            elif self.market.pipe:
                self.market.deliver()

    def settle(self):
        """Let some things happen, and everything arrive that is under way now."""
        under_way = len(self.market.pipe)
        before = len(self.market.history)
        self.live()
        sent_meanwhile = len(self.market.history) - before
        while len(self.market.pipe) > sent_meanwhile and under_way:
            self.market.deliver()

    def snapshot(self):
        """Ask for a snapshot: it is taken at some moment of the request, or before, as long ago as the last wait."""
        began = len(self.market.history)
        self.live()
        oldest = len(self.market.history) - began + self.since_settling(began)
        return self.market.snapshot(self.data.draw(st.integers(0, oldest)))

    def since_settling(self, began):
        return began - self.settled_at

    def check(self):
        """Do what `LiveBooks` does; return what is found."""
        check, found = DriftCheck(self.market.book), []
        for _ in range(2):
            self.settled_at = len(self.market.history)
            self.settle()
            found = check.compare(self.snapshot())
            if not found:
                return []
        return found


@settings(max_examples=150)
@given(st.data())
def test_a_stream_that_loses_nothing_is_never_accused(data):
    run = Run(data, PRICES)
    for _ in range(3):
        run.live()
        assert run.check() == []


@settings(max_examples=150)
@given(st.data())
def test_a_change_that_was_lost_is_found_by_the_second_check(data):
    run = Run(data, PRICES)
    run.live()
    lost_at = PRICES + 1
    for _ in range(data.draw(st.integers(0, 3))):
        run.market.change(lost_at, data.draw(TOTALS))
        run.live()
    total = run.market.now.get(lost_at, 0)
    run.market.change(lost_at, total + 1, is_lost=True)
    found = run.check() or run.check()
    assert [int(each.price) for each in found] == [lost_at]
    assert run.market.is_wrong_at(lost_at)


def test_the_reason_names_the_first_level_and_counts_the_others():
    sell = Difference(side=Side.SELL, price=Decimal("11.50"), ours=Decimal(1), theirs=Decimal(0))
    buy = Difference(side=Side.BUY, price=Decimal(10), ours=Decimal(0), theirs=Decimal("2.5"))
    assert drift_reason([sell]) == "a change was lost: sell 11.50 is 1 here and 0 there"
    assert drift_reason([sell, buy]) == "a change was lost: buy 10 is 0 here and 2.5 there, and 1 more"
