"""`tegro localnet --switch`, `--chain` and `tegro localnet switch` as a user runs them."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

DEADLINE_SECS = 60


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tegro_localnet", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run(*arguments: str) -> tuple[int, str, str]:
    process = start(*arguments)
    output, complaints = process.communicate(timeout=DEADLINE_SECS)
    return process.returncode, output, complaints


def ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=DEADLINE_SECS) as reply:
        return json.load(reply)


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A localnet of two chains that speaks another dialect, as its ready file describes it."""
    ready_file = tmp_path_factory.mktemp("switched") / "ready.json"
    process = start(
        *("--port", "0", "--rpc-port", "0", "--no-agents", "--ready-file", str(ready_file)),
        *("--switch", "envelope=wrapped", "--switch", "order_schema=no_expiry", "--chain", "8453", "--chain", "84532"),
    )
    deadline = time.monotonic() + DEADLINE_SECS
    try:
        while not ready_file.exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline, "the deadline passed"
            time.sleep(0.02)
        yield json.loads(ready_file.read_text())
    finally:
        process.kill()
        process.communicate()


def test_switches_and_chains_are_chosen_at_the_start(info: dict[str, Any]) -> None:
    assert (info["chain_id"], [other["chain_id"] for other in info["more_chains"]]) == (8453, [84532])
    chains = ask(f"{info['rest_url']}/api/v1/exchange/chain/list")
    assert (chains["message"], [row["id"] for row in chains["data"]]) == ("success", [8453, 84532])


def test_switches_are_shown_and_changed_while_it_runs(info: dict[str, Any]) -> None:
    url = ("--url", info["rest_url"])
    code, shown, _ = run("switch", "--json", *url)
    values = {view["name"]: view["value"] for view in json.loads(shown)}
    assert (code, values["envelope"], values["order_schema"]) == (0, "wrapped", "no_expiry")
    code, shown, _ = run("switch", "envelope=bare", "depth_values=numbers", *url)
    assert code == 0
    assert "depth_values" in shown
    assert isinstance(ask(f"{info['rest_url']}/api/v1/exchange/chain/list"), list)
    code, _, complaints = run("switch", "order_schema=expiry", *url)
    assert code == 1
    assert complaints == (
        "tegro localnet: switch order_schema is part of the contract: "
        "start the localnet with --switch order_schema=expiry\n"
    )
    assert run("switch", "envelope=wrapped", f"depth_values={values['depth_values']}", *url)[0] == 0
    assert ask(f"{info['rest_url']}/api/v1/exchange/chain/list")["message"] == "success"


def test_tokens_are_given_on_the_chain_that_is_named(info: dict[str, Any]) -> None:
    wallet = "0x" + "cd" * 20
    arguments = ("fund", wallet, "--token", "USDC=3", "--chain-id", "84532", "--url", info["rest_url"])
    assert run(*arguments)[0] == 0
    balances = []
    for chain_id in (8453, 84532):
        rows = ask(f"{info['rest_url']}/api/v1/accounts/{chain_id}/{wallet}/portfolio")
        rows = rows if isinstance(rows, list) else rows["data"]
        balances.append(next(row["balance"] for row in rows if row["symbol"] == "USDC"))
    assert balances == ["0", "3"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--switch", "envelope"), 2, "expected NAME=VALUE"),
        (("--switch", "envelope=blue"), 2, "switch envelope must be bare or wrapped, was 'blue'"),
        (("--chain", "31337", "--chain", "31337"), 2, "chains must differ"),
        (("--rpc-url", "http://127.0.0.1:9", "--port", "0"), 1, "the chain node at http://127.0.0.1:9 does not answer"),
        (("switch", "blue", "--url", "http://127.0.0.1:9"), 2, "expected NAME=VALUE"),
        (("switch", "--url", "http://127.0.0.1:9"), 1, "no localnet answers at http://127.0.0.1:9"),
    ],
)
def test_bad_input_gives_one_sentence(arguments: tuple[str, ...], code: int, sentence: str) -> None:
    found, _, complaints = run(*arguments)
    assert found == code
    assert sentence in complaints
    assert "Traceback" not in complaints
