"""Mark prices, funding, margin calls, liquidation, the insurance fund, deleveraging."""

from decimal import Decimal
from typing import Any

import pytest

from tegro_localnet.perpetual.engine import commands as c
from tegro_localnet.perpetual.engine.events import Funded, Liquidated, MarginCalled, OrderChanged
from tegro_localnet.perpetual.engine.funding import (
    FundingTerms,
    PremiumMean,
    funding_rate_e8,
    impact_price_e18,
    premium_e8,
)
from tegro_localnet.perpetual.engine.rejection import Rejected
from tegro_localnet.perpetual.engine.terms import IncomeType

E8, E18 = 10**8, 10**18


def incomes(bench: Any, account_id: int, kind: IncomeType) -> list[int]:
    return [row.amount_e8 for row in bench.state.records[account_id].incomes if row.type is kind]


def test_without_a_book_the_mark_is_the_index(bench: Any) -> None:
    bench.index("51234.5")
    assert bench.state.markets["BTCUSDT"].mark_e18 == 512_345 * E18 // 10


def test_the_mark_is_the_median_and_stays_near_the_index(bench: Any) -> None:
    one, two = bench.account("1000000"), bench.account("1000000")
    market = bench.state.markets["BTCUSDT"]
    bench.place(one, "buy", "1", "50100")
    bench.place(two, "sell", "1", "50300")
    bench.tick(1_000)
    # Funding adds next to nothing, the basis 200; the last price is still 50000: the funding price is the median.
    assert 50_000 * E18 <= market.mark_e18 <= 50_006 * E18
    bench.trade(one, two, "0.1", "50300")
    bench.tick(1_000)
    assert market.mark_e18 == 50_200 * E18
    bench.index("40000")
    assert market.mark_e18 == 40_200 * E18
    bench.tick(1_000)
    assert market.mark_e18 == 42_000 * E18


def test_funding_moves_what_the_rate_says_from_longs_to_shorts(bench: Any) -> None:
    one, two = bench.account("100000"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.fund_at("0.0001")
    bench.tick(60_000)
    (settled,) = bench.told(Funded)
    assert settled.rate.rate_e8 == 10_000
    assert settled.rate.time_ms % 60_000 == 0
    assert incomes(bench, one, IncomeType.FUNDING_FEE) == [-5 * E8]
    assert incomes(bench, two, IncomeType.FUNDING_FEE) == [5 * E8]
    bench.tick(30_000)
    assert len(bench.told(Funded)) == 1


def test_funding_of_an_isolated_position_comes_from_its_wallet(bench: Any) -> None:
    one, two = bench.account("100000", isolated="BTCUSDT"), bench.account("100000")
    bench.trade(one, two, "1", "50000")
    bench.fund_at("0.001")
    bench.tick(60_000)
    assert bench.position(one).isolated_wallet_e8 == 2450 * E8


@pytest.mark.parametrize(
    ("premiums", "interval_ms", "rate"),
    [
        # Near the interest the rate is the interest; far from it, the premium less or more the damping.
        ((0, 0), 8 * 3_600_000, "0.0001"),
        ((30_000,), 8 * 3_600_000, "0.0001"),
        ((100_000,), 8 * 3_600_000, "0.0005"),
        ((-100_000,), 8 * 3_600_000, "-0.0005"),
        # The second sample weighs twice the first: (0 + 2 x 150000) / 3 = 100000.
        ((0, 150_000), 8 * 3_600_000, "0.0005"),
        ((100_000,), 3_600_000, "0.0000625"),
        ((10_000_000,), 8 * 3_600_000, "0.02"),
    ],
)
def test_funding_rates(premiums: tuple[int, ...], interval_ms: int, rate: str) -> None:
    mean = PremiumMean()
    for premium in premiums:
        mean.add(premium)
    assert funding_rate_e8(mean.mean_e8, FundingTerms(interval_ms=interval_ms)) == int(Decimal(rate).scaleb(8))


def test_impact_prices_and_premium() -> None:
    asks = [(100 * E18, 10 * E8), (110 * E18, 10 * E8)]
    assert impact_price_e18(asks, 500 * E8) == 100 * E18
    assert impact_price_e18(asks, 1_550 * E8) == 1_550 * E18 * E8 // (15 * E8)
    assert impact_price_e18(asks, 10_000 * E8) is None
    assert premium_e8(101 * E18, 102 * E18, 100 * E18) == E8 // 100
    assert premium_e8(98 * E18, 99 * E18, 100 * E18) == -E8 // 100
    assert premium_e8(99 * E18, 101 * E18, 100 * E18) == 0


def test_a_premium_moves_the_coming_rate(bench: Any) -> None:
    one, two = bench.account("10000000"), bench.account("10000000")
    bench.place(one, "buy", "10", "50500")
    bench.place(two, "sell", "10", "50600")
    bench.tick(5_000)
    assert bench.state.markets["BTCUSDT"].rate_e8 == E8 // 100 - E8 * 5 // 10_000


@pytest.mark.parametrize("isolated", [None, "BTCUSDT"])
def test_liquidation_happens_at_its_price_and_not_before(bench: Any, isolated: str | None) -> None:
    one, two = bench.account("2600", isolated=isolated), bench.account("1000000")
    bench.trade(one, two, "1", "50000")
    waiting = bench.place(one, "buy", "0.001", "47600")
    price = bench.liquidation_price(one)
    bench.place(two, "buy", "1", "47500")
    bench.index(str(price + 1))
    assert bench.told(Liquidated) == []
    bench.index(str(price - 1))
    (closed,) = bench.told(Liquidated)
    assert closed.order.client_order_id.startswith("autoclose-")
    assert bench.position(one).quantity_e8 == 0
    assert bench.state.orders[waiting.order_id].status == "EXPIRED"
    reasons = [int(event.reason) for event in bench.told(OrderChanged) if event.order.order_id == waiting.order_id]
    assert reasons[-1] == 5


def test_what_the_book_does_not_take_goes_to_the_insurance_fund_at_the_bankruptcy_price(bench: Any) -> None:
    one, two = bench.account("2600", isolated="BTCUSDT"), bench.account("1000000")
    bench.do(c.Transfer(account_id=0, amount_e8=10_000 * E8))
    bench.trade(one, two, "1", "50000")
    bench.index("47600")
    fund = bench.state.house
    position = fund.position("BTCUSDT", bench.position(one).side)
    assert (position.quantity_e8, position.entry_price_e18) == (E8, 47_500 * E18)
    # The isolated wallet of 2500 is lost; the rest of the account is not touched.
    assert bench.state.accounts[one].wallet_e8 == (2600 - 2500 - 20) * E8


def test_a_better_price_than_bankruptcy_feeds_the_fund_by_the_clearance_fee(bench: Any) -> None:
    one, two = bench.account("2600", isolated="BTCUSDT"), bench.account("1000000")
    bench.trade(one, two, "1", "50000")
    bench.place(two, "buy", "1", "47650")
    bench.index("47680")
    # 150 is left of the isolated wallet, less than the fee of 1.25 %: all of it is the fund's.
    assert incomes(bench, one, IncomeType.INSURANCE_CLEAR) == [-150 * E8]
    assert bench.state.house.wallet_e8 == 150 * E8


def test_a_fund_that_is_too_small_deleverages_the_winner(bench: Any) -> None:
    one, two, three = bench.account("2600"), bench.account("1000000"), bench.account("100000")
    bench.trade(one, two, "0.6", "50000")
    bench.trade(one, three, "0.4", "50000")
    resting = bench.place(three, "sell", "0.1", "52000")
    bench.index("45000")
    kinds = [event.order.client_order_id.split("-")[0] for event in bench.told(Liquidated)]
    assert kinds == ["adl_autoclose", "adl_autoclose", "autoclose"]
    # The one whose profit is larger beside what it has is closed first.
    assert [event.order.account_id for event in bench.told(Liquidated)] == [three, two, one]
    assert bench.state.orders[resting.order_id].status == "EXPIRED"
    assert all(bench.position(account_id).quantity_e8 == 0 for account_id in (one, two, three))
    assert bench.state.accounts[one].wallet_e8 == 0


def test_the_wallet_of_an_isolated_position_does_not_save_the_cross_ones(bench: Any) -> None:
    one, two = bench.account("6000", isolated="ETHUSDT"), bench.account("1000000")
    bench.place(two, "sell", "10", "3000", symbol="ETHUSDT")
    bench.place(one, "buy", "10", "3000", symbol="ETHUSDT")
    bench.trade(one, two, "1", "50000")
    price = bench.liquidation_price(one)
    bench.index(str(price + 1))
    assert bench.told(Liquidated) == []
    bench.index(str(price - 1))
    assert [event.order.symbol for event in bench.told(Liquidated)] == ["BTCUSDT"]
    assert bench.position(one, symbol="ETHUSDT").isolated_wallet_e8 == 1500 * E8


def test_the_fund_pays_what_an_account_owes_that_holds_nothing(bench: Any) -> None:
    one, two = bench.account("2520"), bench.account("1000000")
    bench.trade(one, two, "1", "50000")
    bench.place(two, "buy", "1", "47500")
    bench.place(one, "sell", "1")
    assert bench.state.accounts[one].wallet_e8 == -19 * E8
    bench.tick()
    assert bench.state.accounts[one].wallet_e8 == 0
    assert (incomes(bench, one, IncomeType.INSURANCE_CLEAR), bench.state.house.wallet_e8) == ([19 * E8], -19 * E8)


def test_a_margin_call_comes_once_a_minute(bench: Any) -> None:
    one, two = bench.account("3000"), bench.account("1000000")
    bench.trade(one, two, "1", "50000")
    bench.index("47250")
    bench.index("47240")
    assert len(bench.told(MarginCalled)) == 1
    (risk,) = bench.told(MarginCalled)[0].positions
    assert risk.state.position.quantity_e8 == E8
    bench.tick(60_000)
    assert len(bench.told(MarginCalled)) == 2


def test_an_index_that_is_no_price_is_refused(bench: Any) -> None:
    with pytest.raises(Rejected) as refusal:
        bench.index("0")
    assert refusal.value.code == -4013
