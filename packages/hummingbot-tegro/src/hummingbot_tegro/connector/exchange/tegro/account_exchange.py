"""The wallet's side of the connector: balances, and what the exchange contract may move."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from hummingbot_tegro.common.background import Background
from hummingbot_tegro.common.warnings_once import WarnOnce
from hummingbot_tegro.host_settings import remember_chain
from tegro.allowance import AllowanceState
from tegro.errors import TegroError
from tegro.model import Token

from .approvals import Approvals
from .balances import Reading, Spending, WalletOrders, held_by_orders, reading_of, together, with_chain
from .public_exchange import TegroPublicExchange


class TegroAccountExchange(TegroPublicExchange):
    """Knows what the wallet has. `TegroExchange` adds orders. The parameters are those of `TegroPublicExchange`."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        # Hummingbot would correct balances by fills since the last reading, by the second: one of that very second
        # counts twice. What is free is reckoned here instead.
        self._real_time_balance_update = True
        self._reading = Reading()
        self._spending = Spending()
        self._wallet_orders = WalletOrders()
        self._approvals = Approvals(self._link, logger=self.logger(), clock_ms=lambda: time.time_ns() // 1_000_000)
        self._balances_wanted = asyncio.Event()
        self._background = Background()
        self._chain_seen: list[AllowanceState] = []
        self._chain_troubles = WarnOnce(self.logger())
        self._network_change = asyncio.Lock()
        self._network_changer: asyncio.Task[Any] | None = None

    async def start_network(self) -> None:
        """Start following the venue, and the balances beside it. What still stops is waited for."""
        async with self._changing_network():
            await super().start_network()
            if self._trading_required:
                self._link.open()
                self._balances_wanted.set()
                self._background.start(self._balance_loop())

    async def stop_network(self) -> None:
        """Stop everything and close the connections. May be repeated."""
        async with self._changing_network():
            await self._background.stop()
            await self._approvals.aclose()
            await super().stop_network()

    @asynccontextmanager
    async def _changing_network(self) -> AsyncIterator[None]:
        """Let one start or stop end before the next begins: Hummingbot's clock waits for neither."""
        task = asyncio.current_task()
        if self._network_changer is task:
            yield  # a start stops first
            return
        async with self._network_change:
            self._network_changer = task
            try:
                yield
            finally:
                self._network_changer = None

    async def add_trading_pair(self, trading_pair: str) -> bool:
        """Follow one more pair, and see to its approvals. Returns False if that is not possible."""
        is_added: bool = await super().add_trading_pair(trading_pair)
        if is_added and self._trading_required:
            self._balances_wanted.set()
        return is_added

    # Approvals

    async def _traded_tokens(self, trading_pairs: Iterable[str]) -> list[Token]:
        markets = [await self._link.market(pair) for pair in trading_pairs]
        return list(dict.fromkeys(token for market in markets for token in (market.base, market.quote)))

    async def _mend_allowance(self, trading_pair: str) -> None:
        try:
            await self._approvals.mend(await self._traded_tokens([trading_pair]))
        except TegroError as error:
            self._tell_chain_trouble(trading_pair, error)

    async def _see_to_approvals(self, states: Iterable[AllowanceState]) -> None:
        try:
            await self._approvals.see(states)
        except TegroError as error:
            self._tell_chain_trouble(", ".join(self._trading_pairs), error)

    def _tell_chain_trouble(self, pairs: str, error: TegroError) -> None:
        text = f"The approvals of {pairs} could not be seen to, so orders may be refused: {error}"
        self._chain_troubles.say(text, cause=error)

    # Balances

    async def _balance_loop(self) -> None:
        """Read the balances again after each change of an order; changes that come meanwhile share the next reading."""
        while True:
            await self._balances_wanted.wait()
            self._balances_wanted.clear()
            await self._update_all_balances()
            if self._chain_seen:
                await self._see_to_approvals(self._chain_seen)

    async def _chain_states(self) -> list[AllowanceState]:
        """Return what the chain says of the tokens that are traded; empty where it cannot be asked."""
        if not self._trading_required or not self._trading_pairs or not self._link.is_open:
            return []
        try:
            return await self._approvals.states(await self._traded_tokens(self._trading_pairs))
        except TegroError as error:
            self._tell_chain_trouble(", ".join(self._trading_pairs), error)
            return []

    async def _update_balances(self) -> None:
        """Read the wallet. Hummingbot's `connect` shows the text of an error to the user.

        Raises
        ------
        TegroError
            If the venue cannot be reached, is no Tegro, or has not the chain, or the keystore does not open.
        """
        await self._link.open_signer()
        held, marked = self._held(), self._spending.mark(self._order_tracker.all_fillable_orders.values())
        balances = await self._read_balances()
        self._chain_seen = await self._chain_states()
        self._reading = reading_of(
            with_chain(balances, self._chain_seen),
            trading_pairs=self._trading_pairs,
            preferred_tokens=self._link.token_addresses(),
            held=held,
        )
        self._spending.keep(marked)
        self._account_balances.clear()
        self._account_balances.update(self._reading.totals)
        self._reckon()
        if self._chain_answered:
            await asyncio.to_thread(remember_chain, self._domain, self._chain_answered)
            self._chain_answered = ""

    def get_available_balance(self, currency: str) -> Decimal:
        """Return what is free of a token: what the wallet had when it was read, less what orders hold by now."""
        self._reckon()
        available: Decimal = super().get_available_balance(currency)
        return available

    def _reckon(self) -> None:
        spent = self._spending.since(self._order_tracker.all_fillable_orders.values())
        self._account_available_balances.clear()
        self._account_available_balances.update(self._reading.available(together(self._held(), spent)))

    def _held(self) -> dict[str, Decimal]:
        """Return what orders of the wallet may take from it, by token symbol: the listed ones, and ours beside them."""
        unlisted = [
            order for order in self.in_flight_orders.values() if order.exchange_order_id not in self._wallet_orders
        ]
        return together(held_by_orders(unlisted), self._wallet_orders.held(self._link.pair_of_market_id))
