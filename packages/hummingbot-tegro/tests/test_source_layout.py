"""The plug-in beside a source clone of Hummingbot, which lies outside site-packages."""

import json

_REPORT = """
import json
import hummingbot
from hummingbot.client.settings import AllConnectorSettings, CONF_DIR_PATH
from hummingbot.connector.exchange.tegro import tegro_exchange
names = [name for name in AllConnectorSettings.get_connector_settings() if name.startswith("tegro")]
print(json.dumps({"host": hummingbot.__file__, "conf": str(CONF_DIR_PATH), "names": sorted(names)}))
"""


def test_a_source_clone_knows_our_connectors(source_layout):
    result = source_layout.run("-c", _REPORT)
    assert (result.returncode, result.stderr) == (0, "")
    clone = source_layout.cwd
    assert json.loads(result.stdout) == {
        "host": str(clone / "hummingbot" / "__init__.py"),
        "conf": str(clone / "conf"),
        "names": [
            "tegro",
            "tegro_localnet",
            "tegro_perpetual",
            "tegro_perpetual_localnet",
            "tegro_perpetual_testnet",
            "tegro_testnet",
        ],
    }


def test_hummingbots_own_command_line_lists_them_in_a_source_clone(source_layout):
    result = source_layout.run("-m", "hummingbot.cli.main", "connect", "--all")
    assert result.returncode == 0, result.stderr
    assert "tegro_localnet" in result.stdout


def test_the_environment_of_the_layout_has_no_hummingbot_of_its_own(source_layout):
    result = source_layout.run("-c", "import hummingbot", cwd=source_layout.site_packages.parent)
    assert "No module named 'hummingbot'" in result.stderr
