"""Liquidation to the last unit: its bounds, its orders, who is closed first, what goes to the fund, who is warned."""

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tegro.model import Side
from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.events import (
    AccountChanged,
    AtRisk,
    Liquidated,
    MarginCalled,
    OrderChanged,
    PositionState,
)
from tegro_localnet.perpetual.engine.order import Order
from tegro_localnet.perpetual.engine.reference import NaiveAccount
from tegro_localnet.perpetual.engine.terms import (
    Execution,
    IncomeType,
    MarginType,
    OrderStatus,
    OrderType,
    PositionSide,
    Reason,
    TimeInForce,
)

E8, E18 = 10**8, 10**18
BTC, ETH = "BTCUSDT", "ETHUSDT"
BOTH = PositionSide.BOTH
RICH = "1000000"


def stake(bench: Any, account_id: int, amount_e8: int, symbol: str = BTC) -> None:
    """Set what stands behind a position, its isolated wallet or the cross wallet; no order leads just there."""
    account = bench.state.accounts[account_id]
    if account.setting(symbol).is_isolated:
        position = bench.position(account_id, symbol=symbol)
        account.wallet_e8 += amount_e8 - position.isolated_wallet_e8
        position.isolated_wallet_e8 = amount_e8
    else:
        account.wallet_e8 += amount_e8 - account.cross_wallet_e8


def held(bench: Any, side: str = "buy", isolated: str | None = None) -> tuple[int, int]:
    """Open 1 BTC at 50000, which needs 200 of maintenance margin; return its owner and the other side."""
    one, two = bench.account(RICH, isolated=isolated), bench.account(RICH)
    bench.trade(*((one, two) if side == "buy" else (two, one)), "1", "50000")
    return one, two


def forced(bench: Any) -> list[Order]:
    return [event.order for event in bench.told(Liquidated)]


def insurance(bench: Any, account_id: int) -> list[tuple[int, str]]:
    rows = bench.state.records[account_id].incomes
    return [(row.amount_e8, row.symbol) for row in rows if row.type is IncomeType.INSURANCE_CLEAR]


CASES = [(side, isolated) for side in ("buy", "sell") for isolated in (None, BTC)]


@pytest.mark.parametrize(("side", "isolated"), CASES)
@pytest.mark.parametrize(
    ("amount_e8", "calls", "closes"),
    [(250 * E8 + 1, 0, 0), (250 * E8, 1, 0), (200 * E8 + 1, 1, 0), (200 * E8, 0, 1)],
)
def test_a_call_comes_at_four_fifths_and_liquidation_at_the_whole(
    bench: Any, side: str, isolated: str | None, amount_e8: int, calls: int, closes: int
) -> None:
    one, _ = held(bench, side, isolated)
    stake(bench, one, amount_e8)
    bench.index("50000")
    assert [event.account_id for event in bench.told(MarginCalled)] == [one] * calls
    assert [order.account_id for order in forced(bench)] == [one] * closes


@pytest.mark.parametrize("isolated", [None, BTC])
def test_a_call_says_what_is_at_risk_and_nothing_else(bench: Any, isolated: str | None) -> None:
    """A position in the other contract, whose margin is of the other kind, is not near."""
    one, two = held(bench, isolated=isolated)
    if isolated is None:
        bench.do(c.SetMarginType(account_id=one, symbol=ETH, margin_type=MarginType.ISOLATED))
    bench.place(two, "sell", "0.1", "3000", symbol=ETH)
    bench.place(one, "buy", "0.1", "3000", symbol=ETH)
    stake(bench, one, 230 * E8)
    cross_wallet_e8 = bench.state.accounts[one].cross_wallet_e8
    bench.index("49990")
    (called,) = bench.told(MarginCalled)
    position = bench.position(one)
    assert called == MarginCalled(
        account_id=one,
        cross_wallet_e8=cross_wallet_e8,
        positions=(
            AtRisk(
                state=PositionState(
                    position=position,
                    margin_type=MarginType.CROSSED if isolated is None else MarginType.ISOLATED,
                    unrealized_e8=-10 * E8,
                ),
                mark_e18=49_990 * E18,
                maintenance_e8=19_996 * E8 // 100,
            ),
        ),
        time_ms=bench.now_ms,
    )


def test_the_next_call_comes_after_a_minute_and_not_a_millisecond_before(bench: Any) -> None:
    one, _ = held(bench)
    stake(bench, one, 230 * E8)
    bench.index("50000")
    bench.tick(59_999)
    assert len(bench.told(MarginCalled)) == 1
    bench.tick(1)
    assert len(bench.told(MarginCalled)) == 2


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_liquidation_order_is_what_its_terms_say(bench: Any, side: str) -> None:
    """199.97 is left: bankruptcy is at 49800.03 or 50199.97, the order on the tick below."""
    one, two = held(bench, side)
    closing = Side.SELL if side == "buy" else Side.BUY
    resting = bench.place(two, side, "0.4", "50000")
    bench.do(c.Transfer(account_id=0, amount_e8=10_000 * E8))
    stake(bench, one, 19_997 * E8 // 100)
    bench.tick(5)
    order_id = resting.order_id + 1
    bankruptcy_e2 = 4_980_003 if side == "buy" else 5_019_997
    (order,) = forced(bench)
    assert order == Order(
        order_id=order_id,
        client_order_id=f"autoclose-{order_id}",
        account_id=one,
        symbol=BTC,
        side=closing,
        position_side=BOTH,
        type=OrderType.LIQUIDATION,
        time_in_force=TimeInForce.IOC,
        price_e18=bankruptcy_e2 // 10 * 10**17,
        quantity_e8=E8,
        created_ms=bench.now_ms,
        updated_ms=bench.now_ms,
        executed_e8=E8,
        quote_e8=(20_000 * E8 + bankruptcy_e2 * 6 * E8 // 1000),
        status=OrderStatus.FILLED,
    )
    assert bench.told(Liquidated)[0].time_ms == bench.now_ms
    assert list(bench.state.records[one].forced) == [order]
    assert bench.state.orders[order_id] is not bench.state.records[one].forced[0]
    told = [event for event in bench.told(OrderChanged) if event.order.order_id == order_id]
    assert [event.execution for event in told] == [Execution.NEW, Execution.TRADE, Execution.TRADE]
    assert (told[0].order.updated_ms, told[0].order.executed_e8) == (bench.now_ms, 0)
    # No commission is taken from who is liquidated; nothing is left for the fund.
    assert [event.fill.fee_e8 for event in told[1:]] == [0, 0]
    taken_over = bench.state.house.position(BTC, BOTH)
    sign = 1 if side == "buy" else -1
    assert (taken_over.quantity_e8, taken_over.cost_e8) == (sign * 6 * E8 // 10, sign * bankruptcy_e2 * 6 * E8 // 1000)


@pytest.mark.parametrize("isolated", [None, BTC])
@pytest.mark.parametrize(("bid", "fee_e8"), [("50000", 180 * E8), ("49900", 80 * E8)])
def test_what_is_left_feeds_the_fund_up_to_the_fee(bench: Any, isolated: str | None, bid: str, fee_e8: int) -> None:
    """180 stand behind the position; the fee would be 625, so all that is left is taken."""
    one, two = held(bench, isolated=isolated)
    bench.place(two, "buy", "1", bid)
    stake(bench, one, 180 * E8)
    rest_e8 = bench.state.accounts[one].cross_wallet_e8 if isolated else 0
    bench.events.clear()
    bench.index("50000")
    assert insurance(bench, one) == [(-fee_e8, BTC)]
    assert insurance(bench, 0) == [(fee_e8, BTC)]
    assert (bench.state.accounts[one].wallet_e8, bench.state.house.wallet_e8) == (rest_e8, fee_e8)
    cleared = [event for event in bench.told(AccountChanged) if event.reason is Reason.INSURANCE_CLEAR]
    assert [(event.account_id, event.change_e8, event.positions) for event in cleared] == [(one, -fee_e8, ())]


@pytest.mark.parametrize("isolated", [None, BTC])
def test_the_fee_is_a_share_of_what_was_closed_rounded_up(bench: Any, isolated: str | None) -> None:
    one, two = held(bench, isolated=isolated)
    market = bench.state.markets[BTC]
    market.contract = msgspec.structs.replace(market.contract, liquidation_fee_ppm=1)
    bench.place(two, "buy", "0.999", "50000")
    bench.place(two, "buy", "0.001", "49999.9")
    stake(bench, one, 180 * E8)
    bench.index("50000")
    # 49999.9999 x 0.000001 = 0.0499999999
    assert insurance(bench, one) == [(-5_000_000, BTC)]


def test_nothing_is_said_of_a_fund_that_gets_nothing(bench: Any) -> None:
    one, _ = held(bench, isolated=BTC)
    bench.do(c.Transfer(account_id=0, amount_e8=10_000 * E8))
    stake(bench, one, 180 * E8)
    bench.index("50000")
    assert insurance(bench, one) == insurance(bench, 0) == []
    assert not [event for event in bench.told(AccountChanged) if event.reason is Reason.INSURANCE_CLEAR]


@pytest.mark.parametrize(("bid_quantity", "closed"), [("1", [BTC]), ("0.3", [BTC, ETH])])
def test_the_largest_cross_position_is_closed_first_and_others_only_if_they_must(
    bench: Any, bid_quantity: str, closed: list[str]
) -> None:
    """200 and 120 of maintenance margin on a balance of 300; the book gives all that the first one needs, or not."""
    one, two = bench.account(RICH), bench.account(RICH)
    bench.place(two, "sell", "10", "3000", symbol=ETH)
    bench.place(one, "buy", "10", "3000", symbol=ETH)
    bench.trade(one, two, "1", "50000")
    market = bench.state.markets[BTC]
    market.contract = msgspec.structs.replace(market.contract, liquidation_fee_ppm=0)
    bench.place(two, "buy", bid_quantity, "50000")
    bench.do(c.Transfer(account_id=0, amount_e8=10_000 * E8))
    stake(bench, one, 300 * E8)
    bench.index("50000")
    assert [order.symbol for order in forced(bench)] == closed
    # What the book does not take goes to the fund at the bankruptcy price, which is 300 below the mark.
    if closed == [BTC]:
        assert bench.state.accounts[one].wallet_e8 == 300 * E8


def test_a_liquidation_ends_the_orders_of_its_own_margin_only(bench: Any) -> None:
    one, _ = held(bench)
    bench.do(c.SetMarginType(account_id=one, symbol=ETH, margin_type=MarginType.ISOLATED))
    cross = bench.place(one, "buy", "0.01", "49000")
    isolated = bench.place(one, "buy", "0.01", "2900", symbol=ETH)
    stake(bench, one, 200 * E8)
    bench.index("50000")
    statuses = [bench.state.orders[order.order_id].status for order in (cross, isolated)]
    assert statuses == [OrderStatus.EXPIRED, OrderStatus.NEW]


def test_an_isolated_liquidation_ends_the_orders_of_its_contract_only(bench: Any) -> None:
    one, _ = held(bench, isolated=BTC)
    own = bench.place(one, "buy", "0.01", "49000")
    other = bench.place(one, "buy", "0.01", "2900", symbol=ETH)
    stake(bench, one, 200 * E8)
    bench.index("50000")
    statuses = [bench.state.orders[order.order_id].status for order in (own, other)]
    assert statuses == [OrderStatus.EXPIRED, OrderStatus.NEW]


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize(("fund_e8", "prefix"), [(500 * E8, "autoclose"), (500 * E8 - 1, "adl_autoclose")])
def test_the_fund_takes_a_loss_as_long_as_it_is_worth_something(
    bench: Any, side: str, fund_e8: int, prefix: str
) -> None:
    """The account fell 500 below nothing, so who takes its position over at the bankruptcy price loses that."""
    one, two = held(bench, side, BTC)
    bench.do(c.Transfer(account_id=0, amount_e8=fund_e8))
    stake(bench, one, 1000 * E8)
    bench.index("48500" if side == "buy" else "51500")
    assert forced(bench)[0].client_order_id.rpartition("-")[0] == prefix
    assert (bench.position(two).quantity_e8 == 0) is (prefix == "adl_autoclose")


def test_the_fund_itself_is_neither_liquidated_nor_closed_against(bench: Any) -> None:
    one, two = held(bench, isolated=BTC)
    bench.do(c.Transfer(account_id=0, amount_e8=500 * E8))
    stake(bench, one, 1000 * E8)
    bench.index("48500")
    assert bench.state.house.position(BTC, BOTH).quantity_e8 == E8
    bench.index("20000")
    assert bench.margin(0).margin_balance_e8 < 0
    assert [order.account_id for order in forced(bench)] == [one]
    # A short that fails now: the fund is long, but it is no winner to be closed against.
    three = bench.account(RICH)
    bench.trade(two, three, "0.1", "20000")
    stake(bench, three, 0)
    bench.index("20001")
    assert 0 not in [order.account_id for order in forced(bench)]


def test_deleveraging_takes_no_more_than_it_needs(bench: Any) -> None:
    """The winner has more than is needed; another one is not touched, nor are orders in another contract."""
    one, two, three = bench.account(RICH), bench.account(RICH), bench.account("30000")
    bench.trade(one, two, "0.4", "49500")
    bench.trade(one, three, "0.6", "50000")
    bench.trade(bench.account(RICH), three, "0.5", "50000")
    kept = bench.place(three, "buy", "0.01", "2900", symbol=ETH)
    ended = bench.place(three, "buy", "0.01", "40000")
    others = bench.place(two, "sell", "0.01", "50500")
    stake(bench, one, 1000 * E8)
    bench.index("48000")
    winner, loser = forced(bench)
    assert (winner.account_id, winner.quantity_e8, winner.side) == (three, E8, Side.BUY)
    assert winner.client_order_id == f"adl_autoclose-{winner.order_id}"
    assert (loser.account_id, loser.status) == (one, OrderStatus.FILLED)
    assert bench.position(three).quantity_e8 == -E8 // 10
    assert bench.position(two).quantity_e8 == -4 * E8 // 10
    statuses = [bench.state.orders[order.order_id].status for order in (kept, ended, others)]
    assert statuses == [OrderStatus.NEW, OrderStatus.EXPIRED, OrderStatus.NEW]


@settings(max_examples=60, deadline=None)
@given(
    winners=st.lists(
        st.tuples(st.integers(-60, 40), st.integers(2_000, 50_000), st.booleans(), st.integers(1, 5)),
        min_size=2,
        max_size=4,
    )
)
def test_who_has_won_most_beside_what_it_has_is_deleveraged_first(new_bench: Any, winners: Any) -> None:
    """Shorts of other entries, wallets and kinds of margin, worked out with fractions from perpetual dialect 10.6."""
    bench = new_bench()
    one = bench.account(RICH)
    mark = Fraction(47_000)
    ranks: dict[int, Fraction] = {}
    for offset, wallet, is_isolated, tenths in winners:
        other = bench.account(RICH, isolated=BTC if is_isolated else None)
        entry, quantity = 48_000 + 50 * offset, Fraction(tenths, 10)
        bench.index(str(entry))
        bench.trade(one, other, str(tenths / 10), str(entry))
        stake(bench, other, wallet * E8)
        profit = quantity * (entry - mark)
        equity = wallet + profit
        leverage = quantity * mark / equity
        share = profit / (quantity * entry)
        ranks[other] = share * leverage if profit > 0 else share / leverage
    assume(len(set(ranks.values())) == len(ranks))
    stake(bench, one, -(10**6) * E8)
    bench.index("47000")
    # Ranks that differ by less than what one unit makes are not told apart.
    closed = [order.account_id for order in forced(bench) if order.account_id != one]
    assert closed == sorted(ranks, key=lambda account_id: ranks[account_id], reverse=True)


def test_the_fund_does_not_pay_what_an_account_owes_while_it_holds_something(bench: Any) -> None:
    one, _ = held(bench)
    bench.state.accounts[one].wallet_e8 = -100 * E8
    bench.index("52000")
    assert (bench.state.accounts[one].wallet_e8, forced(bench)) == (-100 * E8, [])


def test_a_debt_that_the_fund_pays_is_of_no_contract(bench: Any) -> None:
    one, two = bench.account("2520"), bench.account(RICH)
    bench.trade(one, two, "1", "50000")
    bench.place(two, "buy", "1", "47500")
    bench.place(one, "sell", "1")
    bench.tick()
    assert (insurance(bench, one), insurance(bench, 0)) == ([(19 * E8, "")], [(-19 * E8, "")])


def test_a_profit_that_no_longer_covers_a_debt_is_closed(bench: Any) -> None:
    """A wallet of -1000 and a profit of 1200: 200 is left where 206 are needed."""
    one, _ = held(bench)
    bench.index("52000")
    bench.state.accounts[one].wallet_e8 = -1000 * E8
    bench.index("51500")
    assert forced(bench) == []
    bench.index("51200")
    assert [order.account_id for order in forced(bench)] == [one]


def test_without_a_cross_position_an_empty_cross_wallet_ends_nothing(bench: Any) -> None:
    one, _ = held(bench, isolated=BTC)
    order = bench.place(one, "buy", "0.01", "2900", symbol=ETH)
    stake(bench, one, 0, symbol=ETH)
    stake(bench, one, 230 * E8)
    bench.index("50000")
    assert len(bench.told(MarginCalled)) == 1
    assert bench.state.orders[order.order_id].status is OrderStatus.NEW


KINDS = st.lists(
    st.tuples(
        st.sampled_from([BTC, ETH]),
        st.integers(-2_000, 2_000).filter(bool),
        st.booleans(),
        st.integers(-30, 30),
        st.integers(60, 120),
    ),
    min_size=1,
    max_size=2,
    unique_by=lambda row: row[0],
)


@settings(max_examples=150, deadline=None)
@given(positions=KINDS, cross_percent=st.integers(60, 120))
def test_calls_and_liquidations_come_just_where_the_naive_model_says(
    new_bench: Any, positions: Any, cross_percent: int
) -> None:
    """Cross positions stand and fall together, each isolated one alone. Each pot is so far used by its positions."""
    bench = new_bench()
    one = bench.account("0")
    account = bench.state.accounts[one]
    contracts = {symbol: market.contract for symbol, market in bench.state.markets.items()}
    marks = {symbol: Fraction(market.mark_e18, E18) for symbol, market in bench.state.markets.items()}
    cross = NaiveAccount(contracts=contracts)
    pots: list[tuple[NaiveAccount, int, list[str]]] = [(cross, cross_percent, [])]
    for symbol, lots, is_isolated, offset, percent in positions:
        signed = lots * (10 if symbol == ETH else 1)
        entry_e18 = bench.state.markets[symbol].mark_e18 // 1000 * (1000 + offset)
        bench.position(one, symbol=symbol).trade(signed * 10**5, entry_e18)
        if is_isolated:
            account.setting(symbol).margin_type = MarginType.ISOLATED
            pots.append((NaiveAccount(contracts=contracts), percent, []))
        naive, _, symbols = pots[-1 if is_isolated else 0]
        symbols.append(symbol)
        naive.fill(symbol, "BOTH", Fraction(signed, 1000), Fraction(entry_e18, E18), Fraction(0))
    near, failed = set(), set()
    for naive, percent, symbols in pots:
        needed = naive.maintenance(marks)
        amount_e8 = max(0, int((needed * 100 / percent - naive.equity(marks)) * E8))
        naive.wallet = Fraction(amount_e8, E8)
        account.wallet_e8 += amount_e8
        for symbol in symbols if naive is not cross else ():
            bench.position(one, symbol=symbol).isolated_wallet_e8 = amount_e8
        balance = naive.equity(marks)
        assume(abs(needed - balance) > Fraction(1, 1000) < abs(needed - balance * Fraction(4, 5)))
        if symbols and needed >= balance:
            failed |= set(symbols)
        elif symbols and needed >= balance * Fraction(4, 5):
            near |= set(symbols)
    bench.do(c.Transfer(account_id=0, amount_e8=10**9 * E8))
    bench.index("50000")
    assert {order.symbol for order in forced(bench)} >= failed
    if not failed:
        assert forced(bench) == []
        called = {risk.state.position.symbol for event in bench.told(MarginCalled) for risk in event.positions}
        assert called == near


def test_deleveraging_leaves_positions_of_its_own_side_and_of_other_contracts(bench: Any) -> None:
    """Both have won more than the one that is closed: a long from below, and a short in the other contract."""
    one, two, three, four = (bench.account(RICH) for _ in range(4))
    bench.index("40000")
    bench.trade(three, two, "0.5", "40000")
    bench.index("50000")
    bench.place(four, "sell", "10", "3000", symbol=ETH)
    bench.place(two, "buy", "10", "3000", symbol=ETH)
    bench.index("2000", symbol=ETH)
    bench.trade(one, four, "1", "50000")
    for account_id in (three, four):
        stake(bench, account_id, 3_000 * E8)
    stake(bench, one, 500 * E8)
    bench.index("49000")
    assert [order.account_id for order in forced(bench)] == [four, one]
    assert bench.position(three).quantity_e8 == E8 // 2
    assert bench.position(four, symbol=ETH).quantity_e8 == -10 * E8
    assert bench.position(four).quantity_e8 == 0
