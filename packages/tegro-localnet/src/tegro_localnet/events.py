"""Who listens to what. A listener that does not keep up is cut off, so that no queue grows without bound."""

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from msgspec import Raw, Struct

from tegro.wire import Envelope, encode
from tegro_localnet.faults import Fault, FaultBoard, FaultKind
from tegro_localnet.latency import LatencyRules

QUEUE_LIMIT: Final = 4096
"""Frames that may wait for one connection before it is dropped."""


class _Pause(Struct, frozen=True):
    """Stands in a queue of frames: what is behind it waits."""

    delay_ms: int


class _Due(Struct, frozen=True):
    """A frame that takes its time. What is behind it cannot overtake it."""

    frame: bytes
    at_ns: int


class _Cut(Struct, frozen=True):
    """Stands in a queue of frames: here the connection ends."""


type _Item = bytes | _Due | _Pause | _Cut


class Subscriber:
    """One connection's queue of encoded frames."""

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._frames: asyncio.Queue[_Item] = asyncio.Queue(limit)
        self._withheld: bytes | _Due | None = None
        """A frame that goes behind the next one."""
        self.overflowed = asyncio.Event()
        """Set when a frame could not be queued: the connection must be closed, its picture has a hole."""

    @property
    def withholds(self) -> bool:
        """Whether a frame waits for the next one, to go behind it."""
        return self._withheld is not None

    def offer(self, encoded: bytes, fault: Fault | None = None, latency_us: int = 0) -> None:
        """Queue a frame, as it is or as a fault will have it, or mark the subscriber as overflowed."""
        frame = encoded if latency_us == 0 else _Due(encoded, time.monotonic_ns() + latency_us * 1000)
        kind = None if fault is None else fault.kind
        if kind is FaultKind.FRAME_REORDER:
            self._withheld = frame
            return
        if kind is FaultKind.CUT:
            self._put(_Cut())
        elif kind is not FaultKind.FRAME_DROP:
            if fault is not None and kind is FaultKind.FRAME_DELAY:
                self._put(_Pause(fault.delay_ms))
            self._put(frame)
            if kind is FaultKind.FRAME_DUPLICATE:
                self._put(frame)
        self._put_withheld()

    async def next_frame(self) -> bytes | None:
        """Wait for the next frame; None: cut the connection here."""
        item = await self._frames.get()
        if isinstance(item, _Pause):
            await asyncio.sleep(item.delay_ms / 1000)
            return await self.next_frame()
        if isinstance(item, _Due):
            await asyncio.sleep(max(item.at_ns - time.monotonic_ns(), 0) / 10**9)
            return item.frame
        return None if isinstance(item, _Cut) else item

    def _put(self, item: _Item) -> None:
        try:
            self._frames.put_nowait(item)
        except asyncio.QueueFull:
            self.overflowed.set()

    def _put_withheld(self) -> None:
        if self._withheld is not None:
            frame, self._withheld = self._withheld, None
            self._put(frame)


class EventHub:
    """Channels and their subscribers. Channel names are compared in lower case.

    Parameters
    ----------
    faults : FaultBoard, optional
        What goes wrong with frames; None: nothing.
    latency : LatencyRules, optional
        How long frames take; None: they go at once.
    """

    def __init__(self, faults: FaultBoard | None = None, latency: LatencyRules | None = None) -> None:
        self._faults = faults
        self._latency = latency
        self._channels: dict[str, dict[Subscriber, None]] = {}

    def subscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Add a subscriber to a channel; repeating it changes nothing."""
        self._channels.setdefault(channel.lower(), {})[subscriber] = None

    def unsubscribe(self, subscriber: Subscriber, channel: str) -> None:
        """Take a subscriber off a channel; nothing happens where it is not on it."""
        subscribers = self._channels.get(channel.lower())
        if subscribers is not None:
            subscribers.pop(subscriber, None)
            if not subscribers:
                del self._channels[channel.lower()]

    def is_followed(self, *channels: str) -> bool:
        """Say whether anybody follows one of the channels: if not, an event need not even be worded."""
        return bool(self._channels) and any(channel.lower() in self._channels for channel in channels)

    def publish(self, channels: Iterable[str], action: str, data: object) -> None:
        """Send one event to each subscriber of any of the channels, once."""
        names = [channel.lower() for channel in channels]
        reached: dict[Subscriber, None] = {}
        for name in names:
            reached |= self._channels.get(name, {})
        if not reached:
            return
        frame = encode(Envelope(action=action, data=Raw(encode(data))))
        for subscriber in reached:
            if not subscriber.overflowed.is_set():
                latency_us = 0 if self._latency is None else self._latency.of_frame_us()
                subscriber.offer(frame, self._fault_for(subscriber, action, names), latency_us)

    def _fault_for(self, subscriber: Subscriber, action: str, names: list[str]) -> Fault | None:
        if self._faults is None or not self._faults.has_frame_faults:
            return None
        followed = [name for name in names if subscriber in self._channels.get(name, {})]
        firing = self._faults.fire_frame(action, followed, may_reorder=not subscriber.withholds)
        return None if firing is None else firing.fault
