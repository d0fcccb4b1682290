"""The user's own limits on orders."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tegro.errors import InvalidInput, LimitExceeded
from tegro.limits import LimitGuard, Limits, MarketLimits, read_limits
from tegro.model import Market, OrderRequest, Side, Token
from tegro.settings import Settings

WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=18)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)


def make_market(symbol="WETH_USDC", market_id="m1"):
    return Market(id=market_id, symbol=symbol, chain_id=1, base=WETH, quote=USDC, base_precision=4, quote_precision=2)


MARKET = make_market()


def order(price="3000", quantity="1", market=MARKET, side=Side.BUY):
    return OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal(quantity))


def guard(**limits):
    rate = limits.pop("max_orders_per_sec", None)
    return LimitGuard(Limits(every_market=MarketLimits(**limits), max_orders_per_sec=rate), "mainnet")


def check(made, request, *, mid="3000", open_notional="0", now_ms=0):
    made.check(
        request,
        mid=None if mid is None else Decimal(mid),
        open_notional=Decimal(open_notional),
        now_ms=now_ms,
    )


# Each limit


def test_without_limits_everything_passes():
    for _ in range(100):
        check(guard(), order("1e9", "1e9"), mid=None, open_notional="1e30")


def test_an_order_worth_more_than_the_limit_is_refused():
    made = guard(max_order_value=Decimal(3000))
    check(made, order("3000", "1"))
    sentence = r"the order is worth 3000\.3 USDC, above the limit of 3000 \(max_order_value in \[mainnet\.limits\]\)"
    with pytest.raises(LimitExceeded, match=sentence):
        check(made, order("3000", "1.0001"))


def test_open_orders_and_the_new_one_count_together():
    made = guard(max_open_notional=Decimal(5000))
    check(made, order("3000", "1"), open_notional="2000")
    sentence = r"open ones on WETH_USDC would be worth 5000\.01 USDC, above the limit of 5000 \(max_open_notional in"
    with pytest.raises(LimitExceeded, match=sentence):
        check(made, order("3000", "1"), open_notional="2000.01")


@given(st.sampled_from(Side), st.integers(1, 10**8), st.integers(1, 10**8), st.integers(1, 20_000))
def test_the_distance_counts_on_both_sides_of_the_mid(side, price_cents, mid_cents, limit):
    request = order(str(Decimal(price_cents).scaleb(-2)), side=side)
    mid = str(Decimal(mid_cents).scaleb(-2))
    made = guard(max_distance_bps=limit)
    if abs(Fraction(price_cents, mid_cents) - 1) <= Fraction(limit, 10_000):
        check(made, request, mid=mid)
    else:
        with pytest.raises(LimitExceeded, match=rf"further than {limit} basis points from the mid price"):
            check(made, request, mid=mid)


def test_a_mid_that_is_not_known_refuses_only_where_a_distance_is_set():
    check(guard(max_order_value=Decimal(9999)), order(), mid=None)
    assert not guard(max_order_value=Decimal(9999)).needs_mid(MARKET)
    made = guard(max_distance_bps=10)
    assert made.needs_mid(MARKET)
    with pytest.raises(LimitExceeded, match=r"mid price of WETH_USDC is not known.*max_distance_bps in"):
        check(made, order(), mid=None)


# Orders per second


def test_defect_51_as_many_as_the_rate_go_at_once_and_then_one_by_one():
    made = guard(max_orders_per_sec=4)
    for _ in range(4):
        check(made, order(), now_ms=1000)
    with pytest.raises(
        LimitExceeded, match=r"more than 4 orders in a second \(max_orders_per_sec in \[mainnet\.limits\]"
    ):
        check(made, order(), now_ms=1249)
    check(made, order(), now_ms=1250)
    with pytest.raises(LimitExceeded):
        check(made, order(), now_ms=1251)


def test_a_clock_that_goes_back_gives_nothing():
    made = guard(max_orders_per_sec=1)
    check(made, order(), now_ms=10_000)
    for now_ms in (0, 999):
        with pytest.raises(LimitExceeded):
            check(made, order(), now_ms=now_ms)


def test_an_order_that_another_limit_refuses_does_not_count():
    made = guard(max_orders_per_sec=1, max_order_value=Decimal(1))
    with pytest.raises(LimitExceeded, match="is worth"):
        check(made, order("3000", "1"))
    check(made, order("1", "1"))


@given(st.integers(1, 50), st.lists(st.integers(0, 400), max_size=120))
def test_no_window_holds_more_than_the_burst_and_the_rate(rate, gaps_ms):
    made = guard(max_orders_per_sec=rate)
    now_ms, passed = 0, []
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        try:
            check(made, order(), now_ms=now_ms)
        except LimitExceeded:
            # A refusal means that the window really is full: one order more would break the promise below.
            assert any(
                len(passed) - first + 1 > rate + Fraction((now_ms - at_ms) * rate, 1000)
                for first, at_ms in enumerate(passed)
            )
        else:
            passed.append(now_ms)
    for first, start_ms in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= rate + Fraction((passed[last] - start_ms) * rate, 1000)


# Settings


def settings(tmp_path, text):
    path = tmp_path / "tegro.toml"
    path.write_text(text)
    return Settings.load(path, {})


FULL = """
[mainnet]
order_expiry_secs = 3600
maker_distance_ticks = 2
[mainnet.limits]
max_order_value = "500"
max_open_notional = "2000.50"
max_distance_bps = 300
max_orders_per_sec = 5
[mainnet.limits.WETH_USDC]
max_order_value = "100"
[mainnet.limits.m2]
max_distance_bps = 10
max_open_notional = 7
"""


def test_limits_and_expiry_are_read_from_the_settings(tmp_path):
    loaded = settings(tmp_path, FULL)
    environment = loaded.environment("mainnet")
    assert (environment.order_expiry_secs, environment.maker_distance_ticks) == (3600, 2)
    assert environment.limits == Limits(
        every_market=MarketLimits(
            max_order_value=Decimal(500), max_open_notional=Decimal("2000.50"), max_distance_bps=300
        ),
        markets={
            "WETH_USDC": MarketLimits(max_order_value=Decimal(100)),
            "m2": MarketLimits(max_distance_bps=10, max_open_notional=Decimal(7)),
        },
        max_orders_per_sec=5,
    )
    other = loaded.environment("testnet")
    assert (other.limits, other.order_expiry_secs, other.maker_distance_ticks) == (Limits(), 0, 0)


def test_a_markets_own_table_wins_member_by_member_and_its_id_over_its_symbol(tmp_path):
    made = LimitGuard(settings(tmp_path, FULL).environment("mainnet").limits, "mainnet")
    with pytest.raises(LimitExceeded, match=r"limit of 100 \(max_order_value in \[mainnet\.limits\.WETH_USDC\]\)"):
        check(made, order("101"), mid="101")
    with pytest.raises(LimitExceeded, match=r"300 basis points .* \(max_distance_bps in \[mainnet\.limits\]\)"):
        check(made, order("99"), mid="50")
    by_id = make_market(market_id="m2")
    check(made, order("99", "0.01", market=by_id), mid="99")
    with pytest.raises(LimitExceeded, match=r"10 basis points .* \(max_distance_bps in \[mainnet\.limits\.m2\]\)"):
        check(made, order("99", "0.01", market=by_id), mid="98")
    # Its own table says nothing of the value, so the general limit holds, not that of the symbol's table.
    small = order("499", "0.01", market=by_id)
    check(made, small, mid="499")


def test_a_limit_of_a_market_that_does_not_exist_is_found(tmp_path):
    limits = settings(tmp_path, FULL).environment("mainnet").limits
    limits.require_known([MARKET, make_market("ARB_USDC", "m2")])
    with pytest.raises(InvalidInput, match="the settings limit a market 'm2', which the venue does not have"):
        limits.require_known([MARKET])


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("max_order_value = 1.5", r'max_order_value must be an amount in quotes such as "1000", was 1\.5'),
        ('max_order_value = "-1"', "max_order_value must be an amount in quotes"),
        ('max_order_value = "many"', "max_order_value must be an amount in quotes"),
        ("max_order_value = true", "max_order_value must be an amount in quotes"),
        ('max_open_notional = "NaN"', "max_open_notional must be an amount in quotes"),
        ("max_distance_bps = 0", "max_distance_bps must be a whole number above zero, was 0"),
        ('max_distance_bps = "5"', "max_distance_bps must be a whole number above zero, was '5'"),
        ("max_orders_per_sec = true", "max_orders_per_sec must be a whole number above zero, was True"),
        ('max_orders = "5"', "unknown key 'max_orders'; known are max_order_value, max_open_notional"),
        ("[mainnet.limits.WETH_USDC]\nmax_orders_per_sec = 1", "WETH_USDC has an unknown key 'max_orders_per_sec'"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_with_its_place(tmp_path, line, sentence):
    with pytest.raises(InvalidInput, match=sentence) as caught:
        settings(tmp_path, f"[mainnet.limits]\n{line}\n")
    assert f"{tmp_path / 'tegro.toml'}: [mainnet.limits]" in str(caught.value)


@pytest.mark.parametrize("key", ["order_expiry_secs", "maker_distance_ticks"])
@pytest.mark.parametrize("value", ["-1", "1.5", '"60"', "true"])
def test_an_expiry_or_a_distance_that_cannot_be_meant_is_refused(tmp_path, key, value):
    with pytest.raises(InvalidInput, match=rf"\[testnet\] {key} must be a whole number, not below zero"):
        settings(tmp_path, f"[testnet]\n{key} = {value}\n")


def test_limits_must_be_a_table(tmp_path):
    with pytest.raises(InvalidInput, match=r"\[mainnet\.limits\] must be a table"):
        settings(tmp_path, "[mainnet]\nlimits = 5\n")
    assert read_limits({}, "here") == Limits()
