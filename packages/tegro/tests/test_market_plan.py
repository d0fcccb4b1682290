"""How a market order is priced through the book, and what a marketable sell gives away."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from tegro.errors import InvalidInput
from tegro.market_plan import (
    crosses,
    give_away,
    give_away_warning,
    market_limit_price,
    plan_market_order,
)
from tegro.model import BookLevel, Market, Side, Token
from tegro.order_terms import least_quantity

WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=18)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)
MARKET = Market(id="m", symbol="WETH_USDC", chain_id=31337, base=WETH, quote=USDC, base_precision=4, quote_precision=2)
TWO_USDC = 2_000_000


def levels(*pairs):
    return [BookLevel(Decimal(str(price)), Decimal(str(quantity))) for price, quantity in pairs]


BIDS = levels((3000, 1), (2990, 2), (2700, 5))
ASKS = levels((3010, 1), (3020, 2), (3500, 5))


def plan(book, side, quantity, *, slippage_bps=500, min_value_wei=TWO_USDC):
    return plan_market_order(
        book,
        market=MARKET,
        side=side,
        quantity=Decimal(str(quantity)),
        max_slippage_bps=slippage_bps,
        min_value_wei=min_value_wei,
    )


def slices(made):
    return [(part.price, part.quantity) for part in made.slices]


def expected(*pairs):
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


# Examples


def test_a_sell_is_one_order_per_bid_at_that_bids_price():
    made = plan(BIDS, Side.SELL, "2.5")
    assert slices(made) == expected(("3000.00", "1"), ("2990.00", "1.5"))
    assert made.notional == 3000 + 2990 * Decimal("1.5")
    assert made.average_price == Decimal(7485) / Decimal("2.5")
    assert made.worst_price == 2990
    assert made.quantity == Decimal("2.5")
    assert made.unfilled == 0


def test_a_buy_is_one_order_at_the_worst_price_needed():
    made = plan(ASKS, Side.BUY, "2.5")
    assert slices(made) == expected(("3020.00", "2.5"))
    assert made.notional == 3010 + 3020 * Decimal("1.5")
    assert made.worst_price == 3020


@pytest.mark.parametrize(("book", "side"), [(BIDS, Side.SELL), (ASKS, Side.BUY)])
def test_a_level_beyond_the_cap_stays_untouched_and_the_rest_unfilled(book, side):
    made = plan(book, side, "8")
    assert made.quantity == 3
    assert made.unfilled == 5
    assert plan(book, side, "8", slippage_bps=2000).unfilled == 0


def test_a_cap_of_nothing_takes_the_best_level_alone():
    assert slices(plan(BIDS, Side.SELL, "8", slippage_bps=0)) == expected(("3000.00", "1"))


def test_what_is_below_one_lot_is_not_planned():
    made = plan(levels((3000, "1.00005"), (2999, "0.00009"), (2998, 1)), Side.SELL, "1.50005")
    assert slices(made) == expected(("3000.00", "1.0000"), ("2998.00", "0.5000"))
    assert made.unfilled == Decimal("0.00005")


def test_a_level_between_two_ticks_is_reached_by_the_tick_behind_it():
    assert slices(plan(levels(("3000.005", 1)), Side.BUY, 1)) == expected(("3000.01", "1"))
    assert slices(plan(levels(("3000.005", 1)), Side.SELL, 1)) == expected(("3000.00", "1"))


@pytest.mark.parametrize("side", Side)
def test_the_cap_holds_after_rounding_to_the_tick(side):
    with pytest.raises(InvalidInput, match=r"nothing within the slippage cap of the best price 3000\.005"):
        plan(levels(("3000.005", 1)), side, 1, slippage_bps=0)


@pytest.mark.parametrize("side", Side)
def test_an_empty_side_is_refused_with_a_reason(side):
    with pytest.raises(InvalidInput, match="nobody is on the other side of WETH_USDC"):
        plan([], side, 1)


# The minimum value


def test_a_small_bid_is_sold_with_the_next_lower_one():
    book = levels((3000, "0.0003"), (2999, "0.0002"), (2998, 1))
    assert slices(plan(book, Side.SELL, "0.5")) == expected(("2998.00", "0.5000"))


def test_the_lowest_bid_gets_what_it_lacks_from_the_one_above():
    made = plan(levels((3000, 1), (2990, "0.0001")), Side.SELL, 2)
    assert slices(made) == expected(("3000.00", "0.9994"), ("2990.00", "0.0007"))
    assert made.unfilled == Decimal("0.9999")


def test_a_slice_above_that_would_become_too_small_goes_as_a_whole():
    made = plan(levels((3010, 1), (3000, "0.0008"), (2990, "0.0003")), Side.SELL, 2)
    assert slices(made) == expected(("3010.00", "1"), ("2990.00", "0.0011"))


def test_several_slices_above_help_where_one_does_not():
    # 0.0100 is the least at 200.00, 0.0101 at 199.99: the slice at 200.00 alone cannot carry a rest.
    made = plan(levels((201, 1), (200, "0.01"), ("180", "0.0001")), Side.SELL, 2, slippage_bps=2000)
    assert slices(made) == expected(("201.00", "0.9989"), ("180.00", "0.0112"))


def test_a_rest_that_nothing_can_carry_stays_unfilled():
    made = plan(levels((200, "0.01"), (180, "0.0001")), Side.SELL, "0.0101", slippage_bps=2000)
    assert slices(made) == expected(("200.00", "0.01"))
    assert made.unfilled == Decimal("0.0001")


@pytest.mark.parametrize("side", Side)
def test_an_order_below_the_minimum_as_a_whole_is_refused(side):
    with pytest.raises(
        InvalidInput, match=rf"at least 2 USDC, and a market {side} could fill only 0\.0006 WETH at 3000\.00 or better"
    ):
        plan(levels((3000, 1)), side, "0.0006")
    assert plan(levels((3000, 1)), side, "0.0006", min_value_wei=0).unfilled == 0


# Properties


@st.composite
def books(draw, least_lots=1):
    cents = sorted(draw(st.sets(st.integers(1, 10**6), min_size=1, max_size=10)))
    side = draw(st.sampled_from(Side))
    ordered = cents if side is Side.BUY else cents[::-1]
    sizes = st.one_of(st.integers(least_lots, 20), st.integers(least_lots, 10**8))
    return [BookLevel(Decimal(price).scaleb(-2), Decimal(draw(sizes)).scaleb(-4)) for price in ordered], side


def allowed(book, side, slippage_bps):
    """The levels within the cap, worked out in fractions."""
    best = Fraction(book[0].price)
    room = best * slippage_bps / 10_000
    return [level for level in book if abs(Fraction(level.price) - best) <= room]


def naive_walk(book, quantity):
    taken, missing = [], quantity
    for level in book:
        part = min(level.quantity, missing)
        if part:
            taken.append((level.price, part))
        missing -= part
    return taken, missing


quantities = st.one_of(st.integers(1, 100), st.integers(1, 10**9)).map(lambda lots: Decimal(lots).scaleb(-4))
slippages = st.integers(0, 9_999)


@given(books(), quantities, slippages)
def test_without_a_minimum_the_plan_is_the_naive_walk(book, quantity, slippage_bps):
    held, side = book
    made = plan(held, side, quantity, slippage_bps=slippage_bps, min_value_wei=0)
    walked, missing = naive_walk(allowed(held, side, slippage_bps), quantity)
    assert made.unfilled == missing
    assert made.notional == sum(price * part for price, part in walked)
    assert made.worst_price == walked[-1][0]
    got = [(part.price, part.quantity) for part in made.slices]
    assert got == (walked if side is Side.SELL else [(walked[-1][0], quantity - missing)])


def filled_by(book, made, side):
    """Match the slices one after the other, price-time; returns (level price, slice price, quantity) of each fill."""
    resting = [[level.price, level.quantity] for level in book]
    fills = []
    for part in made.slices:
        missing = part.quantity
        for level in resting:
            if missing == 0 or not crosses(part.price, best_opposite=level[0], side=side):
                break
            taken = min(missing, level[1])
            level[1] -= taken
            missing -= taken
            if taken:
                fills.append((level[0], part.price, taken))
        assert missing == 0, "a slice must fill whole if the book stays as it is"
    return fills


@given(books(), quantities, slippages, st.integers(0, 10**8))
def test_no_plan_breaks_its_promises(book, quantity, slippage_bps, min_value_wei):
    held, side = book
    try:
        made = plan(held, side, quantity, slippage_bps=slippage_bps, min_value_wei=min_value_wei)
    except InvalidInput:
        # Then no limit within the cap could have sold (bought) a minimum order in one piece either.
        event("refused")
        walked, _ = naive_walk(allowed(held, side, slippage_bps), quantity)
        worst, total = walked[-1][0], sum(part for _, part in walked)
        assert MARKET.quote_wei(MARKET.price_e18(worst), MARKET.quantity_wei(total)) < min_value_wei
        return

    prices = [part.price for part in made.slices]
    assert prices == sorted(set(prices), reverse=side is Side.SELL)
    assert {Fraction(price) for price in prices} <= {
        Fraction(level.price) for level in allowed(held, side, slippage_bps)
    }
    for part in made.slices:
        worth_wei = MARKET.quote_wei(MARKET.price_e18(part.price), MARKET.quantity_wei(part.quantity))
        assert worth_wei >= min_value_wei
    assert made.quantity + made.unfilled == quantity

    fills = filled_by(held, made, side)
    settled_at = {Side.SELL: lambda level, limit: limit, Side.BUY: lambda level, limit: level}[side]
    assert made.notional == sum(settled_at(level, limit) * taken for level, limit, taken in fills)
    if side is Side.SELL:
        _require_small_give_away(made, fills, min_value_wei)


def _require_small_give_away(made, fills, min_value_wei):
    for part in made.slices:
        above = sum(taken for level, limit, taken in fills if limit == part.price and level > limit)
        smallest = least_quantity(MARKET, part.price, min_value_wei)
        assert above <= 2 * smallest
        event("merged" if above else "exact")


@given(books(), quantities, slippages, st.integers(0, 10**8))
def test_what_the_minimum_leaves_unfilled_is_less_than_a_minimum_order(book, quantity, slippage_bps, min_value_wei):
    held, side = book
    try:
        made = plan(held, side, quantity, slippage_bps=slippage_bps, min_value_wei=min_value_wei)
    except InvalidInput:
        assume(False)
    walked, missing = naive_walk(allowed(held, side, slippage_bps), quantity)
    assert made.unfilled - missing < least_quantity(MARKET, walked[-1][0], min_value_wei)


@given(books(), quantities, slippages)
def test_one_limit_at_the_last_level_takes_what_the_plan_takes(book, quantity, slippage_bps):
    held, side = book
    made = plan(held, side, quantity, slippage_bps=slippage_bps, min_value_wei=0)
    limit = market_limit_price(iter(held), market=MARKET, side=side, quantity=quantity, max_slippage_bps=slippage_bps)
    assert limit == made.worst_price


@given(books(), quantities, slippages)
def test_a_single_limit_order_gives_away_what_the_plan_keeps(book, quantity, slippage_bps):
    held, side = book
    made = plan(held, side, quantity, slippage_bps=slippage_bps, min_value_wei=0)
    one_order = made.worst_price * made.quantity if side is Side.SELL else made.notional
    lost = give_away(held, side=side, price=made.worst_price, quantity=made.quantity)
    assert lost == made.notional - one_order


# Limit price and warning


def test_a_limit_price_rounds_so_that_it_still_crosses():
    odd = levels(("3000.005", 1))
    for side, price in ((Side.BUY, "3000.01"), (Side.SELL, "3000.00")):
        got = market_limit_price(odd, market=MARKET, side=side, quantity=Decimal(1), max_slippage_bps=0)
        assert str(got) == price


def test_a_limit_price_needs_somebody_on_the_other_side():
    with pytest.raises(InvalidInput, match="nobody is on the other side of WETH_USDC"):
        market_limit_price([], market=MARKET, side=Side.BUY, quantity=Decimal(1), max_slippage_bps=500)


def test_a_marketable_sell_warns_of_what_it_gives_away():
    warning = give_away_warning(BIDS, market=MARKET, side=Side.SELL, price=Decimal(2900), quantity=Decimal("1.5"))
    assert warning is not None
    assert "selling 1.5 WETH at 2900 gives away 145 USDC: bids rest up to 3000" in warning


@pytest.mark.parametrize(
    ("book", "side", "price"),
    [(BIDS, Side.SELL, 3000), (BIDS, Side.SELL, 3100), ([], Side.SELL, 1), (ASKS, Side.BUY, 9999)],
)
def test_nothing_given_away_is_nothing_to_warn_of(book, side, price):
    quantity = Decimal(1)
    assert give_away(book, side=side, price=Decimal(price), quantity=quantity) == 0
    assert give_away_warning(book, market=MARKET, side=side, price=Decimal(price), quantity=quantity) is None
