"""Faults on demand: what goes wrong, for whom, how often. Nothing here touches a connection.

`gateway.faulty` carries out the faults of requests, `events` and `gateway.stream` those of stream frames,
`settlement_faults` those of matches, `gateway.trading` leaves hidden orders out of its lists.
"""

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, field

from tegro_localnet.clock import now_ms
from tegro_localnet.fault_spec import Fault, FaultKind
from tegro_localnet.refusal import excerpt

__all__ = ["ActiveFault", "Fault", "FaultBoard", "FaultEvent", "FaultKind", "Firing"]

LOG: Final = logging.getLogger(__name__)
"""Every fault that happens is a line here, at INFO."""

_DRAWS: Final = 10**9
_WAITING_KINDS: Final = frozenset({FaultKind.HOLD, FaultKind.DELAY, FaultKind.SETTLEMENT_HOLD})
_DEPTH_PATH: Final = "/api/v1/orderbook/depth"
KEPT_EVENTS: Final = 10_000
"""How many lines of the event log are kept; the oldest go first."""


class ActiveFault(Struct, frozen=True, kw_only=True):
    """A fault on the board. It stays there when it is spent, until it is cleared."""

    id: int
    fault: Fault
    fired: int
    """How often it happened."""
    held: int
    """How many requests it keeps waiting now."""


class FaultEvent(Struct, frozen=True, kw_only=True):
    """One line of the event log: what was set, happened, released, cleared or changed."""

    number: int
    """Counts from 1."""
    time_ms: int
    """Unix milliseconds, whatever the venue's clock says."""
    what: str
    fault_id: int | None
    """None: it was no fault of the board, but a change of the clock, of a market or the like."""
    text: str


class Firing(Struct, frozen=True, kw_only=True):
    """A fault that happens to one request or frame."""

    id: int
    fault: Fault
    gate: asyncio.Future[bool] | None = None
    """Where a held or delayed request or match waits. True: go on; False: the venue stops, give up."""

    async def may_go_on(self, limit_ms: int | None) -> bool:
        """Wait until it is released or some milliseconds have passed (None: without end); False: the venue stops."""
        if self.gate is None:
            return True
        try:
            async with asyncio.timeout(None if limit_ms is None else limit_ms / 1000):
                return await self.gate
        except TimeoutError:
            return True


class _Entry(Struct, kw_only=True):
    id: int
    fault: Fault
    wallet: str | None
    fired: int = 0
    gates: set[asyncio.Future[bool]] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    """Ids of the orders that a fault of kind `hide` keeps out of lists."""

    @property
    def is_spent(self) -> bool:
        return self.fault.kind is not FaultKind.HIDE and self.fired == self.fault.times

    def fits_path(self, path: str) -> bool:
        return self.fault.path is None or fnmatchcase(path, self.fault.path)

    def fits_wallet(self, wallet: str | None) -> bool:
        return self.wallet is None or wallet == self.wallet


class FaultBoard:
    """The faults that are set. Every method may be called from any thread, except those that fire (the venue's own).

    Parameters
    ----------
    rng : random.Random
        Decides where a probability is below 1.
    clock_ms : callable
        The time of the event log, in Unix milliseconds.
    """

    def __init__(self, rng: random.Random, clock_ms: Callable[[], int] = now_ms) -> None:
        self._rng = rng
        self._clock_ms = clock_ms
        self._events: deque[FaultEvent] = deque(maxlen=KEPT_EVENTS)
        self._last_event = 0
        self._lock = threading.Lock()
        self._entries: dict[int, _Entry] = {}
        self._last_id = 0
        self._of_requests: tuple[_Entry, ...] = ()
        self._of_frames: tuple[_Entry, ...] = ()
        self._of_settlements: tuple[_Entry, ...] = ()
        self._hides: tuple[_Entry, ...] = ()

    def add(self, fault: Fault) -> int:
        """Set a fault; returns its id. Of several that fit, the oldest happens. Each repetition sets one more."""
        with self._lock:
            self._last_id += 1
            wallet = None if fault.wallet is None else fault.wallet.lower()
            self._entries[self._last_id] = _Entry(id=self._last_id, fault=fault, wallet=wallet)
            self._sort()
            self._log("set", fault.kind, self._last_id)
            return self._last_id

    def list(self) -> list[ActiveFault]:
        """Return every fault that was not cleared, oldest first."""
        with self._lock:
            return [
                ActiveFault(id=entry.id, fault=entry.fault, fired=entry.fired, held=len(entry.gates))
                for entry in self._entries.values()
            ]

    def clear(self, fault_id: int | None = None) -> int:
        """Take a fault off the board, or all (None), and let the requests that it holds go on; returns how many faults.

        Raises
        ------
        LookupError
            If there is no fault of that id.
        """
        with self._lock:
            entries = self._chosen(fault_id)
            for entry in entries:
                del self._entries[entry.id]
                _open_gates(entry, go_on=True)
                self._log("cleared", entry.fault.kind, entry.id)
            self._sort()
            return len(entries)

    def release(self, fault_id: int | None = None) -> int:
        """Let the requests and matches go on that a fault, or any (None), holds or delays now; returns how many.

        Raises
        ------
        LookupError
            If there is no fault of that id.
        """
        with self._lock:
            return sum(self._release(entry) for entry in self._chosen(fault_id))

    def fired(self, fault_id: int) -> int:
        """Return how often a fault happened.

        Raises
        ------
        LookupError
            If there is no fault of that id.
        """
        with self._lock:
            return self._chosen(fault_id)[0].fired

    def events(self, limit: int = KEPT_EVENTS) -> Sequence[FaultEvent]:
        """Return the newest lines of the event log, oldest first."""
        with self._lock:
            return list(self._events)[-limit:] if limit > 0 else []

    def note(self, text: str) -> None:
        """Write into the event log what was changed beside the faults of the board."""
        with self._lock:
            self._log("changed", text, None)
        LOG.info("%s", text)

    def close(self) -> None:
        """Clear the board because the venue stops: requests that wait are given up."""
        with self._lock:
            for entry in self._entries.values():
                _open_gates(entry, go_on=False)
            self._entries.clear()
            self._sort()

    @property
    def has_request_faults(self) -> bool:
        """Whether any request may fail now."""
        return bool(self._of_requests)

    @property
    def has_settlement_faults(self) -> bool:
        """Whether any match may fail or wait on its way to the chain now."""
        return bool(self._of_settlements)

    @property
    def has_frame_faults(self) -> bool:
        """Whether any stream frame may fail now."""
        return bool(self._of_frames)

    def fire_request(self, path: str, wallet: str | None, *, opens_stream: bool) -> Firing | None:
        """Decide what happens to a request; None: nothing. To be called on the loop that serves it.

        Parameters
        ----------
        path : str
            Its path.
        wallet : str, optional
            The wallet that it names, in lower case.
        opens_stream : bool
            Whether a WebSocket begins with it, to which only that can happen which comes before.
        """
        with self._lock:
            for entry in self._of_requests:
                fits = entry.fits_path(path) and entry.fits_wallet(wallet)
                fits = fits and (entry.fault.comes_first or not opens_stream)
                fits = fits and (entry.fault.kind is not FaultKind.NULL_SIDES or path == _DEPTH_PATH)
                if fits and self._is_drawn(entry):
                    return self._fire(entry, f"the request {path}")
        return None

    def fire_frame(self, action: str, channels: Collection[str], *, may_reorder: bool) -> Firing | None:
        """Decide what happens to a frame on one socket that follows these channels (lower case); None: nothing."""
        with self._lock:
            for entry in self._of_frames:
                fault = entry.fault
                fits = (
                    (fault.action is None or fault.action == action)
                    and (entry.wallet is None or entry.wallet in channels)
                    and (may_reorder or fault.kind is not FaultKind.FRAME_REORDER)
                )
                if fits and self._is_drawn(entry):
                    return self._fire(entry, f"a frame {action}")
        return None

    def fire_settlement(self, trade_id: str, wallets: Collection[str]) -> Firing | None:
        """Decide what happens to a match of these wallets (lower case) on its way to the chain; None: nothing."""
        with self._lock:
            for entry in self._of_settlements:
                if (entry.wallet is None or entry.wallet in wallets) and self._is_drawn(entry):
                    return self._fire(entry, f"the match {trade_id}")
        return None

    def note_accepted(self, wallet: str, order_id: str) -> None:
        """Take note that the venue accepted an order of a wallet (lower case): what hides, hides it from now on."""
        for entry in self._hides:
            if entry.fits_wallet(wallet):
                entry.hidden.add(order_id)

    def hidden_orders(self, path: str, wallet: str) -> AbstractSet[str]:
        """Return the ids that the list of a wallet's orders (lower case) has to leave out."""
        hidden: set[str] = set()
        with self._lock:
            for entry in self._hides:
                if entry.hidden and entry.fits_path(path) and entry.fits_wallet(wallet):
                    self._fire(entry, f"the request {path}")
                    hidden |= entry.hidden
        return hidden

    def _chosen(self, fault_id: int | None) -> tuple[_Entry, ...]:
        if fault_id is None:
            return tuple(self._entries.values())
        if fault_id not in self._entries:
            raise LookupError(f"no fault has the id {fault_id}: list them to see which are set")
        return (self._entries[fault_id],)

    def _sort(self) -> None:
        """Keep those that can still happen apart by what they happen to, so that a healthy venue loses no time."""
        live = [entry for entry in self._entries.values() if not entry.is_spent]
        self._hides = tuple(entry for entry in live if entry.fault.kind is FaultKind.HIDE)
        self._of_frames = tuple(entry for entry in live if entry.fault.kind.is_of_frames)
        self._of_requests = tuple(entry for entry in live if entry.fault.kind.is_of_requests)
        self._of_settlements = tuple(entry for entry in live if entry.fault.kind.is_of_settlements)

    def _release(self, entry: _Entry) -> int:
        released = _open_gates(entry, go_on=True)
        if released:
            self._log("released", f"{entry.fault.kind}: {released}", entry.id)
        return released

    def _log(self, what: str, text: str, fault_id: int | None) -> None:
        self._last_event += 1
        event = FaultEvent(
            number=self._last_event, time_ms=self._clock_ms(), what=what, fault_id=fault_id, text=str(text)
        )
        self._events.append(event)

    def _is_drawn(self, entry: _Entry) -> bool:
        probability = entry.fault.probability
        return probability == 1 or self._rng.randrange(_DRAWS) < probability * _DRAWS

    def _fire(self, entry: _Entry, victim: str) -> Firing:
        entry.fired += 1
        if entry.is_spent:
            self._sort()
        LOG.info("fault %d: %s happens to %s", entry.id, entry.fault.kind, excerpt(victim))
        self._log("happened", f"{entry.fault.kind} to {victim}", entry.id)
        if entry.fault.kind not in _WAITING_KINDS:
            return Firing(id=entry.id, fault=entry.fault)
        gate: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        entry.gates.add(gate)
        gate.add_done_callback(entry.gates.discard)
        return Firing(id=entry.id, fault=entry.fault, gate=gate)


def _open_gates(entry: _Entry, *, go_on: bool) -> int:
    gates = tuple(entry.gates)
    entry.gates.clear()
    for gate in gates:
        gate.get_loop().call_soon_threadsafe(_open, gate, go_on)
    return len(gates)


def _open(gate: asyncio.Future[bool], go_on: bool) -> None:  # noqa: FBT001 - call_soon passes by position
    if not gate.done():
        gate.set_result(go_on)
