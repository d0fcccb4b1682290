"""Compiled contracts as package data, and their ABI: calls and constructors out, returns and events in."""

from functools import cached_property
from importlib.resources import files
from typing import Any, Final

import msgspec
from eth_abi.abi import decode, encode
from msgspec import Struct

from tegro_localnet.chain.errors import ChainError
from tegro_localnet.chain.values import Log
from tegro_localnet.keccak import keccak256


class Parameter(Struct, frozen=True):
    """One input, output or member of the ABI."""

    name: str
    type: str
    components: tuple["Parameter", ...] = ()
    indexed: bool = False

    @property
    def abi_type(self) -> str:
        """The type as selectors and eth-abi spell it: a struct becomes its members in brackets."""
        if not self.type.startswith("tuple"):
            return self.type
        return _tuple_type(self.components) + self.type.removeprefix("tuple")


class _Entry(Struct, frozen=True):
    type: str
    name: str = ""
    inputs: tuple[Parameter, ...] = ()
    outputs: tuple[Parameter, ...] = ()


class _Artifact(Struct, frozen=True):
    contract: str
    abi: tuple[_Entry, ...]
    bytecode: str


def _tuple_type(parameters: tuple[Parameter, ...]) -> str:
    return "(" + ",".join(parameter.abi_type for parameter in parameters) + ")"


class Function(Struct, frozen=True, dict=True):
    """A function of a contract."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of its calls."""
        return keccak256((self.name + _tuple_type(self.inputs)).encode())[:4]

    def encode(self, *arguments: object) -> bytes:
        """Return the data of a call with these arguments."""
        return self.selector + encode([parameter.abi_type for parameter in self.inputs], arguments)

    def decode(self, output: bytes) -> tuple[Any, ...]:
        """Return the values a call answered, in order.

        Raises
        ------
        ChainError
            If there was no answer, as from an address where no contract is.
        """
        if not output and self.outputs:
            raise ChainError(f"{self.name} answered nothing: there is no such contract at this address")
        return decode([parameter.abi_type for parameter in self.outputs], output)


class Event(Struct, frozen=True, dict=True):
    """An event of a contract."""

    name: str
    inputs: tuple[Parameter, ...]

    @cached_property
    def topic(self) -> bytes:
        """The first topic of its logs."""
        return keccak256((self.name + _tuple_type(self.inputs)).encode())

    def decode(self, log: Log) -> dict[str, Any]:
        """Return the members of one log by name. Addresses are lower-case hex, `bytes32` are bytes."""
        indexed = [parameter for parameter in self.inputs if parameter.indexed]
        plain = [parameter for parameter in self.inputs if not parameter.indexed]
        values = dict(
            zip((item.name for item in plain), decode([item.abi_type for item in plain], log.data), strict=True)
        )
        for parameter, topic in zip(indexed, log.topics[1:], strict=True):
            (values[parameter.name],) = decode([parameter.abi_type], topic)
        return values


class Contract(Struct, frozen=True):
    """A compiled contract.

    Attributes
    ----------
    name : str
        The name of its source file.
    bytecode : bytes
        What creates it, without the constructor's arguments.
    functions, events : dict
        By name; no contract here has two of one name.
    """

    name: str
    bytecode: bytes
    constructor_inputs: tuple[Parameter, ...]
    functions: dict[str, Function]
    events: dict[str, Event]

    def deploy_data(self, *arguments: object) -> bytes:
        """Return the data of the transaction that creates the contract with these constructor arguments."""
        return self.bytecode + encode([parameter.abi_type for parameter in self.constructor_inputs], arguments)

    def encode(self, function: str, *arguments: object) -> bytes:
        """Return the data of a call."""
        return self.functions[function].encode(*arguments)

    def decode(self, function: str, output: bytes) -> tuple[Any, ...]:
        """Return the values a call answered."""
        return self.functions[function].decode(output)


def _load(name: str) -> Contract:
    artifact = msgspec.json.decode(files(__package__).joinpath(f"{name}.json").read_bytes(), type=_Artifact)
    constructor = next((entry for entry in artifact.abi if entry.type == "constructor"), _Entry("constructor"))
    return Contract(
        name=artifact.contract,
        bytecode=bytes.fromhex(artifact.bytecode.removeprefix("0x")),
        constructor_inputs=constructor.inputs,
        functions={
            entry.name: Function(entry.name, entry.inputs, entry.outputs)
            for entry in artifact.abi
            if entry.type == "function"
        },
        events={entry.name: Event(entry.name, entry.inputs) for entry in artifact.abi if entry.type == "event"},
    )


EXCHANGE: Final = _load("exchange")
SETTLER: Final = _load("settler")
EXCHANGE_NO_EXPIRY: Final = _load("exchange_no_expiry")
"""For orders of seven members (protocol 6.7), as `SETTLER_NO_EXPIRY`."""
SETTLER_NO_EXPIRY: Final = _load("settler_no_expiry")
TOKEN: Final = _load("token")
APPROVE_TO_ZERO_TOKEN: Final = _load("approve_to_zero_token")
SILENT_TOKEN: Final = _load("silent_token")
