"""A chain that takes blocks back: the node, and what the venue makes of trades whose block is gone."""

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tegro.model import Side
from tegro_localnet.agents.agent import Agent
from tegro_localnet.agents.decisions import Wish
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.store import BlockStore
from tegro_localnet.cli import app
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.faults import Fault, FaultBoard, FaultKind
from tegro_localnet.journal.frames import Durability
from tegro_localnet.journal.offline import rebuild
from tegro_localnet.localnet import Localnet

SYMBOL = "WETH_USDC"


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, seed=7)


# ---------------------------------------------------------------- the node


def test_the_newest_blocks_are_replaced_by_others_also_on_disk(tmp_path: Path) -> None:
    times = [1000]
    store = BlockStore(tmp_path / "chain", Durability.PROCESS)
    chain = LocalChain(31337, {}, lambda: times[0], store)
    for _ in range(5):
        chain.mine([])
    before = [chain.block(number).header.hash for number in range(6)]
    times[0] = 1001
    chain.reorganise(2)
    chain.mine([])
    after = [chain.block(number).header.hash for number in range(7)]
    assert [one == other for one, other in zip(before, after, strict=False)] == [True] * 4 + [False] * 2
    assert [chain.block_number(block_hash) for block_hash in before] == [0, 1, 2, 3, None, None]
    assert chain.block(4).header.parent_hash == before[3]
    store._file.close()
    store._lock.release()
    again = BlockStore(tmp_path / "chain", Durability.PROCESS)
    assert [block.header.hash for block in again.blocks] == after
    again._file.close()
    again._lock.release()


@pytest.mark.parametrize("depth", [0, -1, 6])
def test_a_chain_cannot_take_back_more_than_it_has(depth: int) -> None:
    chain = LocalChain(31337, {}, lambda: 1000)
    for _ in range(5):
        chain.mine([])
    with pytest.raises(ValueError, match="depth must be from 1 to 5"):
        chain.reorganise(depth)
    assert chain.head.block_number == 5


# ---------------------------------------------------------------- the venue


async def match(trader: Any) -> tuple[Any, Any, dict[str, Any], dict[str, Any]]:
    """Let two new wallets trade; return both, and their orders."""
    buyer, seller = trader({"USDC": "5000"}), trader({"WETH": "1"})
    bought = await buyer.place(SYMBOL, "buy", "2500", "0.1")
    return buyer, seller, bought, await seller.place(SYMBOL, "sell", "2500", "0.1")


async def trade_of(who: Any, order: dict[str, Any]) -> dict[str, Any]:
    [trade] = await who.trades(order["order_id"])
    return trade


async def take_back(api: Any, depth: int) -> None:
    assert await api.post("/localnet/chain/reorganise", {"depth": depth}) == (200, {"depth": depth})


async def log_of(api: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = (await api.get("/localnet/faults/log"))[1]
    return events


async def test_a_settled_trade_is_pending_again_and_settles_once_more(
    trader: Any, api: Any, chain: Any, eventually: Any, listen: Any, faults: FaultBoard
) -> None:
    buyer, seller, bought, sold = await match(trader)
    settled = await eventually(lambda: trade_of(buyer, bought), lambda trade: trade["state"] == "success")
    listener = await listen(buyer.wallet)
    # The second settlement waits, so that what lies between can be looked at.
    fault_id = faults.add(Fault(kind=FaultKind.SETTLEMENT_HOLD))
    await take_back(api, 1)
    assert chain.balance_wei("WETH", seller.wallet) == 10**18
    for who, order in ((buyer, bought), (seller, sold)):
        shown = await who.order(order["order_id"])
        assert (shown["status"], shown["quantity_filled"], shown["quantity_pending"]) == ("closed", "0", "0.1")
    pending = await trade_of(seller, sold)
    assert (pending["id"], pending["state"], pending["tx_hash"]) == (settled["id"], "pending", "")
    await eventually(lambda: asyncio.to_thread(faults.release, fault_id), lambda released: released == 1)
    again = await eventually(lambda: trade_of(buyer, bought), lambda trade: trade["state"] != "pending")
    assert again["state"] == "success"
    assert chain.balance_wei("WETH", seller.wallet) == 9 * 10**17
    assert chain.balance_wei("USDC", buyer.wallet) == 4750 * 10**6
    await listener.until(lambda event: event["action"] == "order_trade_processed")
    states = [event["data"]["state"] for event in listener.events if event["action"] == "user_trade_updated"]
    assert states == ["pending", "success"]


async def test_a_trade_whose_payer_has_lost_its_funds_with_the_blocks_fails(
    trader: Any, api: Any, chain: Any, eventually: Any
) -> None:
    seller = trader({"WETH": "1"})
    sold = await seller.place(SYMBOL, "sell", "2500", "0.1")
    # Its approval, its tokens and its coins are in three blocks, and the settlement in the one after them.
    buyer = trader({"USDC": "5000"})
    bought = await buyer.place(SYMBOL, "buy", "2500", "0.1")
    await eventually(lambda: trade_of(buyer, bought), lambda trade: trade["state"] == "success")
    await take_back(api, 4)
    failed = await eventually(lambda: trade_of(buyer, bought), lambda trade: trade["state"] != "pending")
    assert failed["state"] == "failed"
    assert chain.balance_wei("USDC", buyer.wallet) == 0
    assert chain.balance_wei("WETH", seller.wallet) == 10**18
    ended = await buyer.order(bought["order_id"])
    assert (ended["status"], ended["cancel"]["code"]) == ("cancelled", 711)
    back = await seller.order(sold["order_id"])
    assert (back["status"], back["quantity_pending"], back["quantity_filled"]) == ("open", "0", "0")
    await seller.cancel(sold["order_id"])


async def test_blocks_that_others_take_back_are_noticed_and_trading_goes_on(
    trader: Any, api: Any, chain: Any, eventually: Any
) -> None:
    buyer, seller, bought, _ = await match(trader)
    await eventually(lambda: trade_of(buyer, bought), lambda trade: trade["state"] == "success")
    before = await log_of(api)
    await asyncio.to_thread(chain.web3.provider.make_request, "anvil_reorg", [1, []])
    await eventually(lambda: log_of(api), lambda found: len(found) > len(before))
    assert (await log_of(api))[-1]["text"] == "1 settled trades are pending again: their blocks are gone"
    other, _, others, _ = await match(trader)
    for who, order in ((other, others), (buyer, bought)):
        await eventually(lambda: trade_of(who, order), lambda trade: trade["state"] == "success")  # noqa: B023
    assert chain.balance_wei("WETH", seller.wallet) == 9 * 10**17


@pytest.mark.parametrize(("depth", "sentence"), [(0, "depth must be from 1 to"), (10**6, "depth must be from 1 to")])
async def test_the_contracts_are_never_taken_back(api: Any, depth: int, sentence: str) -> None:
    status, reply = await api.post("/localnet/chain/reorganise", {"depth": depth})
    assert status == 400
    assert sentence in reply["error"]


def test_the_command_takes_blocks_back_and_says_so(localnet: BackgroundLocalnet) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["fault", *arguments, "--url", localnet.rest_url])
        return result.exit_code, result.output

    localnet.new_wallet({})
    assert run("reorganise") == (0, "the chain has taken back 1 blocks\n")
    assert "the chain takes back its newest 1 blocks" in run("log", "--limit", "1")[1]
    assert run("reorganise", "--depth", "1000000")[0] == 1


async def test_a_journal_that_holds_a_reorganisation_can_be_taken_up_and_run_again(tmp_path: Path) -> None:
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, data=tmp_path / "data", settlement_interval_ms=3_600_000)
    async with Localnet(config) as first:
        listed = first._listing.market_named(SYMBOL)
        agents = []
        for amounts in ({"USDC": Decimal(5000)}, {"WETH": Decimal(1)}):
            wallet = await first.new_wallet(amounts)
            agents.append(Agent(wallet, first.venue, first.deployment.domain, random.Random(1)))
        wish = Wish(Side.BUY, 2500 * 10**18, 10**17)
        await agents[0].place(listed, wish)
        await agents[1].place(listed, wish.answered)
        assert await first.settlement.settle_batch() == 1
        await first.conditions.reorganise(1)
        assert [str(trade.state) for trade in first.venue.trades] == ["pending"]
    _, steps = await asyncio.to_thread(rebuild, tmp_path / "data")
    assert steps > 0
    async with Localnet(config) as second:
        assert await second.settlement.settle_batch() == 1
        [trade] = second.venue.trades
        assert str(trade.state) == "success"
        holding = second.venue.ledger.holding(agents[1].wallet.address, second.deployment.tokens["WETH"])
        assert (holding.balance_wei, holding.reserved_wei) == (9 * 10**17, 0)
