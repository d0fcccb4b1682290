"""Finding events: by contract first, then by block, then by topic."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from heapq import merge
from operator import attrgetter

from tegro_localnet.chain.node.records import LogRecord

_block_number = attrgetter("block_number")
_place = attrgetter("block_number", "log_index")

type TopicFilter = Sequence[frozenset[bytes] | None]


class LogIndex:
    """All events of the chain. They arrive in the order of the blocks, so every list here is sorted by itself."""

    def __init__(self) -> None:
        self._all: list[LogRecord] = []
        self._by_address: dict[bytes, list[LogRecord]] = {}

    def add(self, logs: Iterable[LogRecord]) -> None:
        """Take in the events of the next transaction."""
        for log in logs:
            self._all.append(log)
            self._by_address.setdefault(log.address, []).append(log)

    def forget_from(self, block_number: int) -> None:
        """Leave out the events of this block and of those after it."""
        for logs in (self._all, *self._by_address.values()):
            del logs[bisect_left(logs, block_number, key=_block_number) :]

    def find(
        self, from_block: int, to_block: int, addresses: frozenset[bytes] | None, topics: TopicFilter
    ) -> list[LogRecord]:
        """Return the events of these blocks (both included), in their order.

        `addresses` None means every contract; a topic that is None may be anything, also missing ones after the last.
        """
        candidates = [self._all] if addresses is None else [self._by_address.get(item, []) for item in addresses]
        ranges = [_between(logs, from_block, to_block) for logs in candidates]
        return [log for log in merge(*ranges, key=_place) if _matches(log, topics)]


def _between(logs: list[LogRecord], from_block: int, to_block: int) -> list[LogRecord]:
    start = bisect_left(logs, from_block, key=_block_number)
    return logs[start : bisect_right(logs, to_block, lo=start, key=_block_number)]


def _matches(log: LogRecord, topics: TopicFilter) -> bool:
    if len(topics) > len(log.topics):
        return False
    return all(wanted is None or topic in wanted for wanted, topic in zip(topics, log.topics, strict=False))
