"""Matches that fail or wait on their way to the chain, and books whose sides are null."""

import asyncio
from typing import Any

import pytest

from tegro.model import Side
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultBoard, FaultKind

SYMBOL = "WETH_USDC"


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, seed=7)


async def match(trader: Any, price: str = "2500") -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """Let two new wallets trade; return both, and their orders."""
    buyer, seller = trader({"USDC": "5000"}), trader({"WETH": "1"})
    bought = await buyer.place(SYMBOL, "buy", price, "0.1")
    return buyer, seller, bought, await seller.place(SYMBOL, "sell", price, "0.1")


async def state_of(who: Any, order: dict[str, Any]) -> str:
    [trade] = await who.trades(order["order_id"])
    return str(trade["state"])


async def test_a_spoiled_match_is_refused_by_the_chain_and_ends_both_orders(
    trader: Any, chain: Any, faults: FaultBoard, eventually: Any, listen: Any
) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.SETTLEMENT_FAIL))
    buyer, seller, bought, sold = await match(trader)
    assert await eventually(lambda: state_of(buyer, bought), lambda state: state != "pending") == "failed"
    [trade] = await seller.trades(sold["order_id"])
    receipt = await asyncio.to_thread(chain.web3.eth.get_transaction_receipt, trade["tx_hash"])
    assert receipt["to"].lower() == buyer.localnet.deployment.settlement
    for who, order in ((buyer, bought), (seller, sold)):
        ended = await who.order(order["order_id"])
        assert (ended["status"], ended["cancel"]["code"]) == ("cancelled", 711)
        assert "signature" in ended["cancel"]["reason"].lower()
    assert chain.balance_wei("WETH", seller.wallet) == 10**18
    assert chain.balance_wei("USDC", buyer.wallet) == 5000 * 10**6
    assert faults.fired(fault_id) == 1


async def test_only_the_matches_of_a_wallet_fail_and_their_neighbours_settle(
    trader: Any, faults: FaultBoard, eventually: Any
) -> None:
    victim = trader({"USDC": "5000"})
    faults.add(Fault(kind=FaultKind.SETTLEMENT_FAIL, wallet=victim.account.address, times=None))
    bought = await victim.place(SYMBOL, "buy", "2500", "0.1")
    seller = trader({"WETH": "1"})
    await seller.place(SYMBOL, "sell", "2500", "0.1")
    other, _, others, _ = await match(trader)
    assert await eventually(lambda: state_of(victim, bought), lambda state: state != "pending") == "failed"
    assert await eventually(lambda: state_of(other, others), lambda state: state != "pending") == "success"


async def test_a_held_match_stays_pending_until_it_is_released(
    trader: Any, faults: FaultBoard, eventually: Any, reach: Any
) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.SETTLEMENT_HOLD))
    buyer, _, bought, _ = await match(trader)
    await reach(lambda: faults.list()[0].held, 1)
    later, _, laters, _ = await match(trader)
    assert await eventually(lambda: state_of(later, laters), lambda state: state != "pending") == "success"
    assert await state_of(buyer, bought) == "pending"
    assert (await buyer.order(bought["order_id"]))["quantity_pending"] == "0.1"
    assert faults.release(fault_id) == 1
    assert await eventually(lambda: state_of(buyer, bought), lambda state: state != "pending") == "success"


async def test_a_held_match_goes_on_when_its_time_has_passed(trader: Any, faults: FaultBoard, eventually: Any) -> None:
    fault_id = faults.add(Fault(kind=FaultKind.SETTLEMENT_HOLD, hold_ms=1, times=None))
    buyer, _, bought, _ = await match(trader)
    assert await eventually(lambda: state_of(buyer, bought), lambda state: state != "pending") == "success"
    # What has waited is not made to wait again.
    assert faults.fired(fault_id) == 1


@pytest.mark.parametrize(
    ("side", "gone", "left"),
    [(Side.BUY, ["bids"], ["asks"]), (Side.SELL, ["asks"], ["bids"]), (None, ["asks", "bids"], [])],
)
async def test_sides_of_a_snapshot_are_null(
    trader: Any, api: Any, faults: FaultBoard, side: Side | None, gone: list[str], left: list[str]
) -> None:
    who = trader({"USDC": "5000", "WETH": "1"})
    orders = [await who.place(SYMBOL, "buy", "2000", "0.1"), await who.place(SYMBOL, "sell", "3000", "0.1")]
    fault_id = faults.add(Fault(kind=FaultKind.NULL_SIDES, side=side))
    await api.get("/api/v1/trading/health")
    query = {"chain_id": who.localnet.chain_id, "market_id": who.localnet.markets[SYMBOL].id}
    _, depth = await api.get("/api/v1/orderbook/depth", **query)
    assert [depth[name] for name in gone] == [None] * len(gone)
    assert all(depth[name] for name in left)
    assert faults.fired(fault_id) == 1
    _, whole = await api.get("/api/v1/orderbook/depth", **query)
    assert whole["bids"]
    assert whole["asks"]
    await who.cancel(*(order["order_id"] for order in orders))


async def test_a_refusal_has_no_sides(api: Any, faults: FaultBoard) -> None:
    faults.add(Fault(kind=FaultKind.NULL_SIDES))
    status, reply = await api.get("/api/v1/orderbook/depth", chain_id=31337, market_id="x")
    assert (status, list(reply)) == (400, ["error"])
