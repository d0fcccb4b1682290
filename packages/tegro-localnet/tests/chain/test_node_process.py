"""The node as a process: it starts, says where it is, and never outlives the one who started it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import aiohttp
import pytest

from tegro_localnet.chain.errors import ChainUnreachableError, NodeError
from tegro_localnet.chain.process import NodeProcess
from tegro_localnet.chain.rpc import ChainRpc

PARENT = """
import asyncio, sys
from tegro_localnet.chain.process import NodeProcess

async def main():
    async with NodeProcess() as node:
        print(node.pid, node.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and waits to be collected does not."""
    try:
        with Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


async def test_starts_on_a_free_port_with_the_chain_id_and_the_balances_asked_for() -> None:
    wallet = "0x" + "ab" * 20
    async with NodeProcess(chain_id=8453, genesis={wallet: 7}) as node, aiohttp.ClientSession() as session:
        rpc = ChainRpc(node.url, session)
        assert node.port > 0
        assert await rpc.chain_id() == 8453
        assert await rpc.balance(wallet) == 7
        assert await rpc.block_number() == 0
    assert node.pid is not None
    assert not alive(node.pid)


async def test_a_taken_port_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NodeError, match=rf"ended with exit code 1: cannot listen on 127.0.0.1:{port}: "):
            async with NodeProcess(port=port):
                pytest.fail("started on a taken port")


async def test_a_slow_start_is_one_clear_error_and_leaves_nothing_behind() -> None:
    node = NodeProcess(start_timeout_secs=0.01)
    with pytest.raises(NodeError, match=r"was not ready within 0\.01 seconds"):
        async with node:
            pytest.fail("no node starts that quickly")
    assert node.pid is not None
    assert not alive(node.pid)


async def test_bad_balances_are_one_clear_error() -> None:
    with pytest.raises(NodeError, match="an address has 20 bytes, was '0x12'"):
        async with NodeProcess(genesis={"0x12": 1}):
            pytest.fail("started with a bad address")


async def test_a_death_is_told() -> None:
    async with NodeProcess() as node, aiohttp.ClientSession() as session:
        assert node.pid is not None
        os.kill(node.pid, signal.SIGKILL)
        with pytest.raises(NodeError, match="ended with exit code -9: it said nothing"):
            async with asyncio.timeout(5):
                await node.wait_for_death()
        with pytest.raises(ChainUnreachableError, match=f"the chain node at {node.url} does not answer"):
            await ChainRpc(node.url, session).chain_id()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_dies_with_its_parent(how) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid_text, url = parent.stdout.readline().split()
        body = json.dumps({"id": 1, "method": "eth_chainId"}).encode()
        with urlopen(Request(url, data=body), timeout=5) as answer:
            assert json.loads(answer.read())["result"] == "0x7a69"
        parent.send_signal(how)
        wait_until_gone(int(pid_text))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_ends_at_once_when_told(node_command, how) -> None:
    with subprocess.Popen(node_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(how)
        assert process.wait(timeout=2) == 0
