"""The account's side of the perpetual connector: balances, positions, position mode, leverage, funding."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, override

from hummingbot.connector.derivative.position import Position as HostPosition
from hummingbot.core.data_type.common import PositionMode

from hummingbot_tegro.common.background import Background
from hummingbot_tegro.common.deadline import whole_answer
from hummingbot_tegro.host_settings import settings_path
from tegro.errors import InvalidInput, Refused, TegroError
from tegro.perpetual import Position
from tegro.perpetual.events import AccountEvent, MarginCallEvent
from tegro.perpetual.model import FundingRate

from . import tegro_perpetual_constants as constants
from .funding_moments import MOMENTS
from .order_reports import HOST_MODES, MODES, host_position_side
from .perpetual_public import TegroPerpetualPublic
from .perpetual_settings import require_confirmed

FUNDING: str = "FUNDING_FEE"


class TegroPerpetualAccount(TegroPerpetualPublic):
    """Knows what the account has. The parameters are those of `TegroPerpetualPublic`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._account_wanted = asyncio.Event()
        self._background = Background()

    async def start_network(self) -> None:
        """Start following the venue, and the account beside it."""
        await super().start_network()
        if self._trading_required:
            self._background.start(self._account_loop())

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        # Stock leaves this one running.
        polling: asyncio.Task[None] | None = self._funding_fee_polling_task
        self._funding_fee_polling_task: asyncio.Task[None] | None = None
        await self._background.stop(polling)
        await super().stop_network()

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
            async with whole_answer(self._where_it_asked()), self._link.borrowed() as client:
                balances = await client.balances()
        except Refused as refused:
            if refused.code not in constants.KEY_REFUSALS:
                raise
            reason = str(refused).partition(": ")[2]
            raise InvalidInput(
                f"{self._link.environment.host} does not take this API key and secret: {reason}"
            ) from None
        self._account_balances.clear()
        self._account_available_balances.clear()
        for balance in balances:
            self._account_balances[balance.asset] = balance.wallet
            self._account_available_balances[balance.asset] = balance.available or Decimal(0)

    def _where_it_asked(self) -> str:
        environment = self._link.environment
        where = f"rest_url of [perpetual.{environment.name}] in {settings_path()}"
        return f"is {environment.rest_url} the right address? ({where})"

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
            async with self._link.borrowed() as client:
                await client.set_position_mode(MODES[mode])
        except TegroError as error:
            return False, str(error)
        return True, ""

    async def _set_trading_pair_leverage(self, trading_pair: str, leverage: int) -> tuple[bool, str]:
        try:
            # A strategy asks before the network runs; its client would be closed in the middle by the start.
            async with self._link.borrowed() as client:
                await client.set_leverage((await self._link.contract(trading_pair)).symbol, leverage)
        except TegroError as error:
            self.logger().warning(f"The leverage of {trading_pair} was not set to {leverage}: {error}")
            return False, str(error)
        return True, ""

    # Funding

    async def _fetch_last_fee_payment(self, trading_pair: str) -> tuple[int, Decimal, Decimal]:
        payments = await self._payments(trading_pair, since_ms=None)
        if not payments:
            return 0, Decimal(constants.NO_PAYMENT), Decimal(constants.NO_PAYMENT)
        return payments[-1]

    async def _payments(self, trading_pair: str, *, since_ms: int | None) -> list[tuple[int, Decimal, Decimal]]:
        """Return time in milliseconds, rate and amount of a pair's funding payments, oldest first."""
        symbol = (await self._link.contract(trading_pair)).symbol
        incomes = await self._link.client.income(symbol=symbol, kind=FUNDING, start_ms=since_ms)
        # In hedge mode both sides of a pair may be paid at once; Hummingbot knows one payment of a moment.
        paid: dict[int, Decimal] = {}
        for income in incomes:
            paid[income.time_ms] = paid.get(income.time_ms, Decimal(0)) + income.amount
        if not any(paid.values()):
            return []
        rates = await self._link.client.funding_rates(symbol)
        return [(time_ms, _rate_at(time_ms, rates), amount) for time_ms, amount in paid.items() if amount]

    @override
    async def _update_funding_payment(self, trading_pair: str, fire_event_on_new: bool) -> bool:
        """Book every payment that is new: Hummingbot's own way reports the newest alone, and loses those before it."""
        known_ms = self._last_funding_fee_payment_ts.get(trading_pair)
        if not fire_event_on_new or known_ms is None:
            is_done: bool = await super()._update_funding_payment(trading_pair, fire_event_on_new)
            return is_done
        try:
            payments = await self._payments(trading_pair, since_ms=known_ms + 1)
        except TegroError as error:
            self.logger().warning(f"The funding payments of {trading_pair} could not be read: {error}")
            return False
        for time_ms, rate, amount in payments:
            if time_ms > known_ms:
                self._emit_funding_payment_event(trading_pair, MOMENTS.take(time_ms), rate, amount, fire_event_on_new)
        return True


def _rate_at(time_ms: int, rates: Iterable[FundingRate]) -> Decimal:
    """Return the rate of the settlement that a payment belongs to: the last one that is not after it."""
    before = [rate.rate for rate in rates if rate.time_ms <= time_ms]
    return before[-1] if before else Decimal(0)
