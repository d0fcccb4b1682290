"""`tegro demo` as its user runs it: to the end, interrupted at every stage, and killed. Nothing is ever left behind."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import psutil
import pytest

pytestmark = pytest.mark.timeout(180)

DEADLINE_SECS: Final = 60
AGREE: Final = "The four books agree to the last unit, fees included."
INTERRUPTED: Final = (
    "Interrupted: the bot was stopped, its orders are cancelled, and nothing of the demo runs any more."
)
FILLS: Final = re.compile(r"^fills +(\d+) fills \((\d+) maker, (\d+) taker; (\d+) buys, (\d+) sells\)", re.MULTILINE)


class Demo:
    """A running `tegro demo`, with a temporary folder of its own, so that all it makes can be found."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._folder = folder
        self._output = folder.parent / f"{folder.name}.out"
        folder.mkdir()
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("TEGRO", "HUMMINGBOT"))}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [Path(sys.executable).with_name("tegro"), "demo", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder.parent,
                env=variables | {"TMPDIR": str(folder)},
            )

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output.read_text()

    def until(self, text: str) -> None:
        """Wait until it has printed a text."""
        self._wait_for(lambda: text in self.output or self._process.poll() is not None)
        assert text in self.output, self.output

    def signal(self, number: int) -> None:
        """Send it a signal, to it alone."""
        self._process.send_signal(number)

    def exit_code(self, timeout_secs: float = 100.0) -> int:
        """Wait until it ends."""
        return self._process.wait(timeout_secs)

    def processes(self) -> list[psutil.Process]:
        """Return all processes that belong to it: each has its folder in its variables."""
        return [process for process in psutil.process_iter() if self._belongs(process)]

    def until_no_process(self) -> None:
        """Wait until none is left."""
        self._wait_for(lambda: not self.processes(), timeout_secs=15.0)

    def files(self) -> list[Path]:
        """Return what it left in its temporary folder."""
        return list(self._folder.rglob("*"))

    def kill(self) -> None:
        """End all of it."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.wait(10)

    def _belongs(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR") == str(self._folder)
        except psutil.Error:
            return False

    def _wait_for(self, condition: Callable[[], bool], timeout_secs: float = 90.0) -> None:
        deadline = time.monotonic() + timeout_secs
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)


@pytest.fixture
def start_demo(tmp_path) -> Iterator[Callable[..., Demo]]:
    """Return a function that starts a demo; all of it is ended after the test."""
    demos: list[Demo] = []

    def start(*arguments: str) -> Demo:
        demos.append(Demo(tmp_path / f"demo{len(demos)}", *arguments))
        return demos[-1]

    yield start
    for demo in demos:
        demo.kill()


def test_a_demo_trades_on_both_sides_and_its_books_agree(start_demo):
    demo = start_demo("--for", "30s", "--seed", "7")
    demo.until("makes a market")
    assert len(demo.processes()) == 4, "the demo, localnet, its chain node, and Hummingbot"
    assert demo.exit_code() == 0, demo.output
    assert AGREE in demo.output
    assert "the fee is 7 bps" in demo.output
    found = FILLS.search(demo.output)
    assert found is not None, demo.output
    fills, makers, takers, buys, sells = map(int, found.groups())
    assert fills == makers + takers == buys + sells
    assert fills >= 7
    assert makers >= 2
    assert takers >= 2
    assert buys >= 1
    assert sells >= 1
    assert demo.processes() == []
    assert demo.files() == []


def test_a_demo_ends_at_a_number_of_fills(start_demo):
    demo = start_demo("--for", "5m", "--seed", "8", "--fills", "1", "--pair", "wbtc_usdc")
    assert demo.exit_code() == 0, demo.output
    assert AGREE in demo.output
    assert "WBTC" in demo.output
    found = FILLS.search(demo.output)
    assert found is not None
    assert 1 <= int(found[1]) < 10


def first_fill(connection: sqlite3.Connection) -> tuple[str, int]:
    """Wait for a fill of the bot, and return its trade's id and its price."""
    deadline = time.monotonic() + DEADLINE_SECS
    while True:
        row = connection.execute("SELECT exchange_trade_id, price FROM TradeFill LIMIT 1").fetchone()
        if row is not None:
            return row
        assert time.monotonic() < deadline, "the bot traded nothing"
        time.sleep(0.05)


def test_one_altered_row_of_hummingbots_database_fails_the_demo_and_is_named(start_demo):
    demo = start_demo("--for", "20s", "--seed", "7")
    demo.until("5 of 20 s")
    (database,) = (path for path in demo.files() if path.name == "tegro_demo.sqlite")
    with contextlib.closing(sqlite3.connect(database, timeout=20)) as connection:
        trade_id, price = first_fill(connection)
        connection.execute("UPDATE TradeFill SET price = price + 1 WHERE exchange_trade_id = ?", (trade_id,))
        connection.commit()
    assert demo.exit_code() == 1, demo.output
    assert "The four books differ (one difference):" in demo.output
    altered, right = (f"{number / 10**6:.6f}" for number in (price + 1, price))
    assert f"database against venue: trade {trade_id}: price is {altered} in Hummingbot, {right}" in demo.output
    assert f"The logs are kept in {database.parents[2]}" in demo.output
    assert demo.processes() == []


@pytest.mark.parametrize("stage", ["starting a local Tegro", "starting Hummingbot"])
def test_ctrl_c_during_the_start_leaves_nothing(start_demo, stage):
    demo = start_demo("--for", "60s", "--seed", "7")
    demo.until(stage)
    demo.signal(signal.SIGINT)
    assert demo.exit_code() == 130, demo.output
    assert INTERRUPTED in demo.output
    assert demo.processes() == []
    assert demo.files() == []


def test_ctrl_c_while_it_trades_ends_in_order(start_demo):
    demo = start_demo("--for", "60s", "--seed", "7")
    demo.until("5 of 60 s")
    demo.signal(signal.SIGINT)
    assert demo.exit_code() == 130, demo.output
    assert AGREE in demo.output
    assert INTERRUPTED in demo.output
    assert demo.processes() == []
    assert demo.files() == []


def test_ctrl_c_while_it_ends_changes_nothing_and_a_second_one_ends_all_at_once(start_demo):
    demo = start_demo("--for", "2s", "--seed", "7")
    demo.until("stopping Hummingbot")
    demo.signal(signal.SIGINT)
    demo.signal(signal.SIGTERM)
    assert demo.exit_code(15) in (130, 143), demo.output
    assert "Interrupted twice" in demo.output
    assert demo.processes() == []
    assert demo.files() == []


def test_nothing_survives_a_demo_that_is_killed(start_demo):
    demo = start_demo("--for", "60s", "--seed", "7")
    demo.until("makes a market")
    demo.signal(signal.SIGKILL)
    demo.exit_code(10)
    demo.until_no_process()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--for", "90"), "tegro: --for must be a time such as 90s, 3m or 1h, up to 24h, was '90'"),
        (("--pair", "DOGE-USDC"), "tegro: localnet has no market DOGE-USDC; choose one of WETH-USDC"),
        (("--pair", "WETH"), "tegro: --pair must be two symbols such as WETH-USDC, was 'WETH'"),
    ],
)
def test_wrong_input_is_one_sentence(start_demo, arguments, sentence):
    demo = start_demo(*arguments)
    assert demo.exit_code() == 2
    assert demo.output.startswith(sentence)
    assert len(demo.output.splitlines()) == 1
    assert demo.files() == []
