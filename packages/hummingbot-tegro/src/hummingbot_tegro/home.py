"""The home folder: one place for a Hummingbot's conf, logs, data and scripts, outside site-packages.

An installed Hummingbot keeps its files beside its package, in site-packages, and ships none of the folders it needs.
This module makes a folder with all of them. The hook in `boot` points Hummingbot at it when HUMMINGBOT_TEGRO_HOME is
set. Only the standard library and `tegro.errors` are used here, because that hook runs inside Hummingbot's import.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hummingbot_tegro.boot import HOME_VARIABLE
from tegro.errors import InvalidInput

FOLDERS: Final = (
    "certs",
    "conf",
    "conf/connectors",
    "conf/controllers",
    "conf/scripts",
    "conf/strategies",
    "controllers",
    "data",
    "logs",
    "scripts",
)
"""What Hummingbot expects below its root."""

_README: Final = """\
This is a home folder of Hummingbot, made by 'tegro hummingbot init'.

conf/         settings; conf/connectors holds your encrypted keys, conf/tegro.toml the hosts and chains of Tegro
scripts/      your strategies; their settings go to conf/scripts
controllers/  your controllers; their settings go to conf/controllers
logs/ data/   what the bot writes: logs, and one SQLite file of orders and fills for each bot
hummingbot    a link to the installed Hummingbot, kept right by the plug-in; do not put anything there

Start the client:    tegro hummingbot tui
Run one command:     tegro hummingbot cli -- balance
Look for mistakes:   tegro hummingbot doctor
"""


def default_home(env: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder to use when none is named: $HUMMINGBOT_TEGRO_HOME, else `~/.tegro/hummingbot`."""
    named = env.get(HOME_VARIABLE)
    return Path(named).expanduser().absolute() if named else Path.home() / ".tegro" / "hummingbot"


def create_home(path: Path) -> list[Path]:
    """Make a home folder. May be repeated: what is there already is left as it is.

    Returns
    -------
    list[Path]
        What was made, in order.

    Raises
    ------
    InvalidInput
        If a file is in the way or the folder cannot be written.
    """
    home = path.expanduser().absolute()
    made: list[Path] = []
    try:
        for folder in (home, *(home / name for name in FOLDERS)):
            if not folder.is_dir():
                # The encrypted keys are below: nobody else needs to list these folders.
                folder.mkdir(parents=True, mode=0o700)
                made.append(folder)
        readme = home / "README.txt"
        if not readme.exists():
            readme.write_text(_README, encoding="utf-8")
            made.append(readme)
    except OSError as error:
        raise InvalidInput(f"cannot make the home folder {home}: {_reason(error)}. Choose another path.") from error
    return made


def attach_host(home: str | Path, package: str | Path) -> Path:
    """Make a home folder usable by one installed Hummingbot, by the link `hummingbot` to its package.

    Hummingbot looks for its connectors and templates below its root, so the root needs that link. It is replaced
    in one step when it points elsewhere. May be repeated.

    Parameters
    ----------
    home
        The home folder.
    package
        Folder of the package `hummingbot`.

    Returns
    -------
    Path
        The home folder as an absolute path without links.

    Raises
    ------
    InvalidInput
        If `home` is no home folder, or has a real folder `hummingbot` of its own.
    """
    root = Path(home).expanduser().resolve()
    missing = [name for name in FOLDERS if not (root / name).is_dir()]
    if missing:
        raise InvalidInput(
            f"{root} is no home folder of Hummingbot ({missing[0]} is missing): tegro hummingbot init {root}"
        )
    link, target = root / "hummingbot", Path(package).resolve()
    if link.resolve() == target:
        return root
    if link.exists() and not link.is_symlink():
        raise InvalidInput(f"{link} is not a link but a Hummingbot of its own: choose another home folder")
    # Another process may do the same at this moment; a rename is atomic and the name is this process's own.
    fresh = root / f".hummingbot.{os.getpid()}"
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target, target_is_directory=True)
        fresh.replace(link)
    except OSError as error:
        raise InvalidInput(f"cannot link {link} to {target}: {_reason(error)}") from error
    return root


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
