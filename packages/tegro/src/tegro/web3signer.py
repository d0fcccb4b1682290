"""A key in Consensys Web3Signer, reached over its JSON-RPC for Ethereum (`web3signer eth1`).

Nothing that comes back is believed: a signature must recover to the wallet over the digest computed here, a
transaction must be, byte for byte, the one that was asked for. So a wrong or hostile signer can refuse, and no more.

What is sent (docs.web3signer.consensys.io, reference/api/json-rpc, and its source): `eth_accounts []`;
`eth_signTypedData [address, text]`, where the typed data is JSON inside a string; `eth_sign [address, 0x-hex]`, which
adds the EIP-191 prefix itself; `eth_signTransaction [{from, to, gas, ...}]` with numbers as 0x-hex, without a chain id:
Web3Signer signs for the one that it was started with.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from coincurve import PublicKey
from msgspec import Struct

from tegro.eip712 import TypedMessage, parse_address, to_checksum
from tegro.errors import InvalidInput, NotConnected, SigningRefused
from tegro.keccak import keccak256
from tegro.signer import personal_digest

REQUEST_SECS: Final = 15.0
"""How long one signature may take; a signer in front of a hardware module is slow."""

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half the order of the curve: a larger s is a second form of the same signature, which the contract refuses."""
_NUMBERS: Final = ("gas", "maxFeePerGas", "maxPriorityFeePerGas", "nonce", "value")
_FIELDS: Final = frozenset({*_NUMBERS, "chainId", "data", "from", "to", "type"})


class _RpcError(Struct):
    message: str = "no reason given"


class _RpcReply(Struct):
    result: str | list[str] | None = None
    error: _RpcError | None = None


class Web3Signer:
    """A signer whose key is in a Web3Signer. Close it with `aclose` unless it was given a session.

    Parameters
    ----------
    url
        Where it listens. It may carry a user and a password; no message shows more than the host.
    address
        The wallet.
    session
        Used, never closed. None makes one at first use.
    timeout_secs
        How long one request may take.

    Raises
    ------
    InvalidInput
        If that is no address of a server or of a wallet.
    """

    def __init__(
        self,
        url: str,
        address: str,
        *,
        session: aiohttp.ClientSession | None = None,
        timeout_secs: float = REQUEST_SECS,
    ) -> None:
        self._url = url
        self._host = _host_of(url)
        self._address = to_checksum(address)
        self._session = session
        self._owns_session = session is None
        self._timeout = aiohttp.ClientTimeout(total=timeout_secs)

    @property
    def address(self) -> str:
        """The wallet, in EIP-55 checksum case."""
        return self._address

    async def aclose(self) -> None:
        """Close the connections that this signer made. May be repeated."""
        if self._owns_session and self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def check(self) -> None:
        """Ask whether the Web3Signer holds the key of this wallet.

        Raises
        ------
        SigningRefused
            If it does not.
        NotConnected
            If it does not answer. May be repeated.
        """
        accounts = await self._call("eth_accounts", [])
        if not isinstance(accounts, list):
            raise SigningRefused(f"Web3Signer at {self._host} answered eth_accounts with no list")
        if self._address.lower() not in {each.lower() for each in accounts}:
            held = ", ".join(each[:42] for each in accounts[:5]) or "none"
            raise SigningRefused(f"Web3Signer at {self._host} has no key of {self._address}; it has {held}")

    async def sign_typed(self, message: TypedMessage) -> str:
        """Return the signature over an EIP-712 message: `0x` and 65 bytes r || s || v in hex.

        Raises
        ------
        SigningRefused
            If it will not sign, or what came back is not this wallet's signature over this message.
        NotConnected
            If it does not answer. May be repeated.
        """
        text = msgspec.json.encode(message.typed_data()).decode()
        return await self._signature("eth_signTypedData", text, message.digest)

    async def sign_text(self, text: str) -> str:
        """Return the EIP-191 personal-sign signature over a text, in the same form. Errors as in `sign_typed`."""
        return await self.sign_personal(text.encode())

    async def sign_personal(self, data: bytes) -> str:
        """Return the EIP-191 personal-sign signature over bytes that are no text; as `sign_text`."""
        return await self._signature("eth_sign", "0x" + data.hex(), personal_digest(data))

    async def sign_transaction(self, transaction: dict[str, object]) -> bytes:
        """Return a signed EIP-1559 transaction as it goes to `eth_sendRawTransaction`.

        Raises
        ------
        SigningRefused
            If the transaction is incomplete, not of EIP-1559, or one of another wallet; if it will not sign; or if what
            came back is not exactly this transaction, signed by this wallet.
        NotConnected
            If it does not answer. May be repeated.
        """
        asked = _complete(transaction, self._address)
        params: dict[str, object] = {"from": self._address.lower(), "to": asked["to"], "data": asked["data"]}
        params |= {name: f"{asked[name]:#x}" for name in _NUMBERS}
        raw = _bytes(await self._call("eth_signTransaction", [params]))
        if raw is None:
            raise SigningRefused(f"Web3Signer at {self._host} returned no transaction")
        _require_same_transaction(raw, asked, self._address)
        return raw

    async def _signature(self, method: str, data: str, digest: bytes) -> str:
        signature = _bytes(await self._call(method, [self._address.lower(), data]))
        if signature is None or len(signature) != 65:
            raise SigningRefused(f"Web3Signer at {self._host} answered {method} with no signature of 65 bytes")
        parity = signature[64] - 27 if signature[64] >= 27 else signature[64]  # some write 0 and 1
        if parity not in (0, 1) or int.from_bytes(signature[32:64]) > _HALF_ORDER:
            raise SigningRefused(f"Web3Signer at {self._host} returned a signature that the exchange would refuse")
        signer = _recovered(signature[:64] + bytes([parity]), digest)
        if signer != self._address:
            raise SigningRefused(
                f"the signature that Web3Signer at {self._host} returned is not of {self._address} over what was asked"
            )
        return "0x" + signature[:64].hex() + f"{27 + parity:02x}"

    async def _call(self, method: str, params: list[object]) -> str | list[str] | None:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            async with self._session.post(
                self._url, json=request, timeout=self._timeout, allow_redirects=False
            ) as response:
                status, body = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # The text of some of these holds the whole address, with its password.
            kind = type(error).__name__
            raise NotConnected(f"Web3Signer at {self._host} gave no answer ({kind}); nothing was signed") from None
        try:
            reply = msgspec.json.decode(body, type=_RpcReply)
        except (msgspec.DecodeError, RecursionError):
            if status >= 500:
                raise NotConnected(
                    f"Web3Signer at {self._host} answered with HTTP {status}; nothing was signed"
                ) from None
            raise SigningRefused(f"Web3Signer at {self._host} answered {method} in an unknown form") from None
        if reply.error is not None:
            raise SigningRefused(f"Web3Signer at {self._host} refuses {method}: {reply.error.message[:200]!r}")
        return reply.result


def _host_of(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.scheme in ("http", "https") else None
        port = parts.port
    except ValueError:
        host = port = None
    if not host:
        raise InvalidInput("the address of a Web3Signer must be like http://host:9000 (it is not shown here)")
    return host if port is None else f"{host}:{port}"


def _bytes(result: str | list[str] | None) -> bytes | None:
    if not isinstance(result, str) or not result.startswith("0x"):
        return None
    try:
        return bytes.fromhex(result[2:])
    except ValueError:
        return None


def _recovered(signature: bytes, digest: bytes) -> str | None:
    try:
        key = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception:  # noqa: BLE001  coincurve raises a bare Exception for a point that is not there
        return None
    return to_checksum("0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex())


def _complete(transaction: Mapping[str, object], address: str) -> dict[str, object]:
    """Return the transaction in plain forms, or refuse one that leaves something to the signer."""
    missing = sorted({"chainId", "to", *_NUMBERS} - transaction.keys())
    if missing:
        raise SigningRefused(f"the transaction cannot be signed: it has no {missing[0]}")
    unknown = sorted(transaction.keys() - _FIELDS)
    if unknown:
        raise SigningRefused(f"the transaction cannot be signed by Web3Signer: it has a field {unknown[0]}")
    if parse_address(str(transaction.get("from", address))) != address.lower():
        raise SigningRefused(f"the transaction is one of {transaction['from']}, not of {address}")
    data = transaction.get("data", "0x")
    numbers = {name: _number(name, transaction[name]) for name in ("chainId", *_NUMBERS)}
    return {**numbers, "to": parse_address(str(transaction["to"])), "data": _hex(data)}


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise SigningRefused(f"the transaction cannot be signed: {name} must be a whole number, was {value!r}")
    return value


def _hex(data: object) -> str:
    text = "0x" + data.hex().removeprefix("0x") if isinstance(data, bytes) else str(data)
    if _bytes(text) is None:
        raise SigningRefused("the transaction cannot be signed: its data is not 0x and hex digits")
    return text.lower()


def _require_same_transaction(raw: bytes, asked: Mapping[str, object], address: str) -> None:
    from eth_account import Account
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from hexbytes import HexBytes

    try:
        returned = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        sender = Account.recover_transaction(raw)
    except Exception:  # noqa: BLE001  the decoders of eth-account raise whatever the bytes make them stumble over
        raise SigningRefused("Web3Signer returned something that is no EIP-1559 transaction") from None
    signature = {name: returned[name] for name in ("v", "r", "s")}
    to = bytes.fromhex(str(asked["to"])[2:])
    meant = TypedTransaction.from_dict({**asked, **signature, "to": to, "type": 2, "accessList": ()})
    if meant.encode() != raw:
        differing = [name for name in asked if _shown(returned.get(name)) != _shown(asked[name])]
        what = f"another {differing[0]}" if differing else "something more in it"
        raise SigningRefused(f"Web3Signer returned a transaction with {what} than was asked for")
    if sender != address:
        raise SigningRefused(f"Web3Signer returned a transaction of {sender}, not of {address}")


def _shown(value: object) -> str:
    return "0x" + value.hex().removeprefix("0x") if isinstance(value, bytes) else str(value)
