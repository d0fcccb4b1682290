"""Keccak-256 as Ethereum uses it (not SHA3-256), by the quickest library that is installed.

The venue has its own, as it has its own encoder: nothing that is hashed here goes through the client's modules.
"""

import os
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final


def _pycryptodome() -> Callable[[bytes], bytes]:
    from Crypto.Hash import keccak

    return lambda data: keccak.new(digest_bits=256, data=data).digest()


def _pysha3() -> Callable[[bytes], bytes]:
    from sha3 import keccak_256

    return lambda data: bytes(keccak_256(data).digest())


BACKENDS: Final = {"sha3": _pysha3, "Crypto": _pycryptodome}
"""By the module that each needs. pycryptodome has wheels everywhere and is always there."""

_has_sha3: Final = find_spec("sha3") is not None and os.environ.get("ETH_HASH_BACKEND") != "pycryptodome"
"""eth-hash, which hashes for the chain, heeds the same variable of the environment."""
_hash: Final = BACKENDS["sha3" if _has_sha3 else "Crypto"]()


def keccak256(data: bytes) -> bytes:
    """Return the Keccak-256 hash of some bytes, 32 bytes."""
    return _hash(data)
