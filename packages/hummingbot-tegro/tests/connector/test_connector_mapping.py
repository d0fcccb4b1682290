"""The venue's reports in Hummingbot's words, and balances."""

from decimal import Decimal

import pytest
from hummingbot.connector.exchange.tegro.balances import available_balances, held_by_orders
from hummingbot.connector.exchange.tegro.order_mapping import order_state, rested, trade_update
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount
from hypothesis import given
from hypothesis import strategies as st

from tegro.model import Balance, Market, Order, OrderStatus, Side, Token, Trade, TradeState

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=18)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)
MARKET = Market(id="m", symbol="WETH_USDC", chain_id=31337, base=WETH, quote=USDC, base_precision=6, quote_precision=2)


def report(status: str, *, filled: str = "0", pending: str = "0", code: int = 0) -> Order:
    return Order(
        order_id="o",
        order_hash="0x" + "ab" * 32,
        market_id="m",
        side=Side.BUY,
        price=Decimal(3000),
        quantity=Decimal(2),
        filled=Decimal(filled),
        pending=Decimal(pending),
        average_price=Decimal(0),
        status=OrderStatus(status),
        cancel_code=code,
        cancel_reason="",
        timestamp_ms=1_700_000_000_000,
    )


def order(trade_type: TradeType, *, amount: str = "2", filled: str = "0", state: OrderState = OrderState.OPEN):
    made = InFlightOrder(
        client_order_id="TEGRO-1",
        trading_pair="WETH-USDC",
        order_type=OrderType.LIMIT,
        trade_type=trade_type,
        amount=Decimal(amount),
        creation_timestamp=1.0,
        price=Decimal(3000),
        exchange_order_id="o",
        initial_state=state,
    )
    made.executed_amount_base = Decimal(filled)
    return made


def trade(*, state: str = "success", is_buyer_maker: bool | None = True, maker: str = OTHER) -> Trade:
    return Trade(
        trade_id="t",
        symbol="WETH_USDC",
        price=Decimal("3000.01"),
        quantity=Decimal("0.333333"),
        state=TradeState(state),
        is_buyer_maker=is_buyer_maker,
        maker=maker.lower(),
        taker=OTHER,
        maker_fee=Decimal("0.1"),
        taker_fee=Decimal("0.2"),
        tx_hash=None,
        timestamp_ms=1_700_000_000_500,
    )


@pytest.mark.parametrize(
    ("status", "filled", "pending", "expected"),
    [
        ("open", "0", "0", OrderState.OPEN),
        ("open", "0", "1", OrderState.OPEN),
        ("open", "1", "0", OrderState.PARTIALLY_FILLED),
        ("closed", "2", "0", OrderState.FILLED),
        ("cancelled", "0", "0", OrderState.CANCELED),
    ],
)
def test_plain_states(status, filled, pending, expected):
    assert order_state(report(status, filled=filled, pending=pending)) is expected


def test_defect_30_a_matched_order_that_settles_is_still_open_and_not_being_cancelled():
    assert order_state(report("closed", pending="2")) is OrderState.OPEN
    assert order_state(report("closed", filled="1", pending="1")) is OrderState.PARTIALLY_FILLED


@pytest.mark.parametrize("code", [611, 711, 712, 811])
def test_defect_31_every_cancel_is_a_cancel_also_after_a_partial_fill(code):
    assert order_state(report("cancelled", filled="1", code=code)) is OrderState.CANCELED


def test_a_cancelled_order_with_a_part_to_settle_has_not_ended():
    assert order_state(report("cancelled", pending="1")) is OrderState.PENDING_CANCEL


def test_an_order_closed_with_a_part_that_never_settled_is_no_full_fill():
    assert order_state(report("closed", filled="1")) is OrderState.CANCELED


def test_defect_32_an_unknown_status_changes_nothing():
    assert order_state(report("unknown")) is None


@pytest.mark.parametrize("state", ["pending", "failed", "unknown"])
def test_defect_34_only_a_settled_trade_is_a_fill(state):
    assert trade_update(trade(state=state), order=order(TradeType.BUY), market=MARKET, wallet=WALLET) is None


@pytest.mark.parametrize(
    ("trade_type", "is_buyer_maker", "fee", "is_taker"),
    [
        (TradeType.BUY, True, TokenAmount("WETH", Decimal("0.1")), False),
        (TradeType.BUY, False, TokenAmount("WETH", Decimal("0.2")), True),
        (TradeType.SELL, True, TokenAmount("USDC", Decimal("0.2")), True),
        (TradeType.SELL, False, TokenAmount("USDC", Decimal("0.1")), False),
    ],
)
def test_defect_37_each_side_pays_in_the_token_it_receives(trade_type, is_buyer_maker, fee, is_taker):
    fill = trade_update(trade(is_buyer_maker=is_buyer_maker), order=order(trade_type), market=MARKET, wallet=WALLET)
    assert fill is not None
    assert fill.fee == DeductedFromReturnsTradeFee(flat_fees=[fee])
    assert fill.is_taker is is_taker


def test_defect_35_and_44_a_fill_has_hummingbots_pair_and_seconds_and_the_quote_the_contract_pays():
    fill = trade_update(trade(), order=order(TradeType.BUY), market=MARKET, wallet=WALLET)
    assert fill is not None
    assert (fill.trading_pair, fill.fill_timestamp) == ("WETH-USDC", 1_700_000_000.5)
    # 0.333333 x 3000.01 = 1000.00233333, of which USDC holds six decimals and the contract rounds down.
    assert fill.fill_quote_amount == Decimal("1000.002333")


def test_who_rested_is_told_by_the_wallet_where_the_venue_does_not_say():
    assert rested(trade(is_buyer_maker=None, maker=WALLET), is_buy=True, wallet=WALLET)
    assert not rested(trade(is_buyer_maker=None, maker=OTHER), is_buy=True, wallet=WALLET)


def test_orders_hold_what_they_may_still_take():
    orders = [
        order(TradeType.BUY, filled="0.5"),
        order(TradeType.SELL, amount="3", filled="1"),
        order(TradeType.SELL, amount="7", state=OrderState.CANCELED),
    ]
    assert held_by_orders(orders) == {"USDC": Decimal(4500), "WETH": Decimal(2)}


def test_defect_15_both_tokens_of_a_pair_are_there_although_the_venue_lists_none():
    totals, available = available_balances([], trading_pairs=["WETH-USDC"], preferred_tokens=set(), held={})
    assert totals == available == {"WETH": Decimal(0), "USDC": Decimal(0)}


amounts = st.decimals(0, 10**9, places=6)


@given(total=amounts, reserved=amounts, held=amounts)
def test_defect_41_and_42_available_is_exact_and_leaves_out_what_orders_hold(total, reserved, held):
    balances = [Balance(token=USDC, total=total, reserved=reserved)]
    totals, available = available_balances(balances, trading_pairs=[], preferred_tokens=set(), held={"USDC": held})
    assert totals["USDC"] == total
    assert available["USDC"] == max(Decimal(0), min(total - reserved, total - held))


@pytest.mark.parametrize("order_of_rows", [1, -1])
def test_of_two_tokens_with_one_symbol_the_traded_one_counts(order_of_rows):
    fake = Token(address="0x" + "99" * 20, symbol="USDC", decimals=6)
    rows = [
        Balance(token=token, total=Decimal(total), reserved=Decimal(0)) for token, total in [(USDC, 5), (fake, 10**9)]
    ]
    totals, _ = available_balances(
        rows[::order_of_rows], trading_pairs=["WETH-USDC"], preferred_tokens={USDC.address}, held={}
    )
    assert totals["USDC"] == 5
