"""Reading the parameters of JSON-RPC requests."""

from typing import Any, Final

from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth_typing import Address

from tegro_localnet.chain.node.evm import Call
from tegro_localnet.chain.node.log_index import TopicFilter
from tegro_localnet.chain.node.refusals import invalid_params

BLOCK_TAGS: Final = frozenset({"latest", "pending", "safe", "finalized", "earliest"})


def quantity(value: object, name: str) -> int:
    """Return the integer a hex quantity stands for."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return int(value, 16)
        except ValueError as error:
            raise invalid_params(f"invalid argument {name}: {value!r} is no hex quantity") from error
    raise invalid_params(f"invalid argument {name}: expected a hex quantity with 0x prefix, was {value!r}")


def data(value: object, name: str, length: int | None = None) -> bytes:
    """Return the bytes a hex text stands for; `length` None takes any number of them."""
    if not isinstance(value, str) or not value.startswith("0x"):
        raise invalid_params(f"invalid argument {name}: expected hex data with 0x prefix, was {value!r}")
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as error:
        raise invalid_params(f"invalid argument {name}: {value!r} is no hex data") from error
    if length is not None and len(raw) != length:
        raise invalid_params(f"invalid argument {name}: expected {length} bytes, was {len(raw)}")
    return raw


def address(value: object, name: str) -> Address:
    """Return an address."""
    return Address(data(value, name, 20))


def call(value: object) -> Call:
    """Return a call object. Fees and nonces in it change nothing here and are left aside."""
    fields = mapping(value, "call")
    body = fields.get("input") or fields.get("data") or "0x"
    to = fields.get("to")
    sender = fields.get("from")
    gas = fields.get("gas")
    return Call(
        sender=address(sender, "from") if sender else ZERO_ADDRESS,
        to=address(to, "to") if to else CREATE_CONTRACT_ADDRESS,
        data=data(body, "data"),
        value_wei=quantity(fields.get("value") or "0x0", "value"),
        gas=quantity(gas, "gas") if gas is not None else None,
    )


def addresses(value: object) -> frozenset[bytes] | None:
    """Return the contracts of a log filter, None for all."""
    match value:
        case None | []:
            return None
        case list():
            return frozenset(address(item, "address") for item in value)
        case _:
            return frozenset({address(value, "address")})


def topics(value: object) -> TopicFilter:
    """Return the topics of a log filter."""
    match value:
        case None:
            return ()
        case list():
            return tuple(_topic(item) for item in value)
        case _:
            raise invalid_params("invalid argument topics: expected a list")


def mapping(value: object, name: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise invalid_params(f"invalid argument {name}: expected an object, was {type(value).__name__}")
    return value


def _topic(value: object) -> frozenset[bytes] | None:
    match value:
        case None | []:
            return None
        case list():
            return frozenset(data(item, "topics", 32) for item in value)
        case _:
            return frozenset({data(value, "topics", 32)})
