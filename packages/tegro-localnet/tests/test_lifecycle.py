"""From the match to the chain's verdict: states, events, fees to the wei, failures. Settlement is driven by hand."""

from decimal import Decimal
from typing import Any

import pytest

from tegro_localnet.config import LocalnetConfig

pytestmark = pytest.mark.usefixtures("empty_books")

FEE_BPS = 7


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle only when a test says so."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000, fee_bps=FEE_BPS)


@pytest.fixture
def settle(localnet: Any) -> Any:
    return lambda: localnet.call(localnet.localnet.settlement.settle_batch())


def amounts(order: dict[str, Any]) -> tuple[str, str, str]:
    return order["status"], order["quantity_pending"], order["quantity_filled"]


async def test_matched_then_settled(trader: Any, settle: Any) -> None:
    seller, buyer = trader(), trader()
    ask = await seller.place("WETH_USDC", "sell", "3000", "1")
    assert amounts(ask) == ("open", "0", "0")
    bid = await buyer.place("WETH_USDC", "buy", "3001", "0.4")
    assert amounts(bid) == ("open", "0", "0"), "the answer shows the order as it was taken in"
    assert amounts(await seller.order(ask["order_id"])) == ("open", "0.4", "0")
    assert amounts(await buyer.order(bid["order_id"])) == ("closed", "0.4", "0")
    [trade] = await buyer.trades(bid["order_id"])
    assert (trade["state"], trade["tx_hash"], trade["price"], trade["amount"]) == ("pending", "", "3000", "0.4")
    assert settle() == 1
    assert amounts(await seller.order(ask["order_id"])) == ("open", "0", "0.4")
    settled = await buyer.order(bid["order_id"])
    assert amounts(settled) == ("closed", "0", "0.4")
    assert settled["avg_price"] == "3000"
    [trade] = await seller.trades(ask["order_id"])
    assert trade["state"] == "success"
    assert len(trade["tx_hash"]) == 66
    assert trade["is_buyer_maker"] is False
    assert (trade["maker"], trade["taker"]) == (seller.wallet, buyer.wallet)
    await seller.cancel(ask["order_id"])


async def test_events_come_in_the_order_of_the_life_cycle(localnet: Any, trader: Any, settle: Any, listen: Any) -> None:
    maker, taker = trader(), trader()
    channel = localnet.markets["WBTC_USDC"].channel
    private = await listen(maker.account.address, taker.wallet)
    public = await listen(channel.upper().replace("X", "x", 1))
    everything = await listen(maker.wallet, taker.wallet, channel)
    ask = await maker.place("WBTC_USDC", "sell", "90000", "0.5")
    bid = await taker.place("WBTC_USDC", "buy", "90000", "0.2")
    settle()
    for listener, last in ((private, "order_trade_processed"), (public, "trade_updated")):
        await listener.until(lambda event, last=last: event["action"] == last)
    await private.until(lambda event: event["action"] == "order_trade_processed")
    placing = ["order_placed", "order_submitted"]
    assert private.actions() == [
        *placing,
        *placing,
        *["user_trade_created", "order_submitted", "order_submitted"],
        *["user_trade_updated", "order_trade_processed", "order_trade_processed"],
    ]
    assert public.actions() == ["order_book_diff", "trade_created", "order_book_diff", "trade_updated"]
    await everything.until(lambda event: event["action"] == "order_trade_processed")
    assert everything.actions()[:12] == [
        *placing,
        "order_book_diff",
        *placing,
        *["trade_created", "user_trade_created", "order_submitted", "order_submitted", "order_book_diff"],
        *["trade_updated", "user_trade_updated"],
    ]
    diffs = [event["data"] for event in public.events if event["action"] == "order_book_diff"]
    assert [(diff["symbol"], diff["bids"], diff["asks"]) for diff in diffs] == [
        ("WBTC_USDC", None, [{"price": "90000", "quantity": "0.5"}]),
        ("WBTC_USDC", None, [{"price": "90000", "quantity": "0.3"}]),
    ]
    assert all(diff["timestamp"] < 10**11 for diff in diffs), "seconds"
    matched = [event["data"] for event in private.events[5:7]]
    assert [(order["order_id"], *amounts(order)) for order in matched] == [
        (ask["order_id"], "open", "0.2", "0"),
        (bid["order_id"], "closed", "0.2", "0"),
    ]
    created, updated = public.events[1]["data"], public.events[3]["data"]
    assert created["id"] == updated["id"]
    assert (created["state"], created["txHash"]) == ("pending", "")
    assert updated["state"] == "success"
    assert (updated["price"], updated["amount"], updated["is_buyer_maker"]) == (90000, 0.2, False)
    assert updated["marketId"] == localnet.markets["WBTC_USDC"].id
    await maker.cancel(ask["order_id"])


@pytest.mark.parametrize(
    ("symbol", "bid", "ask", "quantity", "rests"),
    [
        ("WETH_USDC", "2999.87", "2871.13", "1.234567", "buy"),
        ("WETH_USDC", "2999.87", "2871.13", "1.234567", "sell"),
        ("WBTC_USDC", "91234.56", "90000.01", "0.12345679", "buy"),
        ("TEGRO_USDC", "0.050009", "0.049993", "12345.67", "buy"),
    ],
)
async def test_the_sellers_limit_is_paid_and_both_fees_are_right_to_the_wei(
    localnet: Any, trader: Any, chain: Any, settle: Any, symbol: str, bid: str, ask: str, quantity: str, rests: str
) -> None:
    market = localnet.markets[symbol]
    buyer, seller = trader(), trader()
    parties = {"buy": (buyer, bid), "sell": (seller, ask)}
    pairs = [(token, wallet) for token in (market.base.symbol, "USDC") for wallet in (buyer.wallet, seller.wallet)]
    before = {pair: chain.balance_wei(*pair) for pair in pairs}
    orders = {}
    for side in (rests, "sell" if rests == "buy" else "buy"):
        who, price = parties[side]
        orders[side] = (await who.place(symbol, side, price, quantity))["order_id"]
    assert settle() == 1
    change = {pair: chain.balance_wei(*pair) - before[pair] for pair in pairs}
    base_wei = int(Decimal(quantity).scaleb(market.base.decimals))
    quote_wei = int((Decimal(ask) * Decimal(quantity)).scaleb(6))
    base_fee_wei, quote_fee_wei = base_wei * FEE_BPS // 10_000, quote_wei * FEE_BPS // 10_000
    assert change == {
        (market.base.symbol, buyer.wallet): base_wei - base_fee_wei,
        (market.base.symbol, seller.wallet): -base_wei,
        ("USDC", buyer.wallet): -quote_wei,
        ("USDC", seller.wallet): quote_wei - quote_fee_wei,
    }
    [trade] = await buyer.trades(orders["buy"])
    assert Decimal(trade["price"]) == Decimal(ask), "the report says what the contract paid"
    assert trade["is_buyer_maker"] is (rests == "buy")
    buyer_fee, seller_fee = ("maker_fee", "taker_fee") if rests == "buy" else ("taker_fee", "maker_fee")
    assert Decimal(trade[buyer_fee]).scaleb(market.base.decimals) == base_fee_wei
    assert Decimal(trade[seller_fee]).scaleb(6) == quote_fee_wei
    for who, side in ((buyer, "buy"), (seller, "sell")):
        order = await who.order(orders[side])
        assert Decimal(order["avg_price"]) == Decimal(ask)
        assert amounts(order) == ("closed", "0", order["quantity"])


async def portfolio(trader: Any, symbol: str) -> tuple[Decimal, Decimal]:
    _, entries = await trader.api.get(f"/api/v1/accounts/{trader.localnet.chain_id}/{trader.wallet}/portfolio")
    [entry] = [entry for entry in entries if entry["symbol"] == symbol]
    return Decimal(str(entry["balance"])), Decimal(str(entry["placed_amount"]))


async def test_what_orders_and_unsettled_fills_hold_is_placed_until_it_is_settled(trader: Any, settle: Any) -> None:
    buyer, seller = trader({"USDC": "1000"}), trader({"WETH": "5"})
    bid = await buyer.place("WETH_USDC", "buy", "100", "4")
    assert await portfolio(buyer, "USDC") == (1000, 400)
    await seller.place("WETH_USDC", "sell", "50", "1")
    assert await portfolio(buyer, "USDC") == (1000, 350), "three at 100 rest, one waits to be paid 50"
    assert await portfolio(seller, "WETH") == (5, 1)
    settle()
    assert await portfolio(buyer, "USDC") == (950, 300)
    assert await portfolio(seller, "WETH") == (4, 0)
    await buyer.cancel(bid["order_id"])
    assert await portfolio(buyer, "USDC") == (950, 0)


@pytest.mark.parametrize(("how", "code"), [("funds", 711), ("allowance", 712)])
@pytest.mark.parametrize("culprit_rests", [True, False])
async def test_the_side_that_cannot_pay_ends_and_the_other_goes_back(
    trader: Any, chain: Any, settle: Any, api: Any, how: str, code: int, culprit_rests: bool
) -> None:
    culprit, innocent = trader(), trader()
    sides = [(culprit, "sell", "100"), (innocent, "buy", "110")]
    ids = {}
    for who, side, price in sides if culprit_rests else reversed(sides):
        ids[who] = (await who.place("WETH_USDC", side, price, "2"))["order_id"]
    if how == "funds":
        chain.move_away(culprit, "WETH")
    else:
        chain.approve(culprit, "WETH", 0)
    assert settle() == 1
    ended = await culprit.order(ids[culprit])
    assert (*amounts(ended), ended["cancel"]["code"]) == ("cancelled", "0", "0", code)
    assert amounts(await innocent.order(ids[innocent])) == ("open", "0", "0")
    [trade] = await innocent.trades(ids[innocent])
    assert trade["state"] == "failed"
    assert len(trade["tx_hash"]) == 66
    _, depth = await api.get("/api/v1/orderbook/depth", chain_id=31337, market_symbol="WETH_USDC")
    assert depth["bids"] == [{"price": "110", "quantity": "2"}]
    assert await portfolio(innocent, "USDC") == (100_000, 220)
    assert (await portfolio(culprit, "WETH"))[1] == 0
    await innocent.cancel(ids[innocent])


async def test_what_comes_back_trades_with_what_came_meanwhile(trader: Any, chain: Any, settle: Any) -> None:
    culprit, innocent, third = trader(), trader(), trader()
    bid = await innocent.place("WETH_USDC", "buy", "110", "2")
    await culprit.place("WETH_USDC", "sell", "100", "2")
    ask = await third.place("WETH_USDC", "sell", "105", "0.5")
    chain.move_away(culprit, "WETH")
    settle()
    assert amounts(await innocent.order(bid["order_id"])) == ("open", "0.5", "0")
    settle()
    assert amounts(await innocent.order(bid["order_id"])) == ("open", "0", "0.5")
    assert amounts(await third.order(ask["order_id"])) == ("closed", "0", "0.5")
    await innocent.cancel(bid["order_id"])


async def test_what_comes_back_joins_what_still_rests(trader: Any, chain: Any, settle: Any, api: Any) -> None:
    culprit, innocent = trader(), trader()
    bid = await innocent.place("WETH_USDC", "buy", "110", "2")
    await culprit.place("WETH_USDC", "sell", "100", "0.5")
    chain.move_away(culprit, "WETH")
    settle()
    assert amounts(await innocent.order(bid["order_id"])) == ("open", "0", "0")
    _, depth = await api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC")
    assert depth["bids"] == [{"price": "110", "quantity": "2"}]
    await innocent.cancel(bid["order_id"])


async def test_what_comes_back_ends_where_its_owner_cannot_pay_all_of_it_any_more(
    trader: Any, chain: Any, settle: Any, api: Any
) -> None:
    culprit, buyer = trader(), trader({"USDC": "1000"})
    bid = await buyer.place("WETH_USDC", "buy", "100", "10")
    await culprit.place("WETH_USDC", "sell", "100", "4")
    chain.move_away(culprit, "WETH")
    chain.move_away(buyer, "USDC", 300 * 10**6)
    settle()
    order = await buyer.order(bid["order_id"])
    assert (*amounts(order), order["cancel"]["code"]) == ("cancelled", "0", "0", 711)
    _, depth = await api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC")
    assert depth["bids"] is None


async def test_a_sweep_tells_all_levels_it_touched_from_high_to_low(localnet: Any, trader: Any, listen: Any) -> None:
    maker, taker = trader(), trader()
    for price in ("100", "101", "102"):
        await maker.place("WETH_USDC", "sell", price, "1")
    listener = await listen(localnet.markets["WETH_USDC"].channel)
    rest = await taker.place("WETH_USDC", "buy", "101.5", "3")
    event = await listener.until(lambda event: event["action"] == "order_book_diff")
    assert event["data"]["asks"] == [{"price": "101", "quantity": "0"}, {"price": "100", "quantity": "0"}]
    assert event["data"]["bids"] == [{"price": "101.5", "quantity": "1"}]
    await taker.cancel(rest["order_id"])
    for order in await maker.orders(statuses="open"):
        await maker.cancel(order["order_id"])


async def test_what_comes_back_stands_behind_those_of_its_price(trader: Any, chain: Any, settle: Any) -> None:
    culprit, first, second, taker = trader(), trader(), trader(), trader()
    first_bid = await first.place("WETH_USDC", "buy", "110", "1")
    await culprit.place("WETH_USDC", "sell", "110", "1")
    second_bid = await second.place("WETH_USDC", "buy", "110", "1")
    chain.move_away(culprit, "WETH")
    settle()
    await taker.place("WETH_USDC", "sell", "110", "1")
    assert amounts(await second.order(second_bid["order_id"])) == ("closed", "1", "0")
    assert amounts(await first.order(first_bid["order_id"])) == ("open", "0", "0")
    settle()
    await first.cancel(first_bid["order_id"])


async def test_an_order_its_owner_cancelled_does_not_come_back(trader: Any, chain: Any, settle: Any) -> None:
    culprit, innocent = trader(), trader()
    bid = await innocent.place("WETH_USDC", "buy", "110", "2")
    await culprit.place("WETH_USDC", "sell", "100", "1")
    await innocent.cancel(bid["order_id"])
    chain.move_away(culprit, "WETH")
    settle()
    order = await innocent.order(bid["order_id"])
    assert (*amounts(order), order["cancel"]["code"]) == ("cancelled", "0", "0", 611)
    assert await portfolio(innocent, "USDC") == (100_000, 0)


async def test_one_failing_pair_does_not_stop_the_others_of_its_batch(trader: Any, chain: Any, settle: Any) -> None:
    culprit, honest, buyer = trader(), trader(), trader()
    bad = await culprit.place("WETH_USDC", "sell", "100", "1")
    good = await honest.place("WETH_USDC", "sell", "101", "1")
    bid = await buyer.place("WETH_USDC", "buy", "101", "2")
    chain.move_away(culprit, "WETH")
    assert settle() == 2
    assert amounts(await honest.order(good["order_id"])) == ("closed", "0", "1")
    assert (await culprit.order(bad["order_id"]))["cancel"]["code"] == 711
    assert amounts(await buyer.order(bid["order_id"])) == ("open", "0", "1")
    assert sorted(trade["state"] for trade in await buyer.trades(bid["order_id"])) == ["failed", "success"]
    await buyer.cancel(bid["order_id"])


@pytest.mark.parametrize(("how", "code"), [("funds", 711), ("allowance", 712)])
async def test_an_open_order_that_is_no_longer_covered_ends(
    trader: Any, chain: Any, eventually: Any, listen: Any, how: str, code: int
) -> None:
    someone = trader({"WETH": "10"})
    listener = await listen(someone.wallet)
    large = await someone.place("WETH_USDC", "sell", "9000", "6")
    small = await someone.place("WETH_USDC", "sell", "9000", "3")
    if how == "funds":
        chain.move_away(someone, "WETH", 5 * 10**18)
    else:
        chain.approve(someone, "WETH", 5 * 10**18)
    event = await listener.until(lambda event: event["data"].get("status") == "cancelled")
    assert event["action"] == "order_submitted"
    assert (event["data"]["order_id"], event["data"]["cancel"]["code"]) == (large["order_id"], code)
    assert (await someone.order(small["order_id"]))["status"] == "open", "it alone is still covered"
    await someone.cancel(small["order_id"])


async def test_a_remainder_below_the_least_value_is_cancelled(trader: Any, settle: Any, api: Any) -> None:
    maker, taker = trader(), trader()
    ask = await maker.place("WETH_USDC", "sell", "100", "1")
    bid = await taker.place("WETH_USDC", "buy", "100", "0.981")
    order = await maker.order(ask["order_id"])
    assert (*amounts(order), order["cancel"]["code"]) == ("cancelled", "0.981", "0", 811)
    settle()
    assert amounts(await maker.order(ask["order_id"])) == ("cancelled", "0", "0.981")
    assert amounts(await taker.order(bid["order_id"])) == ("closed", "0", "0.981")
    _, depth = await api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC")
    assert (depth["bids"], depth["asks"]) == (None, None)
    assert (await portfolio(maker, "WETH"))[1] == 0


async def test_a_wallet_may_trade_with_itself(trader: Any, chain: Any, settle: Any) -> None:
    someone = trader()
    before = chain.balance_wei("WETH", someone.wallet)
    ask = await someone.place("WETH_USDC", "sell", "100", "1")
    bid = await someone.place("WETH_USDC", "buy", "100", "1")
    settle()
    for order in (ask, bid):
        assert amounts(await someone.order(order["order_id"])) == ("closed", "0", "1")
    assert before - chain.balance_wei("WETH", someone.wallet) == 10**18 * FEE_BPS // 10_000


async def test_more_matches_than_a_batch_holds_settle_in_the_next(trader: Any, settle: Any) -> None:
    maker, taker = trader(), trader()
    ids = [(await maker.place("WETH_USDC", "sell", "100", "0.02"))["order_id"] for _ in range(41)]
    await taker.place("WETH_USDC", "buy", "100", "0.82")
    assert [settle(), settle(), settle()] == [40, 1, 0]
    assert {amounts(await maker.order(order_id)) for order_id in ids} == {("closed", "0", "0.02")}
