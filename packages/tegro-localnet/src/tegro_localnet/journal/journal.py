"""The journal of one venue: its steps in a file, and now and then its whole state in another."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from tegro_localnet.elsewhere import SharedLifecycle
from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.commands import Entry
from tegro_localnet.journal.frames import Durability, FrameWriter, read_frames
from tegro_localnet.journal.rerun import run_again
from tegro_localnet.journal.snapshot import Snapshot, restore, take_snapshot

_STEPS_KIND: Final = b"tegro-localnet steps 1"
_SNAPSHOT_KIND: Final = b"tegro-localnet snapshot 1"


class Journal:
    """Writes down each step of a venue before anybody hears of it.

    Parameters
    ----------
    folder : Path
        Where the files are; it exists, and no other localnet uses it.
    durability : Durability
        What an acknowledged step survives.
    snapshot_every : int
        Least steps between two snapshots. One is also not made before as many bytes of steps as it has itself were
        written, so that its cost stays in proportion.
    """

    def __init__(self, folder: Path, durability: Durability, snapshot_every: int) -> None:
        self._folder = folder
        self._durability = durability
        self._snapshot_every = snapshot_every
        self._retired: list[FrameWriter] = []
        self._synced = 0
        self._syncing = asyncio.Lock()

    def open(self, lifecycle: SharedLifecycle) -> int:
        """Bring a fresh venue to where the files say it was, then write down its steps; returns how many there were.

        Raises
        ------
        LocalnetError
            If a file is damaged, or its steps give something else now.
        """
        self._lifecycle = lifecycle
        count = replay(self._folder, lifecycle)
        self._start(_newest_snapshot(self._folder), lifecycle.steps.count)
        lifecycle.steps.write_to(self._write)
        return count

    async def durable(self) -> None:
        """Wait until what was written is as durable as asked for; many waiters share one wait of the disk."""
        if self._durability is Durability.PROCESS:
            return
        wanted = self._lifecycle.steps.count
        async with self._syncing:
            if self._synced < wanted:
                reached = self._lifecycle.steps.count
                await asyncio.to_thread(self._file.sync)
                self._synced = max(self._synced, reached)
            while self._retired:
                self._retired.pop().close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _start(self, snapshot: Path | None, count: int) -> None:
        """Go on in the file that belongs to a snapshot (None: to the beginning), whose steps were read."""
        self._first_step = _number(snapshot) if snapshot else 0
        self._snapshot_size = snapshot.stat().st_size if snapshot else 0
        self._file = FrameWriter(_steps_path(self._folder, self._first_step), _STEPS_KIND)
        self._synced = count

    def _write(self, entry: Entry) -> None:
        self._file.append(msgspec.json.encode(entry))
        steps = self._lifecycle.steps.count - self._first_step
        if steps >= self._snapshot_every and self._file.size >= self._snapshot_size:
            self._rotate()

    def _rotate(self) -> None:
        """Write a snapshot, go on in a new file, and forget what came before."""
        count = self._lifecycle.steps.count
        path = self._folder / f"snapshot-{count:012}"
        draft = path.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        writer = FrameWriter(draft, _SNAPSHOT_KIND)
        writer.append(msgspec.json.encode(take_snapshot(self._lifecycle)))
        writer.sync()
        writer.close()
        draft.replace(path)
        self._retired.append(self._file)
        self._start(path, count)
        if not self._syncing.locked():
            self._retired.pop().close()
        _forget_before(self._folder, count)


def replay(folder: Path, lifecycle: SharedLifecycle) -> int:
    """Bring a fresh venue to where the files of a folder say it was; returns how many steps were done again.

    Raises
    ------
    LocalnetError
        If a file is damaged, or its steps give something else now.
    """
    snapshot = _newest_snapshot(folder)
    if snapshot is not None:
        restore(lifecycle, _read_snapshot(snapshot))
    count = 0
    path = _steps_path(folder, lifecycle.steps.count)
    for offset, record in read_frames(path, _STEPS_KIND):
        run_again(lifecycle, record, f"{path} at offset {offset}")
        count += 1
    return count


def _read_snapshot(path: Path) -> Snapshot:
    for _, record in read_frames(path, _SNAPSHOT_KIND):
        try:
            return msgspec.json.decode(record, type=Snapshot)
        except msgspec.DecodeError as error:
            raise LocalnetError(f"{path} is no snapshot of this version: {error}") from error
    raise LocalnetError(f"{path} is damaged: it holds no snapshot; restore the data folder from a copy")


def _newest_snapshot(folder: Path) -> Path | None:
    return max(_snapshots(folder), default=None)


def _snapshots(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("snapshot-*") if path.suffix != ".tmp")


def _steps_path(folder: Path, first_step: int) -> Path:
    return folder / f"steps-{first_step:012}"


def _number(path: Path) -> int:
    return int(path.name.partition("-")[2])


def _forget_before(folder: Path, first_step: int) -> None:
    for path in [*_snapshots(folder), *folder.glob("steps-*")]:
        if _number(path) < first_step:
            path.unlink()
