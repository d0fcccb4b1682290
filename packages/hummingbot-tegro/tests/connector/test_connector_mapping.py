"""The venue's reports in Hummingbot's words, and balances."""

from decimal import Decimal

import pytest
from hummingbot.connector.exchange.tegro.balances import Spending, WalletOrders, held_by_orders, reading_of, with_chain
from hummingbot.connector.exchange.tegro.order_mapping import order_state, rested, trade_update
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate
from hummingbot.core.data_type.trade_fee import DeductedFromReturnsTradeFee, TokenAmount
from hypothesis import given
from hypothesis import strategies as st

from tegro.allowance import AllowanceState
from tegro.model import Balance, Market, Order, OrderStatus, Side, Token, Trade, TradeState

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
WETH = Token(address="0x" + "11" * 20, symbol="WETH", decimals=18)
USDC = Token(address="0x" + "22" * 20, symbol="USDC", decimals=6)
WBTC = Token(address="0x" + "33" * 20, symbol="WBTC", decimals=8)
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


def state(*reports: Order, booking: str = "settled", amount: str = "2") -> OrderState | None:
    return order_state(reports, amount=Decimal(amount), booking=booking)


def fill_of(made: Trade, *, order: InFlightOrder, booking: str = "settled") -> TradeUpdate | None:
    return trade_update(made, venue_order_id="o", order=order, market=MARKET, wallet=WALLET, booking=booking)


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
    assert state(report(status, filled=filled, pending=pending)) is expected


def test_defect_30_a_matched_order_that_settles_is_still_open_and_not_being_cancelled():
    assert state(report("closed", pending="2")) is OrderState.OPEN
    assert state(report("closed", filled="1", pending="1")) is OrderState.PARTIALLY_FILLED


@pytest.mark.parametrize("code", [611, 711, 712, 811])
def test_defect_31_every_cancel_is_a_cancel_also_after_a_partial_fill(code):
    assert state(report("cancelled", filled="1", code=code)) is OrderState.CANCELED


def test_a_cancelled_order_with_a_part_to_settle_has_not_ended():
    assert state(report("cancelled", pending="1")) is OrderState.PENDING_CANCEL


def test_an_order_closed_with_a_part_that_never_settled_is_no_full_fill():
    assert state(report("closed", filled="1")) is OrderState.CANCELED


def test_defect_32_an_unknown_status_changes_nothing():
    assert state(report("unknown")) is None


@pytest.mark.parametrize("state", ["pending", "failed", "unknown"])
def test_defect_34_only_a_settled_trade_is_a_fill(state):
    assert fill_of(trade(state=state), order=order(TradeType.BUY)) is None


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
    fill = fill_of(trade(is_buyer_maker=is_buyer_maker), order=order(trade_type))
    assert fill is not None
    assert fill.fee == DeductedFromReturnsTradeFee(flat_fees=[fee])
    assert fill.is_taker is is_taker


def test_defect_35_and_44_a_fill_has_hummingbots_pair_and_seconds_and_the_quote_the_contract_pays():
    fill = fill_of(trade(), order=order(TradeType.BUY))
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
    reading = reading_of([], trading_pairs=["WETH-USDC"], preferred_tokens=set(), held={})
    assert reading.totals == reading.available({}) == {"WETH": Decimal(0), "USDC": Decimal(0)}


amounts = st.decimals(0, 10**9, places=6)


@given(total=amounts, reserved=amounts, held_before=amounts, held=amounts)
def test_defect_41_and_42_available_is_exact_and_leaves_out_what_orders_hold(total, reserved, held_before, held):
    balances = [Balance(token=USDC, total=total, reserved=reserved)]
    reading = reading_of(balances, trading_pairs=[], preferred_tokens=set(), held={"USDC": held_before})
    assert reading.totals["USDC"] == total
    of_others = max(reserved - held_before, 0)
    assert reading.available({"USDC": held})["USDC"] == max(total - of_others - held, 0)


def test_an_order_that_ends_while_the_venue_answers_is_not_held_any_more():
    # The venue answered before the order ended, so its figure still has it.
    balances = [Balance(token=USDC, total=Decimal(100), reserved=Decimal(60))]
    reading = reading_of(balances, trading_pairs=[], preferred_tokens=set(), held={"USDC": Decimal(60)})
    assert reading.available({})["USDC"] == 100


def test_what_was_paid_since_the_reading_is_not_free_and_counts_once():
    selling, spending = order(TradeType.SELL, amount="3", filled="1"), Spending()
    spending.keep(spending.mark([selling]))
    selling.executed_amount_base = Decimal("1.5")
    new = order(TradeType.BUY)
    new.client_order_id, new.executed_amount_quote = "TEGRO-2", Decimal(3000)
    assert spending.since([selling, new]) == {"WETH": Decimal("0.5"), "USDC": Decimal(3000)}
    spending.keep(spending.mark([selling, new]))
    assert spending.since([selling, new]) == {"WETH": 0, "USDC": 0}


@pytest.mark.parametrize("order_of_rows", [1, -1])
def test_of_two_tokens_with_one_symbol_the_traded_one_counts(order_of_rows):
    fake = Token(address="0x" + "99" * 20, symbol="USDC", decimals=6)
    rows = [
        Balance(token=token, total=Decimal(total), reserved=Decimal(0)) for token, total in [(USDC, 5), (fake, 10**9)]
    ]
    reading = reading_of(rows[::order_of_rows], trading_pairs=["WETH-USDC"], preferred_tokens={USDC.address}, held={})
    assert reading.totals["USDC"] == 5


def test_the_chains_word_takes_the_place_of_the_venues():
    late = [Balance(token=USDC, total=Decimal(5), reserved=Decimal(1))]
    states = [
        AllowanceState(token=token, allowance_wei=0, cap_wei=None, balance_wei=7_000_000) for token in (USDC, WBTC)
    ]
    assert with_chain(late, states) == [
        Balance(token=USDC, total=Decimal(7), reserved=Decimal(1)),
        Balance(token=WBTC, total=Decimal("0.07"), reserved=Decimal(0)),
    ]


def test_every_order_of_the_wallet_holds_what_it_may_still_take():
    orders = WalletOrders()
    orders.replace([report("open", filled="0.5", pending="0.5")])
    assert orders.held({"m": "WETH-USDC"}.get) == {"USDC": Decimal(4500)}
    assert orders.held({}.get) == {}
    orders.see(report("closed", filled="1.5", pending="0.5"))
    assert orders.held({"m": "WETH-USDC"}.get) == {"USDC": Decimal(1500)}
    orders.see(report("open", filled="0.5"))
    assert orders.held({"m": "WETH-USDC"}.get) == {"USDC": Decimal(1500)}, "an older word changes nothing"
    orders.see(report("closed", filled="2"))
    assert orders.held({"m": "WETH-USDC"}.get) == {}
