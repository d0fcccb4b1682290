"""A person at the stock client who connects the perpetual connector."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.timeout(240)

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot")
PASSWORD = "terminal-password"
UNREACHABLE = "http://192.0.2.1"
"""An address that documentation may use and nobody has."""


@pytest.fixture
def home(installed_layout, tmp_path) -> Path:
    """Return a new home folder."""
    path = tmp_path / "home"
    made = installed_layout.run(*TEGRO, "init", path)
    assert made.returncode == 0, made.stderr
    return path


@pytest.fixture
def client(terminal, installed_layout, home) -> Iterator:
    """Yield the client, which asks for its first password."""
    command = [installed_layout.python, *TEGRO, "tui", "--home", home]
    client = terminal.HostClient(command, installed_layout.cwd, installed_layout.env)
    yield client
    client.close()


def point_testnet_at(home: Path, url: str) -> None:
    (home / "conf" / "tegro.toml").write_text(f'[perpetual.testnet]\nrest_url = "{url}"\n')


def answer_both(client, words: str, key: str, secret: str) -> None:
    client.answer(f"Enter your {words} API key >>> ", key, is_hidden=True)
    client.answer(f"Enter your {words} API secret >>> ", secret, is_hidden=True)


def test_the_perpetual_testnet_is_connected_with_key_and_secret(client, home, localnet):
    opened = httpx.post(f"{localnet.rest_url}/localnet/perpetual/api-keys", json={"deposit": "1000"}).json()
    key, secret = opened["apiKey"], opened["apiSecret"]
    keys = home / "conf" / "connectors"
    client.set_first_password(PASSWORD)

    client.command("connect tegro_perpetual")
    answer_both(client, "Tegro Perpetual", key, secret)
    client.wait_for_reply("Error: no host of the perpetual mainnet is known: set rest_url in [perpetual.mainnet]")

    point_testnet_at(home, UNREACHABLE)
    client.command("connect tegro_perpetual_testnet")
    answer_both(client, "Tegro Perpetual testnet", key, secret)
    # Had a request been tried, this would be about a connection.
    client.wait_for_reply(
        "Error: nothing signed goes to 192.0.2.1 before you confirm that host: run 'tegro perp confirm"
    )

    point_testnet_at(home, localnet.rest_url)
    client.command("connect tegro_perpetual_testnet")
    answer_both(client, "Tegro Perpetual testnet", key, "x" * len(secret))
    client.wait_for_reply("does not take this API key and secret: Signature for this request is not valid.")
    assert list(keys.iterdir()) == []

    client.command("connect tegro_perpetual_testnet")
    answer_both(client, "Tegro Perpetual testnet", key, secret)
    client.wait_for_reply("You are now connected to tegro_perpetual_testnet.")
    assert [path.name for path in keys.iterdir()] == ["tegro_perpetual_testnet.yml"]
    assert secret not in (keys / "tegro_perpetual_testnet.yml").read_text()
    client.command("exit")
    assert client.exit_code() == 0
