"""What of a localnet survives its process: the data folder, its lock, and the journals of both sides."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from tegro_localnet.config import LocalnetConfig
from tegro_localnet.journal.folder import DataFolder, Manifest, PerpetualOrigin
from tegro_localnet.journal.frames import Durability
from tegro_localnet.journal.journal import Journal, Kept


class Keeping:
    """The data folder of a localnet; without one, all methods do nothing.

    Attributes
    ----------
    folder : DataFolder or None
        None where everything stays in memory.
    """

    def __init__(self, config: LocalnetConfig) -> None:
        self._config: Final = config
        self._journals: list[Journal] = []
        self.folder: Final = None if config.data is None else DataFolder(config.data)

    @property
    def manifest(self) -> Manifest | None:
        """Whose the folder is; None for a new one, and without a folder."""
        return None if self.folder is None else self.folder.manifest

    @property
    def chain_path(self) -> Path | None:
        """The file of the embedded chain."""
        return None if self.folder is None else self.folder.chain_path

    @property
    def must_wait(self) -> bool:
        """Whether an answer has to wait for the disk (`durable`)."""
        return self.folder is not None and self._config.durability is Durability.POWER

    def take_folder(self, stack: AsyncExitStack) -> None:
        """Lock the folder until the stack ends, and refuse settings that are not its own.

        Raises
        ------
        LocalnetError
            If another localnet has it, it cannot be used, or a setting differs.
        """
        if self.folder is not None:
            self.folder.lock()
            stack.callback(self.folder.release)
            self.folder.require(self._config)
            self.folder.count_start()

    def keep(self, kept: Kept, stack: AsyncExitStack) -> None:
        """Bring a fresh venue to where its journal says it was, and write down its steps until the stack ends.

        Raises
        ------
        LocalnetError
            If a file is damaged, or its steps give something else now.
        """
        if self.folder is not None:
            journal = Journal(self.folder.path, self._config.durability, self._config.snapshot_every)
            journal.open(kept)
            stack.callback(journal.close)
            self._journals.append(journal)

    def perpetual_origin(self, now: PerpetualOrigin) -> PerpetualOrigin:
        """Return how the perpetual venue began: as the folder says, or now, which the folder is told then."""
        return now if self.folder is None else self.folder.perpetual_origin(now)

    async def durable(self) -> None:
        """Wait until what was written is as durable as asked for."""
        for journal in self._journals:
            await journal.durable()
