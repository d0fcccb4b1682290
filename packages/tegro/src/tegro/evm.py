"""The few things we ask of a chain's node: token reads and sending one transaction. A thin shell over web3.

web3 takes about a second to import, so it is imported in a thread when a node is first spoken to. The address of a node
may carry an access key; no message contains more of it than the host.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct

from tegro.eip712 import to_checksum
from tegro.errors import ChainFailure
from tegro.keccak import keccak256

type _Web3 = Any
"""An `AsyncWeb3`; its own annotations want a new type for each kind of hex text, and hide nothing useful."""

_ERC20: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "name": "approve",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "spender", "type": "address"}, {"name": "value", "type": "uint256"}],
        "outputs": [{"name": "", "type": "bool"}],
    },
    {
        "type": "function",
        "name": "allowance",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}, {"name": "spender", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
    {
        "type": "function",
        "name": "balanceOf",
        "stateMutability": "view",
        "inputs": [{"name": "owner", "type": "address"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
]
_POLL_SECS: Final = 0.25
_REQUEST_SECS: Final = 20.0


class Reverted(ChainFailure):
    """The contract refuses the call; nothing was sent."""


class Fees(Struct, frozen=True, kw_only=True):
    """EIP-1559 fees per unit of gas."""

    max_fee_wei: int
    priority_fee_wei: int


class Call(Struct, frozen=True, kw_only=True):
    """A call of a contract, complete but for nonce and fees."""

    to: str
    data: str
    gas: int
    """The most gas it may use."""


class Receipt(Struct, frozen=True, kw_only=True):
    """A transaction that was carried out."""

    tx_hash: str
    gas_used: int
    fee_wei: int


class EvmNode:
    """A node of one chain. Every method raises `ChainFailure` with one sentence where the node does not do its part.

    Parameters
    ----------
    rpc_url
        The node.
    chain_id
        What the node must say its chain is, before anything else is asked.
    """

    def __init__(self, rpc_url: str, chain_id: int) -> None:
        self._rpc_url = rpc_url
        self._host = urlsplit(rpc_url).hostname or "?"
        self._chain_id = chain_id
        self._web3: _Web3 | None = None

    async def aclose(self) -> None:
        """Close the connections. May be repeated."""
        web3, self._web3 = self._web3, None
        if web3 is not None:
            await web3.provider.disconnect()

    async def allowance(self, token: str, owner: str, spender: str) -> int:
        """Return what `spender` may move of the owner's tokens, in the smallest unit."""
        async with self._asking(f"allowance of token {token}") as web3:
            return int(await _erc20(web3, token).functions.allowance(to_checksum(owner), to_checksum(spender)).call())

    async def balance_of(self, token: str, owner: str) -> int:
        """Return the owner's tokens in the smallest unit."""
        async with self._asking(f"balance of token {token}") as web3:
            return int(await _erc20(web3, token).functions.balanceOf(to_checksum(owner)).call())

    async def native_balance(self, owner: str) -> int:
        """Return the owner's balance of the chain's own coin, in wei."""
        async with self._asking("balance for gas") as web3:
            return int(await web3.eth.get_balance(to_checksum(owner)))

    async def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is no contract."""
        async with self._asking(f"code of {address}") as web3:
            return bytes(await web3.eth.get_code(to_checksum(address)))

    async def read(self, contract: str, function: Mapping[str, Any], *arguments: object) -> Any:  # noqa: ANN401
        """Return what a view function answers, in the types of web3.

        Parameters
        ----------
        contract
            Its address.
        function
            The function's entry in the ABI.
        arguments
            What it is called with.

        Raises
        ------
        Reverted
            If the contract refuses the call, as one without this function does.
        """
        name = str(function["name"])
        async with self._asking(f"{name} of {contract}") as web3:
            functions = web3.eth.contract(address=to_checksum(contract), abi=[function]).functions
            return await functions[name](*arguments).call()

    async def approve_call(self, token: str, owner: str, spender: str, amount_wei: int) -> Call:
        """Return an approval as a call, its gas limit a fifth above the node's estimate.

        Raises
        ------
        Reverted
            If the token would refuse it.
        """
        async with self._asking(f"approval of token {token}") as web3:
            data = _erc20(web3, token).encode_abi("approve", args=[to_checksum(spender), amount_wei])
            to = to_checksum(token)
            estimate = int(await web3.eth.estimate_gas({"from": to_checksum(owner), "to": to, "data": data}))
            return Call(to=to, data=data, gas=estimate * 6 // 5)

    async def fees(self) -> Fees:
        """Return fees that hold for the next blocks: twice the base fee, and the tip that the node suggests."""
        async with self._asking("fees") as web3:
            tip = int(await web3.eth.max_priority_fee)
            base_fee = int((await web3.eth.get_block("latest")).get("baseFeePerGas", 0))
            return Fees(max_fee_wei=2 * base_fee + tip, priority_fee_wei=tip)

    async def pending_nonce(self, owner: str) -> int:
        """Return the nonce after everything of this wallet that the node knows, waiting transactions too."""
        async with self._asking("nonce") as web3:
            return int(await web3.eth.get_transaction_count(to_checksum(owner), "pending"))

    async def send(self, raw: bytes, timeout_secs: float) -> Receipt:
        """Send a signed transaction and wait until it was carried out.

        Raises
        ------
        ChainFailure
            If the node refuses it, it fails, or it does not appear in time; the sentence names its hash, by which it
            can be looked at.
        """
        tx_hash = "0x" + keccak256(raw).hex()
        async with self._asking(f"transaction {tx_hash}") as web3:
            errors = import_module("web3.exceptions")
            try:
                await web3.eth.send_raw_transaction(raw)
            except errors.Web3RPCError:
                # A node that was asked twice refuses the second time what it took the first time.
                if not await _is_known(web3, tx_hash):
                    raise
            found = await web3.eth.wait_for_transaction_receipt(tx_hash, timeout_secs, _POLL_SECS)
        if found["status"] != 1:
            raise ChainFailure(f"transaction {tx_hash} failed on the chain")
        gas_used = int(found["gasUsed"])
        return Receipt(tx_hash=tx_hash, gas_used=gas_used, fee_wei=gas_used * int(found.get("effectiveGasPrice", 0)))

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[_Web3]:
        """Give web3, connected to the right chain, and turn its errors into ours."""
        await asyncio.to_thread(import_module, "web3")
        errors = import_module("web3.exceptions")
        try:
            yield await self._connected()
        except errors.ContractLogicError as error:
            raise Reverted(f"{what}: the contract refuses it: {_words(error)}") from None
        except errors.BadFunctionCallOutput:
            raise ChainFailure(f"{what}: there is no such contract on chain {self._chain_id}") from None
        except errors.TimeExhausted:
            raise ChainFailure(f"{what} did not appear in time; it may still be carried out") from None
        except errors.Web3Exception as error:
            raise ChainFailure(f"{what}: the node {self._host} says: {_words(error)}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of some of these holds the whole address of the node.
            kind = type(error).__name__
            raise ChainFailure(f"{what}: the node {self._host} gave no answer ({kind})") from None

    async def _connected(self) -> _Web3:
        if self._web3 is None:
            from web3 import AsyncHTTPProvider, AsyncWeb3

            timeout = aiohttp.ClientTimeout(total=_REQUEST_SECS)
            web3 = AsyncWeb3(AsyncHTTPProvider(self._rpc_url, request_kwargs={"timeout": timeout}))
            self._web3 = web3
            chain_id = await web3.eth.chain_id
            if chain_id != self._chain_id:
                await self.aclose()
                raise ChainFailure(f"the node {self._host} is on chain {chain_id}, not on {self._chain_id}")
        return self._web3


def _erc20(web3: _Web3, token: str) -> Any:  # noqa: ANN401  a contract's functions come from its ABI
    return web3.eth.contract(address=to_checksum(token), abi=_ERC20)


async def _is_known(web3: _Web3, tx_hash: str) -> bool:
    errors = import_module("web3.exceptions")
    try:
        await web3.eth.get_transaction(tx_hash)
    except errors.TransactionNotFound:
        return False
    return True


def _words(error: Exception) -> str:
    message = getattr(error, "message", None)
    return str(message or error)[:300] or type(error).__name__
