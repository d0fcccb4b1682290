"""The shipped artifacts are what the shipped sources compile to, and no address here is anybody's."""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from tegro_localnet.chain.accounts import OPERATOR_KEY, Sender
from tegro_localnet.chain.deployment import TokenSpec, deploy
from tegro_localnet.chain.process import NodeProcess
from tegro_localnet.chain.rpc import ChainRpc

ROOT = Path(__file__).parents[4]
CONTRACTS = files("tegro_localnet.chain.contracts")
NAMES = (
    *("approve_to_zero_token", "exchange", "exchange_no_expiry"),
    *("settler", "settler_no_expiry", "silent_token", "token"),
)


def test_compiling_again_gives_the_same_bytes(tmp_path) -> None:
    command = [sys.executable, ROOT / "scripts/compile_contracts", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert written == {f"{name}.json": CONTRACTS.joinpath(f"{name}.json").read_bytes() for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_an_artifact_says_where_it_comes_from(name) -> None:
    artifact = json.loads(CONTRACTS.joinpath(f"{name}.json").read_text())
    source = CONTRACTS.joinpath(f"{name}.vy").read_bytes()
    assert artifact["source_sha256"] == hashlib.sha256(source).hexdigest()
    assert (artifact["compiler"], artifact["evm_version"]) == ("vyper 0.4.3", "cancun")


def test_no_address_is_one_of_a_real_deployment() -> None:
    documented = set(re.findall(r"0x[0-9a-f]{40}\b", (ROOT / "docs/protocol.md").read_text().lower()))
    assert len(documented) > 20

    async def addresses() -> set[str]:
        async with NodeProcess() as node, aiohttp.ClientSession() as session:
            rpc = ChainRpc(node.url, session)
            operator = Sender(rpc, OPERATOR_KEY)
            tokens = [TokenSpec(f"T{number}", f"Token {number}", 18) for number in range(8)]
            deployment = await deploy(rpc, tokens, 7, operator)
            return {operator.address, deployment.exchange, deployment.settlement, *deployment.tokens.values()}

    ours = asyncio.run(addresses())
    assert len(ours) == 11
    assert not ours & documented
