"""`tegro localnet` as a user runs it: a process, its ready file, its end, its complaints."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DEADLINE_SECS = 30


def wait_for(holds: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + DEADLINE_SECS
    while not (value := holds()):
        assert time.monotonic() < deadline, "the deadline passed"
        time.sleep(0.02)
    return value


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tegro_localnet", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
    )


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_gone(pid: int) -> bool:
    """A process that its new parent has not reaped yet is gone too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    ready_file = tmp_path / "ready.json"
    process = start("--port", "0", "--rpc-port", "0", "--no-agents", "--seed", "5", "--ready-file", str(ready_file))
    try:
        wait_for(lambda: ready_file.exists() or process.poll() is not None)
        yield process, json.loads(ready_file.read_text())
    finally:
        process.kill()
        process.communicate()


def test_it_runs_shows_itself_funds_and_stops_without_leaving_its_node(
    running: tuple[subprocess.Popen[str], dict[str, Any]],
) -> None:
    process, info = running
    assert info["seed"] == 5
    with urllib.request.urlopen(f"{info['rest_url']}/localnet/info", timeout=DEADLINE_SECS) as reply:
        assert json.load(reply) == info
    wallet = "0x" + "ab" * 20
    funded = start("fund", wallet, "--token", "USDC=12.5", "--native", "0.25", "--url", info["rest_url"])
    assert funded.communicate(timeout=DEADLINE_SECS)[0] == f"{wallet} got 12.5 USDC and 0.25 ETH\n"
    fault = start("fault", "add", "status", "--status", "418", "--url", info["rest_url"])
    assert fault.communicate(timeout=DEADLINE_SECS)[0] == "fault 1 is set\n"
    with pytest.raises(urllib.error.HTTPError, match="418"):
        urllib.request.urlopen(f"{info['rest_url']}/api/v1/trading/health", timeout=DEADLINE_SECS)
    [node] = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    output, complaints = process.communicate(timeout=DEADLINE_SECS)
    assert (process.returncode, complaints) == (0, "")
    for shown in (info["rest_url"], info["stream_url"], info["rpc_url"], "WETH_USDC", info["exchange_contract"]):
        assert shown in output
    assert "fault 1: status happens to 'the request /api/v1/trading/health'" in output
    wait_for(lambda: is_gone(node))


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_the_node_does_not_outlive_a_killed_localnet(running: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    process, _ = running
    [node] = children_of(process.pid)
    process.kill()
    wait_for(lambda: is_gone(node))


def test_a_dead_node_ends_the_localnet_with_a_sentence(running: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    process, _ = running
    [node] = children_of(process.pid)
    os.kill(node, signal.SIGKILL)
    complaints = process.communicate(timeout=DEADLINE_SECS)[1]
    assert process.returncode == 1
    assert "localnet cannot go on" in complaints
    assert "Traceback" not in complaints


@pytest.mark.parametrize("option", ["--port", "--rpc-port"])
def test_a_taken_port_gives_one_clear_sentence(option: str) -> None:
    other = "--rpc-port" if option == "--port" else "--port"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(option, str(port), other, "0")
        complaints = process.communicate(timeout=DEADLINE_SECS)[1]
    assert process.returncode == 1
    assert str(port) in complaints
    assert option in complaints
    assert len(complaints.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--chain-id", "1"), 2, "chain_id must be one of"),
        (("fund", "0x12", "--url", "http://127.0.0.1:9"), 1, "no localnet answers at http://127.0.0.1:9"),
        (("fund", "0x12", "--token", "USDC"), 2, "expected SYMBOL=AMOUNT"),
        (("fund", "0x12", "--native", "much"), 2, "decimal amounts"),
    ],
)
def test_bad_input_gives_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    process = start(*arguments)
    complaints = process.communicate(timeout=DEADLINE_SECS)[1]
    assert process.returncode == code
    assert sentence in complaints
    assert "Traceback" not in complaints


def test_the_faucets_refusal_is_shown(running: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    process = start("fund", "0x12", "--url", running[1]["rest_url"])
    complaints = process.communicate(timeout=DEADLINE_SECS)[1]
    assert process.returncode == 1
    assert complaints == "tegro localnet: wallet must be 0x and 40 hex digits, was '0x12'\n"
