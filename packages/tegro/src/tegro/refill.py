"""Keeps allowances from running out while a bot trades: beside the order path, with a ceiling on what it spends.

An exact approval is used up by what is settled. When less than a share of the cap is left, it is set to the cap again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Final, NoReturn

from msgspec import Struct

from tegro.allowance import AllowanceManager, ApprovalReceipt, ApprovalStep
from tegro.backoff import Sleep
from tegro.errors import InvalidInput, TegroError
from tegro.model import Token
from tegro.transactions import FeeTooHigh, TransactionFailed, coins

_log = logging.getLogger(__name__)

_DAY_MS: Final = 24 * 60 * 60 * 1000


class RefillPolicy(Struct, frozen=True, kw_only=True):
    """When allowances are refilled, and what that may cost.

    Raises
    ------
    InvalidInput
        If a value cannot work.
    """

    threshold: Decimal = Decimal("0.5")
    """Share of the cap; an allowance below it is refilled. Above 0, at most 1."""
    daily_gas_ceiling_wei: int = 10**16
    """Most that is spent within any 24 hours, in the chain's own coin."""
    check_every_secs: float = 60.0
    """How often the allowances are read where nobody calls `poke`."""
    shortest_pause_secs: float = 2.0
    """How long at least between two readings, however often `poke` is called."""

    def __post_init__(self) -> None:
        if not (self.threshold.is_finite() and 0 < self.threshold <= 1):
            raise InvalidInput(f"threshold must be above 0 and at most 1, was {self.threshold}")
        if self.daily_gas_ceiling_wei < 0:
            raise InvalidInput(f"daily_gas_ceiling_wei must not be negative, was {self.daily_gas_ceiling_wei}")
        if self.check_every_secs <= 0 or self.shortest_pause_secs < 0:
            raise InvalidInput(
                f"check_every_secs must be above 0 and shortest_pause_secs not negative, were "
                f"{self.check_every_secs:g} and {self.shortest_pause_secs:g}"
            )


class AllowanceRefill:
    """Refills the allowances of one wallet, in a task of its own.

    What it spent is counted in memory: after a restart the count begins at zero, so a bot that is restarted again and
    again is bounded by one ceiling for each of its lives.

    A token that changes its allowance only from zero (as USDT on Ethereum) is without allowance between two
    transactions; the venue may cancel resting orders then (code 712).

    Parameters
    ----------
    manager
        The wallet's approvals.
    clock_ms
        Unix time in milliseconds.
    policy
        When, and at what cost.
    notify
        Told what a person must know, one sentence for each trouble, and again only when the trouble was over in
        between. None logs it as a warning.
    sleep
        Waits between readings.
    """

    def __init__(
        self,
        manager: AllowanceManager,
        clock_ms: Callable[[], int],
        *,
        policy: RefillPolicy | None = None,
        notify: Callable[[str], None] | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._manager = manager
        self._clock_ms = clock_ms
        self._policy = policy or RefillPolicy()
        self._notify = notify or _log.warning
        self._sleep = sleep
        self._caps: dict[Token, int] = {}
        self._spent: deque[tuple[int, int]] = deque()
        self._told: set[str] = set()
        self._poked = asyncio.Event()
        self._task: asyncio.Task[NoReturn] | None = None

    def watch(self, caps: Mapping[Token, int]) -> None:
        """Look after these tokens from now on, and no others: each with its cap in the token's smallest unit."""
        self._caps = dict(caps)
        self.poke()

    def poke(self) -> None:
        """Have a look soon: after a fill, an allowance has shrunk. Costs nothing and never waits."""
        self._poked.set()

    def spent_wei(self) -> int:
        """Return what was spent within the last 24 hours, in the chain's own coin.

        A transaction of which nothing more was heard counts with the most that it may cost.
        """
        horizon_ms = self._clock_ms() - _DAY_MS
        while self._spent and self._spent[0][0] <= horizon_ms:
            self._spent.popleft()
        return sum(cost_wei for _, cost_wei in self._spent)

    def start(self) -> None:
        """Begin to look after the allowances, in a task. May be repeated."""
        if self._task is None:
            self._task = asyncio.create_task(self.run(), name="tegro allowance refill")
            self._task.add_done_callback(self._tell_death)

    async def aclose(self) -> None:
        """End the task. A transaction on its way is not waited for. May be repeated."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def run(self) -> NoReturn:
        """Check now, after each `poke` and every `check_every_secs`, until cancelled."""
        while True:
            self._poked.clear()
            await self.check()
            await self._sleep(self._policy.shortest_pause_secs)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._policy.check_every_secs):
                    await self._poked.wait()

    async def check(self) -> list[ApprovalReceipt]:
        """Look once, refill what is low, and return what was done. Raises nothing of `tegro.errors`: it notifies."""
        troubles: dict[str, str] = {}
        receipts: list[ApprovalReceipt] = []
        for token, cap_wei in self._caps.items():
            try:
                receipts += await self._refill(token, cap_wei)
            except TegroError as trouble:
                self._count_loss(trouble)
                troubles.setdefault(type(trouble).__name__, self._sentence(token, trouble))
        for kind, sentence in troubles.items():
            if kind not in self._told:
                self._notify(sentence)
        self._told = set(troubles)
        return receipts

    async def _refill(self, token: Token, cap_wei: int) -> list[ApprovalReceipt]:
        plan = await self._manager.plan({token: cap_wei})
        low = [approval for approval in plan if is_low(approval.current_wei, cap_wei, self._policy.threshold)]
        left_wei = self._policy.daily_gas_ceiling_wei - self.spent_wei()
        return await self._manager.apply(low, budget_wei=left_wei, on_step=self._count_step)

    def _count_step(self, step: ApprovalStep) -> None:
        if step.fee_wei is not None:
            self._spent.append((self._clock_ms(), step.fee_wei))

    def _count_loss(self, trouble: TegroError) -> None:
        if isinstance(trouble, TransactionFailed):
            self._spent.append((self._clock_ms(), trouble.cost_wei))

    def _sentence(self, token: Token, trouble: TegroError) -> str:
        spent = ""
        if isinstance(trouble, FeeTooHigh):
            of_wei = self._policy.daily_gas_ceiling_wei
            spent = f" (spent on refills in 24 hours: {coins(self.spent_wei())} of at most {coins(of_wei)})"
        return f"the allowance of {token.symbol} is not refilled: {trouble}{spent}"

    def _tell_death(self, task: "asyncio.Task[NoReturn]") -> None:
        if not task.cancelled():
            self._notify(f"allowances are refilled no more, a bug ended that: {task.exception()!r}")


def is_low(allowance_wei: int, cap_wei: int, threshold: Decimal) -> bool:
    """Return whether an allowance is below this share of its cap, exactly."""
    numerator, denominator = threshold.as_integer_ratio()
    return allowance_wei * denominator < cap_wei * numerator
