"""Put small faults into the modules on which money depends, one at a time, and see whether their tests notice.

Works in copies of the tree below a temporary folder; the checkout is only read. Prints each fault that no test noticed.
Exit code 1 if less than nine tenths of a module's faults were noticed, 2 if its tests fail without a fault.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from mutants import Mutant, mutants

ROOT: Final = Path(__file__).resolve().parent.parent
LEAST_NOTICED: Final = 0.9
COPIED: Final = ("packages", "tests", "conftest.py", "pyproject.toml")
SOURCES: Final = tuple(f"packages/{name}/src" for name in ("tegro", "tegro-localnet", "hummingbot-tegro"))
NOTICED: Final = (1, 2, 3, 4, 5)
"""What pytest exits with when a test failed or could not even be imported."""


@dataclass(frozen=True)
class Target:
    """Modules, and the tests that must notice a fault in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


CLIENT, LOCALNET = "packages/tegro", "packages/tegro-localnet"
_ENGINE: Final = f"{LOCALNET}/src/tegro_localnet/engine"
_PERPETUAL: Final = f"{LOCALNET}/src/tegro_localnet/perpetual/engine"
TARGETS: Final = {
    "eip712": Target((f"{CLIENT}/src/tegro/eip712.py",), (f"{CLIENT}/tests/test_eip712.py",)),
    "outcome": Target(
        (f"{CLIENT}/src/tegro/outcome.py", f"{CLIENT}/src/tegro/resolver/verdict.py"),
        (f"{CLIENT}/tests/test_resolver.py", f"{CLIENT}/tests/test_resolver_simulation.py"),
    ),
    "order_book": Target((f"{CLIENT}/src/tegro/order_book.py",), (f"{CLIENT}/tests/test_order_book.py",)),
    "engine": Target(
        (
            *(f"{_ENGINE}/{name}.py" for name in ("ledger", "matching", "order_book")),
            f"{LOCALNET}/src/tegro_localnet/lifecycle.py",
        ),
        tuple(
            f"{LOCALNET}/tests/test_{name}.py"
            for name in ("engine", "ledger", "core_twice", "lifecycle", "settled_elsewhere", "conservation")
        ),
    ),
    "margin": Target(
        tuple(f"{_PERPETUAL}/{name}.py" for name in ("margin", "liquidation_price")),
        tuple(
            f"{LOCALNET}/tests/perpetual/test_perpetual_{name}.py" for name in ("margin", "accounting", "liquidation")
        ),
    ),
}


class Copies:
    """Copies of the tree, one for each worker, and the runs of tests in them."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._stamp = int(time.time())
        for number in range(count):
            copy = folder / str(number)
            for name in COPIED:
                source = ROOT / name
                if source.is_dir():
                    shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
                else:
                    shutil.copy(source, copy / name)
            self._free.put(copy)

    def run(self, tests: Sequence[str], timeout_secs: float, module: str = "", mutant: Mutant | None = None) -> int:
        """Run tests in a copy, with a mutant in the place of its module; return pytest's exit code, 1 for no end."""
        copy = self._free.get()
        try:
            if mutant is not None:
                self._write(copy / module, mutant.source)
            return self._pytest(copy, tests, timeout_secs)
        finally:
            if mutant is not None:
                self._write(copy / module, (ROOT / module).read_text())
            self._free.put(copy)

    def _write(self, path: Path, source: str) -> None:
        path.write_text(source)
        # Bytecode is known by size and second of its source, which two mutants may share.
        self._stamp += 1
        os.utime(path, (self._stamp, self._stamp))

    @staticmethod
    def _pytest(copy: Path, tests: Sequence[str], timeout_secs: float) -> int:
        paths = os.pathsep.join(str(copy / source) for source in SOURCES)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", *tests]
        with subprocess.Popen(
            command,
            cwd=copy,
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                return process.wait(timeout_secs)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                return 1


def check(name: str, copies: Copies, workers: int) -> bool:
    """Try every mutant of a target; print what survived; return whether enough were noticed."""
    target = TARGETS[name]
    started_secs = time.monotonic()
    if copies.run(target.tests, 600) != 0:
        print(f"mutate: the tests of {name} fail without a fault", file=sys.stderr)
        raise SystemExit(2)
    # Generous: a busy machine must not turn a survivor into a noticed one.
    timeout_secs = 60 + 10 * (time.monotonic() - started_secs)
    enough = True
    for module in target.modules:
        faults = mutants((ROOT / module).read_text())

        def survives(mutant: Mutant, module: str = module) -> bool:
            return copies.run(target.tests, timeout_secs, module, mutant) not in NOTICED

        with ThreadPoolExecutor(workers) as pool:
            survived = [fault for fault, alive in zip(faults, pool.map(survives, faults), strict=True) if alive]
        for mutant in survived:
            print(f"  survived  {module.rpartition('/')[2]}:{mutant.line}  {mutant.fault}")
        enough &= _report(module, len(faults), len(survived))
    return enough


def _report(module: str, count: int, survived: int) -> bool:
    noticed = count - survived
    print(f"{module.partition('/src/')[2]}: {noticed} of {count} noticed ({noticed / count:.1%})", flush=True)
    return noticed >= LEAST_NOTICED * count


def main(arguments: Sequence[str]) -> int:
    """Check the named targets, or all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="tegro-mutate-"))
    try:
        copies = Copies(folder, options.workers)
        passed = [check(name, copies, options.workers) for name in options.targets or TARGETS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
