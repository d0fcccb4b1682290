"""Settings: defaults, file, environment variables, and the sentences for what is wrong."""

from decimal import Decimal
from pathlib import Path

import pytest

from tegro.errors import InvalidInput
from tegro.model import Token
from tegro.settings import ENVIRONMENTS, Settings, chain_names, normalise_chain, save_chain

USDC = Token(address="0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", symbol="USDC", decimals=6)


def load(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "tegro.toml"
    path.write_text(text)
    return Settings.load(path, env or {})


@pytest.mark.parametrize(
    ("name", "chain", "chain_id", "host", "rpc_url"),
    [
        ("mainnet", "base", 8453, "s://api.tegro.com", "https://mainnet.base.org"),
        ("testnet", "base", 84532, "s://api.testnet.tegro.com", "https://sepolia.base.org"),
        ("testnet", "polygon", 80002, "s://api.testnet.tegro.com", "https://rpc-amoy.polygon.technology"),
        ("testnet", "optimism", 11155420, "s://api.testnet.tegro.com", "https://sepolia.optimism.io"),
        ("localnet", "localnet", 31337, "://127.0.0.1:8780", "http://127.0.0.1:8781"),
    ],
)
def test_the_defaults_are_those_of_protocol_2(name, chain, chain_id, host, rpc_url):
    environment = Settings.load(None, {}).environment(name, chain)
    assert (environment.chain_id, environment.rpc_url) == (chain_id, rpc_url)
    assert environment.rest_url == f"http{host}"
    assert environment.stream_url == f"ws{host}/api/v1/events/ws"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_first_chain_of_an_environment_is_its_default(name):
    assert Settings.load(None, {}).environment(name).chain == chain_names(name)[0]


def test_a_missing_file_means_the_defaults(tmp_path):
    assert Settings.load(tmp_path / "none.toml", {}).environment("mainnet").chain_id == 8453


def test_the_file_is_read_and_variables_win_over_it(tmp_path):
    settings = load(
        tmp_path,
        '[testnet]\nchain = "polygon"\nrest_url = "http://127.0.0.1:1"\nrpc_url = "http://127.0.0.1:2"\n',
        {"TEGRO_TESTNET_RPC_URL": "http://127.0.0.1:3", "TEGRO_TESTNET_STREAM_URL": "ws://127.0.0.1:4/x"},
    )
    environment = settings.environment("testnet")
    assert (environment.chain_id, environment.rest_url) == (80002, "http://127.0.0.1:1")
    assert (environment.rpc_url, environment.stream_url) == ("http://127.0.0.1:3", "ws://127.0.0.1:4/x")
    assert settings.environment("testnet", "Optimism").chain_id == 11155420


def test_the_stream_follows_the_rest_host_so_that_orders_and_events_come_from_one_venue(tmp_path):
    environment = load(tmp_path, '[mainnet]\nrest_url = "https://example.test/"').environment("mainnet")
    assert environment.stream_url == "wss://example.test/api/v1/events/ws"


def test_another_venue_gets_no_public_node_because_its_chain_may_share_the_id(tmp_path):
    assert load(tmp_path, '[mainnet]\nrest_url = "http://127.0.0.1:8780"').environment("mainnet").rpc_url is None


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "http://h:1/api", "http://h:1/api/"])
def test_the_rest_url_is_taken_with_and_without_api(tmp_path, url):
    assert load(tmp_path, f'[localnet]\nrest_url = "{url}"').environment("localnet").rest_url == "http://h:1"


@pytest.mark.parametrize("text", ["b", "as", "", " ", "bas", "base,polygon", "polygon"])
def test_defect_45_only_the_whole_name_of_a_chain_passes(text):
    with pytest.raises(InvalidInput, match=r"mainnet has no chain .*choose one of base"):
        normalise_chain("mainnet", text)


@pytest.mark.parametrize("text", ["Base", "BASE", " base "])
def test_defect_46_a_chain_is_stored_as_it_was_compared(tmp_path, text):
    assert normalise_chain("mainnet", text) == "base"
    path = tmp_path / "tegro.toml"
    save_chain(path, "mainnet", text)
    assert Settings.load(path, {}).environment("mainnet").chain == "base"


def test_defect_47_an_unknown_environment_is_refused_and_mainnet_honours_its_setting(tmp_path):
    with pytest.raises(InvalidInput, match="unknown environment 'tegro_testnet'"):
        Settings.load(None, {}).environment("tegro_testnet")
    with pytest.raises(InvalidInput, match=r"\[mainnet\] chain: mainnet has no chain 'polygon'"):
        load(tmp_path, '[mainnet]\nchain = "polygon"')


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[mainet]\n", r"unknown table \[mainet\]"),
        ("[mainnet]\nrest = 1\n", "unknown key 'rest'"),
        ("mainnet = 1\n", r"\[mainnet\] must be a table"),
        ("[mainnet]\nrest_url = 1\n", "rest_url must be a text"),
        ('[mainnet]\nrest_url = "ftp://x"\n', "rest_url must be an address like http"),
        ('[mainnet]\nrest_url = "https://"\n', "rest_url must be an address like http"),
        ('[mainnet]\nrest_url = "https://x:99999"\n', "rest_url must be an address like http"),
        ('[mainnet]\nstream_url = "https://x"\n', "stream_url must be an address like ws"),
        ("[mainnet.approvals]\nUSDC = 1.5\n", "USDC must be an amount in quotes"),
        ('[mainnet.approvals]\nUSDC = "-1"\n', "USDC must be an amount in quotes"),
        ('[mainnet.approvals]\nUSDC = "lots"\n', "USDC must be an amount in quotes"),
        ("[mainnet.approvals]\nUSDC = true\n", "USDC must be an amount in quotes"),
        ('[mainnet.headers]\nX = "a\\nb"\n', "X must be a text in quotes, on one line"),
        ("[mainnet\n", "cannot be read"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_file_and_key(tmp_path, text, sentence):
    with pytest.raises(InvalidInput, match=sentence) as caught:
        load(tmp_path, text)
    assert "tegro.toml" in str(caught.value)


def test_a_mistake_in_a_variable_is_named_by_the_variable():
    with pytest.raises(InvalidInput, match="TEGRO_LOCALNET_REST_URL must be an address"):
        Settings.load(None, {"TEGRO_LOCALNET_REST_URL": "nonsense"})


def test_the_access_key_in_a_node_address_is_never_repeated(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        Settings.load(None, {"TEGRO_MAINNET_RPC_URL": "node.example/secret-key"})
    assert "secret-key" not in str(caught.value)
    settings = Settings.load(None, {"TEGRO_MAINNET_RPC_URL": "https://node.example/secret-key"})
    environment = settings.environment("mainnet")
    assert "secret-key" not in f"{environment!r} {environment} {settings!r}"


def test_caps_are_exact_and_an_address_wins_over_a_symbol(tmp_path):
    text = f'[mainnet.approvals]\nUSDC = "1000.000001"\nWETH = 2\n"{USDC.address.upper().replace("0X", "0x")}" = "7"\n'
    environment = load(tmp_path, text).environment("mainnet")
    weth = Token(address="0x" + "42" * 20, symbol="WETH", decimals=18)
    assert environment.approvals["USDC"] == Decimal("1000.000001")
    assert environment.approval_cap_wei(weth) == 2 * 10**18
    assert environment.approval_cap_wei(USDC) == 7_000_000
    assert environment.approval_cap_wei(Token(address="0x" + "43" * 20, symbol="DEGEN", decimals=18)) is None


def test_a_cap_finer_than_the_token_is_refused(tmp_path):
    environment = load(tmp_path, '[mainnet.approvals]\nUSDC = "0.0000001"\n').environment("mainnet")
    with pytest.raises(InvalidInput, match="USDC may have at most 6 decimals"):
        environment.approval_cap_wei(USDC)


def test_saving_the_chain_keeps_comments_and_everything_else(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text('# mine\n[testnet]  # the test one\nrpc_url = "http://127.0.0.1:1"  # my node\n')
    save_chain(path, "testnet", "Polygon")
    text = path.read_text()
    assert "# mine" in text
    assert "# my node" in text
    assert "# the test one" in text
    environment = Settings.load(path, {}).environment("testnet")
    assert (environment.chain, environment.rpc_url) == ("polygon", "http://127.0.0.1:1")
    assert [each.name for each in tmp_path.iterdir()] == ["tegro.toml"]


def test_saving_the_chain_makes_file_and_folder_and_may_be_repeated(tmp_path):
    path = tmp_path / "conf" / "tegro.toml"
    for chain in ("polygon", "optimism", "optimism"):
        save_chain(path, "testnet", chain)
    assert Settings.load(path, {}).environment("testnet").chain == "optimism"


def test_a_broken_file_is_not_overwritten_by_saving(tmp_path):
    path = tmp_path / "tegro.toml"
    path.write_text("[broken")
    with pytest.raises(InvalidInput, match="cannot be read"):
        save_chain(path, "testnet", "base")
    assert path.read_text() == "[broken"
