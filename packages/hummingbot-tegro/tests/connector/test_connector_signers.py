"""What may be answered to the second question of `connect`: a key, a keystore file, a Web3Signer."""

import json

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct
from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger
from hummingbot.client.config.config_helpers import ClientConfigAdapter, ConfigValidationError
from hummingbot.client.config.security import Security
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.exchange.tegro.signers import KeystoreSigner, signer_for

from tegro.errors import InvalidInput

KEY = "0x" + "42" * 32
WALLET = Account.from_key(KEY)
OTHER = Account.from_key("0x" + "43" * 32)
PASSWORD = "of the keystore"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory):
    """Write a keystore as geth names it; quick to open, because nothing here is secret."""
    path = tmp_path_factory.mktemp("keys") / f"UTC--2026-01-01T00-00-00.0Z--{WALLET.address[2:].lower()}"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=1000)))
    return path


def answered(wallet: str, secret: str):
    config = ClientConfigAdapter(type(AllConnectorSettings.get_connector_config_keys("tegro")).model_construct())
    config.tegro_api_key = wallet
    config.tegro_api_secret = secret
    return config


async def test_a_keystore_signs_with_the_password_of_the_environment(keystore, monkeypatch):
    monkeypatch.setenv("TEGRO_KEYSTORE_PASSWORD", PASSWORD)
    config = answered(WALLET.address, f" keystore:{keystore} ")
    secret = config.tegro_api_secret.get_secret_value()
    signer = signer_for(WALLET.address, secret)
    assert signer.address == WALLET.address
    signature = await signer.sign_text("hello")
    assert Account.recover_message(encode_defunct(text="hello"), signature=signature) == WALLET.address


async def test_the_password_of_hummingbot_opens_it_where_the_environment_has_none(keystore, monkeypatch):
    monkeypatch.delenv("TEGRO_KEYSTORE_PASSWORD", raising=False)
    monkeypatch.setattr(Security, "secrets_manager", ETHKeyFileSecretManger(PASSWORD))
    await signer_for(WALLET.address, f"keystore:{keystore}").open()


async def test_a_wrong_password_is_one_sentence_and_may_be_mended(keystore, monkeypatch):
    monkeypatch.setenv("TEGRO_KEYSTORE_PASSWORD", "wrong")
    signer = signer_for(WALLET.address, f"keystore:{keystore}")
    with pytest.raises(InvalidInput) as refusal:
        await signer.open()
    assert "password" in str(refusal.value)
    assert "wrong" not in str(refusal.value).replace("wrong password", "")
    monkeypatch.setenv("TEGRO_KEYSTORE_PASSWORD", PASSWORD)
    await signer.open()


async def test_without_any_password_it_says_where_to_put_one(keystore, monkeypatch):
    monkeypatch.delenv("TEGRO_KEYSTORE_PASSWORD", raising=False)
    monkeypatch.setattr(Security, "secrets_manager", None)
    with pytest.raises(InvalidInput, match="TEGRO_KEYSTORE_PASSWORD"):
        await signer_for(WALLET.address, f"keystore:{keystore}").open()


def test_making_a_keystore_signer_computes_nothing(keystore):
    # Opening a file as geth writes it takes a second, and the constructor runs on the event loop.
    assert isinstance(signer_for(WALLET.address, f"keystore:{keystore}"), KeystoreSigner)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: f"keystore:{path}", f"this keystore belongs to the wallet {WALLET.address}, not to"),
        (lambda path: f"keystore:{path}.gone", "cannot be read: No such file"),
        (lambda path: f"keystore:{path.parent}", "cannot be read"),
        (lambda path: f"keystore:{KEY}", "followed by the path of a keystore file, not by a key"),
    ],
)
def test_defect_48_and_53_a_keystore_that_cannot_be_right_is_refused_at_the_prompt(keystore, make, sentence):
    with pytest.raises(ConfigValidationError, match=sentence) as refusal:
        answered(OTHER.address, make(keystore))
    assert "4242" not in str(refusal.value)


def test_a_file_that_is_no_keystore_is_refused_at_the_prompt(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("shopping list")
    with pytest.raises(ConfigValidationError, match="is no keystore file of version 3"):
        answered(WALLET.address, f"keystore:{path}")


def test_a_web3signer_is_of_the_wallet_that_was_answered():
    config = answered(WALLET.address, "web3signer:http://127.0.0.1:9000")
    signer = signer_for(WALLET.address, config.tegro_api_secret.get_secret_value())
    assert signer.address == WALLET.address
    with pytest.raises(ConfigValidationError, match="was named as the wallet"):
        answered(OTHER.address, f"web3signer:http://127.0.0.1:9000#{WALLET.address}")


def test_no_key_means_no_signer():
    assert signer_for("", "") is None
