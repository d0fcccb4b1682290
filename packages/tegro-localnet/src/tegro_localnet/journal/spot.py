"""The spot venue as its journal sees it."""

from collections.abc import Callable
from typing import Final

import msgspec

from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.journal.rerun import run_again
from tegro_localnet.journal.snapshot import Snapshot, restore, take_snapshot


class KeptSpot:
    """A venue's orders and trades, to be kept by a `Journal`."""

    prefix: Final = ""

    def __init__(self, lifecycle: SharedLifecycle) -> None:
        self._lifecycle: Final = lifecycle

    @property
    def count(self) -> int:
        """How many steps there were in its life."""
        return self._lifecycle.steps.count

    def write_to(self, write: Callable[[bytes], None]) -> None:
        """Hand each finished step to `write` from now on."""
        self._lifecycle.steps.write_to(lambda entry: write(msgspec.json.encode(entry)))

    def run_again(self, record: bytes, place: str) -> None:
        """Do a step that was written before, and compare; see `rerun`."""
        run_again(self._lifecycle, record, place)

    def take_snapshot(self) -> bytes:
        """Return the whole state between two steps."""
        return msgspec.json.encode(take_snapshot(self._lifecycle))

    def restore(self, snapshot: bytes) -> None:
        """Bring a fresh venue to the state of a snapshot; ValueError where it is none of this version."""
        restore(self._lifecycle, msgspec.json.decode(snapshot, type=Snapshot))
