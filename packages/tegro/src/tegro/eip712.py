"""What a wallet signs: the `Order` and `CancelOrder` messages and their EIP-712 digests (protocol 6).

Everything is built here from what the trader means; nothing a server proposes is signed. The structs are fixed, so type
hashes and the domain are hashed once and an order costs two hashes of a few hundred bytes. No I/O, no key.
"""

from functools import cached_property, lru_cache
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from tegro.errors import InvalidInput, SigningRefused
from tegro.keccak import keccak256
from tegro.model import OrderRequest, Side

_DOMAIN_FIELDS: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_CANCEL_FIELDS: Final = (("orderIds", "string[]"), ("user", "address"))

_UINT256_END: Final = 1 << 256
_PREFIX: Final = b"\x19\x01"
_FALSE_WORD: Final = bytes(32)
_TRUE_WORD: Final = bytes(31) + b"\x01"


class TypedMessage(Protocol):
    """An EIP-712 message that a `tegro.signer.Signer` takes.

    Signers get the whole message and not only its digest, because a remote or hardware signer wants to show it.
    """

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed: keccak256(0x1901 || domain separator || struct hash)."""
        ...

    def typed_data(self) -> dict[str, object]:
        """Return the message as EIP-712 JSON: `types`, `primaryType`, `domain` and `message`."""
        ...


class Schema(Struct, frozen=True, kw_only=True, dict=True):
    """A generation of the `Order` struct.

    The venue added `expiryTime` in 2024 (protocol 1 and 6.7); the form without it is another value of this class. The
    price is scaled by 10^18 in each of them (protocol 5.3).
    """

    name: str
    fields: tuple[tuple[str, str], ...]
    """Name and Solidity type of each member, in the order in which they are hashed."""

    @cached_property
    def type_hash(self) -> bytes:
        """The hash of the encoded struct type (protocol 6.2)."""
        return _type_hash("Order", self.fields)

    @cached_property
    def has_expiry_time(self) -> bool:
        """Whether the struct ends with the time after which the order may not settle."""
        return any(name == "expiryTime" for name, _ in self.fields)


def _type_hash(name: str, fields: tuple[tuple[str, str], ...]) -> bytes:
    members = ",".join(f"{type_} {member}" for member, type_ in fields)
    return keccak256(f"{name}({members})".encode())


ORDER_V2: Final = Schema(
    name="order-v2",
    fields=(
        ("baseToken", "address"),
        ("quoteToken", "address"),
        ("price", "uint256"),
        ("totalQuantity", "uint256"),
        ("isBuy", "bool"),
        ("salt", "uint256"),
        ("maker", "address"),
        ("expiryTime", "uint256"),
    ),
)
"""What the newest clients sign: eight members, prices scaled by 10^18 (protocol 6.2)."""

_DOMAIN_TYPE_HASH: Final = _type_hash("EIP712Domain", _DOMAIN_FIELDS)
_CANCEL_TYPE_HASH: Final = _type_hash("CancelOrder", _CANCEL_FIELDS)


class Domain(Struct, frozen=True, dict=True):
    """The EIP-712 domain of one chain (protocol 6.1).

    Raises
    ------
    InvalidInput
        If the contract is no address, or the chain id no uint256.
    """

    chain_id: int
    verifying_contract: str
    """The chain's `exchange_contract`."""
    name: str = "TegroDEX"
    version: str = "1"

    def __post_init__(self) -> None:
        _require_uint256("chain id", self.chain_id)
        _address_word(self.verifying_contract)

    @cached_property
    def separator(self) -> bytes:
        """The domain separator, 32 bytes."""
        words = (
            _DOMAIN_TYPE_HASH,
            keccak256(self.name.encode()),
            keccak256(self.version.encode()),
            self.chain_id.to_bytes(32),
            _address_word(self.verifying_contract),
        )
        return keccak256(b"".join(words))

    @cached_property
    def _digest_prefix(self) -> bytes:
        return _PREFIX + self.separator

    def digest(self, struct_hash: bytes) -> bytes:
        """Return what a wallet signs for a struct in this domain."""
        return keccak256(self._digest_prefix + struct_hash)

    def typed_data(
        self, primary_type: str, fields: tuple[tuple[str, str], ...], message: dict[str, object]
    ) -> dict[str, object]:
        """Return EIP-712 JSON of a message in this domain, as wallets take it."""
        return {
            "types": {"EIP712Domain": _field_list(_DOMAIN_FIELDS), primary_type: _field_list(fields)},
            "primaryType": primary_type,
            "domain": {
                "name": self.name,
                "version": self.version,
                "chainId": self.chain_id,
                "verifyingContract": self.verifying_contract,
            },
            "message": message,
        }


class OrderMessage(Struct, frozen=True, kw_only=True, dict=True):
    """An order as it is signed. Addresses in any valid spelling; amounts as the contract takes them.

    Raises
    ------
    InvalidInput
        If an address is none, or a number does not fit a uint256.
    """

    base_token: str
    quote_token: str
    price_e18: int
    total_quantity_wei: int
    """Base amount in the smallest unit, for buys too."""
    is_buy: bool
    salt: int
    maker: str
    expiry_time: int = 0
    """Unix seconds; 0 means never."""
    domain: Domain
    schema: Schema = ORDER_V2

    def __post_init__(self) -> None:
        # One test for all four: a negative or too long number leaves something above bit 255.
        if (self.price_e18 | self.total_quantity_wei | self.salt | self.expiry_time) >> 256:
            for name in ("price_e18", "total_quantity_wei", "salt", "expiry_time"):  # pragma: no branch  one raises
                _require_uint256(name, getattr(self, name))
        if self.expiry_time and not self.schema.has_expiry_time:
            raise InvalidInput(
                f"orders of the form {self.schema.name} cannot expire, expiry_time was {self.expiry_time}"
            )
        _address_word(self.base_token)
        _address_word(self.quote_token)
        _address_word(self.maker)

    @property
    def struct_hash(self) -> bytes:
        """The EIP-712 hash of the message without its domain."""
        words = (
            self.schema.type_hash,
            _address_word(self.base_token),
            _address_word(self.quote_token),
            self.price_e18.to_bytes(32),
            self.total_quantity_wei.to_bytes(32),
            _TRUE_WORD if self.is_buy else _FALSE_WORD,
            self.salt.to_bytes(32),
            _address_word(self.maker),
            self.expiry_time.to_bytes(32) if self.schema.has_expiry_time else b"",
        )
        return keccak256(b"".join(words))

    @cached_property
    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        return self.domain.digest(self.struct_hash)

    @property
    def order_hash(self) -> str:
        """The digest as lower-case hex with `0x`: the order's identity, off chain and on chain (protocol 6.3)."""
        return "0x" + self.digest.hex()

    def typed_data(self) -> dict[str, object]:
        """Return the message as EIP-712 JSON, integers as decimal strings as the venue writes them."""
        return self.domain.typed_data("Order", self.schema.fields, self._members())

    def raw_order_data(self) -> str:
        """Return the message as the JSON text that goes into `raw_order_data`, its keys sorted (protocol 6.6 E)."""
        return self._raw_order_data

    @cached_property
    def _raw_order_data(self) -> str:
        return msgspec.json.encode(self._members(), order="sorted").decode()

    def _members(self) -> dict[str, object]:
        values: dict[str, object] = {
            "baseToken": self.base_token,
            "quoteToken": self.quote_token,
            "price": str(self.price_e18),
            "totalQuantity": str(self.total_quantity_wei),
            "isBuy": self.is_buy,
            "salt": str(self.salt),
            "maker": to_checksum(self.maker),
            "expiryTime": str(self.expiry_time),
        }
        return {name: values[name] for name, _ in self.schema.fields}


class CancelMessage(Struct, frozen=True, kw_only=True, dict=True):
    """A cancel of orders by their ids (protocol 6.4).

    Raises
    ------
    InvalidInput
        If no order is named, or the user is no address.
    """

    order_ids: tuple[str, ...]
    user: str
    domain: Domain

    def __post_init__(self) -> None:
        if not self.order_ids:
            raise InvalidInput("a cancel must name at least one order id, the list was empty")
        _address_word(self.user)

    @cached_property
    def struct_hash(self) -> bytes:
        """The EIP-712 hash of the message without its domain."""
        ids_hash = keccak256(b"".join([keccak256(order_id.encode()) for order_id in self.order_ids]))
        return keccak256(_CANCEL_TYPE_HASH + ids_hash + _address_word(self.user))

    @cached_property
    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        return self.domain.digest(self.struct_hash)

    def typed_data(self) -> dict[str, object]:
        """Return the message as EIP-712 JSON."""
        message: dict[str, object] = {"orderIds": list(self.order_ids), "user": self.user}
        return self.domain.typed_data("CancelOrder", _CANCEL_FIELDS, message)


def order_message(request: OrderRequest, *, maker: str, domain: Domain, salt: int) -> OrderMessage:
    """Build the message to sign from what the trader means.

    Parameters
    ----------
    request
        Price and quantity in human units, multiples of the market's tick and lot size.
    maker
        The wallet that signs.
    domain
        The domain of the market's chain.
    salt
        Any uint256 that the wallet has not used for an equal order.

    Raises
    ------
    InvalidInput
        If price or quantity is off its step or out of range.
    SigningRefused
        If the domain is that of another chain than the market's.
    """
    market = request.market
    if market.chain_id != domain.chain_id:
        raise SigningRefused(
            f"{market.symbol} is on chain {market.chain_id}, but the order would be signed for chain {domain.chain_id}"
        )
    try:
        price_e18 = market.price_e18(request.price)
        total_quantity_wei = market.quantity_wei(request.quantity)
    except ValueError as error:
        raise InvalidInput(str(error)) from None
    return OrderMessage(
        base_token=market.base.address,
        quote_token=market.quote.address,
        price_e18=price_e18,
        total_quantity_wei=total_quantity_wei,
        is_buy=request.side is Side.BUY,
        salt=salt,
        maker=maker,
        expiry_time=request.expiry_time,
        domain=domain,
    )


@lru_cache(maxsize=4096)
def to_checksum(address: str) -> str:
    """Return an address in the mixed case of EIP-55.

    Raises
    ------
    InvalidInput
        If the text is no address.
    """
    return _checksummed(parse_address(address))


def parse_address(text: str) -> str:
    """Return an address in lower case.

    Raises
    ------
    InvalidInput
        If the text is not `0x` and 40 hex digits, or is in mixed case that is not its EIP-55 checksum.
    """
    digits = text[2:]
    if text[:2] not in ("0x", "0X") or len(digits) != 40 or not _is_hex(digits):
        raise InvalidInput(f"an address is 0x and 40 hex digits, was {text[:80]!r}")
    lower = "0x" + digits.lower()
    is_mixed = digits not in (digits.lower(), digits.upper())
    if is_mixed and _checksummed(lower)[2:] != digits:
        raise InvalidInput(
            f"the upper and lower case of the address {text} is not its checksum; check it for a typing error"
        )
    return lower


def _is_hex(digits: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in digits)


def _checksummed(lower: str) -> str:
    digits = lower[2:]
    marks = keccak256(digits.encode()).hex()
    return "0x" + "".join(digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, marks, strict=False))


@lru_cache(maxsize=4096)
def _address_word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(parse_address(address)[2:])


def _require_uint256(name: str, value: int) -> None:
    if not 0 <= value < _UINT256_END:
        raise InvalidInput(f"{name} must be from 0 to 2^256 - 1, was {value}")


def _field_list(fields: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "type": type_} for name, type_ in fields]
