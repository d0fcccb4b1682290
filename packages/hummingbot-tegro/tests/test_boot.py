"""Registration with a stock Hummingbot, seen from real interpreters."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
SPOT = ["tegro", "tegro_localnet", "tegro_testnet"]
PERPETUAL = ["tegro_perpetual", "tegro_perpetual_localnet", "tegro_perpetual_testnet"]
DOMAINS = sorted([*SPOT, *PERPETUAL])
STOCK = ["binance", "coinbase_advanced_trade", "gate_io"]

_NAMES = """
import json
from hummingbot.client.settings import AllConnectorSettings
print(json.dumps(sorted(AllConnectorSettings.get_connector_settings())))
"""

_LATE = """
import json
from hummingbot.client.settings import AllConnectorSettings
held = AllConnectorSettings.get_connector_settings()
AllConnectorSettings.initialize_paper_trade_settings(["binance", "tegro"])
held["binance"] = held["binance"]._replace(config_keys="decrypted")
import hummingbot_tegro.boot
now = AllConnectorSettings.get_connector_settings()
print(json.dumps({
    "same": now is held, "keys": now["binance"].config_keys, "names": sorted(name for name in now if "tegro" in name),
}))
"""

_FOLDERS = """
import json
import hummingbot
from hummingbot.client.settings import AllConnectorSettings, CONF_DIR_PATH, TEMPLATE_PATH
print(json.dumps({
    "root": str(hummingbot.root_path()), "prefix": hummingbot.prefix_path(), "data": hummingbot.data_path(),
    "conf": str(CONF_DIR_PATH), "templates": TEMPLATE_PATH.is_dir(),
    "tegro": "tegro" in AllConnectorSettings.get_connector_settings(),
}))
"""


def answer(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def complaints(result):
    return [line for line in result.stderr.splitlines() if line.strip()]


def test_a_plain_import_knows_all_domains_and_leaves_the_rest_as_it_is(installed_layout, without_start_up_files):
    ours = installed_layout.run("-c", _NAMES)
    stock = installed_layout.run("-S", "-c", _NAMES, **without_start_up_files)
    assert ours.stderr == stock.stderr == ""
    assert "tegro" not in answer(stock)
    assert answer(ours) == sorted([*answer(stock), *DOMAINS])


def test_an_interpreter_without_hummingbot_pays_for_three_small_modules(installed_layout, without_start_up_files):
    code = """
import sys, site
before = set(sys.modules)
import hummingbot_tegro.boot
print(*sorted(set(sys.modules) - before))
"""
    result = installed_layout.run("-S", "-c", code, **without_start_up_files)
    assert result.stdout.split() == [
        "__future__",
        "hummingbot_tegro",
        "hummingbot_tegro._version",
        "hummingbot_tegro.boot",
    ]
    assert result.stderr == ""


def test_the_start_up_file_loads_the_plug_in_and_no_host(installed_layout):
    code = (
        "import sys; print('hummingbot_tegro.boot' in sys.modules, 'hummingbot' in sys.modules, 'tegro' in sys.modules)"
    )
    assert installed_layout.run("-c", code).stdout.split() == ["True", "False", "False"]


def test_late_registration_keeps_the_dictionary_and_its_decrypted_keys(small_host, without_start_up_files):
    # The clone is found through the working folder before the installed Hummingbot.
    result = small_host.run("-S", "-c", _LATE, **without_start_up_files)
    assert answer(result) == {"same": True, "keys": "decrypted", "names": sorted([*DOMAINS, "tegro_paper_trade"])}


def test_two_registrations_are_one(small_host):
    code = f"""
import importlib, sys
import hummingbot_tegro.boot as boot
boot.register()
importlib.reload(boot)
finders = [finder for finder in sys.meta_path if getattr(finder, "__module__", "") == boot.__name__]
assert len(finders) == 1, finders
import hummingbot.client.settings
boot.register()
importlib.reload(hummingbot.client.settings)
{_NAMES}
"""
    result = small_host.run("-c", code)
    assert complaints(result) == []
    assert answer(result) == [*STOCK, *DOMAINS]


def test_a_start_up_file_without_its_package_is_silent(installed_layout, tmp_path):
    shutil.copy2(PACKAGE / "src" / "hummingbot_tegro.pth", tmp_path)
    code = f"import site, sys; site.addsitedir({str(tmp_path)!r}); print('hummingbot_tegro' in sys.modules)"
    result = installed_layout.run("-S", "-c", code)
    assert (result.stdout, result.stderr) == ("False\n", "")


def test_a_package_without_its_connectors_is_one_line(small_host, own_plugin):
    shutil.rmtree(own_plugin / "connector")
    result = small_host.run("-c", _NAMES)
    assert answer(result) == STOCK
    [line] = complaints(result)
    assert "hummingbot.connector.exchange of Hummingbot dev-2.18.0: our connector folder is gone" in line
    assert "tegro hummingbot doctor" in line


@pytest.mark.parametrize("fault", ["import not_installed_here", "raise OSError('disk')"])
def test_a_connector_that_does_not_load_is_left_out_and_named(small_host, own_plugin, fault):
    (own_plugin / "connector" / "exchange" / "tegro" / "tegro_utils.py").write_text(fault)
    result = small_host.run("-c", _NAMES)
    assert answer(result) == [*STOCK, *PERPETUAL]
    [line] = complaints(result)
    assert "tegro is left out, hummingbot.connector.exchange.tegro.tegro_utils does not load" in line
    assert "not_installed_here" in line or "disk" in line


def test_hummingbots_own_tegro_goes_first(small_host):
    theirs = small_host.cwd / "hummingbot" / "connector" / "exchange" / "tegro"
    theirs.mkdir()
    (theirs / "__init__.py").touch()
    (theirs / "tegro_utils.py").write_text("EXAMPLE_PAIR = 'THEIRS-USDC'\n")
    result = small_host.run("-c", _NAMES + "print(AllConnectorSettings.get_example_pairs()['tegro'])")
    names, pair = result.stdout.splitlines()
    assert (json.loads(names), pair) == ([*STOCK, "tegro"], "THEIRS-USDC")
    [line] = complaints(result)
    assert "ships its own tegro, which is used instead of ours" in line


@pytest.mark.parametrize("theirs", [True, False])
def test_where_hummingbot_ships_its_own_tegro_nothing_of_ours_is_registered(source_layout, theirs):
    if theirs:
        folder = source_layout.cwd / "hummingbot" / "connector" / "exchange" / "tegro"
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "tegro_utils.py").touch()
    code = """
import json
import hummingbot.client.config.client_config_map as settings
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.core.rate_oracle.rate_oracle import RATE_ORACLE_SOURCES
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory
lists = (AllConnectorSettings.get_connector_settings(), CandlesFactory._candles_map, RATE_ORACLE_SOURCES)
print(json.dumps([sorted(name for name in each if "tegro" in name) for each in (*lists, settings.RATE_SOURCE_MODES)]))
"""
    result = source_layout.run("-c", code)
    assert answer(result) == ([["tegro"], [], [], []] if theirs else [DOMAINS, DOMAINS, SPOT, SPOT])
    assert len(complaints(result)) == theirs


def test_the_remains_of_hummingbots_former_tegro_do_not_hide_ours(small_host):
    # As `git pull` leaves them where upstream's connector of 2024 was once used.
    former = small_host.cwd / "hummingbot" / "connector" / "exchange" / "tegro" / "__pycache__"
    former.mkdir(parents=True)
    (former / "tegro_utils.cpython-312.pyc").touch()
    result = small_host.run("-c", _NAMES)
    assert complaints(result) == []
    assert answer(result) == [*STOCK, *DOMAINS]


@pytest.mark.parametrize("program", ["import hummingbot.client.settings", "import hummingbot.connector.exchange"])
def test_an_untested_version_is_said_once_where_connectors_are_listed(small_host, program):
    (small_host.cwd / "hummingbot" / "VERSION").write_text("dev-2.99.0\n")
    result = small_host.run("-c", f"{program}\n{program}\n")
    assert result.returncode == 0
    expected = 1 if "settings" in program else 0
    assert len(complaints(result)) == expected
    for line in complaints(result):
        assert "was not tested with Hummingbot dev-2.99.0, only with 20260922 (dev-2.18.0)" in line


def test_an_untested_version_trades_all_the_same(small_host):
    (small_host.cwd / "hummingbot" / "VERSION").unlink()
    result = small_host.run("-c", _NAMES)
    assert answer(result) == [*STOCK, *DOMAINS]
    assert "of unknown version" in result.stderr


def test_a_host_without_the_scan_that_is_hooked_is_one_line(small_host):
    settings = small_host.cwd / "hummingbot" / "client" / "settings.py"
    text = settings.read_text()
    settings.write_text(
        text.replace("from os import DirEntry, scandir", "import os\nfrom os import DirEntry").replace(
            "in scandir(", "in os.scandir("
        )
    )
    result = small_host.run("-c", _NAMES)
    assert answer(result) == STOCK
    [line] = complaints(result)
    assert "hook on hummingbot.client.settings of Hummingbot dev-2.18.0" in line
    assert "has no 'scandir'" in line
    assert "hummingbot==20260922" in line


def test_a_host_without_the_settings_class_is_one_line_and_imports(small_host):
    settings = small_host.cwd / "hummingbot" / "client" / "settings.py"
    settings.write_text(settings.read_text().replace("AllConnectorSettings", "Renamed"))
    result = small_host.run("-c", "import hummingbot.client.settings")
    assert result.returncode == 0
    [line] = complaints(result)
    assert "has no 'AllConnectorSettings'" in line


def test_without_the_variable_the_host_keeps_its_folders(small_host):
    clone = str(small_host.cwd)
    assert answer(small_host.run("-c", _FOLDERS)) == {
        "root": clone,
        "prefix": clone,
        "data": f"{clone}/data",
        "conf": f"{clone}/conf",
        "templates": True,
        "tegro": True,
    }


def test_the_variable_moves_everything_to_the_home_folder(small_host, tmp_path):
    home = tmp_path / "home"
    small_host.run("-c", "import sys; from hummingbot_tegro.home import *; create_home(Path(sys.argv[1]))", home)
    (home / "hummingbot").symlink_to(tmp_path / "an uninstalled one")
    result = small_host.run("-c", _FOLDERS, HUMMINGBOT_TEGRO_HOME=str(home))
    assert complaints(result) == []
    assert answer(result) == {
        "root": str(home),
        "prefix": str(home),
        "data": f"{home}/data",
        "conf": f"{home}/conf",
        "templates": True,
        "tegro": True,
    }
    assert (home / "hummingbot").resolve() == small_host.cwd / "hummingbot"


def test_a_home_folder_that_is_none_is_one_line_and_changes_nothing(small_host, tmp_path):
    result = small_host.run("-c", _FOLDERS, HUMMINGBOT_TEGRO_HOME=str(tmp_path / "nothing"))
    assert answer(result)["root"] == str(small_host.cwd)
    [line] = complaints(result)
    assert f"tegro hummingbot init {tmp_path / 'nothing'}" in line


def test_the_wheel_has_the_start_up_file_at_its_root_and_registers(small_host, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=PACKAGE,
        check=True,
        capture_output=True,
    )
    [wheel] = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        roots = {name.split("/")[0] for name in names}
        metadata = next(root for root in roots if root.endswith(".dist-info"))
        assert roots == {"hummingbot_tegro.pth", "hummingbot_tegro", metadata}
        packaged = {name for name in names if name.startswith("hummingbot_tegro/")}
        source = PACKAGE / "src"
        files = {str(path.relative_to(source)) for path in source.glob("hummingbot_tegro/**/*") if path.is_file()}
        assert packaged == {name for name in files if "__pycache__" not in name}
        for entry in small_host.site_packages.glob("*hummingbot_tegro*"):
            entry.unlink()
        assert answer(small_host.run("-c", _NAMES)) == STOCK
        archive.extractall(small_host.site_packages)
    assert answer(small_host.run("-c", _NAMES)) == [*STOCK, *DOMAINS]
