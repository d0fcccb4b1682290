"""A venue from a data folder alone: no chain, no server, nobody who listens."""

import random
from pathlib import Path

from tegro_localnet.announcer import Announcer
from tegro_localnet.dialect import Dialect
from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.engine.ledger import Ledger
from tegro_localnet.errors import LocalnetError
from tegro_localnet.events import EventHub
from tegro_localnet.journal.folder import Manifest, read_manifest
from tegro_localnet.journal.journal import replay
from tegro_localnet.journal.perpetual import KeptPerpetual
from tegro_localnet.journal.spot import KeptSpot
from tegro_localnet.listing import list_markets
from tegro_localnet.perpetual.venue import PerpetualVenue
from tegro_localnet.switches import SwitchBoard, Switches


def manifest_of(folder: Path) -> Manifest:
    """Return whose a data folder is.

    Raises
    ------
    LocalnetError
        If the folder holds no localnet, or one of another version.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise LocalnetError(f"{folder} holds no localnet; name the folder that was given with --data")
    return manifest


def rebuild(folder: Path) -> tuple[SharedLifecycle, int]:
    """Run the journal of a folder again, changing nothing in it; returns the venue and how many steps were done.

    Raises
    ------
    LocalnetError
        If the folder holds no localnet, a file is damaged, or a step gives something else than was written.
    """
    manifest = manifest_of(folder)
    deployment = manifest.deployment
    lifecycle = SharedLifecycle(
        markets=list_markets(manifest.config(), deployment).markets,
        ledger=Ledger(),
        announcer=Announcer(EventHub(), Dialect(SwitchBoard(Switches())), lambda: 0),
        fee_bps=deployment.fee_bps,
        clock_ms=lambda: 0,
        rng=random.Random(f"{manifest.seed}/ids"),  # noqa: S311 - ids, nothing secret
    )
    return lifecycle, replay(folder, KeptSpot(lifecycle))


def rebuild_perpetual(folder: Path) -> tuple[PerpetualVenue, int] | None:
    """Do the same with the journal of the perpetual venue; None where the folder has none."""
    origin = manifest_of(folder).perpetual
    if origin is None:
        return None
    unused = random.Random(0)  # noqa: S311 - the keys are in the journal
    venue = PerpetualVenue(origin.config, lambda: origin.start_ms, unused, start_ms=origin.start_ms)
    return venue, replay(folder, KeptPerpetual(venue))
