"""Positions that no price liquidates, and those of which it only seems so."""

from fractions import Fraction
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tegro_localnet.perpetual.engine.reference import NaiveAccount
from tegro_localnet.perpetual.engine.terms import PositionSide

E8, E18 = 10**8, 10**18
BTC = "BTCUSDT"


@settings(max_examples=100, deadline=None)
@given(lots=st.integers(-3_000, 3_000).filter(bool), wallet=st.integers(100, 200_000), offset=st.integers(-50, 50))
@example(lots=3_000, wallet=149_960, offset=0)  # the brackets of the worth at the mark and at the price are others
def test_no_liquidation_price_means_that_no_price_liquidates(
    new_bench: Any, lots: int, wallet: int, offset: int
) -> None:
    bench = new_bench()
    one = bench.account("1")
    account = bench.state.accounts[one]
    account.wallet_e8 = wallet * E8
    contracts = {symbol: market.contract for symbol, market in bench.state.markets.items()}
    naive = NaiveAccount(contracts=contracts, wallet=Fraction(wallet))
    entry = 50 * (1000 + offset)
    bench.position(one).trade(lots * 10**5, entry * E18)
    naive.fill(BTC, "BOTH", Fraction(lots, 1000), Fraction(entry), Fraction(0))
    price = Fraction(bench.liquidation_price(one))
    nearly_nothing = {BTC: Fraction(1, 10)}
    if price == 0:
        assert lots > 0
        assert naive.equity(nearly_nothing) >= naive.maintenance(nearly_nothing) - Fraction(3, 10)
    else:
        just_before = {BTC: price * (Fraction(10_001, 10_000) if lots > 0 else Fraction(9_999, 10_000))}
        assert naive.equity(just_before) > naive.maintenance(just_before)


def test_a_hedge_whose_profit_and_margin_rise_together_has_no_liquidation_price(bench: Any) -> None:
    """Of 0.251 long and 0.249 short, 0.002 of the price is won, and 0.4 % of 0.5 is needed: the same."""
    one = bench.account("1", hedge=True)
    for side, lots in ((PositionSide.LONG, 251), (PositionSide.SHORT, -249)):
        bench.position(one, side).trade(lots * 10**5, 50_000 * E18)
    assert bench.liquidation_price(one, "LONG") == bench.liquidation_price(one, "SHORT") == 0
