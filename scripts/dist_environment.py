"""Clean environments outside the checkout, and the steps that are taken in them. Used by `scripts/dist_check.py`."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dist_contents import ROOT

FOREIGN_VARIABLES: Final = ("HUMMINGBOT", "TEGRO", "PYTHON", "HBOT", "CONFIG_PASSWORD", "VIRTUAL_ENV", "UV_", "PIP_")


class CheckFailedError(Exception):
    """One sentence on what was found."""


class Environment:
    """A clean virtual environment and a user of its own."""

    def __init__(self, folder: Path, uv: Path, constraints: Path, python: str | Path | None = None) -> None:
        self.folder = folder
        self._uv = uv
        self._constraints = constraints
        self.python = folder / "env" / "bin" / "python"
        self.elsewhere = folder / "elsewhere"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}
        # The password guards nothing: the keys it encrypts are those of a local test chain.
        self.variables = kept | {"HOME": str(folder / "user"), "COLUMNS": "200", "HBOT_PASSWORD": secrets.token_hex(8)}
        for made in (self.elsewhere, folder / "user"):
            made.mkdir(parents=True)
        # The base interpreter, so that nothing of the workspace's own environment is seen.
        base = python or sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001  the only name it has
        run([uv, "venv", "--quiet", "--seed", "--python", base, folder / "env"])

    @property
    def site_packages(self) -> Path:
        """Where its packages are."""
        return next((self.folder / "env" / "lib").glob("python*/site-packages"))

    def install(self, *requirements: str | Path) -> None:
        """Install with the versions of the lock file."""
        build_settings = ROOT / ".bootstrap" / "build.cfg"
        more = {"DIST_EXTRA_CONFIG": str(build_settings)} if build_settings.is_file() else {}
        command: list[str | Path] = [
            self._uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            self.python,
            "-c",
            self._constraints,
        ]
        run([*command, *requirements], env=os.environ | more)

    def install_wheels(self, *requirements: str | Path) -> None:
        """Install without the lock file, from wheels alone, where no compiler can be found."""
        command = [self._uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--python", self.python]
        run([*command, *requirements], env=os.environ | {"CC": "/bin/false", "CXX": "/bin/false"})

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        run([self._uv, "pip", "uninstall", "--quiet", "--python", self.python, name])

    def use(self, *arguments: str | Path, given: str = "", **variables: str) -> str:
        """Run its Python somewhere else; return what it prints."""
        return run([self.python, *arguments], env=self.variables | variables, cwd=self.elsewhere, given=given)

    def tegro(self, *arguments: str | Path, given: str = "", rest_url: str = "") -> str:
        """Run its `tegro`, with a localnet's address if one is given."""
        command = [self.python.with_name("tegro"), *arguments]
        more = {"TEGRO_LOCALNET_REST_URL": rest_url} if rest_url else {}
        return run(command, env=self.variables | more, cwd=self.elsewhere, given=given)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, given: str = ""
) -> str:
    """Run a command that must succeed; return what it prints."""
    done = subprocess.run(command, env=env, cwd=cwd, input=given, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shown = " ".join(Path(word).name if Path(word).is_absolute() else str(word) for word in command[:8])
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["it printed nothing"]
        raise CheckFailedError(f"'{shown}' ended with {done.returncode}: {last[0]}")
    return done.stdout


def require(condition: object, sentence: str) -> None:
    """Fail with a sentence unless something holds."""
    if not condition:
        raise CheckFailedError(sentence)


def find_uv() -> Path:
    """Return the uv that `scripts/bootstrap` uses."""
    own = ROOT / ".bootstrap" / "uv" / "bin" / "uv"
    found = shutil.which("uv")
    require(own.is_file() or found, "uv is neither in .bootstrap nor on PATH: run scripts/bootstrap")
    return own if own.is_file() else Path(str(found))


def find_python(uv: Path, version: str) -> Path:
    """Return an interpreter of a version, as `scripts/bootstrap` looks for one: PATH, pyenv, and last what uv fetches.

    A pyenv shim on PATH names a version without having it; so each is asked.
    """
    named = [shutil.which(f"python{version}"), shutil.which("python3"), getattr(sys, "_base_executable", None)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    candidates = [*filter(None, named), *sorted(pyenv.glob(f"versions/{version}*/bin/python"))]
    found = next((path for each in candidates if (path := _interpreter(each, version))), None)
    if found is None:
        run([uv, "python", "install", "--quiet", version])
        found = Path(run([uv, "python", "find", "--no-project", "--managed-python", version]).strip())
    return found


def _interpreter(candidate: str | Path, version: str) -> Path | None:
    """Return the real path of an interpreter if it runs and has this version."""
    question = "import sys; print('%d.%d' % sys.version_info[:2], sys._base_executable)"
    done = subprocess.run([candidate, "-I", "-c", question], capture_output=True, text=True, check=False)
    said, _, path = done.stdout.strip().partition(" ")
    return Path(path) if done.returncode == 0 and said == version else None


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a line with the time it took when a step is done."""
    started_secs = time.monotonic()
    yield
    print(f"dist-check: {text} ({time.monotonic() - started_secs:.1f} s)", flush=True)
