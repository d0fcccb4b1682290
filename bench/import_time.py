"""How long a fresh Python takes to import tegro, and what is not imported with it.

Each candidate is a process of its own, started in interleaved rounds; reported are medians of the time from the start
of the process to its end, and of what it took longer than a Python that does nothing. Exits with 3 if a target is
missed.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from support.exit_status import exit_status

MOST_MILLIS: Final = 150
HEAVY: Final = ("aiohttp", "coincurve", "eth_abi", "eth_account", "msgspec", "rich", "typer", "web3")
"""What `import tegro` must leave alone: whoever needs one of them pays for it then."""

NOTHING: Final = "python -c pass"
IMPORT: Final = "import tegro"
CLIENT: Final = "from tegro import AsyncTegro"
AIOHTTP: Final = "import aiohttp: most of the client"
HELP: Final = "tegro --help"

PYTHON: Final = sys.executable
COMMANDS: Final = {
    NOTHING: [PYTHON, "-c", "pass"],
    IMPORT: [PYTHON, "-c", "import tegro"],
    CLIENT: [PYTHON, "-c", "from tegro import AsyncTegro"],
    AIOHTTP: [PYTHON, "-c", "import aiohttp"],
    HELP: [str(Path(PYTHON).with_name("tegro")), "--help"],
}


def measure(rounds: int) -> dict[str, list[float]]:
    """Return, for each candidate, the milliseconds that its process took in each round."""
    millis: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, command in COMMANDS.items():
            start_ns = time.perf_counter_ns()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            millis[name].append((time.perf_counter_ns() - start_ns) / 1e6)
    return millis


def heavy_modules() -> list[str]:
    """Return which of the heavy modules `import tegro` brings along."""
    code = f"import sys, tegro; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    return found.stdout.split()


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=25)
    options = arguments.parse_args()
    measure(1)  # fill the file cache and write the byte code before it counts
    millis = measure(options.rounds)
    print(f"{'median ms':>10}  {'above nothing':>13}  candidate")
    for name, values in millis.items():
        above = statistics.median(value - base for value, base in zip(values, millis[NOTHING], strict=True))
        print(f"{statistics.median(values):>10.0f}  {above:>13.0f}  {name}")
    median, heavy = statistics.median(millis[IMPORT]), heavy_modules()
    is_quick = median < MOST_MILLIS
    reached = "met" if is_quick else "MISSED"
    print(f"{reached}: `import tegro` takes {median:.0f} ms, Python's start included (target {MOST_MILLIS})")
    brought = f"MISSED: `import tegro` brings {' '.join(heavy)}"
    print(brought if heavy else f"met: `import tegro` brings none of {' '.join(HEAVY)}")
    return exit_status(is_met=is_quick and not heavy)


if __name__ == "__main__":
    sys.exit(main())
