"""Sending a wallet's transactions on localnet's chain, through a node that loses, delays and misjudges them."""

import asyncio
import threading
from decimal import Decimal
from fractions import Fraction

import pytest
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from tegro.errors import ChainFailure
from tegro.evm import APPROVE, EvmNode, FeeMarket
from tegro.signer import LocalSigner
from tegro.transactions import (
    Fees,
    FeeTooHigh,
    GasMissing,
    TransactionFailed,
    TransactionSender,
    least_fees,
    with_headroom,
)

CEILING_WEI = 10**16
SEND = "eth_sendRawTransaction"


class CountingSigner:
    """A signer that keeps what it signed."""

    def __init__(self, key):
        self._signer = LocalSigner(key)
        self.address = self._signer.address
        self.signed = []

    async def sign_transaction(self, transaction):
        self.signed.append(await self._signer.sign_transaction(transaction))
        return self.signed[-1]

    @property
    def transactions(self):
        """What was signed, decoded by eth-account."""
        return [TypedTransaction.from_bytes(HexBytes(raw)).as_dict() for raw in self.signed]

    @property
    def nonces(self):
        return [transaction["nonce"] for transaction in self.transactions]


@pytest.fixture
def web3(localnet):
    return Web3(Web3.HTTPProvider(localnet.rpc_url))


@pytest.fixture
async def proxy(localnet, node_proxy):
    return await node_proxy(localnet.rpc_url)


@pytest.fixture
async def node(proxy):
    made = EvmNode(proxy.url, 31337)
    yield made
    await made.aclose()


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet(approve=False)


@pytest.fixture
def signer(wallet):
    return CountingSigner(wallet.key)


@pytest.fixture
def usdc(localnet):
    return localnet.markets["WETH_USDC"].quote


@pytest.fixture
def spender(localnet):
    return Web3.to_checksum_address(localnet.deployment.exchange)


@pytest.fixture
def make_sender(node, signer):
    def make(who=signer, **changes):
        options = {"fee_ceiling_wei": CEILING_WEI, "receipt_timeout_secs": 20, "poll_secs": 0.01}
        return TransactionSender(node, who, 31337, **options | changes)

    return make


@pytest.fixture
def approval(node, signer, usdc, spender):
    """Prepare an approval of some amount."""
    return lambda amount_wei: node.prepare(signer.address, usdc.address, APPROVE, spender, amount_wei)


@pytest.fixture
def allowance(node, signer, usdc, spender):
    return lambda: node.allowance(usdc.address, signer.address, spender)


@pytest.fixture
def lose(proxy):
    """Let the node take the next transactions and never show them again."""
    return lambda times=1: proxy.result(SEND, *["0x" + "00" * 32] * times)


@pytest.fixture
def send_elsewhere(web3, wallet, usdc):
    """Send an own transaction of the wallet as other software does."""

    def send(nonce):
        fields = {"type": 2, "chainId": 31337, "nonce": nonce, "to": "0x" + "12" * 20, "value": 1, "gas": 21_000}
        fields |= {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1}
        signed = web3.eth.account.from_key(wallet.key).sign_transaction(fields)
        return web3.eth.send_raw_transaction(signed.raw_transaction)

    return send


@pytest.fixture
async def lost(make_sender, approval, lose):
    """Leave an approval of 5 with a node that lost it."""
    lose()
    with pytest.raises(TransactionFailed) as caught:
        await make_sender(receipt_timeout_secs=0.05).send(await approval(5), "one")
    return caught.value


async def test_a_transaction_offers_eip_1559_fees_and_room_for_a_doubled_base_fee(
    make_sender, approval, signer, web3, allowance
):
    sent = []
    base_fee_wei = web3.eth.get_block("latest")["baseFeePerGas"]
    receipt = await make_sender().send(await approval(5), "one", on_sent=sent.append)
    (transaction,) = signer.transactions
    assert sent == [receipt.tx_hash]
    assert (transaction["type"], transaction["chainId"], transaction["value"]) == (2, 31337, 0)
    assert transaction["maxFeePerGas"] == 2 * base_fee_wei + transaction["maxPriorityFeePerGas"]
    assert await allowance() == 5


async def test_a_lost_transaction_is_named_and_said_to_be_open(lost, signer):
    (transaction,) = signer.transactions
    tx_hash = Web3.keccak(signer.signed[0]).to_0x_hex()
    assert str(lost) == (
        f"one: transaction {tx_hash} was not seen in a block within 0.05 seconds; it may still be carried out"
    )
    assert (lost.tx_hash, lost.cost_wei) == (tx_hash, transaction["gas"] * transaction["maxFeePerGas"])


async def test_the_same_thing_replaces_what_was_lost_with_an_eighth_more(
    lost, make_sender, approval, signer, allowance
):
    assert make_sender().is_open("one")
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0]
    first, second = signer.transactions
    for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert Fraction(second[fee], first[fee]) >= Fraction(9, 8)
    assert await allowance() == 9
    assert not make_sender().is_open("one")


async def test_what_was_lost_is_sent_again_before_something_else(lost, make_sender, approval, signer, web3):
    await make_sender().send(await approval(9), "another")
    assert signer.nonces == [0, 0, 1]
    first, again, _ = signer.transactions
    assert again["data"] == first["data"]
    assert again["maxFeePerGas"] > first["maxFeePerGas"]
    assert web3.eth.get_transaction_count(signer.address) == 2


async def test_what_was_carried_out_in_the_meantime_is_not_sent_again(
    lost, make_sender, approval, signer, web3, allowance
):
    web3.eth.send_raw_transaction(signer.signed[0])
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 1]
    assert await allowance() == 9


async def test_a_lost_one_that_cannot_be_sent_again_holds_up_with_a_reason(lost, make_sender, approval, signer):
    call = await approval(9)
    with pytest.raises(FeeTooHigh, match=f"another waits behind transaction {lost.tx_hash}: one could cost .* ceiling"):
        await make_sender(fee_ceiling_wei=lost.cost_wei // 4).send(call, "another")
    assert len(signer.signed) == 1


async def test_a_lost_one_that_can_never_be_carried_out_is_forgotten(lost, make_sender, approval, signer, proxy):
    proxy.error(SEND, "intrinsic gas too low")
    await make_sender().send(await approval(9), "another")
    assert signer.nonces == [0, 0, 0]


async def test_the_earlier_one_may_win_over_its_replacement(lost, make_sender, approval, signer, lose, web3, allowance):
    lose()
    with pytest.raises(TransactionFailed, match=f"the earlier transaction {lost.tx_hash} was carried out in place"):
        await make_sender().send(
            await approval(9), "one", on_sent=lambda _: web3.eth.send_raw_transaction(signer.signed[0])
        )
    assert await allowance() == 5
    await make_sender().send(await approval(9), "one")
    assert await allowance() == 9


async def test_an_earlier_one_that_is_in_a_block_already_cannot_be_replaced(
    lost, make_sender, approval, signer, proxy, web3, allowance
):
    web3.eth.send_raw_transaction(signer.signed[0])
    proxy.result("eth_getTransactionCount", "0x0", "0x0")  # a node that is a block behind
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0, 1]
    assert await allowance() == 9


async def test_defect_13_other_software_that_was_quicker_keeps_its_nonce(
    make_sender, approval, signer, proxy, send_elsewhere, allowance
):
    send_elsewhere(0)
    proxy.result("eth_getTransactionCount", "0x0", "0x0")
    await make_sender().send(await approval(5), "one")
    assert signer.nonces == [0, 1]
    assert await allowance() == 5


async def test_defect_13_a_waiting_transaction_of_other_software_is_not_replaced(
    make_sender, approval, signer, proxy, send_elsewhere, allowance
):
    proxy.error(SEND, "replacement transaction underpriced")
    await make_sender().send(await approval(5), "one", on_sent=lambda _: send_elsewhere(0))
    assert signer.nonces == [0, 1]
    assert await allowance() == 5


async def test_a_nonce_is_tried_twice_at_most(make_sender, approval, signer, proxy):
    proxy.error(SEND, "nonce too low", "nonce too low")
    with pytest.raises(ChainFailure, match=r"one: transaction .*nonce too low"):
        await make_sender().send(await approval(5), "one")
    assert signer.nonces == [0, 1]
    assert not make_sender().is_open("one")


async def test_a_base_fee_that_rose_meanwhile_is_met_once(make_sender, approval, signer, proxy, allowance):
    words = "max fee per gas less than block base fee: maxFeePerGas: 1, baseFee: 2"
    proxy.error(SEND, words)
    await make_sender().send(await approval(5), "one")
    assert signer.nonces == [0, 0]
    assert await allowance() == 5
    proxy.error(SEND, words, words)
    with pytest.raises(ChainFailure, match=r"one: .*less than block base fee"):
        await make_sender().send(await approval(6), "one")
    assert signer.nonces == [0, 0, 1, 1]


async def test_a_refused_replacement_leaves_the_earlier_one_remembered(lost, make_sender, approval, proxy, signer):
    proxy.error(SEND, "insufficient funds for gas * price + value")
    with pytest.raises(ChainFailure, match=r"one: .*insufficient funds"):
        await make_sender().send(await approval(9), "one")
    assert make_sender().is_open("one")
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0, 0]


async def test_a_request_without_an_answer_may_have_been_taken(make_sender, approval, signer, proxy, allowance):
    proxy.answer(SEND, *[(502, "")] * 3)
    with pytest.raises(TransactionFailed, match=r"one: .*HTTP status 502; it may still be carried out") as caught:
        await make_sender().send(await approval(5), "one")
    assert caught.value.tx_hash == Web3.keccak(signer.signed[0]).to_0x_hex()
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0]
    assert await allowance() == 9


async def test_a_cancelled_wait_leaves_the_transaction_remembered(make_sender, approval, signer, lose):
    lose()
    waiting, sent = asyncio.Event(), []

    def on_sent(tx_hash):
        sent.append(tx_hash)
        waiting.set()

    task = asyncio.create_task(make_sender().send(await approval(5), "one", on_sent=on_sent))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0]


async def test_a_cancel_while_the_node_is_asked_leaves_the_transaction_remembered(make_sender, approval, proxy, signer):
    call, asked, may_go = await approval(5), asyncio.Event(), asyncio.Event()
    proxy.hold[SEND] = asked, may_go
    proxy.result(SEND, "0x")
    task = asyncio.create_task(make_sender().send(call, "one"))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_go.set()
    assert make_sender().is_open("one")
    await make_sender().send(await approval(9), "one")
    assert signer.nonces == [0, 0]


async def test_a_transaction_that_fails_on_the_chain_is_named_with_its_cost(make_sender, approval, web3, signer):
    call = await approval(5)
    short = type(call)(to=call.to, data=call.data, gas=30_000)
    with pytest.raises(TransactionFailed, match=r"one: transaction 0x.* failed on the chain") as caught:
        await make_sender().send(short, "one")
    mined = web3.eth.get_transaction_receipt(caught.value.tx_hash)
    assert caught.value.cost_wei == mined["gasUsed"] * mined["effectiveGasPrice"]
    assert not make_sender().is_open("one")


async def test_a_node_that_fails_while_a_receipt_is_awaited_is_asked_on(make_sender, approval, proxy):
    proxy.error("eth_getTransactionReceipt", "busy", "busy")
    assert (await make_sender().send(await approval(5), "one")).is_success
    assert len(proxy.params("eth_getTransactionReceipt")) == 3


async def test_a_fee_above_ceiling_or_budget_is_refused_before_signing(make_sender, approval, signer):
    call = await approval(5)
    with pytest.raises(FeeTooHigh, match=r"one could cost 0\.\d+, above the ceiling of 0\.000000000000000007"):
        await make_sender(fee_ceiling_wei=7).send(call, "one")
    with pytest.raises(FeeTooHigh, match=r"above the ceiling of 0\.000000000000000003"):
        await make_sender().send(call, "one", budget_wei=3)
    assert signer.signed == []


async def test_a_fee_that_fits_only_without_headroom_is_paid(make_sender, approval, signer, web3, proxy):
    call = await approval(5)
    proxy.result("eth_maxPriorityFeePerGas", "0x1")
    head_wei = web3.eth.get_block("latest")["baseFeePerGas"]
    ceiling_wei = call.gas * head_wei * 3 // 2
    await make_sender(fee_ceiling_wei=ceiling_wei).send(call, "one")
    (transaction,) = signer.transactions
    assert head_wei < transaction["maxFeePerGas"] < 2 * head_wei
    assert transaction["gas"] * transaction["maxFeePerGas"] <= ceiling_wei


async def test_a_wallet_without_coins_is_told_so_before_signing(localnet, make_sender, approval):
    poor = CountingSigner(localnet.new_wallet(native=Decimal(0), approve=False).key)
    with pytest.raises(GasMissing, match=r"one could cost .* but the wallet holds 0; nothing was sent"):
        await make_sender(poor).send(await approval(5), "one")
    assert poor.signed == []


async def test_defect_13_the_chain_is_asked_for_again_before_each_transaction(make_sender, approval, signer, proxy):
    call = await approval(5)
    proxy.result("eth_chainId", "0x2105")
    with pytest.raises(ChainFailure, match="is on chain 8453, not on 31337"):
        await make_sender().send(call, "one")
    assert signer.signed == []


async def test_senders_at_once_do_not_share_a_nonce(make_sender, approval, signer, proxy):
    proxy.result("eth_getTransactionCount", *["0x0"] * 10)  # a node that is behind counts none of ours
    call, asked, may_go, sent = await approval(5), asyncio.Event(), asyncio.Event(), []
    proxy.hold["eth_getTransactionReceipt"] = asked, may_go  # none of them is known to be in a block

    def on_sent(tx_hash):
        sent.append(tx_hash)
        if len(sent) == 5:
            may_go.set()

    await asyncio.gather(*(make_sender().send(call, f"number {number}", on_sent=on_sent) for number in range(5)))
    assert signer.nonces == [0, 1, 2, 3, 4]


async def test_clients_in_other_threads_do_not_share_a_nonce_either(localnet, wallet, approval, web3, signer):
    call = await approval(5)

    async def send(subject):
        node = EvmNode(localnet.rpc_url, 31337)
        own = TransactionSender(node, LocalSigner(wallet.key), 31337, fee_ceiling_wei=CEILING_WEI, poll_secs=0.01)
        await own.send(call, subject)
        await node.aclose()

    threads = [threading.Thread(target=asyncio.run, args=(send(f"thread {number}"),)) for number in range(4)]
    for thread in threads:
        thread.start()
    await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
    assert web3.eth.get_transaction_count(signer.address) == 4


WEI = st.integers(0, 10**13)
FEE_MARKETS = st.builds(FeeMarket, base_fee_wei=WEI, tip_wei=WEI)
REPLACED = st.builds(lambda tip, more: Fees(max_fee_wei=tip + more, priority_fee_wei=tip), WEI, WEI)


@given(FEE_MARKETS, st.none() | REPLACED)
def test_the_least_fees_pay_base_fee_and_tip_and_beat_what_they_replace(market, replaced):
    least = least_fees(market, replaced)
    assert least.priority_fee_wei >= market.tip_wei
    assert least.max_fee_wei >= market.base_fee_wei + least.priority_fee_wei
    if replaced is None:
        assert least.max_fee_wei == market.base_fee_wei + market.tip_wei
        return
    for new, old in (
        (least.max_fee_wei, replaced.max_fee_wei),
        (least.priority_fee_wei, replaced.priority_fee_wei),
    ):
        assert new > old
        assert Fraction(new) >= Fraction(old) * Fraction(9, 8)


@given(FEE_MARKETS, st.none() | REPLACED, WEI)
def test_headroom_reaches_to_a_doubled_base_fee_or_to_what_may_be_spent(market, replaced, spare_wei):
    least = least_fees(market, replaced)
    most_wei = least.max_fee_wei + spare_wei
    fees = with_headroom(least, market, most_wei)
    assert least.max_fee_wei <= fees.max_fee_wei <= most_wei
    assert fees.priority_fee_wei == least.priority_fee_wei <= fees.max_fee_wei
    assert fees.max_fee_wei == most_wei or fees.max_fee_wei >= 2 * market.base_fee_wei + fees.priority_fee_wei
