"""The program `tegro` inside this process, and on a terminal of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tegro.cli.main import main

DEADLINE_SECS = 60
PROGRAM = [sys.executable, "-c", "from tegro.cli.main import main; main()"]


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Typist:
    """A program on a pseudo terminal, with a person at it."""

    def __init__(self, arguments: tuple[str, ...], env: dict[str, str], cwd: Path) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*PROGRAM, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd, start_new_session=True
        )
        os.close(slave)
        self._changed = threading.Condition()
        self._shown = ""
        self._read_to = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        """Everything that was on the terminal."""
        return self._shown

    def wait_for(self, text: str) -> None:
        """Wait until a text appears behind what was waited for before."""
        with self._changed:
            appeared = self._changed.wait_for(lambda: text in self._shown[self._read_to :], DEADLINE_SECS)
            assert appeared, self._shown
            self._read_to = self._shown.index(text, self._read_to) + len(text)

    def answer(self, question: str, text: str) -> None:
        """Wait for a question and type the answer to it."""
        self.wait_for(question)
        os.write(self._master, f"{text}\n".encode())

    def interrupt(self) -> int:
        """Press Ctrl-C until the program ends, and return its exit code.

        Once is not always enough: CPython's `input` overlooks a signal that comes after it has written the question and
        before it waits for the answer. A person presses again.
        """
        deadline = time.monotonic() + DEADLINE_SECS
        while True:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(1)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, self._shown
            else:
                return self.end()

    def end(self) -> int:
        """Wait for the end of the program and return its exit code."""
        code = self.process.wait(DEADLINE_SECS)
        self._reader.join(DEADLINE_SECS)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(DEADLINE_SECS)
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the program has closed its side
                data = b""
            with self._changed:
                self._shown += data.decode(errors="replace")
                self._changed.notify_all()
            if not data:
                return


class Cli:
    """Runs commands with an environment of their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.folder = folder
        self.home = folder / "home"
        for name in [name for name in os.environ if name.startswith("TEGRO_")]:
            monkeypatch.delenv(name)
        self.set(TEGRO_HOME=str(self.home), COLUMNS="200", NO_COLOR="1")
        monkeypatch.chdir(folder)
        self.typists: list[Typist] = []

    def set(self, **variables: str | None) -> None:
        """Set environment variables for what follows; None takes one away."""
        for name, value in variables.items():
            if value is None:
                self._monkeypatch.delenv(name, raising=False)
            else:
                self._monkeypatch.setenv(name, value)

    def use(self, wallet: Any) -> None:
        """Sign with a wallet's key from here on; None signs with nothing."""
        self.set(TEGRO_PRIVATE_KEY=None if wallet is None else wallet.key)

    def __call__(self, *arguments: str) -> Done:
        """Run a command in this process; standard input is no terminal, as pytest leaves it."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(arguments)
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Done(int(end.value.code or 0), out, err)

    def type_into(self, *arguments: str) -> Typist:
        """Run a command on a terminal."""
        typist = Typist(arguments, dict(os.environ), self.folder)
        self.typists.append(typist)
        return typist

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Run a command in a process of its own, without a terminal."""
        return subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Cli]:
    """Run the program with an empty home and no settings of the machine's user."""
    made = Cli(monkeypatch, capsys, tmp_path)
    yield made
    for typist in made.typists:
        typist.close()


@pytest.fixture
def local(cli: Cli, localnet: Any) -> Cli:
    """Run the program against this module's localnet."""
    cli.set(TEGRO_ENV="localnet", TEGRO_LOCALNET_REST_URL=localnet.rest_url, TEGRO_LOCALNET_RPC_URL=localnet.rpc_url)
    return cli


@pytest.fixture
def wait_until() -> Callable[[Callable[[], Any]], Any]:
    """Return a helper that polls until something is true, and gives it."""

    def wait(holds: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + DEADLINE_SECS
        while not (value := holds()):
            assert time.monotonic() < deadline, "the deadline passed"
            time.sleep(0.02)
        return value

    return wait
