"""The check-up: each finding, from real files, processes and hosts."""

import socket

import pytest

from hummingbot_tegro.doctor import (
    Registration,
    home_findings,
    host_findings,
    mention_findings,
    registration_findings,
    settings_findings,
)
from hummingbot_tegro.finding import Level
from hummingbot_tegro.home import create_home
from hummingbot_tegro.launcher import Host

SPOT = ["tegro", "tegro_testnet", "tegro_localnet"]
OURS = [*SPOT, "tegro_perpetual", "tegro_perpetual_testnet", "tegro_perpetual_localnet"]
KNOWN = Registration(booted=True, connectors=OURS, rate_sources=["tegro"])
UNKNOWN = Registration()

_EXAMINE = """
import sys
from pathlib import Path
from hummingbot_tegro.doctor import examine, meet
for finding in examine(meet(Path(sys.argv[1]))):
    print(finding.level, finding.text, "|", finding.mend)
"""


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def client_settings(home):
    file = home / "conf" / "conf_client.yml"

    def write(text):
        file.write_text(text)
        return file

    return write


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_complete_home_is_well_and_an_incomplete_one_names_its_mend(home):
    assert [finding.level for finding in home_findings(home)] == [Level.OK]
    (home / "logs").rmdir()
    [finding] = home_findings(home)
    assert (finding.level, finding.mend) == (Level.ERROR, f"tegro hummingbot init {home}")
    assert finding.text.endswith("lacks logs")


def test_key_files_are_errors_only_where_hummingbot_would_stop_at_them(home):
    folder = home / "conf" / "connectors"
    for name in ("tegro.yml", "tegro_gone.yml", "binance.yml"):
        (folder / name).touch()
    known, unknown = mention_findings(home, KNOWN)
    kept = home / "conf" / "removed"
    assert (known.level, known.mend) == (Level.NOTE, f"before an uninstall: move {folder}/tegro.yml to {kept}")
    assert unknown.level is Level.ERROR
    assert unknown.mend == f"move {folder}/tegro_gone.yml to {kept}: tegro hummingbot doctor --clean"
    assert {finding.level for finding in mention_findings(home, UNKNOWN)} == {Level.ERROR}


def test_names_left_in_the_client_settings_are_found(home, client_settings):
    file = client_settings(
        "rate_oracle_source:\n  name: tegro\n"
        "paper_trade:\n  paper_trade_exchanges:\n  - binance\n  - tegro\n  - tegro_testnet\n"
    )
    findings = list(mention_findings(home, UNKNOWN))
    assert [finding.level for finding in findings] == [Level.ERROR] * 3
    assert [finding.text.split(" names")[0] for finding in findings] == [
        f"rate_oracle_source tegro in {file}",
        f"paper_trade_exchanges has tegro in {file}",
        f"paper_trade_exchanges has tegro_testnet in {file}",
    ]
    assert {finding.level for finding in mention_findings(home, KNOWN)} == {Level.NOTE}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "rate_oracle_source:\n  name: gate_io\npaper_trade:\n  paper_trade_exchanges: [kucoin]\n",
        "paper_trade: 3",
    ],
)
def test_client_settings_without_us_have_no_finding(home, client_settings, text):
    client_settings(text)
    assert list(mention_findings(home, UNKNOWN)) == []


def test_client_settings_that_are_no_yaml_are_one_finding(home, client_settings):
    file = client_settings("a: [1\nb: {")
    [finding] = mention_findings(home, KNOWN)
    assert (finding.level, finding.mend) == (Level.ERROR, "mend or remove that file")
    assert finding.text.startswith(f"{file} cannot be read: ")


@pytest.mark.parametrize(
    ("version", "release", "level"),
    [
        ("dev-2.18.0", "20260922", Level.OK),
        ("dev-2.18.0", None, Level.OK),
        ("2.17.0", None, Level.WARNING),
        ("dev-2.18.0", "20261122", Level.WARNING),
        ("dev-2.19.0", "20260922", Level.WARNING),
        ("unknown", None, Level.WARNING),
    ],
)
def test_the_version_of_hummingbot_is_tested_or_not(tmp_path, version, release, level):
    host = Host(package=tmp_path, version=version, distribution=release, is_installed=release is not None)
    [finding] = host_findings(host)
    assert finding.level is level
    assert f"Hummingbot {version}" in finding.text
    assert (release is None) == ("release" not in finding.text)
    assert ("not tested with it, only with 20260922 (dev-2.18.0)" in finding.text) == (level is Level.WARNING)


def test_a_foreign_connector_of_our_name_is_a_warning(tmp_path):
    registration = Registration(
        booted=True, connectors=KNOWN.connectors, utils_file=str(tmp_path / "hummingbot" / "tegro_utils.py")
    )
    [finding] = registration_findings(registration)
    assert finding.level is Level.WARNING
    assert "ships its own connector tegro" in finding.text


def test_a_plug_in_that_did_not_start_and_unknown_connectors_are_errors():
    first, second = registration_findings(UNKNOWN)
    assert (first.level, second.level) == (Level.ERROR, Level.ERROR)
    assert "hummingbot_tegro.pth is not loaded" in first.text
    assert second.text == f"Hummingbot does not know {', '.join(OURS)}"
    _, second = registration_findings(Registration(connectors=SPOT))
    assert second.text == f"Hummingbot does not know {', '.join(OURS[len(SPOT) :])}"


def test_a_mistake_in_the_settings_file_is_named(home):
    (home / "conf" / "tegro.toml").write_text("[mainnet]\nchian = 'base'\n")
    [finding] = settings_findings(home, {})
    assert finding.level is Level.ERROR
    assert "chian" in finding.text


def test_a_silent_host_is_an_error_only_for_a_connector_with_keys(home):
    url = f"http://127.0.0.1:{closed_port()}"
    (home / "conf" / "tegro.toml").write_text(f"[localnet]\nrest_url = '{url}'\n")
    assert [finding.level for finding in settings_findings(home, {})] == [Level.OK]
    (home / "conf" / "connectors" / "tegro_localnet.yml").touch()
    _, finding = settings_findings(home, {})
    assert finding.level is Level.ERROR
    assert finding.text.startswith(f"tegro_localnet: {url} is no Tegro at this moment: ")
    assert str(home / "conf" / "tegro.toml") in finding.mend


def test_a_running_venue_is_well_and_one_of_another_chain_is_not(home, localnet):
    settings = home / "conf" / "tegro.toml"
    settings.write_text(
        f"[localnet]\nrest_url = '{localnet.info.rest_url}'\n[mainnet]\nrest_url = '{localnet.info.rest_url}'\n"
    )
    for domain in ("tegro", "tegro_localnet"):
        (home / "conf" / "connectors" / f"{domain}.yml").touch()
    _, mainnet, local = settings_findings(home, {})
    assert (local.level, mainnet.level) == (Level.OK, Level.ERROR)
    assert local.text == f"tegro_localnet: {localnet.info.rest_url} answers for localnet 31337"
    assert "has no chain 8453 (base), only" in mainnet.text
    assert "31337" in mainnet.text
    assert mainnet.mend == f"set [mainnet] chain in {settings}"


def test_everything_about_a_good_host_and_home_is_well(small_host, home):
    result = small_host.run("-c", _EXAMINE, home)
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * 4, lines
    assert lines[0].startswith(f"ok Hummingbot dev-2.18.0 in {small_host.cwd}/hummingbot: tested")
    assert not (home / "hummingbot").is_symlink()


def test_a_host_that_cannot_be_imported_is_reported_by_its_last_line(small_host, home):
    (small_host.cwd / "hummingbot" / "client" / "settings.py").write_text("raise RuntimeError('half an upgrade')")
    result = small_host.run("-c", _EXAMINE, home)
    assert "error Hummingbot cannot be imported: RuntimeError: half an upgrade | pip install" in result.stdout
    assert "does not know" not in result.stdout


def test_the_plug_ins_own_complaint_is_a_finding(small_host, own_plugin, home):
    (own_plugin / "connector" / "exchange" / "tegro" / "tegro_utils.py").write_text("import not_installed_here")
    result = small_host.run("-c", _EXAMINE, home)
    assert "error hummingbot-tegro, hook on hummingbot.client.settings" in result.stdout
    assert "error Hummingbot does not know tegro, tegro_testnet, tegro_localnet | pip install" in result.stdout


def test_without_any_hummingbot_the_files_are_looked_at_all_the_same(small_host, home, tmp_path):
    (home / "conf" / "connectors" / "tegro.yml").touch()
    result = small_host.run("-c", _EXAMINE, home, cwd=tmp_path)
    assert "error Hummingbot is not installed in this Python: pip install 'hummingbot==20260922'" in result.stdout
    assert f"error {home}/conf/connectors/tegro.yml names what this Hummingbot does not have" in result.stdout
