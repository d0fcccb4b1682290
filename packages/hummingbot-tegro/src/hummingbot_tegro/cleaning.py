"""What installing, upgrading and removing this plug-in may leave behind, and its removal.

Two kinds are told apart. Remains are ours alone and hold nothing of the user's: start-up files of an installation that
is gone, bytecode without its source, links to nowhere. They go without a question. Key files and settings are the
user's (`mentions`): they are touched only after a yes.
"""

import importlib.metadata
import shutil
import site
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from hummingbot_tegro.launcher import Host
from tegro.errors import InvalidInput

_START_UP_FILES: Final = ("hummingbot_tegro.pth", "_editable_impl_hummingbot_tegro.pth")
_BYTECODE: Final = "__pycache__"
_CONNECTOR_KINDS: Final = ("exchange", "derivative")


class Remains(Struct, frozen=True, kw_only=True):
    """One file or folder that nobody needs any more."""

    path: Path
    what: str
    """Why it may go, for example `bytecode without its source`."""

    def remove(self) -> None:
        """Remove it. May be repeated.

        Raises
        ------
        InvalidInput
            If it cannot be removed.
        """
        try:
            if self.path.is_dir() and not self.path.is_symlink():
                shutil.rmtree(self.path)
            else:
                self.path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise InvalidInput(f"cannot remove {self.path}: {reason}; remove it yourself") from error


def find_remains(host: Host | None, home: Path) -> list[Remains]:
    """Return what may go.

    Parameters
    ----------
    host
        The Hummingbot in use; None where there is none.
    home
        The home folder.
    """
    found = [*_stale_start_up_files(site_folders()), *_stale_links(home), *_orphaned_bytecode(Path(__file__).parent)]
    if host is not None:
        found += _emptied_connectors(host.package)
    return found


def site_folders() -> list[Path]:
    """Return the folders whose start-up files this Python reads."""
    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    return [Path(folder) for folder in dict.fromkeys(folders) if Path(folder).is_dir()]


def _stale_start_up_files(folders: list[Path]) -> Iterator[Remains]:
    installed = {
        Path(str(file.locate()))
        for distribution in importlib.metadata.distributions(name="hummingbot-tegro")
        for file in distribution.files or ()
        if file.suffix == ".pth"
    }
    for path in (folder / name for folder in folders for name in _START_UP_FILES):
        if path.is_file() and path not in installed:
            yield Remains(path=path, what="a start-up file of an installation that is gone")


def _stale_links(home: Path) -> Iterator[Remains]:
    link = home / "hummingbot"
    if link.is_symlink() and not link.exists():
        yield Remains(path=link, what="a link to a Hummingbot that is gone")
    for draft in home.glob(".hummingbot.*"):
        if draft.is_symlink() and draft.suffix[1:].isdigit():
            yield Remains(path=draft, what="a link that was never put in its place")


def _orphaned_bytecode(package: Path) -> Iterator[Remains]:
    for folder in sorted(package.rglob(_BYTECODE)):
        sources = {path.stem for path in folder.parent.glob("*.py")}
        for file in sorted(folder.glob("*.pyc")):
            if file.name.split(".")[0] not in sources:
                yield Remains(path=file, what="bytecode without its source")


def _emptied_connectors(package: Path) -> Iterator[Remains]:
    """Find what an upgrade of a source clone leaves of a connector that Hummingbot no longer ships."""
    for kind in _CONNECTOR_KINDS:
        for folder in sorted((package / "connector" / kind).glob("tegro*")):
            files = [path for path in folder.rglob("*") if not path.is_dir()]
            if folder.is_dir() and not folder.is_symlink() and all(path.parent.name == _BYTECODE for path in files):
                yield Remains(path=folder, what="a connector's folder without code")
