"""A localnet's data folder: whose it is, and that one localnet at a time uses it."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct
from msgspec.structs import replace

from tegro_localnet.chain.deployment import Deployment
from tegro_localnet.config import LocalnetConfig, MarketConfig
from tegro_localnet.errors import LocalnetError
from tegro_localnet.perpetual.config import PerpetualConfig

_FORMAT: Final = 1
_LEFT_BY_A_BROKEN_START: Final = frozenset({"lock", "chain", "chain.lock", "manifest.tmp"})


class PerpetualOrigin(Struct, frozen=True, kw_only=True):
    """How a perpetual venue began: what its journal is to be run again from."""

    start_ms: int
    """Unix milliseconds."""
    config: PerpetualConfig


class Manifest(Struct, frozen=True, kw_only=True):
    """What a data folder belongs to. Everything that was written into it holds for these settings alone."""

    format: int = _FORMAT
    seed: int
    starts: int = 1
    """How often a localnet was started on the folder."""
    chain_id: int
    fee_bps: int
    min_order_value: Decimal
    markets: tuple[MarketConfig, ...]
    deployment: Deployment
    perpetual: PerpetualOrigin | None = None
    """None where no perpetual venue was ever started on the folder."""

    def config(self) -> LocalnetConfig:
        """Return the settings of a localnet with these markets, as far as the engine depends on them."""
        return LocalnetConfig(
            chain_id=self.chain_id,
            fee_bps=self.fee_bps,
            min_order_value=self.min_order_value,
            markets=self.markets,
            seed=self.seed,
        )


class DataFolder:
    """The folder that a localnet keeps everything in.

    Parameters
    ----------
    path : Path
        The folder; made where it does not exist, once it is locked.

    Attributes
    ----------
    manifest : Manifest or None
        Whose it is; None for a new one.

    Raises
    ------
    LocalnetError
        If the folder cannot be read, holds other things, or is from another version.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self._lock = FileLock(path / "lock")
        self.manifest = read_manifest(path)

    @property
    def chain_path(self) -> Path:
        """The file of the embedded chain."""
        return self.path / "chain"

    def lock(self) -> None:
        """Take the folder for this process; `release` or the end of the process gives it back.

        Raises
        ------
        LocalnetError
            If another localnet has it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise LocalnetError(f"{self.path} is in use by another localnet; stop it or choose another one") from error
        except OSError as error:
            raise LocalnetError(f"{self.path} cannot be used: {error.strerror or error}") from error
        # It may have become another localnet's between reading and locking.
        self.manifest = read_manifest(self.path)
        if self.manifest is None:
            # A start that did not come to its end has acknowledged nothing.
            self.chain_path.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the folder back."""
        self._lock.release()

    def require(self, config: LocalnetConfig) -> None:
        """Refuse settings that are not those of the folder. A seed that is not given is the folder's.

        Raises
        ------
        LocalnetError
            With the first setting that differs.
        """
        manifest = self.manifest
        if manifest is None:
            return
        for name in ("chain_id", "fee_bps", "min_order_value"):
            self._require_same(name, getattr(manifest, name), getattr(config, name))
        markets = ", ".join(market.symbol for market in manifest.markets)
        if manifest.markets != config.markets:
            raise LocalnetError(f"{self.path} was made for other markets: {markets}; choose another data folder")
        if config.seed is not None:
            self._require_same("seed", manifest.seed, config.seed)
        origin = manifest.perpetual
        if origin is not None and config.perpetual is not None and origin.config != config.perpetual:
            message = f"{self.path} was made with other settings of the perpetual venue; choose another data folder"
            raise LocalnetError(message)

    def save(self, manifest: Manifest) -> None:
        """Write whose the folder is."""
        draft = self.path / "manifest.tmp"
        with draft.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path / "manifest.json")
        self.manifest = manifest

    def count_start(self) -> None:
        """Note that a localnet starts again on the folder."""
        if self.manifest is not None:
            self.save(replace(self.manifest, starts=self.manifest.starts + 1))

    def perpetual_origin(self, now: PerpetualOrigin) -> PerpetualOrigin:
        """Return how the perpetual venue began; one that begins now is noted."""
        if self.manifest is not None and self.manifest.perpetual is not None:
            return self.manifest.perpetual
        if self.manifest is not None:
            self.save(replace(self.manifest, perpetual=now))
        return now

    def _require_same(self, name: str, had: object, wanted: object) -> None:
        if had != wanted:
            raise LocalnetError(
                f"{self.path} was made with {name} {had}, not {wanted}; start with that or choose another data folder"
            )


def read_manifest(path: Path) -> Manifest | None:
    """Return whose a folder is; None where it is empty or missing.

    Raises
    ------
    LocalnetError
        If it cannot be read, holds other things, or is from another version.
    """
    try:
        data = (path / "manifest.json").read_bytes()
    except FileNotFoundError:
        others = {entry.name for entry in path.iterdir()} - _LEFT_BY_A_BROKEN_START if path.is_dir() else set()
        if others:
            message = f"{path} is not a localnet's data folder and holds {min(others)}; choose an empty or a new one"
            raise LocalnetError(message) from None
        return None
    except OSError as error:
        raise LocalnetError(f"{path} cannot be used as a data folder: {error.strerror or error}") from error
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, ValueError) as error:
        raise LocalnetError(f"{path / 'manifest.json'} cannot be read: {error}") from error
    if manifest.format != _FORMAT:
        message = f"{path} was made by another version of localnet (format {manifest.format}, known is {_FORMAT})"
        raise LocalnetError(message)
    return manifest
