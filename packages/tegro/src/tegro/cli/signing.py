"""Which wallet a command is for, and what signs for it. A private key is never taken from the command line."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from tegro.cli.asking import ask_hidden
from tegro.errors import InvalidInput, SigningRefused

if TYPE_CHECKING:
    from tegro.eip712 import TypedMessage
    from tegro.signer import Signer

KEY_VARIABLE: Final = "TEGRO_PRIVATE_KEY"
SIGNER_VARIABLE: Final = "TEGRO_SIGNER"
PASSWORD_VARIABLE: Final = "TEGRO_KEYSTORE_PASSWORD"  # noqa: S105  the name of a variable
PASSWORD_FILE_VARIABLE: Final = "TEGRO_KEYSTORE_PASSWORD_FILE"  # noqa: S105

_KEYSTORE: Final = "keystore:"
_KINDS: Final = (_KEYSTORE, "web3signer:")
_NO_WALLET: Final = (
    f"this needs a wallet: name a signer (--signer or ${SIGNER_VARIABLE}), or put a private key into the environment "
    f"variable {KEY_VARIABLE}"
)


class _Keyfile(msgspec.Struct):
    address: str = ""


class WatchedWallet:
    """A wallet that a command looks at and does not sign for: nobody is asked for a password just to look.

    Parameters
    ----------
    address
        The wallet.

    Raises
    ------
    InvalidInput
        If that is no address.
    """

    def __init__(self, address: str) -> None:
        from tegro.eip712 import to_checksum

        self._address = to_checksum(address)

    @property
    def address(self) -> str:
        """The wallet, in EIP-55 checksum case."""
        return self._address

    async def sign_typed(self, message: "TypedMessage") -> str:
        """Refuse."""
        del message
        self._refuse()

    async def sign_text(self, text: str) -> str:
        """Refuse."""
        del text
        self._refuse()

    async def sign_personal(self, data: bytes) -> str:
        """Refuse."""
        del data
        self._refuse()

    async def sign_transaction(self, transaction: dict[str, object]) -> bytes:
        """Refuse."""
        del transaction
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise SigningRefused(f"this command only looks at {self._address}; it signs nothing")


def open_signer(named: str | None) -> "Signer":
    """Return what signs: the signer named, else that of `$TEGRO_SIGNER`, else the key in `$TEGRO_PRIVATE_KEY`.

    Raises
    ------
    InvalidInput
        If there is none, or it cannot be opened.
    """
    from tegro.signer import LocalSigner, signer_from

    name = _signer_name(named)
    if name is not None:
        return signer_from(name, password=keystore_password)
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        raise InvalidInput(_NO_WALLET)
    return LocalSigner(key)


def wallet_of(named: str | None) -> str:
    """Return the wallet of the signer, without opening a keystore that says whose it is. Errors as in `open_signer`."""
    name = _signer_name(named)
    if name is not None and name.startswith(_KEYSTORE):
        stated = _stated_address(Path(name.removeprefix(_KEYSTORE)).expanduser())
        if stated:
            return stated
    return open_signer(named).address


def has_signer(named: str | None) -> bool:
    """Return whether any signer is named. Errors for a malformed name are those of `open_signer`."""
    return _signer_name(named) is not None or bool(os.environ.get(KEY_VARIABLE, "").strip())


def signer_kind(named: str | None) -> str:
    """Return how the wallet's key is kept, in a word."""
    name = _signer_name(named)
    return "private key" if name is None else name.partition(":")[0]


def keystore_password() -> str:
    """Return the password of a keystore: from the environment, the file that it names, or a person."""
    return _stated_password() or ask_hidden("Password of the keystore")


def new_keystore_password() -> str:
    """Return the password for a new keystore; a person is asked twice."""
    return _stated_password() or ask_hidden("Password for the new keystore", is_new=True)


def _stated_password() -> str | None:
    if PASSWORD_VARIABLE in os.environ:
        return os.environ[PASSWORD_VARIABLE]
    path = os.environ.get(PASSWORD_FILE_VARIABLE)
    if not path:
        return None
    try:
        return Path(path).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput(f"{PASSWORD_FILE_VARIABLE} names the file {path}, which cannot be read") from None


def _signer_name(named: str | None) -> str | None:
    """Return the name of a signer that is no private key; None where the key variable is to be used."""
    source = "--signer" if named is not None else f"${SIGNER_VARIABLE}"
    name = (os.environ.get(SIGNER_VARIABLE, "") if named is None else named).strip()
    if named is None and not name:
        return None
    if not name.startswith(_KINDS):
        # It may be a key, so it is not repeated.
        raise InvalidInput(
            f"{source} must be keystore:PATH or web3signer:URL#0xADDRESS (what it was is not shown); a private key "
            f"goes into the environment variable {KEY_VARIABLE} alone, because other users can read a command line"
        )
    return name


def _stated_address(path: Path) -> str | None:
    try:
        stated = msgspec.json.decode(path.read_bytes(), type=_Keyfile).address
    except (OSError, msgspec.DecodeError, RecursionError):
        return None  # opening it says what is wrong
    return "0x" + stated.lower().removeprefix("0x") if stated else None
