"""A localnet on a data folder, in a process of its own that a test can kill."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from web3 import HTTPProvider, Web3

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig

DEADLINE_SECS = 60
ERC20 = [
    {
        "name": name,
        "type": "function",
        "stateMutability": "view",
        "inputs": [{"name": "a", "type": "address"}] * inputs,
        "outputs": [{"name": "", "type": "uint256"}],
    }
    for name, inputs in (("balanceOf", 1), ("totalSupply", 0))
]


class Folder:
    """A data folder with two wallets of 100 WETH and 100,000 USDC each, and what a client needs to trade there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        config = LocalnetConfig(port=0, rpc_port=0, agents=False, seed=11, data=path)
        with BackgroundLocalnet(config) as localnet:
            amounts = {"WETH": Decimal(100), "USDC": Decimal(100_000)}
            wallets = [localnet.new_wallet(amounts) for _ in range(2)]
            self.place = SimpleNamespace(
                chain_id=localnet.chain_id, deployment=localnet.deployment, markets=localnet.markets
            )
        self.keys = [wallet.key for wallet in wallets]
        self.wallets = [wallet.address for wallet in wallets]


class Run:
    """One process of `tegro localnet` on a folder."""

    def __init__(self, process: asyncio.subprocess.Process, ready: dict[str, Any]) -> None:
        self.process = process
        self.rest_url: str = ready["rest_url"]
        self.rpc_url: str = ready["rpc_url"]

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> None:
        """End it as Ctrl-C does; it must end well."""
        self.process.terminate()
        async with asyncio.timeout(DEADLINE_SECS):
            assert await self.process.wait() == 0

    def settlements(self, exchange: str) -> dict[tuple[str, str], int]:
        """Return how often the chain has settled each pair of orders (buy hash, sell hash), as web3 sees it."""
        web3 = Web3(HTTPProvider(self.rpc_url))
        logs = web3.eth.get_logs({"fromBlock": 0, "address": web3.to_checksum_address(exchange)})
        counts: dict[tuple[str, str], int] = {}
        for log in logs:
            if len(log["topics"]) == 3:
                pair = (log["topics"][1].hex(), log["topics"][2].hex())
                counts[pair] = counts.get(pair, 0) + 1
        return counts

    def missing_wei(self, token: str, owners: list[str]) -> int:
        """Return how much of what was minted of a token none of the owners has; every balance must be possible."""
        web3 = Web3(HTTPProvider(self.rpc_url))
        contract = web3.eth.contract(address=web3.to_checksum_address(token), abi=ERC20)
        held = [contract.functions.balanceOf(web3.to_checksum_address(owner)).call() for owner in owners]
        assert min(held) >= 0
        return contract.functions.totalSupply().call() - sum(held)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return a data folder that a localnet has made and left."""
    return Folder(tmp_path_factory.mktemp("localnet") / "data")


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Start localnets on folders, each when the one before has ended; none is left after the test."""
    processes: list[asyncio.subprocess.Process] = []

    async def run(path: Path, *options: str) -> Run:
        ready_file = tmp_path / f"ready-{len(processes)}.json"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tegro_localnet", "--port", "0", "--rpc-port", "0", "--no-agents"),
            *("--data", str(path), "--ready-file", str(ready_file), *options),
            stdout=asyncio.subprocess.DEVNULL,
        )
        processes.append(process)
        async with asyncio.timeout(DEADLINE_SECS):
            while not ready_file.exists():
                assert process.returncode is None, "localnet did not start"
                await asyncio.sleep(0.02)
        return Run(process, json.loads(ready_file.read_bytes()))

    yield run
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.wait()
