"""What an account may still use: the sums of margin, at zero and with isolated orders (found by the mutation check)."""

from typing import Any

E8 = 10**8


def test_initial_margin_is_that_of_positions_and_orders(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "0.5", "49000")
    assert bench.margin(one).initial_e8 == (2500 + 1225) * E8


def test_what_asks_need_counts_to_the_last_unit(bench: Any) -> None:
    one = bench.account("100000")
    bench.place(one, "sell", "0.5", "51000")
    assert bench.margin(one).open_order_initial_e8 == 1275 * E8


def test_isolated_orders_hold_cross_money(bench: Any) -> None:
    one = bench.account("10000", isolated="BTCUSDT")
    bench.place(one, "buy", "0.5", "49000")
    margin = bench.margin(one)
    assert margin.available_e8 == margin.withdrawable_e8 == (10_000 - 1225) * E8


def test_nothing_is_available_and_nothing_may_leave_when_all_is_lost(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.state.accounts[one].wallet_e8 = 100 * E8
    margin = bench.margin(one)
    assert (margin.available_e8, margin.withdrawable_e8) == (0, 0)
