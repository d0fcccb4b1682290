"""Where the plug-in's settings are, and which venue a domain means."""

import re
from pathlib import Path

import pytest

from hummingbot_tegro.host_settings import HostOptions, environment_for, host_options, remember_chain, settings_path
from tegro.errors import InvalidInput


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "conf" / "mine.toml"
    path.parent.mkdir()
    monkeypatch.setenv("TEGRO_SETTINGS", str(path))
    return path


def test_the_variable_wins_over_the_conf_folder(tmp_path):
    assert settings_path(tmp_path, {}) == tmp_path / "tegro.toml"
    assert settings_path(tmp_path, {"TEGRO_SETTINGS": "/etc/tegro.toml"}) == Path("/etc/tegro.toml")


def test_the_file_is_in_the_conf_folder_of_the_host_in_use(source_layout):
    code = "from hummingbot_tegro.host_settings import settings_path; print(settings_path())"
    assert source_layout.run("-c", code).stdout.strip() == str(source_layout.cwd / "conf" / "tegro.toml")


@pytest.mark.parametrize(
    ("domain", "name", "chain_id"),
    [("tegro", "mainnet", 8453), ("tegro_testnet", "testnet", 84532), ("tegro_localnet", "localnet", 31337)],
)
def test_each_domain_has_its_venue_without_any_file(file, domain, name, chain_id):
    environment = environment_for(domain, "")
    assert (environment.name, environment.chain_id) == (name, chain_id)
    assert environment_for(domain) == environment


def test_a_remembered_chain_is_used_where_none_is_named(file):
    file.write_text("# my hosts\n[testnet]\nrest_url = 'http://127.0.0.1:1'\n")
    remember_chain("tegro_testnet", " Optimism ")
    assert environment_for("tegro_testnet", "").chain == "optimism"
    assert environment_for("tegro_testnet", "polygon").chain == "polygon"
    assert file.read_text().startswith("# my hosts\n[testnet]\nrest_url = 'http://127.0.0.1:1'\n")


def test_remembering_the_chain_in_use_writes_nothing(file):
    remember_chain("tegro", "BASE")
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_a_warning(tmp_path, monkeypatch, caplog):
    # The name may be read, but the draft beside it has a name too long for any file system; root is stopped too.
    monkeypatch.setenv("TEGRO_SETTINGS", str(tmp_path / ("t" * 250)))
    remember_chain("tegro_testnet", "polygon")
    assert "polygon could not be saved" in caplog.text


@pytest.mark.parametrize("call", [environment_for, remember_chain])
def test_unknown_names_are_refused(file, call):
    with pytest.raises(InvalidInput, match="unknown connector 'tegro_moon'"):
        call("tegro_moon", "base")
    with pytest.raises(InvalidInput, match="mainnet has no chain 'polygon'"):
        call("tegro", "polygon")


def test_the_table_for_the_plug_in_has_defaults_and_is_read(file):
    assert host_options("tegro") == HostOptions()
    file.write_text('[mainnet.hummingbot]\nfills = "matched"\norders_at_start = "adopt"\n')
    assert host_options("tegro") == HostOptions(fills="matched", orders_at_start="adopt")
    assert host_options("tegro_testnet") == HostOptions()


def test_the_fee_share_header_goes_to_the_venue_beside_the_others(file):
    file.write_text(
        '[mainnet.headers]\nX-Mine = "1"\n'
        '[mainnet.hummingbot]\nfee_share_header = "X-Partner"\nfee_share_value = "hummingbot"\n'
    )
    assert environment_for("tegro").headers == {"X-Mine": "1", "X-Partner": "hummingbot"}
    assert environment_for("tegro_testnet").headers == {}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('fills = "now"', "fills must be one of settled, matched, was 'now'"),
        ("orders_at_start = 1", "orders_at_start must be one of cancel, adopt, was 1"),
        ('orphans = "cancel"', "unknown key 'orphans'"),
        ('fee_share_header = "X-Partner"', "both fee_share_header and fee_share_value, or neither"),
        ('fee_share_header = "X Partner"\nfee_share_value = "v"', "no name of a header: 'X Partner'"),
        ('fee_share_header = "X"\nfee_share_value = "a\\nb"', "fee_share_value must be a text in quotes, on one line"),
    ],
)
def test_a_mistake_in_the_table_is_named(file, line, sentence):
    file.write_text(f"[mainnet.hummingbot]\n{line}\n")
    with pytest.raises(InvalidInput, match=re.escape(sentence)):
        host_options("tegro")
