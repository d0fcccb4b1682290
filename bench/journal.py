"""What it costs to write an order down before it is sent: surviving the process, or the loss of power too.

Both kinds of journal are written in one process in interleaved rounds, on the disk that `--folder` names; an order is
two writes, as it is signed and as its outcome is known. A third candidate is the bare fsync of a file on that disk: the
least that surviving a loss of power can cost. Reported are medians over the rounds. Exits with 3 if a target is missed.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Final

from support.exit_status import exit_status

from tegro.journal import JournalEntry, SqliteJournal
from tegro.model import Side
from tegro.outcome import Unknown

MOST_MICROS_PER_ORDER: Final = 500
"""For both writes of an order where the process alone is to be survived."""

PROCESS: Final = "journal, durability process: two writes"
POWER: Final = "journal, durability power: two writes"
FSYNC: Final = "bare write and fsync of as many bytes: twice"

RAW_ORDER_DATA: Final = (
    '{"baseToken":"0x4200000000000000000000000000000000000006","expiryTime":"0","isBuy":false,'
    '"maker":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266","price":"3100250000000000000000",'
    '"quoteToken":"0x833589fcd6edb6e08f4c7c32d4f71b54bda02913","salt":"277564373322",'
    '"totalQuantity":"500000000000000000"}'
)


def entry(number: int) -> JournalEntry:
    """Return a signed order of usual size."""
    return JournalEntry(
        order_hash=f"0x{number:064x}",
        maker="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        chain_id=8453,
        market_id="8453_0x4200000000000000000000000000000000000006_0x833589fcd6edb6e08f4c7c32d4f71b54bda02913",
        client_order_id=f"order-{number}",
        raw_order_data=RAW_ORDER_DATA,
        signature="0x" + "ab" * 65,
        side=Side.SELL,
        price=Decimal("3100.25"),
        quantity=Decimal("0.5"),
        signed_at_ms=1_720_458_258_123,
    )


def writer_of(journal: SqliteJournal) -> Callable[[int], None]:
    """Return what writes one order down."""

    def write(number: int) -> None:
        order = entry(number)
        journal.record_signed(order)
        journal.record_outcome(order.order_hash, Unknown(order_hash=order.order_hash, cause="timeout"))

    return write


def writer_of_bytes(path: Path) -> Callable[[int], None]:
    """Return what makes one order's bytes reach the disk, without any database."""
    file = path.open("ab", buffering=0)

    def write(_number: int) -> None:
        for _ in range(2):
            file.write(RAW_ORDER_DATA.encode())
            os.fsync(file.fileno())

    return write


def measure(folder: Path, rounds: int, count: int) -> dict[str, list[float]]:
    """Return, for each candidate, the microseconds an order took in each round."""
    process = SqliteJournal(folder / "process.sqlite", durability="process")
    power = SqliteJournal(folder / "power.sqlite", durability="power")
    candidates = {
        PROCESS: (writer_of(process), count),
        POWER: (writer_of(power), max(count // 10, 1)),
        FSYNC: (writer_of_bytes(folder / "bare"), max(count // 10, 1)),
    }
    micros: dict[str, list[float]] = {name: [] for name in candidates}
    for round_number in range(rounds + 1):
        for name, (write, times) in candidates.items():
            start_ns = time.perf_counter_ns()
            for number in range(times):
                write(round_number * count + number)
            micros[name].append((time.perf_counter_ns() - start_ns) / times / 1000)
    process.close()
    power.close()
    return {name: values[1:] for name, values in micros.items()}  # the first round fills caches


def main() -> int:
    """Measure, print, and return the exit status."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=20)
    arguments.add_argument(
        "--count", type=int, default=200, help="orders in a round; a tenth where the disk is waited for"
    )
    arguments.add_argument("--folder", type=Path, default=Path.cwd(), help="where on the disk that is to be measured")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        micros = measure(Path(folder), options.rounds, options.count)
    print(f"{'median us':>10}  {'slowest':>10}  candidate, for each order")
    for name, values in micros.items():
        print(f"{statistics.median(values):>10.0f}  {max(values):>10.0f}  {name}")
    process, power = statistics.median(micros[PROCESS]), statistics.median(micros[POWER])
    is_met = process <= MOST_MICROS_PER_ORDER
    print(
        f"{'met' if is_met else 'MISSED'}: writing an order down takes {process:.0f} us "
        f"(target {MOST_MICROS_PER_ORDER}); surviving a loss of power, {power / process:.1f} times as long here"
    )
    return exit_status(is_met=is_met)


if __name__ == "__main__":
    sys.exit(main())
