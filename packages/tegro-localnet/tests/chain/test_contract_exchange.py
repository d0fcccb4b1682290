"""The exchange contract against protocol 7.3, driven by web3.py, orders signed by eth-account."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3.exceptions import ContractLogicError
from web3.logs import DISCARD

from tegro_localnet.signed_order import Domain

ONE = 10**18
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

slow_chain = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def refusal(call) -> str:
    with pytest.raises(ContractLogicError) as caught:
        call.call()
    return caught.value.message.removeprefix("execution reverted: ")


def settled(market, receipt) -> dict:
    (event,) = market.exchange.events.TradeSettled().process_receipt(receipt, errors=DISCARD)
    return event["args"]


def test_hash_is_the_digest_that_wallets_sign_and_the_venue_computes(market) -> None:
    order = market.order(is_buy=False, expiryTime=2_000_000_000)
    on_chain = bytes(market.exchange.functions.hashOrder(order.tuple).call())
    domain = Domain(chain_id=31337, verifying_contract=market.exchange.address.lower())
    assert on_chain == order.digest == order.as_signed_order().order_hash(domain)


@given(
    price=st.integers(0, 2**256 - 1),
    quantity=st.integers(0, 2**256 - 1),
    salt=st.integers(0, 2**256 - 1),
    expiry=st.integers(0, 2**256 - 1),
    is_buy=st.booleans(),
)
@slow_chain
def test_hash_agrees_for_any_numbers(market, price, quantity, salt, expiry, is_buy) -> None:
    order = market.order(is_buy=is_buy, price=price, totalQuantity=quantity, salt=salt, expiryTime=expiry)
    domain = Domain(chain_id=31337, verifying_contract=market.exchange.address.lower())
    assert bytes(market.exchange.functions.hashOrder(order.tuple).call()) == order.digest
    assert order.as_signed_order().order_hash(domain) == order.digest


@pytest.mark.parametrize(("buy_side", "sell_side"), [(True, True), (False, False), (False, True)])
def test_refuses_two_orders_that_are_not_a_buy_and_a_sell(market, buy_side, sell_side) -> None:
    call = market.settle(market.order(is_buy=buy_side), market.order(is_buy=sell_side), ONE)
    assert refusal(call) == "Both orders cannot be of the same type (buy/sell)"


@pytest.mark.parametrize("side", ["baseToken", "quoteToken"])
def test_refuses_orders_for_other_tokens(market, side) -> None:
    sell = market.order(is_buy=False, **{side: market.exchange.address})
    assert refusal(market.settle(market.order(is_buy=True), sell, ONE)) == "Base/Quote tokens do not match"


def test_refuses_a_buy_below_the_sell(market) -> None:
    sell = market.order(is_buy=False, price=2000 * ONE + 1)
    assert (
        refusal(market.settle(market.order(is_buy=True), sell, ONE))
        == "Buy order price must be higher or equal to the sell order price"
    )


@pytest.mark.parametrize("forged_side", [True, False])
def test_refuses_a_signature_of_somebody_else(market, accounts, forged_side) -> None:
    buy = market.order(is_buy=True, signer=accounts[3] if forged_side else None)
    sell = market.order(is_buy=False, signer=None if forged_side else accounts[3])
    assert refusal(market.settle(buy, sell, ONE)) == "Invalid order signatures"


def malleable_twin(signature: bytes) -> bytes:
    s = CURVE_ORDER - int.from_bytes(signature[32:64])
    return signature[:32] + s.to_bytes(32) + bytes([27 + 28 - signature[64]])


@pytest.mark.parametrize(
    "spoil",
    [
        malleable_twin,
        lambda signature: signature[:64],
        lambda signature: b"",
        lambda signature: signature[:64] + bytes([signature[64] - 27]),
        lambda signature: bytes(64) + signature[64:],
    ],
    ids=["high s", "short", "empty", "v of 0 or 1", "zero"],
)
def test_refuses_signatures_of_another_form(market, spoil) -> None:
    buy = market.order(is_buy=True)
    spoiled = buy._replace(signature=spoil(buy.signature))
    assert refusal(market.settle(spoiled, market.order(is_buy=False), ONE)) == "Invalid order signatures"


def test_refuses_an_order_whose_time_has_passed_and_takes_one_whose_has_not(market) -> None:
    now = market.web3.eth.get_block("latest")["timestamp"]
    sell = market.order(is_buy=False)
    expired = market.order(is_buy=True, expiryTime=now - 1)
    assert refusal(market.settle(expired, sell, ONE)) == "Order expired"
    assert refusal(market.settle(market.order(is_buy=True), market.order(is_buy=False, expiryTime=1), ONE)) == (
        "Order expired"
    )
    alive = market.order(is_buy=True, expiryTime=now + 3600)
    assert market.send(market.settle(alive, sell, ONE))["status"] == 1


def test_refuses_more_than_remains_of_either_order(market) -> None:
    text = "Matched amount is greater than the remaining amount"
    buy, sell = market.order(is_buy=True), market.order(is_buy=False, totalQuantity=3 * ONE)
    assert refusal(market.settle(buy, sell, ONE + 1)) == text
    assert refusal(market.settle(market.order(is_buy=True, totalQuantity=4 * ONE), sell, 3 * ONE + 1)) == text
    market.send(market.settle(buy, sell, ONE // 2))
    assert refusal(market.settle(buy, sell, ONE // 2 + 1)) == text


def test_refuses_a_total_that_rounds_to_nothing(market) -> None:
    # 2000 QUOTE a BASE: under 5 * 10^8 wei of BASE there is no whole unit of QUOTE to pay.
    text = "Total price needs to be greater than 0"
    assert refusal(market.settle(market.order(is_buy=True), market.order(is_buy=False), 5 * 10**8 - 1)) == text
    assert refusal(market.settle(market.order(is_buy=True), market.order(is_buy=False), 0)) == text
    assert market.settle(market.order(is_buy=True), market.order(is_buy=False), 5 * 10**8).call() == []


def test_refuses_what_a_token_refuses_with_its_text(market, accounts) -> None:
    pauper = accounts[4]
    buy = market.order(is_buy=True, maker=pauper.address, signer=pauper)
    sell = market.order(is_buy=False)
    assert refusal(market.settle(buy, sell, ONE)) == "ERC20: insufficient allowance"
    market.send(market.quote.functions.approve(market.exchange.address, 2**256 - 1), pauper)
    assert refusal(market.settle(buy, sell, ONE)) == "ERC20: transfer amount exceeds balance"


def test_counts_what_remains_of_an_order(market) -> None:
    buy = market.order(is_buy=True, totalQuantity=3 * ONE)
    sell = market.order(is_buy=False, totalQuantity=2 * ONE)
    remaining = market.exchange.functions.remaining
    assert remaining(buy.digest).call() == remaining(sell.digest).call() == 0
    market.send(market.settle(buy, sell, ONE))
    assert remaining(buy.digest).call() == 2 * ONE + 1
    assert remaining(sell.digest).call() == ONE + 1
    market.send(market.settle(buy, sell, ONE))
    assert remaining(buy.digest).call() == ONE + 1
    assert remaining(sell.digest).call() == 1
    assert refusal(market.settle(buy, sell, 1)) == "Matched amount is greater than the remaining amount"


def test_settles_at_the_sell_limit_whoever_rested(market) -> None:
    buy, sell = market.order(is_buy=True, price=2100 * ONE), market.order(is_buy=False, price=1900 * ONE)
    event = settled(market, market.send(market.settle(buy, sell, ONE)))
    assert event["price"] == 1900 * ONE
    assert event["totalPrice"] == 1900 * 10**6
    assert event["totalQuantity"] == ONE
    assert (event["baseToken"], event["quoteToken"]) == (market.base.address, market.quote.address)
    assert (event["buyOrderHash"], event["sellOrderHash"]) == (buy.digest, sell.digest)


def test_pays_in_the_documented_example(market) -> None:
    # Protocol 5.3: 3490 * 3.9999 at 18 and 6 decimals is 13959.651 of the quote token.
    buy, sell = (
        market.order(is_buy=side, price=3490 * ONE, totalQuantity=3_999_900_000_000_000_000) for side in (True, False)
    )
    event = settled(market, market.send(market.settle(buy, sell, 3_999_900_000_000_000_000)))
    assert event["totalPrice"] == 13_959_651_000


@given(
    fee_bps=st.integers(0, 100),
    price=st.integers(1, 10**27),
    quantity=st.integers(1, 10**24),
    improvement=st.integers(0, 10**20),
    small_base=st.booleans(),
)
@slow_chain
def test_moves_exactly_what_the_rules_say(
    market, small_base_market, fee_bps, price, quantity, improvement, small_base
) -> None:
    venue, base_decimals = (small_base_market, 8) if small_base else (market, 18)
    quote_total = price * quantity // 10 ** (18 + base_decimals - 6)
    buy = venue.order(is_buy=True, price=price + improvement, totalQuantity=quantity)
    sell = venue.order(is_buy=False, price=price, totalQuantity=quantity)
    venue.send(venue.exchange.functions.setFeeAmount(fee_bps))
    if quote_total == 0:
        assert refusal(venue.settle(buy, sell, quantity)) == "Total price needs to be greater than 0"
        return
    before = venue.balances()
    venue.send(venue.settle(buy, sell, quantity))
    moved = {place: amount - before[place] for place, amount in venue.balances().items()}
    base_fee, quote_fee = quantity * fee_bps // 10_000, quote_total * fee_bps // 10_000
    assert moved == {
        ("buyer", "base"): quantity - base_fee,
        ("buyer", "quote"): -quote_total,
        ("seller", "base"): -quantity,
        ("seller", "quote"): quote_total - quote_fee,
        ("fees", "base"): base_fee,
        ("fees", "quote"): quote_fee,
    }


def test_anybody_may_settle(market, accounts) -> None:
    call = market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE)
    assert market.send(call, accounts[4])["status"] == 1


def test_fees_are_the_owners_business_and_capped(market, accounts) -> None:
    functions = market.exchange.functions
    assert functions.MAX_FEE_AMOUNT().call() == 100
    assert refusal(functions.setFeeAmount(101)) == "Ownable: caller is not the owner"
    with pytest.raises(ContractLogicError, match="Fee amount is too high"):
        functions.setFeeAmount(101).call({"from": market.operator.address})
    with pytest.raises(ContractLogicError, match="Ownable: caller is not the owner"):
        functions.setFeeRecipient(accounts[4].address).call({"from": accounts[4].address})
    with pytest.raises(ContractLogicError, match="Fee amount is too high"):
        market.deploy("exchange", market.operator.address, 101, False)


def test_fees_go_to_the_recipient(web3, market, accounts) -> None:
    functions = market.exchange.functions
    assert functions.feeRecipient().call() == market.operator.address
    market.send(functions.setFeeAmount(100))
    market.send(functions.setFeeRecipient(accounts[4].address))
    try:
        market.send(market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE))
        assert market.base.functions.balanceOf(accounts[4].address).call() == ONE // 100
        assert market.quote.functions.balanceOf(accounts[4].address).call() == 20 * 10**6
    finally:
        market.send(functions.setFeeRecipient(market.operator.address))


def test_cancel_ends_an_order_for_good(market, accounts) -> None:
    order, sell = market.order(is_buy=True, totalQuantity=2 * ONE), market.order(is_buy=False)
    market.send(market.settle(order, sell, ONE))
    cancel = market.exchange.functions.cancelOrder
    stranger = market.cancel_signature(order, accounts[4])
    assert refusal(cancel(order.tuple, stranger)) == "Invalid signature or not the maker"
    own = market.cancel_signature(order, market.buyer)
    market.send(cancel(order.tuple, own), accounts[4])
    assert market.exchange.functions.remaining(order.digest).call() == 1
    assert refusal(cancel(order.tuple, own)) == "Order already filled or does not exist"
    text = "Matched amount is greater than the remaining amount"
    assert refusal(market.settle(order, market.order(is_buy=False), 1)) == text


def test_an_order_signature_cancels_nothing(market) -> None:
    order = market.order(is_buy=True)
    call = market.exchange.functions.cancelOrder(order.tuple, order.signature)
    assert refusal(call) == "Invalid signature or not the maker"
