"""The everyday instructions of a contract, done without py-evm's layers of calls: nearly all that a settlement takes.

py-evm asks the code of a computation for one instruction after the other. This code does by itself what it can do
exactly, and hands out the rest. Whatever is not plain (gas or stack that does not suffice, a jump to a wrong place, an
instruction that is not in the tables below) is handed out untouched, so that gas, results and errors are always
py-evm's own.

Instructions that do nothing but move numbers on the stack always succeed if there is gas and stack for them. Those that
stand one behind the other are done as one block, which is checked once for all of them; if it cannot be done as a
whole, they are done one by one.
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
from msgspec import Struct

from tegro_localnet.chain.node.fast_memory import (
    CONTEXT_INSTRUCTIONS,
    GAS,
    MEMORY_INSTRUCTIONS,
    NOT_PLAIN,
    Computation,
    Run,
    greater_signed,
)

_WORD: Final = 2**256 - 1
_STACK_LIMIT: Final = 1024

type _Step = tuple[Callable[[list[int], Any, Computation], int | None], int, int, int, Any, int]
"""How to do an instruction or a block of them, its gas, the least and the most stack that it can begin with, its
operand (a block's is its instructions with their operands), where the next one is."""


class FastCode(CodeStream):
    """The code of one computation. The stack holds whole numbers only while it is at work."""

    __slots__ = ("_computation", "_program", "landings")

    def __init__(self, code: bytes, computation: Computation) -> None:
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
            for run, gas, needs, most, operand, following in program[position]:
                if meter.gas_remaining >= gas and needs <= len(values) <= most:
                    target = run(values, operand, computation)
                    if target != NOT_PLAIN:
                        meter.gas_remaining -= gas
                        position = following if target is None else target
                        break
            else:
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


def _push(values: list[int], operand: int, _: Computation) -> None:
    values.append(operand)


def _pop(values: list[int], _operand: int, _: Computation) -> None:
    values.pop()


def _duplicate(values: list[int], depth: int, _: Computation) -> None:
    values.append(values[-depth])


def _swap(values: list[int], depth: int, _: Computation) -> None:
    values[-1], values[-depth] = values[-depth], values[-1]


def _nothing(_values: list[int], _operand: int, _: Computation) -> None:
    pass


def _jump(values: list[int], _operand: int, computation: Computation) -> int:
    target = values[-1]
    if target not in computation.code.landings:
        return NOT_PLAIN
    values.pop()
    return target


def _jump_if(values: list[int], _operand: int, computation: Computation) -> int | None:
    target = None
    if values[-2]:
        target = values[-1]
        if target not in computation.code.landings:
            return NOT_PLAIN
    del values[-2:]
    return target


def _block(values: list[int], steps: tuple[tuple[Run, int], ...], computation: Computation) -> None:
    for run, operand in steps:
        run(values, operand, computation)


def _is_zero(values: list[int], _operand: int, _: Computation) -> None:
    values[-1] = 0 if values[-1] else 1


def _not(values: list[int], _operand: int, _: Computation) -> None:
    values[-1] ^= _WORD


def _of_two(calculate: Callable[[int, int], int]) -> Run:
    def run(values: list[int], _operand: int, _: Computation) -> None:
        left = values.pop()
        values[-1] = calculate(left, values[-1]) & _WORD

    return run


_PLAIN: Final[dict[int, tuple[Run, int, int]]] = CONTEXT_INSTRUCTIONS | {
    op.POP: (_pop, 1, -1),
    op.JUMPDEST: (_nothing, 0, 0),
    op.ISZERO: (_is_zero, 1, 0),
    op.NOT: (_not, 1, 0),
    op.ADD: (_of_two(lambda left, right: left + right), 2, -1),
    op.SUB: (_of_two(lambda left, right: left - right), 2, -1),
    op.MUL: (_of_two(lambda left, right: left * right), 2, -1),
    op.DIV: (_of_two(lambda left, right: left // right if right else 0), 2, -1),
    op.MOD: (_of_two(lambda left, right: left % right if right else 0), 2, -1),
    op.SHL: (_of_two(lambda shift, value: value << shift if shift < 256 else 0), 2, -1),
    op.SHR: (_of_two(lambda shift, value: value >> shift if shift < 256 else 0), 2, -1),
    op.LT: (_of_two(lt), 2, -1),
    op.GT: (_of_two(gt), 2, -1),
    op.SGT: (_of_two(greater_signed), 2, -1),
    op.EQ: (_of_two(eq), 2, -1),
    op.AND: (_of_two(and_), 2, -1),
    op.OR: (_of_two(or_), 2, -1),
    op.XOR: (_of_two(xor), 2, -1),
}
"""How to do an instruction that always succeeds, how much stack it needs, and how much it leaves beside."""
_OTHERS: Final[dict[int, tuple[Run, int]]] = MEMORY_INSTRUCTIONS | {op.JUMP: (_jump, 1), op.JUMPI: (_jump_if, 2)}
"""How to do an instruction that may have to be handed out, and how much stack it needs."""


class _Plain(Struct, frozen=True):
    """An instruction that always succeeds. `change` is by how much the stack grows."""

    run: Run
    gas: int
    needs: int
    change: int
    operand: int
    following: int


@lru_cache(maxsize=256)
def _program_of(code: bytes) -> list[tuple[_Step, ...]]:
    """Return what may be done at each place of a code, the best first; nothing where py-evm has to do it."""
    program: list[tuple[_Step, ...]] = [()] * len(code)
    waiting: list[tuple[int, _Plain]] = []
    for position, following in _instructions(code):
        plain = _plain_at(code, position, following)
        if plain is None or code[position] == op.JUMPDEST:
            _join(waiting, program)
            waiting = []
        if plain is not None:
            waiting.append((position, plain))
            program[position] = (_alone(plain),)
        elif code[position] in _OTHERS:
            run, needs = _OTHERS[code[position]]
            program[position] = ((run, GAS[code[position]], needs, _STACK_LIMIT - 1, 0, following),)
    _join(waiting, program)
    return program


def _join(waiting: list[tuple[int, _Plain]], program: list[tuple[_Step, ...]]) -> None:
    """Put before the first of some instructions that stand one behind the other that they may be done as a block."""
    if len(waiting) < 2:
        return
    gas = needs = height = highest = 0
    for _, plain in waiting:
        gas += plain.gas
        needs = max(needs, plain.needs - height)
        height += plain.change
        highest = max(highest, height)
    steps = tuple((plain.run, plain.operand) for _, plain in waiting if plain.run is not _nothing)
    start, following = waiting[0][0], waiting[-1][1].following
    program[start] = ((_block, gas, needs, _STACK_LIMIT - highest, steps, following), *program[start])


def _alone(plain: _Plain) -> _Step:
    most = _STACK_LIMIT - max(plain.change, 0)
    return plain.run, plain.gas, plain.needs, most, plain.operand, plain.following


@lru_cache(maxsize=256)
def _landings_of(code: bytes) -> frozenset[int]:
    """Return where a jump may lead."""
    return frozenset(position for position, _ in _instructions(code) if code[position] == op.JUMPDEST)


def _instructions(code: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each instruction is and where the next one is; the operand of the last may be cut short."""
    position = 0
    while position < len(code):
        opcode = code[position]
        following = position + 1 + (opcode - op.PUSH0 if op.PUSH0 <= opcode <= op.PUSH32 else 0)
        yield position, following
        position = following


def _plain_at(code: bytes, position: int, following: int) -> _Plain | None:
    opcode = code[position]
    if following > len(code):
        return None
    run: Run
    operand = 0
    if op.PUSH0 <= opcode <= op.PUSH32:
        run, needs, change, operand = _push, 0, 1, int.from_bytes(code[position + 1 : following])
    elif op.DUP1 <= opcode <= op.DUP16:
        operand = opcode - op.DUP1 + 1
        run, needs, change = _duplicate, operand, 1
    elif op.SWAP1 <= opcode <= op.SWAP16:
        operand = opcode - op.SWAP1 + 2
        run, needs, change = _swap, operand, 0
    elif opcode in _PLAIN:
        run, needs, change = _PLAIN[opcode]
    else:
        return None
    return _Plain(run, GAS[opcode], needs, change, operand, following)
