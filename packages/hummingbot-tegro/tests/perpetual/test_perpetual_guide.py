"""The guide of the perpetual connector and the page of its client: what they show is what happens."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from doc_pages import ROOT, texts
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.derivative.tegro_perpetual.tegro_perpetual_derivative import TegroPerpetualDerivative
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory

from hummingbot_tegro.boot import TESTED_HOSTS
from hummingbot_tegro.candles.perpetual_feed import TegroPerpetualLocalnetCandles
from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import (
    DOMAINS,
    PerpetualOptions,
    perpetual_environment,
    perpetual_options,
)
from tegro.candles import Interval
from tegro.perpetual import Accepted, load_perpetual

DOCS = ROOT / "docs"
GUIDE, PAGE = DOCS / "perpetual-guide.md", DOCS / "perpetual.md"


def first_column(heading: str) -> list[str]:
    """Return the first cells of the table after a heading of the guide."""
    text = GUIDE.read_text().partition(f"\n{heading}\n")[2]
    table = text[text.index("\n|") + 1 :].partition("\n\n")[0].splitlines()
    return [row.split("|")[1].strip(" `") for row in table[2:]]


@pytest.fixture
def reader(installed_layout, localnet):
    """Return a function that runs a page's commands in a shell, in a home of its own."""

    def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        known = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{installed_layout.env['PATH']}",
            "TEGRO_PERPETUAL_LOCALNET_REST_URL": localnet.rest_url,
        }
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=installed_layout.cwd,
            env=installed_layout.env | known | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    return run


def open_account(localnet) -> dict[str, str]:
    return httpx.post(f"{localnet.rest_url}/localnet/perpetual/api-keys", json={"deposit": "10000"}).json()


def test_the_dialogue_is_the_clients_word_for_word():
    asked, said = (block.splitlines() for block in texts(GUIDE, "text"))
    fields = AllConnectorSettings.get_connector_config_keys("tegro_perpetual").__class__.model_fields
    prompts = [field.json_schema_extra["prompt"] for field in fields.values() if field.json_schema_extra]
    assert asked == [">>> connect tegro_perpetual", *(f"{prompt} >>>" for prompt in prompts)]
    assert said == ["You are now connected to tegro_perpetual."]


async def test_the_tables_name_what_there_is(settings_file):
    assert first_column("## Perpetual connector") == list(DOMAINS)
    connector = TegroPerpetualDerivative(trading_required=False, domain="tegro_perpetual_localnet")
    assert set(first_column("### Order types")) == {each.name for each in connector.supported_order_types()}
    assert first_column("### Position modes") == [each.name for each in connector.supported_position_modes()]
    [intervals] = re.findall(r"\*\*Intervals\*\*: (.*)", GUIDE.read_text())
    assert intervals.split(" | ") == [str(interval) for interval in Interval]
    assert all(version in GUIDE.read_text() for version in TESTED_HOSTS)


def test_the_settings_are_valid_and_the_defaults_are_the_defaults(tmp_path, monkeypatch):
    file = tmp_path / "tegro.toml"
    monkeypatch.setenv("TEGRO_SETTINGS", str(file))
    [text] = texts(GUIDE, "toml")
    file.write_text(text)
    environment = perpetual_environment("tegro_perpetual")
    assert environment.hummingbot
    assert environment.needs_confirmation
    assert perpetual_options(environment) == PerpetualOptions()
    [text] = texts(PAGE, "toml")
    file.write_text(text)
    shown, silent = load_perpetual("testnet", file, {}), load_perpetual("testnet", None, {})
    assert (shown.rest_url, shown.stream_url) == (silent.rest_url, silent.stream_url)
    assert not shown.needs_confirmation
    assert silent.needs_confirmation


def test_the_candles_of_the_guide_are_ours(settings_file):
    [code] = texts(GUIDE, "python")
    names = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    assert isinstance(names["candles"], TegroPerpetualLocalnetCandles)
    assert isinstance(CandlesFactory.get_candle(names["config"]), TegroPerpetualLocalnetCandles)


def test_the_python_of_the_page_runs(localnet, monkeypatch):
    account = open_account(localnet)
    monkeypatch.setenv("TEGRO_PERPETUAL_LOCALNET_REST_URL", localnet.rest_url)
    monkeypatch.setenv("TEGRO_PERPETUAL_API_KEY", account["apiKey"])
    monkeypatch.setenv("TEGRO_PERPETUAL_API_SECRET", account["apiSecret"])
    [code] = texts(PAGE, "python")
    names = {"asyncio": asyncio}
    exec(compile(code, str(PAGE), "exec"), names)
    assert isinstance(names["outcome"], Accepted)


@pytest.mark.timeout(240)
def test_the_commands_of_the_page_run(reader, localnet):
    [script] = texts(PAGE, "bash")
    done = reader(script.replace("api-key --json", f"api-key --json --url {localnet.rest_url}"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bid-1: NEW, 0 filled" in done.stdout
    assert "ETHUSDT" in done.stdout


@pytest.mark.timeout(240)
def test_the_commands_of_the_guide_run(reader, installed_layout, localnet):
    account = open_account(localnet)
    [keys] = texts(GUIDE, "json")
    key_file = installed_layout.cwd / "key.json"
    key_file.write_text(
        keys.replace('"KEY"', json.dumps(account["apiKey"])).replace('"SECRET"', json.dumps(account["apiSecret"]))
    )
    # The guide for spot has set Hummingbot up; the file is the reader's; and nobody is there to say yes.
    assert reader("tegro hummingbot init").returncode == 0
    settings = Path(installed_layout.env["HOME"]) / ".tegro" / "hummingbot" / "conf" / "tegro.toml"
    settings.write_text("\n".join(texts(GUIDE, "toml")))
    script = "\n".join(texts(GUIDE, "bash")).replace("confirm --env mainnet", "confirm --env mainnet --yes")
    done = reader(script)
    key_file.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert account["apiSecret"] not in done.stdout + done.stderr
    assert not load_perpetual("mainnet", settings, {}).needs_confirmation
    row = next(line.split("|") for line in done.stdout.splitlines() if line.startswith("| tegro_perpetual_localnet"))
    assert [cell.strip() for cell in row[2:5]] == ["yes", "yes", ""]
