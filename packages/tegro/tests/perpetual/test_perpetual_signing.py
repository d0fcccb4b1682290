"""Keys and signatures: the reference's vectors, and that a secret shows nowhere."""

import pickle

import pytest

from tegro.errors import InvalidInput, SigningRefused
from tegro.perpetual import ApiKey, AsyncPerpetual, confirm_host, load_perpetual

SECRET = "tegro-local-secret"


QUERY = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.010"
BODY = "price=49000.00&timeInForce=GTC&newClientOrderId=demo-1&timestamp=1700000000000"


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        # Dialect 1.3: all in one part, and a query and a body, one directly after the other.
        (f"{QUERY}&{BODY}", "e3e8bc0c5a9303d4b6560d26f7e5b62d8a2c4e068a2c79dfb9e2ba97910e3e31"),
        (f"{QUERY}{BODY}", "3f3abe9f4151e62ad7484953f6830070efbdf70807c6030373c808c98c80348f"),
    ],
)
def test_signatures_are_those_of_the_dialect(text, signature):
    assert ApiKey("key", SECRET).sign(text) == signature


def test_the_signature_is_last_and_values_are_escaped():
    text = ApiKey("key", SECRET).signed({"a": "x y&z"}, timestamp_ms=5, recv_window_ms=6)
    assert text.startswith("a=x+y%26z&recvWindow=6&timestamp=5&signature=")


def test_the_secret_is_in_no_text():
    api_key = ApiKey("abcdefgh", SECRET)
    assert SECRET not in f"{api_key!r}{api_key}{[api_key]}"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(api_key)


@pytest.mark.parametrize(("key", "secret"), [("", "zzz"), ("k", ""), ("k k", "zzz"), ("k", "zzz\n"), ("ключ", "zzz")])
def test_what_no_header_can_carry_is_refused(key, secret):
    with pytest.raises(InvalidInput, match="must be one word of plain characters") as refused:
        ApiKey(key, secret)
    assert "zzz" not in str(refused.value)


# Hosts


def test_only_the_hosts_that_are_named_are_known():
    testnet = load_perpetual("testnet", env={})
    assert (testnet.rest_url, testnet.is_stream_guessed) == ("https://testnet.tegrofuture.com", True)
    with pytest.raises(InvalidInput, match="no host of the perpetual mainnet is known"):
        load_perpetual("mainnet", env={})
    with pytest.raises(InvalidInput, match="unknown environment 'moon'"):
        load_perpetual("moon", env={})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.8.8.8:1"])
def test_this_machine_needs_no_confirmation(url):
    load_perpetual("testnet", env={"TEGRO_PERPETUAL_TESTNET_REST_URL": url}).require_confirmed()


async def test_nothing_signed_leaves_for_a_host_that_was_not_confirmed():
    environment = load_perpetual("testnet", env={"TEGRO_PERPETUAL_TESTNET_REST_URL": "https://fapi.example"})
    async with AsyncPerpetual(environment, api_key=ApiKey("key", SECRET)) as client:
        for signed in (client.balances(), client.cancel("ETHUSDT", "x"), client.rest.open_listen_key()):
            with pytest.raises(SigningRefused, match=r"before you confirm that host: run 'tegro perp confirm"):
                await signed


def test_a_host_is_confirmed_once_and_another_one_is_not(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text('# mine\n[mainnet]\nchain = "base"\n')
    variables = {"TEGRO_PERPETUAL_TESTNET_REST_URL": "https://fapi.example:8443"}
    environment = load_perpetual("testnet", path, variables)
    confirm_host(path, environment)
    confirm_host(path, environment)
    text = path.read_text()
    assert text.startswith('# mine\n[mainnet]\nchain = "base"\n')
    assert text.count("confirmed_host") == 1
    load_perpetual("testnet", path, variables).require_confirmed()
    other = load_perpetual("testnet", path, {"TEGRO_PERPETUAL_TESTNET_REST_URL": "https://fapi.example:8444"})
    assert other.needs_confirmation


def test_a_wrong_key_in_the_file_is_named(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text('[perpetual.testnet]\nurl = "https://x"\n')
    with pytest.raises(InvalidInput, match=r"\[perpetual.testnet\] has an unknown key 'url'"):
        load_perpetual("testnet", path, {})
    path.write_text("[perpetual.moon]\n")
    with pytest.raises(InvalidInput, match=r"\[perpetual\] has an unknown key 'moon'"):
        load_perpetual("testnet", path, {})
