"""Our own client of the chain: RPC, senders, deployment, faucet, ledger and settlement, on the embedded node."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import aiohttp
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from web3 import HTTPProvider, Web3

from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.contracts import EXCHANGE, TOKEN
from tegro_localnet.chain.deployment import Deployment, TokenSpec, deploy
from tegro_localnet.chain.errors import ChainError, ChainUnreachableError, Reverted, RpcError
from tegro_localnet.chain.process import NodeProcess
from tegro_localnet.chain.rpc import ChainRpc
from tegro_localnet.chain.settlement import Match, Settled, SettlementFailed, Settler
from tegro_localnet.chain.tokens import ApprovalEvent, Faucet, TokenLedgerReader, TransferEvent
from tegro_localnet.chain.values import ContractCall
from tegro_localnet.signed_order import SignedOrder

ONE = 10**18
TOKENS = [TokenSpec("WETH", "Wrapped Ether", 18), TokenSpec("USDC", "USD Coin", 6)]


class Chain(NamedTuple):
    rpc: ChainRpc
    operator: Sender
    deployment: Deployment
    faucet: Faucet
    reader: TokenLedgerReader
    settler: Settler

    async def trader(self, name: str) -> Any:
        """Return a wallet with coins, both tokens and full allowances."""
        account = Account.from_key(keccak(text=name))
        wallet = account.address.lower()
        await self.faucet.send_native(wallet, ONE)
        sender = Sender(self.rpc, account.key)
        for token in self.deployment.tokens.values():
            await self.faucet.mint(token, wallet, 10**30)
            await sender.send(token, TOKEN.encode("approve", self.deployment.exchange, 2**256 - 1))
        return account

    def match(self, trade_id: str, buyer: Any, seller: Any, **changes: Any) -> Match:
        quantity = changes.pop("quantity", ONE)
        buy, sell = (self.order(account, is_buy=account is buyer, **changes) for account in (buyer, seller))
        return Match(trade_id=trade_id, buy=buy, sell=sell, quantity_wei=quantity)

    def order(
        self, account: Any, *, is_buy: bool, price: int = 2000 * ONE, total: int = ONE, salt: int = 1
    ) -> SignedOrder:
        unsigned = SignedOrder(
            base_token=self.deployment.tokens["WETH"],
            quote_token=self.deployment.tokens["USDC"],
            price_e18=price,
            total_quantity_wei=total,
            is_buy=is_buy,
            salt=salt,
            maker=account.address.lower(),
        )
        names = ["baseToken", "quoteToken", "price", "totalQuantity", "isBuy", "salt", "maker", "expiryTime"]
        kinds = ["address", "address", "uint256", "uint256", "bool", "uint256", "address", "uint256"]
        message = encode_typed_data(
            {
                "name": "TegroDEX",
                "version": "1",
                "chainId": self.deployment.chain_id,
                "verifyingContract": self.deployment.exchange,
            },
            {"Order": [{"name": name, "type": kind} for name, kind in zip(names, kinds, strict=True)]},
            dict(zip(names, unsigned.abi_fields, strict=True)),
        )
        signature = bytes(account.sign_message(message).signature)
        return SignedOrder(
            **{name: getattr(unsigned, name) for name in unsigned.__struct_fields__} | {"signature": signature}
        )


@pytest.fixture
async def chain() -> AsyncIterator[Chain]:
    async with NodeProcess() as node, aiohttp.ClientSession() as session:
        rpc = ChainRpc(node.url, session)
        operator = Sender(rpc, OPERATOR_KEY)
        deployment = await deploy(rpc, TOKENS, 7, operator)
        yield Chain(
            rpc,
            operator,
            deployment,
            Faucet(operator, deployment),
            TokenLedgerReader(rpc, deployment),
            Settler(rpc, operator, deployment),
        )


async def test_deployment_is_what_web3_finds(chain) -> None:
    web3 = Web3(HTTPProvider(chain.rpc.url))
    deployment = chain.deployment
    assert deployment.chain_id == web3.eth.chain_id == await chain.rpc.chain_id()
    for address in (deployment.exchange, deployment.settlement, *deployment.tokens.values()):
        assert address == address.lower()
        assert await chain.rpc.code(address) == web3.eth.get_code(Web3.to_checksum_address(address)) != b""
    calls = [("feeAmount", 7), ("feeRecipient", chain.operator.address), ("owner", chain.operator.address)]
    for name, value in calls:
        assert EXCHANGE.decode(name, await chain.rpc.call(deployment.exchange, EXCHANGE.encode(name))) == (value,)
    decimals = await chain.rpc.call_many(
        [ContractCall(to=address, data=TOKEN.encode("decimals")) for address in deployment.tokens.values()]
    )
    assert [TOKEN.decode("decimals", output)[0] for output in decimals] == [18, 6]
    assert await chain.rpc.block_number() == web3.eth.block_number
    assert await chain.rpc.gas_price_wei() == web3.eth.gas_price
    assert await chain.rpc.nonce(chain.operator.address) == web3.eth.get_transaction_count(
        Web3.to_checksum_address(chain.operator.address)
    )


async def test_faucet_ledger_and_events(chain) -> None:
    weth = chain.deployment.tokens["WETH"]
    account = Account.from_key(keccak(text="a wallet"))
    wallet = account.address.lower()
    start = await chain.rpc.block_number() + 1
    await chain.faucet.send_native(wallet, ONE)
    await chain.faucet.mint(weth, wallet, 5)
    assert await chain.rpc.balance(wallet) == ONE
    assert await chain.reader.balance_and_allowance(weth, wallet) == (5, 0)
    approve = TOKEN.encode("approve", chain.deployment.exchange, 3)
    receipt = await Sender(chain.rpc, account.key).send(weth, approve)
    assert await chain.reader.balance_and_allowance(weth, wallet) == (5, 3)
    assert await chain.reader.token_events(start, receipt.block_number) == [
        TransferEvent(
            token=weth, sender="0x" + "00" * 20, receiver=wallet, amount=5, block_number=start + 1, log_index=0
        ),
        ApprovalEvent(
            token=weth,
            owner=wallet,
            spender=chain.deployment.exchange,
            amount=3,
            block_number=receipt.block_number,
            log_index=0,
        ),
    ]
    assert await chain.reader.token_events(receipt.block_number + 1, receipt.block_number + 9) == []
    with pytest.raises(ValueError, match="gives only the tokens of this chain"):
        await chain.faucet.mint(chain.deployment.exchange, wallet, 1)


async def test_many_sends_at_once_get_their_nonces(chain) -> None:
    weth, wallet = chain.deployment.tokens["WETH"], "0x" + "12" * 20
    receipts = await asyncio.gather(*(chain.faucet.mint(weth, wallet, 1) for _ in range(30)))
    assert len({receipt.tx_hash for receipt in receipts}) == 30
    assert (await chain.reader.balance_and_allowance(weth, wallet))[0] == 30


async def test_refusals_tell_the_contracts_words_and_leave_the_nonce_in_order(chain) -> None:
    weth, wallet = chain.deployment.tokens["WETH"], "0x" + "12" * 20
    transfer = TOKEN.encode("transfer", wallet, 1)
    with pytest.raises(Reverted) as unsent:
        await chain.operator.send(weth, transfer)
    assert (unsent.value.reason, unsent.value.tx_hash) == ("ERC20: transfer amount exceeds balance", None)
    with pytest.raises(Reverted) as mined:
        await chain.operator.send(weth, transfer, gas=100_000)
    assert mined.value.reason == "ERC20: transfer amount exceeds balance"
    assert mined.value.tx_hash is not None
    receipt = await chain.rpc.receipt(mined.value.tx_hash)
    assert receipt is not None
    assert not receipt.succeeded
    with pytest.raises(RpcError, match="intrinsic gas too low") as refused:
        await chain.operator.send(weth, transfer, gas=21_000)
    assert refused.value.code == -32000
    await chain.faucet.mint(weth, wallet, 1)
    with pytest.raises(Reverted, match="ERC20: transfer amount exceeds balance"):
        await chain.rpc.call(weth, transfer, sender=chain.operator.address)
    assert await chain.rpc.receipt("0x" + "00" * 32) is None
    with pytest.raises(ChainError, match="decimals answered nothing: there is no such contract"):
        TOKEN.decode("decimals", await chain.rpc.call(wallet, TOKEN.encode("decimals")))


def test_a_key_is_shown_nowhere() -> None:
    sender = Sender(ChainRpc("http://127.0.0.1:1", None), OPERATOR_KEY)
    assert repr(sender) == f"Sender({sender.address})"
    assert OPERATOR_KEY.hex() not in repr(vars(sender))


async def test_silence_is_its_own_error(unused_tcp_port) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ChainUnreachableError, match="does not answer"):
            await ChainRpc(f"http://127.0.0.1:{unused_tcp_port}", session).chain_id()


async def test_settles_a_batch_and_explains_each_failure(chain) -> None:
    buyer, seller, poor = [await chain.trader(name) for name in ("buyer", "seller", "poor")]
    usdc = chain.deployment.tokens["USDC"]
    everything, _ = await chain.reader.balance_and_allowance(usdc, poor.address.lower())
    await Sender(chain.rpc, poor.key).send(usdc, TOKEN.encode("transfer", chain.operator.address, everything))
    stranger = Account.from_key(keccak(text="stranger"))
    matches = [
        chain.match("a", buyer, seller, salt=1),
        chain.match("b", poor, seller, salt=2),
        chain.match("c", stranger, seller, salt=3),
        chain.match("d", buyer, seller, salt=4, quantity=ONE // 2),
        chain.match("e", buyer, seller, salt=5, quantity=ONE + 1),
    ]
    outcomes = await chain.settler.settle(matches)
    tx_hash = outcomes[0].tx_hash
    block = await chain.rpc.block_number()
    assert outcomes == [
        Settled(
            trade_id="a",
            tx_hash=tx_hash,
            block_number=block,
            price_e18=2000 * ONE,
            quantity_wei=ONE,
            quote_wei=2000 * 10**6,
        ),
        SettlementFailed(trade_id="b", tx_hash=tx_hash, reason="ERC20: transfer amount exceeds balance"),
        SettlementFailed(trade_id="c", tx_hash=tx_hash, reason="ERC20: insufficient allowance"),
        Settled(
            trade_id="d",
            tx_hash=tx_hash,
            block_number=block,
            price_e18=2000 * ONE,
            quantity_wei=ONE // 2,
            quote_wei=1000 * 10**6,
        ),
        SettlementFailed(trade_id="e", tx_hash=tx_hash, reason="Matched amount is greater than the remaining amount"),
    ]
    moved = [event for event in await chain.reader.token_events(block, block) if isinstance(event, TransferEvent)]
    assert len(moved) == 8
    assert sum(event.amount for event in moved if event.receiver == chain.operator.address) == (
        ONE * 7 // 10_000 + ONE // 2 * 7 // 10_000 + 3000 * 10**6 * 7 // 10_000
    )


async def test_settles_forty_pairs_at_once_and_refuses_more(chain) -> None:
    buyer, seller = [await chain.trader(name) for name in ("buyer", "seller")]
    match = chain.match("x", buyer, seller, total=100 * ONE, salt=9)
    outcomes = await chain.settler.settle([match] * 40)
    assert {type(outcome) for outcome in outcomes} == {Settled}
    assert await chain.settler.settle([]) == []
    with pytest.raises(ValueError, match="at most 40 matches fit into a batch, were 41"):
        await chain.settler.settle([match] * 41)


async def test_a_batch_that_fails_as_a_whole_raises(chain) -> None:
    buyer, seller = [await chain.trader(name) for name in ("buyer", "seller")]
    match = chain.match("x", buyer, seller)
    long = SignedOrder(
        **{name: getattr(match.buy, name) for name in match.buy.__struct_fields__} | {"signature": bytes(66)}
    )
    with pytest.raises(Reverted):
        await chain.settler.settle([Match(trade_id="x", buy=long, sell=match.sell, quantity_wei=ONE)])


async def test_fees_above_the_cap_cannot_be_deployed(chain) -> None:
    with pytest.raises(Reverted, match="Fee amount is too high"):
        await deploy(chain.rpc, [], 101, chain.operator)
