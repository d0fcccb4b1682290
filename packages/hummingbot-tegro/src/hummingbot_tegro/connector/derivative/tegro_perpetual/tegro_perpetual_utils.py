"""What Hummingbot reads about the connector before it is used: fees, domains, and what `connect` asks for.

Hummingbot imports this module to list its exchanges, so it stays light.
"""

from decimal import Decimal

from hummingbot.client.config.config_data_types import BaseConnectorConfigMap
from hummingbot.core.data_type.trade_fee import TradeFeeSchema
from pydantic import ConfigDict, SecretStr

from hummingbot_tegro.common.connect_prompts import ask

CENTRALIZED = True
EXAMPLE_PAIR = "ETH-USDT"

DEFAULT_FEES = TradeFeeSchema(
    # The base rates of the dialect. The connector reads those of the account at its start.
    maker_percent_fee_decimal=Decimal("0.0002"),
    taker_percent_fee_decimal=Decimal("0.0005"),
)


class TegroPerpetualConfigMap(BaseConnectorConfigMap):
    """What `connect tegro_perpetual` asks for."""

    connector: str = "tegro_perpetual"
    tegro_perpetual_api_key: SecretStr = ask("Enter your Tegro Perpetual API key")
    tegro_perpetual_api_secret: SecretStr = ask("Enter your Tegro Perpetual API secret")
    model_config = ConfigDict(title="tegro_perpetual", hide_input_in_errors=True)


class TegroPerpetualTestnetConfigMap(BaseConnectorConfigMap):
    """What `connect tegro_perpetual_testnet` asks for."""

    connector: str = "tegro_perpetual_testnet"
    tegro_perpetual_testnet_api_key: SecretStr = ask("Enter your Tegro Perpetual testnet API key")
    tegro_perpetual_testnet_api_secret: SecretStr = ask("Enter your Tegro Perpetual testnet API secret")
    model_config = ConfigDict(title="tegro_perpetual_testnet", hide_input_in_errors=True)


class TegroPerpetualLocalnetConfigMap(BaseConnectorConfigMap):
    """What `connect tegro_perpetual_localnet` asks for."""

    connector: str = "tegro_perpetual_localnet"
    tegro_perpetual_localnet_api_key: SecretStr = ask("Enter your Tegro Perpetual localnet API key")
    tegro_perpetual_localnet_api_secret: SecretStr = ask("Enter your Tegro Perpetual localnet API secret")
    model_config = ConfigDict(title="tegro_perpetual_localnet", hide_input_in_errors=True)


KEYS = TegroPerpetualConfigMap.model_construct()

OTHER_DOMAINS = ["tegro_perpetual_testnet", "tegro_perpetual_localnet"]
OTHER_DOMAINS_PARAMETER = {domain: domain for domain in OTHER_DOMAINS}
OTHER_DOMAINS_EXAMPLE_PAIR = dict.fromkeys(OTHER_DOMAINS, EXAMPLE_PAIR)
OTHER_DOMAINS_DEFAULT_FEES = dict.fromkeys(OTHER_DOMAINS, DEFAULT_FEES)
OTHER_DOMAINS_KEYS = {
    "tegro_perpetual_testnet": TegroPerpetualTestnetConfigMap.model_construct(),
    "tegro_perpetual_localnet": TegroPerpetualLocalnetConfigMap.model_construct(),
}
