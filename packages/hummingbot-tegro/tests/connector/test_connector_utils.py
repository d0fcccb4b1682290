"""What `connect` asks, and what it refuses."""

import pytest
from eth_account import Account
from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger
from hummingbot.client.config.config_helpers import (
    ClientConfigAdapter,
    ConfigValidationError,
    api_keys_from_connector_config_map,
)
from hummingbot.client.config.security import Security
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.exchange.tegro import tegro_utils

WALLET = Account.from_key("0x" + "42" * 32)
KEY = "0x" + "42" * 32
OTHER_KEY = "0x" + "43" * 32
DOMAINS = ("tegro", "tegro_testnet", "tegro_localnet")


def empty_config(domain: str) -> ClientConfigAdapter:
    fresh = type(AllConnectorSettings.get_connector_config_keys(domain)).model_construct()
    return ClientConfigAdapter(fresh)


def answer(config: ClientConfigAdapter, domain: str, **answers: str) -> None:
    for name, value in answers.items():
        setattr(config, name if name == "chain_name" else f"{domain}_{name}", value)


@pytest.mark.parametrize("domain", DOMAINS)
async def test_defect_48_the_three_questions_in_their_order_and_only_the_key_is_hidden(domain):
    config = empty_config(domain)
    asked = [
        (await config.get_client_prompt(item.attr), item.client_field_data.is_secure)
        for item in config.traverse()
        if item.client_field_data.prompt_on_new and item.attr != "connector"
    ]
    assert asked == [
        ("Enter your Public Wallet Address", False),
        ("Enter your Private Wallet Address", True),
        ("Enter your preferred chain ", False),
    ]


@pytest.mark.parametrize(
    ("domain", "chain"), [("tegro", "base"), ("tegro_testnet", "polygon"), ("tegro_localnet", "localnet")]
)
def test_good_answers_reach_the_constructor_under_its_names(domain, chain):
    config = empty_config(domain)
    answer(config, domain, api_key=WALLET.address.lower(), api_secret=KEY, chain_name=f" {chain.upper()}")
    setting = AllConnectorSettings.get_connector_settings()[domain]
    parameters = setting.conn_init_parameters(api_keys=api_keys_from_connector_config_map(config))
    assert parameters["tegro_api_key"] == WALLET.address
    assert parameters["tegro_api_secret"] == KEY
    assert parameters["chain_name"] == chain
    assert parameters.get("domain", "tegro") == domain


@pytest.mark.parametrize("chain", ["b", "as", "", "ase", "polygon", "Base Sepolia"])
def test_defect_45_and_47_a_chain_is_one_of_the_domain_and_nothing_else(chain):
    with pytest.raises(ConfigValidationError, match=r"mainnet has no chain .*; choose one of base"):
        answer(empty_config("tegro"), "tegro", chain_name=chain)


def test_defect_46_a_chain_is_stored_in_lower_case():
    config = empty_config("tegro")
    answer(config, "tegro", chain_name="Base")
    assert config.chain_name == "base"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("0x12", "an address is 0x and 40 hex digits"),
        (WALLET.address.swapcase().replace("0X", "0x"), "checksum"),
        (5, "must be a text"),
    ],
)
def test_a_bad_address_is_refused_with_one_sentence(address, sentence):
    with pytest.raises(ConfigValidationError, match=sentence):
        answer(empty_config("tegro"), "tegro", api_key=address)


def test_the_key_must_be_that_of_the_address():
    config = empty_config("tegro")
    answer(config, "tegro", api_key=WALLET.address)
    with pytest.raises(ConfigValidationError) as refusal:
        answer(config, "tegro", api_secret=OTHER_KEY)
    assert f"not to {WALLET.address}" in str(refusal.value)
    assert OTHER_KEY[2:] not in str(refusal.value)


@pytest.mark.parametrize("question", ["api_key", "api_secret", "chain_name"])
@pytest.mark.parametrize("key", [KEY + "ff", "0x" + "00" * 32, "0x" + "f" * 64, KEY[:-1] + "g", KEY])
def test_no_refusal_repeats_a_key_whatever_the_question(question, key):
    config = empty_config("tegro")
    if question == "api_secret" and key == KEY:
        answer(config, "tegro", api_secret=key)
        assert KEY[2:] not in repr(config) + str(config.hb_config)
        return
    with pytest.raises(ConfigValidationError) as refusal:
        answer(config, "tegro", **{question: key})
    assert "4242" not in str(refusal.value) + repr(refusal.value.__context__)
    assert key[2:40] not in str(refusal.value) + repr(refusal.value.__context__)


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_encrypted_file_is_read_back(domain, monkeypatch):
    monkeypatch.setattr(Security, "secrets_manager", ETHKeyFileSecretManger("password"))
    chain = {"tegro": "base", "tegro_testnet": "base", "tegro_localnet": "localnet"}[domain]
    config = empty_config(domain)
    answer(config, domain, api_key=WALLET.address, api_secret=KEY, chain_name=chain)
    stored = config._dict_in_conf_order()
    assert KEY[2:] not in str(stored)

    read_back = ClientConfigAdapter(type(config.hb_config).model_validate(stored))
    read_back.decrypt_all_secure_data()
    assert api_keys_from_connector_config_map(read_back)[f"{domain}_api_secret"] == KEY


def test_every_domain_is_complete():
    for domain in tegro_utils.OTHER_DOMAINS:
        for table in ("PARAMETER", "EXAMPLE_PAIR", "DEFAULT_FEES", "KEYS"):
            assert domain in getattr(tegro_utils, f"OTHER_DOMAINS_{table}")
    settings = AllConnectorSettings.get_connector_settings()
    assert [domain for domain in DOMAINS if domain in settings] == list(DOMAINS)
