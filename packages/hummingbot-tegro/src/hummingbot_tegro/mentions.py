"""Where the user's files name a connector of ours: Hummingbot stops at a name that it does not know.

These files are the user's. They are changed only when somebody has said yes, and what is taken away is kept in
`conf/removed`.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tegro.errors import InvalidInput

REMOVED_FOLDER: Final = "removed"
"""Below `conf`: where what was taken away is kept."""

_CLIENT_FILE: Final = "conf_client.yml"
_SOURCE: Final = "rate_oracle_source"
_PAPER: Final = "paper_trade"
_PAPER_NAMES: Final = "paper_trade_exchanges"


class Place(StrEnum):
    """What kind of place it is."""

    KEY_FILE = "key file"
    RATE_SOURCE = _SOURCE
    PAPER_EXCHANGE = _PAPER_NAMES


class Mention(Struct, frozen=True, kw_only=True):
    """One place in which one name stands."""

    place: Place
    name: str
    """A connector's name, or that of a rate source."""
    file: Path
    is_known: bool
    """Whether Hummingbot has what is named."""

    @property
    def text(self) -> str:
        """What it is, to be continued with a verb."""
        if self.place is Place.KEY_FILE:
            return str(self.file)
        verb = " has" if self.place is Place.PAPER_EXCHANGE else ""
        return f"{self.place}{verb} {self.name} in {self.file}"

    @property
    def mend(self) -> str:
        """What to do so that Hummingbot starts without it."""
        match self.place:
            case Place.KEY_FILE:
                return f"move {self.file} to {self.file.parent.parent / REMOVED_FOLDER}"
            case Place.RATE_SOURCE:
                return f"take {_SOURCE} out of {self.file}, so that Hummingbot uses its default"
            case Place.PAPER_EXCHANGE:
                return f"take {self.name} out of {_PAPER_NAMES} in {self.file}"


def find_mentions(home: Path, connectors: Iterable[str], rate_sources: Iterable[str]) -> Iterator[Mention]:
    """Yield every place in a home folder that names something of ours.

    Parameters
    ----------
    home
        The home folder.
    connectors, rate_sources
        What this Hummingbot knows.

    Raises
    ------
    InvalidInput
        If Hummingbot's client settings cannot be read; the key files come first.
    """
    connectors, rate_sources = set(connectors), set(rate_sources)
    for file in sorted((home / "conf" / "connectors").glob("tegro*.yml")):
        yield Mention(place=Place.KEY_FILE, name=file.stem, file=file, is_known=file.stem in connectors)
    file = home / "conf" / _CLIENT_FILE
    if not file.is_file():
        return
    document = _read(file, YAML(typ="safe", pure=True))
    for name in _ours([_member(_member(document, _SOURCE), "name")]):
        yield Mention(place=Place.RATE_SOURCE, name=name, file=file, is_known=name in rate_sources)
    for name in _ours(_member(_member(document, _PAPER), _PAPER_NAMES)):
        yield Mention(place=Place.PAPER_EXCHANGE, name=name, file=file, is_known=name in connectors)


def take_away(mention: Mention) -> Path:
    """Take one name away, and keep what was there. Return where the file as it was is kept.

    A key file is moved, never deleted: it may hold the only copy of a key. Client settings are copied before they are
    changed, and replaced in one step.

    Raises
    ------
    InvalidInput
        If a file cannot be read or written.
    """
    kept = _free_name(
        mention.file.parents[0 if mention.file.name == _CLIENT_FILE else 1] / REMOVED_FOLDER, mention.file
    )
    try:
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        if mention.place is Place.KEY_FILE:
            mention.file.rename(kept)
        else:
            shutil.copy2(mention.file, kept)
            _rewrite(mention)
    except OSError as error:
        raise InvalidInput(f"cannot {mention.mend}: {error.strerror or type(error).__name__}") from error
    return kept


def _rewrite(mention: Mention) -> None:
    # The round trip keeps the comments, which are most of that file.
    yaml = YAML()
    document = _read(mention.file, yaml)
    if mention.place is Place.RATE_SOURCE:
        del document[_SOURCE]  # type: ignore[attr-defined]
    else:
        document[_PAPER][_PAPER_NAMES].remove(mention.name)  # type: ignore[index]
    draft = mention.file.with_name(f"{mention.file.name}.{os.getpid()}.new")
    with draft.open("w", encoding="utf-8") as stream:
        yaml.dump(document, stream)
    draft.chmod(mention.file.stat().st_mode)
    draft.replace(mention.file)


def _read(file: Path, yaml: YAML) -> object:
    try:
        return yaml.load(file)
    except (OSError, ValueError, YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInput(f"{file} cannot be read: {reason}") from None


def _free_name(folder: Path, file: Path) -> Path:
    names = (file.name if count == 0 else f"{file.stem}.{count}{file.suffix}" for count in range(1_000_000))
    return next(path for name in names if not (path := folder / name).exists())


def _ours(names: object) -> Iterator[str]:
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name.startswith("tegro"):
            yield name


def _member(document: object, key: str) -> object:
    return document.get(key) if isinstance(document, dict) else None
