"""Instructions done by the node itself, beside py-evm's own: the same gas, stack, memory, output and error."""

from typing import Any

import pytest
from eth.constants import CREATE_CONTRACT_ADDRESS
from eth.vm import opcode_values as op
from eth.vm.forks.prague.computation import PragueComputation
from hypothesis import given
from hypothesis import strategies as st

from tegro_localnet.chain.node.chain import LocalChain
from tegro_localnet.chain.node.evm import Call, Outcome, run
from tegro_localnet.chain.node.fast_code import FastComputation

SENDER = bytes(19) + b"\x01"
CHAIN = LocalChain(31337, {SENDER: 10**20}, lambda: 1_700_000_000)
WORDS = [0, 1, 2, 31, 32, 255, 256, 2**128, 2**255, 2**256 - 1]
EVERYDAY = [
    *(op.ADD, op.SUB, op.MUL, op.DIV, op.LT, op.GT, op.EQ, op.ISZERO, op.AND, op.OR, op.XOR, op.NOT, op.SHL, op.SHR),
    *(op.POP, op.MLOAD, op.MSTORE, op.CALLDATALOAD, op.JUMP, op.JUMPI, op.JUMPDEST),
]
OTHERS = [
    *(op.SIGNEXTEND, op.SLT, op.SAR, op.BYTE, op.EXP, op.SHA3, op.ADDRESS, op.CALLER, op.CODECOPY, op.MSTORE8, op.GAS),
    *(op.PC, op.MSIZE, op.MCOPY, op.SLOAD, op.SSTORE, op.TSTORE, op.LOG1, op.RETURN, op.REVERT, op.STOP, 0x0C, 0xFE),
]


def ran(computation_class: type[Any], code: bytes, gas: int) -> Outcome:
    state: Any = CHAIN.state(CHAIN.head)
    state.computation_class = computation_class
    return run(state, Call(sender=SENDER, to=CREATE_CONTRACT_ADDRESS, data=code), gas)


def seen(outcome: Outcome) -> dict[str, Any]:
    """Return all that one may see of a run. A word on py-evm's stack is bytes or a number, as it came."""
    done: Any = outcome.computation
    return {
        "class": issubclass(type(done), PragueComputation),
        "gas": (outcome.gas_used, outcome.gas_refund, done.get_gas_remaining()),
        "error": repr(done._error),
        "output": done.output,
        "logs": done.get_log_entries(),
        "stack": [word if isinstance(word, int) else int.from_bytes(word) for word in done._stack.values],
        "memory": bytes(done._memory._bytes),
        "counter": done.code.program_counter,
    }


def pushed(word: int, size: int = 0) -> bytes:
    size = max(size, (word.bit_length() + 7) // 8)
    return bytes([op.PUSH0 + size]) + word.to_bytes(size)


def instructions() -> st.SearchStrategy[bytes]:
    small = st.integers(0, 96)
    return st.one_of(
        st.builds(pushed, small, st.integers(0, 3)),
        st.builds(pushed, st.sampled_from(WORDS) | st.integers(0, 2**256 - 1)),
        st.integers(op.DUP1, op.SWAP16).map(lambda opcode: bytes([opcode])),
        st.sampled_from(EVERYDAY).map(lambda opcode: bytes([opcode])),
        st.sampled_from(OTHERS).map(lambda opcode: bytes([opcode])),
        # A jump that lands: over one instruction, to a place that is known only when the code is put together.
        st.just(bytes([op.PC, op.PUSH1, 5, op.ADD, op.JUMP, op.JUMPDEST])),
        st.just(bytes([op.PUSH1, 1, op.PC, op.PUSH1, 5, op.ADD, op.JUMPI, op.JUMPDEST])),
    )


@given(
    parts=st.lists(instructions(), max_size=60),
    begin=st.lists(st.integers(0, 200), max_size=12),
    gas=st.sampled_from([55_000, 60_000, 200_000]) | st.integers(53_500, 56_000),
)
def test_any_code_does_the_same_at_the_same_price(parts: list[bytes], begin: list[int], gas: int) -> None:
    code = b"".join(map(pushed, begin)) + b"".join(parts)
    # What the transaction itself costs depends on its data.
    gas += 16 * len(code)
    ours, stock = ran(FastComputation, code, gas), ran(PragueComputation, code, gas)
    assert type(ours.computation) is FastComputation
    assert seen(ours) == seen(stock)


@pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode:DeprecationWarning")
@given(code=st.binary(max_size=80))
def test_bytes_that_nobody_meant_as_code(code: bytes) -> None:
    assert seen(ran(FastComputation, code, 100_000)) == seen(ran(PragueComputation, code, 100_000))


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(bytes([op.PUSH0]) * 1025, id="stack is full"),
        pytest.param(bytes([op.PUSH0]) * 1024 + bytes([op.DUP1]), id="stack is full at a copy"),
        pytest.param(bytes([op.PUSH0]) * 1024 + bytes([op.ADD, op.SWAP1, op.POP]), id="full and well"),
        pytest.param(bytes([op.PUSH32, 1, 2]), id="push that the end cuts short"),
        pytest.param(bytes([op.PUSH1, 3, op.JUMP, op.PUSH1, op.JUMPDEST]), id="jump to a push"),
        pytest.param(bytes([op.PUSH1, 4, op.JUMP, op.PUSH1, op.JUMPDEST]), id="jump into an operand"),
        pytest.param(pushed(2**255) + bytes([op.JUMP]), id="jump out of the code"),
        pytest.param(bytes([op.JUMPDEST, op.GAS, op.POP, op.PUSH0, op.JUMP]), id="round and round until the gas ends"),
        pytest.param(pushed(1) + pushed(2**256 - 1) + bytes([op.MSTORE]), id="memory beyond all gas"),
    ],
)
def test_edges(code: bytes) -> None:
    assert seen(ran(FastComputation, code, 300_000)) == seen(ran(PragueComputation, code, 300_000))
