"""The switch of the fee: what the contract charges, and what the venue says of it."""

from decimal import Decimal

from tegro.wire import ChainInfo, bare
from tegro_localnet.chain.accounts import Sender
from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.chain_mirror import ChainMirror
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.switches import Switches


class FeeSwitch:
    """Lets the contract charge its fee, or nothing.

    Parameters
    ----------
    operator
        The contract's owner.
    deployment
        The contract.
    mirror
        Keeps settlements away meanwhile.
    lifecycle
        Notes the fee on matches.
    chain
        What the venue shows of the chain.
    fee_bps
        The fee where one is charged, in basis points.
    """

    def __init__(
        self,
        *,
        operator: Sender,
        deployment: Deployment,
        mirror: ChainMirror,
        lifecycle: SharedLifecycle,
        chain: ChainInfo,
        fee_bps: int,
    ) -> None:
        self._operator = operator
        self._deployment = deployment
        self._mirror = mirror
        self._lifecycle = lifecycle
        self._chain = chain
        self._fee_bps = fee_bps

    async def follow(self, old: Switches, new: Switches) -> None:
        """Change the fee where the switch has changed. Matches that wait for settlement pay the new one."""
        if new.fee != old.fee:
            await self._charge(new)

    async def take_up(self, switches: Switches) -> None:
        """Let the contract of an earlier run charge what the switch of this one says."""
        if self._lifecycle.fee_bps != self._wanted_bps(switches):
            await self._charge(switches)

    def _wanted_bps(self, switches: Switches) -> int:
        return self._fee_bps if switches.fee == "charged" else 0

    async def _charge(self, switches: Switches) -> None:
        fee_bps = self._wanted_bps(switches)
        data = self._deployment.form.exchange.encode("setFeeAmount", fee_bps)
        await self._mirror.settle(
            lambda: self._operator.send(self._deployment.exchange, data),
            lambda _: self._lifecycle.change_fee(fee_bps),
        )
        self._chain.fee = bare(Decimal(fee_bps) / 100)
