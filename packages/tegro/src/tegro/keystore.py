"""Keystore files: a private key under a password, in the format that Ethereum clients share (Web3 Secret Storage v3).

eth-account does the cryptography. What this adds is what a person sees: one sentence for each thing that can be wrong,
with neither key nor password in it, nor in any frame of the traceback.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tegro.errors import InvalidInput
from tegro.signer import LocalSigner, address_of

type Password = str | Callable[[], str]
"""A password, or what asks for it once it is needed."""

_WRONG: Final = "MAC mismatch"
"""What eth-account says where the password is wrong."""


class _Keyfile(Struct):
    """The part of a keystore file that tells what it is; eth-account reads the rest."""

    version: int
    crypto: dict[str, object]
    address: str = ""
    """The wallet, with or without `0x`; newer files may leave it out."""


def load_keystore(path: Path, password: Password) -> LocalSigner:
    """Return the signer of a keystore file. Opening it takes about a second by design.

    Parameters
    ----------
    path
        The file.
    password
        The password, or what asks for it; it is asked for only if the file is a keystore.

    Raises
    ------
    InvalidInput
        If the file cannot be read, is no keystore of version 3, or the password does not open it. May be repeated.
    """
    opened = _opened(path, password)
    del password  # a traceback that shows local variables must not show it
    if isinstance(opened, InvalidInput):
        raise opened
    return opened


def write_keystore(path: Path, key: str, password: str) -> str:
    """Write a private key into a new keystore file that only its owner may read, and return its wallet.

    Parameters
    ----------
    path
        The file; it must not exist, its folder is made where missing.
    key
        The private key: 64 hex digits, with or without `0x`.
    password
        At least one character.

    Raises
    ------
    InvalidInput
        If there is such a file, it cannot be written, the text is no private key, or the password is empty. Nothing is
        left behind then.
    """
    written = _written(path, key, password)
    del key, password
    if isinstance(written, InvalidInput):
        raise written
    return written


def _opened(path: Path, password: Password) -> LocalSigner | InvalidInput:
    """Return the signer, or the error to raise: one raised in here would carry password and key in its frames."""
    from eth_account import Account

    try:
        content = path.read_bytes()
        keyfile = msgspec.json.decode(content, type=_Keyfile)
    except OSError as error:
        return InvalidInput(f"the keystore {path} cannot be read: {error.strerror}")
    except (msgspec.DecodeError, RecursionError):
        return InvalidInput(f"{path} is no keystore: expected the JSON of Web3 Secret Storage")
    if keyfile.version != 3:
        return InvalidInput(f"the keystore {path} is of version {keyfile.version}; only version 3 can be opened")
    given = password() if callable(password) else password
    try:
        signer = LocalSigner(Account.decrypt(content.decode(), given).hex())
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, NotImplementedError) as error:
        is_wrong = str(error) == _WRONG
        why = "is not opened by this password" if is_wrong else "is damaged: its crypto part is not valid"
        return InvalidInput(f"the keystore {path} {why}")
    stated = keyfile.address.lower().removeprefix("0x")
    if stated and stated != signer.address.lower().removeprefix("0x"):
        return InvalidInput(
            f"the keystore {path} says that it is of the wallet 0x{stated[:40]}, but holds the key of {signer.address}"
        )
    return signer


def _written(path: Path, key: str, password: str) -> str | InvalidInput:
    """Return the wallet, or the error to raise; see `_opened`."""
    try:
        address = address_of(key)
    except InvalidInput as error:
        return InvalidInput(str(error))
    if not password:
        return InvalidInput("a keystore needs a password")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return InvalidInput(f"{path} exists already; a keystore is never overwritten, choose another name")
    except OSError as error:
        return InvalidInput(f"{path} cannot be written: {error.strerror}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_encrypted(key, password))
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            return InvalidInput(f"{path} cannot be written: {error.strerror}")
        raise
    return address


def _encrypted(key: str, password: str) -> bytes:
    from eth_account import Account

    return msgspec.json.encode(Account.encrypt(bytes.fromhex(key.removeprefix("0x")), password))
