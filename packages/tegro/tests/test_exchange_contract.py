"""Orders at the exchange contract: read and cancelled through the client, looked at through web3 itself."""

import asyncio
import time
from decimal import Decimal

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from msgspec.structs import replace
from web3 import Web3

from tegro.client import AsyncTegro
from tegro.eip712 import Domain, OrderMessage, order_message
from tegro.errors import ChainFailure, SigningRefused
from tegro.evm import EvmNode, Reverted
from tegro.exchange_contract import FINISHED, NEVER_SEEN, ExchangeContract
from tegro.journal import JournalEntry
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.signer import LocalSigner

REMAINING_ABI = [
    {
        "type": "function",
        "name": "remaining",
        "stateMutability": "view",
        "inputs": [{"name": "", "type": "bytes32"}],
        "outputs": [{"name": "", "type": "uint256"}],
    }
]


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet()


@pytest.fixture
def signer(wallet):
    return LocalSigner(wallet.key)


@pytest.fixture
def market(localnet):
    return localnet.markets["WETH_USDC"]


@pytest.fixture
async def node(localnet):
    made = EvmNode(localnet.rpc_url, 31337)
    yield made
    await made.aclose()


@pytest.fixture
def domain(localnet):
    return Domain(31337, localnet.deployment.exchange)


@pytest.fixture
def contract(node, domain):
    return ExchangeContract(node, domain)


@pytest.fixture
def remaining_of(localnet):
    """What the contract keeps of an order, asked without the client."""
    web3 = Web3(Web3.HTTPProvider(localnet.rpc_url))
    exchange = web3.eth.contract(address=Web3.to_checksum_address(localnet.deployment.exchange), abi=REMAINING_ABI)
    return lambda order_hash: exchange.functions.remaining(order_hash).call()


@pytest.fixture
def make_message(market, domain, signer, rng):
    def make(**changes):
        request = OrderRequest(market=market, side=Side.BUY, price=Decimal(3000), quantity=Decimal(1))
        return replace(order_message(request, maker=signer.address, domain=domain, salt=rng.getrandbits(60)), **changes)

    return make


def entry_of(message: OrderMessage, **changes) -> JournalEntry:
    values = {
        "order_hash": message.order_hash,
        "maker": message.maker,
        "chain_id": 31337,
        "market_id": "31337_a_b",
        "raw_order_data": message.raw_order_data(),
        "signature": "0x",
        "side": Side.BUY,
        "price": Decimal(3000),
        "quantity": Decimal(1),
        "signed_at_ms": 1,
    }
    return JournalEntry(**values | changes)


async def test_an_order_that_the_contract_never_saw_is_cancelled_for_ever(contract, make_message, signer, remaining_of):
    message, sent = make_message(), []
    assert await contract.remaining(message.order_hash) == remaining_of(message.order_hash) == NEVER_SEEN
    receipt = await contract.cancel_order(message, signer, on_sent=sent.append)
    assert receipt is not None
    assert sent == [receipt.tx_hash]
    assert await contract.remaining(message.order_hash) == remaining_of(message.order_hash) == FINISHED
    assert await contract.cancel_order(message, signer) is None


async def test_an_order_is_cancelled_from_what_the_journal_kept_of_it(contract, make_message, signer, remaining_of):
    message = make_message(expiry_time=2_000_000_000, is_buy=False)
    assert await contract.cancel_order(entry_of(message), signer) is not None
    assert remaining_of(message.order_hash) == FINISHED


async def test_a_partly_settled_order_tells_its_rest_and_a_whole_one_is_finished(
    contract, localnet, environment_at, wallet, market, remaining_of
):
    other = localnet.new_wallet()
    environment = environment_at(localnet.rest_url, localnet.rpc_url)
    hashes = []
    async with (
        AsyncTegro(environment, signer=LocalSigner(wallet.key)) as seller,
        AsyncTegro(environment, signer=LocalSigner(other.key)) as buyer,
    ):
        for client, side, quantity in ((seller, Side.SELL, "0.3"), (buyer, Side.BUY, "0.1")):
            request = OrderRequest(market=market, side=side, price=Decimal(3000), quantity=Decimal(quantity))
            outcome = await client.place(request)
            assert isinstance(outcome, Accepted)
            hashes.append(outcome.order_hash)
        async with asyncio.timeout(20):
            while remaining_of(hashes[1]) != FINISHED:  # noqa: ASYNC110  settlement runs in another process
                await asyncio.sleep(0.02)
        assert [await contract.remaining(each) for each in hashes] == [2 * 10**17 + 1, FINISHED]
        receipt = await contract.cancel_order(seller.journal.find(hashes[0]), LocalSigner(wallet.key))
    assert receipt is not None
    assert remaining_of(hashes[0]) == FINISHED


async def test_the_time_is_that_of_the_newest_block(contract, localnet):
    newest = Web3(Web3.HTTPProvider(localnet.rpc_url)).eth.get_block("latest")
    assert newest["timestamp"] <= await contract.timestamp_secs() <= time.time() + 60


async def test_the_signature_is_personal_sign_over_the_hash_of_cancel_and_order(make_message, signer, wallet):
    message = make_message()
    inner = Web3.keccak(b"cancel " + message.digest)
    ours = await signer.sign_personal(bytes(inner))
    theirs = Account.from_key(wallet.key).sign_message(encode_defunct(primitive=inner))
    assert ours == theirs.signature.to_0x_hex()


async def test_only_the_maker_cancels(contract, make_message, localnet, remaining_of):
    message, stranger = make_message(), LocalSigner(localnet.new_wallet().key)
    with pytest.raises(SigningRefused, match=f"is one of {message.maker}, not of {stranger.address}"):
        await contract.cancel_order(message, stranger)
    assert remaining_of(message.order_hash) == NEVER_SEEN


async def test_an_order_for_another_contract_is_refused(contract, make_message, signer):
    foreign = make_message(domain=Domain(31337, "0x" + "66" * 20))
    with pytest.raises(SigningRefused, match=r"was signed for contract 0x6666.* on chain 31337, not for 0x"):
        await contract.cancel_order(foreign, signer)
    with pytest.raises(SigningRefused, match="it was signed for another one"):
        await contract.cancel_order(entry_of(foreign), signer)


@pytest.mark.parametrize("raw", ["", "{}", '{"price": "x"}', "[1]"])
async def test_a_damaged_journal_entry_is_refused(contract, make_message, signer, raw):
    with pytest.raises(SigningRefused, match=r"the journal's message of order 0x.* is damaged: "):
        await contract.cancel_order(entry_of(make_message(), raw_order_data=raw), signer)


async def test_a_contract_that_does_not_know_the_function_refuses(node, localnet, signer, make_message, market):
    token = Domain(31337, market.quote.address)
    with pytest.raises(Reverted, match="the contract refuses it"):
        await ExchangeContract(node, token).cancel_order(make_message(domain=token), signer)


async def test_a_cancel_above_the_ceiling_is_not_signed(node, domain, make_message, signer, remaining_of):
    message = make_message()
    frugal = ExchangeContract(node, domain, fee_ceiling_wei=1)
    with pytest.raises(ChainFailure, match=f"the on-chain cancel of order {message.order_hash} could cost .* ceiling"):
        await frugal.cancel_order(message, signer)
    assert remaining_of(message.order_hash) == NEVER_SEEN
