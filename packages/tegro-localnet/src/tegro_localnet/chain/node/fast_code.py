"""The everyday instructions of a contract, done without py-evm's layers of calls: four of five that a settlement takes.

py-evm asks the code of a computation for one instruction after the other. This code does by itself what it can do
exactly, and hands out the rest. Whatever is not plain (gas or stack that does not suffice, memory that has to grow, a
jump to a wrong place, an instruction that is not in the tables below) is handed out untouched, so that gas, results and
errors are always py-evm's own.
"""

# py-evm keeps gas, stack and memory of a computation in members that it calls private.
# ruff: noqa: SLF001

from collections.abc import Callable, Iterator
from functools import lru_cache
from operator import and_, eq, gt, lt, or_, xor
from typing import Any, Final

from eth.abc import MessageAPI, StateAPI, TransactionContextAPI
from eth.vm import opcode_values as op
from eth.vm.code_stream import CodeStream
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.opcodes import PRAGUE_OPCODES

_WORD: Final = 2**256 - 1
_STACK_LIMIT: Final = 1024
_NOT_PLAIN: Final = -1

type _Computation = Any
"""A `FastComputation`; the types that py-evm declares for its parts do not show what they hold."""
type _Run = Callable[[list[int], int, _Computation], int | None]
"""Does an instruction, given the stack, its operand and the computation.

Returns None, or where to jump, or `_NOT_PLAIN` with nothing changed."""
type _Step = tuple[_Run, int, int, int, int]
"""How to do an instruction, its gas, how much stack it needs, its operand, where the next one is."""


class FastCode(CodeStream):
    """The code of one computation. The stack holds whole numbers only while it is at work."""

    __slots__ = ("_computation", "_program", "landings")

    def __init__(self, code: bytes, computation: _Computation) -> None:
        super().__init__(code)
        self._computation = computation
        self._program = _program_of(code)
        self.landings = _landings_of(code)
        """Where a jump may lead."""

    def __iter__(self) -> Iterator[int]:
        """Do what can be done here, and yield each other instruction, as py-evm would find it."""
        computation, program, code = self._computation, self._program, self._raw_code_bytes
        meter, values = computation._gas_meter, computation._stack.values
        length, position = len(code), self.program_counter
        while position < length:
            step = program[position]
            if step is not None:
                run, gas, needs, operand, following = step
                if meter.gas_remaining >= gas and needs <= len(values) < _STACK_LIMIT:
                    target = run(values, operand, computation)
                    if target != _NOT_PLAIN:
                        meter.gas_remaining -= gas
                        position = following if target is None else target
                        continue
            self.program_counter = position + 1
            yield code[position]
            position = self.program_counter
            if values and isinstance(values[-1], bytes):
                values[-1] = int.from_bytes(values[-1])
        self.program_counter = position
        yield op.STOP


class FastComputation(PragueComputation):
    """Prague's, with everyday instructions done at once."""

    def __init__(self, state: StateAPI, message: MessageAPI, transaction_context: TransactionContextAPI) -> None:
        super().__init__(state, message, transaction_context)
        self.code = FastCode(message.code, self)

    def extend_memory(self, start_position: int, size: int) -> None:
        """Make memory larger and charge for it, where it is not large enough."""
        if size == 0 or start_position + size > len(self._memory):
            super().extend_memory(start_position, size)


def _push(values: list[int], operand: int, _: _Computation) -> None:
    values.append(operand)


def _pop(values: list[int], _operand: int, _: _Computation) -> None:
    values.pop()


def _duplicate(values: list[int], depth: int, _: _Computation) -> None:
    values.append(values[-depth])


def _swap(values: list[int], depth: int, _: _Computation) -> None:
    values[-1], values[-depth] = values[-depth], values[-1]


def _nothing(_values: list[int], _operand: int, _: _Computation) -> None:
    pass


def _jump(values: list[int], _operand: int, computation: _Computation) -> int:
    target = values[-1]
    if target not in computation.code.landings:
        return _NOT_PLAIN
    values.pop()
    return target


def _jump_if(values: list[int], _operand: int, computation: _Computation) -> int | None:
    target = None
    if values[-2]:
        target = values[-1]
        if target not in computation.code.landings:
            return _NOT_PLAIN
    del values[-2:]
    return target


def _load(values: list[int], _operand: int, computation: _Computation) -> int | None:
    memory, start = computation._memory._bytes, values[-1]
    if start + 32 > len(memory):
        return _NOT_PLAIN
    values[-1] = int.from_bytes(memory[start : start + 32])
    return None


def _store(values: list[int], _operand: int, computation: _Computation) -> int | None:
    memory, start = computation._memory._bytes, values[-1]
    if start + 32 > len(memory):
        return _NOT_PLAIN
    memory[start : start + 32] = values[-2].to_bytes(32)
    del values[-2:]
    return None


def _call_data(values: list[int], _operand: int, computation: _Computation) -> None:
    start = values[-1]
    values[-1] = int.from_bytes(computation.msg.data_as_bytes[start : start + 32].ljust(32, b"\0"))


def _is_zero(values: list[int], _operand: int, _: _Computation) -> None:
    values[-1] = 0 if values[-1] else 1


def _not(values: list[int], _operand: int, _: _Computation) -> None:
    values[-1] ^= _WORD


def _of_two(calculate: Callable[[int, int], int]) -> _Run:
    def run(values: list[int], _operand: int, _: _Computation) -> None:
        left = values.pop()
        values[-1] = calculate(left, values[-1]) & _WORD

    return run


_OTHERS: Final[dict[int, tuple[_Run, int]]] = {
    op.POP: (_pop, 1),
    op.JUMPDEST: (_nothing, 0),
    op.JUMP: (_jump, 1),
    op.JUMPI: (_jump_if, 2),
    op.MLOAD: (_load, 1),
    op.MSTORE: (_store, 2),
    op.CALLDATALOAD: (_call_data, 1),
    op.ISZERO: (_is_zero, 1),
    op.NOT: (_not, 1),
    op.ADD: (_of_two(lambda left, right: left + right), 2),
    op.SUB: (_of_two(lambda left, right: left - right), 2),
    op.MUL: (_of_two(lambda left, right: left * right), 2),
    op.DIV: (_of_two(lambda left, right: left // right if right else 0), 2),
    op.SHL: (_of_two(lambda shift, value: value << shift if shift < 256 else 0), 2),
    op.SHR: (_of_two(lambda shift, value: value >> shift if shift < 256 else 0), 2),
    op.LT: (_of_two(lt), 2),
    op.GT: (_of_two(gt), 2),
    op.EQ: (_of_two(eq), 2),
    op.AND: (_of_two(and_), 2),
    op.OR: (_of_two(or_), 2),
    op.XOR: (_of_two(xor), 2),
}
"""How to do an instruction without operand, and how much stack it needs."""
_GAS: Final[dict[int, int]] = {
    opcode: getattr(instruction, "gas_cost", 0) for opcode, instruction in PRAGUE_OPCODES.items()
}
"""What an instruction costs at least; of those that are done here, all that it costs."""


@lru_cache(maxsize=256)
def _program_of(code: bytes) -> list[_Step | None]:
    """Return what is at each place of a code; None where py-evm has to do it, and inside the operands of pushes."""
    program: list[_Step | None] = [None] * len(code)
    position = 0
    while position < len(code):
        following = position + 1 + _operand_bytes(code[position])
        if following <= len(code):
            program[position] = _step_at(code, position, following)
        position = following
    return program


@lru_cache(maxsize=256)
def _landings_of(code: bytes) -> frozenset[int]:
    """Return where a jump may lead."""
    places, position = set(), 0
    while position < len(code):
        if code[position] == op.JUMPDEST:
            places.add(position)
        position += 1 + _operand_bytes(code[position])
    return frozenset(places)


def _step_at(code: bytes, position: int, following: int) -> _Step | None:
    opcode = code[position]
    run: _Run
    if op.PUSH0 <= opcode <= op.PUSH32:
        run, needs, operand = _push, 0, int.from_bytes(code[position + 1 : following])
    elif op.DUP1 <= opcode <= op.DUP16:
        run, needs, operand = _duplicate, opcode - op.DUP1 + 1, opcode - op.DUP1 + 1
    elif op.SWAP1 <= opcode <= op.SWAP16:
        run, needs, operand = _swap, opcode - op.SWAP1 + 2, opcode - op.SWAP1 + 2
    elif opcode in _OTHERS:
        (run, needs), operand = _OTHERS[opcode], 0
    else:
        return None
    return run, _GAS[opcode], needs, operand, following


def _operand_bytes(opcode: int) -> int:
    return opcode - op.PUSH0 if op.PUSH0 <= opcode <= op.PUSH32 else 0
