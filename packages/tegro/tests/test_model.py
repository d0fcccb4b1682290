"""Scaling, rounding and totals against exact fractions."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tegro.model import (
    Balance,
    Chain,
    Market,
    Order,
    OrderStatus,
    Side,
    Token,
    Trade,
    TradeState,
    quote_total_wei,
    round_down,
    scaled,
    timestamp_to_ms,
    unscaled,
)

WETH = Token(address="0x6b94a36d6ff05886d44b3dafabdefe85f09563ba", symbol="WETH", decimals=18)
USDT = Token(address="0x7551122e441edbf3fffcbcf2f7fcc636b636482b", symbol="USDT", decimals=6)

UINT256 = st.integers(min_value=0, max_value=2**256 - 1)
DECIMALS = st.integers(min_value=0, max_value=36)


def exactly(sentence):
    return f"^{re.escape(sentence)}$"


def market(*, base_decimals=18, quote_decimals=6, base_precision=6, quote_precision=10):
    return Market(
        id="80002_base_quote",
        symbol="WETH_USDT",
        chain_id=80002,
        base=Token(address=WETH.address, symbol="WETH", decimals=base_decimals),
        quote=Token(address=USDT.address, symbol="USDT", decimals=quote_decimals),
        base_precision=base_precision,
        quote_precision=quote_precision,
    )


@given(UINT256, DECIMALS)
def test_unscaled_is_exact_and_scaled_turns_it_back(value, decimals):
    human = unscaled(value, decimals)
    assert Fraction(human) == Fraction(value, 10**decimals)
    assert scaled(human, decimals, "amount") == value


@given(UINT256, DECIMALS)
def test_unscaled_has_no_trailing_zeros(value, decimals):
    text = f"{unscaled(value, decimals):f}"
    assert "." not in text or not text.endswith("0")


@given(st.integers(min_value=1, max_value=2**256 - 1), st.integers(min_value=1, max_value=36))
def test_scaled_refuses_one_digit_too_many(value, decimals):
    assume(value % 10)
    with pytest.raises(ValueError, match=f"amount may have at most {decimals - 1} decimals, was "):
        scaled(unscaled(value, decimals), decimals - 1, "amount")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=12),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("0.000001"), max_value=10**6, places=6),
)
def test_round_down_gives_the_largest_multiple_not_above(value, step):
    rounded = Fraction(round_down(value, step))
    assert rounded == Fraction(value) // Fraction(step) * Fraction(step)


@given(
    st.integers(min_value=0, max_value=2**128 - 1),
    st.integers(min_value=0, max_value=2**128 - 1),
    st.integers(min_value=0, max_value=24),
    st.integers(min_value=0, max_value=60),
)
def test_quote_total_is_rounded_down(price_e18, quantity_wei, base_decimals, quote_decimals):
    exact = Fraction(price_e18, 10**18) * Fraction(quantity_wei, 10**base_decimals) * Fraction(10) ** quote_decimals
    assert quote_total_wei(price_e18, quantity_wei, base_decimals, quote_decimals) == exact // 1


def test_quote_total_of_the_capture():
    """Protocol 5.3: 3490 x 3.9999 is 13959.651 USDT."""
    weth_usdt = market()
    price_e18, quantity_wei = weth_usdt.price_e18(Decimal(3490)), weth_usdt.quantity_wei(Decimal("3.9999"))
    assert (price_e18, quantity_wei) == (3490 * 10**18, 39999 * 10**14)
    assert weth_usdt.quote_wei(price_e18, quantity_wei) == 13_959_651_000


@given(
    st.integers(min_value=1, max_value=10**30),
    st.integers(min_value=0, max_value=18),
    st.integers(min_value=0, max_value=24),
    st.integers(min_value=0, max_value=24),
)
def test_prices_and_quantities_are_scaled_exactly(steps, quote_precision, base_precision, base_decimals):
    pair = market(quote_precision=quote_precision, base_precision=base_precision, base_decimals=base_decimals)
    price = unscaled(steps, quote_precision)
    assert Fraction(pair.price_e18(price)) == Fraction(price) * 10**18
    quantity = unscaled(steps, min(base_precision, base_decimals))
    assert Fraction(pair.quantity_wei(quantity)) == Fraction(quantity) * 10**base_decimals


def test_a_price_finer_than_the_tick_is_refused():
    with pytest.raises(
        ValueError, match=exactly("price on WETH_USDT must be a multiple of the tick size 0.01, was 3490.005")
    ):
        market(quote_precision=2).price_e18(Decimal("3490.005"))


def test_a_quantity_finer_than_the_lot_is_refused():
    with pytest.raises(
        ValueError, match=exactly("quantity on WETH_USDT must be a multiple of the lot size 0.000001, was 0.0000001")
    ):
        market(base_precision=6).quantity_wei(Decimal("1E-7"))


def test_a_lot_finer_than_the_token_is_refused_where_the_token_ends():
    with pytest.raises(ValueError, match=exactly("quantity on WETH_USDT may have at most 8 decimals, was 0.000000001")):
        market(base_precision=18, base_decimals=8).quantity_wei(Decimal("1E-9"))


def test_a_price_written_with_many_zeros_is_the_same_price():
    assert market(quote_precision=2).price_e18(Decimal("1." + "0" * 500)) == 10**18


def test_a_price_with_hundreds_of_digits_is_refused():
    with pytest.raises(ValueError, match=r"must be a multiple of the tick size 0\.01, was 1\.00000"):
        market(quote_precision=2).price_e18(Decimal("1." + "0" * 500 + "1"))


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "-Infinity"])
def test_price_and_quantity_must_be_above_zero(value):
    with pytest.raises(ValueError, match="must be above zero, was"):
        market().price_e18(Decimal(value))
    with pytest.raises(ValueError, match="must be above zero, was"):
        market().quantity_wei(Decimal(value))


@pytest.mark.parametrize("value", ["1E+200", "9E+999999"])
def test_an_absurd_number_is_refused_in_a_short_sentence(value):
    with pytest.raises(ValueError, match="is out of range, was") as refusal:
        market().price_e18(Decimal(value))
    assert len(str(refusal.value)) < 100
    with pytest.raises(ValueError, match="is out of range, was"):
        scaled(Decimal(value), 18, "amount")


def test_an_absurdly_small_number_is_refused_in_a_short_sentence():
    with pytest.raises(ValueError, match="must be a multiple of the tick size") as refusal:
        market().price_e18(Decimal("1E-999999"))
    assert len(str(refusal.value)) < 120


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_scaled_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match="amount of WETH must be a finite number"):
        WETH.to_wei(Decimal(value))


def test_token_amounts():
    assert WETH.to_wei(Decimal("1.5")) == 15 * 10**17
    assert USDT.from_wei(1_500_000) == Decimal("1.5")
    assert USDT.from_wei(100 * 10**6) == 100
    with pytest.raises(ValueError, match=exactly("amount of USDT may have at most 6 decimals, was 0.0000001")):
        USDT.to_wei(Decimal("0.0000001"))


def test_steps_and_channel():
    pair = market(base_precision=0, quote_precision=10)
    assert (pair.tick_size, pair.lot_size) == (Decimal("0.0000000001"), Decimal(1))
    assert pair.channel == "80002/0x6b94a36d6ff05886d44b3dafabdefe85f09563ba"


@pytest.mark.parametrize(
    ("timestamp", "expected_ms"),
    [(1_720_458_258, 1_720_458_258_000), (1_718_184_747_390, 1_718_184_747_390), (0, 0), (10**11, 10**11)],
)
def test_timestamps_in_either_unit(timestamp, expected_ms):
    assert timestamp_to_ms(timestamp) == expected_ms


def test_sides():
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def order(status, *, filled="0", pending="0"):
    return Order(
        order_id="1",
        order_hash="0x00",
        market_id="m",
        side=Side.BUY,
        price=Decimal(3490),
        quantity=Decimal(4),
        filled=Decimal(filled),
        pending=Decimal(pending),
        average_price=Decimal(3490),
        status=status,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=0,
    )


@pytest.mark.parametrize(
    ("given_order", "is_open", "is_done", "remaining"),
    [
        (order(OrderStatus.OPEN, filled="1", pending="0.5"), True, False, Decimal("2.5")),
        (order(OrderStatus.CLOSED, filled="3", pending="1"), False, False, Decimal(0)),
        (order(OrderStatus.CLOSED, filled="4"), False, True, Decimal(0)),
        (order(OrderStatus.CANCELLED, filled="1"), False, True, Decimal(0)),
        (order(OrderStatus.UNKNOWN), False, False, Decimal(0)),
    ],
)
def test_order_states(given_order, is_open, is_done, remaining):
    assert (given_order.is_open, given_order.is_done, given_order.remaining) == (is_open, is_done, remaining)


@pytest.mark.parametrize(("is_buyer_maker", "side"), [(True, Side.SELL), (False, Side.BUY), (None, None)])
def test_the_taker_sold_where_the_buyer_rested(is_buyer_maker, side):
    trade = Trade(
        trade_id="1",
        symbol="WETH_USDT",
        price=Decimal(1),
        quantity=Decimal(1),
        state=TradeState.SUCCESS,
        is_buyer_maker=is_buyer_maker,
        maker="0x",
        taker="0x",
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        tx_hash=None,
        timestamp_ms=0,
    )
    assert trade.taker_side is side


def test_available_balance_is_never_negative():
    balance = Balance(token=WETH, total=Decimal("1.5"), reserved=Decimal("0.5"))
    assert balance.available == 1
    assert Balance(token=WETH, total=Decimal(1), reserved=Decimal(2)).available == 0


def test_fee_rate_is_a_fraction_of_the_percent_figure():
    chain = Chain(
        id=8453,
        name="base",
        exchange_contract="0x",
        settlement_contract="0x",
        default_quote_symbol="USDC",
        default_quote_address="0x",
        min_order_value_wei=2_000_000,
        fee_percent=Decimal("0.05"),
    )
    assert chain.fee_rate == Decimal("0.0005")
