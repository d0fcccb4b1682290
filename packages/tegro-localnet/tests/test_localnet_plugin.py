"""The pytest plug-in as a stranger's project meets it: found by its entry point, usable from both kinds of test."""

import subprocess
import sys
from pathlib import Path

import tegro_localnet

STRANGERS_TEST = """
import json
import urllib.request
from decimal import Decimal

import aiohttp
import pytest
from tegro_localnet import LocalnetConfig


@pytest.fixture(scope="module")
def localnet_config():
    return LocalnetConfig(port=0, rpc_port=0, agents=False, fee_bps=3)


def test_plain(localnet):
    wallet = localnet.new_wallet({"USDC": Decimal(5)})
    url = f"{localnet.rest_url}/api/v1/accounts/{localnet.chain_id}/{wallet.address}/portfolio"
    with urllib.request.urlopen(url) as reply:
        assert {entry["symbol"]: entry["balance"] for entry in json.load(reply)}["USDC"] == "5"


@pytest.mark.asyncio
async def test_asynchronous(localnet):
    async with aiohttp.ClientSession() as session, session.get(f"{localnet.rest_url}/localnet/info") as reply:
        assert (await reply.json())["fee_bps"] == 3
"""


def test_both_kinds_of_test_use_the_fixture_and_its_override(tmp_path: Path) -> None:
    (tmp_path / "test_stranger.py").write_text(STRANGERS_TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_every_public_name_is_there() -> None:
    for name in tegro_localnet.__all__:
        assert getattr(tegro_localnet, name) is not None
