"""The batch settler against protocol 7.3, driven by web3.py."""

import pytest
from web3.exceptions import ContractLogicError
from web3.logs import DISCARD

ONE = 10**18


def test_a_failing_pair_stops_no_other(market) -> None:
    pairs = [(market.order(is_buy=True), market.order(is_buy=False), ONE) for _ in range(3)]
    forged = pairs[1][0]._replace(signature=pairs[0][0].signature)
    pairs[1] = (forged, pairs[1][1], ONE)
    before = market.balances()

    receipt = market.send(market.settle_batch(pairs), gas=3_000_000)

    assert market.balances()["seller", "base"] == before["seller", "base"] - 2 * ONE
    events = market.exchange.events.TradeSettled().process_receipt(receipt, errors=DISCARD)
    assert [event["args"]["buyOrderHash"] for event in events] == [pairs[0][0].digest, pairs[2][0].digest]
    (failed,) = market.settler.events.TradeFailed().process_receipt(receipt, errors=DISCARD)
    assert failed["args"] == {
        "buyOrderHash": pairs[1][0].digest,
        "sellOrderHash": pairs[1][1].digest,
        "matchingAmount": ONE,
    }
    assert failed["logIndex"] > events[0]["logIndex"]
    assert failed["logIndex"] < events[1]["logIndex"]


def test_one_order_can_meet_several_in_one_batch(market) -> None:
    buy = market.order(is_buy=True, totalQuantity=2 * ONE)
    pairs = [(buy, market.order(is_buy=False), ONE) for _ in range(3)]
    receipt = market.send(market.settle_batch(pairs), gas=3_000_000)
    assert len(market.exchange.events.TradeSettled().process_receipt(receipt, errors=DISCARD)) == 2
    (failed,) = market.settler.events.TradeFailed().process_receipt(receipt, errors=DISCARD)
    assert failed["args"]["sellOrderHash"] == pairs[2][1].digest
    assert market.exchange.functions.remaining(buy.digest).call() == 1


def test_takes_forty_pairs_and_at_most_sixty_four(market) -> None:
    pair = (
        market.order(is_buy=True, totalQuantity=100 * ONE),
        market.order(is_buy=False, totalQuantity=100 * ONE),
        ONE,
    )
    receipt = market.send(market.settle_batch([pair] * 40), gas=16_500_000)
    assert len(market.exchange.events.TradeSettled().process_receipt(receipt, errors=DISCARD)) == 40
    assert market.settle_batch([pair] * 64).estimate_gas() > 0
    with pytest.raises(ContractLogicError):
        market.settle_batch([pair] * 65).call()


def test_an_empty_batch_does_nothing(market) -> None:
    assert market.send(market.settle_batch([]))["logs"] == []


@pytest.mark.parametrize("position", range(5))
def test_refuses_lists_of_different_lengths(market, position) -> None:
    buy, sell = market.order(is_buy=True), market.order(is_buy=False)
    lists = [[buy.tuple], [buy.signature], [sell.tuple], [sell.signature], [ONE]]
    lists[position] = []
    with pytest.raises(ContractLogicError, match="Invalid array lengths"):
        market.settler.functions.settleBatchOrders(*lists).call()


def test_knows_its_exchange(market) -> None:
    assert market.settler.functions.tradingContract().call() == market.exchange.address
