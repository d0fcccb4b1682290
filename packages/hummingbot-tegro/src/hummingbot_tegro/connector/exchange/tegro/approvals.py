"""Lets the exchange contract move what orders need: bounded, beside the order path, and again when it runs low."""

import asyncio
import importlib
from collections.abc import Callable, Iterable, Mapping
from logging import Logger
from typing import Final

from tegro.allowance import AllowanceState, ApprovalReceipt
from tegro.model import Token
from tegro.refill import AllowanceRefill, RefillPolicy, is_low

from .venue_link import VenueLink

_CONCURRENCY: Final = 8


class Approvals:
    """The approvals of one wallet for the pairs that it trades.

    The cap of a token is the one of the settings file, else what the wallet holds of it: an approval never reaches
    further than the user said, and is never unlimited. Each one is a transaction, paid in the chain's coin.

    Parameters
    ----------
    link
        The way to the venue.
    logger
        Told what a person must know.
    clock_ms
        Unix time in milliseconds.
    """

    def __init__(self, link: VenueLink, *, logger: Logger, clock_ms: Callable[[], int]) -> None:
        self._link = link
        self._logger = logger
        self._clock_ms = clock_ms
        self._refill: AllowanceRefill | None = None
        self._approving = asyncio.Lock()
        self._policy = RefillPolicy()

    async def aclose(self) -> None:
        """End what runs. May be repeated."""
        refill, self._refill = self._refill, None
        if refill is not None:
            await refill.aclose()

    async def states(self, tokens: Iterable[Token]) -> list[AllowanceState]:
        """Return what the chain says of tokens: balance and allowance.

        Raises
        ------
        TegroError
            If the chain's node cannot be used, or the settings name none.
        """
        # It takes a good part of a second, in which nothing else would run.
        await asyncio.to_thread(importlib.import_module, "web3")
        places = asyncio.Semaphore(_CONCURRENCY)
        manager = self._link.client.allowances

        async def state_of(token: Token) -> list[AllowanceState]:
            async with places:
                return await manager.state([token])

        found = await asyncio.gather(*(state_of(token) for token in dict.fromkeys(tokens)))
        return [state for states in found for state in states]

    async def see(self, states: Iterable[AllowanceState]) -> None:
        """Approve what is low, and look after these tokens from now on. May be repeated; it then finds nothing to do.

        Raises
        ------
        TegroError
            If an approval cannot be made. Later troubles are logged.
        """
        found = list(states)
        async with self._approving:
            low = {
                state.token: cap_of(state)
                for state in found
                if is_low(state.allowance_wei, cap_of(state), self._policy.threshold)
            }
            if low:
                await self._approve(low)
        self._watch({state.token: cap_of(state) for state in found})

    async def mend(self, tokens: Iterable[Token]) -> None:
        """Approve up to the cap what an order was refused for. Errors as in `see`."""
        async with self._approving:
            await self._approve({state.token: cap_of(state) for state in await self.states(tokens)})

    @property
    def is_busy(self) -> bool:
        """Whether an approval is being made just now."""
        return self._approving.locked()

    async def _approve(self, caps: Mapping[Token, int]) -> None:
        manager = self._link.client.allowances
        plan = await manager.plan(caps)
        receipts = await manager.apply(plan, budget_wei=self._policy.daily_gas_ceiling_wei)
        if receipts:
            self._logger.info(
                "Approved for Tegro's exchange contract %s: %s.", plan[0].spender, ", ".join(map(_shown, receipts))
            )

    def _watch(self, caps: Mapping[Token, int]) -> None:
        if self._refill is None:
            self._refill = AllowanceRefill(
                self._link.client.allowances, self._clock_ms, policy=self._policy, notify=self._logger.warning
            )
            self._refill.start()
        self._refill.watch(caps)


def cap_of(state: AllowanceState) -> int:
    """Return the most that may be approved of a token, in its smallest unit."""
    return state.balance_wei if state.cap_wei is None else state.cap_wei


def _shown(receipt: ApprovalReceipt) -> str:
    return f"{receipt.token.from_wei(receipt.amount_wei):f} {receipt.token.symbol}"
