"""What explorers ask of the node, asked by web3.py; and that a web page of another origin may ask."""

import urllib.request

import pytest
from eth_account import Account
from eth_utils import keccak
from web3 import Web3
from web3.exceptions import TransactionNotFound, Web3RPCError

ONE = 10**18


@pytest.fixture
def settled(market, accounts):
    """The receipt of a settlement: one transaction alone in its block, with events of three contracts."""
    receipt = market.send(market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE))
    assert receipt["status"] == 1
    return receipt


def test_a_block_by_its_places(web3, settled) -> None:
    number, block_hash = settled["blockNumber"], settled["blockHash"]
    transaction = web3.eth.get_transaction(settled["transactionHash"])
    for block in (number, block_hash):
        assert web3.eth.get_block_transaction_count(block) == 1
        assert web3.eth.get_transaction_by_block(block, 0) == transaction
        with pytest.raises(TransactionNotFound):
            web3.eth.get_transaction_by_block(block, 1)
        assert web3.eth.get_block_receipts(block) == [settled]
    for method, block in (("Number", hex(number)), ("Hash", block_hash.to_0x_hex())):
        assert web3.provider.make_request(f"eth_getUncleCountByBlock{method}", [block])["result"] == "0x0"
    assert web3.eth.get_block_receipts("latest")[0]["blockNumber"] == web3.eth.block_number


def test_of_a_block_that_is_not_there_nothing_is_known(web3) -> None:
    call = web3.provider.make_request
    for method in ("eth_getBlockReceipts", "eth_getBlockTransactionCountByNumber", "eth_getUncleCountByBlockNumber"):
        assert call(method, ["0xffffff"])["result"] is None
    assert call("eth_getBlockTransactionCountByHash", ["0x" + "ab" * 32])["result"] is None
    assert call("eth_getTransactionByBlockNumberAndIndex", ["0xffffff", "0x0"])["result"] is None
    assert call("eth_getUncleByBlockNumberAndIndex", ["0x1", "0x0"])["result"] is None


def test_a_raw_transaction_is_what_was_signed(web3, accounts) -> None:
    sender = accounts[0]
    signed = Account.sign_transaction(
        {
            "chainId": 31337,
            "nonce": web3.eth.get_transaction_count(sender.address),
            "to": accounts[1].address,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": web3.eth.gas_price * 2,
            "maxPriorityFeePerGas": 1,
        },
        sender.key,
    )
    tx_hash = web3.eth.send_raw_transaction(signed.raw_transaction)
    assert web3.eth.get_raw_transaction(tx_hash) == signed.raw_transaction


def test_says_that_it_is_alone(web3) -> None:
    assert web3.net.listening is True
    assert web3.net.peer_count == 0
    assert web3.provider.make_request("web3_sha3", ["0x6869"])["result"] == "0x" + keccak(b"hi").hex()


def test_filters_tell_what_is_new_once(web3, market, accounts) -> None:
    settlements = web3.eth.filter({"address": market.exchange.address})
    blocks, transactions = web3.eth.filter("latest"), web3.eth.filter("pending")
    for watched in (settlements, blocks, transactions):
        assert watched.get_new_entries() == []
    receipt = market.send(market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE))
    [event] = settlements.get_new_entries()
    assert (event["transactionHash"], event["address"]) == (receipt["transactionHash"], market.exchange.address)
    assert receipt["blockHash"] in blocks.get_new_entries()
    assert receipt["transactionHash"] in transactions.get_new_entries()
    assert settlements.get_new_entries() == []


def test_a_filter_keeps_to_its_blocks_and_topics(web3, market) -> None:
    topic = Web3.keccak(text="TradeSettled(address,address,uint256,uint256,uint256,bytes32,bytes32)")
    late = web3.eth.filter({"address": market.exchange.address, "fromBlock": web3.eth.block_number + 1000})
    settled = web3.eth.filter({"topics": [topic], "fromBlock": web3.eth.block_number})
    other = web3.eth.filter({"topics": ["0x" + "ab" * 32]})
    receipt = market.send(market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE))
    assert (late.get_new_entries(), other.get_new_entries()) == ([], [])
    assert [event["transactionHash"] for event in settled.get_new_entries()] == [receipt["transactionHash"]]
    assert receipt["transactionHash"] in [event["transactionHash"] for event in settled.get_all_entries()]


def test_a_filter_that_was_taken_off_is_not_known(web3) -> None:
    watched = web3.eth.filter("latest")
    assert web3.eth.uninstall_filter(watched.filter_id) is True
    assert web3.eth.uninstall_filter(watched.filter_id) is False
    with pytest.raises(Web3RPCError, match="filter not found"):
        watched.get_new_entries()


def test_a_web_page_of_another_origin_may_ask(node_url) -> None:
    asked = urllib.request.Request(node_url, method="OPTIONS", headers={"Origin": "http://explorer.test"})
    with urllib.request.urlopen(asked, timeout=30) as reply:
        assert reply.status == 204
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "POST" in reply.headers["Access-Control-Allow-Methods"]
