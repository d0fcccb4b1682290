"""A JSON-RPC client for an EVM chain. Nothing else in localnet knows which node is behind it."""

import itertools
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from tegro_localnet.chain.errors import ChainError, ChainUnreachableError, Reverted, RpcError
from tegro_localnet.chain.revert import revert_reason
from tegro_localnet.chain.values import ContractCall, Fees, Log, Receipt

_EXECUTION_REVERTED: Final = 3
_REQUEST_TIMEOUT_SECS: Final = 30


class _ErrorBody(Struct):
    code: int
    message: str = ""
    data: Any = None


class _Answer(Struct):
    id: int | None = None
    result: msgspec.Raw | UnsetType = UNSET
    error: _ErrorBody | None = None


class _WireLog(Struct, rename="camel"):
    address: str
    topics: tuple[str, ...]
    data: str
    block_number: str
    transaction_hash: str
    log_index: str

    def to_value(self) -> Log:
        return Log(
            address=self.address.lower(),
            topics=tuple(_from_hex(topic) for topic in self.topics),
            data=_from_hex(self.data),
            block_number=int(self.block_number, 16),
            tx_hash=self.transaction_hash.lower(),
            log_index=int(self.log_index, 16),
        )


class _WireReceipt(Struct, rename="camel"):
    transaction_hash: str
    block_number: str
    status: str
    gas_used: str
    logs: tuple[_WireLog, ...]
    contract_address: str | None = None

    def to_value(self) -> Receipt:
        return Receipt(
            tx_hash=self.transaction_hash.lower(),
            block_number=int(self.block_number, 16),
            succeeded=int(self.status, 16) == 1,
            gas_used=int(self.gas_used, 16),
            contract_address=self.contract_address.lower() if self.contract_address else None,
            logs=tuple(log.to_value() for log in self.logs),
        )


class _WireBlock(Struct):
    number: str
    hash: str


class _WireSender(Struct):
    sender: str = field(name="from")


class _WireFeeHistory(Struct, rename="camel"):
    base_fee_per_gas: tuple[str, ...]


class ChainRpc:
    """A node's JSON-RPC over HTTP.

    Every method raises `ChainUnreachableError` when the node does not answer, `Reverted` when a contract refuses and
    `RpcError` when the node does. All but `send_raw_transaction` may be repeated safely; that one may too, since a
    transaction is mined once at most, but a repetition can be refused as already known.

    Parameters
    ----------
    url : str
        The node's address, for example `http://127.0.0.1:8545`.
    session : aiohttp.ClientSession
        Owned by the caller.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session
        self._ids = itertools.count(1)

    async def chain_id(self) -> int:
        """Return the chain's id."""
        return await self._quantity("eth_chainId")

    async def block_number(self) -> int:
        """Return the number of the newest block."""
        return await self._quantity("eth_blockNumber")

    async def newest_block(self) -> tuple[int, str]:
        """Return number and hash of the newest block."""
        block = await self._request("eth_getBlockByNumber", _WireBlock, "latest", False)
        return int(block.number, 16), block.hash.lower()

    async def block_hash(self, number: int) -> str | None:
        """Return the hash of a block; None where there is none of that number."""
        answer = await self._result("eth_getBlockByNumber", hex(number), False)
        block = msgspec.json.decode(answer, type=_WireBlock | None)
        return None if block is None else block.hash.lower()

    async def reorganise(self, depth: int) -> None:
        """Let a test node (ours, Anvil) replace its newest blocks by as many empty ones. Not safe to repeat."""
        await self._result("anvil_reorg", depth, [])

    async def balance(self, address: str) -> int:
        """Return a wallet's native balance in wei."""
        return await self._quantity("eth_getBalance", address, "latest")

    async def nonce(self, address: str) -> int:
        """Return the nonce of a wallet's next transaction, those not mined yet counted."""
        return await self._quantity("eth_getTransactionCount", address, "pending")

    async def mined_nonce(self, address: str) -> int:
        """Return how many transactions of a wallet are mined."""
        return await self._quantity("eth_getTransactionCount", address, "latest")

    async def code(self, address: str) -> bytes:
        """Return the code at an address, empty when there is none."""
        return _from_hex(await self._request("eth_getCode", str, address, "latest"))

    async def call(self, to: str, data: bytes, *, sender: str | None = None) -> bytes:
        """Run a contract call on the newest state and return its output; nothing on the chain changes."""
        call = ContractCall(to=to, data=data, sender=sender)
        return _from_hex(await self._request("eth_call", str, _call_object(call), "latest"))

    async def call_many(self, calls: Sequence[ContractCall]) -> list[bytes]:
        """Run several calls in one HTTP request and return their outputs in order."""
        answers = await self.batch([("eth_call", [_call_object(call), "latest"]) for call in calls])
        return [_from_hex(msgspec.json.decode(answer, type=str)) for answer in answers]

    async def estimate_gas(self, call: ContractCall) -> int:
        """Return the gas a transaction would need now."""
        return await self._quantity("eth_estimateGas", _call_object(call))

    async def gas_price_wei(self) -> int:
        """Return what the node asks for a unit of gas in a legacy transaction."""
        return await self._quantity("eth_gasPrice")

    async def fees(self) -> Fees:
        """Return what to offer so that a transaction stays acceptable while the base fee doubles."""
        history, priority = await self.batch(
            [("eth_feeHistory", ["0x1", "latest", []]), ("eth_maxPriorityFeePerGas", [])]
        )
        base_fee_wei = int(msgspec.json.decode(history, type=_WireFeeHistory).base_fee_per_gas[-1], 16)
        priority_fee_wei = int(msgspec.json.decode(priority, type=str), 16)
        return Fees(max_fee_wei=2 * base_fee_wei + priority_fee_wei, priority_fee_wei=priority_fee_wei)

    async def send_raw_transaction(self, raw: bytes) -> str:
        """Hand in a signed transaction and return its hash."""
        return await self._request("eth_sendRawTransaction", str, "0x" + raw.hex())

    async def receipt(self, tx_hash: str) -> Receipt | None:
        """Return what became of a transaction, None while it is not mined."""
        answer = await self._result("eth_getTransactionReceipt", tx_hash)
        return None if bytes(answer) == b"null" else msgspec.json.decode(answer, type=_WireReceipt).to_value()

    async def sender_of(self, tx_hash: str) -> str | None:
        """Return the address that sent a transaction, in lower case; None where the node does not know it."""
        answer = await self._result("eth_getTransactionByHash", tx_hash)
        found = msgspec.json.decode(answer, type=_WireSender | None)
        return None if found is None else found.sender.lower()

    async def logs(
        self,
        from_block: int,
        to_block: int,
        addresses: Sequence[str],
        topics: Sequence[bytes | Sequence[bytes] | None] = (),
    ) -> list[Log]:
        """Return the events of some contracts.

        Parameters
        ----------
        from_block, to_block : int
            The first and the last block.
        addresses : sequence of str
            The contracts; empty for all.
        topics : sequence
            What each topic must be: one value, one of several, or None for anything.
        """
        wanted: dict[str, object] = {
            "fromBlock": hex(from_block),
            "toBlock": hex(to_block),
            "topics": [_topic(topic) for topic in topics],
        }
        if addresses:
            wanted["address"] = list(addresses)
        return [log.to_value() for log in await self._request("eth_getLogs", list[_WireLog], wanted)]

    async def batch(self, requests: Sequence[tuple[str, list[Any]]]) -> list[msgspec.Raw]:
        """Send several requests in one HTTP request and return the JSON text of each result, in order."""
        bodies = [self._body(method, parameters) for method, parameters in requests]
        answers = {answer.id: answer for answer in await self._post(bodies, list[_Answer])}
        missing = [body["method"] for body in bodies if body["id"] not in answers]
        if missing:
            raise ChainError(f"the chain node left {missing[0]} of a batch unanswered")
        return [_result(answers[body["id"]]) for body in bodies]

    async def _quantity(self, method: str, *parameters: object) -> int:
        return int(await self._request(method, str, *parameters), 16)

    async def _request[T](self, method: str, shape: type[T], *parameters: object) -> T:
        return msgspec.json.decode(await self._result(method, *parameters), type=shape)

    async def _result(self, method: str, *parameters: object) -> msgspec.Raw:
        return _result(await self._post(self._body(method, list(parameters)), _Answer))

    def _body(self, method: str, parameters: list[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}

    async def _post[T](self, body: object, shape: type[T]) -> T:
        headers = {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=_REQUEST_TIMEOUT_SECS)
        try:
            async with self._session.post(
                self.url, data=msgspec.json.encode(body), headers=headers, timeout=timeout
            ) as response:
                text = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ChainUnreachableError(f"the chain node at {self.url} does not answer: {error}") from error
        try:
            return msgspec.json.decode(text, type=shape)
        except msgspec.DecodeError as error:
            raise ChainError(f"{self.url} did not answer as a chain node does: {error}") from error


def _result(answer: _Answer) -> msgspec.Raw:
    if answer.error is not None:
        raise _refusal(answer.error)
    if isinstance(answer.result, UnsetType):
        raise ChainError("the chain node answered with neither a result nor an error")
    return answer.result


def _refusal(error: _ErrorBody) -> ChainError:
    if error.code == _EXECUTION_REVERTED or "revert" in error.message:
        return Reverted(revert_reason(_from_hex(error.data) if isinstance(error.data, str) else b""))
    return RpcError(error.code, error.message)


def _call_object(call: ContractCall) -> dict[str, str]:
    fields = {"data": "0x" + call.data.hex(), "value": hex(call.value_wei)}
    if call.to is not None:
        fields["to"] = call.to
    if call.sender is not None:
        fields["from"] = call.sender
    if call.gas is not None:
        fields["gas"] = hex(call.gas)
    return fields


def _topic(topic: bytes | Sequence[bytes] | None) -> str | list[str] | None:
    match topic:
        case None:
            return None
        case bytes():
            return "0x" + topic.hex()
        case _:
            return ["0x" + choice.hex() for choice in topic]


def _from_hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
