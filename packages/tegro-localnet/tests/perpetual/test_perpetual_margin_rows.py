"""The rows of which the sums of margin are made, and what a profit that is not realised does to withdrawals."""

from typing import Any

import msgspec

from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.margin import account_margin, rows_of
from tegro_localnet.perpetual.engine.terms import MarginType, PositionSide

E8 = 10**8
BTC, ETH = "BTCUSDT", "ETHUSDT"


def test_a_row_tells_position_and_orders_apart(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "0.5", "49000")
    bench.place(one, "sell", "0.25", "52000")
    bench.index("51000")
    (row,) = rows_of(bench.state.accounts[one], bench.state.markets)
    assert (row.bids_e8, row.asks_e8, row.worst_e8) == (24_500 * E8, 13_000 * E8, 75_500 * E8)
    assert (row.notional_e8, row.unrealized_e8, row.leverage, row.is_isolated) == (51_000 * E8, 1_000 * E8, 20, False)
    assert (row.position_initial_e8, row.initial_e8, row.maintenance_e8) == (2_550 * E8, 3_775 * E8, 205 * E8)
    # Further orders move the worth that can be reached, to either side.
    assert row.with_orders(0, 0) == (row.worst_e8, row.initial_e8)
    assert row.with_orders(100 * E8 + 1, 0) == (75_600 * E8 + 1, 3_780 * E8 + 1)
    assert row.with_orders(0, 150_000 * E8) == (112_000 * E8, 5_600 * E8)


def test_a_row_that_is_known_stands_for_the_one_that_would_be_reckoned(bench: Any) -> None:
    """Sums with a row that is known are those without it; a row of another account or moment is no help."""
    one, two = bench.account("100000"), bench.account("100000")
    bench.place(two, "sell", "1", "3000", symbol=ETH)
    bench.place(one, "buy", "1", "3000", symbol=ETH)
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "0.5", "49000")
    account, markets = bench.state.accounts[one], bench.state.markets
    rows = list(rows_of(account, markets))
    assert [row.position.symbol for row in rows] == [BTC, ETH]
    for known in rows:
        given = list(rows_of(account, markets, known))
        assert given == rows
        assert [row is known for row in given] == [row.position.symbol == known.position.symbol for row in rows]
        assert account_margin(account, markets, known) == account_margin(account, markets)
    doubled = msgspec.structs.replace(rows[0], maintenance_e8=2 * rows[0].maintenance_e8)
    more = account_margin(account, markets, doubled).maintenance_e8 - account_margin(account, markets).maintenance_e8
    assert more == rows[0].maintenance_e8


def test_what_was_only_looked_at_is_no_row(bench: Any) -> None:
    one = bench.account("100000")
    account = bench.state.accounts[one]
    for side in PositionSide:
        account.position(BTC, side)
    assert list(rows_of(account, bench.state.markets)) == []
    bench.place(one, "buy", "0.01", "49000")
    assert [row.position.side for row in rows_of(account, bench.state.markets)] == [PositionSide.BOTH]


def test_a_profit_may_back_isolated_orders_and_does_not_leave(bench: Any) -> None:
    one, two = bench.account("10000"), bench.account("100000")
    bench.do(c.SetMarginType(account_id=one, symbol=ETH, margin_type=MarginType.ISOLATED))
    bench.trade(one, two, "1", "50000")
    bench.place(one, "buy", "1", "2900", symbol=ETH)
    bench.index("51000")
    margin = bench.margin(one)
    wallet_e8 = bench.state.accounts[one].wallet_e8
    assert margin.available_e8 == wallet_e8 + (1_000 - 2_550 - 145) * E8
    assert margin.withdrawable_e8 == wallet_e8 - (2_550 + 145) * E8
