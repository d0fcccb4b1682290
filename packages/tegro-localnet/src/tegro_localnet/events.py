"""Who listens to what. A listener that does not keep up is cut off, so that no queue grows without bound."""

import asyncio
from collections.abc import Iterable
from typing import Final

from msgspec import Raw

from tegro.wire import Envelope, encode

QUEUE_LIMIT: Final = 4096
"""Frames that may wait for one connection before it is dropped."""


class Subscriber:
    """One connection's queue of encoded frames."""

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(limit)
        self.overflowed = asyncio.Event()
        """Set when a frame could not be queued: the connection must be closed, its picture has a hole."""

    def offer(self, frame: bytes) -> None:
        """Queue a frame, or mark the subscriber as overflowed."""
        try:
            self._frames.put_nowait(frame)
        except asyncio.QueueFull:
            self.overflowed.set()

    async def next_frame(self) -> bytes:
        """Wait for the next frame."""
        return await self._frames.get()


class EventHub:
    """Channels and their subscribers. Channel names are compared in lower case."""

    def __init__(self) -> None:
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

    def publish(self, channels: Iterable[str], action: str, data: object) -> None:
        """Send one event to each subscriber of any of the channels, once."""
        reached: dict[Subscriber, None] = {}
        for channel in channels:
            reached |= self._channels.get(channel.lower(), {})
        if not reached:
            return
        frame = encode(Envelope(action=action, data=Raw(encode(data))))
        for subscriber in reached:
            if not subscriber.overflowed.is_set():
                subscriber.offer(frame)
