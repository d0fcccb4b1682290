"""The demo's child processes: started apart from the terminal, watched, stopped, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hummingbot_tegro.demo.problem import DemoFailure

_POLL_SECS: Final = 0.05
_LAST_WORDS_BYTES: Final = 4_096
_CHILD: Final = "hummingbot_tegro.demo.child"


class Child:
    """A Python module that runs in a process of its own, in a session of its own, so that Ctrl-C does not reach it.

    It ends when this process does, however that happens. `Children` makes them.

    Attributes
    ----------
    name : str
        What the user knows it as.
    log : Path
        Where its output goes.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, own_log: Path | None = None) -> None:
        self.name = name
        self.log = log
        self._own_log = own_log
        self._process = process

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    async def stop(self, timeout_secs: float) -> bool:
        """Ask it to end and wait. May be repeated.

        Returns
        -------
        bool
            Whether it ended in time; if not, it still runs.
        """
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_secs):
                await self.wait()
        except TimeoutError:
            return False
        return True

    async def wait(self) -> None:
        """Wait until it has ended."""
        while True:
            if not self.is_running:
                return
            await asyncio.sleep(_POLL_SECS)

    def kill(self) -> None:
        """End it and everything it started, at once. May be repeated."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if self.is_running:
            # The whole group: a child of the child that started a moment ago may not watch anybody yet.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def give(self, text: bytes) -> None:
        """Write to its standard input and close it. A child that has ended already says why in its log."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(text)
                self._process.stdin.close()

    def require_success(self) -> None:
        """Raise `DemoFailure` with its last words if its exit code is not 0."""
        if self._process.returncode:
            self.require_running()

    def require_running(self) -> None:
        """Raise `DemoFailure` with its last words if it has ended."""
        if not self.is_running:
            raise DemoFailure(f"{self.name} ended by itself ({self._last_words()})")

    def _last_words(self) -> str:
        code = self._process.returncode
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        for log in (self.log, self._own_log):
            if log is not None and log.exists():
                text = log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")
                lines = [line.strip() for line in text.splitlines() if line.strip()]
                if lines:
                    return lines[-1]
        return f"exit code {code}"


class Children:
    """All child processes of a demo."""

    def __init__(self) -> None:
        self._running: set[Child] = set()

    @contextmanager
    def running(
        self,
        name: str,
        module: Sequence[str],
        *,
        folder: Path,
        log: Path,
        variables: Mapping[str, str],
        own_log: Path | None = None,
    ) -> Iterator[Child]:
        """Run `python -m MODULE ARGUMENTS` for the time of the block; what still runs at its end is killed.

        Parameters
        ----------
        name
            What the user knows it as.
        module
            The module and its arguments.
        folder
            Its working folder.
        log
            Receives its output.
        variables
            All of its environment variables.
        own_log
            A log that it writes itself; None where it writes none.
        """
        # Its standard input stays open: the child ends when this pipe does.
        with self._started(
            name, ("-m", _CHILD, *module), folder=folder, log=log, variables=variables, own_log=own_log
        ) as child:
            yield child

    async def run_once(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        given: bytes,
        folder: Path,
        log: Path,
        variables: Mapping[str, str],
    ) -> None:
        """Run Python with these arguments until it ends; it is killed if this is cancelled.

        Parameters
        ----------
        given
            What it reads from its standard input; less than a pipe holds.

        Raises
        ------
        DemoFailure
            If its exit code is not 0.
        """
        with self._started(name, arguments, folder=folder, log=log, variables=variables) as child:
            child.give(given)
            await child.wait()
            child.require_success()

    def kill_all(self) -> None:
        """End every child at once. May be repeated."""
        for child in list(self._running):
            child.kill()

    @contextmanager
    def _started(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        log: Path,
        variables: Mapping[str, str],
        own_log: Path | None = None,
    ) -> Iterator[Child]:
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and arguments
                [sys.executable, *arguments],
                cwd=folder,
                env=variables,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log, own_log)
        self._running.add(child)
        try:
            yield child
        finally:
            child.kill()
            self._running.discard(child)
