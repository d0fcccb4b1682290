"""A program on a pseudo terminal, seen through a terminal emulator: what a person at the screen would see.

`Terminal` is any program. `HostClient` knows how the screen of Hummingbot's client is divided.
"""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import pyte
import pytest

COLUMNS: Final = 240
ROWS: Final = 60
DEADLINE_SECS: Final = 60.0
ENTER: Final = "\r"
TAB: Final = "\t"
CTRL_X: Final = "\x18"

_INPUT_ROWS: Final = 10
_LEFT_COLUMNS: Final = COLUMNS // 2
_SCROLL_BAR_COLUMNS: Final = 2
_RENDERING_BEGINS: Final = re.compile(r"(?=\x1b\[\?25l)")
"""The program hides the cursor before it draws, so this parts one state of the screen from the next."""


class Terminal:
    """A process on a pseudo terminal. A thread reads all the time, because a full terminal would halt the process."""

    def __init__(self, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        self._changed = threading.Condition()
        self._has_ended = False
        self.rows_seen: set[str] = set()
        """Every row of every state of the screen so far."""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**env, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._master, keys.encode())

    def wait_for_screen(self, text: str) -> None:
        """Wait until a text is anywhere on the screen."""
        self._wait(lambda: text in self.shown(), text)

    def shown(self) -> str:
        """Return the screen as it is now, without empty ends of rows."""
        with self._changed:
            return "\n".join(self._row(y).rstrip() for y in range(ROWS))

    def exit_code(self) -> int:
        """Wait for the end of the program and return its exit code."""
        self._reader.join(DEADLINE_SECS)
        if self._reader.is_alive():
            pytest.fail(f"the program did not end:\n{self.shown()}")
        return self._process.wait(DEADLINE_SECS)

    def close(self) -> None:
        """End the program, whatever it is doing."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        os.close(self._master)

    def _wait(self, condition: Callable[[], bool], wanted: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or condition(), DEADLINE_SECS)
            if not condition():
                why = "the program ended" if self._has_ended else "time is up"
                pytest.fail(f"{why}; {wanted!r} is not there:\n{self.shown()}")

    def _row(self, y: int) -> str:
        cells = self._screen.buffer[y]
        return "".join(cells[x].data for x in range(COLUMNS))

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        while chunk := self._next_chunk():
            with self._changed:
                for drawing in _RENDERING_BEGINS.split(decoder.decode(chunk)):
                    self._take(drawing)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _next_chunk(self) -> bytes:
        try:
            return os.read(self._master, 65536)
        except OSError:  # Linux says so when the last process has left the terminal
            return b""

    def _take(self, drawing: str) -> None:
        self._stream.feed(drawing)
        self.rows_seen.update(self._row(y) for y in self._screen.dirty)
        self._screen.dirty.clear()


class HostClient(Terminal):
    """Hummingbot's client: output above and input below on the left half, its log on the right half."""

    def set_first_password(self, password: str) -> None:
        """Answer what the client asks at its first start."""
        for title in ("Welcome to Hummingbot", "PLEASE READ THIS CAREFULLY", "SET A SECURE PASSWORD"):
            self.wait_for_screen(title)
            self.press(ENTER)
        for question in ("Enter your new password", "Please re-enter your password"):
            self.wait_for_screen(question)
            self.press(password + TAB + ENTER)
        self.wait_for_screen("Useful Commands")

    def command(self, text: str) -> None:
        """Give a command, and wait until the client has repeated it."""
        self.press(text)
        self.wait_for_prompt(f">>> {text}")
        self.press(ENTER)

    def answer(self, question: str, text: str, *, is_hidden: bool = False) -> None:
        """Wait for a question and for the answer to stand behind it, then give the answer."""
        self.wait_for_prompt(question)
        self.press(text)
        self.wait_for_prompt(question + ("*" * len(text) if is_hidden else text))
        self.press(ENTER)

    def wait_for_prompt(self, text: str) -> None:
        """Wait until the input area begins with this text; blanks do not count, because long lines are broken.

        What the client offers to complete may stand below it.
        """
        area = range(ROWS - 1 - _INPUT_ROWS, ROWS - 1)
        self._wait(lambda: _squeezed(self._left_rows(area, _LEFT_COLUMNS)).startswith(_squeezed(text)), text)

    def wait_for_reply(self, text: str, *, times: int = 1) -> None:
        """Wait until a text is so many times in the output since the last command; blanks do not count, as above."""
        self._wait(lambda: _squeezed(self.reply()).count(_squeezed(text)) >= times, text)

    def reply(self) -> str:
        """Return the output since the last command, with the command."""
        with self._changed:
            rows = self._left_rows(range(1, ROWS - 2 - _INPUT_ROWS), _LEFT_COLUMNS - _SCROLL_BAR_COLUMNS)
        begin = max((y for y, row in enumerate(rows) if row.strip().startswith(">>>  ")), default=0)
        return "\n".join(rows[begin:]).rstrip()

    def _left_rows(self, rows: range, columns: int) -> list[str]:
        return [self._row(y)[:columns] for y in rows]


def _squeezed(text: str | list[str]) -> str:
    return "".join("".join(text).split())
