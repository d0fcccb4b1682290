"""What the second question of `connect` names, and the signer it means."""

import asyncio
import os
import re
from pathlib import Path
from typing import Final

import msgspec

from tegro.eip712 import TypedMessage, to_checksum
from tegro.errors import InvalidInput
from tegro.signer import Signer, address_of, signer_from

KEYSTORE: Final = "keystore:"
WEB3SIGNER: Final = "web3signer:"
PASSWORD_VARIABLE: Final = "TEGRO_KEYSTORE_PASSWORD"  # noqa: S105  the name of a variable

_KINDS: Final = (KEYSTORE, WEB3SIGNER)
_LOOKS_LIKE_KEY: Final = re.compile("[0-9a-fA-F]{60,}")


class _Keyfile(msgspec.Struct):
    address: str = ""


def check_answer(answer: str, wallet: str | None) -> str:
    """Return the answer without surrounding blanks, if it names a signer of the wallet. No keystore is opened.

    Parameters
    ----------
    wallet
        The address answered before; None where that one was wrong.

    Raises
    ------
    InvalidInput
        With one sentence that contains no key.
    """
    text = answer.strip()
    if text.startswith(KEYSTORE):
        owner = _keystore_owner(text)
    elif text.startswith(WEB3SIGNER):
        owner = wallet if wallet is None else signer_from(text, address=wallet).address
    else:
        owner = address_of(text)
    if wallet is not None and owner is not None and owner != wallet:
        kind = "keystore" if text.startswith(_KINDS) else "private key"
        raise InvalidInput(
            f"this {kind} belongs to the wallet {owner}, not to {wallet}: enter the one of that wallet, "
            "or begin again (Ctrl+X in the client) with the other address"
        )
    return text


def signer_for(address: str, secret: str) -> Signer | None:
    """Return the signer of a wallet; None for an instance that only reads public data.

    Parameters
    ----------
    address
        The wallet.
    secret
        A private key, `keystore:PATH` or `web3signer:URL`; empty where there is none.

    Raises
    ------
    InvalidInput
        If it names no signer, or that of another wallet.
    """
    if not secret:
        return None
    if secret.startswith(KEYSTORE):
        owner = address or _keystore_owner(secret)
        if owner is None:
            raise InvalidInput("the keystore does not say whose it is: connect again with the wallet's address")
        return KeystoreSigner(secret, to_checksum(owner))
    if secret.startswith(WEB3SIGNER):
        return signer_from(secret, address=address or None)
    signer = signer_from(secret)
    if address and address.lower() != signer.address.lower():
        raise InvalidInput(f"the private key belongs to the wallet {signer.address}, not to {address}; connect again")
    return signer


class KeystoreSigner:
    """A signer whose keystore is opened when it first signs, in a thread: that takes about a second of computing.

    Parameters
    ----------
    named
        `keystore:PATH`.
    address
        The wallet, in checksum case; a keystore of another one is refused.
    """

    def __init__(self, named: str, address: str) -> None:
        self._named = named
        self._address = address
        self._opening: asyncio.Task[Signer] | None = None

    @property
    def address(self) -> str:
        """The wallet, in EIP-55 checksum case."""
        return self._address

    async def sign_typed(self, message: TypedMessage) -> str:
        """Sign an EIP-712 message. Errors are those of `tegro.signer.signer_from`, as with the other calls."""
        return await (await self._signer()).sign_typed(message)

    async def sign_text(self, text: str) -> str:
        """Sign a text (EIP-191)."""
        return await (await self._signer()).sign_text(text)

    async def sign_personal(self, data: bytes) -> str:
        """Sign bytes that are no text (EIP-191)."""
        return await (await self._signer()).sign_personal(data)

    async def sign_transaction(self, transaction: dict[str, object]) -> bytes:
        """Sign a transaction."""
        return await (await self._signer()).sign_transaction(transaction)

    async def open(self) -> None:
        """Open the keystore now, so that the first order need not wait. May be repeated."""
        await self._signer()

    async def _signer(self) -> Signer:
        if self._opening is None:
            opening = asyncio.to_thread(signer_from, self._named, password=_password, address=self._address)
            self._opening = asyncio.get_running_loop().create_task(opening)
        try:
            return await asyncio.shield(self._opening)
        except InvalidInput:
            self._opening = None  # the password or the file may be mended meanwhile
            raise


def _keystore_owner(named: str) -> str | None:
    """Return whose keystore a file is, in checksum case; None where it does not say."""
    path = Path(named.removeprefix(KEYSTORE).strip()).expanduser()
    if _LOOKS_LIKE_KEY.search(path.name):
        # A person may have put a key behind the word, so it is not repeated.
        raise InvalidInput("keystore: is followed by the path of a keystore file, not by a key (it is not shown here)")
    try:
        stated = msgspec.json.decode(path.read_bytes(), type=_Keyfile).address
    except OSError as error:
        raise InvalidInput(f"the keystore {path} cannot be read: {error.strerror}") from None
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput(f"{path} is no keystore file of version 3") from None
    return to_checksum("0x" + stated.lower().removeprefix("0x")) if stated else None


def _password() -> str:
    """Return the password of a keystore: of the environment, else the one that opened Hummingbot."""
    stated = os.environ.get(PASSWORD_VARIABLE)
    if stated is not None:
        return stated
    from hummingbot.client.config.security import Security

    if Security.secrets_manager is None:
        raise InvalidInput(
            f"the keystore needs its password: put it into {PASSWORD_VARIABLE}, or make it the one of Hummingbot"
        )
    return str(Security.secrets_manager.password.get_secret_value())
