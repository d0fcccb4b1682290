"""The node as the client asks it: on localnet's chain, and behind a proxy that answers as bad nodes do."""

import logging
import socket

import pytest
from eth_account import Account
from web3 import Web3

from tegro.errors import ChainFailure
from tegro.evm import APPROVE, BelowBaseFee, EvmNode, NonceTaken, NotTaken, Reverted, abi_function, transaction_hash


@pytest.fixture
def web3(localnet):
    return Web3(Web3.HTTPProvider(localnet.rpc_url))


@pytest.fixture
async def node(localnet):
    made = EvmNode(localnet.rpc_url, 31337)
    yield made
    await made.aclose()


@pytest.fixture
async def proxy(localnet, node_proxy):
    return await node_proxy(localnet.rpc_url)


@pytest.fixture
async def proxied(proxy):
    made = EvmNode(proxy.url, 31337)
    yield made
    await made.aclose()


@pytest.fixture
def usdc(localnet):
    return localnet.markets["WETH_USDC"].quote


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet(approve=False)


@pytest.fixture
def signed(web3, wallet, usdc, localnet):
    """Sign an approval with eth-account alone."""

    def make(**changes):
        spender = Web3.to_bytes(hexstr=localnet.deployment.exchange).rjust(32, b"\0")
        data = Web3.keccak(text="approve(address,uint256)")[:4] + spender + (5).to_bytes(32)
        market = web3.eth.get_block("latest")["baseFeePerGas"]
        fields = {"type": 2, "chainId": 31337, "nonce": 0, "to": Web3.to_checksum_address(usdc.address), "data": data}
        fields |= {"value": 0, "gas": 100_000, "maxFeePerGas": 2 * market + 10, "maxPriorityFeePerGas": 1}
        return bytes(Account.sign_transaction(fields | changes, wallet.key).raw_transaction)

    return make


async def test_reads_give_what_the_chain_has(node, web3, wallet, usdc, localnet):
    address = Web3.to_checksum_address(wallet.address)
    assert await node.chain_id() == web3.eth.chain_id == 31337
    assert await node.balance(wallet.address) == web3.eth.get_balance(address) == 10**18
    assert [await node.decimals(market.base.address) for market in localnet.markets.values()] == [18, 8, 18]
    assert await node.decimals(usdc.address) == 6
    assert await node.balance_of(usdc.address, wallet.address) == 100_000 * 10**6
    assert await node.allowance(usdc.address, wallet.address, localnet.deployment.exchange) == 0
    assert await node.code(usdc.address) == web3.eth.get_code(Web3.to_checksum_address(usdc.address))
    assert await node.code(wallet.address) == b""
    assert await node.nonces(wallet.address) == (0, 0)
    market = await node.fee_market()
    assert (market.base_fee_wei, market.tip_wei) == (
        web3.eth.get_block("latest")["baseFeePerGas"],
        web3.eth.max_priority_fee,
    )


async def test_a_transaction_is_taken_once_and_found_by_its_hash(node, web3, signed):
    raw = signed()
    assert await node.receipt(transaction_hash(raw)) is None
    await node.submit(raw)
    await node.submit(raw)
    receipt = await node.receipt(transaction_hash(raw))
    mined = web3.eth.get_transaction_receipt(transaction_hash(raw))
    assert receipt is not None
    assert receipt.is_success
    assert receipt.gas_used == mined["gasUsed"]
    assert receipt.fee_wei == mined["gasUsed"] * mined["effectiveGasPrice"]


async def test_a_transaction_that_failed_says_so(node, signed):
    raw = signed(gas=30_000)
    await node.submit(raw)
    receipt = await node.receipt(transaction_hash(raw))
    assert receipt is not None
    assert not receipt.is_success


@pytest.mark.parametrize("fee", ["0x10", 16])
async def test_a_rollups_fee_for_layer_1_is_counted(proxied, proxy, signed, web3, fee):
    raw = signed()
    await proxied.submit(raw)
    mined = web3.provider.make_request("eth_getTransactionReceipt", [transaction_hash(raw)])["result"]
    proxy.result("eth_getTransactionReceipt", mined | {"l1Fee": fee})
    receipt = await proxied.receipt(transaction_hash(raw))
    assert receipt is not None
    assert receipt.fee_wei == int(mined["gasUsed"], 16) * int(mined["effectiveGasPrice"], 16) + 16


async def test_the_words_of_a_real_node_are_told_apart(node, signed):
    await node.submit(signed())
    with pytest.raises(NonceTaken, match="nonce too low"):
        await node.submit(signed(data=b"other"))
    with pytest.raises(BelowBaseFee, match="less than block base fee"):
        await node.submit(signed(nonce=1, maxFeePerGas=1))
    with pytest.raises(NotTaken, match="insufficient funds"):
        await node.submit(signed(nonce=1, value=10**19))


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("replacement transaction underpriced", NonceTaken),
        ("OldNonce", NonceTaken),
        ("transaction underpriced: tip needed 5", NotTaken),
        ("upstream timed out", ChainFailure),
    ],
)
async def test_what_nodes_say_is_put_into_words_the_caller_can_act_on(proxied, proxy, signed, words, kind):
    proxy.error("eth_sendRawTransaction", words)
    with pytest.raises(ChainFailure, match=f"the node 127.0.0.1 says: {words}") as caught:
        await proxied.submit(signed())
    assert type(caught.value) is kind


async def test_a_node_that_knows_the_transaction_has_taken_it(proxied, proxy, signed):
    proxy.error("eth_sendRawTransaction", "already known")
    await proxied.submit(signed())


async def test_defect_13_a_node_that_moves_to_another_chain_is_noticed(proxied, proxy):
    assert await proxied.chain_id() == 31337
    proxy.result("eth_chainId", "0x2105")
    with pytest.raises(ChainFailure, match=r"the node 127\.0\.0\.1 is on chain 8453, not on 31337"):
        await proxied.chain_id()


async def test_a_node_of_another_chain_is_asked_nothing_more(proxy, wallet):
    node = EvmNode(proxy.url, 8453)
    for _ in range(2):
        with pytest.raises(ChainFailure, match="is on chain 31337, not on 8453"):
            await node.balance(wallet.address)
    assert {method for method, _ in proxy.asked} == {"eth_chainId"}
    await node.aclose()
    await node.aclose()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, "<html>"), "has not the right form"),
        ((429, ""), "answered with HTTP status 429"),
        ({"result": None}, "127.0.0.1"),
        ({"result": "soon"}, "has not the right form"),
        ({}, "says: "),
        ({"error": {"code": -32005, "message": "limit exceeded"}}, "says: .*limit exceeded"),
    ],
)
async def test_a_bad_answer_becomes_one_sentence(proxied, proxy, wallet, answer, words):
    await proxied.chain_id()
    proxy.answer("eth_getBalance", *[answer] * 3)
    with pytest.raises(ChainFailure, match=rf"balance for gas: .*{words}"):
        await proxied.balance(wallet.address)


async def test_a_contract_that_answers_nonsense_becomes_one_sentence(proxied, proxy, usdc):
    proxy.result("eth_call", "0x" + "ff" * 32)
    with pytest.raises(ChainFailure, match=f"decimals of {usdc.address}"):
        await proxied.decimals(usdc.address)


async def test_an_address_without_a_contract_is_named(node):
    nothing = "0x" + "12" * 20
    with pytest.raises(ChainFailure, match=f"decimals of {nothing}: there is no such contract on chain 31337"):
        await node.decimals(nothing)


async def test_a_call_that_would_fail_is_refused_with_the_contracts_words(node, usdc, wallet):
    take = abi_function("transferFrom", {"from": "address", "to": "address", "value": "uint256"}, ("bool",))
    owner, other = Web3.to_checksum_address(wallet.address), Web3.to_checksum_address("0x" + "12" * 20)
    with pytest.raises(Reverted, match=r"the contract refuses it: .*insufficient allowance"):
        await node.prepare(other, usdc.address, take, owner, other, 5)


async def test_a_contract_that_answers_no_counts_as_refusing(proxied, proxy, usdc, wallet):
    spender = Web3.to_checksum_address(wallet.address)
    proxy.result("eth_call", "0x" + "00" * 32)
    with pytest.raises(Reverted, match="the contract answers no"):
        await proxied.prepare(wallet.address, usdc.address, APPROVE, spender, 5)
    proxy.result("eth_call", "0x")
    call = await proxied.prepare(wallet.address, usdc.address, APPROVE, spender, 5)
    assert call.gas > 21_000


async def test_the_access_key_in_a_nodes_address_is_written_nowhere(localnet, wallet, caplog):
    caplog.set_level(logging.INFO)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = EvmNode(f"http://127.0.0.1:{unused.getsockname()[1]}/access-key-123", 31337)
        with pytest.raises(ChainFailure, match=r"the node 127\.0\.0\.1 gave no answer") as caught:
            await gone.balance(wallet.address)
        await gone.aclose()
    reached = EvmNode(f"{localnet.rpc_url}/?access-key-123", 31337)
    await reached.chain_id()
    session = reached._session
    await reached.aclose()
    assert session.closed
    assert "access-key" not in str(caught.value) + repr(reached) + caplog.text
