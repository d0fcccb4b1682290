"""A wallet that localnet makes for tests and for its own agents: signs orders, cancels and transactions."""

from coincurve import PrivateKey
from eth_utils.address import to_checksum_address
from msgspec.structs import replace

from tegro_localnet.keccak import keccak256
from tegro_localnet.signed_order import Domain, SignedOrder, cancel_digest


class LocalWallet:
    """A key and its address. The key is in no repr; tests read it from `key`.

    Parameters
    ----------
    key : bytes
        The private key, 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._private_key = PrivateKey(key)
        public = self._private_key.public_key.format(compressed=False)
        self.address: str = "0x" + keccak256(public[1:])[-20:].hex()
        """Lower case, as the API writes addresses."""
        self.checksum_address: str = to_checksum_address(self.address)

    def __repr__(self) -> str:
        return f"LocalWallet({self.checksum_address})"

    @property
    def key(self) -> str:
        """The private key, 0x and 64 hex digits. It must never hold anything of value."""
        return "0x" + self._private_key.secret.hex()

    @property
    def key_bytes(self) -> bytes:
        """The private key, 32 bytes."""
        return bytes(self._private_key.secret)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return r || s || v over a digest, v being 27 or 28."""
        signature: bytes = self._private_key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([signature[64] + 27])

    def sign_order(self, order: SignedOrder, domain: Domain) -> SignedOrder:
        """Return the order with this wallet's signature."""
        return replace(order, signature=self.sign_digest(order.order_hash(domain)))

    def sign_cancel(self, order_ids: list[str], domain: Domain) -> str:
        """Return the signature of a cancel of these ids, as hex."""
        return "0x" + self.sign_digest(cancel_digest(order_ids, self.address, domain)).hex()
