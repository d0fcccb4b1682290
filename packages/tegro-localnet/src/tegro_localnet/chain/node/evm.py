"""The virtual machine and how a call is run on a state, without and with a block around it."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from eth.abc import BlockHeaderAPI, ComputationAPI, StateAPI
from eth.chains.base import MiningChain
from eth.constants import CREATE_CONTRACT_ADDRESS, ZERO_ADDRESS
from eth.exceptions import OutOfGas, Revert
from eth.vm.chain_context import ChainContext
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.state import PragueState
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, Hash32
from eth_utils.exceptions import ValidationError
from msgspec import Struct

from tegro_localnet.chain.node.fast_code import FastComputation
from tegro_localnet.chain.node.refusals import RpcRefusal, execution_reverted, invalid_input, out_of_gas

# How close an estimate comes to the least gas that works: 1.5 percent, as geth's does.
_ESTIMATE_ERROR_PER_MILLE: Final = 15
# What a call with value gives to the contract it calls beside the gas it was sent with.
_CALL_STIPEND: Final = 2_300


class LocalState(PragueState):
    """Prague's, whose computations do everyday instructions at once."""

    computation_class = FastComputation


class LocalVM(PragueVM):
    """Prague, except that two blocks may carry the same second.

    A block is made for each transaction at once, as on the rollups that Tegro runs on. With strictly later seconds a
    burst of transactions would push the chain's clock ahead of the real one, and orders would expire early.
    """

    _state_class = LocalState

    @classmethod
    def validate_header(cls, header: BlockHeaderAPI, parent_header: BlockHeaderAPI) -> None:
        """Check a block header against the one before it."""
        if header.timestamp == parent_header.timestamp:
            parent_header = parent_header.copy(timestamp=parent_header.timestamp - 1)
        super().validate_header(header, parent_header)


def base_fee_wei(header: BlockHeaderAPI) -> int:
    """Return what a unit of gas costs in a block at least; every block of this chain has it."""
    return header.base_fee_per_gas or 0


class Call(Struct, frozen=True, kw_only=True):
    """What `eth_call` and `eth_estimateGas` ask for."""

    sender: Address = ZERO_ADDRESS
    to: Address = CREATE_CONTRACT_ADDRESS
    data: bytes = b""
    value_wei: int = 0
    gas: int | None = None


class Outcome(Struct, frozen=True):
    """How a run on a state ended."""

    computation: ComputationAPI
    gas_used: int
    gas_refund: int


def build_state(chain: MiningChain, header: BlockHeaderAPI, ancestors: Iterable[Hash32]) -> StateAPI:
    """Return the state after a block, where gas costs nothing."""
    return LocalVM.build_state(
        chain.chaindb.db, header.copy(base_fee_per_gas=0), ChainContext(chain.chain_id), ancestors
    )


def run(state: StateAPI, call: Call, gas: int) -> Outcome:
    """Run a call on a state. The state is used up.

    Raises
    ------
    RpcRefusal
        If the call cannot even begin, for example for want of coins.
    """
    builder: Any = LocalVM.get_transaction_builder()
    unsigned = builder.new_unsigned_dynamic_fee_transaction(
        chain_id=state.execution_context.chain_id,
        nonce=state.get_nonce(call.sender),
        max_priority_fee_per_gas=0,
        max_fee_per_gas=0,
        gas=gas,
        to=call.to,
        value=call.value_wei,
        data=call.data,
        access_list=(),
    )
    if gas < unsigned.intrinsic_gas:
        raise invalid_input(f"intrinsic gas too low: have {gas}, want {unsigned.intrinsic_gas}")
    transaction: Any = SpoofTransaction(unsigned, from_=call.sender)
    try:
        computation = state.apply_transaction(transaction)
    except ValidationError as error:
        raise invalid_input(f"insufficient funds for gas * price + value: {error}") from error
    return Outcome(computation, LocalVM.finalize_gas_used(transaction, computation), computation.get_gas_refund())


def output_or_refusal(outcome: Outcome, gas: int) -> bytes:
    """Return the output of a run, or raise what geth answers for its failure."""
    if not outcome.computation.is_error:
        return outcome.computation.output
    raise _failure(outcome.computation, gas)


def _failure(computation: ComputationAPI, gas: int) -> RpcRefusal:
    error = computation.error
    if isinstance(error, Revert):
        return execution_reverted(computation.output)
    if isinstance(error, OutOfGas):
        return out_of_gas(gas)
    return invalid_input(f"{type(error).__name__}: {error}")


class GasEstimator:
    """Finds the least gas a call works with, the way geth does: a good guess first, then halving.

    Parameters
    ----------
    state : callable
        Returns a fresh state to run on, each time it is called.
    gas_limit : int
        The most gas a call may have.
    """

    def __init__(self, state: Callable[[], StateAPI], gas_limit: int) -> None:
        self._state = state
        self._gas_limit = gas_limit

    def estimate(self, call: Call) -> int:
        """Return the estimate.

        Raises
        ------
        RpcRefusal
            If the call fails with all the gas it may have.
        """
        most = min(call.gas or self._gas_limit, self._gas_limit)
        outcome = run(self._state(), call, most)
        output_or_refusal(outcome, most)
        if not call.data and self._works(call, outcome.gas_used):
            # A plain transfer costs the same each time, and wallets expect to be told just that.
            return outcome.gas_used
        too_little = outcome.gas_used - 1
        # A caller keeps back a 64th of its gas at each call, and refunds come only at the end.
        guess = (outcome.gas_used + outcome.gas_refund + _CALL_STIPEND) * 64 // 63
        if guess < most:
            if self._works(call, guess):
                most = guess
            else:
                too_little = guess
        return self._halve(call, too_little, most)

    def _halve(self, call: Call, too_little: int, enough: int) -> int:
        while (enough - too_little) * 1000 > enough * _ESTIMATE_ERROR_PER_MILLE and enough - too_little > 1:
            # The answer is usually near the lower end.
            middle = min((enough + too_little) // 2, too_little * 2)
            if self._works(call, middle):
                enough = middle
            else:
                too_little = middle
        return enough

    def _works(self, call: Call, gas: int) -> bool:
        try:
            return not run(self._state(), call, gas).computation.is_error
        except RpcRefusal:
            return False
