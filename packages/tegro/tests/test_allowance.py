"""Approvals on localnet's chain, looked at through plain JSON-RPC calls that are not the client's."""

import asyncio
from decimal import Decimal

import pytest
from eth_abi import decode, encode
from msgspec.structs import replace
from web3 import Web3
from web3.exceptions import Web3RPCError

from tegro.allowance import UNLIMITED_WEI, AllowanceManager, Approval
from tegro.client import AsyncTegro
from tegro.errors import ChainFailure, InvalidInput, SigningRefused
from tegro.evm import APPROVE, EvmNode, Reverted
from tegro.model import Token
from tegro.settings import Settings
from tegro.signer import LocalSigner
from tegro.transactions import FeeTooHigh, GasMissing, TransactionFailed, TransactionSender
from tegro_localnet.chain.values import TokenKind
from tegro_localnet.config import LocalnetConfig, MarketConfig, TokenConfig

USDC = TokenConfig("USDC", "USD Coin", 6, Decimal(100_000))
TOKENS = {
    "WETH": TokenConfig("WETH", "Ether", 18),
    "USDT": TokenConfig("USDT", "Approved from zero only", 6, kind=TokenKind.APPROVE_TO_ZERO),
    "BNB": TokenConfig("BNB", "Answers nothing", 18, kind=TokenKind.SILENT),
}


@pytest.fixture(scope="module")
def localnet_config():
    """A localnet with a token of each kind."""
    markets = tuple(MarketConfig(token, USDC, 6, 2, Decimal(3000)) for token in TOKENS.values())
    return LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, markets=markets)


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


@pytest.fixture
def usdt(localnet):
    return localnet.markets["USDT_USDC"].base


@pytest.fixture
def bnb(localnet):
    return localnet.markets["BNB_USDC"].base


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


async def test_defects_13_and_53_a_transaction_has_eip_1559_fees_chain_id_and_the_pending_nonce(
    client, wallet, usdc, chain
):
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


async def test_a_fee_above_the_ceiling_is_not_paid(make_manager, environment, usdc, wallet, nonce_of):
    manager = make_manager(replace(environment, fee_ceiling_wei=1))
    with pytest.raises(FeeTooHigh, match=r"USDC .* could cost 0\.\d+, above the ceiling of 0\.000000000000000001"):
        await manager.apply(await manager.plan({usdc: 5}))
    assert nonce_of(wallet) == 0


async def test_a_wallet_without_coins_is_told_so(localnet, environment, usdc):
    poor = localnet.new_wallet(native=Decimal(0), approve=False)
    async with AsyncTegro(environment, signer=LocalSigner(poor.key)) as client:
        with pytest.raises(GasMissing, match="but the wallet holds 0; nothing was sent"):
            await client.allowances.apply(await client.allowances.plan({usdc: 5}))


async def test_an_approval_for_another_spender_is_never_signed(client, usdc, wallet, nonce_of):
    foreign = Approval(token=usdc, spender="0x" + "66" * 20, amount_wei=1, current_wei=0)
    with pytest.raises(SigningRefused, match="was planned, but the exchange contract is"):
        await client.allowances.apply([foreign])
    assert nonce_of(wallet) == 0


async def test_a_token_approved_from_zero_only_is_reset_where_needed_and_not_elsewhere(
    client, wallet, usdt, allowance_of, nonce_of
):
    for amount_wei, made in ((5, [5]), (9, [0, 9])):
        steps = []
        receipts = await client.allowances.apply(await client.allowances.plan({usdt: amount_wei}), on_step=steps.append)
        assert [receipt.amount_wei for receipt in receipts] == made
        assert [step.amount_wei for step in steps if step.fee_wei is not None] == made
        assert allowance_of(usdt, wallet.address) == amount_wei
    assert nonce_of(wallet) == 3
    await client.allowances.revoke([usdt])
    assert allowance_of(usdt, wallet.address) == 0
    assert nonce_of(wallet) == 4


async def test_a_token_whose_approve_answers_nothing_is_approved(client, wallet, bnb, allowance_of, nonce_of):
    for amount_wei in (5, 9):
        await client.allowances.apply(await client.allowances.plan({bnb: amount_wei}))
        assert allowance_of(bnb, wallet.address) == amount_wei
    assert nonce_of(wallet) == 2


async def test_a_budget_counts_over_all_transactions(client, wallet, usdt, allowance_of, make_manager, chain):
    await client.allowances.apply(await client.allowances.plan({usdt: 5}))
    (reset, _) = await client.allowances.apply(await client.allowances.plan({usdt: 9}))
    budget_wei = 2 * reset.fee_wei
    with pytest.raises(
        FeeTooHigh, match=r"the approval of USDT \(0x.*\) for 0x.* could cost 0\.\d+, above the ceiling"
    ):
        await client.allowances.apply(await client.allowances.plan({usdt: 11}), budget_wei=budget_wei)
    assert allowance_of(usdt, wallet.address) == 0


async def test_each_step_is_told_when_sent_and_when_done(client, usdc, chain):
    steps = []
    (receipt,) = await client.allowances.apply(await client.allowances.plan({usdc: 5}), on_step=steps.append)
    assert [(step.token, step.amount_wei, step.tx_hash, step.fee_wei) for step in steps] == [
        (usdc, 5, receipt.tx_hash, None),
        (usdc, 5, receipt.tx_hash, receipt.fee_wei),
    ]


async def test_defect_10_a_token_named_twice_gets_one_transaction(make_manager, usdc, weth, nonce_of, wallet):
    manager = make_manager()
    again = Token(address=usdc.address, symbol="USDbC", decimals=6)
    plan = await manager.plan({usdc: 7, weth: 8, again: 7})
    assert [approval.token for approval in plan] == [usdc, weth]
    await manager.apply([*plan, *plan])
    assert nonce_of(wallet) == 2
    for contradiction in ({usdc: 8, again: 9}, {again: 9, usdc: 8}):
        with pytest.raises(InvalidInput, match=r"is to be approved for 0\.00000[89] and for .*; name one amount"):
            await manager.plan(contradiction)


async def test_only_what_is_allowed_is_revoked(client, wallet, usdc, weth, allowance_of, nonce_of):
    await client.allowances.apply(await client.allowances.plan({usdc: 7}))
    assert [made.token for made in await client.allowances.revoke([weth, usdc, usdc])] == [usdc]
    assert allowance_of(usdc, wallet.address) == 0
    assert await client.allowances.revoke([usdc]) == []
    assert nonce_of(wallet) == 2


async def test_all_that_is_listed_is_revoked_where_none_are_named(make_manager, wallet, usdc, weth, allowance_of):
    async def listed():
        return [usdc, weth]

    manager = make_manager(tokens=listed)
    await manager.apply(await manager.plan({usdc: 7, weth: 8}))
    assert len(await manager.revoke()) == 2
    assert allowance_of(usdc, wallet.address) == allowance_of(weth, wallet.address) == 0
    with pytest.raises(InvalidInput, match="name the tokens"):
        await make_manager().revoke()


async def test_an_allowance_of_an_earlier_contract_is_revoked_by_its_name(make_manager, wallet, usdc, node, chain):
    earlier = Web3.to_checksum_address("0x" + "66" * 20)
    manager = make_manager()
    sender = TransactionSender(node, LocalSigner(wallet.key), 31337, fee_ceiling_wei=10**16)
    await sender.send(await node.prepare(wallet.address, usdc.address, APPROVE, earlier, 5), "an earlier life")
    assert len(await manager.revoke([usdc], spender=earlier.lower())) == 1
    assert await node.allowance(usdc.address, wallet.address, earlier) == 0


async def test_one_that_cannot_be_revoked_does_not_keep_the_others(make_manager, wallet, usdc, weth, allowance_of):
    gone = Token(address="0x" + "12" * 20, symbol="GONE", decimals=18)
    manager = make_manager()
    await manager.apply(await manager.plan({usdc: 7, weth: 8}))
    with pytest.raises(
        ChainFailure, match=r"approvals that were not revoked: 1. GONE: allowance of 0x12.* no such contract"
    ):
        await manager.revoke([usdc, gone, weth])
    assert allowance_of(usdc, wallet.address) == allowance_of(weth, wallet.address) == 0


@pytest.fixture
async def proxied(node_proxy, localnet, environment_at, make_manager):
    """A manager behind a proxy, and the proxy."""
    proxy = await node_proxy(localnet.rpc_url)
    return make_manager(environment_at(localnet.rest_url, proxy.url)), proxy


async def test_a_lost_approval_is_named_with_token_and_hash_and_replaced_by_the_next(
    proxied, wallet, usdc, allowance_of, nonce_of
):
    manager, proxy = proxied
    plan = await manager.plan({usdc: 7})
    proxy.answer("eth_sendRawTransaction", *[(502, "")] * 3)
    with pytest.raises(TransactionFailed, match=r"the approval of USDC \(0x.*transaction 0x.*may still be carried out"):
        await manager.apply(plan)
    assert allowance_of(usdc, wallet.address) == 0
    await manager.apply(plan)
    assert allowance_of(usdc, wallet.address) == 7
    assert nonce_of(wallet) == 1


async def test_an_approval_that_may_still_come_is_revoked_too(proxied, wallet, usdc, allowance_of, nonce_of, chain):
    manager, proxy = proxied
    proxy.answer("eth_sendRawTransaction", *[(502, "")] * 3)
    with pytest.raises(TransactionFailed):
        await manager.apply(await manager.plan({usdc: 7}))
    (lost,) = proxy.params("eth_sendRawTransaction")[0]
    (revoked,) = await manager.revoke([usdc])
    assert (revoked.amount_wei, nonce_of(wallet)) == (0, 1)
    with pytest.raises(Web3RPCError, match="nonce too low"):
        chain.eth.send_raw_transaction(lost)
    assert allowance_of(usdc, wallet.address) == 0


async def test_an_approval_is_made_anew_where_its_revocation_may_still_come(
    proxied, wallet, usdc, allowance_of, nonce_of
):
    manager, proxy = proxied
    plan = await manager.plan({usdc: 7})
    await manager.apply(plan)
    proxy.answer("eth_sendRawTransaction", *[(502, "")] * 3)
    with pytest.raises(ChainFailure, match=r"USDC: .* may still be carried out"):
        await manager.revoke([usdc])
    assert len(await manager.apply(plan)) == 1
    assert (allowance_of(usdc, wallet.address), nonce_of(wallet)) == (7, 2)


async def test_defect_14_a_token_that_refuses_is_named(proxied, usdc):
    manager, proxy = proxied
    plan = await manager.plan({usdc: 7})
    proxy.answer("eth_call", None, {"result": "0x" + "00" * 32})
    with pytest.raises(Reverted, match=r"the approval of USDC \(0x.*: approve of 0x.*: the contract answers no"):
        await manager.apply(plan)


async def test_defect_15_a_token_that_the_wallet_never_held_is_no_obstacle(localnet, environment, usdc, weth):
    empty = localnet.new_wallet({}, approve=False)
    async with AsyncTegro(environment, signer=LocalSigner(empty.key)) as client:
        (state,) = await client.allowances.state([usdc])
        assert (state.balance_wei, state.allowance_wei) == (0, 0)
        assert len(await client.allowances.apply(await client.allowances.plan({usdc: 7}))) == 1


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


def test_an_environment_without_a_node_says_what_to_set(environment_at, wallet, localnet):
    with pytest.raises(InvalidInput, match=r"set rpc_url of \[localnet\].*TEGRO_LOCALNET_RPC_URL"):
        AllowanceManager(environment_at(localnet.rest_url), LocalSigner(wallet.key), None)


@pytest.fixture
async def node(localnet):
    made = EvmNode(localnet.rpc_url, 31337)
    yield made
    await made.aclose()


async def test_a_node_that_was_passed_is_not_closed(make_manager, node, usdc):
    manager = make_manager(node=node)
    await manager.state([usdc])
    await manager.aclose()
    assert (await manager.state([usdc]))[0].allowance_wei == 0


def test_the_ceiling_of_a_transaction_is_a_setting(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text("[mainnet]\nfee_ceiling_wei = 7\n")
    settings = Settings.load(path, {})
    assert settings.environment("mainnet").fee_ceiling_wei == 7
    assert settings.environment("testnet").fee_ceiling_wei == 10**16
    for bad in ("0", "-1", "true", '"7"', "0.5"):
        path.write_text(f"[mainnet]\nfee_ceiling_wei = {bad}\n")
        with pytest.raises(InvalidInput, match=r"\[mainnet\] fee_ceiling_wei must be a whole number above zero"):
            Settings.load(path, {})
