"""What the demo bot decides: quotes that cross nobody, a skew against its position, and takings that meet others."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hummingbot_tegro.demo.strategy.decision import (
    DemoMaker,
    LiveQuote,
    MakerParameters,
    MarketView,
    OwnOrder,
    Quote,
    Take,
    Withdraw,
    best_of_others,
)
from tegro.model import BookLevel, Side

TICK = Decimal("0.01")
PARAMETERS = MakerParameters(take_every_ms=10_000)


@pytest.fixture
def maker():
    return DemoMaker(PARAMETERS, random.Random(7))


@pytest.fixture
def view():
    return MarketView(
        now_ms=1_000,
        bids=[BookLevel(Decimal("2998.50"), Decimal(1))],
        asks=[BookLevel(Decimal("3001.50"), Decimal(1))],
        tick_size=TICK,
        position=Decimal(0),
        min_value=Decimal(2),
        quotes=[],
        takings=[],
        own_orders=[],
    )


def quotes_of(steps):
    return {step.side: step for step in steps if isinstance(step, Quote)}


def test_it_quotes_both_sides_around_the_middle(maker, view):
    quotes = quotes_of(maker.decide(view))
    # three basis points of 3000 are 0.90
    assert quotes[Side.BUY].price == Decimal("2999.10")
    assert quotes[Side.SELL].price == Decimal("3000.91")
    assert quotes[Side.BUY].quantity == PARAMETERS.quote_value / 3000


@pytest.mark.parametrize("empty", ["bids", "asks"])
def test_it_does_nothing_where_a_side_has_nobody_else(maker, view, empty):
    assert maker.decide(replace(view, **{empty: []})) == []


def test_the_middle_is_that_of_the_others(view):
    own = [OwnOrder(Side.BUY, Decimal("2999.10"), Decimal("0.04")), OwnOrder(Side.SELL, Decimal("3001.00"), Decimal(1))]
    levels = [BookLevel(Decimal("2999.10"), Decimal("0.04")), BookLevel(Decimal("2998.50"), Decimal(1))]
    assert best_of_others(levels, own) == levels[1]
    shared = [BookLevel(Decimal("2999.10"), Decimal("0.05")), levels[1]]
    assert best_of_others(shared, own) == shared[0]


def test_a_position_moves_both_quotes_against_it(maker, view):
    flat = quotes_of(maker.decide(view))
    half_full = Decimal("0.17")
    long = quotes_of(maker.decide(replace(view, position=half_full)))
    short = quotes_of(maker.decide(replace(view, position=-half_full)))
    for side in Side:
        assert long[side].price < flat[side].price < short[side].price


@pytest.mark.parametrize(("sign", "kept"), [(1, Side.SELL), (-1, Side.BUY)])
def test_a_full_position_is_not_made_fuller(maker, view, sign, kept):
    steps = maker.decide(replace(view, position=sign * Decimal("0.34")))
    assert set(quotes_of(steps)) == {kept}


def test_a_quote_stays_until_it_is_old(maker, view):
    young = LiveQuote("a", Side.BUY, PARAMETERS.refresh_ms - 1, Decimal("0.04"))
    old = LiveQuote("b", Side.SELL, PARAMETERS.refresh_ms, Decimal("0.04"))
    steps = maker.decide(replace(view, quotes=[young, old]))
    assert steps[0] == Withdraw("b")
    assert set(quotes_of(steps)) == {Side.SELL}


def test_a_rest_too_small_to_trade_is_withdrawn_once(maker, view):
    dust = LiveQuote("a", Side.BUY, PARAMETERS.refresh_ms, Decimal("0.0001"))
    taking = LiveQuote("t", Side.SELL, 0, Decimal("0.0001"))
    steps = maker.decide(replace(view, quotes=[dust], takings=[taking]))
    assert [step for step in steps if isinstance(step, Withdraw)] == [Withdraw("a"), Withdraw("t")]


def test_it_takes_only_when_its_own_quote_on_that_side_is_gone(maker, view):
    maker.decide(view)
    quotes = [LiveQuote("bid", Side.BUY, 0, Decimal("0.04")), LiveQuote("ask", Side.SELL, 0, Decimal("0.04"))]
    orders = [
        OwnOrder(Side.BUY, Decimal("2999.10"), Decimal("0.04")),
        OwnOrder(Side.SELL, Decimal("3000.91"), Decimal("0.04")),
    ]
    later = replace(view, now_ms=20_000, quotes=quotes, own_orders=orders)
    (withdrawal,) = maker.decide(later)
    taken_from = Side.BUY if withdrawal == Withdraw("bid") else Side.SELL
    remaining_quotes = [quote for quote in quotes if quote.side is not taken_from]

    still_open = replace(later, quotes=remaining_quotes)
    assert maker.decide(still_open) == []

    gone = replace(still_open, own_orders=[order for order in orders if order.side is not taken_from])
    (take,) = maker.decide(gone)
    assert isinstance(take, Take)
    assert take.side is taken_from.opposite
    assert PARAMETERS.take_value / 2 <= take.quantity * 3000 <= PARAMETERS.take_value * 3 / 2

    (quote,) = maker.decide(replace(gone, now_ms=21_000))
    assert quote.side is taken_from


@pytest.mark.parametrize(("sign", "side"), [(1, Side.SELL), (-1, Side.BUY)])
def test_a_half_full_position_is_reduced_by_taking(view, sign, side):
    for seed in range(20):
        maker = DemoMaker(PARAMETERS, random.Random(seed))
        large = replace(view, position=sign * Decimal("0.17"))
        maker.decide(large)
        (take,) = [step for step in maker.decide(replace(large, now_ms=20_000)) if isinstance(step, Take)]
        assert take.side is side


def test_the_seed_decides(view):
    def takings(seed):
        maker = DemoMaker(PARAMETERS, random.Random(seed))
        steps = [step for secs in range(300) for step in maker.decide(replace(view, now_ms=1000 * secs))]
        return [step for step in steps if isinstance(step, Take)]

    assert takings(7) == takings(7)
    assert takings(7) != takings(8)
    assert {take.side for take in takings(7)} == set(Side)
    assert 15 <= len(takings(7)) <= 45


prices = st.integers(100_000, 500_000).map(lambda ticks: ticks * TICK)


@given(
    best_bid=prices,
    spread=st.integers(1, 1_000),
    position=st.decimals(-1, 1, places=6),
    own=st.lists(st.tuples(st.sampled_from(Side), st.integers(-1_000, 1_000)), max_size=4),
)
def test_no_quote_crosses_others_or_itself(best_bid, spread, position, own):
    best_ask = best_bid + spread * TICK
    own_orders = [OwnOrder(side, best_bid + ticks * TICK, Decimal("0.04")) for side, ticks in own]
    own_levels = {
        side: [BookLevel(order.price, order.quantity) for order in own_orders if order.side is side] for side in Side
    }
    view = MarketView(
        now_ms=0,
        bids=sorted(
            [*own_levels[Side.BUY], BookLevel(best_bid, Decimal(1))], reverse=True, key=lambda level: level.price
        ),
        asks=sorted([*own_levels[Side.SELL], BookLevel(best_ask, Decimal(1))], key=lambda level: level.price),
        tick_size=TICK,
        position=position,
        min_value=Decimal(2),
        quotes=[],
        takings=[],
        own_orders=own_orders,
    )
    quotes = quotes_of(DemoMaker(PARAMETERS, random.Random(1)).decide(view))
    for side, quote in quotes.items():
        assert quote.price % TICK == 0
        if side is Side.BUY:
            assert all(quote.price < level.price for level in view.asks)
        else:
            assert all(quote.price > level.price for level in view.bids)
    if len(quotes) == 2 and spread > 1:
        assert quotes[Side.BUY].price < quotes[Side.SELL].price
