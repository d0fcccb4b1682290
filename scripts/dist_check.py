"""Prove the files that would be published: build them, look into them, and use them beside a stock Hummingbot.

Runs in environments of its own outside the checkout, in which nothing of this workspace is installed but the three
wheels. Prints one line for each step. At the first failure it prints one sentence, keeps its folder, and exits 1.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dist_contents import DISTRIBUTIONS, ROOT, build, problems

CONNECTORS: Final = {
    "tegro",
    "tegro_localnet",
    "tegro_testnet",
    "tegro_perpetual",
    "tegro_perpetual_localnet",
    "tegro_perpetual_testnet",
}
COMMAND_LINE: Final = ("-m", "hummingbot.cli.main")
READY_SECS: Final = 60.0
FOREIGN_VARIABLES: Final = ("HUMMINGBOT", "TEGRO", "PYTHON", "HBOT", "CONFIG_PASSWORD", "VIRTUAL_ENV", "UV_", "PIP_")
NEW_WALLET: Final = "from eth_account import Account; a = Account.create(); print(a.address, a.key.hex())"


class CheckFailedError(Exception):
    """One sentence on what was found."""


class Environment:
    """A clean virtual environment and a user of its own."""

    def __init__(self, folder: Path, uv: Path, constraints: Path) -> None:
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
        base = sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001  the only name it has
        run([uv, "venv", "--quiet", "--python", base, folder / "env"])

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

    def uninstall(self, name: str) -> None:
        """Remove a distribution."""
        run([self._uv, "pip", "uninstall", "--quiet", "--python", self.python, name])

    def use(self, *arguments: str | Path, given: str = "", **variables: str) -> str:
        """Run its Python somewhere else; return what it prints."""
        return run([self.python, *arguments], env=self.variables | variables, cwd=self.elsewhere, given=given)

    def tegro(self, *arguments: str | Path, given: str = "") -> str:
        """Run its `tegro`."""
        command = [self.python.with_name("tegro"), *arguments]
        return run(command, env=self.variables, cwd=self.elsewhere, given=given)

    def connectors(self) -> set[str]:
        """Return every connector that its Hummingbot knows."""
        return set(re.findall(r"^\| (\w+)", self.use(*COMMAND_LINE, "connect", "--all"), re.MULTILINE))


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


def build_and_look(folder: Path) -> list[Path]:
    """Build all files, check their contents; return the wheels."""
    files = [build(distribution, folder) for distribution in DISTRIBUTIONS]
    found = [sentence for each in files for sentence in problems(each)]
    for sentence in found[:-1]:
        print(f"dist-check: {sentence}", file=sys.stderr)
    require(not found, found[-1] if found else "")
    return [each.wheel for each in files]


def host_digest(environment: Environment) -> str:
    """Return a digest of all source files of the installed Hummingbot."""
    digest = hashlib.sha256()
    for path in sorted((environment.site_packages / "hummingbot").rglob("*.py")):
        digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def running_localnet(environment: Environment) -> Iterator[dict[str, str]]:
    """Run the installed `tegro localnet` on free ports; yield what it says about itself."""
    ready, output = environment.folder / "ready.json", environment.folder / "localnet.out"
    command: list[str | Path] = [environment.python.with_name("tegro"), "localnet", "--port", "0", "--rpc-port", "0"]
    with output.open("w") as sink:
        process = subprocess.Popen(
            [*command, "--ready-file", ready],
            env=environment.variables,
            cwd=environment.elsewhere,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
        try:
            deadline_secs = time.monotonic() + READY_SECS
            while not ready.exists():
                require(process.poll() is None, f"tegro localnet ended by itself, see {output}")
                require(time.monotonic() < deadline_secs, f"tegro localnet was not ready in time, see {output}")
                time.sleep(0.1)
            yield json.loads(ready.read_text())
            process.terminate()
            require(process.wait(30) == 0, f"tegro localnet ended with {process.returncode}, see {output}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def connect(environment: Environment, home: Path, localnet: Mapping[str, str]) -> None:
    """Let the stock Hummingbot connect to a localnet and show a balance."""
    wallet, key = environment.use("-c", NEW_WALLET).split()
    environment.tegro("localnet", "fund", wallet, "--token", "USDC=1234.5", "--url", localnet["rest_url"])
    (home / "conf" / "conf_client.yml").write_text("instance_id: dist_check\nanonymized_metrics_mode: {}\n")
    (home / "conf" / "tegro.toml").write_text(
        f'[localnet]\nrest_url = "{localnet["rest_url"]}"\nrpc_url = "{localnet["rpc_url"]}"\n'
    )
    keys = {"tegro_localnet_api_key": wallet, "tegro_localnet_api_secret": key, "chain_name": "localnet"}
    hummingbot = ("hummingbot", "cli", "--home", home, "--")
    environment.tegro(*hummingbot, "connect", "tegro_localnet", "--keys-stdin", given=json.dumps(keys))
    tested = environment.tegro(*hummingbot, "connect")
    cells = next(([cell.strip() for cell in line.split("|")] for line in tested.splitlines() if "tegro" in line), [])
    require(cells[2:5] == ["yes", "yes", ""], f"Hummingbot's connect does not confirm the keys: {cells}")
    balance = environment.tegro(*hummingbot, "balance")
    require(re.search(r"USDC.*1234\.5", balance), f"Hummingbot's balance does not show the funds: {balance[-300:]!r}")


def leftovers(environment: Environment, home: Path) -> list[str]:
    """Return the files that the doctor says must go before an uninstall."""
    said = environment.tegro("hummingbot", "doctor", "--home", home)
    named = re.findall(r"before an uninstall: move (.+) out of", said)
    require(named, "the doctor names no leftover before the uninstall")
    return named


def check(folder: Path, uv: Path) -> None:
    """Take all steps in a folder."""
    with step("six files built, contents and metadata right"):
        wheels = build_and_look(folder / "dist")
    constraints = folder / "constraints.txt"
    pins = re.findall(r"^[\w.\-\[\]]+==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints.write_text("\n".join(pins) + "\n")
    host = next(pin.strip() for pin in pins if pin.startswith("hummingbot=="))

    with step(f"clean environment with stock {host}"):
        environment = Environment(folder / "host first", uv, constraints)
        environment.install(host)
        stock, digest = environment.connectors(), host_digest(environment)
        require(stock, "the stock Hummingbot lists no connectors")
        require(not stock & CONNECTORS, "the stock Hummingbot knows tegro already")
    with step("our three wheels beside it, connectors registered"):
        environment.install(*wheels)
        require(environment.connectors() == stock | CONNECTORS, "Hummingbot does not know the connectors of the wheel")
    home = environment.folder / "home"
    environment.tegro("hummingbot", "init", home)
    with (
        running_localnet(environment) as localnet,
        step("connect, key test and balance against the installed localnet, doctor"),
    ):
        connect(environment, home, localnet)
        named = leftovers(environment, home)
    with step("leftovers moved, plug-in uninstalled, Hummingbot as before"):
        for file in named:
            shutil.move(file, folder)
        environment.uninstall("hummingbot-tegro")
        left = [path.name for path in environment.site_packages.glob("hummingbot_tegro*")]
        require(not left, f"the uninstall leaves {', '.join(left)}")
        require(environment.connectors() == stock, "after the uninstall Hummingbot's connectors are not as before")
        require(host_digest(environment) == digest, "a file of Hummingbot has been changed")
    with step("the other order: plug-in before Hummingbot"):
        other = Environment(folder / "plug-in first", uv, constraints)
        other.install(*wheels)
        other.tegro("--help")
        other.install(host)
        require(other.connectors() == stock | CONNECTORS, "installed after the plug-in, Hummingbot does not know tegro")


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print a line with the time it took when a step is done."""
    started_secs = time.monotonic()
    yield
    print(f"dist-check: {text} ({time.monotonic() - started_secs:.1f} s)", flush=True)


def main() -> int:
    """Run the check; return the exit code."""
    folder: Path | None = None
    try:
        uv = find_uv()
        folder = Path(tempfile.mkdtemp(prefix="tegro dist-check "))
        check(folder, uv)
    except (CheckFailedError, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        kept = f" (everything is kept in {folder})" if folder else ""
        print(f"dist-check: {error}{kept}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
        return 130
    shutil.rmtree(folder)
    print("dist-check: all is well")
    return 0


if __name__ == "__main__":
    sys.exit(main())
