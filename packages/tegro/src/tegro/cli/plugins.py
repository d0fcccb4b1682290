"""Commands that the sibling packages add, through the entry-point group `tegro.commands`.

An entry point names a Typer app, whose commands become `tegro NAME COMMAND`. It is imported only when its command is
asked for, or when help lists the commands.
"""

import logging
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import typer

GROUP: Final = "tegro.commands"

_PACKAGES: Final = {
    "demo": "hummingbot-tegro",
    "hummingbot": "hummingbot-tegro",
    "localnet": "tegro-localnet",
}
"""Known commands, and the package that brings each."""

_log = logging.getLogger(__name__)


def add_commands(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Add what the arguments need: the one command they name, or all of them where they ask for help.

    A command whose package is missing or broken is told about in one sentence and ends the program; in help, a broken
    one is only left out, after that sentence.
    """
    found = {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is None:
        if not arguments or "--help" in arguments:
            for entry_point in found.values():
                _add(app, entry_point)
    elif command in found:
        if not _add(app, found[command]):
            sys.exit(1)
    elif command in _PACKAGES:
        package = _PACKAGES[command]
        typer.echo(f"'tegro {command}' comes with the package {package}: pip install {package}", err=True)
        sys.exit(2)


def _add(app: typer.Typer, entry_point: EntryPoint) -> bool:
    try:
        commands = entry_point.load()
        if not isinstance(commands, typer.Typer):
            raise TypeError(f"{entry_point.value} is no Typer app")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001  whatever a sibling does, the other commands stay
        package = entry_point.dist.name if entry_point.dist is not None else "its package"
        _log.debug("loading %s", entry_point.value, exc_info=True)
        typer.echo(
            f"'tegro {entry_point.name}' cannot be loaded ({type(error).__name__}: {error}); "
            f"reinstall {package}: pip install --force-reinstall {package}",
            err=True,
        )
        return False
    app.add_typer(commands, name=entry_point.name)
    return True
