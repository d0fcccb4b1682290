"""Prove the files that would be published: build them, look into them, and use them beside a stock Hummingbot.

Runs in environments of its own outside the checkout, in which nothing of this workspace is installed but the three
wheels. Prints one line for each step. At the first failure it prints one sentence, keeps its folder, and exits 1.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dist_contents import DISTRIBUTIONS, ROOT, Built, build, problems, run_hatchling
from dist_environment import CheckFailedError, Environment, find_python, find_uv, require, run, step

CONNECTORS: Final = {
    "tegro",
    "tegro_localnet",
    "tegro_testnet",
    "tegro_perpetual",
    "tegro_perpetual_localnet",
    "tegro_perpetual_testnet",
}
COMMAND_LINE: Final = ("-m", "hummingbot.cli.main")
PYTHONS: Final = ("3.12", "3.13")
OLDER: Final = "0.0.1"
LICENCES: Final = (
    "import importlib.metadata as m\n"
    "for d in m.distributions():\n"
    "    t = d.metadata\n"
    "    c = [x.split('::')[-1].strip() for x in t.get_all('Classifier') or () if x.startswith('License ::')]\n"
    "    said = t.get('License-Expression') or ' / '.join(c) or (t.get('License') or '?').splitlines()[0]\n"
    "    print(d.name, said, sep='\\t')"
)
READY_SECS: Final = 60.0
NEW_WALLET: Final = "from eth_account import Account; a = Account.create(); print(a.address, a.key.hex())"


def connectors(environment: Environment) -> set[str]:
    """Return every connector that the Hummingbot of an environment knows."""
    return set(re.findall(r"^\| (\w+)", environment.use(*COMMAND_LINE, "connect", "--all"), re.MULTILINE))


def build_and_look(folder: Path) -> list[Built]:
    """Build all files, check their contents; return them."""
    files = [build(distribution, folder) for distribution in DISTRIBUTIONS]
    found = [sentence for each in files for sentence in problems(each)]
    for sentence in found[:-1]:
        print(f"dist-check: {sentence}", file=sys.stderr)
    require(not found, found[-1] if found else "")
    return files


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


def leave(environment: Environment, home: Path) -> None:
    """Let the doctor take away what a Hummingbot without the plug-in would stop at, as the guide says."""
    key_file = home / "conf" / "connectors" / "tegro_localnet.yml"
    require(key_file.is_file(), "connect has written no key file")
    environment.tegro("hummingbot", "doctor", "--home", home, "--before-uninstall", "--yes")
    require(not key_file.exists(), "the doctor leaves a key file at which Hummingbot stops")
    require((home / "conf" / "removed" / key_file.name).is_file(), "the doctor has lost a key file")


def as_the_readme_says(environment: Environment, wheels: list[Path]) -> None:
    """Run README's commands for a Hummingbot user as they stand, where an index has our three wheels as well."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    commands = next((block for block in blocks if "pip install" in block), "")
    require(commands, "README has no commands for a Hummingbot user")
    index = {"PIP_FIND_LINKS": " ".join(wheel.parent.as_uri() for wheel in wheels)}
    path = f"{environment.python.parent}{os.pathsep}{environment.variables['PATH']}"
    run(["bash", "-euc", commands], env=environment.variables | index | {"PATH": path}, cwd=environment.elsewhere)


def older_plug_in(built: Built, folder: Path) -> Path:
    """Build the plug-in of the checkout under an older number; return the wheel."""
    source = built.sdist.parent.parent / "unpacked" / built.distribution.name / built.sdist.name.removesuffix(".tar.gz")
    copied = shutil.copytree(source, folder / "source")
    version = copied / "src" / built.distribution.import_name / "_version.py"
    text, count = re.subn(r'"[^"]+"$', f'"{OLDER}"', version.read_text(), flags=re.MULTILINE)
    require(count >= 1, "the version is not where it was")
    version.write_text(text)
    return run_hatchling(copied, "wheel", folder)


def without_hummingbot(folder: Path, uv: Path, constraints: Path, wheels: list[Path], version: str) -> None:
    """Install client and localnet on a Python, from wheels alone; let them talk to each other; list the licences."""
    with step(f"client and localnet on Python {version}, wheels only, no compiler"):
        environment = Environment(folder / f"python {version}", uv, constraints, find_python(uv, version))
        environment.install_wheels(*wheels)
        with running_localnet(environment) as localnet:
            listed = environment.tegro("markets", "--env", "localnet", rest_url=localnet["rest_url"])
            require("WETH_USDC" in listed, f"the client does not list localnet's markets: {listed[-300:]!r}")
    licences(environment)


def licences(environment: Environment) -> None:
    """Print which package has which licence; fail if one of them would bind whoever uses ours."""
    found = [line.split("\t") for line in environment.use("-c", LICENCES).splitlines()]
    strict = [f"{name} ({licence})" for name, licence in found if re.search(r"(?<!L)GPL", licence)]
    require(not strict, f"not compatible with Apache-2.0: {', '.join(strict)}")
    unknown = [name for name, licence in found if licence == "?"]
    require(not unknown, f"no licence is named by {', '.join(unknown)}")
    for shown in sorted({licence for _, licence in found}):
        print(f"dist-check:   {shown}: {', '.join(sorted(name for name, licence in found if licence == shown))}")


def beside_hummingbot(folder: Path, uv: Path, constraints: Path, built: list[Built], host: str) -> None:
    """Install the plug-in beside a stock Hummingbot in every order, use it, and take it away again."""
    wheels = [each.wheel for each in built]
    with step(f"clean environment with stock {host}"):
        environment = Environment(folder / "host first", uv, constraints)
        environment.install(host)
        stock, digest = connectors(environment), host_digest(environment)
        require(stock, "the stock Hummingbot lists no connectors")
        require(not stock & CONNECTORS, "the stock Hummingbot knows tegro already")

    def require_ours(there: Environment, when: str) -> None:
        require(connectors(there) == stock | CONNECTORS, f"{when} Hummingbot does not know tegro")

    with step("our three wheels beside it, connectors registered"):
        environment.install(*wheels)
        require_ours(environment, "after the install")
    with step(f"downgraded to {OLDER}, upgraded again"):
        environment.install(older_plug_in(built[-1], folder / "older"))
        require_ours(environment, "after a downgrade")
        environment.install("--upgrade", *wheels)
        require_ours(environment, "after an upgrade")
    use_and_leave(environment, stock, digest)
    with step("the same environment, by pip and README's commands as they stand, connectors registered again"):
        as_the_readme_says(environment, wheels)
        require_ours(environment, "installed by pip")
    with step("the other order: plug-in before Hummingbot"):
        other = Environment(folder / "plug-in first", uv, constraints)
        other.install(*wheels)
        other.tegro("--help")
        other.install(host)
        require_ours(other, "installed after the plug-in")


def use_and_leave(environment: Environment, stock: set[str], digest: str) -> None:
    """Connect to a localnet through Hummingbot, uninstall as the guide says; Hummingbot is as before and starts."""
    home = environment.folder / "home"
    environment.tegro("hummingbot", "init", home)
    with (
        running_localnet(environment) as localnet,
        step("connect, key test and balance against the installed localnet; the doctor moves the key file away"),
    ):
        connect(environment, home, localnet)
        leave(environment, home)
    with step("plug-in uninstalled, Hummingbot as before"):
        environment.uninstall("hummingbot-tegro")
        left = [path.name for path in environment.site_packages.glob("hummingbot_tegro*")]
        require(not left, f"the uninstall leaves {', '.join(left)}")
        require(connectors(environment) == stock, "after the uninstall Hummingbot's connectors are not as before")
        require(host_digest(environment) == digest, "a file of Hummingbot has been changed")


def check(folder: Path, uv: Path) -> None:
    """Take all steps in a folder."""
    with step("six files built, contents and metadata right"):
        built = build_and_look(folder / "dist")
        wheels = [each.wheel for each in built]
    with step("twine check"):
        files = [file for each in built for file in (each.sdist, each.wheel)]
        run([uv, "tool", "run", "--quiet", "twine", "check", "--strict", *files])
    constraints = folder / "constraints.txt"
    pins = re.findall(r"^[\w.\-\[\]]+==[^\\\n]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    constraints.write_text("\n".join(pins) + "\n")
    host = next(pin.strip() for pin in pins if pin.startswith("hummingbot=="))
    for version in PYTHONS:
        without_hummingbot(folder, uv, constraints, wheels[:2], version)
    beside_hummingbot(folder, uv, constraints, built, host)


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
