"""Everything off: on localnet, and where steps fail."""

from decimal import Decimal

import pytest
from web3 import Web3

from tegro.client import AsyncTegro
from tegro.errors import ChainFailure, NotConnected
from tegro.journal import EntryState, MemoryJournal
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.panic import PanicPlan, panic
from tegro.signer import LocalSigner
from tegro_localnet.faults import Fault, FaultKind

ALLOWANCE = [
    {
        "type": "function",
        "name": "allowance",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]
REMAINING = [
    {
        "type": "function",
        "name": "remaining",
        "stateMutability": "view",
        "inputs": [{"name": "", "type": "bytes32"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]


@pytest.fixture
async def client(localnet, environment_at):
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    async with AsyncTegro(environment, signer=LocalSigner(localnet.new_wallet().key)) as made:
        yield made


@pytest.fixture
async def market(client):
    return await client.market("WETH_USDC")


@pytest.fixture
def chain(localnet):
    return Web3(Web3.HTTPProvider(localnet.rpc_url))


async def place(client, market, price, side=Side.BUY):
    outcome = await client.place(OrderRequest(market=market, side=side, price=Decimal(price), quantity=Decimal("0.1")))
    assert isinstance(outcome, Accepted)
    return outcome


async def no_sleep(_delay_secs):
    return None


NOTHING_ON_CHAIN = PanicPlan(cancel_on_chain=None, revoke=None, allowances=None)


async def test_everything_is_cancelled_revoked_and_worthless_on_chain(client, market, chain, localnet):
    outcomes = [await place(client, market, price) for price in ("1500", "1501")]
    done = []
    report = await client.panic(on_chain=True, progress=done.append)
    assert set(report.cancelled) == {outcome.order_id for outcome in outcomes}
    assert report.is_safe
    assert report.failures == report.still_open == report.still_possible == report.still_allowed == ()
    assert await client.orders(statuses=["active"]) == []
    spender = Web3.to_checksum_address(localnet.deployment.exchange)
    for token in (market.base, market.quote):
        contract = chain.eth.contract(address=Web3.to_checksum_address(token.address), abi=ALLOWANCE)
        assert contract.functions.allowance(client.wallet, spender).call() == 0
    exchange = chain.eth.contract(address=spender, abi=REMAINING)
    for outcome in outcomes:
        assert exchange.functions.remaining(bytes.fromhex(outcome.order_hash[2:])).call() == 1
    assert done[0] == "cancelling 2 orders"


async def test_without_the_chain_it_says_what_could_still_execute(client, market):
    outcome = await place(client, market, "1500")
    report = await client.panic(revoke=False)
    assert report.cancelled == (outcome.order_id,)
    assert [entry.order_hash for entry in report.still_possible] == [outcome.order_hash]
    assert {state.token.symbol for state in report.still_allowed} >= {"WETH", "USDC"}
    assert not report.is_safe


async def test_an_order_of_unknown_fate_is_ended_on_chain(client, market, localnet, chain):
    await client.prepare([market])
    localnet.faults.add(Fault(kind=FaultKind.DROP_REQUEST, path="*/orders/place", wallet=client.wallet.lower()))
    outcome = await client.place(
        OrderRequest(market=market, side=Side.BUY, price=Decimal(1500), quantity=Decimal("0.1"))
    )
    report = await client.panic(on_chain=True, revoke=False)
    assert report.cancelled_on_chain == (outcome.order_hash,)
    assert report.still_possible == ()
    assert client.journal.find(outcome.order_hash).state is EntryState.REJECTED


class Stuck:
    """A client whose venue does not do as it is told."""

    wallet = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"

    def __init__(self, client, *, lists=None, error=None):
        self.journal = MemoryJournal()
        self._client = client
        self._lists = lists
        self._error = error
        self.asked = 0

    async def orders(self, *, statuses=()):
        self.asked += 1
        if self._error is not None:
            raise self._error
        return self._lists

    async def cancel(self, order_ids):
        self.cancelled = list(order_ids)


async def test_orders_that_stay_open_are_named(client, market):
    await place(client, market, "1500")
    stuck = Stuck(client, lists=await client.orders(statuses=["active"]))
    report = await panic(stuck, NOTHING_ON_CHAIN, sleep=no_sleep)
    assert [order.order_id for order in report.still_open] == stuck.cancelled
    assert report.cancelled == ()
    assert [failure.reason for failure in report.failures] == ["1 orders are still open"]
    assert not report.is_safe
    await client.cancel_all()


async def test_a_venue_that_is_away_does_not_keep_it_from_the_chain():
    async def revoke():
        raise ChainFailure("no gas")

    async def allowances():
        raise ChainFailure("no node")

    stuck = Stuck(None, error=NotConnected("no route"))
    report = await panic(stuck, PanicPlan(cancel_on_chain=None, revoke=revoke, allowances=allowances), sleep=no_sleep)
    assert [(failure.step, failure.reason) for failure in report.failures] == [
        ("cancel", "no route"),
        ("revoke", "no gas"),
        ("read allowances", "no node"),
    ]
    assert stuck.asked == 5
    assert not report.is_safe
