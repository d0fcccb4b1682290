"""The one way of a write: built from what is meant, checked, signed, journaled, sent once.

Every order passes `OrderDesk.place`, whatever its type and whoever asks; every cancel passes `OrderDesk.cancel`.
"""

import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Protocol

from tegro import wire
from tegro.eip712 import CancelMessage, Domain, OrderMessage, order_message
from tegro.errors import Closed, InvalidInput, JournalFailure, NotConnected, RateLimited, Refused
from tegro.journal import Journal, JournalEntry
from tegro.model import Chain, Market, OrderRequest
from tegro.offered import check_offered_cancel, check_offered_order, place_body, proposal_body
from tegro.order_terms import require_value_wei
from tegro.outcome import CancelOutcome, CancelUnknown, PlaceOutcome, Rejected
from tegro.rest import RestClient, refused_cancel
from tegro.settings import Environment
from tegro.signer import Signer

_log = logging.getLogger(__name__)


class PreTradeChecks(Protocol):
    """What an order has to pass before it is signed."""

    async def admit(self, request: OrderRequest, order_hash: str, cost_wei: int) -> None:
        """Hold what the order may cost, or refuse it.

        Parameters
        ----------
        cost_wei
            In the smallest unit of the token that is paid.

        Raises
        ------
        InvalidInput, AllowanceMissing
            With one sentence on what the order breaks. Nothing was signed.
        """
        ...

    def withdraw(self, order_hash: str) -> None:
        """Take back an admission: the order was not signed, not sent, or refused."""
        ...


class OrderDesk:
    """Signs and sends for one wallet on one chain.

    Parameters
    ----------
    environment
        Says who builds the data to sign (`typed_data`).
    rest
        The venue.
    signer
        The wallet.
    journal
        Where orders are written down before they are sent.
    chain_of
        Returns the trusted chain for an order on a market, or refuses.
    pinned_chain
        Returns the chain with its pinned contract. Cancels are signed for that one and go out whatever the venue says
        now: they allow nothing.
    checks
        What an order has to pass.
    clock_ms, rng
        Time of signing; randomness of salts.
    """

    def __init__(
        self,
        environment: Environment,
        *,
        rest: RestClient,
        signer: Signer,
        journal: Journal,
        chain_of: Callable[[Market], Awaitable[Chain]],
        pinned_chain: Callable[[], Awaitable[Chain]],
        checks: PreTradeChecks,
        clock_ms: Callable[[], int],
        rng: random.Random,
    ) -> None:
        self._environment = environment
        self._rest = rest
        self._signer = signer
        self._journal = journal
        self._chain_of = chain_of
        self._pinned_chain = pinned_chain
        self._checks = checks
        self._clock_ms = clock_ms
        self._rng = rng

    async def place(self, request: OrderRequest) -> PlaceOutcome:
        """Check, sign, journal and send one order. See `AsyncTegro.place`."""
        chain = await self._chain_of(request.market)
        message = await self._order_message(request, _domain(chain))
        value_wei = request.market.quote_wei(message.price_e18, message.total_quantity_wei)
        require_value_wei(request.market, value_wei, chain)
        # What the wallet may pay: quote for a buy, base for a sell (protocol 7.1).
        cost_wei = value_wei if message.is_buy else message.total_quantity_wei
        await self._checks.admit(request, message.order_hash, cost_wei)
        try:
            signature = await self._signer.sign_typed(message)
            self._journal.record_signed(self._entry(request, message, signature))
        except BaseException:
            self._checks.withdraw(message.order_hash)
            raise
        try:
            outcome = await self._rest.place(place_body(request, message, signature))
        except NotConnected as error:
            self._checks.withdraw(message.order_hash)
            self._record(Rejected(order_hash=message.order_hash, reason=f"never sent: {error}"))
            raise
        self._record(outcome)
        if isinstance(outcome, Rejected):
            self._checks.withdraw(outcome.order_hash)
        return outcome

    async def cancel(self, order_ids: Sequence[str]) -> CancelOutcome:
        """Sign and send one cancel for all these ids. See `AsyncTegro.cancel`."""
        unique = tuple(dict.fromkeys(order_ids))
        if not unique:
            raise InvalidInput("give at least one order id to cancel")
        domain = _domain(await self._pinned_chain())
        wallet = self._signer.address.lower()
        message = CancelMessage(order_ids=unique, user=wallet, domain=domain)
        if self._environment.typed_data == "server":
            refusal = await self._compare_offered(message)
            if refusal is not None:
                return refusal
        signature = await self._signer.sign_typed(message)
        return await self._rest.cancel(
            wire.CancelBody(user_address=wallet, order_ids=list(unique), signature=signature)
        )

    async def cancel_all_by_endpoint(self) -> CancelOutcome:
        """Send the venue's own cancel-all. See `AsyncTegro.cancel_all`."""
        chain = await self._pinned_chain()
        wallet = self._signer.address.lower()
        signature = await self._signer.sign_text(wallet)
        return await self._rest.cancel_all(
            wire.CancelAllBody(chain_id=chain.id, wallet_address=wallet, signature=signature)
        )

    async def _compare_offered(self, meant: CancelMessage) -> CancelOutcome | None:
        """Compare a cancel with what the venue proposes; return its outcome where the venue proposes none."""
        body = wire.GenerateCancelBody(order_ids=list(meant.order_ids), user_address=meant.user)
        try:
            offered = await self._rest.generate_cancel(body)
        except RateLimited as error:
            return CancelUnknown(order_ids=meant.order_ids, cause=str(error))
        except Refused as error:
            return refused_cancel(meant.order_ids, str(error))
        check_offered_cancel(offered, meant.order_ids, user=meant.user, domain=meant.domain)
        return None

    async def _order_message(self, request: OrderRequest, domain: Domain) -> OrderMessage:
        maker = self._signer.address
        # 63 bits: unique enough for any wallet, and it fits the signed column of a venue that should keep it in one.
        ours = order_message(request, maker=maker, domain=domain, salt=self._rng.getrandbits(63))
        if self._environment.typed_data == "local":
            return ours
        offered = await self._rest.generate_order(proposal_body(request, maker))
        return check_offered_order(offered, request, maker=maker, domain=domain)

    def _entry(self, request: OrderRequest, message: OrderMessage, signature: str) -> JournalEntry:
        return JournalEntry(
            order_hash=message.order_hash,
            maker=message.maker,
            chain_id=request.market.chain_id,
            market_id=request.market.id,
            client_order_id=request.client_order_id,
            raw_order_data=message.raw_order_data(),
            signature=signature,
            side=request.side,
            price=request.price,
            quantity=request.quantity,
            order_type=request.order_type.value,
            expiry_time=message.expiry_time,
            signed_at_ms=self._clock_ms(),
        )

    def _record(self, outcome: PlaceOutcome) -> None:
        try:
            self._journal.record_outcome(outcome.order_hash, outcome)
        except (JournalFailure, Closed) as error:
            # The order's fate is known here and now; a full disk must not hide it from the caller.
            _log.error("the outcome of order %s was not written down: %s", outcome.order_hash, error)


def _domain(chain: Chain) -> Domain:
    return domain_of(chain.id, chain.exchange_contract)


@lru_cache(maxsize=16)
def domain_of(chain_id: int, exchange_contract: str) -> Domain:
    """Return one value per contract: it keeps its separator, which every order would otherwise hash again."""
    return Domain(chain_id=chain_id, verifying_contract=exchange_contract)
