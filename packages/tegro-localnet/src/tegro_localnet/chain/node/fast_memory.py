"""Instructions on memory and on what a call was given: done at once, where their gas suffices (see `fast_code`).

What a larger memory costs grows with its square, and copies and hashes cost by the word; the sums are those of py-evm,
which the tests run beside them.
"""

# py-evm keeps gas and memory of a computation in members that it calls private.
# ruff: noqa: SLF001

from collections.abc import Callable
from typing import Any, Final

from eth.constants import GAS_COPY, GAS_SHA3WORD
from eth.vm import opcode_values as op
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES
from eth_hash.auto import keccak

NOT_PLAIN: Final = -1
"""What an instruction returns that was not done, and has changed nothing."""

type Computation = Any
"""A `FastComputation`; the types that py-evm declares for its parts do not show what they hold."""
type Run = Callable[[list[int], int, Computation], int | None]
"""Does an instruction, given the stack, its operand and the computation.

Returns None, or where to jump, or `NOT_PLAIN` with nothing changed."""

_SIGN_BIT: Final = 2**255

GAS: Final[dict[int, int]] = {
    opcode: getattr(instruction, "gas_cost", 0) for opcode, instruction in PRAGUE_OPCODES.items()
}
"""What an instruction costs at least, whatever it is given."""


def _pay(computation: Computation, opcode: int, by_size: int, start: int, size: int) -> bool:
    """Pay what an instruction costs beside its least, and make memory large enough; False: it cannot pay for all.

    Parameters
    ----------
    computation : FastComputation
        Who pays.
    opcode : int
        The instruction, whose least cost must be left afterwards.
    by_size : int
        What it costs for its size.
    start, size : int
        Where in memory it works.
    """
    memory, meter = computation._memory, computation._gas_meter
    words_before = len(memory._bytes) // 32
    words = (start + size + 31) // 32 if size else 0
    cost = by_size + (_memory_gas(words) - _memory_gas(words_before) if words > words_before else 0)
    if meter.gas_remaining < cost + GAS[opcode]:
        return False
    meter.gas_remaining -= cost
    if words > words_before:
        memory.extend(start, size)
    return True


def _memory_gas(words: int) -> int:
    return 3 * words + words * words // 512


def _words(size: int) -> int:
    return (size + 31) // 32


def _load(values: list[int], _operand: int, computation: Computation) -> int | None:
    start = values[-1]
    if start + 32 > len(computation._memory._bytes) and not _pay(computation, op.MLOAD, 0, start, 32):
        return NOT_PLAIN
    values[-1] = int.from_bytes(computation._memory._bytes[start : start + 32])
    return None


def _store(values: list[int], _operand: int, computation: Computation) -> int | None:
    start = values[-1]
    if start + 32 > len(computation._memory._bytes) and not _pay(computation, op.MSTORE, 0, start, 32):
        return NOT_PLAIN
    computation._memory._bytes[start : start + 32] = values[-2].to_bytes(32)
    del values[-2:]
    return None


def _hash(values: list[int], _operand: int, computation: Computation) -> int | None:
    start, size = values[-1], values[-2]
    if not _pay(computation, op.SHA3, GAS_SHA3WORD * _words(size), start, size):
        return NOT_PLAIN
    values.pop()
    values[-1] = int.from_bytes(keccak(bytes(computation._memory._bytes[start : start + size])))
    return None


def _copy_memory(values: list[int], _operand: int, computation: Computation) -> int | None:
    to, start, size = values[-1], values[-2], values[-3]
    if not _pay(computation, op.MCOPY, GAS_COPY * _words(size), max(to, start), size):
        return NOT_PLAIN
    if size:
        memory = computation._memory._bytes
        memory[to : to + size] = memory[start : start + size]
    del values[-3:]
    return None


def _copying(opcode: int, source_of: Callable[[Computation], bytes]) -> Run:
    """Return how to copy from elsewhere into memory; behind the end of the source there are zeros."""

    def run(values: list[int], _operand: int, computation: Computation) -> int | None:
        to, start, size = values[-1], values[-2], values[-3]
        if not _pay(computation, opcode, GAS_COPY * _words(size), to, size):
            return NOT_PLAIN
        if size:
            computation._memory._bytes[to : to + size] = source_of(computation)[start : start + size].ljust(size, b"\0")
        del values[-3:]
        return None

    return run


def _call_data(values: list[int], _operand: int, computation: Computation) -> None:
    start = values[-1]
    values[-1] = int.from_bytes(computation.msg.data_as_bytes[start : start + 32].ljust(32, b"\0"))


def _telling(tell: Callable[[Computation], int]) -> Run:
    def run(values: list[int], _operand: int, computation: Computation) -> None:
        values.append(tell(computation))

    return run


def _signed(value: int) -> int:
    return value - 2 * _SIGN_BIT if value & _SIGN_BIT else value


def greater_signed(left: int, right: int) -> int:
    """Compare two words as signed numbers."""
    return _signed(left) > _signed(right)


MEMORY_INSTRUCTIONS: Final[dict[int, tuple[Run, int]]] = {
    op.MLOAD: (_load, 1),
    op.MSTORE: (_store, 2),
    op.SHA3: (_hash, 2),
    op.MCOPY: (_copy_memory, 3),
    op.CODECOPY: (_copying(op.CODECOPY, lambda computation: computation.msg.code), 3),
    op.CALLDATACOPY: (_copying(op.CALLDATACOPY, lambda computation: computation.msg.data_as_bytes), 3),
    # What is left once this instruction itself is paid.
    op.GAS: (_telling(lambda computation: computation._gas_meter.gas_remaining - GAS[op.GAS]), 0),
}
"""How to do an instruction that looks at memory or gas, and how much stack it needs."""
CONTEXT_INSTRUCTIONS: Final[dict[int, tuple[Run, int, int]]] = {
    op.CALLDATALOAD: (_call_data, 1, 0),
    op.CALLDATASIZE: (_telling(lambda computation: len(computation.msg.data)), 0, 1),
    op.CALLER: (_telling(lambda computation: int.from_bytes(computation.msg.sender)), 0, 1),
    op.CALLVALUE: (_telling(lambda computation: computation.msg.value), 0, 1),
    op.RETURNDATASIZE: (_telling(lambda computation: len(computation.return_data)), 0, 1),
}
"""How to do an instruction that always succeeds, how much stack it needs, and how much it leaves beside."""
