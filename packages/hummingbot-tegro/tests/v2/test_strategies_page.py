"""The page about strategies: its commands run from the first to the last, and its settings are valid."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from doc_pages import ROOT, texts

from tegro.client import AsyncTegro
from tegro.model import Side
from tegro.settings import Settings
from tegro_localnet.config import LocalnetConfig

PAGE = ROOT / "docs" / "strategies.md"
OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture(scope="module")
def localnet_config():
    """Let the test traders keep the markets alive, as they do on a reader's own localnet."""
    return LocalnetConfig(port=0, rpc_port=0, settlement_interval_ms=50, seed=7)


@pytest.fixture
def reader(installed_layout, localnet):
    """Return what runs a block of the page as its reader does; the bot that it leaves behind is ended."""
    wallet = localnet.new_wallet()
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{installed_layout.env['PATH']}",
        "TEGRO_LOCALNET_REST_URL": localnet.rest_url,
        "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url,
    }
    keys = {
        "tegro_localnet_api_key": wallet.checksum_address,
        "tegro_localnet_api_secret": wallet.key,
        "chain_name": "localnet",
    }
    key_file = installed_layout.cwd / "key.json"

    def run(script):
        # A localnet of the reader's own has the default port, and the guide's wallet.
        script = script.replace("tegro localnet fund", f"tegro localnet fund --url {localnet.rest_url}")
        key_file.write_text(json.dumps(keys))
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script.replace(OWNER, wallet.checksum_address)],
                cwd=installed_layout.cwd,
                env=installed_layout.env | variables,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=100,
                check=False,
            )
        finally:
            key_file.unlink()  # the reader's own file; what the commands leave behind must hold no key
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run.owner = wallet.address
    yield run
    meta = Path(installed_layout.env["HOME"]) / ".tegro" / "hummingbot" / "data" / "bot" / "meta.json"
    if meta.exists():
        with suppress(ProcessLookupError):
            os.kill(json.loads(meta.read_text())["pid"], signal.SIGKILL)


async def until_quoted(tegro, owner):
    """Wait until the bot has quoted both sides."""
    while True:
        if {order.side for order in await tegro.orders(owner)} == set(Side):
            return
        await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
async def test_the_commands_run_from_the_first_to_the_last(reader, localnet, installed_layout):
    begin, look_and_stop, report = texts(PAGE, "bash")
    await asyncio.to_thread(reader, begin)
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    async with AsyncTegro(environment) as tegro:
        async with asyncio.timeout(150):
            await until_quoted(tegro, reader.owner)
        said = await asyncio.to_thread(reader, look_and_stop)
        assert "tegro_market_maker" in said
        assert "reference price" in said
        assert await tegro.orders(reader.owner, statuses=("active",)) == []
    assert "Quotes against fills" in await asyncio.to_thread(reader, report)
    assert (installed_layout.cwd / "report.html").read_text().startswith("<!doctype html>")


def test_the_settings_of_the_second_venue_are_valid(tmp_path):
    [text] = texts(PAGE, "toml")
    (tmp_path / "tegro.toml").write_text(text)
    venue = Settings.load(tmp_path / "tegro.toml", {}).environment("testnet")
    assert (venue.rest_url, venue.rpc_url, venue.chain_id) == ("http://127.0.0.1:8790", "http://127.0.0.1:8791", 84532)
    assert f"--chain-id {venue.chain_id}" in PAGE.read_text()
