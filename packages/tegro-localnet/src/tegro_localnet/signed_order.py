"""The signed order as the venue sees it: its digest and its signer, worked out here and nowhere else.

The client has an encoder of its own in `tegro.eip712`. This one is held to the contract itself by tests (`hashOrder`),
so that the two sides of the wire cannot share a mistake.
"""

from functools import cached_property
from typing import Final

from coincurve import PublicKey
from eth_abi.abi import encode
from msgspec import Struct

from tegro_localnet.keccak import keccak256

_SECP256K1_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0

_DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
ORDER_MEMBERS: Final = (
    ("baseToken", "address"),
    ("quoteToken", "address"),
    ("price", "uint256"),
    ("totalQuantity", "uint256"),
    ("isBuy", "bool"),
    ("salt", "uint256"),
    ("maker", "address"),
    ("expiryTime", "uint256"),
)
"""Name and type of each member of the newest order, in the order in which they are hashed (protocol 6.2)."""
_PRICE_DECIMALS: Final = 18
_CANCEL_TYPE: Final = b"CancelOrder(string[] orderIds,address user)"


class Domain(Struct, frozen=True, dict=True):
    """The EIP-712 domain of one chain's settlement contract (protocol 6.1)."""

    chain_id: int
    verifying_contract: str
    name: str = "TegroDEX"
    version: str = "1"

    @cached_property
    def separator(self) -> bytes:
        """The domain separator, 32 bytes."""
        words = (
            keccak256(_DOMAIN_TYPE),
            keccak256(self.name.encode()),
            keccak256(self.version.encode()),
            self.chain_id,
            self.verifying_contract,
        )
        return keccak256(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], words))

    def digest(self, struct_hash: bytes) -> bytes:
        """Return what a wallet signs: keccak256(0x1901 || separator || struct hash)."""
        return keccak256(b"\x19\x01" + self.separator + struct_hash)


class OrderForm(Struct, frozen=True, dict=True):
    """The generation of the order that a market takes (protocol 5.3 and 6.7)."""

    has_expiry: bool = True
    """Whether `expiryTime` is its last member."""
    price_decimals: int = _PRICE_DECIMALS
    """The signed price is the human one times 10 to the power of this."""

    @property
    def members(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each member, in the order in which they are hashed."""
        return ORDER_MEMBERS if self.has_expiry else ORDER_MEMBERS[:-1]

    @property
    def price_unit_e18(self) -> int:
        """The smallest step of a signed price, scaled by 10^18."""
        unit_e18: int = 10 ** (_PRICE_DECIMALS - self.price_decimals)
        return unit_e18

    @cached_property
    def type_hash(self) -> bytes:
        """The hash of the encoded struct type (protocol 6.2)."""
        return keccak256(f"Order({','.join(f'{kind} {name}' for name, kind in self.members)})".encode())


NEWEST_FORM: Final = OrderForm()


class SignedOrder(Struct, frozen=True, kw_only=True, dict=True):
    """The message a maker signed and the signature. Addresses are lower case. The price is scaled by 10^18 always."""

    base_token: str
    quote_token: str
    price_e18: int
    total_quantity_wei: int
    is_buy: bool
    salt: int
    maker: str
    expiry_time: int = 0
    signature: bytes = b""
    form: OrderForm = NEWEST_FORM

    @property
    def signed_price(self) -> int:
        """The price as it was signed."""
        return self.price_e18 // self.form.price_unit_e18

    @property
    def abi_fields(self) -> tuple[str | int | bool, ...]:
        """The members in the order of the struct (protocol 6.2), as the contract takes them."""
        members = (
            self.base_token,
            self.quote_token,
            self.signed_price,
            self.total_quantity_wei,
            self.is_buy,
            self.salt,
            self.maker,
        )
        return (*members, self.expiry_time) if self.form.has_expiry else members

    @cached_property
    def struct_hash(self) -> bytes:
        """The EIP-712 hash of the message without its domain."""
        return keccak256(self.form.type_hash + b"".join(map(_word, self.abi_fields)))

    def order_hash(self, domain: Domain) -> bytes:
        """Return the digest that was signed, which is the order's identity off chain and on chain."""
        return domain.digest(self.struct_hash)


def _word(value: str | int) -> bytes:
    """Return an address, a number or a truth as the 32 bytes that are hashed: no member of an order has more."""
    return value.to_bytes(32) if isinstance(value, int) else bytes.fromhex(value[2:]).rjust(32, b"\0")


def cancel_digest(order_ids: list[str], user: str, domain: Domain) -> bytes:
    """Return the digest of a `CancelOrder` (protocol 6.4)."""
    ids_hash = keccak256(b"".join(keccak256(order_id.encode()) for order_id in order_ids))
    words = (keccak256(_CANCEL_TYPE), ids_hash, user)
    return domain.digest(keccak256(encode(["bytes32", "bytes32", "address"], words)))


def text_digest(text: str) -> bytes:
    """Return the EIP-191 personal-sign digest of a text (protocol 6.5)."""
    body = text.encode()
    return keccak256(b"\x19Ethereum Signed Message:\n" + str(len(body)).encode() + body)


def recover(digest: bytes, signature: bytes) -> str:
    """Return the address, in lower case, whose key made a 65-byte r || s || v signature over a digest.

    Raises
    ------
    ValueError
        If the signature has another length, a v other than 27 or 28, a high s (the contract refuses those as
        malleable), or recovers to no key.
    """
    if len(signature) != 65:
        message = f"a signature has 65 bytes, was {len(signature)}"
        raise ValueError(message)
    if signature[64] not in (27, 28):
        message = f"the last byte of a signature is 27 or 28, was {signature[64]}"
        raise ValueError(message)
    if int.from_bytes(signature[32:64]) > _SECP256K1_HALF_ORDER:
        raise ValueError("the s value of a signature must be in the lower half of the curve order")
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception as error:
        raise ValueError("the signature recovers to no public key") from error
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()
