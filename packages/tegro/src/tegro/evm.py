"""The few things we ask of a chain's node: reads, a simulated call, and taking one signed transaction.

A thin shell over web3, which takes about a second to import, so it is imported in a thread when a node is first spoken
to. The address of a node may carry an access key; no message contains more of it than the host. Nonces, fees and
waiting are in `tegro.transactions`.
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
from tegro.errors import ChainFailure, TegroError
from tegro.keccak import keccak256

type _Web3 = Any
"""An `AsyncWeb3`; its own annotations want a new type for each kind of hex text, and hide nothing useful."""

type AbiFunction = Mapping[str, Any]
"""A function's entry in the ABI of its contract."""


def abi_function(
    name: str, inputs: Mapping[str, str], outputs: tuple[str, ...] = (), *, is_view: bool = False
) -> AbiFunction:
    """Return the ABI entry of a function whose inputs (name to type) and outputs are plain types."""
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if is_view else "nonpayable",
        "inputs": [{"name": each, "type": type_} for each, type_ in inputs.items()],
        "outputs": [{"name": "", "type": type_} for type_ in outputs],
    }


APPROVE: Final = abi_function("approve", {"spender": "address", "value": "uint256"}, ("bool",))
"""ERC-20 (protocol 7.1). Some tokens answer nothing at all; that counts as content, as with SafeERC20."""
_ALLOWANCE: Final = abi_function("allowance", {"owner": "address", "spender": "address"}, ("uint256",), is_view=True)
_BALANCE_OF: Final = abi_function("balanceOf", {"owner": "address"}, ("uint256",), is_view=True)
_DECIMALS: Final = abi_function("decimals", {}, ("uint8",), is_view=True)

_REQUEST_SECS: Final = 20.0
_READ_TRIES: Final = 3
_LEAST_GAS: Final = 21_000

_NONCE_TAKEN: Final = (
    "nonce too low",
    "oldnonce",
    "replacement transaction underpriced",
    "could not replace existing tx",
    "replacementnotallowed",
)
_BELOW_BASE_FEE: Final = ("less than block base fee", "maxfeepergas too low")
_ALREADY_KNOWN: Final = ("already known", "known transaction", "already imported", "alreadyknown")
_REFUSED: Final = ("insufficient", "intrinsic gas", "exceeds", "invalid", "underpriced", "too high", "too low")
"""What geth, reth, Nethermind, Besu, Erigon and Anvil say, in lower case. After other words the node may have it."""


class Reverted(ChainFailure):
    """The contract refuses the call; nothing was sent."""


class NotTaken(ChainFailure):
    """The node refused the transaction: it will not be carried out."""


class NonceTaken(NotTaken):
    """Another transaction of the wallet has this nonce."""


class BelowBaseFee(NotTaken):
    """The base fee has risen above what the transaction offers."""


class FeeMarket(Struct, frozen=True, kw_only=True):
    """What a unit of gas costs now (EIP-1559)."""

    base_fee_wei: int
    """Of the newest block; it changes by an eighth at most from one to the next."""
    tip_wei: int
    """What the node suggests on top."""


class Call(Struct, frozen=True, kw_only=True):
    """A call of a contract that was tried on the newest block, complete but for nonce and fees."""

    to: str
    data: str
    gas: int
    """The most gas it may use."""


class Receipt(Struct, frozen=True, kw_only=True):
    """A transaction that is in a block."""

    tx_hash: str
    is_success: bool
    gas_used: int
    fee_wei: int
    """What it cost, with what a rollup takes for its layer 1."""


class EvmNode:
    """A node of one chain. Every method raises `ChainFailure` with one sentence where the node does not do its part.

    Reads may be repeated.

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
        self._expected_chain_id = chain_id
        self._web3: _Web3 | None = None
        self._session: aiohttp.ClientSession | None = None
        self._connecting = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections. May be repeated."""
        # Not by web3's own way, which logs the whole address of the node.
        session, self._session, self._web3 = self._session, None, None
        if session is not None:
            await session.close()

    async def chain_id(self) -> int:
        """Return the node's chain, asked anew: an address can come to lead to another node."""
        async with self._asking("chain id") as web3:
            return await self._checked_chain_id(web3)

    async def decimals(self, token: str) -> int:
        """Return the decimals that a token contract states."""
        return int(await self.read(token, _DECIMALS))

    async def allowance(self, token: str, owner: str, spender: str) -> int:
        """Return what `spender` may move of the owner's tokens, in the smallest unit."""
        return int(await self.read(token, _ALLOWANCE, to_checksum(owner), to_checksum(spender)))

    async def balance_of(self, token: str, owner: str) -> int:
        """Return the owner's tokens in the smallest unit."""
        return int(await self.read(token, _BALANCE_OF, to_checksum(owner)))

    async def balance(self, wallet: str) -> int:
        """Return the wallet's balance of the chain's own coin, in wei."""
        async with self._asking("balance for gas") as web3:
            return int(await web3.eth.get_balance(to_checksum(wallet)))

    async def code(self, address: str) -> bytes:
        """Return the code at an address; empty where there is no contract."""
        async with self._asking(f"code of {address}") as web3:
            return bytes(await web3.eth.get_code(to_checksum(address)))

    async def block_time_secs(self) -> int:
        """Return the time of the newest block, in Unix seconds."""
        async with self._asking("newest block") as web3:
            return int((await web3.eth.get_block("latest"))["timestamp"])

    async def read(self, contract: str, function: AbiFunction, *arguments: object) -> Any:  # noqa: ANN401
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

    async def prepare(self, sender: str, contract: str, function: AbiFunction, *arguments: object) -> Call:
        """Return a call that was tried on the newest block, its gas limit a fifth above the node's estimate.

        Raises
        ------
        Reverted
            If the contract would refuse it, or would answer no.
        """
        name = str(function["name"])
        async with self._asking(f"{name} of {contract}") as web3:
            to = to_checksum(contract)
            data = web3.eth.contract(address=to, abi=[function]).encode_abi(name, args=list(arguments))
            trial = {"from": to_checksum(sender), "to": to, "data": data}
            answer = bytes(await web3.eth.call(trial))
            if function["outputs"] and answer and not any(answer):
                raise Reverted(f"{name} of {contract}: the contract answers no")
            estimate = int(await web3.eth.estimate_gas(trial))
            return Call(to=to, data=data, gas=max(estimate, _LEAST_GAS) * 6 // 5)

    async def fee_market(self) -> FeeMarket:
        """Return what a unit of gas costs now."""
        async with self._asking("fees") as web3:
            tip_wei = int(await web3.eth.max_priority_fee)
            base_fee_wei = int((await web3.eth.get_block("latest")).get("baseFeePerGas", 0))
            return FeeMarket(base_fee_wei=base_fee_wei, tip_wei=tip_wei)

    async def nonces(self, owner: str) -> tuple[int, int]:
        """Return the wallet's next nonce after what is in blocks, and after what the node knows to be waiting too."""
        async with self._asking("nonce") as web3:
            address = to_checksum(owner)
            latest = int(await web3.eth.get_transaction_count(address, "latest"))
            return latest, max(latest, int(await web3.eth.get_transaction_count(address, "pending")))

    async def submit(self, raw: bytes) -> None:
        """Hand over a signed transaction. The same bytes may be handed over again.

        Raises
        ------
        NotTaken
            If the node refuses it for good: `NonceTaken` or `BelowBaseFee` where that is the cause.
        ChainFailure
            If it is not known whether the node took it.
        """
        tx_hash = transaction_hash(raw)
        async with self._asking(f"transaction {tx_hash}") as web3:
            errors = import_module("web3.exceptions")
            try:
                await web3.eth.send_raw_transaction(raw)
            except errors.Web3RPCError as error:
                words = _words(error)
                # A node that was asked twice refuses the second time what it took the first time.
                if not _has_one_of(words, _ALREADY_KNOWN) and not await _is_known(web3, tx_hash):
                    raise _refusal(words, f"transaction {tx_hash}: the node {self._host} says: {words}") from None

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """Return what became of a transaction; None while it is in no block."""
        async with self._asking(f"transaction {tx_hash}") as web3:
            errors = import_module("web3.exceptions")
            try:
                found = await web3.eth.get_transaction_receipt(tx_hash)
            except errors.TransactionNotFound:
                return None
            gas_used = int(found["gasUsed"])
            fee_wei = gas_used * int(found.get("effectiveGasPrice", 0)) + _rollup_fee_wei(found)
            return Receipt(tx_hash=tx_hash, is_success=found["status"] == 1, gas_used=gas_used, fee_wei=fee_wei)

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[_Web3]:
        """Give web3, connected to the right chain, and turn its errors into ours."""
        await asyncio.to_thread(import_module, "web3")
        errors = import_module("web3.exceptions")
        try:
            yield await self._connected()
        except TegroError:
            raise
        except errors.ContractLogicError as error:
            raise Reverted(f"{what}: the contract refuses it: {_words(error)}") from None
        except errors.BadFunctionCallOutput:
            chain = self._expected_chain_id
            raise ChainFailure(f"{what}: there is no such contract on chain {chain}") from None
        except errors.Web3Exception as error:
            raise ChainFailure(f"{what}: the node {self._host} says: {_words(error)}") from None
        except aiohttp.ClientResponseError as error:
            raise ChainFailure(f"{what}: the node {self._host} answered with HTTP status {error.status}") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of some of these holds the whole address of the node.
            kind = type(error).__name__
            raise ChainFailure(f"{what}: the node {self._host} gave no answer ({kind})") from None
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # web3 takes an answer for what it should be; one that is not shows up as any of these.
            kind = type(error).__name__
            raise ChainFailure(f"{what}: the answer of the node {self._host} has not the right form ({kind})") from None

    async def _connected(self) -> _Web3:
        async with self._connecting:
            if self._web3 is None:
                from web3 import AsyncHTTPProvider, AsyncWeb3
                from web3.providers.rpc.utils import ExceptionRetryConfiguration

                retries = ExceptionRetryConfiguration(errors=(aiohttp.ClientError, TimeoutError), retries=_READ_TRIES)
                provider = AsyncHTTPProvider(self._rpc_url, exception_retry_configuration=retries)
                if self._session is None:
                    self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_REQUEST_SECS))
                provider._request_session_manager = _OneSession(self._session)  # type: ignore[assignment] # noqa: SLF001
                web3 = AsyncWeb3(provider)
                await self._checked_chain_id(web3)
                self._web3 = web3
            return self._web3

    async def _checked_chain_id(self, web3: _Web3) -> int:
        chain_id, expected = int(await web3.eth.chain_id), self._expected_chain_id
        if chain_id != expected:
            raise ChainFailure(f"the node {self._host} is on chain {chain_id}, not on {expected}")
        return chain_id


class _OneSession:
    """Posts for a provider of web3, in the place of its own session manager.

    That one looks its session up under a lock of the whole process. A call that is cancelled while it waits for the
    lock takes it afterwards and never gives it back, and then no call of web3 in this process ever ends.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def async_make_post_request(self, endpoint_uri: str, data: bytes, **keywords: Any) -> bytes:  # noqa: ANN401
        async with self._session.post(endpoint_uri, data=data, **keywords) as response:
            response.raise_for_status()
            return await response.read()


def transaction_hash(raw: bytes) -> str:
    """Return the hash by which a signed transaction is known."""
    return "0x" + keccak256(raw).hex()


def _refusal(words: str, sentence: str) -> ChainFailure:
    if _has_one_of(words, _NONCE_TAKEN):
        return NonceTaken(sentence)
    if _has_one_of(words, _BELOW_BASE_FEE):
        return BelowBaseFee(sentence)
    return NotTaken(sentence) if _has_one_of(words, _REFUSED) else ChainFailure(sentence)


def _has_one_of(words: str, marks: tuple[str, ...]) -> bool:
    return any(mark in words.lower() for mark in marks)


def _rollup_fee_wei(receipt: Mapping[str, Any]) -> int:
    """Return what an OP-stack chain, as Base is, took on top of the gas for writing to layer 1."""
    fee = receipt.get("l1Fee", 0)
    return int(fee, 16) if isinstance(fee, str) else int(fee)


async def _is_known(web3: _Web3, tx_hash: str) -> bool:
    errors = import_module("web3.exceptions")
    try:
        await web3.eth.get_transaction(tx_hash)
    except errors.TransactionNotFound:
        return False
    return True


def _words(error: Exception) -> str:
    reply = getattr(error, "rpc_response", None)
    refusal = reply.get("error") if isinstance(reply, dict) else None
    message = refusal.get("message") if isinstance(refusal, dict) else getattr(error, "message", None)
    return str(message or error)[:300] or type(error).__name__
