"""The chain for which orders are signed: read from the venue, held to its pins, read again from time to time."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Final

from tegro.errors import BadReply, InvalidInput, NotConnected, Refused
from tegro.model import Chain, Market, Token
from tegro.settings import Environment
from tegro.trust import Trust

_log = logging.getLogger(__name__)

MAX_AGE_SECS: Final = 600.0
"""How long the venue's word about its contract is taken before it is asked again."""


class TrustedChain:
    """The environment's chain as the venue lists it, refused where it is not what was pinned.

    Parameters
    ----------
    environment
        Venue and chain.
    read_chains
        Asks the venue.
    trust
        What must hold of it.
    clock_ms
        Time in milliseconds.
    """

    def __init__(
        self,
        environment: Environment,
        read_chains: Callable[[], Awaitable[list[Chain]]],
        trust: Trust,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._environment = environment
        self._read_chains = read_chains
        self._trust = trust
        self._clock_ms = clock_ms
        self._chain: Chain | None = None
        self._read_at_ms = 0

    async def listed(self) -> list[Chain]:
        """Return every chain that the venue lists, read anew. See `AsyncTegro.chains`."""
        chains = await self._read_chains()
        ours = next((chain for chain in chains if chain.id == self._environment.chain_id), None)
        if ours is not None:
            # A chain that is refused is not kept: after the change was confirmed it is read again.
            self._chain = None
            self._trust.require_chain(ours)
            self._chain, self._read_at_ms = ours, self._clock_ms()
        return chains

    async def get(self) -> Chain:
        """Return the chain of the environment. See `AsyncTegro.chain`."""
        chain = self._chain
        # Another process may have seen a change meanwhile, or a person confirmed one.
        if chain is None or not self._trust.still_holds(chain):
            listed = await self.listed()
            if self._chain is None:
                raise self._not_listed(listed)
            return self._chain
        if self._clock_ms() - self._read_at_ms > MAX_AGE_SECS * 1000:
            return await self._read_again(chain)
        return chain

    async def for_market(self, market: Market) -> Chain:
        """Return the chain for an order on a market, after the market's tokens passed too."""
        chain = await self.get()
        await self._trust.require_market(market)
        return chain

    async def pinned(self) -> Chain:
        """Return the chain with the contract that was pinned, whatever the venue says now, or if it says nothing.

        For taking back what that contract may do; nothing new is signed for it.

        Raises
        ------
        TegroError
            As in `get`, if nothing was pinned before.
        """
        contract = self._trust.pinned_contract()
        if contract is None:
            return await self.get()
        environment = self._environment
        return Chain(
            id=environment.chain_id,
            name=environment.chain,
            exchange_contract=contract,
            settlement_contract="",
            default_quote_symbol="",
            default_quote_address="",
            min_order_value_wei=0,
            fee_percent=Decimal(0),
        )

    async def require_tokens(self, tokens: Iterable[Token]) -> None:
        """Refuse tokens that are not what was pinned. See `Trust.require_tokens`."""
        await self._trust.require_tokens(tokens)

    async def _read_again(self, known: Chain) -> Chain:
        try:
            await self.listed()
        except (NotConnected, Refused, BadReply) as error:
            # What was pinned still holds; a venue that does not answer this must not stop a bot.
            _log.warning("the chain list could not be read again: %s", error)
        return self._chain or known

    def _not_listed(self, listed: list[Chain]) -> InvalidInput:
        names = ", ".join(f"{chain.name} ({chain.id})" for chain in listed) or "none"
        env = self._environment
        return InvalidInput(
            f"the venue at {env.rest_url} does not list chain {env.chain_id} ({env.chain}); it lists {names}"
        )
