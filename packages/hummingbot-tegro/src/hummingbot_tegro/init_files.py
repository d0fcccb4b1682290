"""What `tegro hummingbot init` puts into a home folder: controllers, scripts, and settings to start them with."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from tegro.errors import InvalidInput

_SOURCES: Final = (("controllers", "controllers"), ("scripts", "scripts"), ("templates/conf", "conf"))
"""Folder of the package, and where below the home folder it goes."""

_SUFFIXES: Final = (".py", ".yml")


class Laid(Struct, frozen=True, kw_only=True):
    """What was done."""

    written: list[Path]
    left: list[Path]
    """Files that are there and differ from ours."""


def lay_out(home: Path, *, force: bool = False) -> Laid:
    """Copy controllers, scripts and their settings into a home folder. May be repeated.

    Parameters
    ----------
    home
        The home folder, which is there.
    force
        Whether a file that is there and differs is overwritten; else it is left as it is.

    Raises
    ------
    InvalidInput
        If a file cannot be written.
    """
    laid = Laid(written=[], left=[])
    for name, content in _files():
        target = home / name
        if target.exists() and target.read_bytes() == content:
            continue
        if target.exists() and not force:
            laid.left.append(target)
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise InvalidInput(f"{target} cannot be written: {error.strerror or type(error).__name__}") from error
        laid.written.append(target)
    return laid


def _files() -> Iterator[tuple[PurePosixPath, bytes]]:
    """Yield the path below the home folder and the content of every file."""
    package = resources.files("hummingbot_tegro")
    for source, target in _SOURCES:
        yield from _below(package.joinpath(*PurePosixPath(source).parts), PurePosixPath(target))


def _below(folder: Traversable, target: PurePosixPath) -> Iterator[tuple[PurePosixPath, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _below(entry, target / entry.name)
        elif entry.is_file() and entry.name.endswith(_SUFFIXES) and entry.name != "__init__.py":
            # Without __init__.py the folders stay open for the controllers of others.
            yield target / entry.name, entry.read_bytes()
