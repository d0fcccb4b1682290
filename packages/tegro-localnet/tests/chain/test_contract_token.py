"""The test token is an ordinary ERC-20, with the refusals people know."""

import pytest
from web3.exceptions import ContractLogicError
from web3.logs import DISCARD


@pytest.fixture
def token(market):
    return market.deploy("token", "Wrapped Ether", "WETH", 18)


def refused(call, sender, text) -> None:
    with pytest.raises(ContractLogicError, match=text):
        call.call({"from": sender.address})


def test_tells_what_it_is(token, market) -> None:
    functions = token.functions
    assert (functions.name().call(), functions.symbol().call(), functions.decimals().call()) == (
        "Wrapped Ether",
        "WETH",
        18,
    )
    assert functions.totalSupply().call() == 0
    assert functions.owner().call() == market.operator.address


def test_only_the_owner_mints(token, market) -> None:
    receipt = market.send(token.functions.mint(market.buyer.address, 5))
    (event,) = token.events.Transfer().process_receipt(receipt)
    assert list(event["args"].values()) == ["0x" + "00" * 20, market.buyer.address, 5]
    assert token.functions.totalSupply().call() == token.functions.balanceOf(market.buyer.address).call() == 5
    refused(token.functions.mint(market.buyer.address, 5), market.buyer, "Ownable: caller is not the owner")


def test_transfer_moves_and_refuses(token, market) -> None:
    market.send(token.functions.mint(market.buyer.address, 5))
    market.send(token.functions.transfer(market.seller.address, 2), market.buyer)
    assert token.functions.balanceOf(market.buyer.address).call() == 3
    assert token.functions.balanceOf(market.seller.address).call() == 2
    too_much = token.functions.transfer(market.seller.address, 4)
    refused(too_much, market.buyer, "ERC20: transfer amount exceeds balance")
    refused(token.functions.transfer("0x" + "00" * 20, 1), market.buyer, "ERC20: transfer to the zero address")


def test_a_transfer_to_oneself_creates_nothing(token, market) -> None:
    market.send(token.functions.mint(market.buyer.address, 5))
    market.send(token.functions.transfer(market.buyer.address, 5), market.buyer)
    assert token.functions.balanceOf(market.buyer.address).call() == 5


def test_an_allowance_is_used_up_and_its_rest_is_told(token, market) -> None:
    market.send(token.functions.mint(market.buyer.address, 10))
    market.send(token.functions.approve(market.seller.address, 7), market.buyer)
    take = token.functions.transferFrom(market.buyer.address, market.operator.address, 4)
    receipt = market.send(take, market.seller)
    (event,) = token.events.Approval().process_receipt(receipt, errors=DISCARD)
    assert event["args"]["value"] == 3
    assert token.functions.allowance(market.buyer.address, market.seller.address).call() == 3
    refused(take, market.seller, "ERC20: insufficient allowance")


def test_the_greatest_allowance_is_without_limit(token, market) -> None:
    market.send(token.functions.mint(market.buyer.address, 10))
    market.send(token.functions.approve(market.seller.address, 2**256 - 1), market.buyer)
    take = token.functions.transferFrom(market.buyer.address, market.operator.address, 4)
    receipt = market.send(take, market.seller)
    assert len(receipt["logs"]) == 1
    assert token.functions.allowance(market.buyer.address, market.seller.address).call() == 2**256 - 1


def test_the_kind_of_usdt_is_approved_from_zero_only(market) -> None:
    token = market.deploy("approve_to_zero_token", "Tether", "USDT", 6)
    spender = market.seller.address
    market.send(token.functions.approve(spender, 7), market.buyer)
    refused(token.functions.approve(spender, 8), market.buyer, "approve from non-zero to non-zero allowance")
    market.send(token.functions.approve(spender, 0), market.buyer)
    market.send(token.functions.approve(spender, 8), market.buyer)
    market.send(token.functions.mint(market.buyer.address, 10))
    market.send(token.functions.transferFrom(market.buyer.address, market.operator.address, 3), market.seller)
    assert token.functions.allowance(market.buyer.address, spender).call() == 5


def test_the_silent_kind_approves_and_answers_nothing(market) -> None:
    token = market.deploy("silent_token", "Old", "OLD", 18)
    call = token.functions.approve(market.seller.address, 7)
    raw = market.web3.eth.call(
        {"to": token.address, "from": market.buyer.address, "data": call._encode_transaction_data()}
    )
    assert raw == b""
    market.send(call, market.buyer)
    assert token.functions.allowance(market.buyer.address, market.seller.address).call() == 7
