"""ERC-20 approvals for the exchange contract: what is allowed, what should be, and the transactions in between.

An allowance is the only authority that a wallet gives away (protocol 7.1). So it is read before anything is sent, set
to an exact amount, and to the largest number only if that is asked for by name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tegro.errors import ChainFailure, InvalidInput, SigningRefused
from tegro.evm import Call, EvmNode, Receipt, Reverted
from tegro.model import Chain, Token, unscaled
from tegro.settings import Environment
from tegro.signer import Signer

UNLIMITED_WEI: Final = 2**256 - 1
"""The amount that most tokens never count down."""
FEE_CEILING_WEI: Final = 10**16
"""Most that one approval may cost: 0.01 of the chain's coin."""
RECEIPT_SECS: Final = 120.0


class AllowanceState(Struct, frozen=True, kw_only=True):
    """What the exchange contract may move of one token, and what there is."""

    token: Token
    allowance_wei: int
    cap_wei: int | None
    """The most that the settings allow; None where they say nothing."""
    balance_wei: int


class Approval(Struct, frozen=True, kw_only=True):
    """An approval to be made: exactly this amount, for exactly this spender."""

    token: Token
    spender: str
    amount_wei: int
    current_wei: int
    """The allowance when the plan was made."""


class ApprovalReceipt(Struct, frozen=True, kw_only=True):
    """An approval that was made."""

    token: Token
    amount_wei: int
    tx_hash: str
    gas_used: int
    fee_wei: int


class AllowanceManager:
    """Approvals of one wallet for the exchange contract of one chain.

    Every method raises `ChainFailure` where the node does not do its part, and first makes sure that the node is on the
    environment's chain.

    Parameters
    ----------
    environment
        Names the node (`rpc_url`), the chain and the caps.
    signer
        The wallet.
    chain
        Returns the chain with its exchange contract, or refuses (`AsyncTegro.chain`).
    fee_ceiling_wei
        Most that one transaction may cost, in the chain's own coin.
    receipt_timeout_secs
        How long one transaction is waited for.

    Raises
    ------
    InvalidInput
        If the environment has no `rpc_url`.
    """

    def __init__(
        self,
        environment: Environment,
        signer: Signer,
        chain: Callable[[], Awaitable[Chain]],
        *,
        fee_ceiling_wei: int = FEE_CEILING_WEI,
        receipt_timeout_secs: float = RECEIPT_SECS,
    ) -> None:
        if environment.rpc_url is None:
            raise InvalidInput(
                f"approvals need a node of the chain: set rpc_url of [{environment.name}] in the settings file, "
                f"or TEGRO_{environment.name.upper()}_RPC_URL"
            )
        self._environment = environment
        self._signer = signer
        self._chain = chain
        self._fee_ceiling_wei = fee_ceiling_wei
        self._receipt_timeout_secs = receipt_timeout_secs
        self._node = EvmNode(environment.rpc_url, environment.chain_id)
        self._sending = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections to the node. May be repeated."""
        await self._node.aclose()

    async def state(self, tokens: Iterable[Token]) -> list[AllowanceState]:
        """Return allowance, cap and balance of each token, read from the chain."""
        spender = (await self._chain()).exchange_contract
        owner = self._signer.address
        return [
            AllowanceState(
                token=token,
                allowance_wei=await self._node.allowance(token.address, owner, spender),
                cap_wei=self._environment.approval_cap_wei(token),
                balance_wei=await self._node.balance_of(token.address, owner),
            )
            for token in tokens
        ]

    async def plan(self, caps: Mapping[Token, int], *, unlimited: bool = False) -> list[Approval]:
        """Return the approvals that are needed: those of tokens whose allowance is below the amount. Sends nothing.

        Parameters
        ----------
        caps
            The exact allowance wanted of each token, in its smallest unit.
        unlimited
            True asks for 2^256 - 1 of every one of them instead. The exchange contract can then move all that the
            wallet ever holds of them.

        Raises
        ------
        InvalidInput
            If an amount is negative, or is 2^256 - 1 or more without `unlimited`.
        """
        spender = (await self._chain()).exchange_contract
        needed = []
        for token, cap_wei in caps.items():
            if not 0 <= cap_wei < UNLIMITED_WEI and not unlimited:
                raise InvalidInput(f"an approval of {token.symbol} must lie below 2^256 - 1, was {cap_wei}")
            amount_wei = UNLIMITED_WEI if unlimited else cap_wei
            current_wei = await self._node.allowance(token.address, self._signer.address, spender)
            if current_wei < amount_wei:
                needed.append(Approval(token=token, spender=spender, amount_wei=amount_wei, current_wei=current_wei))
        return needed

    async def apply(self, plan: Sequence[Approval]) -> list[ApprovalReceipt]:
        """Make the approvals one by one, and wait for each. May be repeated: what is there already is skipped.

        A token that refuses to change an allowance that is not zero gets one transaction more, which sets it to zero.

        Raises
        ------
        SigningRefused
            If an approval is for another spender than the chain's exchange contract.
        ChainFailure
            If one cannot be made; those before it were made.
        """
        receipts = []
        async with self._sending:
            spender = (await self._chain()).exchange_contract
            for approval in plan:
                if approval.spender != spender:
                    raise SigningRefused(
                        f"an approval of {approval.token.symbol} for {approval.spender} was planned, "
                        f"but the exchange contract is {spender}"
                    )
                receipts += await self._apply_one(approval)
        return receipts

    async def _apply_one(self, approval: Approval) -> list[ApprovalReceipt]:
        token, owner = approval.token, self._signer.address
        current_wei = await self._node.allowance(token.address, owner, approval.spender)
        if current_wei >= approval.amount_wei:
            return []
        receipts = []
        try:
            call = await self._node.approve_call(token.address, owner, approval.spender, approval.amount_wei)
        except Reverted:
            if current_wei == 0:
                raise
            to_zero = await self._node.approve_call(token.address, owner, approval.spender, 0)
            receipts.append(_made(token, 0, await self._send(to_zero, f"resetting the approval of {token.symbol}")))
            call = await self._node.approve_call(token.address, owner, approval.spender, approval.amount_wei)
        receipts.append(_made(token, approval.amount_wei, await self._send(call, f"approving {token.symbol}")))
        return receipts

    async def _send(self, call: Call, what: str) -> Receipt:
        fees = await self._node.fees()
        cost_wei = call.gas * fees.max_fee_wei
        if cost_wei > self._fee_ceiling_wei:
            raise ChainFailure(
                f"{what} could cost {_coins(cost_wei)}, above the ceiling of {_coins(self._fee_ceiling_wei)} "
                "of the chain's coin; nothing was sent, try again when fees are lower"
            )
        held_wei = await self._node.native_balance(self._signer.address)
        if held_wei < cost_wei:
            raise ChainFailure(
                f"{what} could cost {_coins(cost_wei)} of the chain's coin, but the wallet holds {_coins(held_wei)}; "
                "nothing was sent"
            )
        transaction: dict[str, object] = {
            "type": 2,
            "to": call.to,
            "data": call.data,
            "value": 0,
            "gas": call.gas,
            "chainId": self._environment.chain_id,
            "nonce": await self._node.pending_nonce(self._signer.address),
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.priority_fee_wei,
        }
        return await self._node.send(await self._signer.sign_transaction(transaction), self._receipt_timeout_secs)


def _made(token: Token, amount_wei: int, receipt: Receipt) -> ApprovalReceipt:
    return ApprovalReceipt(
        token=token,
        amount_wei=amount_wei,
        tx_hash=receipt.tx_hash,
        gas_used=receipt.gas_used,
        fee_wei=receipt.fee_wei,
    )


def _coins(amount_wei: int) -> str:
    return f"{unscaled(amount_wei, 18):f}"
