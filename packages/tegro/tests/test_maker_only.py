"""Limit-maker orders that took after all are counted and reported."""

import logging
from decimal import Decimal

import pytest

from tegro.maker_only import MakerOnlyWatch
from tegro.model import Order, OrderStatus, Side, Trade, TradeState

ME, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20


def order(order_id="o1", *, filled="0", pending="0", status=OrderStatus.OPEN):
    return Order(
        order_id=order_id,
        order_hash="0x" + "01" * 32,
        market_id="m1",
        side=Side.BUY,
        price=Decimal(10),
        quantity=Decimal(5),
        filled=Decimal(filled),
        pending=Decimal(pending),
        average_price=Decimal(0),
        status=status,
        cancel_code=0,
        cancel_reason="",
        timestamp_ms=1,
    )


def trade(trade_id="t1", *, taker_side=Side.SELL, maker=OTHER, taker=OTHER, quantity="1", state=TradeState.PENDING):
    return Trade(
        trade_id=trade_id,
        symbol="WETH_USDC",
        price=Decimal(10),
        quantity=Decimal(quantity),
        state=state,
        is_buyer_maker=None if taker_side is None else taker_side is Side.SELL,
        maker=maker,
        taker=taker,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
        tx_hash=None,
        timestamp_ms=1,
    )


@pytest.fixture
def told():
    return []


@pytest.fixture
def watch(told):
    made = MakerOnlyWatch(on_taken=told.append)
    made.note("o1", Side.BUY)
    return made


def test_only_a_noted_order_of_which_something_matched_needs_a_look(watch):
    assert not watch.needs_look(order("another", pending="1"))
    assert not watch.needs_look(order())
    assert watch.needs_look(order(pending="1"))
    assert watch.needs_look(order(filled="1"))
    assert watch.needs_look(order(filled="5", status=OrderStatus.CLOSED))


def test_defect_9_a_limit_maker_that_took_is_counted_logged_and_reported(watch, told, caplog):
    trades = [
        trade("t1", taker_side=Side.BUY, quantity="1.5"),
        trade("t2", taker_side=Side.BUY, quantity="0.25"),
        trade("t3", taker_side=Side.SELL, quantity="1"),
        trade("t4", taker_side=Side.BUY, quantity="9", state=TradeState.FAILED),
    ]
    with caplog.at_level(logging.WARNING):
        taken = watch.judge("o1", trades, ME)
    assert taken is not None
    assert (taken.symbol, taken.side, taken.quantity) == ("WETH_USDC", Side.BUY, Decimal("1.75"))
    assert taken.trade_ids == ("t1", "t2")
    assert told == [taken]
    assert watch.taken == {"WETH_USDC": 1}
    assert [record.message for record in caplog.records] == [str(taken)]
    assert "the limit-maker buy o1 on WETH_USDC took 1.75 on arrival" in str(taken)


def test_an_order_is_judged_once(watch, told):
    assert watch.judge("o1", [trade(taker_side=Side.BUY)], ME) is not None
    assert watch.judge("o1", [trade(taker_side=Side.BUY)], ME) is None
    assert not watch.needs_look(order(filled="5"))
    assert len(told) == 1


def test_an_order_that_rested_first_is_no_taker_and_forgotten(watch, told):
    assert watch.judge("o1", [trade(taker_side=Side.SELL)], ME) is None
    assert not watch.needs_look(order(filled="1"))
    assert told == []
    assert watch.taken == {}


@pytest.mark.parametrize("trades", [[], [trade(taker_side=Side.BUY, state=TradeState.FAILED)]])
def test_trades_that_say_nothing_leave_it_to_a_later_look(watch, trades):
    assert watch.judge("o1", trades, ME) is None
    assert watch.needs_look(order(pending="1"))


@pytest.mark.parametrize(("maker", "taker", "took"), [(OTHER, ME, True), (ME, OTHER, False), (ME, ME, False)])
def test_where_the_side_is_not_told_the_wallet_decides(watch, maker, taker, took):
    taken = watch.judge("o1", [trade(taker_side=None, maker=maker, taker=taker)], ME.upper().replace("X", "x"))
    assert (taken is not None) is took


def test_a_trade_with_oneself_is_told_apart_by_the_side(watch):
    watch.note("o2", Side.SELL)
    own = trade(taker_side=Side.SELL, maker=ME, taker=ME)
    assert watch.judge("o1", [own], ME) is None
    assert watch.judge("o2", [own], ME) is not None


def test_an_order_that_ended_untouched_is_forgotten(watch):
    assert not watch.needs_look(order(status=OrderStatus.CANCELLED))
    assert not watch.needs_look(order(pending="1"))


def test_noting_twice_counts_once_and_nobody_needs_to_listen():
    made = MakerOnlyWatch()
    made.note("o1", Side.BUY)
    made.note("o1", Side.BUY)
    made.note("o2", Side.SELL)
    assert made.placed == 2
    assert made.judge("o1", [trade(taker_side=Side.BUY)], ME) is not None
    assert made.taken == {"WETH_USDC": 1}
