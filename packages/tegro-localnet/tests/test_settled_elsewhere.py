"""What others do with orders at the contract, and what the venue and its clients then see (protocol 7.3)."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from eth_account.messages import encode_defunct
from eth_utils import keccak

from tegro_localnet.config import LocalnetConfig
from tegro_localnet.journal.commands import SettledElsewhere

ONE = 10**18
MEMBERS = ("baseToken", "quoteToken", "price", "totalQuantity", "isBuy", "salt", "maker", "expiryTime")


@pytest.fixture(scope="module")
def localnet_config() -> LocalnetConfig:
    """Settle only when a test says so."""
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=3_600_000, fee_bps=0)


@pytest.fixture
def settle(localnet: Any) -> Any:
    return lambda: localnet.call(localnet.localnet.settlement.settle_batch())


@pytest.fixture
def exchange(chain: Any) -> Any:
    """The exchange contract as web3.py sees it."""
    artifact = json.loads(files("tegro_localnet.chain.contracts").joinpath("exchange.json").read_text())
    address = chain.web3.to_checksum_address(chain.localnet.deployment.exchange)
    return chain.web3.eth.contract(address=address, abi=artifact["abi"])


@pytest.fixture(autouse=True)
def empty_books(localnet: Any) -> Iterator[None]:
    """No order outlives its test."""
    yield
    venue = localnet.localnet.venue

    async def end_all() -> None:
        for record in venue.orders.newest(1000):
            if record.is_open:
                venue.end_order(record, 611)

    localnet.call(end_all())


class Placed:
    """An order that a test placed, with all that a third party needs to settle it."""

    def __init__(self, trader: Any, message: dict[str, Any], body: dict[str, Any], order_id: str | None) -> None:
        self.trader, self.body, self.order_id = trader, body, order_id
        web3 = trader.chain.web3
        values = [message[name] for name in MEMBERS]
        self.tuple = tuple(web3.to_checksum_address(v) if str(v).startswith("0x") else v for v in values)
        self.signature = bytes.fromhex(body["signature"][2:])

    async def shown(self) -> tuple[str, str, str]:
        order = await self.trader.order(self.order_id)
        return order["status"], order["quantity_pending"], order["quantity_filled"]

    async def cancel_of(self) -> tuple[str, int]:
        cancel = (await self.trader.order(self.order_id))["cancel"]
        return cancel["reason"], cancel["code"]


@pytest.fixture
def order(chain: Any) -> Any:
    """Sign an order for WETH_USDC, and place it unless told otherwise."""

    async def make(trader: Any, side: str, price: str, quantity: str, *, place: bool = True) -> Placed:
        trader.chain = chain
        message = trader.order_message("WETH_USDC", side, price, quantity)
        body = trader.place_body("WETH_USDC", message)
        order_id = None
        if place:
            status, reply = await trader.api.post("/api/v1/trading/market/orders/place", body)
            assert status == 200, reply
            order_id = reply["order_id"]
        return Placed(trader, message, body, order_id)

    return make


@pytest.fixture
def settle_as(chain: Any, exchange: Any) -> Any:
    """Call the contract's settleOrders from a wallet of nobody in particular."""

    def call(third: Any, buy: Placed, sell: Placed, quantity_wei: int) -> None:
        chain.send(
            third,
            exchange.functions.settleOrders(buy.tuple, buy.signature, sell.tuple, sell.signature, quantity_wei),
        )

    return call


@pytest.fixture
def catch_up(localnet: Any) -> Any:
    return lambda: localnet.call(localnet.localnet.mirror.catch_up())


async def test_a_match_that_others_settle_first_is_booked_once(
    trader: Any, order: Any, settle: Any, settle_as: Any, catch_up: Any, chain: Any, listen: Any
) -> None:
    buyer, seller, third = trader(), trader(), trader()
    listener = await listen(buyer.wallet)
    ask = await order(seller, "sell", "100", "1")
    bid = await order(buyer, "buy", "100", "1")
    settle_as(third, bid, ask, ONE)
    catch_up()
    await listener.until(lambda event: event["action"] == "order_trade_processed")
    assert listener.actions()[-2:] == ["user_trade_updated", "order_trade_processed"]
    assert await bid.shown() == await ask.shown() == ("closed", "0", "1")
    [trade] = await buyer.trades(bid.order_id)
    sender = chain.web3.eth.get_transaction(trade["tx_hash"])["from"]
    assert (trade["state"], sender) == ("success", third.account.address)
    assert settle() == 0, "there is nothing left to settle"
    assert chain.balance_wei("WETH", buyer.wallet) == 101 * ONE


async def test_a_batch_that_comes_too_late_loses_nothing(
    localnet: Any, trader: Any, order: Any, settle: Any, settle_as: Any, chain: Any
) -> None:
    buyer, seller, third, other = trader(), trader(), trader(), trader()
    ask = await order(seller, "sell", "100", "1")
    bid = await order(buyer, "buy", "100", "1")
    second = await order(seller, "sell", "101", "1")
    third_bid = await order(other, "buy", "101", "1")
    settle_as(third, bid, ask, ONE)
    assert settle() in (1, 2), "where the venue has not looked yet, one of the two pairs fails in its batch"
    for placed in (ask, bid, second, third_bid):
        assert await placed.shown() == ("closed", "0", "1")
    [trade] = await buyer.trades(bid.order_id)
    assert chain.web3.eth.get_transaction(trade["tx_hash"])["from"] == third.account.address
    assert chain.balance_wei("WETH", buyer.wallet) == chain.balance_wei("WETH", other.wallet) == 101 * ONE


async def test_what_others_take_of_a_resting_order_is_filled(
    trader: Any, order: Any, settle: Any, settle_as: Any, chain: Any
) -> None:
    buyer, seller, third = trader(), trader(), trader()
    ask = await order(seller, "sell", "100", "5")
    bid = await order(buyer, "buy", "100", "1")
    settle()
    ask_more = await order(buyer, "buy", "100", "2", place=False)
    settle_as(third, ask_more, ask, 2 * ONE)
    assert await _eventually_filled(ask, "3")
    assert await ask.shown() == ("open", "0", "3")
    assert await bid.shown() == ("closed", "0", "1")
    assert len(await seller.trades(ask.order_id)) == 1, "of an order that was never placed here there is no trade"
    assert chain.balance_wei("WETH", seller.wallet) == 97 * ONE
    depth = (await seller.api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC"))[1]
    assert depth["asks"] == [{"price": "100", "quantity": "2"}]


async def _eventually_filled(placed: Placed, quantity: str) -> bool:
    """Let the venue look at the chain: the portfolio is always up to its newest block."""
    trader = placed.trader
    await trader.api.get(f"/api/v1/accounts/{trader.localnet.chain_id}/{trader.wallet}/portfolio")
    return (await trader.order(placed.order_id))["quantity_filled"] == quantity


async def test_orders_that_never_met_here_get_a_trade(
    trader: Any, order: Any, settle_as: Any, catch_up: Any, listen: Any
) -> None:
    buyer, seller, third = trader(), trader(), trader()
    ask = await order(seller, "sell", "100", "1")
    await seller.cancel(ask.order_id)
    bid = await order(buyer, "buy", "100", "3")
    listener = await listen(seller.wallet)
    settle_as(third, bid, ask, ONE)
    catch_up()
    catch_up()
    await listener.until(lambda event: event["action"] == "order_trade_processed")
    assert listener.actions() == ["order_submitted", "user_trade_updated", "order_trade_processed"]
    assert await ask.shown() == ("cancelled", "0", "1"), "its signature was good for ever"
    assert await bid.shown() == ("open", "0", "1")
    [trade] = await buyer.trades(bid.order_id)
    assert (trade["state"], trade["amount"], trade["price"]) == ("success", "1", "100")
    assert [entry["id"] for entry in await seller.trades(ask.order_id)] == [trade["id"]]
    depth = (await seller.api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC"))[1]
    assert depth["bids"] == [{"price": "100", "quantity": "2"}]


async def test_what_others_take_of_a_matched_order_ends_it_and_its_match_fails(
    trader: Any, order: Any, settle: Any, settle_as: Any, catch_up: Any
) -> None:
    buyer, seller, third = trader(), trader(), trader()
    ask = await order(seller, "sell", "100", "1")
    bid = await order(buyer, "buy", "100", "1")
    elsewhere = await order(third, "buy", "100", "1", place=False)
    settle_as(third, elsewhere, ask, ONE)
    catch_up()
    assert await ask.cancel_of() == ("settled_elsewhere", 611)
    settle()
    assert await ask.shown() == ("cancelled", "0", "0")
    assert await bid.shown() == ("open", "0", "0"), "the innocent side trades again"
    [trade] = await buyer.trades(bid.order_id)
    assert trade["state"] == "failed"


async def test_the_fate_of_a_match_that_others_settled_before_changes_nothing_or_is_a_trade_of_its_own(
    localnet: Any, trader: Any, order: Any
) -> None:
    """The venue's batch and a third party may race; the venue hears of them in one turn."""
    buyer, seller = trader(), trader()
    ask = await order(seller, "sell", "100", "1")
    bid = await order(buyer, "buy", "100", "3")
    venue = localnet.localnet.venue

    async def race(fate: str) -> None:
        [match] = venue.trades.next_unsettled(1)
        others = SettledElsewhere(
            buy_hash=match.buy.order_hash,
            sell_hash=match.sell.order_hash,
            quantity_wei=match.quantity_wei,
            price_e18=match.price_e18,
            tx_hash="0x" + "01" * 32,
        )
        venue.settled_elsewhere(others)
        venue.settled_elsewhere(others)
        if fate == "fails":
            venue.fail(match, "0x" + "02" * 32, "Matched amount is greater than the remaining amount")
        else:
            venue.settle(match, "0x" + "02" * 32)

    localnet.call(race("fails"))
    assert await ask.shown() == ("closed", "0", "1")
    assert await bid.shown() == ("open", "0", "1")
    second = await order(seller, "sell", "100", "1")
    localnet.call(race("settles again"))
    assert await bid.shown() == ("closed", "0", "3")
    assert await second.cancel_of() == ("settled_elsewhere", 611)
    assert [trade["state"] for trade in await buyer.trades(bid.order_id)] == ["success"] * 3


async def test_tokens_that_a_third_party_takes_end_the_order_that_needs_them(
    trader: Any, order: Any, chain: Any, catch_up: Any
) -> None:
    owner, third = trader({"WETH": "2"}), trader()
    ask = await order(owner, "sell", "100", "2")
    token = chain.token("WETH").functions
    chain.send(owner, token.approve(third.account.address, ONE))
    catch_up()
    assert (await ask.shown())[0] == "open", "an allowance of somebody else is nothing to the exchange"
    chain.send(third, token.transferFrom(owner.account.address, third.account.address, ONE))
    catch_up()
    assert await ask.cancel_of() == ("insufficient_funds", 711)


def cancel_on_chain(chain: Any, exchange: Any, owner: Any, placed: Placed) -> None:
    digest = bytes.fromhex(placed.body["order_hash"][2:])
    signed = owner.account.sign_message(encode_defunct(primitive=keccak(b"cancel " + digest)))
    chain.send(owner, exchange.functions.cancelOrder(placed.tuple, bytes(signed.signature)))


async def test_a_cancel_at_the_contract_ends_an_open_order(
    trader: Any, order: Any, chain: Any, exchange: Any, catch_up: Any, listen: Any
) -> None:
    owner = trader()
    listener = await listen(owner.wallet)
    bid = await order(owner, "buy", "100", "1")
    cancel_on_chain(chain, exchange, owner, bid)
    catch_up()
    event = await listener.until(lambda event: event["data"]["status"] == "cancelled")
    assert event["action"] == "order_submitted"
    assert event["data"]["cancel"] == {"reason": "cancelled_on_chain", "code": 611}
    assert await bid.cancel_of() == ("cancelled_on_chain", 611)
    depth = (await owner.api.get("/api/v1/orderbook/depth", market_symbol="WETH_USDC"))[1]
    assert depth["bids"] is None


async def test_a_cancel_at_the_contract_after_the_match_harms_only_its_owner(
    trader: Any, order: Any, chain: Any, exchange: Any, settle: Any
) -> None:
    culprit, innocent = trader(), trader()
    ask = await order(culprit, "sell", "100", "1")
    bid = await order(innocent, "buy", "100", "1")
    cancel_on_chain(chain, exchange, culprit, ask)
    assert settle() == 1
    assert await ask.shown() == ("cancelled", "0", "0")
    assert await ask.cancel_of() == ("cancelled_on_chain", 611)
    assert await bid.shown() == ("open", "0", "0")


async def test_one_pair_of_a_batch_fails_and_both_owners_hear_it_in_order(
    trader: Any, order: Any, settle: Any, chain: Any, listen: Any
) -> None:
    culprit, innocent, good = trader(), trader(), trader()
    listeners = {who: await listen(who.wallet) for who in (culprit, innocent)}
    bad = await order(culprit, "sell", "100", "1")
    fine = await order(good, "sell", "100", "1")
    bid = await order(innocent, "buy", "100", "2")
    chain.move_away(culprit, "WETH")
    assert settle() == 2
    await listeners[culprit].until(lambda event: event["data"].get("status") == "cancelled")
    assert listeners[culprit].actions() == [
        *("order_placed", "order_submitted"),
        *("user_trade_created", "order_submitted"),
        *("user_trade_updated", "order_submitted"),
    ]
    failed, ended = (event["data"] for event in listeners[culprit].events[-2:])
    assert (failed["state"], len(failed["txHash"])) == ("failed", 66)
    assert (ended["order_id"], ended["cancel"]["code"]) == (bad.order_id, 711)
    await listeners[innocent].until(lambda event: event["action"] == "order_trade_processed")
    updates = [event["data"] for event in listeners[innocent].events if event["action"] == "user_trade_updated"]
    assert [update["state"] for update in updates] == ["failed", "success"]
    assert len({update["txHash"] for update in updates}) == 1, "one transaction"
    assert await bid.shown() == ("open", "0", "1")
    assert await fine.shown() == ("closed", "0", "1")
