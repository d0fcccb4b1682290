"""A disk that is full is one sentence, at the start and later; what was acknowledged is there when there is room again.

A limit on the size of files does to each write what a full disk does.
"""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

TEGRO = (sys.executable, "-c", "from tegro.cli.main import main; main()", "localnet")
SENTENCE = "the disk is probably full"


def run(folder: Path, *arguments: str | Path, largest_file_bytes: int) -> subprocess.CompletedProcess[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))

    return subprocess.run(
        [*TEGRO, *arguments],
        cwd=folder,
        preexec_fn=limit,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("largest_file_bytes", "starts"), [(30_000, False), (100_000, True)])
def test_a_full_disk_is_one_sentence_and_nothing_is_lost(tmp_path, largest_file_bytes, starts):
    arguments = ("--port", "0", "--rpc-port", "0", "--seed", "7", "--data", "venue", "--ready-file", "ready.json")
    done = run(tmp_path, *arguments, largest_file_bytes=largest_file_bytes)
    assert done.returncode == 1
    assert (tmp_path / "ready.json").exists() == starts
    *_, last = done.stderr.splitlines()
    assert last.startswith("tegro localnet: ")
    assert SENTENCE in last
    assert "Traceback" not in done.stderr
    if starts:
        again = run(tmp_path, "replay", "venue", largest_file_bytes=resource.RLIM_INFINITY)
        assert (again.returncode, again.stderr) == (0, "")
