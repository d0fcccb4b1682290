"""Start a stock Hummingbot in a home folder: its client, or one command of its command line.

The package on PyPI ships no program to start the client with; `python -m hummingbot_tegro.launcher` is one.
Hummingbot is always started as a new program, with the home folder in its environment and as its working folder,
because it freezes its paths when it is imported and looks for scripts in the working folder.
"""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from msgspec import Struct

from hummingbot_tegro.boot import HOME_VARIABLE, HOST_VERSION, distribution_of, is_installed, is_tested
from hummingbot_tegro.home import attach_host, default_home
from tegro.errors import InvalidInput

CLIENT: Final = ("-m", "hummingbot_tegro.launcher")
"""Arguments of Python that start the client on the terminal."""

COMMAND_LINE: Final = ("-m", "hummingbot.cli.main")
"""Arguments of Python that start Hummingbot's own command line."""

_INTERRUPTED: Final = 130


class Host(Struct, frozen=True, kw_only=True):
    """A Hummingbot that this Python can start."""

    package: Path
    """Folder of the package `hummingbot`, without links."""
    version: str
    """What it calls itself, for example `dev-2.18.0`."""
    distribution: str | None
    """The installed release, for example `20260922`; None for a source clone."""
    is_installed: bool
    """Whether it lies in site-packages, and not in a source clone."""

    @property
    def source_root(self) -> Path | None:
        """Root of the source clone it lies in, None when it is installed."""
        return None if self.is_installed else self.package.parent

    @property
    def is_tested(self) -> bool:
        """Whether the plug-in was tested with it."""
        return is_tested(self.version, self.distribution)


def find_host(folder: Path | None = None) -> Host:
    """Find Hummingbot without importing it: the installed one, else a source clone in the working folder.

    Parameters
    ----------
    folder
        Where a source clone may be; None is the working folder.

    Raises
    ------
    InvalidInput
        If there is none.
    """
    spec = importlib.util.find_spec("hummingbot")
    # A folder without __init__.py, such as one that an uninstall left behind, is a package without origin.
    init = Path(spec.origin) if spec and spec.origin else (folder or Path.cwd()) / "hummingbot" / "__init__.py"
    if not (init.is_file() and (init.parent / "client" / "settings.py").is_file()):
        raise InvalidInput(
            f"Hummingbot is not installed in this Python: pip install 'hummingbot=={HOST_VERSION}', "
            "or run this in the folder of a Hummingbot source clone"
        )
    package = init.resolve().parent
    version = package / "VERSION"
    return Host(
        package=package,
        version=version.read_text(encoding="utf-8").strip() if version.is_file() else "unknown",
        distribution=distribution_of(str(package)),
        is_installed=is_installed(str(package)),
    )


def home_of(host: Host, named: Path | None, env: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder to use: the named one, $HUMMINGBOT_TEGRO_HOME, the source clone, `~/.tegro/hummingbot`."""
    if named is not None:
        return named.expanduser().absolute()
    if host.source_root is not None and not env.get(HOME_VARIABLE):
        return host.source_root
    return default_home(env)


def host_environment(host: Host, home: Path, env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment variables to start a Hummingbot with."""
    variables = {**env, HOME_VARIABLE: str(home)}
    if host.source_root is not None:
        paths = (str(host.source_root), env.get("PYTHONPATH", ""))
        variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return variables


def launch(arguments: Sequence[str], home: Path | None) -> NoReturn:
    """Become a Hummingbot: replace this process by Python with these arguments, in the home folder.

    Signals, the terminal and the exit code are then Hummingbot's own.

    Parameters
    ----------
    arguments
        What follows `python`, for example `CLIENT`.
    home
        The home folder; None chooses as `home_of` says.

    Raises
    ------
    InvalidInput
        If there is no Hummingbot or no home folder.
    """
    host = find_host()
    root = attach_host(home_of(host, home), host.package)
    os.chdir(root)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *arguments], host_environment(host, root))  # noqa: S606  no shell wanted


def run_client() -> int:
    """Run Hummingbot's client on this terminal until its user leaves it, and return the exit code.

    Does what `bin/hummingbot.py` of the source tree does: ask for the password, start the application, run its screen.
    """
    try:
        settings, secrets = _log_in()
        if secrets is not None:
            # Not asyncio.run: at its end that waits for worker threads, and a hanging exchange would hold up the exit.
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            loop.run_until_complete(_serve_client(settings, secrets))
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _log_in() -> tuple[object, object | None]:
    """Return the client's settings and what decrypts the keys, None when the user cancelled."""
    from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger
    from hummingbot.client.config.config_helpers import load_client_config_map_from_file
    from hummingbot.client.ui import login_prompt
    from hummingbot.client.ui.style import load_style

    settings = load_client_config_map_from_file()
    return settings, login_prompt(ETHKeyFileSecretManger, style=load_style(settings))


async def _serve_client(settings: object, secrets: object) -> None:
    from hummingbot.client.runner import bootstrap_application

    application = await bootstrap_application(settings, secrets)
    if application is not None:
        await application.run()


if __name__ == "__main__":
    raise SystemExit(run_client())
