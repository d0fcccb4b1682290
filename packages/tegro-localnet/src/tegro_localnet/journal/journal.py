"""The journal of one venue: its steps in a file, and now and then its whole state in another."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

from tegro_localnet.errors import LocalnetError
from tegro_localnet.journal.frames import Durability, FrameWriter, read_frames

_STEPS_KIND: Final = b"tegro-localnet steps 1"
_SNAPSHOT_KIND: Final = b"tegro-localnet snapshot 1"


class Kept(Protocol):
    """A venue as its journal sees it: it changes by steps, and can be put on paper as a whole."""

    @property
    def prefix(self) -> str:
        """What the names of its files begin with."""

    @property
    def count(self) -> int:
        """How many steps there were in its life."""

    def write_to(self, write: Callable[[bytes], None]) -> None:
        """Hand each finished step to `write` from now on."""

    def run_again(self, record: bytes, place: str) -> None:
        """Do a step that was written before; `place` says where it stands, for the sentence of a failure.

        Raises
        ------
        LocalnetError
            If the step is not possible, or something else comes of it now.
        """

    def take_snapshot(self) -> bytes:
        """Return the whole state between two steps."""

    def restore(self, snapshot: bytes) -> None:
        """Bring a fresh venue to the state of a snapshot.

        Raises
        ------
        ValueError, KeyError
            If it is no snapshot of this version, or of another venue.
        """


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

    def open(self, kept: Kept) -> int:
        """Bring a fresh venue to where the files say it was, then write down its steps; returns how many there were.

        Raises
        ------
        LocalnetError
            If a file is damaged, or its steps give something else now.
        """
        self._kept = kept
        count = replay(self._folder, kept)
        self._start(_newest_snapshot(self._folder, kept.prefix), kept.count)
        kept.write_to(self._write)
        return count

    async def durable(self) -> None:
        """Wait until what was written is as durable as asked for; many waiters share one wait of the disk."""
        if self._durability is Durability.PROCESS:
            return
        wanted = self._kept.count
        async with self._syncing:
            if self._synced < wanted:
                reached = self._kept.count
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
        self._file = FrameWriter(_steps_path(self._folder, self._kept.prefix, self._first_step), _STEPS_KIND)
        self._synced = count

    def _write(self, record: bytes) -> None:
        self._file.append(record)
        steps = self._kept.count - self._first_step
        if steps >= self._snapshot_every and self._file.size >= self._snapshot_size:
            self._rotate()

    def _rotate(self) -> None:
        """Write a snapshot, go on in a new file, and forget what came before."""
        count, prefix = self._kept.count, self._kept.prefix
        path = self._folder / f"{prefix}snapshot-{count:012}"
        draft = path.with_suffix(".tmp")
        draft.unlink(missing_ok=True)
        writer = FrameWriter(draft, _SNAPSHOT_KIND)
        writer.append(self._kept.take_snapshot())
        writer.sync()
        writer.close()
        draft.replace(path)
        self._retired.append(self._file)
        self._start(path, count)
        if not self._syncing.locked():
            self._retired.pop().close()
        _forget_before(self._folder, prefix, count)


def replay(folder: Path, kept: Kept) -> int:
    """Bring a fresh venue to where the files of a folder say it was; returns how many steps were done again.

    Raises
    ------
    LocalnetError
        If a file is damaged, or its steps give something else now.
    """
    snapshot = _newest_snapshot(folder, kept.prefix)
    if snapshot is not None:
        _restore(kept, snapshot)
    count = 0
    path = _steps_path(folder, kept.prefix, kept.count)
    for offset, record in read_frames(path, _STEPS_KIND):
        kept.run_again(record, f"{path} at offset {offset}")
        count += 1
    return count


def _restore(kept: Kept, path: Path) -> None:
    for _, record in read_frames(path, _SNAPSHOT_KIND):
        try:
            kept.restore(record)
        except (ValueError, KeyError) as error:
            raise LocalnetError(f"{path} is no snapshot of this version: {error}") from error
        return
    raise LocalnetError(f"{path} is damaged: it holds no snapshot; restore the data folder from a copy")


def _newest_snapshot(folder: Path, prefix: str) -> Path | None:
    return max(_snapshots(folder, prefix), default=None)


def _snapshots(folder: Path, prefix: str) -> Iterator[Path]:
    return (path for path in folder.glob(f"{prefix}snapshot-*") if path.suffix != ".tmp")


def _steps_path(folder: Path, prefix: str, first_step: int) -> Path:
    return folder / f"{prefix}steps-{first_step:012}"


def _number(path: Path) -> int:
    return int(path.name.rpartition("-")[2])


def _forget_before(folder: Path, prefix: str, first_step: int) -> None:
    for path in [*_snapshots(folder, prefix), *folder.glob(f"{prefix}steps-*")]:
        if _number(path) < first_step:
            path.unlink()
