"""What Hummingbot reads about the connector before it is used: fees, domains, and what `connect` asks for.

Hummingbot imports this module to list its exchanges, so it stays light.
"""

from decimal import Decimal
from typing import Any, Final

from hummingbot.client.config.config_data_types import BaseConnectorConfigMap
from hummingbot.core.data_type.trade_fee import TradeFeeSchema
from pydantic import ConfigDict, SecretStr, ValidationInfo, field_validator

from hummingbot_tegro.common.connect_prompts import ask
from hummingbot_tegro.host_settings import environment_name
from tegro.eip712 import parse_address, to_checksum
from tegro.settings import normalise_chain

from .signers import check_answer

CENTRALIZED = True
EXAMPLE_PAIR = "WETH-USDC"

DEFAULT_FEES = TradeFeeSchema(
    # What the chain list said of Base, as a percentage (protocol 9). The connector reads the real one at its start.
    maker_percent_fee_decimal=Decimal("0.0005"),
    taker_percent_fee_decimal=Decimal("0.0005"),
    buy_percent_fee_deducted_from_returns=True,
)

_ENCRYPTED_KEY_PREFIX: Final = b'{"crypto"'.hex()
"""How Hummingbot's encrypted form of a secret begins: a keystore's JSON text, in hex."""

_ADDRESS_LENGTH: Final = 42


def _address() -> Any:  # noqa: ANN401  (as `ask`)
    return ask("Enter your Public Wallet Address", is_secure=False)


def _private_key() -> Any:  # noqa: ANN401
    return ask("Enter your Private Wallet Address", is_secure=True)


def _chain() -> Any:  # noqa: ANN401
    return ask("Enter your preferred chain ", is_secure=False)


class _WalletConfigMap(BaseConnectorConfigMap):
    """The checks of a wallet, its key and its chain. Each message is one sentence; none contains the key."""

    @field_validator(
        "tegro_api_key", "tegro_testnet_api_key", "tegro_localnet_api_key", mode="before", check_fields=False
    )
    @classmethod
    def check_address(cls, value: object) -> str:
        """Return the wallet's address in checksum case."""
        if not isinstance(value, str):
            raise ValueError("a wallet address must be a text in quotes, such as '0x' and 40 hex digits")  # noqa: TRY004
        _refuse_key(value, "a wallet address")
        return to_checksum(parse_address(value.strip()))

    @field_validator(
        "tegro_api_secret", "tegro_testnet_api_secret", "tegro_localnet_api_secret", mode="before", check_fields=False
    )
    @classmethod
    def check_key(cls, value: object, info: ValidationInfo) -> object:
        """Return the private key, or the name of another signer, if it is that of the address answered before."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not isinstance(text, str):
            raise ValueError("a private key must be a text in quotes (it is not shown here)")  # noqa: TRY004
        if text.strip().startswith(_ENCRYPTED_KEY_PREFIX):
            # Read back from the file; Hummingbot assigns the decrypted key next, and then it is checked.
            return value
        return SecretStr(check_answer(text, info.data.get(f"{info.data['connector']}_api_key")))

    @field_validator("chain_name", mode="before", check_fields=False)
    @classmethod
    def check_chain(cls, value: object, info: ValidationInfo) -> str:
        """Return the chain's name in lower case, if this domain has that chain."""
        _refuse_key(str(value), "the name of a chain")
        return normalise_chain(environment_name(info.data["connector"]), str(value))


def _refuse_key(answer: str, expected: str) -> None:
    """Refuse what may be a private key, mistyped or whole, before a message quotes it."""
    if len(answer.strip()) > _ADDRESS_LENGTH:
        raise ValueError(f"this is too long for {expected} (it is not shown here, because it may be a private key)")


class TegroConfigMap(_WalletConfigMap):
    """What `connect tegro` asks for."""

    connector: str = "tegro"
    tegro_api_key: str = _address()
    tegro_api_secret: SecretStr = _private_key()
    chain_name: str = _chain()
    model_config = ConfigDict(title="tegro", hide_input_in_errors=True)


class TegroTestnetConfigMap(_WalletConfigMap):
    """What `connect tegro_testnet` asks for."""

    connector: str = "tegro_testnet"
    tegro_testnet_api_key: str = _address()
    tegro_testnet_api_secret: SecretStr = _private_key()
    chain_name: str = _chain()
    model_config = ConfigDict(title="tegro_testnet", hide_input_in_errors=True)


class TegroLocalnetConfigMap(_WalletConfigMap):
    """What `connect tegro_localnet` asks for."""

    connector: str = "tegro_localnet"
    tegro_localnet_api_key: str = _address()
    tegro_localnet_api_secret: SecretStr = _private_key()
    chain_name: str = _chain()
    model_config = ConfigDict(title="tegro_localnet", hide_input_in_errors=True)


KEYS = TegroConfigMap.model_construct()

OTHER_DOMAINS = ["tegro_testnet", "tegro_localnet"]
OTHER_DOMAINS_PARAMETER = {domain: domain for domain in OTHER_DOMAINS}
OTHER_DOMAINS_EXAMPLE_PAIR = dict.fromkeys(OTHER_DOMAINS, EXAMPLE_PAIR)
OTHER_DOMAINS_DEFAULT_FEES = dict.fromkeys(OTHER_DOMAINS, DEFAULT_FEES)
OTHER_DOMAINS_KEYS = {
    "tegro_testnet": TegroTestnetConfigMap.model_construct(),
    "tegro_localnet": TegroLocalnetConfigMap.model_construct(),
}
