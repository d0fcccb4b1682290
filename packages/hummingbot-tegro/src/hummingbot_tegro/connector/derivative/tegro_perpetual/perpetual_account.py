"""The account's side of the perpetual connector: balances, positions, position mode, leverage, funding."""

import asyncio
from collections.abc import Coroutine, Iterable
from decimal import Decimal
from typing import Any, override

from hummingbot.connector.derivative.position import Position as HostPosition
from hummingbot.core.data_type.common import PositionMode
from hummingbot.core.utils.async_utils import safe_ensure_future

from tegro.errors import InvalidInput, NotConnected, Refused, TegroError
from tegro.perpetual import Position
from tegro.perpetual.events import AccountEvent, MarginCallEvent
from tegro.perpetual.model import FundingRate

from . import tegro_perpetual_constants as constants
from .order_reports import HOST_MODES, MODES, host_position_side
from .perpetual_public import TegroPerpetualPublic
from .perpetual_settings import require_confirmed

FUNDING: str = "FUNDING_FEE"


class TegroPerpetualAccount(TegroPerpetualPublic):
    """Knows what the account has. The parameters are those of `TegroPerpetualPublic`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._account_wanted = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    async def start_network(self) -> None:
        """Start following the venue, and the account beside it."""
        await super().start_network()
        if self._trading_required:
            self._in_background(self._account_loop())

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        begun = [task for task in self._background if task is not asyncio.current_task()]
        polling: asyncio.Task[None] | None = self._funding_fee_polling_task
        if polling is not None:
            # Stock leaves it running.
            begun.append(polling)
        self._funding_fee_polling_task: asyncio.Task[None] | None = None
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
        await super().stop_network()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = safe_ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # Balances and positions

    async def _account_loop(self) -> None:
        """Read the account again after each change; changes that come meanwhile share the next reading."""
        while True:
            await self._account_wanted.wait()
            self._account_wanted.clear()
            try:
                await self._update_balances()
                await self._update_positions()
            except TegroError as error:
                self.logger().warning(f"The account could not be read: {error}")

    async def _update_balances(self) -> None:
        """Read the account. Hummingbot's `connect` shows the text of an error to the user.

        Raises
        ------
        TegroError
            If the host was not confirmed, cannot be reached, or refuses the key.
        """
        require_confirmed(self._link.environment)
        try:
            async with asyncio.timeout(constants.BALANCES_DEADLINE_SECS), self._link.borrowed() as client:
                balances = await client.balances()
        except Refused as refused:
            if refused.code not in constants.KEY_REFUSALS:
                raise
            reason = str(refused).partition(": ")[2]
            raise InvalidInput(
                f"{self._link.environment.host} does not take this API key and secret: {reason}"
            ) from None
        except TimeoutError:
            raise NotConnected(
                f"no whole answer from {self._link.environment.host} within {constants.BALANCES_DEADLINE_SECS:g} s"
            ) from None
        self._account_balances.clear()
        self._account_available_balances.clear()
        for balance in balances:
            self._account_balances[balance.asset] = balance.wallet
            self._account_available_balances[balance.asset] = balance.available or Decimal(0)

    async def _update_positions(self) -> None:
        """Read every position."""
        async with self._link.borrowed() as client:
            positions = await client.positions()
        await self._find_pairs(positions)
        self._perpetual_trading.account_positions.clear()
        for position in positions:
            self._set_position(position)

    async def _find_pairs(self, positions: Iterable[Position]) -> None:
        for symbol in {position.symbol for position in positions}:
            await self._link.find_pair(symbol)

    def _set_position(self, position: Position) -> None:
        pair = self._link.pair_of(position.symbol)
        if pair is None:
            return
        side = host_position_side(position.position_side, position.quantity)
        key = self._perpetual_trading.position_key(pair, side)
        if not position.quantity:
            self._perpetual_trading.remove_position(key)
            return
        known = self._perpetual_trading.account_positions.get(key)
        leverage = position.leverage or (known.leverage if known else self.get_leverage(pair))
        self._perpetual_trading.set_position(
            key,
            HostPosition(
                trading_pair=pair,
                position_side=side,
                unrealized_pnl=position.unrealized_pnl,
                entry_price=position.entry_price,
                amount=position.quantity,
                leverage=Decimal(leverage),
            ),
        )

    async def _take_account(self, event: AccountEvent) -> None:
        """Take notice of changed balances and positions. What an event does not say is read again."""
        for balance in event.balances:
            self._account_balances[balance.asset] = balance.wallet
        await self._find_pairs(event.positions)
        for position in event.positions:
            self._set_position(position)
        if event.reason == FUNDING:
            # An event names no contract: the payments are read, each once.
            self._funding_fee_poll_notifier.set()
        self._account_wanted.set()

    def _take_margin_call(self, event: MarginCallEvent) -> None:
        shown = "; ".join(
            f"{position.position_side} {self._link.pair_of(position.symbol) or position.symbol} "
            f"{position.quantity:f}, unrealized {position.unrealized:f}, maintenance {position.maintenance:f}"
            for position in event.positions
        )
        self.logger().warning(
            f"Margin call: these positions are close to their liquidation; close some, or add margin: {shown}."
        )

    # Position mode and leverage

    async def _fetch_account_position_mode(self) -> PositionMode | None:
        require_confirmed(self._link.environment)
        async with self._link.borrowed() as client:
            return HOST_MODES[await client.position_mode()]

    async def _trading_pair_position_mode_set(self, mode: PositionMode, trading_pair: str) -> tuple[bool, str]:  # noqa: ARG002
        """Set the mode of the whole account."""
        try:
            await self._link.client.set_position_mode(MODES[mode])
        except TegroError as error:
            return False, str(error)
        return True, ""

    async def _set_trading_pair_leverage(self, trading_pair: str, leverage: int) -> tuple[bool, str]:
        try:
            await self._link.client.set_leverage((await self._link.contract(trading_pair)).symbol, leverage)
        except TegroError as error:
            self.logger().warning(f"The leverage of {trading_pair} was not set to {leverage}: {error}")
            return False, str(error)
        return True, ""

    # Funding

    async def _fetch_last_fee_payment(self, trading_pair: str) -> tuple[float, Decimal, Decimal]:
        payments = await self._payments(trading_pair, since_ms=None)
        if not payments:
            return 0, Decimal(constants.NO_PAYMENT), Decimal(constants.NO_PAYMENT)
        return payments[-1]

    async def _payments(self, trading_pair: str, *, since_ms: int | None) -> list[tuple[float, Decimal, Decimal]]:
        """Return time in seconds, rate and amount of a pair's funding payments, oldest first."""
        symbol = (await self._link.contract(trading_pair)).symbol
        incomes = await self._link.client.income(symbol=symbol, kind=FUNDING, start_ms=since_ms)
        # In hedge mode both sides of a pair may be paid at once; Hummingbot knows one payment of a moment.
        paid: dict[int, Decimal] = {}
        for income in incomes:
            paid[income.time_ms] = paid.get(income.time_ms, Decimal(0)) + income.amount
        if not any(paid.values()):
            return []
        rates = await self._link.client.funding_rates(symbol)
        return [(time_ms / 1000, _rate_at(time_ms, rates), amount) for time_ms, amount in paid.items() if amount]

    @override
    async def _update_funding_payment(self, trading_pair: str, fire_event_on_new: bool) -> bool:
        """Book every payment that is new: Hummingbot's own way reports the newest alone, and loses those before it."""
        known_secs = self._last_funding_fee_payment_ts.get(trading_pair)
        if not fire_event_on_new or known_secs is None:
            is_done: bool = await super()._update_funding_payment(trading_pair, fire_event_on_new)
            return is_done
        try:
            payments = await self._payments(trading_pair, since_ms=int(known_secs * 1000) + 1)
        except TegroError as error:
            self.logger().warning(f"The funding payments of {trading_pair} could not be read: {error}")
            return False
        for timestamp_secs, rate, amount in payments:
            self._emit_funding_payment_event(trading_pair, timestamp_secs, rate, amount, fire_event_on_new)
        return True


def _rate_at(time_ms: int, rates: Iterable[FundingRate]) -> Decimal:
    """Return the rate of the settlement that a payment belongs to: the last one that is not after it."""
    before = [rate.rate for rate in rates if rate.time_ms <= time_ms]
    return before[-1] if before else Decimal(0)
