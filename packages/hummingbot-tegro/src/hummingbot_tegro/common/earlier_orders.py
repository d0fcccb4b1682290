"""What an earlier run of the bot left is seen to before the connector is ready."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Final, override

from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.data_type.in_flight_order import InFlightOrder

from hummingbot_tegro.common.bot_identity import recorder_of
from hummingbot_tegro.common.warnings_once import WarnOnce
from tegro.errors import TegroError

RETRY_SECS: Final = 2.0
"""Pause before the start is tried again where the venue could not be read."""


class EarlierOrders(ExchangePyBase):
    """Restores orders, asks the venue about them, and lets the connector be ready only then."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401  (handed on)
        super().__init__(*arguments, **keywords)
        self._earlier: set[str] = set()
        """Client order ids of an earlier run that are not seen to yet."""
        self._is_taken_up = not self._trading_required
        self._taking_up = asyncio.Lock()

    @abstractmethod
    async def _take_up_once(self) -> None:
        """See to what an earlier run left: book its fills, cancel or take up what is open. May be repeated.

        Raises
        ------
        TegroError
            If the venue could not be asked; it is tried again.
        """

    async def _take_up_again(self) -> None:
        """Do what a further start of the network needs, when the earlier run was seen to before."""

    @property
    def status_dict(self) -> dict[str, bool]:
        """What has to be so before the connector is ready. Orders of an earlier run must be seen to first."""
        status: dict[str, bool] = super().status_dict
        return status | {"earlier_orders_taken_up": self._is_taken_up}

    async def start_network(self) -> None:
        """Start following the venue, and see to what an earlier run left."""
        await super().start_network()
        if self._trading_required:
            self._background.start(self._take_up())

    @override
    def restore_tracking_states(self, saved_states: dict[str, Any]) -> None:
        """Track again what Hummingbot's database has of an earlier run; ready once the venue was asked about it."""
        super().restore_tracking_states(saved_states)
        restored = {name for name in saved_states if name in self._order_tracker.all_updatable_orders}
        self._earlier |= restored
        if restored and self._trading_required:
            self._is_taken_up = False
            if self._link.is_open:
                self._background.start(self._take_up())

    async def _take_up(self) -> None:
        """Take up the orders of an earlier run, tried until the venue has answered."""
        async with self._taking_up:
            if self._is_taken_up:
                await self._take_up_again()
                return
            warnings = WarnOnce(self.logger())
            while not self._is_taken_up:
                try:
                    await self._take_up_once()
                except TegroError as error:
                    warnings.say(f"The orders of an earlier run cannot be seen to yet: {error}")
                    await self._sleep(RETRY_SECS)
                else:
                    self._is_taken_up = True

    @property
    def _cancels_earlier(self) -> bool:
        """Whether open orders of an earlier run are cancelled, and not taken up."""
        cancels: bool = self._options.orders_at_start == "cancel"
        return cancels

    def _open_earlier(self) -> list[InFlightOrder]:
        """Return the orders of an earlier run that are not over."""
        return [order for order in self.in_flight_orders.values() if order.client_order_id in self._earlier]

    def _is_own(self, client_order_id: str) -> bool:
        """Tell whether an order is this bot's; without a bot, as in a program that only looks, none is."""
        return recorder_of(self) is not None and client_order_id.startswith(self.client_order_id_prefix)

    def _tell_of(self, earlier: Iterable[InFlightOrder], foreign: Iterable[str]) -> None:
        """Say what was done.

        Parameters
        ----------
        earlier
            The orders of an earlier run that were open.
        foreign
            Open orders that this bot did not place, as a person reads them.
        """
        names = ", ".join(order.client_order_id for order in earlier)
        if names:
            done = "cancelled" if self._cancels_earlier else "taken up"
            self.logger().info(f"Open orders of an earlier run, now {done}: {names}.")
        shown = "; ".join(foreign)
        if shown:
            self.logger().info(f"There are open orders that this bot did not place; they are left alone: {shown}.")
