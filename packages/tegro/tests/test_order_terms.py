"""The terms of an order before it is signed."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.errors import InvalidInput
from tegro.model import Chain, Market, OrderRequest, OrderType, Side, Token
from tegro.order_terms import (
    NO_EXPIRY,
    PriceRounding,
    crosses,
    expiry_time,
    largest_quantity,
    least_quantity,
    minimum_value_wei,
    require_maker,
    require_minimum_value,
    round_price,
    round_quantity,
    spending_wei,
)

UP, DOWN = ROUND_CEILING, ROUND_FLOOR
WIDE = Context(prec=200)


def make_market(*, base_decimals=18, quote_decimals=6, base_precision=4, quote_precision=2):
    base = Token(address="0x" + "11" * 20, symbol="WETH", decimals=base_decimals)
    quote = Token(address="0x" + "22" * 20, symbol="USDC", decimals=quote_decimals)
    return Market(
        id="m1",
        symbol="WETH_USDC",
        chain_id=31337,
        base=base,
        quote=quote,
        base_precision=base_precision,
        quote_precision=quote_precision,
    )


MARKET = make_market()
CHAIN = Chain(
    id=31337,
    name="localnet",
    exchange_contract="0x" + "33" * 20,
    settlement_contract="0x" + "44" * 20,
    default_quote_symbol="USDC",
    default_quote_address=MARKET.quote.address,
    min_order_value_wei=2_000_000,
    fee_percent=Decimal("0.05"),
)

markets = st.builds(
    make_market,
    base_decimals=st.integers(4, 20),
    quote_decimals=st.integers(0, 20),
    base_precision=st.integers(0, 4),
    quote_precision=st.integers(0, 18),
)
sides = st.sampled_from(Side)


def value(price, quantity, market):
    """Price x quantity in the smallest unit of the quote token, not rounded."""
    return Fraction(price) * Fraction(quantity) * 10**market.quote.decimals


# Rounding


@given(
    markets,
    sides,
    st.sampled_from(PriceRounding),
    st.decimals("0.000000001", "1e12", places=24),
)
def test_a_price_goes_to_the_next_tick_in_the_direction_that_was_named(market, side, rounding, price):
    direction = {
        (Side.BUY, PriceRounding.NO_WORSE): DOWN,
        (Side.SELL, PriceRounding.NO_WORSE): UP,
        (Side.BUY, PriceRounding.STILL_CROSSING): UP,
        (Side.SELL, PriceRounding.STILL_CROSSING): DOWN,
    }[side, rounding]
    expected = price.quantize(market.tick_size, direction, context=WIDE)
    if expected == 0:
        with pytest.raises(InvalidInput, match="below the tick size"):
            round_price(market, price, side, rounding)
    else:
        assert round_price(market, price, side, rounding) == expected


@given(markets, st.decimals("0.000000001", "1e12", places=24))
def test_a_quantity_goes_down_to_its_lot(market, quantity):
    expected = quantity.quantize(market.lot_size, DOWN, context=WIDE)
    if expected == 0:
        with pytest.raises(InvalidInput, match="below the lot size"):
            round_quantity(market, quantity)
    else:
        assert round_quantity(market, quantity) == expected


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity", "-Infinity", "sNaN", "1e99", "1." + "0" * 90 + "1"])
def test_what_is_no_sensible_number_is_refused_in_one_sentence(bad):
    with pytest.raises(InvalidInput, match="quantity on WETH_USDC must be a number above zero"):
        round_quantity(MARKET, Decimal(bad))
    with pytest.raises(InvalidInput, match="price on WETH_USDC must be a number above zero"):
        round_price(MARKET, Decimal(bad), Side.BUY, PriceRounding.NO_WORSE)


# Size


@given(markets, sides, st.data())
def test_the_largest_quantity_never_costs_more_than_there_is_and_one_lot_more_would(market, side, data):
    price = Decimal(data.draw(st.integers(1, 10**12))).scaleb(-market.quote_precision)
    available_wei = data.draw(st.integers(0, 2**256 - 1))
    quantity = largest_quantity(market, side, price, available_wei)
    assert Fraction(quantity) % Fraction(market.lot_size) == 0

    def cost(amount):
        return value(price, amount, market) if side is Side.BUY else Fraction(amount) * 10**market.base.decimals

    assert cost(quantity) <= available_wei
    assert cost(Fraction(quantity) + Fraction(market.lot_size)) > available_wei
    if quantity:
        # What is signed is what was meant: the contract's own integers stay within the funds as well.
        quantity_wei = market.quantity_wei(quantity)
        spent = market.quote_wei(market.price_e18(price), quantity_wei) if side is Side.BUY else quantity_wei
        assert spent <= available_wei


def test_a_debt_buys_nothing():
    assert largest_quantity(MARKET, Side.BUY, Decimal(3000), -1) == 0
    assert largest_quantity(MARKET, Side.SELL, Decimal(3000), -(10**18)) == 0


@given(markets, st.integers(1, 10**12), st.integers(0, 10**30))
def test_the_least_quantity_is_worth_the_value_and_one_lot_less_is_not(market, ticks, min_value_wei):
    price = Decimal(ticks).scaleb(-market.quote_precision)
    quantity = least_quantity(market, price, min_value_wei)
    price_e18 = market.price_e18(price)
    assert market.quote_wei(price_e18, market.quantity_wei(quantity)) >= min_value_wei
    less = WIDE.subtract(quantity, market.lot_size)
    assert less == 0 or market.quote_wei(price_e18, market.quantity_wei(less)) < min_value_wei


def test_sizes_of_a_price_that_cannot_be_signed_are_refused():
    for call in (
        lambda price: largest_quantity(MARKET, Side.BUY, price, 1),
        lambda price: least_quantity(MARKET, price, 1),
        lambda price: require_minimum_value(MARKET, price, Decimal(1), CHAIN),
        lambda price: require_maker(MARKET, Side.BUY, price, best_opposite=Decimal(1)),
    ):
        with pytest.raises(InvalidInput, match="must be a multiple of the tick size"):
            call(Decimal("0.001"))
        with pytest.raises(InvalidInput, match="must be above zero"):
            call(Decimal("NaN"))


@given(
    st.integers(1, 10**9),
    st.lists(st.integers(1, 10**12), min_size=1, max_size=8),
    st.lists(st.integers(1, 10**9), min_size=8, max_size=8),
    markets,
)
def test_no_sequence_of_fills_costs_a_buyer_more_than_what_is_held(limit_ticks, fills, seller_ticks, market):
    """The contract pays each fill at the seller's limit, rounded down (protocol 7.3)."""
    price = Decimal(limit_ticks).scaleb(-market.quote_precision)
    total = Decimal(sum(fills)).scaleb(-4)
    paid = 0
    for lots, ticks in zip(fills, seller_ticks, strict=False):
        seller = Decimal(min(ticks, limit_ticks)).scaleb(-market.quote_precision)
        paid += market.quote_wei(market.price_e18(seller), market.base.to_wei(Decimal(lots).scaleb(-4)))
    assert paid <= spending_wei(market, Side.BUY, price, total)
    assert spending_wei(market, Side.SELL, price, total) == market.base.to_wei(total)


def test_numbers_finer_than_can_be_signed_are_held_rounded_up():
    coarse = make_market(base_decimals=4)
    assert spending_wei(coarse, Side.SELL, Decimal(1), Decimal("0.00001")) == 1
    assert spending_wei(MARKET, Side.BUY, Decimal("0.0000000000000000001"), Decimal(10**12)) == 1
    assert spending_wei(MARKET, Side.BUY, Decimal(1), Decimal(0)) == 0


# Smallest value


def test_an_order_below_the_minimum_is_refused_and_one_at_it_is_not():
    require_minimum_value(MARKET, Decimal(2), Decimal(1), CHAIN)
    with pytest.raises(InvalidInput, match=r"an order on WETH_USDC must be worth at least 2 USDC, was 1.9998"):
        require_minimum_value(MARKET, Decimal(2), Decimal("0.9999"), CHAIN)


def test_the_minimum_in_another_quote_token_is_not_known():
    other = Market(
        **{name: getattr(MARKET, name) for name in MARKET.__struct_fields__}
        | {"quote": Token(address="0x" + "99" * 20, symbol="DAI", decimals=18)}
    )
    assert minimum_value_wei(MARKET, CHAIN) == 2_000_000
    assert minimum_value_wei(other, CHAIN) == 0
    require_minimum_value(other, Decimal("0.01"), Decimal("0.0001"), CHAIN)


def test_the_value_of_a_quantity_finer_than_the_token_is_refused():
    with pytest.raises(InvalidInput, match="may have at most 18 decimals"):
        require_minimum_value(MARKET, Decimal(2), Decimal("1e-19"), CHAIN)


# Maker or taker


def test_crossing_is_at_or_through_the_best_price():
    assert crosses(Decimal(10), best_opposite=Decimal(10), side=Side.BUY)
    assert not crosses(Decimal(9), best_opposite=Decimal(10), side=Side.BUY)
    assert crosses(Decimal(10), best_opposite=Decimal(10), side=Side.SELL)
    assert not crosses(Decimal(11), best_opposite=Decimal(10), side=Side.SELL)
    assert not crosses(Decimal(11), best_opposite=None, side=Side.BUY)


@pytest.mark.parametrize(
    ("side", "name", "price"), [(Side.BUY, "ask", "3000"), (Side.BUY, "ask", "3001"), (Side.SELL, "bid", "2999.99")]
)
def test_defect_9_a_limit_maker_that_would_take_is_refused(side, name, price):
    with pytest.raises(InvalidInput, match=rf"limit-maker {side} at {price} .* the best {name} is 3000"):
        require_maker(MARKET, side, Decimal(price), best_opposite=Decimal(3000))


@given(sides, st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 50))
def test_a_limit_maker_stays_the_asked_number_of_ticks_away(side, price_ticks, best_ticks, distance_ticks):
    away = best_ticks - price_ticks if side is Side.BUY else price_ticks - best_ticks
    price, best = Decimal(price_ticks).scaleb(-2), Decimal(best_ticks).scaleb(-2)
    if away >= max(distance_ticks, 1):
        require_maker(MARKET, side, price, best_opposite=best, distance_ticks=distance_ticks)
    else:
        with pytest.raises(InvalidInput):
            require_maker(MARKET, side, price, best_opposite=best, distance_ticks=distance_ticks)


def test_the_distance_refusal_names_both_distances():
    with pytest.raises(InvalidInput, match=r"is 0\.02 from the best ask 3000, closer than the 3 ticks \(0\.03\)"):
        require_maker(MARKET, Side.BUY, Decimal("2999.98"), best_opposite=Decimal(3000), distance_ticks=3)


def test_nobody_on_the_other_side_cannot_be_crossed():
    require_maker(MARKET, Side.BUY, Decimal(3000), best_opposite=None, distance_ticks=5)


# Expiry and type


def test_an_expiry_counts_from_now_and_none_means_for_ever():
    assert expiry_time(1_700_000_000, 60) == 1_700_000_060
    assert expiry_time(1_700_000_000, 0) == NO_EXPIRY == 0
    with pytest.raises(InvalidInput, match="order_expiry_secs was -1"):
        expiry_time(1_700_000_000, -1)


def test_an_order_is_a_limit_order_unless_it_says_otherwise():
    request = OrderRequest(market=MARKET, side=Side.BUY, price=Decimal(1), quantity=Decimal(1))
    assert request.order_type is OrderType.LIMIT
    assert [str(kind) for kind in OrderType] == ["limit", "limit_maker", "market"]
