"""Who signs: the `Signer` protocol, a signer that holds a private key in this process, and how a signer is named.

The key is kept in one private slot. It is in no repr, no exception, no log line and no pickle of this module.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn, Protocol

from coincurve import PrivateKey

from tegro.eip712 import TypedMessage, to_checksum
from tegro.errors import InvalidInput, SigningRefused
from tegro.keccak import keccak256

_KEY_FORM: Final = re.compile("(?:0x)?([0-9a-fA-F]{64})")
_MALFORMED_KEY: Final = (
    "a private key is 64 hex digits, with or without 0x before them, and as a number above zero and below the order of "
    "the curve secp256k1; the given text is not (it is not shown here)"
)


class Signer(Protocol):
    """Signs for one wallet.

    An implementation keeps these promises:

    - `address` never changes and can be read without I/O.
    - A signature is over exactly the message that was passed, made with the key of `address`, with a low `s` value
      (the exchange contract refuses the other one) and a last byte of 27 or 28.
    - Signing has no effect outside the signer: a call may be repeated, cancelled or run beside others.
    - No text of an exception, repr or log contains a key.
    - A signer that will not or cannot sign raises `SigningRefused`.
    """

    @property
    def address(self) -> str:
        """The wallet, in EIP-55 checksum case."""
        ...

    async def sign_typed(self, message: TypedMessage) -> str:
        """Return the signature over an EIP-712 message: `0x` and 65 bytes r || s || v in hex."""
        ...

    async def sign_text(self, text: str) -> str:
        """Return the EIP-191 personal-sign signature over a text, in the same form."""
        ...

    async def sign_personal(self, data: bytes) -> str:
        """Return the EIP-191 personal-sign signature over bytes that are no text, in the same form."""
        ...

    async def sign_transaction(self, transaction: dict[str, object]) -> bytes:
        """Return a signed transaction as it goes to `eth_sendRawTransaction`.

        The transaction must be complete: the signer fills in neither nonce, gas, fees nor chain id.
        """
        ...


class LocalSigner:
    """A signer whose key is in this process. Signing takes some twenty microseconds and does not leave the thread.

    Parameters
    ----------
    key
        The private key: 64 hex digits, with or without `0x` before them.

    Raises
    ------
    InvalidInput
        If that is no private key; the message does not quote it.
    """

    __slots__ = ("_address", "_key")

    def __init__(self, key: str) -> None:
        private_key = _parse_key(key)
        del key  # a traceback that shows local variables must not show it
        if private_key is None:
            raise InvalidInput(_MALFORMED_KEY)
        self._key = private_key
        self._address = _address_of(private_key)

    @property
    def address(self) -> str:
        """The wallet, in EIP-55 checksum case."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the 65 bytes r || s || v over a 32-byte digest, with v 27 or 28 (RFC 6979, low s)."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + (b"\x1c" if signature[64] else b"\x1b")

    async def sign_typed(self, message: TypedMessage) -> str:
        """Return the signature over an EIP-712 message: `0x` and 65 bytes r || s || v in hex."""
        return "0x" + self.sign_digest(message.digest).hex()

    async def sign_text(self, text: str) -> str:
        """Return the EIP-191 personal-sign signature over a text, in the same form."""
        return "0x" + self.sign_digest(text_digest(text)).hex()

    async def sign_personal(self, data: bytes) -> str:
        """Return the EIP-191 personal-sign signature over bytes that are no text, in the same form."""
        return "0x" + self.sign_digest(personal_digest(data)).hex()

    async def sign_transaction(self, transaction: dict[str, object]) -> bytes:
        """Return a signed transaction as it goes to `eth_sendRawTransaction`.

        Raises
        ------
        SigningRefused
            If the transaction is incomplete, or is one of another wallet.
        """
        from eth_account import Account

        if "chainId" not in transaction:
            raise SigningRefused("the transaction names no chainId, so it could be sent again on any other chain")
        try:
            return bytes(Account.sign_transaction(transaction, self._key.secret).raw_transaction)
        except (TypeError, ValueError) as error:
            reason = str(error)
        # Raised outside the handler: the frames of the other library hold the key in local variables.
        raise SigningRefused(f"the transaction cannot be signed: {reason}")

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LocalSigner cannot be pickled or copied: that would write its key somewhere else")


def signer_from(text: str, *, password: str | Callable[[], str] | None = None, address: str | None = None) -> Signer:
    """Return the signer that a text names, as a settings file, a prompt or an environment variable holds it.

    - `0x` and 64 hex digits, or the digits alone: a private key, held in this process (`LocalSigner`).
    - `keystore:PATH`: a keystore file of version 3, opened with the password (`tegro.keystore`).
    - `web3signer:URL#0xADDRESS`: a wallet in a Web3Signer, for example `web3signer:http://127.0.0.1:9000#0xf39F...`
      (`tegro.web3signer`). The part from `#` on may be left out where `address` is given.

    Nothing is sent: a Web3Signer is spoken to when it first signs.

    Parameters
    ----------
    text
        One of these forms.
    password
        Of a keystore, or what asks for it; None where there is none.
    address
        The wallet that the user named before; None where they did not. A signer of another wallet is refused.

    Raises
    ------
    InvalidInput
        If the text is none of these forms (it is not quoted, since it may be a mistyped key), the keystore does not
        open, no wallet is named, or the signer is of another one.
    """
    private_key = _parse_key(text.strip())
    kind, _, rest = ("key", "", "") if private_key is not None else text.strip().partition(":")
    del text  # a traceback that shows local variables must not show a key
    if private_key is None and kind not in ("keystore", "web3signer"):
        del kind, rest
        raise InvalidInput(f"{_MALFORMED_KEY}; the other forms are keystore:PATH and web3signer:URL#0xADDRESS")
    wallet = None if address is None else to_checksum(address.strip())
    if private_key is not None:
        signer: Signer = LocalSigner(private_key.to_hex())
    elif kind == "keystore":
        signer = _keystore_signer(rest, password)
    else:
        signer = _web3_signer(rest, wallet)
    if wallet is not None and signer.address != wallet:
        raise InvalidInput(f"the signer is of the wallet {signer.address}, but {wallet} was named as the wallet")
    return signer


def _keystore_signer(path: str, password: str | Callable[[], str] | None) -> Signer:
    from tegro.keystore import load_keystore

    if password is None:
        raise InvalidInput(f"the keystore {path} needs its password, and none was given")
    return load_keystore(Path(path).expanduser(), password)


def _web3_signer(rest: str, wallet: str | None) -> Signer:
    from tegro.web3signer import Web3Signer

    url, _, named = rest.partition("#")
    if not named and wallet is None:
        raise InvalidInput("a Web3Signer may hold many wallets: name one, as in web3signer:URL#0xADDRESS")
    return Web3Signer(url, named or str(wallet))


def address_of(key: str) -> str:
    """Return the wallet of a private key, in EIP-55 checksum case.

    Raises
    ------
    InvalidInput
        If that is no private key; the message does not quote it.
    """
    private_key = _parse_key(key)
    del key
    if private_key is None:
        raise InvalidInput(_MALFORMED_KEY)
    return _address_of(private_key)


def text_digest(text: str) -> bytes:
    """Return the EIP-191 personal-sign digest of a text (protocol 6.5)."""
    return personal_digest(text.encode())


def personal_digest(data: bytes) -> bytes:
    """Return the EIP-191 personal-sign digest of any bytes."""
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(data)).encode() + data)


def _parse_key(key: str) -> PrivateKey | None:
    """Return the key, or None if it is malformed: an exception raised in here would carry the text in its frames."""
    form = _KEY_FORM.fullmatch(key)
    if form is None:
        return None
    try:
        return PrivateKey(bytes.fromhex(form[1]))
    except ValueError:  # zero, or not below the order of the curve
        return None


def _address_of(private_key: PrivateKey) -> str:
    point = private_key.public_key.format(compressed=False)[1:]
    return to_checksum("0x" + keccak256(point)[-20:].hex())
