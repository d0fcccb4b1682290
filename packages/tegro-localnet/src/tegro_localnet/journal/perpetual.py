"""The perpetual venue as its journal sees it."""

from collections.abc import Callable
from typing import Final

import msgspec

from tegro_localnet.journal.rerun import DivergenceError
from tegro_localnet.perpetual.snapshot import Snapshot, restore, take_snapshot
from tegro_localnet.perpetual.steps import Entry, Outcome
from tegro_localnet.perpetual.venue import PerpetualVenue


class KeptPerpetual:
    """A perpetual venue, to be kept by a `Journal`."""

    prefix: Final = "perpetual-"

    def __init__(self, venue: PerpetualVenue) -> None:
        self._venue: Final = venue

    @property
    def count(self) -> int:
        """How many steps there were in its life."""
        return self._venue.count

    def write_to(self, write: Callable[[bytes], None]) -> None:
        """Hand each finished step to `write` from now on."""
        self._venue.write_to(lambda entry: write(msgspec.json.encode(entry)))

    def run_again(self, record: bytes, place: str) -> None:
        """Do a step that was written before, and compare.

        Raises
        ------
        DivergenceError
            If the step is not possible or something else comes of it.
        """
        try:
            entry = msgspec.json.decode(record, type=Entry)
            outcome = self._venue.run_again(entry)
        except (msgspec.DecodeError, KeyError) as error:
            raise DivergenceError(f"{place}: the step cannot be done again: {type(error).__name__}: {error}") from error
        if outcome != entry.outcome:
            name = type(entry.command).__name__
            raise DivergenceError(f"{place}: {name} gave {_named(outcome)} where {_named(entry.outcome)} was written")

    def take_snapshot(self) -> bytes:
        """Return the whole state between two steps."""
        return msgspec.json.encode(take_snapshot(self._venue))

    def restore(self, snapshot: bytes) -> None:
        """Bring a fresh venue to the state of a snapshot; ValueError where it is none of this version."""
        restore(self._venue, msgspec.json.decode(snapshot, type=Snapshot))


def _named(outcome: Outcome) -> str:
    what = f"refusal {outcome.refusal}" if outcome.refusal else f"{outcome.events} events"
    return f"{what} (checksum {outcome.checksum:08x})"
