"""The connector guide and the operations page: what they show is what happens, and their commands run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from doc_pages import ROOT, texts
from hummingbot.client.command import connect_command
from hummingbot.client.config.client_config_map import ClientConfigMap
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.exchange.tegro.tegro_exchange import TegroExchange
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory

from hummingbot_tegro import host_settings
from hummingbot_tegro.boot import TESTED_HOSTS
from hummingbot_tegro.host_settings import DOMAINS, HostOptions
from tegro.candles import Interval
from tegro.settings import Settings, chain_names

DOCS = ROOT / "docs"
GUIDE, OPERATIONS = DOCS / "connector-guide.md", DOCS / "operations.md"
_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def rows_after(heading):
    """Return the cells of the first table after a heading of the guide, without its own heading."""
    text = GUIDE.read_text().partition(f"\n{heading}\n")[2]
    rows = []
    for line in text[text.index("\n|") + 1 :].splitlines():
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def test_the_dialogue_is_the_clients_word_for_word():
    asked, said = (block.splitlines() for block in texts(GUIDE, "text")[:2])
    fields = AllConnectorSettings.get_connector_config_keys("tegro").__class__.model_fields
    prompts = [field.json_schema_extra["prompt"] for field in fields.values() if field.json_schema_extra]
    assert asked == [">>> connect tegro", *(f"{prompt} >>>" for prompt in prompts)]
    assert said == ["You are now connected to tegro."]
    assert "You are now connected to {connector_name}." in Path(connect_command.__file__).read_text()


async def test_the_tables_name_what_there_is():
    ids = {cells[0].strip("`"): re.findall(r"`(\w+)`", cells[2]) for cells in rows_after("## Spot connector")}
    assert ids == {domain: list(chain_names(name)) for domain, name in DOMAINS.items()}
    shown = {cells[0].strip("`") for cells in rows_after("### Order types")}
    connector = TegroExchange("", "", trading_required=False)
    assert shown == {order_type.name for order_type in connector.supported_order_types()}
    [intervals] = re.findall(r"\*\*Intervals\*\*: (.*)", GUIDE.read_text())
    assert intervals.split(" | ") == [str(interval) for interval in Interval]
    for version in TESTED_HOSTS:
        assert version in GUIDE.read_text()
        assert version in OPERATIONS.read_text()


def test_the_settings_are_valid_and_the_defaults_are_the_defaults(tmp_path, monkeypatch):
    file = tmp_path / "tegro.toml"
    monkeypatch.setenv("TEGRO_SETTINGS", str(file))
    defaults, approvals, header = texts(GUIDE, "toml")
    file.write_text(defaults)
    assert host_settings.host_options("tegro") == HostOptions()
    shown, silent = (Settings.load(path, {}).environment("mainnet") for path in (file, None))
    assert shown.hummingbot
    assert (shown.chain, shown.max_slippage_bps, shown.maker_distance_ticks) == (
        silent.chain,
        silent.max_slippage_bps,
        silent.maker_distance_ticks,
    )
    file.write_text(approvals)
    assert set(host_settings.environment_for("tegro").approvals) == {"USDC", "WETH"}
    file.write_text(header)
    assert host_settings.environment_for("tegro").headers == {"X-Name-From-Tegro": "value-from-Tegro"}


def test_the_brokers_settings_are_hummingbots():
    [text] = texts(OPERATIONS, "yaml")
    settings = ClientConfigMap(**yaml.safe_load(text))
    assert settings.mqtt_bridge.mqtt_autostart
    assert settings.instance_id == "my_bot"


def test_the_candles_of_the_guide_are_ours():
    [code] = texts(GUIDE, "python")
    names = {}
    exec(compile(code, str(GUIDE), "exec"), names)
    assert type(names["candles"]).__module__.startswith("hummingbot_tegro.candles")
    assert isinstance(CandlesFactory.get_candle(names["config"]), type(names["candles"]))


@pytest.mark.timeout(240)
def test_the_commands_run_from_the_first_to_the_last(installed_layout, localnet):
    [keys] = texts(GUIDE, "json")
    key_file = installed_layout.cwd / "key.json"
    key_file.write_text(keys)
    # A localnet of the reader's own has the default port.
    script = "\n".join([*texts(GUIDE, "bash"), *texts(OPERATIONS, "bash")])
    script = script.replace("tegro localnet fund", f"tegro localnet fund --url {localnet.rest_url}")
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{installed_layout.env['PATH']}",
        "TEGRO_LOCALNET_REST_URL": localnet.rest_url,
        "TEGRO_LOCALNET_RPC_URL": localnet.rpc_url,
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=installed_layout.cwd,
        env=installed_layout.env | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    key_file.unlink()  # the reader's own file; what the commands leave behind must hold no key
    assert done.returncode == 0, done.stdout + done.stderr
    secret = json.loads(keys)["tegro_localnet_api_secret"].removeprefix("0x")
    assert secret not in done.stdout + done.stderr
    row = next(line.split("|") for line in done.stdout.splitlines() if line.startswith("| tegro_localnet"))
    assert [cell.strip() for cell in row[2:5]] == ["yes", "yes", ""]
    assert "WETH_USDC" in done.stdout
    assert f"tegro_localnet: {localnet.rest_url} answers for localnet 31337" in done.stdout
    conf = Path(installed_layout.env["HOME"]) / ".tegro" / "hummingbot" / "conf"
    assert [path.name for path in (conf / "removed").iterdir()] == ["tegro_localnet.yml"]
    assert list((conf / "connectors").iterdir()) == []
