"""Refills on localnet's chain, with a clock, a node and a budget that the tests decide."""

import asyncio
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from tegro.allowance import UNLIMITED_WEI, AllowanceManager
from tegro.client import AsyncTegro
from tegro.errors import InvalidInput
from tegro.refill import AllowanceRefill, RefillPolicy, is_low
from tegro.signer import LocalSigner

HOUR_MS = 3_600_000


class Clock:
    def __init__(self):
        self.now_ms = 1_700_000_000_000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def web3(localnet):
    return Web3(Web3.HTTPProvider(localnet.rpc_url))


@pytest.fixture
def usdc(localnet):
    return localnet.markets["WETH_USDC"].quote


@pytest.fixture
def weth(localnet):
    return localnet.markets["WETH_USDC"].base


@pytest.fixture
def wallet(localnet):
    return localnet.new_wallet(approve=False)


@pytest.fixture
async def proxy(localnet, node_proxy):
    return await node_proxy(localnet.rpc_url)


@pytest.fixture
def environment(localnet, proxy, environment_at):
    return environment_at(localnet.rest_url, proxy.url)


@pytest.fixture
async def client(environment, wallet):
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as made:
        yield made


@pytest.fixture
async def make_manager(environment, wallet, client):
    made = []

    def make(who=wallet):
        signer = LocalSigner(who.key)
        made.append(AllowanceManager(environment, signer, client.chain))
        return made[-1]

    yield make
    for manager in made:
        await manager.aclose()


@pytest.fixture
def told():
    return []


@pytest.fixture
async def make_refill(make_manager, clock, told):
    made = []

    def make(manager=None, **policy):
        policy = RefillPolicy(**{"shortest_pause_secs": 0} | policy)
        made.append(AllowanceRefill(manager or make_manager(), clock, policy=policy, notify=told.append))
        return made[-1]

    yield make
    for refill in made:
        await refill.aclose()


@pytest.fixture
def allowance_of(localnet, web3):
    """Read an allowance for the exchange without the client."""
    spender = localnet.deployment.exchange
    abi = [
        {
            "type": "function",
            "name": "allowance",
            "stateMutability": "view",
            "inputs": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}],
            "outputs": [{"name": "", "type": "uint256"}],
        }
    ]

    def read(token, wallet):
        contract = web3.eth.contract(address=Web3.to_checksum_address(token.address), abi=abi)
        return contract.functions.allowance(wallet.checksum_address, Web3.to_checksum_address(spender)).call()

    return read


@pytest.fixture
def nonce(web3, wallet):
    return lambda: web3.eth.get_transaction_count(wallet.checksum_address)


async def test_an_allowance_below_the_threshold_is_set_to_the_cap_and_one_above_is_left(
    make_refill, localnet, wallet, usdc, weth, allowance_of, told
):
    refill = make_refill(threshold=Decimal("0.4"))
    assert await refill.check() == []
    refill.watch({usdc: 1_000_000, weth: 10**18})
    assert [made.amount_wei for made in await refill.check()] == [1_000_000, 10**18]
    localnet.approve(wallet, "USDC", Decimal("0.4"))
    assert await refill.check() == []
    localnet.approve(wallet, "USDC", Decimal("0.399999"))
    (made,) = await refill.check()
    assert (made.token, made.amount_wei) == (usdc, 1_000_000)
    assert allowance_of(usdc, wallet) == 1_000_000
    assert told == []


async def test_what_was_spent_counts_for_24_hours(make_refill, localnet, wallet, usdc, weth, clock, web3):
    refill = make_refill()
    refill.watch({usdc: 1_000_000})
    (first,) = await refill.check()
    mined = web3.eth.get_transaction_receipt(first.tx_hash)
    assert refill.spent_wei() == first.fee_wei == mined["gasUsed"] * mined["effectiveGasPrice"]
    clock.now_ms += 20 * HOUR_MS
    refill.watch({weth: 10**18})
    (second,) = await refill.check()
    assert refill.spent_wei() == first.fee_wei + second.fee_wei
    clock.now_ms += 4 * HOUR_MS - 1
    assert refill.spent_wei() == first.fee_wei + second.fee_wei
    clock.now_ms += 1
    assert refill.spent_wei() == second.fee_wei
    clock.now_ms += 20 * HOUR_MS
    assert refill.spent_wei() == 0


async def test_it_stops_at_the_daily_ceiling_tells_it_once_and_goes_on_the_next_day(
    make_refill, make_manager, wallet, usdc, weth, clock, told, allowance_of
):
    probe = make_refill()
    probe.watch({usdc: 1})
    (made,) = await probe.check()
    ceiling_wei = made.fee_wei * 3 // 2
    refill = make_refill(daily_gas_ceiling_wei=ceiling_wei)
    refill.watch({usdc: 1_000_000, weth: 10**18})
    assert [made.token for made in await refill.check()] == [usdc]
    assert await refill.check() == []
    assert len(told) == 1
    assert told[0].startswith("the allowance of WETH is not refilled: the approval of WETH (0x")
    assert "spent on refills in 24 hours: 0.0" in told[0]
    assert allowance_of(weth, wallet) == 0
    clock.now_ms += 24 * HOUR_MS
    assert [made.token for made in await refill.check()] == [weth]
    assert len(told) == 1


async def test_missing_gas_money_is_told_once_until_it_was_there(make_refill, make_manager, localnet, usdc, weth, told):
    poor = localnet.new_wallet(native=Decimal(0), approve=False)
    refill = make_refill(make_manager(poor))
    refill.watch({usdc: 1_000_000, weth: 10**18})
    for _ in range(3):
        assert await refill.check() == []
    (sentence,) = told
    assert "the allowance of USDC is not refilled: the approval of USDC" in sentence
    assert "but the wallet holds 0; nothing was sent" in sentence
    assert refill.spent_wei() == 0
    localnet.fund(poor.address, {}, native=Decimal(1))
    assert len(await refill.check()) == 2
    assert len(told) == 1


async def test_a_trouble_that_comes_back_is_told_again(make_refill, proxy, usdc, told):
    refill = make_refill()
    refill.watch({usdc: 1_000_000})
    for _ in range(2):
        proxy.error("eth_call", "busy")
        await refill.check()
    assert [sentence.endswith("says: busy") for sentence in told] == [True]
    assert len(await refill.check()) == 1
    proxy.error("eth_call", "busy")
    await refill.check()
    assert len(told) == 2


async def test_a_lost_transaction_counts_with_the_most_it_may_cost(make_refill, proxy, usdc, told):
    refill = make_refill()
    refill.watch({usdc: 1_000_000})
    proxy.answer("eth_sendRawTransaction", *[(502, "")] * 3)
    assert await refill.check() == []
    lost_wei = refill.spent_wei()
    assert lost_wei > 0
    assert "may still be carried out" in told[0]
    (made,) = await refill.check()
    assert refill.spent_wei() == lost_wei + made.fee_wei


async def test_an_unlimited_allowance_needs_nothing(make_refill, make_manager, usdc, nonce):
    manager = make_manager()
    await manager.apply(await manager.plan({usdc: 0}, unlimited=True))
    refill = make_refill(manager)
    refill.watch({usdc: UNLIMITED_WEI - 1})
    assert await refill.check() == []
    assert nonce() == 1


async def test_its_task_looks_at_the_start_and_after_each_poke(make_refill, proxy, usdc, localnet, wallet):
    refill = make_refill(check_every_secs=3600)
    refill.watch({usdc: 1_000_000})
    refill.start()
    refill.start()
    await reads(proxy, 2)  # the allowance, and the approval tried out
    localnet.approve(wallet, "USDC", Decimal("0.1"))
    refill.poke()
    await reads(proxy, 4)
    await refill.aclose()
    await refill.aclose()


async def test_its_task_looks_from_time_to_time(make_refill, proxy, usdc):
    refill = make_refill(check_every_secs=0.01)
    refill.watch({usdc: 0})
    refill.start()
    await reads(proxy, 4)


async def test_pokes_in_a_row_do_not_ask_the_node_in_a_row(make_manager, clock, proxy, usdc):
    pauses, may_go = [], asyncio.Event()

    async def sleep(delay_secs):
        pauses.append(delay_secs)
        await may_go.wait()

    refill = AllowanceRefill(make_manager(), clock, sleep=sleep)
    refill.watch({usdc: 0})
    refill.start()
    await reads(proxy, 1)
    for _ in range(10):
        refill.poke()
        await asyncio.sleep(0)
    assert len(proxy.params("eth_call")) == 1
    may_go.set()
    await reads(proxy, 2)
    assert set(pauses) == {2.0}
    await refill.aclose()


async def test_its_end_by_a_bug_is_told(make_manager, usdc, told, clock):
    class Broken(Exception):
        pass

    dead = asyncio.Event()

    def notify(sentence):
        told.append(sentence)
        dead.set()

    async def sleep(delay_secs):
        raise Broken

    refill = AllowanceRefill(make_manager(), clock, notify=notify, sleep=sleep)
    refill.start()
    await dead.wait()
    assert told == ["allowances are refilled no more, a bug ended that: Broken()"]
    await refill.aclose()


async def test_without_anyone_to_tell_it_is_logged(make_manager, proxy, usdc, clock, caplog):
    refill = AllowanceRefill(make_manager(), clock)
    refill.watch({usdc: 1})
    proxy.error("eth_call", "busy")
    await refill.check()
    assert [record.levelname for record in caplog.records if record.name == "tegro.refill"] == ["WARNING"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": Decimal(0)}, "threshold must be above 0 and at most 1, was 0"),
        ({"threshold": Decimal("1.01")}, "threshold"),
        ({"threshold": Decimal("NaN")}, "threshold"),
        ({"daily_gas_ceiling_wei": -1}, "daily_gas_ceiling_wei must not be negative, was -1"),
        ({"check_every_secs": 0}, "check_every_secs must be above 0"),
        ({"shortest_pause_secs": -1}, "shortest_pause_secs not negative"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(changes, words):
    with pytest.raises(InvalidInput, match=words):
        RefillPolicy(**changes)


@given(st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1), st.decimals("0.000001", 1, places=6))
def test_the_threshold_is_exact(allowance_wei, cap_wei, threshold):
    assert is_low(allowance_wei, cap_wei, threshold) == (allowance_wei < cap_wei * Fraction(threshold))


async def reads(proxy, count):
    """Wait until the node was asked for so many contract reads."""
    async with asyncio.timeout(10):
        while len(proxy.params("eth_call")) < count:  # noqa: ASYNC110  the proxy tells nobody
            await asyncio.sleep(0.005)
