"""The life of orders: time in force, post only, reduce only, self-trade prevention, amendment, expiry."""

from typing import Any

import pytest

from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.events import AccountChanged, LevelChanged, OrderChanged, Traded
from tegro_localnet.perpetual.engine.records import KEPT
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import ExpiryReason, OrderType, SelfTrade

E8 = 10**8


@pytest.fixture
def pair(bench: Any) -> tuple[int, int]:
    return bench.account("1000000"), bench.account("1000000")


def code_of(act: Any) -> int:
    with pytest.raises(Rejected) as refusal:
        act()
    return refusal.value.code


def changes(bench: Any, order: Any) -> list[tuple[str, str, int]]:
    told = [event for event in bench.told(OrderChanged) if event.order.order_id == order.order_id]
    return [(str(event.execution), str(event.order.status), int(event.reason)) for event in told]


def test_trades_happen_at_the_resting_prices_best_first_then_oldest(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    late = [bench.place(maker, "sell", "0.1", price).order_id for price in ("50010", "50000", "50000")]
    order = bench.place(taker, "buy", "0.25", "50020")
    trades = [event.trade for event in bench.told(Traded)]
    assert [trade.price_e18 // 10**18 for trade in trades] == [50_000, 50_000, 50_010]
    fills = [fill.order_id for fill in bench.state.records[maker].fills]
    assert fills == [late[1], late[2], late[0]]
    assert (order.status, order.executed_e8, order.average_price_e18) == ("FILLED", E8 // 4, 50_002 * 10**18)


def test_balance_and_position_are_told_before_the_fill(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    bench.place(maker, "sell", "0.1", "50000")
    bench.events.clear()
    bench.place(taker, "buy", "0.1", "50000")
    kinds = [type(event) for event in bench.events if isinstance(event, OrderChanged | AccountChanged)]
    assert kinds == [OrderChanged, AccountChanged, OrderChanged, AccountChanged, OrderChanged]


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"tif": "IOC"}, ExpiryReason.IOC_REMAINDER), ({"type": OrderType.MARKET}, ExpiryReason.MARKET_REMAINDER)],
)
def test_what_may_not_wait_expires(bench: Any, pair: tuple[int, int], options: Any, reason: ExpiryReason) -> None:
    maker, taker = pair
    bench.place(maker, "sell", "0.1", "50000")
    order = bench.place(taker, "buy", "0.3", "50000", **options)
    assert (order.status, order.executed_e8) == ("EXPIRED", E8 // 10)
    assert changes(bench, order)[-1] == ("EXPIRED", "EXPIRED", int(reason))


def test_fill_or_kill_takes_all_or_leaves_no_trace(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    bench.place(maker, "sell", "0.1", "50000")
    bench.place(maker, "sell", "0.1", "50010")
    bench.events.clear()
    assert code_of(lambda: bench.place(taker, "buy", "0.2", "50000", tif="FOK")) == -5021
    assert bench.events == []
    assert bench.place(taker, "buy", "0.2", "50010", tif="FOK").status == "FILLED"


def test_post_only_rests_or_is_refused(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    bench.place(maker, "sell", "0.1", "50000")
    assert code_of(lambda: bench.place(taker, "buy", "0.1", "50000", tif="GTX")) == -5022
    assert bench.place(taker, "buy", "0.1", "49999.9", tif="GTX").status == "NEW"


@pytest.mark.parametrize(
    ("mode", "maker_status", "taker_status"),
    [
        (SelfTrade.EXPIRE_MAKER, "EXPIRED_IN_MATCH", "NEW"),
        (SelfTrade.EXPIRE_TAKER, "NEW", "EXPIRED_IN_MATCH"),
        (SelfTrade.EXPIRE_BOTH, "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"),
    ],
)
def test_an_account_never_trades_with_itself(
    bench: Any, pair: tuple[int, int], mode: SelfTrade, maker_status: str, taker_status: str
) -> None:
    own = bench.place(pair[0], "sell", "0.1", "50000")
    order = bench.place(pair[0], "buy", "0.1", "50000", self_trade=mode)
    assert (bench.state.orders[own.order_id].status, order.status) == (maker_status, taker_status)
    assert bench.told(Traded) == []


def test_fill_or_kill_does_not_count_orders_that_would_expire_as_its_own(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    bench.place(taker, "sell", "0.1", "50000")
    bench.place(maker, "sell", "0.1", "50010")
    assert code_of(lambda: bench.place(taker, "buy", "0.2", "50010", tif="FOK")) == -5021
    assert bench.place(taker, "buy", "0.1", "50010", tif="FOK").status == "FILLED"


def test_fill_or_kill_counts_orders_that_may_only_reduce_no_further_than_their_position(
    bench: Any, pair: tuple[int, int]
) -> None:
    one, two = pair
    bench.trade(one, two, "0.1", "50000")
    for _ in range(2):
        bench.place(one, "sell", "0.1", "50000", reduce_only=True)
    assert code_of(lambda: bench.place(two, "buy", "0.2", "50000", tif="FOK")) == -5021
    assert bench.place(two, "buy", "0.1", "50000", tif="FOK").status == "FILLED"


def test_the_taker_pays_twice_what_the_maker_pays(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    bench.trade(taker, maker, "0.1", "50000")
    fees = [[fill.fee_e8 for fill in bench.state.records[each].fills] for each in pair]
    assert fees == [[E8], [2 * E8]]
    assert bench.state.fees_e8 == 3 * E8


def test_reduce_only_needs_something_to_reduce_and_never_flips(bench: Any, pair: tuple[int, int]) -> None:
    one, two = pair
    assert code_of(lambda: bench.place(one, "sell", "0.1", "50000", reduce_only=True)) == -2022
    bench.trade(one, two, "0.1", "50000")
    assert code_of(lambda: bench.place(one, "buy", "0.1", "50000", reduce_only=True)) == -2022
    bench.place(two, "buy", "1", "49990")
    order = bench.place(one, "sell", "0.5", reduce_only=True)
    assert (order.status, order.executed_e8) == ("EXPIRED", E8 // 10)
    assert bench.position(one).quantity_e8 == 0


def test_resting_orders_that_cannot_reduce_any_more_expire(bench: Any, pair: tuple[int, int]) -> None:
    one, two = pair
    bench.trade(one, two, "0.1", "50000")
    resting = bench.place(one, "sell", "0.1", "51000", reduce_only=True)
    bench.trade(two, one, "0.1", "50000")
    assert changes(bench, resting)[-1] == ("EXPIRED", "EXPIRED", int(ExpiryReason.REDUCE_ONLY))


def test_small_orders_are_allowed_only_to_reduce(bench: Any, pair: tuple[int, int]) -> None:
    one, two = pair
    bench.trade(one, two, "0.1", "50000")
    assert code_of(lambda: bench.place(one, "sell", "0.001", "3000", symbol="ETHUSDT")) == -4164
    bench.place(two, "buy", "1", "49990")
    assert bench.place(one, "sell", "0.1", close_position=False, reduce_only=True).status == "FILLED"


def test_close_position_closes_all_of_it(bench: Any, pair: tuple[int, int]) -> None:
    one, two = pair
    bench.trade(one, two, "0.123", "50000")
    bench.place(two, "buy", "1", "49990")
    assert code_of(lambda: bench.place(one, "sell", "0.1", close_position=True)) == -4137
    assert bench.place(one, "sell", "0", close_position=True).executed_e8 == 12_300_000
    assert code_of(lambda: bench.place(one, "sell", "0", close_position=True)) == -2022


def test_hedge_mode_names_its_side_and_closes_no_more_than_is_held(bench: Any) -> None:
    one, two = bench.account("1000000", hedge=True), bench.account("1000000")
    assert code_of(lambda: bench.place(one, "buy", "0.1", "50000")) == -4061
    assert code_of(lambda: bench.place(two, "buy", "0.1", "50000", position_side="LONG")) == -4061
    bench.trade(one, two, "0.1", "50000", buyer_side="LONG")
    assert code_of(lambda: bench.place(one, "sell", "0.2", "50000", position_side="LONG")) == -2022
    assert code_of(lambda: bench.place(one, "sell", "0.1", "50000", position_side="LONG", reduce_only=True)) == -1106
    bench.trade(two, one, "0.1", "50000", seller_side="LONG")
    assert bench.position(one, "LONG").quantity_e8 == 0


@pytest.mark.parametrize(
    ("quantity", "price", "code"),
    [
        ("0", "50000", -4003),
        ("0.0001", "50000", -1111),
        ("1001", "50000", -4005),
        ("0.1", "50000.01", -1111),
        ("0.1", "-1", -4001),
        ("0.1", "0", -4013),
        ("0.1", "52600", -4016),
        ("0.1", "10000000", -4002),
        ("200", "50000", -2019),
    ],
)
def test_filters(bench: Any, quantity: str, price: str, code: int) -> None:
    one = bench.account("10")
    assert code_of(lambda: bench.place(one, "buy", quantity, price)) == code


def test_a_sell_far_below_the_mark_is_refused_and_a_market_order_needs_a_book(bench: Any) -> None:
    one = bench.account("100000")
    assert code_of(lambda: bench.place(one, "sell", "0.1", "47400")) == -4024
    assert code_of(lambda: bench.place(one, "sell", "0.1")) == -1112
    assert code_of(lambda: bench.place(one, "sell", "0.1", symbol="XRPUSDT")) == -1121


def test_client_order_ids_are_unique_while_open(bench: Any) -> None:
    one = bench.account("100000")
    first = bench.place(one, "buy", "0.1", "49000", client_order_id="mine")
    assert code_of(lambda: bench.place(one, "buy", "0.1", "49000", client_order_id="mine")) == -4116
    assert code_of(lambda: bench.place(one, "buy", "0.1", "49000", client_order_id="autoclose-1")) == -4015
    assert code_of(lambda: bench.place(one, "buy", "0.1", "49000", client_order_id="ä")) == -4015
    bench.do(c.CancelOrder(account_id=one, order_id=first.order_id))
    again = bench.place(one, "buy", "0.1", "49000", client_order_id="mine")
    assert bench.state.orders.find(one, "BTCUSDT", None, "mine").order_id == again.order_id
    assert code_of(lambda: bench.do(c.CancelOrder(account_id=one, order_id=first.order_id))) == -2011


def test_an_amended_order_goes_to_the_back(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    first, second = (bench.place(maker, "sell", "0.1", "50000") for _ in range(2))
    command = c.AmendOrder(account_id=maker, order_id=first.order_id, price_e18=50_000 * 10**18, quantity_e8=2 * 10**7)
    amended = bench.do(command)
    assert (amended.status, amended.quantity_e8) == ("NEW", 2 * 10**7)
    bench.place(taker, "buy", "0.1", "50000")
    assert bench.state.orders[second.order_id].status == "FILLED"
    assert code_of(lambda: bench.do(command)) == -5027
    assert changes(bench, first)[1] == ("AMENDMENT", "NEW", 0)


def test_an_amendment_that_the_account_cannot_pay_leaves_the_order_as_it_was(bench: Any) -> None:
    one = bench.account("1000")
    order = bench.place(one, "buy", "0.1", "49000")
    command = c.AmendOrder(account_id=one, order_id=order.order_id, price_e18=49_000 * 10**18, quantity_e8=100 * E8)
    assert code_of(lambda: bench.do(command)) == -2019
    (kept,) = bench.state.accounts[one].orders()
    assert (kept.quantity_e8, len(bench.state.markets["BTCUSDT"].book)) == (E8 // 10, 1)


def test_an_amendment_ends_what_has_executed_as_much_or_would_take_as_post_only(
    bench: Any, pair: tuple[int, int]
) -> None:
    maker, taker = pair
    partly = bench.place(maker, "sell", "0.2", "50000")
    bench.place(taker, "buy", "0.1", "50000")
    ids = {"account_id": maker, "order_id": partly.order_id}
    assert bench.do(c.AmendOrder(**ids, price_e18=50_001 * 10**18, quantity_e8=E8 // 10)).status == "CANCELED"
    post = bench.place(maker, "sell", "0.1", "50100", tif="GTX")
    bench.place(taker, "buy", "0.1", "50000")
    ids = {"account_id": maker, "order_id": post.order_id}
    assert bench.do(c.AmendOrder(**ids, price_e18=50_000 * 10**18, quantity_e8=E8 // 10)).status == "EXPIRED"


def test_a_date_and_a_countdown_end_orders(bench: Any) -> None:
    one = bench.account("100000")
    soon = bench.now_ms + 601_000
    assert code_of(lambda: bench.place(one, "buy", "0.1", "49000", tif="GTD", good_till_ms=soon - 1_000)) == -5040
    dated = bench.place(one, "buy", "0.1", "49000", tif="GTD", good_till_ms=soon)
    counted = bench.place(one, "buy", "3", "2900", symbol="ETHUSDT")
    bench.do(c.CountDown(account_id=one, symbol="ETHUSDT", countdown_ms=5_000))
    bench.tick(5_000)
    assert bench.state.orders[counted.order_id].status == "CANCELED"
    assert bench.state.orders[dated.order_id].status == "NEW"
    bench.tick(600_000)
    assert bench.state.orders[dated.order_id].status == "EXPIRED"


def test_a_countdown_that_is_stopped_ends_nothing(bench: Any) -> None:
    one = bench.account("100000")
    order = bench.place(one, "buy", "0.1", "49000")
    for countdown_ms in (5_000, 0):
        bench.do(c.CountDown(account_id=one, symbol="BTCUSDT", countdown_ms=countdown_ms))
    bench.tick(10_000)
    assert bench.state.orders[order.order_id].status == "NEW"


def test_a_test_order_changes_nothing(bench: Any) -> None:
    one = bench.account("100000")
    bench.events.clear()
    bench.place(one, "buy", "0.1", "49000", is_test=True)
    assert (bench.events, bench.state.accounts[one].orders()) == ([], [])


def test_settings_change_only_while_nothing_is_held_or_ordered(bench: Any, pair: tuple[int, int]) -> None:
    one, two = pair
    mode = c.SetPositionMode(account_id=one, is_hedge=True)
    order = bench.place(one, "buy", "0.1", "49000")
    assert code_of(lambda: bench.do(mode)) == -4067
    bench.do(c.CancelAll(account_id=one, symbol="BTCUSDT"))
    assert bench.state.orders[order.order_id].status == "CANCELED"
    bench.trade(one, two, "0.1", "50000")
    assert code_of(lambda: bench.do(mode)) == -4068
    bench.trade(two, one, "0.1", "50000")
    bench.do(mode)
    assert code_of(lambda: bench.do(mode)) == -4059


def test_the_number_of_open_orders_is_limited(bench: Any) -> None:
    one = bench.account("1000000")
    for _ in range(200):
        bench.place(one, "buy", "0.001", "49000")
    assert code_of(lambda: bench.place(one, "buy", "0.001", "49000")) == -2025


def test_old_ended_orders_are_forgotten_and_open_ones_never(bench: Any) -> None:
    one = bench.account("1000000")
    first = bench.place(one, "buy", "0.001", "49000", client_order_id="first")
    bench.do(c.CancelOrder(account_id=one, order_id=first.order_id))
    kept = bench.place(one, "buy", "0.001", "48000")
    for _ in range(KEPT):
        order = bench.place(one, "buy", "0.001", "49000")
        bench.do(c.CancelOrder(account_id=one, order_id=order.order_id))
    assert bench.state.orders.find(one, "BTCUSDT", first.order_id, None) is None
    assert bench.state.orders.find(one, "BTCUSDT", None, "first") is None
    assert bench.state.orders[kept.order_id].is_open


def test_levels_are_told_with_their_new_totals(bench: Any, pair: tuple[int, int]) -> None:
    maker, taker = pair
    order = bench.place(maker, "sell", "0.3", "50000")
    bench.place(taker, "buy", "0.1", "50000")
    bench.do(c.CancelOrder(account_id=maker, order_id=order.order_id))
    assert [event.quantity_e8 for event in bench.told(LevelChanged)] == [3 * 10**7, 2 * 10**7, 0]
