"""Approvals on localnet's chain, looked at through plain JSON-RPC calls that are not the client's."""

import asyncio
import socket
from decimal import Decimal

import pytest
from eth_abi import decode, encode
from vyper import compile_code
from web3 import Web3

from tegro.allowance import UNLIMITED_WEI, AllowanceManager, Approval
from tegro.client import AsyncTegro
from tegro.errors import ChainFailure, InvalidInput, SigningRefused
from tegro.evm import EvmNode
from tegro.model import Token
from tegro.signer import LocalSigner

STUBBORN_TOKEN = """
allowances: HashMap[address, HashMap[address, uint256]]

@external
def approve(spender: address, amount: uint256):
    assert amount == 0 or self.allowances[msg.sender][spender] == 0, "reset first"
    self.allowances[msg.sender][spender] = amount

@view
@external
def allowance(owner: address, spender: address) -> uint256:
    return self.allowances[owner][spender]
"""
"""Like Ethereum's USDT: returns nothing, and changes an allowance only from or to zero."""


@pytest.fixture
def chain(localnet):
    """The chain through plain calls of the synchronous web3."""
    return Web3(Web3.HTTPProvider(localnet.rpc_url))


@pytest.fixture
def allowance_of(localnet, chain):
    """Read an allowance for the exchange with a call encoded here."""

    def read(token, owner):
        owner_and_spender = encode(["address", "address"], [owner, localnet.deployment.exchange])
        data = Web3.keccak(text="allowance(address,address)")[:4] + owner_and_spender
        return decode(["uint256"], chain.eth.call({"to": Web3.to_checksum_address(token.address), "data": data}))[0]

    return read


@pytest.fixture
def nonce_of(chain):
    return lambda wallet: chain.eth.get_transaction_count(Web3.to_checksum_address(wallet.address))


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet(approve=False)


@pytest.fixture
def environment(localnet, environment_at):
    return environment_at(localnet.rest_url, localnet.rpc_url, approvals={"USDC": Decimal("12.5")})


@pytest.fixture
async def client(environment, wallet):
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as made:
        yield made


@pytest.fixture
async def make_manager(client, environment, wallet):
    made = []

    def make(env=environment, **options):
        made.append(AllowanceManager(env, LocalSigner(wallet.key), client.chain, **options))
        return made[-1]

    yield make
    for manager in made:
        await manager.aclose()


@pytest.fixture
def usdc(localnet):
    return localnet.markets["WETH_USDC"].quote


@pytest.fixture
def weth(localnet):
    return localnet.markets["WETH_USDC"].base


async def test_defect_10_what_is_there_is_read_before_anything_is_sent(client, wallet, usdc, weth, nonce_of):
    states = await client.allowances.state([usdc, weth])
    assert [(state.token, state.allowance_wei, state.cap_wei) for state in states] == [
        (usdc, 0, 12_500_000),
        (weth, 0, None),
    ]
    assert states[0].balance_wei > 0
    assert await client.allowances.plan({usdc: 0}) == []
    assert nonce_of(wallet) == 0


async def test_defect_11_exactly_the_amount_is_approved_and_no_more(client, wallet, usdc, weth, allowance_of, nonce_of):
    plan = await client.allowances.plan({usdc: 7_000_001, weth: 3})
    assert [(each.token, each.amount_wei, each.current_wei) for each in plan] == [(usdc, 7_000_001, 0), (weth, 3, 0)]
    receipts = await client.allowances.apply(plan)
    assert (allowance_of(usdc, wallet.address), allowance_of(weth, wallet.address)) == (7_000_001, 3)
    assert [receipt.amount_wei for receipt in receipts] == [7_000_001, 3]
    assert nonce_of(wallet) == 2
    assert await client.allowances.plan({usdc: 7_000_001, weth: 3}) == []
    assert await client.allowances.apply(plan) == []
    assert nonce_of(wallet) == 2
    (raised,) = await client.allowances.plan({usdc: 7_000_002, weth: 2})
    assert (raised.token, raised.current_wei) == (usdc, 7_000_001)


@pytest.mark.parametrize("amount_wei", [UNLIMITED_WEI, UNLIMITED_WEI + 1, -1])
async def test_defect_11_the_largest_number_is_refused_unless_asked_for_by_name(client, usdc, amount_wei):
    with pytest.raises(InvalidInput, match="an approval of USDC must lie below"):
        await client.allowances.plan({usdc: amount_wei})


async def test_an_unlimited_approval_is_made_when_asked_for_by_name(client, wallet, usdc, allowance_of):
    await client.allowances.apply(await client.allowances.plan({usdc: 1}, unlimited=True))
    assert allowance_of(usdc, wallet.address) == 2**256 - 1


async def test_defect_13_a_transaction_has_eip_1559_fees_chain_id_and_the_pending_nonce(client, wallet, usdc, chain):
    plan = await client.allowances.plan({usdc: 5})
    (receipt,) = await client.allowances.apply(plan)
    sent = chain.eth.get_transaction(receipt.tx_hash)
    mined = chain.eth.get_transaction_receipt(receipt.tx_hash)
    assert (sent["type"], sent["chainId"], sent["nonce"], sent["value"]) == (2, 31337, 0, 0)
    assert sent["maxPriorityFeePerGas"] <= sent["maxFeePerGas"]
    assert mined["gasUsed"] == receipt.gas_used <= sent["gas"]
    assert mined["gasUsed"] * mined["effectiveGasPrice"] == receipt.fee_wei


async def test_defect_13_a_node_of_another_chain_is_refused_before_anything(
    make_manager, environment_at, localnet, usdc
):
    manager = make_manager(environment_at(localnet.rest_url, localnet.rpc_url, chain_id=8453))
    with pytest.raises(ChainFailure, match="is on chain 31337, not on 8453"):
        await manager.state([usdc])


async def test_a_fee_above_the_ceiling_is_not_paid(make_manager, usdc, wallet, nonce_of):
    manager = make_manager(fee_ceiling_wei=1)
    with pytest.raises(
        ChainFailure, match=r"approving USDC could cost 0\.\d+, above the ceiling of 0\.000000000000000001"
    ):
        await manager.apply(await manager.plan({usdc: 5}))
    assert nonce_of(wallet) == 0


async def test_a_wallet_without_coins_is_told_so(localnet, environment, usdc):
    poor = localnet.new_wallet(native=Decimal(0), approve=False)
    async with AsyncTegro(environment, signer=LocalSigner(poor.key)) as client:
        with pytest.raises(ChainFailure, match="but the wallet holds 0; nothing was sent"):
            await client.allowances.apply(await client.allowances.plan({usdc: 5}))


async def test_an_approval_for_another_spender_is_never_signed(client, usdc, wallet, nonce_of):
    foreign = Approval(token=usdc, spender="0x" + "66" * 20, amount_wei=1, current_wei=0)
    with pytest.raises(SigningRefused, match="was planned, but the exchange contract is"):
        await client.allowances.apply([foreign])
    assert nonce_of(wallet) == 0


async def test_a_token_that_must_be_reset_first_is_reset_first(client, wallet, chain, allowance_of, nonce_of):
    compiled = compile_code(STUBBORN_TOKEN, output_formats=["bytecode"])
    sender = chain.eth.account.from_key(wallet.key)
    fields = {"chainId": 31337, "nonce": 0, "gas": 2_000_000, "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
    signed = sender.sign_transaction(fields | {"data": compiled["bytecode"], "value": 0})
    deployed = chain.eth.wait_for_transaction_receipt(chain.eth.send_raw_transaction(signed.raw_transaction), 30)
    token = Token(address=deployed["contractAddress"].lower(), symbol="STUB", decimals=6)
    for amount_wei, made in ((5, [5]), (9, [0, 9])):
        receipts = await client.allowances.apply(await client.allowances.plan({token: amount_wei}))
        assert [receipt.amount_wei for receipt in receipts] == made
        assert allowance_of(token, wallet.address) == amount_wei
    assert nonce_of(wallet) == 4


async def test_defect_12_other_work_goes_on_while_a_transaction_is_made(client, usdc):
    turns = 0

    async def other_work():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    busy = asyncio.create_task(other_work())
    await client.allowances.apply(await client.allowances.plan({usdc: 5}))
    busy.cancel()
    assert turns > 10


async def test_two_calls_at_once_do_not_share_a_nonce(client, wallet, usdc, weth, allowance_of):
    plans = await client.allowances.plan({usdc: 5}), await client.allowances.plan({weth: 6})
    await asyncio.gather(*(client.allowances.apply(plan) for plan in plans))
    assert (allowance_of(usdc, wallet.address), allowance_of(weth, wallet.address)) == (5, 6)


async def test_an_address_without_a_contract_is_named(client):
    nothing = Token(address="0x" + "12" * 20, symbol="GONE", decimals=18)
    with pytest.raises(ChainFailure, match=f"{nothing.address}: there is no such contract on chain 31337"):
        await client.allowances.state([nothing])


async def test_a_node_that_is_not_there_is_named_by_its_host_alone(make_manager, environment_at, localnet, usdc):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/access-key-123"
        manager = make_manager(environment_at(localnet.rest_url, url))
        with pytest.raises(ChainFailure, match=r"the node 127\.0\.0\.1 gave no answer") as caught:
            await manager.state([usdc])
    assert "access-key" not in str(caught.value)


def test_an_environment_without_a_node_says_what_to_set(environment_at, wallet, localnet):
    with pytest.raises(InvalidInput, match=r"set rpc_url of \[localnet\].*TEGRO_LOCALNET_RPC_URL"):
        AllowanceManager(environment_at(localnet.rest_url), LocalSigner(wallet.key), None)


async def signed_approval(node, wallet, usdc, spender, **changes):
    signer = LocalSigner(wallet.key)
    call = await node.approve_call(usdc.address, signer.address, spender, 5)
    fees = await node.fees()
    fields = {"type": 2, "chainId": 31337, "nonce": 0, "to": call.to, "data": call.data, "value": 0, "gas": call.gas}
    fields |= {"maxFeePerGas": fees.max_fee_wei, "maxPriorityFeePerGas": fees.priority_fee_wei}
    return await signer.sign_transaction(fields | changes)


@pytest.fixture
async def node(localnet):
    made = EvmNode(localnet.rpc_url, 31337)
    yield made
    await made.aclose()


async def test_a_transaction_that_was_taken_already_counts_as_sent(node, localnet, wallet, usdc):
    raw = await signed_approval(node, wallet, usdc, localnet.deployment.exchange)
    assert await node.send(raw, 30) == await node.send(raw, 30)


async def test_a_transaction_that_fails_on_the_chain_is_named_by_its_hash(node, localnet, wallet, usdc):
    raw = await signed_approval(node, wallet, usdc, localnet.deployment.exchange, gas=30_000)
    with pytest.raises(ChainFailure, match=f"transaction {Web3.keccak(raw).to_0x_hex()} failed on the chain"):
        await node.send(raw, 30)


async def test_a_transaction_that_the_node_refuses_is_named_with_its_words(node, localnet, wallet, usdc):
    raw = await signed_approval(node, wallet, usdc, localnet.deployment.exchange, chainId=1)
    with pytest.raises(ChainFailure, match=r"the node 127\.0\.0\.1 says: "):
        await node.send(raw, 30)


async def test_a_transaction_that_does_not_appear_is_named_and_said_to_be_open(node, localnet, wallet, usdc):
    raw = await signed_approval(node, wallet, usdc, localnet.deployment.exchange, nonce=7)
    with pytest.raises(ChainFailure, match=r"did not appear in time; it may still be carried out|says: "):
        await node.send(raw, 0.1)
