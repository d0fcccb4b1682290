"""Values of a settings file and of environment variables, one by one: each is checked, or refused in a sentence.

Which tables and keys there are is for `tegro.settings` to say. `where` is always the words for the place of a value.
"""

import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.exceptions import TOMLKitError

from tegro.convert import MAX_DECIMALS
from tegro.eip712 import parse_address
from tegro.errors import InvalidInput
from tegro.limits import read_amount


def read_document(path: Path) -> dict[str, object]:
    """Return a whole file; a file that is not there is empty.

    Raises
    ------
    InvalidInput
        If it cannot be read, as every function here does where a value is wrong.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None


def edit_document(path: Path, change: Callable[[TOMLDocument], None]) -> None:
    """Change a settings file and keep everything else in it, comments too.

    The file is replaced in one step; it and its folder are made where missing.

    Raises
    ------
    InvalidInput
        If the file is there but cannot be read.
    """
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None
    change(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(tomlkit.dumps(document), encoding="utf-8")
    draft.replace(path)


def read_table(raw: object, where: str, known: Iterable[str] | None = None) -> dict[str, object]:
    """Return a table; None as `known` allows every key."""
    if not isinstance(raw, dict):
        raise InvalidInput(f"{where} must be a table")
    if known is not None:
        keys = tuple(known)
        unknown = sorted(set(raw) - set(keys))
        if unknown:
            raise InvalidInput(f"{where} has an unknown key {unknown[0]!r}; known are {listed(keys)}")
    return raw


def read_text(
    key: str, members: Mapping[str, object], where: str, env: Mapping[str, str], prefix: str
) -> tuple[str, str] | None:
    """Return a text and the words for where it comes from: a variable wins; an empty text counts as not set."""
    variable = prefix + key.upper()
    if env.get(variable, "").strip():
        return env[variable].strip(), variable
    value = members.get(key, "")
    if not isinstance(value, str):
        raise InvalidInput(f"{where} {key} must be a text in quotes")
    return (value.strip(), f"{where} {key}") if value.strip() else None


def read_url(key: str, setting: tuple[str, str] | None, scheme: str) -> str | None:
    """Return an address without a slash at its end, and a REST address without `/api`."""
    if setting is None:
        return None
    text, where = setting
    try:
        parts = urlsplit(text)
        good = parts.scheme in (scheme, f"{scheme}s") and bool(parts.hostname) and (parts.port is None or parts.port)
    except ValueError:
        good = False
    if not good:
        # The address of a node may carry an access key, so that one is not repeated.
        was = "" if key == "rpc_url" else f", was {text!r}"
        raise InvalidInput(f"{where} must be an address like {scheme}s://host:port{was}")
    url = text.rstrip("/")
    return url.removesuffix("/api").rstrip("/") if key == "rest_url" else url


def read_basis_points(raw: object, where: str) -> int:
    """Return a share below one, in basis points."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw < 10_000:
        raise InvalidInput(f"{where} must be a whole number from 0 to 9999 (500 is 5 percent), was {raw!r}")
    return raw


def read_count(raw: object, where: str) -> int:
    """Return a whole number that may be zero."""
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise InvalidInput(f"{where} must be a whole number, not below zero, was {raw!r}")
    return raw


def read_wei(raw: object, where: str) -> int:
    """Return an amount of the chain's own coin above zero, in its smallest unit."""
    if not isinstance(raw, int) or isinstance(raw, bool) or raw <= 0:
        raise InvalidInput(f"{where} must be a whole number above zero (1 coin is 10^18 of it), was {raw!r}")
    return raw


def read_approvals(raw: object, where: str) -> Mapping[str, Decimal]:
    """Return amounts by token symbol or lower-case token address."""
    caps = {}
    for token, amount in read_table(raw, where).items():
        caps[token.lower() if token.lower().startswith("0x") else token] = read_amount(amount, f"{where} {token}")
    return MappingProxyType(caps)


def read_headers(raw: object, where: str) -> Mapping[str, str]:
    """Return HTTP headers by name."""
    headers = read_table(raw, where)
    for name, value in headers.items():
        if not isinstance(value, str) or any(character in name + value for character in "\r\n"):
            raise InvalidInput(f"{where} {name} must be a text in quotes, on one line")
    return MappingProxyType({name: str(value) for name, value in headers.items()})


def read_address(raw: object, where: str) -> str:
    """Return an account's or contract's address in lower case."""
    try:
        return parse_address(raw if isinstance(raw, str) else repr(raw))
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error}") from None


def read_decimals(raw: object, where: str) -> int:
    """Return how many decimals a token has."""
    if not isinstance(raw, int) or isinstance(raw, bool) or not 0 <= raw <= MAX_DECIMALS:
        raise InvalidInput(f"{where} must be the token's decimals, from 0 to {MAX_DECIMALS}, was {raw!r}")
    return raw


def listed(names: Iterable[str]) -> str:
    """Return names as a sentence names them."""
    return ", ".join(names)
