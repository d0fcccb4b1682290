"""Brings Hummingbot's tracked orders to what the venue says of them."""

from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from decimal import Decimal

from hummingbot.connector.client_order_tracker import ClientOrderTracker
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate

from hummingbot_tegro.common.order_errors import FateUnknown, OrderNotFound
from hummingbot_tegro.common.tracked_orders import ENDED, TrackedOrders
from tegro.errors import TegroError
from tegro.journal import UNRESOLVED, EntryState, JournalEntry
from tegro.model import Order, Trade

from .order_mapping import Booking, bookable, newer, order_state, trade_update
from .venue_link import VenueLink


class NeverPlaced(OrderNotFound):
    """The record of what was signed says that the order never came to the venue, and never will."""


class OrderSync:
    """Applies the venue's reports to Hummingbot's order tracker: created, then fills, then the state.

    One order of Hummingbot is one order of the venue, but a market order may be several: the journal names them `id`,
    `id/2` and so on. The first one's id stands for all.

    Parameters
    ----------
    link
        The way to the venue.
    tracker
        Hummingbot's tracker.
    wallet
        The wallet that trades.
    booking
        When fills are booked.
    placing
        Client order ids of the orders that are being placed just now: more of them may come.
    on_report
        Told of each report.
    on_trades
        Told of each order's trades when they were read.
    clock_secs
        Hummingbot's clock.
    """

    def __init__(
        self,
        link: VenueLink,
        *,
        tracker: ClientOrderTracker,
        wallet: str,
        booking: Booking,
        placing: Container[str],
        on_report: Callable[[Order], None],
        on_trades: Callable[[str, str, Sequence[Trade]], Awaitable[None]],
        clock_secs: Callable[[], float],
    ) -> None:
        self._link = link
        self._tracker = tracker
        self._wallet = wallet
        self._booking = booking
        self._placing = placing
        self._on_report = on_report
        self._on_trades = on_trades
        self._orders = TrackedOrders(tracker, clock_secs=clock_secs)
        self._reports: dict[str, dict[str, Order]] = {}
        self._owners: dict[str, str] = {}

    def tracked(self, order: Order) -> InFlightOrder | None:
        """Return the tracked order behind a report; None if it is not one of this bot's live orders.

        A report may come before the answer that tells the venue's id. The journal then knows the order by its hash.
        """
        live: dict[str, InFlightOrder] = self._tracker.all_updatable_orders
        owner = self._owners.get(order.order_id)
        if owner is None:
            entry = self._link.client.journal.find(order.order_hash)
            owner = name_of(entry) if entry is not None else None
        if owner is None:
            owner = next((name for name, each in live.items() if each.exchange_order_id == order.order_id), "")
        return live.get(owner)

    def entries(self, tracked: InFlightOrder) -> list[JournalEntry]:
        """Return what was signed for a tracked order, in the order of signing; empty if nothing was."""
        journal = self._link.client.journal
        name = tracked.client_order_id
        found = []
        while (entry := journal.find_by_client_order_id(name)) is not None:
            found.append(entry)
            if tracked.order_type is not OrderType.MARKET:
                break
            name = f"{tracked.client_order_id}/{len(found) + 1}"
        return found

    def venue_ids(self, tracked: InFlightOrder) -> list[str]:
        """Return the venue's ids of a tracked order, as far as they are known.

        Raises
        ------
        NeverPlaced
            If it was never signed, or all of it was refused.
        FateUnknown
            If no id is known and the order may be live.
        """
        known = tracked.exchange_order_id
        if known is not None and tracked.order_type is not OrderType.MARKET:
            return [known]
        entries = self.entries(tracked)
        ids = [entry.order_id for entry in entries if entry.order_id is not None]
        if ids or known is not None:
            return ids or [known]
        if tracked.client_order_id not in self._placing:
            if not entries:
                raise NeverPlaced(f"the order {tracked.client_order_id} was never signed")
            if all(entry.state is EntryState.REJECTED for entry in entries):
                raise NeverPlaced(f"the order {tracked.client_order_id} was refused: {entries[0].detail}")
        raise FateUnknown(f"whether Tegro has the order {tracked.client_order_id} is not known yet")

    async def find(self, tracked: InFlightOrder) -> list[Order]:
        """Return what the venue says of a tracked order, asked by its ids.

        Raises
        ------
        OrderNotFound
            If the venue has no such order. Otherwise as in `venue_ids`.
        TegroError
            If the venue cannot be asked.
        """
        found = []
        for order_id in self.venue_ids(tracked):
            order = await self._link.client.order(order_id)
            if order is None:
                raise OrderNotFound(f"Tegro has no order {order_id} of this wallet")
            found.append(order)
        return found

    async def refresh(self, tracked: InFlightOrder) -> None:
        """Ask the venue for one order and apply the answer. Errors as in `find`."""
        await self.apply(tracked, await self.find(tracked))

    async def apply(self, tracked: InFlightOrder, reports: Iterable[Order]) -> None:
        """Apply reports. May be repeated, and they may come out of order."""
        async with self._orders.one_at_a_time(tracked):
            known = self._keep(tracked, reports)
            await self._announce(tracked, self._first_id(tracked, known), next(iter(known)).timestamp_ms / 1000)
            due = bookable(known, self._booking)
            if due > tracked.executed_amount_base:
                try:
                    await self._book(tracked, known)
                except TegroError:
                    if not tracked.completely_filled_event.is_set():
                        raise
            state = order_state(known, amount=tracked.amount, booking=self._booking)
            if state is None or (state in ENDED and not self._may_end(tracked, due)):
                return
            await self._update(tracked, state)

    async def created(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        """Announce an order that the venue accepted, unless a report did so before."""
        async with self._orders.one_at_a_time(tracked):
            await self._announce(tracked, order_id, timestamp_secs)

    async def cancelling(self, tracked: InFlightOrder) -> None:
        """Mark an order that the venue took out of the book, of which a part may have still to settle."""
        async with self._orders.one_at_a_time(tracked):
            await self._update(tracked, OrderState.PENDING_CANCEL)

    async def fills(self, tracked: InFlightOrder, order_ids: Iterable[str]) -> list[TradeUpdate]:
        """Return the fills of some of the venue's orders that are to be booked by now."""
        market = await self._link.market(tracked.trading_pair)
        updates = []
        for order_id in order_ids:
            trades = await self._link.client.trades_of(order_id)
            await self._on_trades(tracked.client_order_id, order_id, trades)
            updates += [
                trade_update(
                    trade,
                    venue_order_id=order_id,
                    order=tracked,
                    market=market,
                    wallet=self._wallet,
                    booking=self._booking,
                )
                for trade in trades
            ]
        return [update for update in updates if update is not None]

    def _keep(self, tracked: InFlightOrder, reports: Iterable[Order]) -> list[Order]:
        known = self._reports.setdefault(tracked.client_order_id, {})
        for report in reports:
            self._on_report(report)
            known[report.order_id] = newer(known.get(report.order_id), report)
            self._owners[report.order_id] = tracked.client_order_id
        return list(known.values())

    def _first_id(self, tracked: InFlightOrder, known: Sequence[Order]) -> str:
        if len(known) == 1 and tracked.order_type is not OrderType.MARKET:
            return known[0].order_id
        entries = self.entries(tracked)
        return next((entry.order_id for entry in entries if entry.order_id is not None), known[0].order_id)

    def _may_end(self, tracked: InFlightOrder, due: Decimal) -> bool:
        """Tell whether all of an order is known: Hummingbot would close it without what comes later."""
        # Hummingbot has the last word on whether all is booked: it takes less than 1e-8 for nothing.
        if tracked.executed_amount_base < due and not tracked.completely_filled_event.is_set():
            return False  # a last fill is not listed yet
        if tracked.order_type is not OrderType.MARKET:
            return True
        known = self._reports[tracked.client_order_id]
        return tracked.client_order_id not in self._placing and all(
            entry.state not in UNRESOLVED and (entry.order_id is None or entry.order_id in known)
            for entry in self.entries(tracked)
        )

    async def _book(self, tracked: InFlightOrder, known: Sequence[Order]) -> None:
        """Book what is missing; only the orders that have more than is booked are asked for their trades."""
        missing = [
            report.order_id for report in known if bookable([report], self._booking) > _booked(tracked, report.order_id)
        ]
        for update in await self.fills(tracked, missing):
            self._tracker.process_trade_update(update)

    async def _announce(self, tracked: InFlightOrder, order_id: str, timestamp_secs: float) -> None:
        self._owners[order_id] = tracked.client_order_id
        await self._orders.announce(tracked, order_id, timestamp_secs)

    async def _update(self, tracked: InFlightOrder, state: OrderState) -> None:
        if await self._orders.update(tracked, state) and state in ENDED:
            for order_id in self._reports.pop(tracked.client_order_id, {}):
                self._owners.pop(order_id, None)


def name_of(entry: JournalEntry) -> str:
    """Return the client order id that an entry belongs to: a market order's parts are named `id/2` and so on."""
    return (entry.client_order_id or "").partition("/")[0]


def _booked(tracked: InFlightOrder, order_id: str) -> Decimal:
    fills = tracked.order_fills.values()
    return sum((fill.fill_base_amount for fill in fills if fill.exchange_order_id == order_id), Decimal(0))
