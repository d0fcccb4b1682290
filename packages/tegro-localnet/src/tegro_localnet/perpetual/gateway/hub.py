"""Who follows which stream (perpetual dialect 6)."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tegro_localnet.events import Subscriber
from tegro_localnet.faults import Fault, FaultBoard
from tegro_localnet.latency import LatencyRules

_END: Final = b""
"""Stands in a queue of frames: here the connection is closed."""


class Follower:
    """One connection: its streams, and the frames that wait for it.

    Attributes
    ----------
    is_combined : bool
        Whether events come wrapped with the name of their stream.
    streams : dict
        The names it follows, as it wrote them.
    queue : Subscriber
        The frames; `overflowed` is set when the connection must be cut.
    """

    def __init__(self, *, is_combined: bool) -> None:
        self.is_combined = is_combined
        self.streams: Final[dict[str, None]] = {}
        self.queue: Final = Subscriber()

    def offer(self, frame: bytes, fault: Fault | None = None, latency_us: int = 0) -> None:
        """Queue a frame, as it is or as a fault will have it."""
        if not self.queue.overflowed.is_set():
            self.queue.offer(frame, fault, latency_us)

    def close(self) -> None:
        """End the connection behind what already waits."""
        self.offer(_END)

    async def next_frame(self) -> tuple[bytes, bool]:
        """Wait for the next frame; without one, say whether to cut the connection rather than to close it."""
        frame = await self.queue.next_frame()
        return (frame or _END), frame is None


class StreamHub:
    """Streams and their followers.

    Parameters
    ----------
    faults : FaultBoard, optional
        What goes wrong with frames; None: nothing. The action of a frame is the kind of its event.
    latency : LatencyRules, optional
        How long frames take; None: they go at once.
    owners_of : callable, optional
        Returns the API keys (lower case) whose user stream a name is; none for a public stream.
    """

    def __init__(
        self,
        faults: FaultBoard | None = None,
        latency: LatencyRules | None = None,
        owners_of: Callable[[str], list[str]] = lambda _: [],
    ) -> None:
        self._faults: Final = faults
        self._latency: Final = latency
        self._owners_of: Final = owners_of
        self._streams: dict[str, dict[Follower, None]] = {}

    @property
    def names(self) -> list[str]:
        """The streams that somebody follows."""
        return list(self._streams)

    def is_followed(self, name: str) -> bool:
        """Say whether anybody follows a stream."""
        return name in self._streams

    def follow(self, follower: Follower, name: str) -> None:
        """Add a follower; repeating it changes nothing."""
        self._streams.setdefault(name, {})[follower] = None
        follower.streams[name] = None

    def leave(self, follower: Follower, name: str) -> None:
        """Take a follower off; nothing happens where it does not follow."""
        follower.streams.pop(name, None)
        followers = self._streams.get(name, {})
        followers.pop(follower, None)
        if not followers:
            self._streams.pop(name, None)

    def leave_all(self, follower: Follower) -> None:
        """Take a follower off all streams."""
        for name in tuple(follower.streams):
            self.leave(follower, name)

    def publish(self, name: str, event: Any) -> None:  # noqa: ANN401 - any JSON
        """Send an event to all followers of a stream."""
        followers = self._streams.get(name)
        if not followers:
            return
        raw = msgspec.json.encode(event)
        wrapped = b'{"stream":' + msgspec.json.encode(name) + b',"data":' + raw + b"}"
        for follower in tuple(followers):
            latency_us = 0 if self._latency is None else self._latency.of_frame_us()
            frame = wrapped if follower.is_combined else raw
            follower.offer(frame, self._fault_for(follower, name, event), latency_us)

    def _fault_for(self, follower: Follower, name: str, event: Any) -> Fault | None:  # noqa: ANN401 - any JSON
        if self._faults is None or not self._faults.has_frame_faults:
            return None
        first = event[0] if isinstance(event, list) else event
        firing = self._faults.fire_frame(first["e"], self._owners_of(name), may_reorder=not follower.queue.withholds)
        return None if firing is None else firing.fault

    def close(self, name: str) -> None:
        """End the connections of all followers of a stream."""
        for follower in tuple(self._streams.get(name, {})):
            follower.close()
