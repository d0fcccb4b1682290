"""Our paper exchanges in a stock Hummingbot, and those of others as they were. Making a connector needs a loop."""

from decimal import Decimal

import pytest
from hummingbot.client.command.connect_command import OPTIONS
from hummingbot.client.config.client_config_map import ClientConfigMap
from hummingbot.client.config.config_helpers import ClientConfigAdapter, get_connector_class
from hummingbot.client.config.trade_fee_schema_loader import TradeFeeSchemaLoader
from hummingbot.client.settings import AllConnectorSettings, ConnectorSetting
from hummingbot.connector.exchange.paper_trade.paper_trade_exchange import PaperTradeExchange
from hummingbot.connector.exchange_py_base import ExchangePyBase
from hummingbot.core.connector_manager import ConnectorManager
from hummingbot.data_feed.candles_feed.candles_factory import CandlesFactory
from hummingbot.data_feed.candles_feed.data_types import CandlesConfig

from hummingbot_tegro.paper.exchange import TegroPaperTradeExchange
from hummingbot_tegro.paper.naming import PAPER_NAMES

_LATE = """
from hummingbot.core import connector_manager
from hummingbot.client.settings import AllConnectorSettings
AllConnectorSettings.get_connector_settings()
AllConnectorSettings.initialize_paper_trade_settings(["tegro_testnet"])
import hummingbot_tegro.boot
made = connector_manager.create_paper_trade_market("tegro_testnet", [])
setting = AllConnectorSettings.get_connector_settings()["tegro_testnet_paper_trade"]
print(type(made).__name__, made.name, setting.config_keys)
"""


@pytest.fixture
def host_settings():
    """Hummingbot's settings, put back afterwards."""
    before = dict(AllConnectorSettings.get_connector_settings())
    names = AllConnectorSettings.paper_trade_connectors_names
    yield AllConnectorSettings
    AllConnectorSettings.all_connector_settings.clear()
    AllConnectorSettings.all_connector_settings.update(before)
    AllConnectorSettings.paper_trade_connectors_names = names


def test_the_list_of_paper_exchanges_names_what_there_is(host_settings):
    host_settings.initialize_paper_trade_settings(["binance", "tegro", "tegro_localnet"])
    known = host_settings.get_connector_settings()
    assert {name for name in known if name.endswith("paper_trade")} == {
        "binance_paper_trade",
        "tegro_paper_trade",
        "tegro_localnet_paper_trade",
    }
    assert {"tegro_paper_trade", "tegro_localnet_paper_trade"} < host_settings.get_exchange_names()
    assert type(known["binance_paper_trade"]) is ConnectorSetting
    assert known["binance_paper_trade"] == known["binance"]._replace(name="binance_paper_trade", parent_name="binance")


def test_an_exchange_that_was_taken_out_of_the_list_is_not_there(host_settings):
    host_settings.initialize_paper_trade_settings(["binance"])
    assert [name for name in host_settings.get_connector_settings() if "tegro" in name and "paper" in name] == []


def test_connect_offers_our_paper_exchanges_alone():
    assert {name for name in OPTIONS if name.endswith("paper_trade")} == set(PAPER_NAMES)


def test_a_late_plug_in_replaces_what_was_imported_already(installed_layout, without_start_up_files):
    result = installed_layout.run("-S", "-c", _LATE, **without_start_up_files)
    assert result.stdout.split() == ["TegroPaperTradeExchange", "tegro_testnet_paper_trade", "None"], result.stderr


async def test_a_bot_gets_ours_with_the_paper_balances_of_the_client(host_settings, paper_settings):
    client = ClientConfigAdapter(ClientConfigMap())
    client.paper_trade.paper_trade_account_balance["WETH"] = 0.1
    manager = ConnectorManager(client)
    made = manager.create_connector("tegro_localnet_paper_trade", ["WETH-USDC"])
    assert isinstance(made, TegroPaperTradeExchange)
    assert isinstance(made, ExchangePyBase)
    assert (made.name, made.display_name) == ("tegro_localnet_paper_trade",) * 2
    assert made.get_balance("WETH") == made.get_available_balance("WETH") == Decimal("0.1")
    assert made.get_balance("USDC") == 100_000
    assert get_connector_class(made.name) is TegroPaperTradeExchange
    assert TradeFeeSchemaLoader.configured_schema_for_exchange(made.name).maker_percent_fee_decimal > 0
    candles = CandlesFactory.get_candle(CandlesConfig(connector=made.name, trading_pair="WETH-USDC", interval="1m"))
    assert candles.domain == "tegro_localnet"
    manager.remove_connector("tegro_localnet_paper_trade")


async def test_the_entry_has_no_keys_and_makes_an_instance_that_only_reads(host_settings, paper_settings):
    host_settings.initialize_paper_trade_settings(["binance", "tegro_localnet"])
    setting = host_settings.get_connector_settings()["tegro_localnet_paper_trade"]
    assert setting.config_keys is None
    parameters = setting.conn_init_parameters(api_keys={"tegro_localnet_api_secret": "no"})
    assert "tegro_localnet_api_secret" not in parameters
    made = setting.non_trading_connector_instance_with_default_configuration(["WETH-USDC"])
    assert isinstance(made, TegroPaperTradeExchange)
    assert (made.name, made.is_trading_required) == ("tegro_localnet_paper_trade", False)


async def test_the_paper_mode_of_others_is_stock(host_settings, paper_settings):
    manager = ConnectorManager(ClientConfigAdapter(ClientConfigMap()))
    made = manager.create_connector("binance_paper_trade", ["BTC-USDT"])
    assert type(made) is PaperTradeExchange
    assert made.name == "binance"
    manager.remove_connector("binance_paper_trade")
