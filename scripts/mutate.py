"""Put small faults into the modules on which money depends, one at a time, and see whether their tests notice.

The faults are made and the tests run by mutmut, in copies of the tree; the checkout is only read. mutmut leaves out
whatever is decorated, so the decorators it stumbles over are written another way in the copy. Prints the faults that no
test noticed. Exit code 1 if less than nine tenths of a module's faults were noticed, 2 if mutmut could not run.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import libcst as cst
from libcst.helpers import get_full_name_for_node

ROOT: Final = Path(__file__).resolve().parent.parent
LEAST_NOTICED: Final = 0.9
PACKAGES: Final = ("tegro", "tegro-localnet", "hummingbot-tegro")
NOTICED: Final = ("killed", "timeout")


@dataclass(frozen=True)
class Target:
    """Modules, and the tests that must notice a fault in them."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


CLIENT: Final = "packages/tegro/tests"
LOCALNET: Final = "packages/tegro-localnet/tests"
TARGETS: Final = {
    "eip712": Target(("tegro/eip712",), (f"{CLIENT}/test_eip712.py", f"{CLIENT}/test_eip712_spellings.py")),
    "outcome": Target(
        ("tegro/outcome", "tegro/resolver/verdict"),
        (f"{CLIENT}/test_verdict.py",),
    ),
    "order_book": Target(
        ("tegro/order_book",), (f"{CLIENT}/test_order_book.py", f"{CLIENT}/test_order_book_memory.py")
    ),
    "margin": Target(
        tuple(f"tegro_localnet/perpetual/engine/{name}" for name in ("margin", "liquidation_price", "liquidation")),
        tuple(
            f"{LOCALNET}/perpetual/test_perpetual_{name}.py"
            for name in ("margin", "margin_rows", "margin_sums", "accounting", "liquidation", "forced", "no_price")
        ),
    ),
    "engine": Target(
        tuple(f"tegro_localnet/engine/{name}" for name in ("ledger", "matching", "order_book")),
        tuple(f"{LOCALNET}/test_{name}.py" for name in ("engine", "engine_lookups", "ledger")),
    ),
    "lifecycle": Target(
        ("tegro_localnet/lifecycle",),
        tuple(f"{LOCALNET}/test_{name}.py" for name in ("core_twice", "lifecycle_alone")),
    ),
}


_IN_A_HURRY: Final = """
import resource

from hypothesis import Phase

# A fault that never ends often takes all memory meanwhile, and is found out by that before its time is up.
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, resource.getrlimit(resource.RLIMIT_AS)[1]))

# That a property fails is all that is asked; the smallest example of it would take minutes.
settings.register_profile("mutate", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("mutate")
"""


class _Plainly(cst.CSTTransformer):
    """Writes decorated functions as plain ones, so that mutmut changes them too.

    What is remembered would come from before the fault, so nothing is.
    """

    def leave_FunctionDef(  # noqa: N802  libcst's name
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        """Return the function, and after it the property it becomes."""
        names = [get_full_name_for_node(each.decorator) for each in original_node.decorators]
        plain = updated_node.with_changes(decorators=())
        match names:
            case ["property" | "cached_property"]:
                name = original_node.name.value
                return cst.FlattenSentinel([plain, cst.parse_statement(f"{name} = property({name})")])
            case ["lru_cache"]:
                return plain
            case _:
                return updated_node


def lay_out(folder: Path, target: Target) -> None:
    """Copy what a target's tests need into a folder as mutmut wants it, with its settings."""
    ignored = shutil.ignore_patterns("__pycache__", "node_modules")
    for package in PACKAGES:
        shutil.copytree(ROOT / "packages" / package / "src", folder / "src", dirs_exist_ok=True, ignore=ignored)
    tests = sorted({test.partition("/tests/")[0] + "/tests" for test in target.tests})
    for name in ("tests/plugins", *tests):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    (folder / "conftest.py").write_text((ROOT / "conftest.py").read_text() + _IN_A_HURRY)
    modules = [f"src/{module}.py" for module in target.modules]
    for module in modules:
        tree = cst.parse_module((folder / module).read_text())
        (folder / module).write_text(tree.visit(_Plainly()).code)
    settings = f"""
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
pytest_add_cli_args_test_selection = {list(target.tests)}
pytest_add_cli_args = ["-p", "no:cacheprovider"]
also_copy = ["conftest.py", "packages"]
# Generous: a busy machine must not turn a survivor into a noticed one.
timeout_constant = 10.0
timeout_multiplier = 5.0
"""
    (folder / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


class Mutmut:
    """mutmut in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *arguments: str) -> str:
        """Run a command of mutmut and return what it printed; end the program if it fails."""
        program = Path(sys.executable).with_name("mutmut")
        command: list[str | Path] = [program, *arguments]
        result = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if result.returncode:
            lines = (result.stdout + result.stderr).splitlines()[-60:]
            print("\n".join(lines), "mutate: mutmut failed, see above", sep="\n", file=sys.stderr)
            raise SystemExit(2)
        return result.stdout

    def fates(self) -> dict[str, str]:
        """Return what became of each fault: killed, timeout, survived, no tests and some more."""
        lines = self("results", "--all", "true").splitlines()
        return dict(line.strip().rsplit(": ", 1) for line in lines if ": " in line)


def check(name: str, workers: int) -> bool:
    """Try every fault of a target; print what survived; return whether enough were noticed."""
    target = TARGETS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"tegro-mutate-{name}-"))
    try:
        lay_out(folder, target)
        mutmut = Mutmut(folder)
        mutmut("run", "--max-children", str(workers))
        fates = mutmut.fates()
        survived = [fault for fault, fate in fates.items() if fate not in NOTICED]
        with ThreadPoolExecutor(workers) as pool:
            for shown in pool.map(lambda fault: mutmut("show", fault), survived):
                print(_diff(shown))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    passed = [_report(module.replace("/", "."), fates) for module in target.modules]
    return all(passed)


def _diff(shown: str) -> str:
    """Return the changed lines of a fault below its name and fate."""
    lines = shown.splitlines()
    return "\n".join(line for line in lines if line[:1] in "#+-" and line[:3] not in ("---", "+++"))


def _report(module: str, fates: dict[str, str]) -> bool:
    own = [fate for fault, fate in fates.items() if fault.rpartition(".")[0] == module]
    if not own:
        print(f"{module}: there is no code in it to put a fault into", flush=True)
        return True
    noticed = sum(fate in NOTICED for fate in own)
    share = f"{noticed} of {len(own)} noticed ({noticed / len(own):.1%})"
    print(f"{module}: {share}, {own.count('timeout')} of them by no end", flush=True)
    return noticed >= LEAST_NOTICED * len(own)


def main(arguments: Sequence[str]) -> int:
    """Check the named targets, or all; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], help="default: all")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    passed = [check(name, options.workers) for name in options.targets or TARGETS]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
