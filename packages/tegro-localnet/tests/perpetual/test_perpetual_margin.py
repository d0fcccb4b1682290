"""Liquidation prices against the worked examples, brackets, margins, and what fills do to positions."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.contract import EXAMPLE_BRACKETS
from tegro_localnet.perpetual.engine.reference import NaiveAccount
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import PositionSide

E8 = 10**8
FREE = {"maker_fee_ppm": 0, "taker_fee_ppm": 0}


def close_to(price: Decimal, expected: str) -> bool:
    return abs(price - Decimal(expected)) < Decimal("0.0001")


def wallet(bench: Any, account_id: int, amount: int) -> None:
    """Set a wallet to what the example says: it is below the initial margin, so no withdrawal leads there."""
    bench.state.accounts[account_id].wallet_e8 = amount * E8


@pytest.mark.parametrize(("side", "price"), [("buy", "47690.7631"), ("sell", "52288.5572")])
def test_isolated_liquidation_prices_of_the_examples(bench: Any, side: str, price: str) -> None:
    one, two = bench.account("100000", isolated="BTCUSDT"), bench.account("100000")
    bench.trade(*((one, two) if side == "buy" else (two, one)), "1", "50000")
    assert bench.position(one).isolated_wallet_e8 == 2500 * E8
    assert close_to(bench.liquidation_price(one), price)


def test_cross_liquidation_price_of_the_example(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    wallet(bench, one, 3000)
    assert close_to(bench.liquidation_price(one), "47188.7550")


def test_hedged_cross_liquidation_price_of_the_example_is_one_for_both_sides(bench: Any) -> None:
    one, two = bench.account("100000", hedge=True), bench.account("100000")
    bench.trade(one, two, "1", "50000", buyer_side="LONG")
    bench.trade(two, one, "0.4", "51000", seller_side="SHORT")
    wallet(bench, one, 3000)
    assert close_to(bench.liquidation_price(one, "LONG"), "44751.0094")
    assert bench.liquidation_price(one, "LONG") == bench.liquidation_price(one, "SHORT")


def test_an_account_that_cannot_be_liquidated_has_no_price(bench: Any) -> None:
    one, two = bench.account("1000000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    assert bench.liquidation_price(one) == 0
    assert bench.liquidation_price(one, symbol="ETHUSDT") == 0


def test_the_cum_of_brackets_makes_the_maintenance_margin_continuous() -> None:
    assert [bracket.cum_e8 // E8 for bracket in EXAMPLE_BRACKETS[:4]] == [0, 50, 950, 11_450]


def test_margins_of_a_position_and_its_orders_in_one_way_mode(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "0.5", "49000")
    bench.place(one, "sell", "1.5", "51000")
    margin = bench.margin(one)
    assert margin.position_initial_e8 == 2500 * E8
    # Buys reach 50000 + 24500; sells only -26500: the larger need counts.
    assert margin.open_order_initial_e8 == 24_500 * E8 // 20
    assert margin.available_e8 == margin.wallet_e8 - 2500 * E8 - 1225 * E8
    assert margin.maintenance_e8 == 200 * E8


def test_closing_orders_in_hedge_mode_need_no_margin(bench: Any) -> None:
    one, two = bench.account("100000", hedge=True), bench.account("100000")
    bench.trade(one, two, "1", "50000", buyer_side="LONG")
    bench.place(one, "sell", "1", "51000", position_side="LONG")
    assert bench.margin(one).open_order_initial_e8 == 0
    bench.place(one, "sell", "1", "52000", position_side="SHORT")
    assert bench.margin(one).open_order_initial_e8 == 2600 * E8


def test_a_flip_closes_at_the_old_entry_and_opens_at_the_new_price(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.trade(two, one, "1.5", "51000")
    position = bench.position(one)
    assert (position.quantity_e8, position.entry_price_e18) == (-E8 // 2, 51_000 * 10**18)
    assert position.realized_e8 == 1000 * E8


def test_an_order_beyond_the_margin_is_refused(bench: Any) -> None:
    one = bench.account("2500")
    with pytest.raises(Rejected) as refusal:
        bench.place(one, "buy", "1", "50000")
    assert refusal.value.code == -2019
    bench.place(one, "buy", "0.99", "50000")


def test_an_order_above_the_mark_needs_its_loss_as_well(bench: Any) -> None:
    """0.1 at 50000: 250 of margin, 100 lost against the mark, a fee of 2."""
    rich, poor = bench.account("352"), bench.account("351.9")
    bench.index("49000")
    bench.place(rich, "buy", "0.1", "50000")
    with pytest.raises(Rejected) as refusal:
        bench.place(poor, "buy", "0.1", "50000")
    assert refusal.value.code == -2019


def test_an_order_beyond_the_bracket_of_the_leverage_is_refused(bench: Any) -> None:
    one = bench.account("100000")
    bench.do(c.SetLeverage(account_id=one, symbol="BTCUSDT", leverage=125))
    bench.place(one, "buy", "1", "50000")
    with pytest.raises(Rejected) as refusal:
        bench.place(one, "buy", "0.001", "50000")
    assert refusal.value.code == -2027
    with pytest.raises(Rejected) as lowered:
        bench.do(c.SetLeverage(account_id=one, symbol="BTCUSDT", leverage=126))
    assert lowered.value.code == -4028


def test_lower_leverage_needs_the_margin_for_it(bench: Any) -> None:
    one, two = bench.account("3000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    with pytest.raises(Rejected) as refusal:
        bench.do(c.SetLeverage(account_id=one, symbol="BTCUSDT", leverage=10))
    assert refusal.value.code == -2028
    assert bench.do(c.SetLeverage(account_id=one, symbol="BTCUSDT", leverage=50)) == 12_000_000 * E8


def test_margin_moves_in_and_out_of_an_isolated_position_down_to_its_need(bench: Any) -> None:
    one, two = bench.account("10000", isolated="BTCUSDT"), bench.account("100000")

    def move(amount: int) -> None:
        side = PositionSide.BOTH
        bench.do(c.AdjustMargin(account_id=one, symbol="BTCUSDT", position_side=side, amount_e8=amount * E8))

    with pytest.raises(Rejected) as nothing_held:
        move(1)
    assert nothing_held.value.code == -4054
    bench.trade(one, two, "1", "50000")
    move(500)
    assert bench.position(one).isolated_wallet_e8 == 3000 * E8
    with pytest.raises(Rejected) as too_much:
        move(-501)
    assert too_much.value.code == -4051
    with pytest.raises(Rejected) as too_large:
        move(10_000)
    assert too_large.value.code == -4050
    move(-500)
    with pytest.raises(Rejected) as lower:
        bench.do(c.SetLeverage(account_id=one, symbol="BTCUSDT", leverage=10))
    assert lower.value.code == -4161


def test_reducing_an_isolated_position_releases_its_share(bench: Any) -> None:
    one, two = bench.account("10000", isolated="BTCUSDT"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.trade(two, one, "0.25", "50000")
    assert bench.position(one).isolated_wallet_e8 == 1875 * E8


def test_profit_that_is_not_realised_may_be_used_but_not_withdrawn(bench: Any) -> None:
    one, two = bench.account("3000"), bench.account("100000")
    bench.trade(one, two, "0.5", "50000")
    bench.index("52000")
    margin = bench.margin(one)
    assert margin.available_e8 == margin.wallet_e8 + 1000 * E8 - 1300 * E8
    assert margin.withdrawable_e8 == margin.wallet_e8 - 1300 * E8
    with pytest.raises(Rejected) as refusal:
        bench.do(c.Transfer(account_id=one, amount_e8=-margin.withdrawable_e8 - 1))
    assert refusal.value.code == -2018
    bench.do(c.Transfer(account_id=one, amount_e8=-margin.withdrawable_e8))


@settings(max_examples=150, deadline=None)
@given(
    hedge=st.booleans(),
    wallet_usdt=st.integers(min_value=500, max_value=60_000),
    held=st.tuples(*[st.integers(min_value=-3_000, max_value=3_000)] * 4),
    entries=st.tuples(*[st.integers(min_value=-50, max_value=50)] * 4),
)
def test_at_its_liquidation_price_an_account_has_just_its_maintenance_margin(
    new_bench: Any, hedge: bool, wallet_usdt: int, held: tuple[int, ...], entries: tuple[int, ...]
) -> None:
    """The naive model, which knows no liquidation price, is asked at the price that the engine names."""
    bench = new_bench()
    account_id = bench.account("1", hedge=hedge)
    account = bench.state.accounts[account_id]
    account.wallet_e8 = wallet_usdt * E8
    contracts = {symbol: market.contract for symbol, market in bench.state.markets.items()}
    naive = NaiveAccount(contracts=contracts, wallet=Fraction(wallet_usdt))
    marks = {symbol: Fraction(market.mark_e18, 10**18) for symbol, market in bench.state.markets.items()}
    places = [(symbol, side) for symbol in marks for side in account.sides]
    for (symbol, side), lots, offset in zip(places, held, entries, strict=False):
        signed = {"BOTH": lots, "LONG": abs(lots), "SHORT": -abs(lots)}[side] * (10 if symbol == "ETHUSDT" else 1)
        price_e18 = bench.state.markets[symbol].mark_e18 // 1000 * (1000 + offset)
        account.position(symbol, side).trade(signed * 10**5, price_e18)
        naive.fill(symbol, side, Fraction(signed, 1000), Fraction(price_e18, 10**18), Fraction(0))
    for symbol, side in places:
        price = Fraction(bench.liquidation_price(account_id, side, symbol))
        if price:
            then = marks | {symbol: price}
            assert abs(naive.equity(then) - naive.maintenance(then)) < Fraction(1, 10**5)
