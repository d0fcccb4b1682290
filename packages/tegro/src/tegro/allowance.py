"""ERC-20 approvals for the exchange contract: what is allowed, what should be, and the transactions in between.

An allowance is the only authority that a wallet gives away (protocol 7.1). So it is read before anything is sent, set
to an exact amount, and to the largest number only if that is asked for by name.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from tegro.eip712 import to_checksum
from tegro.errors import ChainFailure, InvalidInput, SigningRefused, TegroError
from tegro.evm import APPROVE, Call, EvmNode, Reverted
from tegro.model import Chain, Token
from tegro.settings import Environment
from tegro.signer import Signer
from tegro.transactions import RECEIPT_SECS, TransactionSender

UNLIMITED_WEI: Final = 2**256 - 1
"""The amount that most tokens never count down."""


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


class ApprovalStep(Struct, frozen=True, kw_only=True):
    """One transaction of an approval was taken by the node, or is in a block."""

    token: Token
    amount_wei: int
    """What it allows; 0 takes the allowance away."""
    tx_hash: str
    fee_wei: int | None
    """What it cost, in the chain's own coin; None while it is in no block."""


class ApprovalReceipt(Struct, frozen=True, kw_only=True):
    """An approval that was made."""

    token: Token
    amount_wei: int
    tx_hash: str
    gas_used: int
    fee_wei: int


type StepListener = Callable[[ApprovalStep], None]


class AllowanceManager:
    """Approvals of one wallet for the exchange contract of one chain.

    Every method raises `ChainFailure` where the node does not do its part, and first makes sure that the node is on the
    environment's chain. Sentences about a transaction name the token, and the transaction once there is one.

    Parameters
    ----------
    environment
        Names the node (`rpc_url`), the chain, the caps and the most that one transaction may cost.
    signer
        The wallet.
    chain
        Returns the chain with its exchange contract, or refuses (`AsyncTegro.chain`).
    tokens
        Returns the tokens that `revoke` looks at where none are named. None: they must be named.
    require_tokens
        Refuses tokens that are not what was pinned (`Trust.require_tokens`), before more than nothing is approved.
        None trusts them as they are.
    node
        The node, used and never closed. None makes one of `rpc_url`.
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
        tokens: Callable[[], Awaitable[Iterable[Token]]] | None = None,
        require_tokens: Callable[[Iterable[Token]], Awaitable[None]] | None = None,
        node: EvmNode | None = None,
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
        self._tokens = tokens
        self._require_tokens = require_tokens
        self._owns_node = node is None
        self._node = EvmNode(environment.rpc_url, environment.chain_id) if node is None else node
        self._sender = TransactionSender(
            self._node,
            signer,
            environment.chain_id,
            fee_ceiling_wei=environment.fee_ceiling_wei,
            receipt_timeout_secs=receipt_timeout_secs,
        )

    async def aclose(self) -> None:
        """Close the connections that were made here. May be repeated."""
        if self._owns_node:
            await self._node.aclose()

    async def _check_tokens(self, tokens: Iterable[Token]) -> None:
        if self._require_tokens is not None:
            await self._require_tokens(tokens)

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
            The exact allowance wanted of each token, in its smallest unit. A token may stand there twice under two
            symbols; it is planned once.
        unlimited
            True asks for 2^256 - 1 of every one of them instead. The exchange contract can then move all that the
            wallet ever holds of them.

        Raises
        ------
        InvalidInput
            If an amount is negative, or is 2^256 - 1 or more without `unlimited`, or one token has two amounts.
        """
        spender = (await self._chain()).exchange_contract
        wanted = []
        for token, cap_wei in caps.items():
            if not 0 <= cap_wei < UNLIMITED_WEI and not unlimited:
                raise InvalidInput(f"an approval of {token.symbol} must lie below 2^256 - 1, was {cap_wei}")
            wanted.append((token, UNLIMITED_WEI if unlimited else cap_wei))
        await self._check_tokens(token for token, amount_wei in wanted if amount_wei)
        needed = []
        for token, amount_wei in _once_each(wanted):
            current_wei = await self._node.allowance(token.address, self._signer.address, spender)
            if current_wei < amount_wei:
                needed.append(Approval(token=token, spender=spender, amount_wei=amount_wei, current_wei=current_wei))
        return needed

    async def apply(
        self, plan: Sequence[Approval], *, budget_wei: int | None = None, on_step: StepListener | None = None
    ) -> list[ApprovalReceipt]:
        """Make the approvals one by one, and wait for each. May be repeated: what is there already is skipped.

        A token that refuses to change an allowance that is not zero gets one transaction more, which sets it to zero.
        Until the second one is in a block, the venue sees no allowance and may cancel resting orders (code 712).

        Parameters
        ----------
        plan
            What `plan` returned. A token that stands there twice gets one approval.
        budget_wei
            Most that all of it may cost, in the chain's own coin. None: only the ceiling of each transaction counts.
        on_step
            Told each transaction, when it is sent and when it is in a block.

        Raises
        ------
        SigningRefused
            If an approval is for another spender than the chain's exchange contract.
        InvalidInput
            If one token has two amounts.
        FeeTooHigh, GasMissing
            If a transaction could cost more than allowed or held. It was not signed; those before it were made.
        TransactionFailed
            If a transaction failed, or was not seen in time: the sentence then says that it may still come. The next
            call replaces it.
        ChainFailure
            If one cannot be made for another reason; those before it were made.
        """
        spender = (await self._chain()).exchange_contract
        for approval in plan:
            if approval.spender != spender:
                raise SigningRefused(
                    f"an approval of {approval.token.symbol} for {approval.spender} was planned, "
                    f"but the exchange contract is {spender}"
                )
        await self._check_tokens(approval.token for approval in plan if approval.amount_wei)
        run = _Run(spender, budget_wei, on_step)
        for token, amount_wei in _once_each((approval.token, approval.amount_wei) for approval in plan):
            await self._raise_to(run, token, amount_wei)
        return run.receipts

    async def revoke(
        self,
        tokens: Iterable[Token] | None = None,
        *,
        spender: str | None = None,
        on_step: StepListener | None = None,
    ) -> list[ApprovalReceipt]:
        """Take back what the contract may move: set the allowances that are not zero to zero. May be repeated.

        One that cannot be taken back does not keep the others from being.

        Parameters
        ----------
        tokens
            Which; None means all that the venue lists.
        spender
            Whose allowance; None means the chain's exchange contract. To name an earlier contract is safe, because
            nothing is given.
        on_step
            Told each transaction, when it is sent and when it is in a block.

        Raises
        ------
        InvalidInput
            If no tokens are named and none are known.
        ChainFailure
            If some allowances were not taken back; the sentence names each token and its cause.
        """
        if tokens is None:
            if self._tokens is None:
                raise InvalidInput("name the tokens whose approvals are to be revoked")
            tokens = await self._tokens()
        run = _Run((await self._chain()).exchange_contract if spender is None else spender, None, on_step)
        failures = []
        for token, _ in _once_each((token, 0) for token in tokens):
            try:
                await self._take_back(run, token)
            except TegroError as failure:
                failures.append(f"{token.symbol}: {failure}")
        if failures:
            raise ChainFailure(f"approvals that were not revoked: {len(failures)}. {'; '.join(failures)}")
        return run.receipts

    async def _raise_to(self, run: "_Run", token: Token, amount_wei: int) -> None:
        current_wei = await self._allowance(token, run.spender)
        if current_wei >= amount_wei and not self._sender.is_open(_subject(token, run.spender)):
            return
        try:
            call = await self._call(run, token, amount_wei)
        except Reverted:
            if current_wei == 0:
                raise
            # Perhaps it only refuses to go from one allowance to another without zero in between.
            await self._send(run, token, 0, await self._call(run, token, 0))
            call = await self._call(run, token, amount_wei)
        await self._send(run, token, amount_wei, call)

    async def _take_back(self, run: "_Run", token: Token) -> None:
        current_wei = await self._allowance(token, run.spender)
        # An approval that is still on its way would otherwise come after this.
        if current_wei > 0 or self._sender.is_open(_subject(token, run.spender)):
            await self._send(run, token, 0, await self._call(run, token, 0))

    async def _allowance(self, token: Token, spender: str) -> int:
        return await self._node.allowance(token.address, self._signer.address, spender)

    async def _call(self, run: "_Run", token: Token, amount_wei: int) -> Call:
        try:
            spender = to_checksum(run.spender)
            return await self._node.prepare(self._signer.address, token.address, APPROVE, spender, amount_wei)
        except Reverted as refusal:
            raise Reverted(f"{_subject(token, run.spender)}: {refusal}") from None

    async def _send(self, run: "_Run", token: Token, amount_wei: int, call: Call) -> None:
        receipt = await self._sender.send(
            call,
            _subject(token, run.spender),
            budget_wei=run.left_wei,
            on_sent=lambda tx_hash: run.tell(token, amount_wei, tx_hash, None),
        )
        run.receipts.append(
            ApprovalReceipt(
                token=token,
                amount_wei=amount_wei,
                tx_hash=receipt.tx_hash,
                gas_used=receipt.gas_used,
                fee_wei=receipt.fee_wei,
            )
        )
        run.tell(token, amount_wei, receipt.tx_hash, receipt.fee_wei)


class _Run:
    """What one call of `apply` or `revoke` has done and may still spend."""

    def __init__(self, spender: str, budget_wei: int | None, on_step: StepListener | None) -> None:
        self.spender = spender
        self.receipts: list[ApprovalReceipt] = []
        self._budget_wei = budget_wei
        self._on_step = on_step

    @property
    def left_wei(self) -> int | None:
        if self._budget_wei is None:
            return None
        return self._budget_wei - sum(receipt.fee_wei for receipt in self.receipts)

    def tell(self, token: Token, amount_wei: int, tx_hash: str, fee_wei: int | None) -> None:
        if self._on_step is not None:
            self._on_step(ApprovalStep(token=token, amount_wei=amount_wei, tx_hash=tx_hash, fee_wei=fee_wei))


def _once_each(wanted: Iterable[tuple[Token, int]]) -> list[tuple[Token, int]]:
    """Return each token once, in the order of their first appearance."""
    amounts: dict[str, tuple[Token, int]] = {}
    for token, amount_wei in wanted:
        _, first_wei = amounts.setdefault(token.address, (token, amount_wei))
        if first_wei != amount_wei:
            raise InvalidInput(
                f"{token.symbol} ({token.address}) is to be approved for {token.from_wei(first_wei):f} and for "
                f"{token.from_wei(amount_wei):f}; name one amount"
            )
    return list(amounts.values())


def _subject(token: Token, spender: str) -> str:
    return f"the approval of {token.symbol} ({token.address}) for {spender}"
