"""Keccak-256 as Ethereum uses it (not SHA3-256), by the quickest library that is installed."""

try:
    from sha3 import keccak_256 as _keccak_256

    def keccak256(data: bytes) -> bytes:
        """Return the 32-byte Keccak-256 hash of some bytes."""
        digest: bytes = _keccak_256(data).digest()
        return digest

except ImportError:  # safe-pysha3 comes with the extra `fast`; pycryptodome has wheels everywhere
    from Crypto.Hash import keccak

    def keccak256(data: bytes) -> bytes:
        """Return the 32-byte Keccak-256 hash of some bytes."""
        return keccak.new(digest_bits=256, data=data).digest()


__all__ = ["keccak256"]
