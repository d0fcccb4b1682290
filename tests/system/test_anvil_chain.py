"""The same transactions on Anvil and on the embedded node: equal gas, equal events, equal outcomes.

Anvil is an EVM that we did not write and that is not py-evm, so what both agree on is the protocol's and not a
library's.
"""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from shutil import which
from typing import Any, NamedTuple

import aiohttp
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.contracts import TOKEN
from tegro_localnet.chain.deployment import Deployment, TokenSpec, deploy
from tegro_localnet.chain.process import OPERATOR_GENESIS_WEI, NodeProcess
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.settlement import Match, Settled, SettlementFailed, Settler
from tegro_localnet.chain.tokens import Faucet, TokenLedgerReader
from tegro_localnet.chain.values import Receipt
from tegro_localnet.signed_order import SignedOrder

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
ONE = 10**18
ORDER_MEMBERS = {
    "baseToken": "address",
    "quoteToken": "address",
    "price": "uint256",
    "totalQuantity": "uint256",
    "isBuy": "bool",
    "salt": "uint256",
    "maker": "address",
    "expiryTime": "uint256",
}


@pytest.fixture(scope="module", params=["automine", "a block a second"])
def anvil_url(request) -> Iterator[str]:
    """An Anvil of Prague on a free port."""
    binary = which("anvil") or next(map(str, HERE.glob("node_modules/@foundry-rs/anvil-*/bin/anvil")), None)
    assert binary, "Anvil is missing: run scripts/system-tools"
    command = [binary, "--port", "0", "--chain-id", "31337", "--hardfork", "prague", "--prune-history"]
    command += ["--order", "fifo", "--gas-limit", "100000000"]
    command += ["--block-time", "1"] if request.param != "automine" else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = (re.search(r"Listening on (\S+)", line) for line in process.stdout)
        listening = next(filter(None, found), None)
        assert listening, "Anvil ended before it listened"
        yield f"http://{listening[1]}"
        process.terminate()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Run(NamedTuple):
    """What one chain made of the script below."""

    deployment: Deployment
    outcomes: list[Settled | SettlementFailed]
    receipts: dict[str, Receipt]
    balances: dict[str, tuple[int, int]]


def signed(order: SignedOrder, account: Any, deployment: Deployment) -> SignedOrder:
    domain = {
        "name": "TegroDEX",
        "version": "1",
        "chainId": deployment.chain_id,
        "verifyingContract": deployment.exchange,
    }
    types = {"Order": [{"name": name, "type": kind} for name, kind in ORDER_MEMBERS.items()]}
    fields = dict(zip(ORDER_MEMBERS, order.abi_fields, strict=True))
    signature = bytes(account.sign_message(encode_typed_data(domain, types, fields)).signature)
    members = {name: getattr(order, name) for name in order.__struct_fields__}
    return SignedOrder(**members | {"signature": signature})


async def play(rpc: ChainRpc) -> Run:
    """Deploy, fund two traders, settle a batch with one pair that fails."""
    operator = Sender(rpc, OPERATOR_KEY)
    deployment = await deploy(
        rpc, [TokenSpec("WETH", "Wrapped Ether", 18), TokenSpec("USDC", "USD Coin", 6)], 7, operator
    )
    faucet, receipts = Faucet(operator, deployment), {}
    buyer, seller = (Account.from_key(keccak(text=name)) for name in ("anvil buyer", "anvil seller"))
    for account in (buyer, seller):
        wallet, sender = account.address.lower(), Sender(rpc, account.key)
        await faucet.send_native(wallet, ONE)
        for symbol, token in deployment.tokens.items():
            receipts[f"mint {symbol} {wallet}"] = await faucet.mint(token, wallet, 10**24)
            approve = TOKEN.encode("approve", deployment.exchange, 10**24)
            receipts[f"approve {symbol} {wallet}"] = await sender.send(token, approve)
    outcomes = await Settler(rpc, operator, deployment).settle(matches(deployment, buyer, seller))
    settlement = await rpc.receipt(outcomes[0].tx_hash)
    assert settlement is not None
    receipts["settlement"] = settlement
    reader = TokenLedgerReader(rpc, deployment)
    balances = {
        f"{symbol} {wallet}": await reader.balance_and_allowance(token, wallet)
        for symbol, token in deployment.tokens.items()
        for wallet in (buyer.address.lower(), seller.address.lower(), operator.address)
    }
    return Run(deployment, outcomes, receipts, balances)


def matches(deployment: Deployment, buyer: Any, seller: Any) -> list[Match]:
    pairs = []
    for number, quantity in enumerate([ONE, 3 * ONE, ONE // 7, ONE]):
        orders = [
            signed(
                SignedOrder(
                    base_token=deployment.tokens["WETH"],
                    quote_token=deployment.tokens["USDC"],
                    price_e18=3490 * ONE + (10**15 if account is buyer else 0),
                    total_quantity_wei=2 * ONE,
                    is_buy=account is buyer,
                    salt=number,
                    maker=account.address.lower(),
                ),
                account,
                deployment,
            )
            for account in (buyer, seller)
        ]
        pairs.append(Match(trade_id=str(number), buy=orders[0], sell=orders[1], quantity_wei=quantity))
    return pairs


def comparable(receipt: Receipt) -> tuple[Any, ...]:
    """Return what does not depend on when a block was made."""
    logs = [(log.address, log.topics, log.data, log.log_index) for log in receipt.logs]
    return receipt.succeeded, receipt.gas_used, logs


async def play_embedded(session: aiohttp.ClientSession) -> Run:
    async with NodeProcess() as node:
        return await play(ChainRpc(node.url, session))


async def play_on_anvil(session: aiohttp.ClientSession, url: str) -> Run:
    rpc = ChainRpc(url, session)
    operator = Sender(rpc, OPERATOR_KEY).address
    await rpc.batch([("anvil_reset", []), ("anvil_setBalance", [operator, hex(OPERATOR_GENESIS_WEI)])])
    return await play(rpc)


async def test_both_chains_agree(session, anvil_url) -> None:
    ours, anvils = await asyncio.gather(play_embedded(session), play_on_anvil(session, anvil_url))
    assert ours.deployment == anvils.deployment
    assert {name: comparable(receipt) for name, receipt in ours.receipts.items()} == {
        name: comparable(receipt) for name, receipt in anvils.receipts.items()
    }
    assert ours.balances == anvils.balances
    for mine, theirs in zip(ours.outcomes, anvils.outcomes, strict=True):
        match mine, theirs:
            case Settled(), Settled():
                assert (mine.price_e18, mine.quantity_wei, mine.quote_wei) == (
                    theirs.price_e18,
                    theirs.quantity_wei,
                    theirs.quote_wei,
                )
            case SettlementFailed(), SettlementFailed():
                assert mine.reason == theirs.reason == "Matched amount is greater than the remaining amount"
            case _:
                pytest.fail(f"{mine} and {theirs} differ")
    assert [type(outcome) for outcome in ours.outcomes] == [Settled, SettlementFailed, Settled, Settled]
