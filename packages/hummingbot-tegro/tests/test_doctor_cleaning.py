"""What is left behind, and its removal: ours without a question, the user's only after a yes."""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from hummingbot_tegro import cleaning
from hummingbot_tegro.cleaning import Remains, find_remains, site_folders
from hummingbot_tegro.home import create_home
from hummingbot_tegro.launcher import Host
from hummingbot_tegro.mentions import Place, find_mentions, take_away
from tegro.errors import InvalidInput

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot")

CLIENT_SETTINGS = """\
# Rates of the user's choice.
rate_oracle_source:
  name: tegro
paper_trade:
  paper_trade_exchanges:
  - binance  # stays
  - tegro
instance_id: mine
"""


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def named_home(home):
    """A home folder with a key and with settings that name us."""
    (home / "conf" / "connectors" / "tegro.yml").write_text("connector: tegro\n")
    (home / "conf" / "connectors" / "binance.yml").write_text("connector: binance\n")
    (home / "conf" / "conf_client.yml").write_text(CLIENT_SETTINGS)
    return home


@pytest.fixture
def host(tmp_path):
    package = tmp_path / "clone" / "hummingbot"
    (package / "connector" / "exchange").mkdir(parents=True)
    return Host(package=package, version="dev-2.18.0", distribution=None, is_installed=False)


def test_a_fresh_installation_has_no_remains(home, host):
    assert find_remains(host, home) == []
    assert find_remains(None, home) == []


def test_the_start_up_files_of_this_installation_are_known_and_another_is_not(small_host, home):
    site_packages = small_host.site_packages
    names = {path.name for folder in site_folders() for path in folder.glob("*hummingbot_tegro*.pth")}
    recorded = {
        Path(str(file)).name
        for file in importlib.metadata.distribution("hummingbot-tegro").files or ()
        if Path(str(file)).suffix == ".pth"
    }
    assert names == recorded
    assert recorded
    code = """
import sys
from hummingbot_tegro.cleaning import Path, find_remains
print(*[remains.path for remains in find_remains(None, Path(sys.argv[1]))])
"""
    assert small_host.run("-c", code, home).stdout == "\n"
    stale = site_packages / "hummingbot_tegro.pth"
    for entry in site_packages.glob("hummingbot_tegro-*.dist-info"):
        entry.unlink()
    assert str(stale) in small_host.run("-c", code, home).stdout.split()


def test_bytecode_without_its_source_goes_and_the_rest_stays(tmp_path):
    package = tmp_path / "hummingbot_tegro"
    bytecode = package / "connector" / "__pycache__"
    bytecode.mkdir(parents=True)
    (package / "connector" / "kept.py").touch()
    for name in ("kept.cpython-312.pyc", "kept.cpython-312-pytest-9.pyc", "gone.cpython-312.pyc"):
        (bytecode / name).touch()
    [remains] = cleaning._orphaned_bytecode(package)
    remains.remove()
    remains.remove()
    assert sorted(path.name for path in bytecode.iterdir()) == ["kept.cpython-312-pytest-9.pyc", "kept.cpython-312.pyc"]


def test_links_to_nowhere_go_and_a_good_link_stays(home, host):
    (home / "hummingbot").symlink_to(host.package)
    (home / ".hummingbot.4711").symlink_to(host.package)
    [draft] = find_remains(host, home)
    assert draft.path == home / ".hummingbot.4711"
    draft.remove()
    (home / "hummingbot").unlink()
    (home / "hummingbot").symlink_to(home / "nowhere")
    [link] = find_remains(host, home)
    link.remove()
    assert not (home / "hummingbot").is_symlink()
    assert host.package.is_dir()


def test_a_connector_of_hummingbot_goes_only_when_no_code_is_in_it(home, host):
    connectors = host.package / "connector" / "exchange"
    (connectors / "tegro" / "__pycache__").mkdir(parents=True)
    (connectors / "tegro" / "__pycache__" / "tegro_utils.cpython-312.pyc").touch()
    (connectors / "tegro_other").mkdir()
    (connectors / "tegro_other" / "__init__.py").touch()
    (connectors / "binance" / "__pycache__").mkdir(parents=True)
    [remains] = find_remains(host, home)
    remains.remove()
    assert sorted(path.name for path in connectors.iterdir()) == ["binance", "tegro_other"]


def test_what_cannot_be_removed_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    remains = Remains(path=tmp_path / "file" / "below", what="in the way")
    with pytest.raises(InvalidInput, match=r"cannot remove .*/file/below: Not a directory; remove it yourself"):
        remains.remove()


def test_mentions_are_taken_away_and_everything_is_kept(named_home):
    conf = named_home / "conf"
    key_file, source, paper = find_mentions(named_home, (), ())
    assert [each.place for each in (key_file, source, paper)] == list(Place)
    for mention in (key_file, source, paper):
        assert take_away(mention).is_file()
    assert list(find_mentions(named_home, (), ())) == []
    assert sorted(path.name for path in (conf / "removed").iterdir()) == [
        "conf_client.1.yml",
        "conf_client.yml",
        "tegro.yml",
    ]
    assert (conf / "removed" / "conf_client.yml").read_text() == CLIENT_SETTINGS
    assert (conf / "removed" / "tegro.yml").read_text() == "connector: tegro\n"
    assert (conf / "connectors" / "binance.yml").is_file()
    left = (conf / "conf_client.yml").read_text()
    assert "# stays" in left
    assert YAML(typ="safe").load(left) == {
        "paper_trade": {"paper_trade_exchanges": ["binance"]},
        "instance_id": "mine",
    }


def test_a_second_key_of_the_same_name_does_not_replace_the_first(named_home):
    connectors = named_home / "conf" / "connectors"
    [first] = [mention for mention in find_mentions(named_home, (), ()) if mention.place is Place.KEY_FILE]
    take_away(first)
    (connectors / "tegro.yml").write_text("connector: tegro\nsecond: true\n")
    kept = take_away(first)
    assert kept.name == "tegro.1.yml"
    assert (kept.parent / "tegro.yml").read_text() == "connector: tegro\n"


def test_a_stock_hummingbot_starts_after_the_settings_were_mended(source_layout, without_start_up_files):
    code = "from hummingbot.client.config.config_helpers import load_client_config_map_from_file as load; load()"
    variables = {"PYTHONPATH": f"{source_layout.cwd}:{without_start_up_files['PYTHONPATH']}"}
    (source_layout.cwd / "conf" / "conf_client.yml").write_text(CLIENT_SETTINGS)
    assert "KeyError: 'tegro'" in source_layout.run("-S", "-c", code, **variables).stderr
    for mention in list(find_mentions(source_layout.cwd, (), ())):
        take_away(mention)
    done = source_layout.run("-S", "-c", code, **variables)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_terminal_the_users_files_are_left_alone(small_host, named_home):
    (named_home / "hummingbot").symlink_to(named_home / "nowhere")
    result = small_host.run(*TEGRO, "doctor", "--home", named_home, "--before-uninstall")
    assert f"removed {named_home}/hummingbot, a link to a Hummingbot that is gone" in result.stdout
    assert result.stdout.count("left alone: ") == 3
    assert (named_home / "conf" / "connectors" / "tegro.yml").is_file()
    assert (named_home / "conf" / "conf_client.yml").read_text() == CLIENT_SETTINGS


def test_clean_takes_away_only_what_hummingbot_does_not_know(small_host, named_home):
    (named_home / "conf" / "connectors" / "tegro_gone.yml").touch()
    result = small_host.run(*TEGRO, "doctor", "--home", named_home, "--clean", "--yes")
    assert not (named_home / "conf" / "connectors" / "tegro_gone.yml").exists()
    assert (named_home / "conf" / "removed" / "tegro_gone.yml").is_file()
    assert (named_home / "conf" / "connectors" / "tegro.yml").is_file()
    assert "tegro.yml is in use" in result.stdout


def test_before_an_uninstall_everything_goes_that_would_stop_hummingbot(small_host, named_home):
    result = small_host.run(*TEGRO, "doctor", "--home", named_home, "--before-uninstall", "--yes")
    assert result.stdout.count("the file as it was is kept as") == 3
    assert list(find_mentions(named_home, (), ())) == []


def test_a_person_is_asked_about_each_file(small_host, named_home):
    master, slave = os.openpty()
    command = [small_host.python, *TEGRO, "doctor", "--home", str(named_home), "--before-uninstall"]
    with subprocess.Popen(
        command,
        cwd=small_host.cwd,
        env=small_host.env,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    ) as process:
        os.close(slave)
        os.write(master, b"n\ny\nn\n")
        shown, _ = process.communicate(timeout=60)
    os.close(master)
    assert shown.count("Shall I ") == 3
    assert shown.count("left alone: ") == 2
    assert (named_home / "conf" / "connectors" / "tegro.yml").is_file()
    assert [mention.place for mention in find_mentions(named_home, (), ())] == [Place.KEY_FILE, Place.PAPER_EXCHANGE]
