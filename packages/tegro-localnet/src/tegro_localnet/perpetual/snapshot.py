"""A perpetual venue's whole state as one value: the engine's, and what the venue keeps beside it."""

from msgspec import Struct

from tegro_localnet.perpetual.api_keys import Credentials
from tegro_localnet.perpetual.candles import Kept
from tegro_localnet.perpetual.engine.snapshot import EngineState, restore_state, take_state
from tegro_localnet.perpetual.tape import MarketTape
from tegro_localnet.perpetual.venue import PerpetualVenue


class TapeState(Struct, frozen=True, kw_only=True):
    """What the public saw of a contract: how often its book changed, and its candles by series."""

    update_id: int
    candles: dict[str, Kept]


class Snapshot(Struct, frozen=True, kw_only=True):
    """The state of a venue after `steps` steps."""

    steps: int
    engine: EngineState
    tapes: dict[str, TapeState]
    keys: tuple[Credentials, ...]
    listening: dict[str, tuple[int, int]]
    """Account and end of life of each listen key."""
    roles: dict[str, int]
    """Accounts of parts of localnet."""


def take_snapshot(venue: PerpetualVenue) -> Snapshot:
    """Return the state between two steps. It holds what the venue goes on changing, so it is to be encoded at once."""
    return Snapshot(
        steps=venue.count,
        engine=take_state(venue.state),
        tapes={symbol: _tape_state(tape) for symbol, tape in venue.tapes.items()},
        keys=tuple(venue.keys.credentials.values()),
        listening=venue.keys.listening,
        roles=venue.roles,
    )


def restore(venue: PerpetualVenue, snapshot: Snapshot) -> None:
    """Bring a fresh venue to the state of a snapshot. It owns the value from then on.

    Raises
    ------
    KeyError
        If the snapshot names a contract or an order that is not there.
    """
    venue.count = snapshot.steps
    restore_state(venue.state, snapshot.engine)
    for symbol, taken in snapshot.tapes.items():
        tape = venue.tapes[symbol]
        tape.update_id = taken.update_id
        for name, series in tape.series.items():
            series.restore(taken.candles[name])
    for credentials in snapshot.keys:
        venue.keys.add(credentials)
    venue.keys.listening.update(snapshot.listening)
    venue.roles.update(snapshot.roles)


def _tape_state(tape: MarketTape) -> TapeState:
    candles = {name: series.kept() for name, series in tape.series.items()}
    return TapeState(update_id=tape.update_id, candles=candles)
