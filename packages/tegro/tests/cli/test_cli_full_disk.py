"""Where there is no room: nothing is ordered, everything can still be stopped, and each is one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.fixture
def shut_journal(local):
    """Return what makes the journal one that cannot be opened."""

    def shut() -> None:
        journal = local.home / "journal-localnet.sqlite3"
        for path in journal.parent.glob(f"{journal.name}*"):
            path.unlink()
        journal.write_bytes(b"this is no database, and is long enough to be looked at as one" * 20)

    return shut


def test_without_a_journal_nothing_is_ordered_and_everything_is_stopped(local, localnet, shut_journal):
    local.use(localnet.new_wallet())
    order = ("order", "place", "WETH_USDC", "buy", "0.1", "1000", "--yes", "--env", "localnet")
    assert local(*order).code == 0
    shut_journal()
    refused = local(*order)
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    assert "cannot be used as a journal" in refused.err
    stopped = local("panic", "--yes", "--env", "localnet")
    assert stopped.code == 0, stopped
    assert "going on without it" in stopped.err
    assert "revoked USDC in 0x" in stopped.out
    assert local("orders", "--status", "active", "--env", "localnet", "--json").json == []


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_what_cannot_be_printed_is_one_sentence(local):
    program = (sys.executable, "-c", "from tegro.cli.main import main; main()")
    with FULL.open("w") as full:
        done = subprocess.run(
            [*program, "markets"],
            cwd=local.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, "tegro: No space left on device\n")
