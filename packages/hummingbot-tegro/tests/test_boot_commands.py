"""The commands that Hummingbot's MQTT bridge gives to its application, of this release and of others."""

import asyncio
import inspect

import pytest
from hummingbot.client.hummingbot_application import HummingbotApplication
from hummingbot.remote_iface import mqtt

from hummingbot_tegro.boot_commands import mend_commands


class Core:
    strategy = "the running one"


def release(**members):
    """Return a module like Hummingbot's, whose application has these members."""
    application = type("HummingbotApplication", (), {"trading_core": Core(), **members})
    return type("module", (), {"HummingbotApplication": application})


def of_this_release(self, log_level=None, v2_conf=None, is_quickstart=False):
    return log_level, v2_conf, is_quickstart


async def checked_of_this_release(self, log_level=None, v2_conf=None, is_quickstart=False):
    return log_level, v2_conf, is_quickstart


@pytest.fixture
def mended():
    module = release(start=of_this_release, start_check=checked_of_this_release)
    mend_commands(module)
    return module.HummingbotApplication()


def test_the_stock_bridge_has_the_faults_that_are_mended():
    asked = inspect.getsource(mqtt.MQTTCommands)
    assert "self._hb_app.strategy is" in asked
    assert "script=msg.script" in asked
    stock = inspect.signature(inspect.unwrap(HummingbotApplication.start)).parameters
    assert "v2_conf" in stock
    assert "script" not in stock
    assert "strategy" not in inspect.getsource(HummingbotApplication.__init__)
    assert isinstance(HummingbotApplication.strategy, property)


def test_the_bridges_words_reach_the_stock_command(mended):
    assert mended.strategy == "the running one"
    assert mended.start(log_level="INFO", script="a.py", conf="conf_a.yml", is_quickstart=True) == (
        "INFO",
        "conf_a.yml",
        True,
    )
    assert asyncio.run(mended.start_check(log_level=None, script=None, conf="conf_a.yml")) == (
        None,
        "conf_a.yml",
        False,
    )


def test_the_clients_words_work_as_before(mended):
    assert mended.start("INFO", "conf_a.yml") == ("INFO", "conf_a.yml", False)
    assert mended.start(log_level=None, v2_conf="conf_a.yml") == (None, "conf_a.yml", False)
    assert mended.start() == (None, None, False)


def test_a_release_without_the_faults_is_left_as_it_is():
    def start(self, log_level=None, script=None, conf=None, is_quickstart=False):
        return script, conf

    module = release(start=start, start_check=start, strategy=None)
    mend_commands(module)
    application = module.HummingbotApplication
    assert (application.start, application.start_check, application.strategy) == (start, start, None)
