"""A node, and the contracts on it as web3.py sees them: nothing here goes through our own RPC client or signer."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_utils import keccak
from web3 import HTTPProvider, Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder

from tegro_localnet.signed_order import SignedOrder

CHAIN_ID = 31337
WEALTH_WEI = 10**24

ORDER_TYPES = {
    "Order": [
        {"name": "baseToken", "type": "address"},
        {"name": "quoteToken", "type": "address"},
        {"name": "price", "type": "uint256"},
        {"name": "totalQuantity", "type": "uint256"},
        {"name": "isBuy", "type": "bool"},
        {"name": "salt", "type": "uint256"},
        {"name": "maker", "type": "address"},
        {"name": "expiryTime", "type": "uint256"},
    ]
}


class Signed(NamedTuple):
    """An order as web3.py takes it, and its signature."""

    fields: dict[str, Any]
    signature: bytes
    digest: bytes

    @property
    def tuple(self) -> tuple[Any, ...]:
        return tuple(self.fields.values())

    def as_signed_order(self) -> SignedOrder:
        fields = self.fields
        return SignedOrder(
            base_token=fields["baseToken"].lower(),
            quote_token=fields["quoteToken"].lower(),
            price_e18=fields["price"],
            total_quantity_wei=fields["totalQuantity"],
            is_buy=fields["isBuy"],
            salt=fields["salt"],
            maker=fields["maker"].lower(),
            expiry_time=fields["expiryTime"],
            signature=self.signature,
        )


class Market:
    """An exchange with a settler and two tokens, with a buyer and a seller who have both and approved everything."""

    def __init__(self, web3: Web3, operator: Any, buyer: Any, seller: Any, *, base_decimals=18, quote_decimals=6):
        self.web3 = web3
        self.operator, self.buyer, self.seller = operator, buyer, seller
        self.exchange = self.deploy("exchange", operator.address, 7, False)
        self.settler = self.deploy("settler", self.exchange.address)
        self.base = self.deploy("token", "Base", "BASE", base_decimals)
        self.quote = self.deploy("token", "Quote", "QUOTE", quote_decimals)
        self._salts = itertools.count(1)
        for token, wallet in itertools.product((self.base, self.quote), (buyer, seller)):
            self.send(token.functions.mint(wallet.address, 10**40))
            self.send(token.functions.approve(self.exchange.address, 2**256 - 1), wallet)

    def deploy(self, name: str, *arguments: Any) -> Any:
        artifact = json.loads(files("tegro_localnet.chain.contracts").joinpath(f"{name}.json").read_text())
        factory = self.web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"])
        receipt = self.send(factory.constructor(*arguments))
        return self.web3.eth.contract(address=receipt["contractAddress"], abi=artifact["abi"])

    def send(self, call: Any, sender: Any = None, **options: Any) -> Any:
        transaction = {"from": (sender or self.operator).address, **options}
        tx_hash = call.transact(transaction)
        return self.web3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=0.01)

    def domain(self) -> dict[str, Any]:
        return {
            "name": "TegroDEX",
            "version": "1",
            "chainId": self.web3.eth.chain_id,
            "verifyingContract": self.exchange.address,
        }

    def order(self, *, is_buy: bool, signer: Any = None, **changes: Any) -> Signed:
        """Return an order for one BASE at 2000 QUOTE, signed by eth-account, unless something is changed."""
        maker = self.buyer if is_buy else self.seller
        fields = {
            "baseToken": self.base.address,
            "quoteToken": self.quote.address,
            "price": 2000 * 10**18,
            "totalQuantity": 10**18,
            "isBuy": is_buy,
            "salt": next(self._salts),
            "maker": maker.address,
            "expiryTime": 0,
        } | changes
        message = encode_typed_data(self.domain(), ORDER_TYPES, fields)
        signed = (signer or maker).sign_message(message)
        return Signed(fields, bytes(signed.signature), bytes(signed.message_hash))

    def settle(self, buy: Signed, sell: Signed, quantity: int) -> Any:
        return self.exchange.functions.settleOrders(buy.tuple, buy.signature, sell.tuple, sell.signature, quantity)

    def settle_batch(self, pairs: list[tuple[Signed, Signed, int]]) -> Any:
        return self.settler.functions.settleBatchOrders(
            [buy.tuple for buy, _, _ in pairs],
            [buy.signature for buy, _, _ in pairs],
            [sell.tuple for _, sell, _ in pairs],
            [sell.signature for _, sell, _ in pairs],
            [quantity for _, _, quantity in pairs],
        )

    def cancel_signature(self, order: Signed, signer: Any) -> bytes:
        message = encode_defunct(primitive=keccak(b"cancel " + order.digest))
        return bytes(signer.sign_message(message).signature)

    def balances(self) -> dict[tuple[str, str], int]:
        wallets = {"buyer": self.buyer, "seller": self.seller, "fees": self.operator}
        tokens = {"base": self.base, "quote": self.quote}
        return {
            (owner, symbol): token.functions.balanceOf(wallet.address).call()
            for (owner, wallet), (symbol, token) in itertools.product(wallets.items(), tokens.items())
        }


@pytest.fixture(scope="session")
def accounts() -> list[Any]:
    """Five wallets with native coins on the test node."""
    return [Account.from_key(keccak(text=f"tegro-localnet test wallet {number}")) for number in range(5)]


@pytest.fixture(scope="session")
def node_command(accounts: list[Any]) -> list[str]:
    """How to start a node on a free port."""
    genesis = [f"{account.address}={WEALTH_WEI}" for account in accounts]
    return [
        *(sys.executable, "-m", "tegro_localnet.chain.node", "--chain-id", str(CHAIN_ID), "--port", "0"),
        *("--genesis-accounts", *genesis),
    ]


@pytest.fixture(scope="session")
def node_url(node_command: list[str]) -> Iterator[str]:
    """A running node, shared by all tests of this folder: they count in differences, never in absolute numbers."""
    with subprocess.Popen(node_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield f"http://127.0.0.1:{ready['port']}"
        process.terminate()


@pytest.fixture(scope="session")
def web3(node_url: str, accounts: list[Any]) -> Web3:
    """web3.py on the node; it signs for the test wallets."""
    client = Web3(HTTPProvider(node_url))
    client.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(accounts), layer=0)
    return client


@pytest.fixture(scope="session")
def market(web3: Web3, accounts: list[Any]) -> Market:
    """A market with an 18-decimals base and a 6-decimals quote token."""
    return Market(web3, *accounts[:3])


@pytest.fixture(scope="session")
def small_base_market(web3: Web3, accounts: list[Any]) -> Market:
    """A market with an 8-decimals base and a 6-decimals quote token."""
    return Market(web3, *accounts[:3], base_decimals=8)
