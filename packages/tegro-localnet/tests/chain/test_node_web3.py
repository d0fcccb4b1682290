"""The embedded node as web3.py uses it, and the roots of its blocks computed a second time from what it shows."""

import hashlib
import re
import time

import pytest
import rlp
from eth_utils import keccak
from hexbytes import HexBytes
from trie import HexaryTrie
from web3 import Web3
from web3.exceptions import BlockNotFound, ContractLogicError, TransactionNotFound, Web3RPCError

ONE = 10**18


def test_tells_what_it_is(web3) -> None:
    assert web3.is_connected()
    assert web3.client_version.startswith("tegro-localnet/")
    assert web3.net.version == "31337"
    assert web3.eth.chain_id == 31337
    assert web3.eth.syncing is False
    assert web3.eth.accounts == []


def test_sends_coins_and_charges_gas_to_the_wei(web3, accounts) -> None:
    sender, receiver = accounts[0], Web3.to_checksum_address("0x" + "42" * 20)
    before, had = web3.eth.get_balance(sender.address), web3.eth.get_balance(receiver)
    nonce = web3.eth.get_transaction_count(sender.address, "pending")
    tx_hash = web3.eth.send_transaction({"from": sender.address, "to": receiver, "value": 5 * ONE})
    receipt = web3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.01)
    assert (receipt["status"], receipt["gasUsed"], receipt["contractAddress"]) == (1, 21_000, None)
    assert web3.eth.get_balance(receiver) == had + 5 * ONE
    assert web3.eth.get_balance(sender.address) == before - 5 * ONE - 21_000 * receipt["effectiveGasPrice"]
    assert web3.eth.get_transaction_count(sender.address) == nonce + 1
    # The state before the transaction is still there.
    assert web3.eth.get_balance(receiver, receipt["blockNumber"] - 1) == had
    transaction = web3.eth.get_transaction(tx_hash)
    assert (transaction["from"], transaction["to"], transaction["value"]) == (sender.address, receiver, 5 * ONE)
    assert transaction["blockHash"] == receipt["blockHash"] == web3.eth.get_block("latest")["hash"]
    assert web3.eth.get_block("latest", full_transactions=True)["transactions"] == [transaction]


def test_deploys_and_reads_code_and_storage(web3, market) -> None:
    token = market.deploy("token", "Some Token", "SOME", 9)
    assert len(web3.eth.get_code(token.address)) > 500
    assert web3.eth.get_code("0x" + "77" * 20) == b""
    slots = [int.from_bytes(web3.eth.get_storage_at(token.address, slot)) for slot in range(12)]
    assert 9 in slots


def test_estimates_are_enough_and_not_much_more(web3, market, accounts) -> None:
    sender = accounts[0].address
    assert web3.eth.estimate_gas({"from": sender, "to": accounts[1].address, "value": 1}) == 21_000
    settle = market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE)
    estimate = settle.estimate_gas({"from": sender})
    receipt = market.send(settle, gas=estimate)
    assert receipt["status"] == 1
    assert receipt["gasUsed"] <= estimate <= receipt["gasUsed"] * 1.15


def test_a_failing_call_carries_the_contracts_words(web3, market, accounts) -> None:
    call = market.base.functions.transfer(accounts[1].address, 10**60)
    for attempt in (call.call, call.estimate_gas):
        with pytest.raises(ContractLogicError) as caught:
            attempt({"from": accounts[4].address})
        assert caught.value.message == "execution reverted: ERC20: transfer amount exceeds balance"
        assert caught.value.data.startswith("0x08c379a0")


def test_a_failing_transaction_is_mined_and_pays(web3, market, accounts) -> None:
    pauper = accounts[4]
    before = web3.eth.get_balance(pauper.address)
    receipt = market.send(market.base.functions.transfer(accounts[1].address, 10**60), pauper, gas=100_000)
    assert (receipt["status"], list(receipt["logs"])) == (0, [])
    assert web3.eth.get_balance(pauper.address) == before - receipt["gasUsed"] * receipt["effectiveGasPrice"]


def test_logs_by_contract_block_and_topic(web3, market) -> None:
    first = web3.eth.block_number + 1
    for amount in (1, 2, 3):
        market.send(market.base.functions.transfer(market.seller.address, amount), market.buyer)
        market.send(market.quote.functions.transfer(market.seller.address, amount), market.buyer)
    last = web3.eth.block_number
    events = market.base.events.Transfer().get_logs(from_block=first, to_block=last)
    assert [event["args"]["value"] for event in events] == [1, 2, 3]
    assert [event["blockNumber"] for event in events] == [first, first + 2, first + 4]
    to_seller = {"receiver": market.seller.address}
    both = [market.base.address, market.quote.address]
    found = market.base.events.Transfer().get_logs(from_block=first + 1, to_block=first + 3, argument_filters=to_seller)
    assert [event["args"]["value"] for event in found] == [2]
    logs = web3.eth.get_logs({"fromBlock": first, "toBlock": "latest", "address": both})
    assert [log["blockNumber"] for log in logs] == list(range(first, last + 1))
    by_hash = web3.eth.get_logs({"blockHash": web3.eth.get_block(last)["hash"]})
    assert by_hash == logs[-1:]
    assert web3.eth.get_logs({"fromBlock": first, "topics": [HexBytes(bytes(32))]}) == []


def test_fee_history_fits_the_blocks(web3, accounts) -> None:
    web3.eth.send_transaction({"from": accounts[0].address, "to": accounts[1].address, "value": 1})
    newest = web3.eth.block_number
    history = web3.eth.fee_history(3, "latest", [50])
    assert history["oldestBlock"] == newest - 2
    blocks = [web3.eth.get_block(number) for number in range(newest - 2, newest + 1)]
    assert history["baseFeePerGas"][:3] == [block["baseFeePerGas"] for block in blocks]
    assert len(history["baseFeePerGas"]) == 4
    assert history["reward"][-1] == [web3.eth.max_priority_fee]
    assert web3.eth.gas_price >= history["baseFeePerGas"][-1]


def test_transactions_that_come_too_early_wait_for_their_turn(web3, accounts) -> None:
    sender = accounts[3]
    nonce = web3.eth.get_transaction_count(sender.address)

    def signed(offset: int):
        return sender.sign_transaction(
            {
                "chainId": 31337,
                "nonce": nonce + offset,
                "to": accounts[1].address,
                "value": 1,
                "gas": 21_000,
                "maxFeePerGas": 10**10,
                "maxPriorityFeePerGas": 1,
            }
        )

    third, second, first = (signed(offset) for offset in (2, 1, 0))
    web3.eth.send_raw_transaction(third.raw_transaction)
    web3.eth.send_raw_transaction(second.raw_transaction)
    assert web3.eth.get_transaction(second.hash).get("blockNumber") is None
    assert web3.eth.get_transaction_count(sender.address, "pending") == nonce
    web3.eth.send_raw_transaction(first.raw_transaction)
    receipts = [web3.eth.get_transaction_receipt(item.hash) for item in (first, second, third)]
    numbers = [receipt["blockNumber"] for receipt in receipts]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    with pytest.raises(Web3RPCError, match="already known"):
        web3.eth.send_raw_transaction(first.raw_transaction)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"nonce": 0}, "nonce too low: next nonce"),
        ({"chainId": 1}, "invalid chain id for signer: have 1 want 31337"),
        ({"gas": 20_999}, "intrinsic gas too low: gas 20999, minimum needed 21000"),
        ({"gas": 10**9}, "exceeds block gas limit"),
        ({"value": 10**30}, "insufficient funds for gas * price + value"),
        ({"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}, "max fee per gas less than block base fee"),
        ({"maxPriorityFeePerGas": 2 * 10**10}, "max priority fee per gas higher than max fee per gas"),
    ],
)
def test_refuses_bad_transactions_as_geth_does(web3, accounts, change, text) -> None:
    sender = accounts[0]
    web3.eth.send_transaction({"from": sender.address, "to": accounts[1].address, "value": 1})
    fields = {
        "chainId": 31337,
        "nonce": web3.eth.get_transaction_count(sender.address),
        "to": accounts[1].address,
        "value": 2,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
    }
    height = web3.eth.block_number
    with pytest.raises(Web3RPCError, match=re.escape(text)):
        web3.eth.send_raw_transaction(sender.sign_transaction(fields | change).raw_transaction)
    assert web3.eth.block_number == height


@pytest.mark.parametrize("extra", [{"gasPrice": 10**10}, {"gasPrice": 10**10, "accessList": []}], ids=["0", "1"])
def test_older_kinds_of_transactions_work_too(web3, accounts, extra) -> None:
    sender = accounts[0]
    fields = {"nonce": web3.eth.get_transaction_count(sender.address), "to": accounts[1].address, "gas": 30_000}
    signed = sender.sign_transaction({"chainId": 31337, "value": 1, **fields, **extra})
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction), 5, 0.01)
    assert (receipt["status"], receipt["type"]) == (1, 1 if "accessList" in extra else 0)
    assert web3.eth.get_transaction(signed.hash)["gasPrice"] == receipt["effectiveGasPrice"] == 10**10


def test_absent_things_are_absent(web3) -> None:
    with pytest.raises(BlockNotFound):
        web3.eth.get_block(10**9)
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction("0x" + "00" * 32)
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction_receipt("0x" + "00" * 32)
    with pytest.raises(Web3RPCError, match="header not found"):
        web3.eth.get_balance("0x" + "11" * 20, 10**9)


def test_time_neither_runs_back_nor_ahead(web3, accounts) -> None:
    first = web3.eth.block_number + 1
    for _ in range(20):
        web3.eth.send_transaction({"from": accounts[0].address, "to": accounts[1].address, "value": 1})
    stamps = [web3.eth.get_block(number)["timestamp"] for number in range(first, web3.eth.block_number + 1)]
    assert stamps == sorted(stamps)
    assert stamps[-1] <= time.time()


def test_evm_mine_makes_an_empty_block(web3) -> None:
    height = web3.eth.block_number
    web3.provider.make_request("evm_mine", [])
    assert web3.eth.block_number == height + 1
    assert web3.eth.get_block("latest")["transactions"] == []


def test_precompiles_work_also_those_that_load_late(web3) -> None:
    identity, sha256, bls_g1_add = (f"0x{number:040x}" for number in (4, 2, 11))
    assert web3.eth.call({"to": identity, "data": "0x1234"}) == b"\x12\x34"
    assert web3.eth.call({"to": sha256, "data": "0x"}) == hashlib.sha256().digest()
    # Twice the point at infinity is the point at infinity.
    assert web3.eth.call({"to": bls_g1_add, "data": HexBytes(bytes(256))}) == bytes(128)


def integer(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8)


def root(items: list[bytes]) -> bytes:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return trie.root_hash


def bloom(logs) -> bytes:
    bits = 0
    for item in [entry for log in logs for entry in (HexBytes(log["address"]), *log["topics"])]:
        digest = keccak(item)
        for position in (0, 2, 4):
            bits |= 1 << (int.from_bytes(digest[position : position + 2]) & 2047)
    return bits.to_bytes(256)


def receipt_bytes(receipt) -> bytes:
    logs = [
        [bytes(HexBytes(log["address"])), list(map(bytes, log["topics"])), bytes(log["data"])]
        for log in receipt["logs"]
    ]
    body = [integer(receipt["status"]), integer(receipt["cumulativeGasUsed"]), bytes(receipt["logsBloom"]), logs]
    return integer(receipt["type"]) + rlp.encode(body)


def header_bytes(block) -> bytes:
    return rlp.encode(
        [
            *(bytes(block[name]) for name in ("parentHash", "sha3Uncles")),
            bytes(HexBytes(block["miner"])),
            *(bytes(block[name]) for name in ("stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")),
            *(integer(block[name]) for name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")),
            *(bytes(HexBytes(block[name])) for name in ("extraData", "mixHash", "nonce")),
            integer(block["baseFeePerGas"]),
            bytes(HexBytes(block["withdrawalsRoot"])),
            *(integer(number_of(block[name])) for name in ("blobGasUsed", "excessBlobGas")),
            *(bytes(HexBytes(block[name])) for name in ("parentBeaconBlockRoot", "requestsHash")),
        ]
    )


def number_of(value) -> int:
    return value if isinstance(value, int) else int(value, 16)


def test_block_hash_roots_and_blooms_follow_from_what_is_shown(web3, market) -> None:
    receipt = market.send(market.settle(market.order(is_buy=True), market.order(is_buy=False), ONE))
    block = web3.eth.get_block(receipt["blockNumber"])
    assert keccak(header_bytes(block)) == block["hash"]
    assert bloom(receipt["logs"]) == receipt["logsBloom"] == block["logsBloom"]
    assert root([receipt_bytes(receipt)]) == block["receiptsRoot"]
    assert block["gasUsed"] == receipt["gasUsed"]
    parent = web3.eth.get_block(block["parentHash"])
    assert parent["number"] == block["number"] - 1
    assert parent["stateRoot"] != block["stateRoot"]


def test_transactions_root_follows_from_the_raw_transaction(web3, accounts) -> None:
    sender = accounts[0]
    signed = sender.sign_transaction(
        {
            "chainId": 31337,
            "nonce": web3.eth.get_transaction_count(sender.address),
            "to": accounts[1].address,
            "value": 1,
            "gas": 21_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 1,
        }
    )
    web3.eth.send_raw_transaction(signed.raw_transaction)
    block = web3.eth.get_block(web3.eth.get_transaction_receipt(signed.hash)["blockNumber"])
    assert root([bytes(signed.raw_transaction)]) == block["transactionsRoot"]
