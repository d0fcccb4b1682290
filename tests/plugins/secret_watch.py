"""A pytest plug-in: no key that any test has used may be in anything that the run has left behind.

Every key from which a signer or a wallet is made in this process is remembered. Each test's captured output, log and
failure report is searched for all of them, and at the end every file that the tests wrote: journals, logs of child
processes, settings, databases. A hit fails the run and says where it was, never what.

Where pytest-xdist runs the tests in several processes, each searches what its own tests left, and tells the first one.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest

_HEX_RUN: Final = re.compile(rb"[0-9a-fA-F]{64,}")
_KEY: Final = re.compile("[0-9a-f]{64}")
_LEAST_VARIETY: Final = 12
_COPIED: Final = ("clone", "hummingbot")
"""Where a test keeps its copy of the Hummingbot package: tens of thousands of files, of which a run writes none."""
_BUILT: Final = "unpacked"
"""What was built from this repository, with the published keys that its tests and test vectors use."""
_MAX_FILE_BYTES: Final = 64 * 1024 * 1024


class SecretWatch:
    """The keys that were used, and the places in which one of them was found."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()
        self._keys_of_others = 0
        self.found: list[str] = []
        self.files_searched = 0
        self.reports_searched = 0

    @property
    def key_count(self) -> int:
        return len(self._keys) + self._keys_of_others

    def summary(self) -> dict[str, Any]:
        """Return what it found, as plain values: no key is among them."""
        return {
            "found": self.found,
            "keys": self.key_count,
            "files_searched": self.files_searched,
            "reports_searched": self.reports_searched,
        }

    def add(self, summary: dict[str, Any]) -> None:
        """Take what the watch of another process found."""
        self.found += summary["found"]
        self._keys_of_others += summary["keys"]
        self.files_searched += summary["files_searched"]
        self.reports_searched += summary["reports_searched"]

    def remember(self, key: str | bytes) -> None:
        """Take a key, as hex with or without 0x, or as bytes."""
        text = key.hex() if isinstance(key, bytes) else key.lower().removeprefix("0x")
        # A key such as 1, which a property test may well draw, is in every file that has zeros.
        if _KEY.fullmatch(text) and len(set(bytes.fromhex(text))) >= _LEAST_VARIETY:
            self._keys.add(text.encode())

    def holds_key(self, data: bytes) -> bool:
        """Tell whether a key is in some data, in hex of either case or as raw bytes."""
        runs = [run.lower() for run in _HEX_RUN.findall(data)]
        return any(any(key in run for run in runs) or bytes.fromhex(key.decode()) in data for key in self._keys)

    def search_text(self, where: str, text: str) -> None:
        self.reports_searched += 1
        if self.holds_key(text.encode()):
            self.found.append(where)

    def search_folder(self, folder: Path) -> None:
        for path in folder.rglob("*"):
            if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
                continue
            if _BUILT in path.parts or _COPIED in pairwise(path.parts):
                continue
            self.files_searched += 1
            if self.holds_key(path.read_bytes()):
                self.found.append(str(path.relative_to(folder)))


_WATCH: Final = SecretWatch()


@pytest.fixture(scope="session")
def secret_watch() -> SecretWatch:
    """Return the watch of this run; a test may look whether it works."""
    return _WATCH


def _remembering_new(cls: type[Any], key: str | bytes) -> object:
    # Not `__init__`: a frame of it would hold the key in tracebacks, which the tests of the signer search.
    _WATCH.remember(key)
    return object.__new__(cls)


def pytest_configure() -> None:
    """Listen where keys come in. Nothing of the classes is replaced but that they tell."""
    from tegro.signer import LocalSigner
    from tegro_localnet.wallet import LocalWallet

    for made_of_key in (LocalSigner, LocalWallet):
        made_of_key.__new__ = _remembering_new  # type: ignore[assignment]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search what one phase of a test has printed, logged and reported."""
    texts = [content for _, content in report.sections] + ([report.longreprtext] if report.failed else [])
    if texts:
        _WATCH.search_text(f"output of {report.nodeid}", "\n".join(texts))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Search the files before pytest clears any of them away, and fail the run on a hit."""
    factory = getattr(session.config, "_tmp_path_factory", None)
    # With workers the first process has keys of its own only while it collects, and no test writes its files.
    if factory is not None and factory._basetemp is not None and not session.config.getoption("numprocesses", None):
        _WATCH.search_folder(factory._basetemp)
    told = getattr(session.config, "workeroutput", None)
    if told is not None:
        told["secret_watch"] = _WATCH.summary()
    if _WATCH.found:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker of pytest-xdist has found."""
    # A worker that was killed has nothing to tell, and fails the run by itself.
    summary = getattr(node, "workeroutput", {}).get("secret_watch")
    if summary is not None:
        _WATCH.add(summary)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was searched, and where a key was found."""
    watch = _WATCH
    for place in watch.found:
        terminalreporter.write_line(f"a private key is in: {place}", red=True)
    terminalreporter.write_line(
        f"secret watch: {watch.key_count} keys, {watch.reports_searched} reports and {watch.files_searched} files "
        f"searched, {len(watch.found)} hits"
    )
