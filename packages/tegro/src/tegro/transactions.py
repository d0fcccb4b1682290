"""A wallet's transactions: nonces that do not clash, fees with a ceiling, and waiting for what becomes of them.

All senders of one wallet on one chain, in whatever thread or client of this process, take turns at choosing a nonce.
What was sent and never seen in a block is remembered: sending the same thing again replaces it (same nonce, higher
fees), and before anything else of the wallet is sent, it is sent again itself so that it holds nothing up. Transactions
of other software are never touched. The memory ends with the process; a transaction that waits from an earlier life
counts as other software's.
"""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

from msgspec import Struct

from tegro.errors import ChainFailure
from tegro.evm import BelowBaseFee, Call, EvmNode, FeeMarket, NonceTaken, NotTaken, Receipt, transaction_hash
from tegro.model import unscaled
from tegro.signer import Signer

RECEIPT_SECS: Final = 120.0
_TURN_SECS: Final = 0.02
_POLL_SECS: Final = 0.25


class FeeTooHigh(ChainFailure):
    """The transaction could cost more than may be spent; nothing was sent."""


class GasMissing(ChainFailure):
    """The wallet holds less of the chain's own coin than the transaction could cost; nothing was sent."""


class TransactionFailed(ChainFailure):
    """A transaction was sent and did not do its work, or is not known to have done it."""

    def __init__(self, message: str, *, tx_hash: str, cost_wei: int) -> None:
        super().__init__(message)
        self.tx_hash = tx_hash
        self.cost_wei = cost_wei
        """What it cost; the most that it may cost where it may still be carried out."""


class Fees(Struct, frozen=True, kw_only=True):
    """EIP-1559 fees offered for a unit of gas."""

    max_fee_wei: int
    priority_fee_wei: int


class _Sent(Struct, frozen=True, kw_only=True):
    """A transaction that is not known to be in a block."""

    subject: str
    nonce: int
    call: Call
    fees: Fees
    tx_hash: str
    replaced: tuple[str, ...] = ()
    """Hashes of those that it replaces; one of them may be carried out in its place."""

    @property
    def most_wei(self) -> int:
        """The most that it may cost."""
        return self.call.gas * self.fees.max_fee_wei


class _Lane:
    """The open transactions of one wallet on one chain, and whose turn it is.

    Clients may run in several threads with a loop each, so the lock is no asyncio one; it is held for a few requests.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open: dict[int, _Sent] = {}
        self._watched: set[int] = set()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        while not self._lock.acquire(blocking=False):  # noqa: ASYNC110  the holder may be in another event loop
            await asyncio.sleep(_TURN_SECS)
        try:
            yield
        finally:
            self._lock.release()

    def watch(self, sent: _Sent) -> None:
        self.open[sent.nonce] = sent
        self._watched.add(sent.nonce)

    def leave(self, nonce: int) -> None:
        """Nobody waits for it any more; what became of it is not known."""
        self._watched.discard(nonce)

    def forget(self, nonces: Collection[int]) -> None:
        for nonce in nonces:
            self.open.pop(nonce, None)
            self._watched.discard(nonce)

    def forget_below(self, nonce: int) -> None:
        self.forget([used for used in list(self.open) if used < nonce])

    def stuck(self) -> list[_Sent]:
        """Return what nobody waits for, the one that is next in turn first."""
        waiting = list(self.open.values())
        return sorted((sent for sent in waiting if sent.nonce not in self._watched), key=lambda sent: sent.nonce)


_lanes: Final[dict[tuple[str, int], _Lane]] = {}


class TransactionSender:
    """Sends calls of contracts as transactions of one wallet on one chain, and waits for them.

    Parameters
    ----------
    node
        A node of the chain.
    signer
        The wallet. It pays.
    chain_id
        The chain; the node must be on it.
    fee_ceiling_wei
        Most that one transaction may cost, in the chain's own coin. A rollup's fee for layer 1 comes on top.
    receipt_timeout_secs
        How long one transaction is waited for.
    poll_secs
        How often its receipt is asked for.
    """

    def __init__(
        self,
        node: EvmNode,
        signer: Signer,
        chain_id: int,
        *,
        fee_ceiling_wei: int,
        receipt_timeout_secs: float = RECEIPT_SECS,
        poll_secs: float = _POLL_SECS,
    ) -> None:
        self._node = node
        self._signer = signer
        self._chain_id = chain_id
        self._fee_ceiling_wei = fee_ceiling_wei
        self._receipt_timeout_secs = receipt_timeout_secs
        self._poll_secs = poll_secs
        self._lane = _lanes.setdefault((signer.address, chain_id), _Lane())

    def is_open(self, subject: str) -> bool:
        """Return whether a transaction of this subject was sent and is not known to be in a block."""
        return any(sent.subject == subject for sent in list(self._lane.open.values()))

    async def send(
        self,
        call: Call,
        subject: str,
        *,
        budget_wei: int | None = None,
        on_sent: Callable[[str], None] | None = None,
    ) -> Receipt:
        """Send a call and wait until it is in a block.

        Parameters
        ----------
        call
            What is called.
        subject
            What it does, as in "approving USDC". It begins each sentence of a failure, and a transaction with the same
            subject that nobody saw in a block is replaced.
        budget_wei
            Most that may be spent, where that is less than the ceiling of one transaction.
        on_sent
            Told the hash when the node has taken the transaction.

        Raises
        ------
        FeeTooHigh, GasMissing
            If it could cost more than allowed or held. Nothing was signed.
        TransactionFailed
            If it failed on the chain, or was not seen in time: it may still be carried out then.
        ChainFailure
            If the node is on another chain or does not do its part. Nothing was sent.
        """
        ceiling_wei = self._fee_ceiling_wei if budget_wei is None else min(budget_wei, self._fee_ceiling_wei)
        async with self._lane.turn():
            sent = await self._send_in_turn(call, subject, ceiling_wei)
        try:
            if on_sent is not None:
                on_sent(sent.tx_hash)
            return await self._wait(sent)
        finally:
            self._lane.leave(sent.nonce)

    async def _send_in_turn(self, call: Call, subject: str, ceiling_wei: int) -> _Sent:
        await self._node.chain_id()
        latest, pending = await self._node.nonces(self._signer.address)
        self._lane.forget_below(latest)
        replaced = None
        for stuck in self._lane.stuck():
            if stuck.subject == subject:
                replaced = stuck
            else:
                await self._send_again(stuck, subject)
        nonce = self._free_nonce(pending) if replaced is None else replaced.nonce
        try:
            return await self._send_at(nonce, call, subject, ceiling_wei, replaced)
        except NonceTaken:
            # Other software was quicker, or the one to replace is in a block by now. What has the nonce stays; this one
            # goes behind it, with a new signature.
            self._lane.forget([nonce])
            _, pending = await self._node.nonces(self._signer.address)
            return await self._send_at(self._free_nonce(max(pending, nonce + 1)), call, subject, ceiling_wei)

    def _free_nonce(self, first: int) -> int:
        """Return the first nonce that we did not use either: a node may be behind the one that took our last one."""
        return next(nonce for nonce in itertools.count(first) if nonce not in self._lane.open)

    async def _send_again(self, stuck: _Sent, subject: str) -> None:
        try:
            await self._send_at(stuck.nonce, stuck.call, stuck.subject, self._fee_ceiling_wei, stuck)
        except NotTaken:
            # It is in a block by now, or can never be.
            self._lane.forget([stuck.nonce])
        except (FeeTooHigh, GasMissing) as failure:
            raise type(failure)(f"{subject} waits behind transaction {stuck.tx_hash}: {failure}") from None
        finally:
            self._lane.leave(stuck.nonce)

    async def _send_at(
        self, nonce: int, call: Call, subject: str, ceiling_wei: int, replaced: _Sent | None = None
    ) -> _Sent:
        """Sign and submit, once more with new fees if the base fee rose in between."""
        try:
            return await self._submit(nonce, call, subject, ceiling_wei, replaced)
        except BelowBaseFee:
            return await self._submit(nonce, call, subject, ceiling_wei, replaced)

    async def _submit(self, nonce: int, call: Call, subject: str, ceiling_wei: int, replaced: _Sent | None) -> _Sent:
        fees = await self._affordable_fees(call.gas, subject, ceiling_wei, replaced)
        raw = await self._signer.sign_transaction(self._transaction(nonce, call, fees))
        hashes = () if replaced is None else (*replaced.replaced, replaced.tx_hash)
        tx_hash = transaction_hash(raw)
        sent = _Sent(subject=subject, nonce=nonce, call=call, fees=fees, tx_hash=tx_hash, replaced=hashes)
        self._lane.watch(sent)
        try:
            await self._node.submit(raw)
        except NotTaken as refusal:
            self._lane.forget([nonce])
            if replaced is not None:
                self._lane.open[nonce] = replaced
            raise type(refusal)(f"{subject}: {refusal}") from None
        except ChainFailure as failure:
            self._lane.leave(nonce)
            raise TransactionFailed(
                f"{subject}: {failure}; it may still be carried out", tx_hash=tx_hash, cost_wei=sent.most_wei
            ) from None
        except BaseException:
            self._lane.leave(nonce)
            raise
        return sent

    async def _affordable_fees(self, gas: int, subject: str, ceiling_wei: int, replaced: _Sent | None) -> Fees:
        market = await self._node.fee_market()
        least = least_fees(market, None if replaced is None else replaced.fees)
        cost_wei = gas * least.max_fee_wei
        if cost_wei > ceiling_wei:
            raise FeeTooHigh(
                f"{subject} could cost {coins(cost_wei)}, above the ceiling of {coins(ceiling_wei)} "
                "of the chain's coin; nothing was sent, try again when fees are lower"
            )
        held_wei = await self._node.balance(self._signer.address)
        if held_wei < cost_wei:
            raise GasMissing(
                f"{subject} could cost {coins(cost_wei)} of the chain's coin, but the wallet holds {coins(held_wei)}; "
                "nothing was sent"
            )
        return with_headroom(least, market, min(ceiling_wei, held_wei) // gas)

    def _transaction(self, nonce: int, call: Call, fees: Fees) -> dict[str, object]:
        return {
            "type": 2,
            "to": call.to,
            "data": call.data,
            "value": 0,
            "gas": call.gas,
            "chainId": self._chain_id,
            "nonce": nonce,
            "maxFeePerGas": fees.max_fee_wei,
            "maxPriorityFeePerGas": fees.priority_fee_wei,
        }

    async def _wait(self, sent: _Sent) -> Receipt:
        try:
            async with asyncio.timeout(self._receipt_timeout_secs):
                while (receipt := await self._find_receipt(sent)) is None:  # noqa: ASYNC110  a node does not call
                    await asyncio.sleep(self._poll_secs)
        except TimeoutError:
            raise TransactionFailed(
                f"{sent.subject}: transaction {sent.tx_hash} was not seen in a block within "
                f"{self._receipt_timeout_secs:g} seconds; it may still be carried out",
                tx_hash=sent.tx_hash,
                cost_wei=sent.most_wei,
            ) from None
        self._lane.forget([sent.nonce])
        return _done(sent, receipt)

    async def _find_receipt(self, sent: _Sent) -> Receipt | None:
        # A node that does not answer now may do so in a moment.
        with suppress(ChainFailure):
            for tx_hash in (sent.tx_hash, *sent.replaced):
                receipt = await self._node.receipt(tx_hash)
                if receipt is not None:
                    return receipt
        return None


def _done(sent: _Sent, receipt: Receipt) -> Receipt:
    if receipt.tx_hash != sent.tx_hash:
        raise TransactionFailed(
            f"{sent.subject}: the earlier transaction {receipt.tx_hash} was carried out in place of {sent.tx_hash}; "
            "look at the state and repeat what is missing",
            tx_hash=receipt.tx_hash,
            cost_wei=receipt.fee_wei,
        )
    if not receipt.is_success:
        raise TransactionFailed(
            f"{sent.subject}: transaction {sent.tx_hash} failed on the chain",
            tx_hash=sent.tx_hash,
            cost_wei=receipt.fee_wei,
        )
    return receipt


def least_fees(market: FeeMarket, replaced: Fees | None = None) -> Fees:
    """Return the least fees with which a transaction can be in the next block.

    One that replaces another must offer more in both numbers: an eighth more satisfies geth's tenth and the eighth of
    other nodes.
    """
    fees = Fees(max_fee_wei=market.base_fee_wei + market.tip_wei, priority_fee_wei=market.tip_wei)
    if replaced is None:
        return fees
    tip_wei = max(fees.priority_fee_wei, _raised(replaced.priority_fee_wei))
    return Fees(max_fee_wei=max(market.base_fee_wei + tip_wei, _raised(replaced.max_fee_wei)), priority_fee_wei=tip_wei)


def with_headroom(least: Fees, market: FeeMarket, most_wei: int) -> Fees:
    """Return fees that still hold when the base fee doubles, as far as `most_wei` for a unit of gas goes.

    What is offered above the base fee and the tip is not paid (EIP-1559).
    """
    wanted_wei = 2 * market.base_fee_wei + least.priority_fee_wei
    max_fee_wei = max(least.max_fee_wei, min(wanted_wei, most_wei))
    return Fees(max_fee_wei=max_fee_wei, priority_fee_wei=least.priority_fee_wei)


def _raised(fee_wei: int) -> int:
    return max(fee_wei + 1, -(-fee_wei * 9 // 8))


def coins(amount_wei: int) -> str:
    """Return an amount of the chain's own coin as a person reads it."""
    return f"{unscaled(amount_wei, 18):f}"
