"""Fixtures that more than one package's tests need: Hummingbot in the layouts in which people run it."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

# The gate asks each property the same questions every time; `make explore` asks new ones, and what those find becomes
# an `@example`. A change is then judged by what it changed, not by the luck of the day.
settings.register_profile("gate", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile("gate")

# A shell that runs the tests in the background has SIGINT ignored, and the programs that tests interrupt inherit that.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["secret_watch"]

_FOREIGN_VARIABLES: Final = ("HUMMINGBOT", "TEGRO", "PYTHON", "HBOT", "CONFIG_PASSWORD")
_CLONE_FOLDERS: Final = (
    "certs",
    "conf/connectors",
    "conf/controllers",
    "conf/scripts",
    "conf/strategies",
    "controllers",
    "data",
    "logs",
    "scripts",
)


@dataclass(frozen=True)
class HostLayout:
    """One way in which a Hummingbot is installed."""

    python: Path
    """The interpreter to start it with."""
    cwd: Path
    """The folder to start it in; in a source clone Hummingbot is found there."""
    env: dict[str, str]
    """All environment variables of its processes."""
    site_packages: Path

    def run(
        self, *arguments: str | Path, cwd: Path | None = None, timeout_secs: float = 90.0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with these arguments and more environment variables; return its exit code and output."""
        return subprocess.run(  # noqa: S603  the tests' own arguments
            [self.python, *arguments],
            cwd=cwd or self.cwd,
            env=self.env | variables,
            capture_output=True,
            text=True,
            timeout=timeout_secs,
            check=False,
        )


@pytest.fixture
def installed_layout(tmp_path: Path) -> HostLayout:
    """Return Hummingbot as pip installs it: in site-packages of the Python that runs the tests."""
    cwd = tmp_path / "somewhere"
    cwd.mkdir()
    return HostLayout(Path(sys.executable), cwd, _clean_environment(tmp_path), _site_packages())


@pytest.fixture
def source_layout(tmp_path: Path, build_source_layout: Callable[[Path], HostLayout]) -> HostLayout:
    """Return Hummingbot as a source clone: outside site-packages, found through the working folder."""
    return build_source_layout(tmp_path / "source")


@pytest.fixture
def build_source_layout() -> Callable[..., HostLayout]:
    """Return a builder of source layouts.

    `build(folder, connectors=None)` makes `folder/clone` and an environment `folder/env` without Hummingbot. Naming
    the stock connectors to keep makes a host that starts in a fifth of the time. Everything but compiled modules is
    copied, so a test may replace files of the clone.
    """
    return _build_source_layout


def _build_source_layout(folder: Path, connectors: Iterable[str] | None = None) -> HostLayout:
    site_packages = _build_environment(folder / "env")
    clone = folder / "clone"
    kept = None if connectors is None else {"paper_trade", "__init__.py", *connectors}

    def left_out(parent: str, names: list[str]) -> set[str]:
        connector_folder = Path(parent).parent.name == "connector" and Path(parent).name in ("exchange", "derivative")
        return {name for name in names if kept is not None and connector_folder and name not in kept}

    shutil.copytree(_site_packages() / "hummingbot", clone / "hummingbot", copy_function=_link_or_copy, ignore=left_out)
    for name in _CLONE_FOLDERS:
        (clone / name).mkdir(parents=True)
    return HostLayout(folder / "env" / "bin" / "python", clone, _clean_environment(folder), site_packages)


def _build_environment(folder: Path) -> Path:
    """Make a virtual environment of links to everything installed here, without Hummingbot."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / "lib" / version / "site-packages"
    site_packages.mkdir(parents=True)
    for entry in _site_packages().iterdir():
        if entry.name != "hummingbot" and not entry.name.startswith("hummingbot-"):
            (site_packages / entry.name).symlink_to(entry)
    base = Path(sys._base_executable)  # noqa: SLF001  the only name of the interpreter behind a virtual environment
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(base)
    return site_packages


def _link_or_copy(source: str, target: str) -> None:
    # The compiled modules are most of the size and never written; everything else is a copy that tests may change.
    if source.endswith(".so"):
        Path(target).symlink_to(source)
    else:
        shutil.copy2(source, target)


def _clean_environment(folder: Path) -> dict[str, str]:
    """Return this process's environment without what steers Python, Hummingbot or us, and with a home of its own."""
    user = folder / "user"
    user.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_VARIABLES)}
    return kept | {"HOME": str(user), "COLUMNS": "200"}


def _site_packages() -> Path:
    return Path(sysconfig.get_paths()["purelib"])
