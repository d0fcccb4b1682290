"""The watch over the whole run finds a key wherever one could be left (tests/plugins/secret_watch.py)."""

import secrets
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tegro.signer import LocalSigner

PLUGINS = Path(__file__).parents[1] / "plugins"
LEAKING = """
import secrets

import pytest

from tegro.signer import LocalSigner

@pytest.mark.parametrize("leaks", [False, {leaks}])
def test_it(tmp_path, leaks):
    key = secrets.token_hex(32)
    LocalSigner("0x" + key)
    if leaks:
        {leak}
"""


@pytest.fixture
def used_key():
    key = secrets.token_bytes(32).hex()
    LocalSigner("0x" + key)
    return key


@pytest.mark.parametrize(
    "hide",
    [
        lambda key: key,
        lambda key: "0x" + key.upper(),
        lambda key: f"some words {key} more words",
        lambda key: "ab" * 40 + key + "cd" * 40,
    ],
)
def test_every_key_that_a_signer_was_made_of_is_found_as_text(secret_watch, used_key, hide):
    assert secret_watch.holds_key(hide(used_key).encode())


def test_a_key_is_found_as_bytes_in_a_database(secret_watch, used_key):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (value BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", (bytes.fromhex(used_key),))
    connection.commit()
    assert secret_watch.holds_key(connection.serialize())


def test_what_is_no_key_is_not_taken_for_one(secret_watch):
    assert not secret_watch.holds_key(secrets.token_hex(32).encode() + secrets.token_bytes(500))


@pytest.mark.parametrize(
    ("workers", "leaks", "leak", "place"),
    [
        ("0", True, '(tmp_path / "left.log").write_text(key)', "left.log"),
        ("2", True, '(tmp_path / "left.log").write_text(key)', "left.log"),
        ("2", True, "print(key)", "output of test_leak.py::test_it[True]"),
        ("2", False, "pass", None),
    ],
)
def test_a_run_that_leaves_a_key_fails_with_any_number_of_workers(tmp_path, workers, leaks, leak, place):
    (tmp_path / "test_leak.py").write_text(LEAKING.format(leaks=leaks, leak=leak))
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {PLUGINS}\naddopts = -p secret_watch\n")
    command = [sys.executable, "-m", "pytest", "-n", workers, "--basetemp", str(tmp_path / "left")]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == (0 if place is None else 1), ended.stdout + ended.stderr
    assert "secret watch: 2 keys" in ended.stdout
    assert place is None or any(
        line.startswith("a private key is in:") and line.endswith(place) for line in ended.stdout.splitlines()
    )
