"""The queue model against a market whose queue is known: first in, first out, with the name of every order."""

from collections import deque
from decimal import Decimal

import pytest
from connector_desk import public_trade
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hummingbot_tegro.paper.engine import PaperMarket, PaperOrder
from hummingbot_tegro.paper.realism import PRESETS
from tegro.model import BookChange, BookLevel, BookSnapshot, OrderType, Side

LOT = Decimal("0.1")
PRICE = Decimal(100)

lots = st.integers(1, 60).map(lambda count: count * LOT)
moments = st.sampled_from((0, 1, 40, 400, 1_500))


def market(realism="strict", **changes):
    """A market with a book that is known and far away."""
    made = PaperMarket("WETH_USDC", lot_size=LOT, realism=replace(PRESETS[realism], **changes))
    far = (BookLevel(Decimal(50), Decimal(9)),), (BookLevel(Decimal(200), Decimal(9)),)
    made.apply_snapshot(BookSnapshot(symbol="WETH_USDC", bids=far[0], asks=far[1], timestamp_ms=0), 0)
    return made


def trade(quantity, price=PRICE, taker=Side.SELL, number=0):
    return public_trade("WETH_USDC", price, quantity, is_buyer_maker=taker is Side.SELL, trade_id=str(number))


def change(bids=(), asks=()):
    levels = [tuple(BookLevel(Decimal(price), Decimal(total)) for price, total in side) for side in (bids, asks)]
    return BookChange(symbol="WETH_USDC", bids=levels[0], asks=levels[1], timestamp_ms=0)


def order(name, quantity, price=PRICE, side=Side.BUY, order_type=OrderType.LIMIT):
    return PaperOrder(order_id=name, side=side, order_type=order_type, price=Decimal(price), quantity=Decimal(quantity))


class KnownQueue:
    """The bids at one price, each with its name, and what would have come to us of each trade."""

    def __init__(self) -> None:
        self.queue: deque[list] = deque()
        self.ours_since: int | None = None
        self.beyond = Decimal(0)
        self._count = 0

    @property
    def total(self):
        return sum((left for _, left in self.queue), Decimal(0))

    def add(self, quantity):
        self._count += 1
        self.queue.append([self._count, quantity])

    def cancel(self, place):
        if self.queue:
            del self.queue[place % len(self.queue)]

    def arrive(self):
        self.ours_since = self._count

    def hit(self, quantity):
        """Trade; what hits orders that came after us would have been ours."""
        done = Decimal(0)
        while self.queue and done < quantity:
            number, left = self.queue[0]
            part = min(left, quantity - done)
            done += part
            if self.ours_since is not None and number > self.ours_since:
                self.beyond += part
            if part == left:
                self.queue.popleft()
            else:
                self.queue[0][1] = left - part
        return done


steps = st.one_of(
    st.tuples(st.just("add"), lots),
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("hit"), lots, st.sampled_from(("trade first", "book first", "book first, trade late"))),
    st.tuples(st.just("arrive")),
)


def play(history, engines, quantity):
    """Play a history to engines, and return what of their order each filled, with the truth."""
    known, now_ms, late = KnownQueue(), 0, []
    filled = [Decimal(0)] * len(engines)
    for pause, step in history:
        # What is late still comes in time.
        now_ms += min(pause, 400) if late else pause
        if step[0] == "arrive" and known.ours_since is None:
            known.arrive()
            for engine in engines:
                engine.arrive(order("ours", quantity), now_ms)
        told, still_late = news(known, step)
        for method, happened in told + late:
            for place, engine in enumerate(engines):
                fills = getattr(engine, method)(happened, now_ms)
                filled[place] += sum((fill.quantity for fill in fills), Decimal(0))
        late = still_late
    return filled, min(known.beyond, quantity)


def news(known, step):
    """Let something happen in the known queue; return what the venue tells of it at once, and what only later."""
    kind, *details = step
    if kind == "add":
        known.add(details[0])
    elif kind == "cancel":
        known.cancel(details[0])
    done = known.hit(details[0]) if kind == "hit" else Decimal(0)
    book = ("apply_change", change(bids=[(PRICE, known.total)]))
    if not done:
        return [book], []
    happened = ("apply_trade", trade(done))
    match details[1]:
        case "trade first":
            return [happened, book], []
        case "book first":
            return [book, happened], []
    return [book], [happened]


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(moments, steps), max_size=30), lots)
def test_strict_never_fills_ahead_of_the_queue(history, quantity):
    (filled,), truth = play(history, [market("strict")], quantity)
    assert filled <= truth


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(moments, steps), max_size=30), lots)
def test_each_preset_fills_no_less_than_a_stricter_one(history, quantity):
    all_ahead = market("neutral", cancels_ahead="all")
    filled, _ = play(history, [market("strict"), market("neutral"), all_ahead, market("optimistic")], quantity)
    assert filled == sorted(filled)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(moments, steps.filter(lambda step: step[0] != "cancel")), max_size=30), lots)
def test_without_cancels_and_late_news_the_fill_is_the_true_one(history, quantity):
    history = [(pause, (*step[:2], "trade first") if step[0] == "hit" else step) for pause, step in history]
    for preset in ("strict", "neutral"):
        (filled,), truth = play(history, [market(preset)], quantity)
        assert filled == truth


def test_of_a_cancel_the_share_before_us_moves_the_queue():
    for preset, ahead in (("strict", "6"), ("neutral", "4.5"), ("optimistic", "0")):
        engine = market(preset)
        engine.apply_change(change(bids=[(100, 6)]), 0)
        ours = order("ours", 1)
        engine.arrive(ours, 0)
        engine.apply_change(change(bids=[(100, 8)]), 1)
        engine.apply_change(change(bids=[(100, 6)]), 2)
        engine.apply_change(change(), 900)
        assert ours.ahead == (0 if preset == "optimistic" else 6)
        engine.apply_change(change(), 1_003)
        assert ours.ahead == Decimal(ahead)


def test_a_fall_that_a_trade_explains_is_no_cancel():
    engine = market("neutral")
    engine.apply_change(change(bids=[(100, 6)]), 0)
    ours = order("ours", 1)
    engine.arrive(ours, 0)
    engine.apply_change(change(bids=[(100, 4)]), 10)
    engine.apply_trade(trade(Decimal(2)), 20)
    engine.apply_trade(trade(Decimal(1)), 30)
    engine.apply_change(change(bids=[(100, 3)]), 40)
    engine.apply_change(change(), 5_000)
    assert ours.ahead == 3


def test_a_trade_of_before_we_came_does_not_move_us():
    engine = market("strict")
    engine.apply_change(change(bids=[(100, 6)]), 0)
    engine.apply_change(change(bids=[(100, 1)]), 10)
    ours = order("ours", 1)
    engine.arrive(ours, 20)
    assert engine.apply_trade(trade(Decimal(5)), 30) == []
    assert ours.ahead == 1


@pytest.mark.parametrize("side", list(Side))
def test_a_trade_beyond_the_price_ends_the_queue_and_fills_at_our_price(side):
    engine = market("strict")
    engine.apply_change(change(bids=[(100, 6)], asks=[(110, 6)]), 0)
    price, beyond = (100, 99) if side is Side.BUY else (110, 111)
    engine.arrive(order("ours", 3, price=price, side=side), 0)
    (fill,) = engine.apply_trade(trade(Decimal(2), Decimal(beyond), taker=side.opposite), 1)
    assert (fill.price, fill.quantity, fill.is_maker) == (price, 2, True)
    (fill,) = engine.apply_trade(trade(Decimal(2), Decimal(price), taker=side.opposite), 2)
    assert fill.quantity == 1


def test_a_trade_without_a_known_taker_and_one_of_the_other_side_fill_nothing():
    engine = market("optimistic")
    engine.arrive(order("ours", 1), 0)
    assert engine.apply_trade(trade(Decimal(5), taker=Side.BUY), 1) == []
    assert engine.apply_trade(replace(trade(Decimal(5)), is_buyer_maker=None), 1) == []


def test_a_cancel_of_before_we_came_does_not_move_us():
    engine = market("neutral")
    engine.apply_change(change(bids=[(100, 6)]), 0)
    engine.apply_change(change(bids=[(100, 4)]), 10)
    ours = order("ours", 1)
    engine.arrive(ours, 20)
    engine.apply_change(change(), 5_000)
    assert ours.ahead == 4
