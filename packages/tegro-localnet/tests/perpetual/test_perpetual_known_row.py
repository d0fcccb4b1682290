"""The sums of an account do not depend on which of its rows was reckoned before."""

from typing import Any

import pytest

from tegro_localnet.perpetual.engine.margin import account_margin, row_margin, rows_of
from tegro_localnet.perpetual.engine.terms import PositionSide


@pytest.mark.parametrize("isolated", [None, "BTCUSDT"])
def test_a_known_row_changes_nothing(bench: Any, isolated: str | None) -> None:
    one, two = bench.account("100000", isolated=isolated), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "0.5", "49000")
    bench.place(one, "sell", "0.2", "51000")
    account, markets = bench.state.accounts[one], bench.state.markets
    whole = account_margin(account, markets)
    rows = list(rows_of(account, markets))
    assert rows
    assert [account_margin(account, markets, row) for row in rows] == [whole] * len(rows)
    # A row without a position and without orders is no part of the sums.
    nothing = row_margin(account, markets["ETHUSDT"], PositionSide.BOTH)
    assert account_margin(account, markets, nothing) == whole


def test_the_row_of_an_order_counts_as_it_was_given(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    account, markets = bench.state.accounts[one], bench.state.markets
    row = row_margin(account, markets["BTCUSDT"], PositionSide.BOTH)
    bench.place(one, "buy", "0.5", "49000")
    assert account_margin(account, markets, row).initial_e8 == row.initial_e8
    assert account_margin(account, markets).initial_e8 > row.initial_e8
