"""A person at the stock client who connects the paper exchange, with live keys in the folder."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig

pytestmark = pytest.mark.timeout(240)

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot")
PASSWORD = "terminal-password"


@pytest.fixture(scope="module")
def base() -> Iterator[BackgroundLocalnet]:
    """Yield a venue that stands in for the real one, on its chain id."""
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, chain_id=8453)
    with BackgroundLocalnet(config) as running:
        yield running


@pytest.fixture
def home(installed_layout, tmp_path, base) -> Path:
    """Return a new home folder whose `tegro` is that venue."""
    path = tmp_path / "home"
    made = installed_layout.run(*TEGRO, "init", path)
    assert made.returncode == 0, made.stderr
    (path / "conf" / "tegro.toml").write_text(f'[mainnet]\nrest_url = "{base.rest_url}"\n')
    (path / "conf" / "conf_client.yml").write_text(
        "instance_id: e2e\nanonymized_metrics_mode: {}\npaper_trade:\n  paper_trade_exchanges: []\n"
    )
    return path


@pytest.fixture
def client(terminal, installed_layout, home) -> Iterator:
    """Yield the client, which asks for its first password."""
    client = terminal.HostClient(
        [installed_layout.python, *TEGRO, "tui", "--home", home], installed_layout.cwd, installed_layout.env
    )
    yield client
    client.close()


def test_the_paper_exchange_is_connected_beside_the_live_keys(client, home, base):
    client.set_first_password(PASSWORD)
    wallet = base.new_wallet({"WETH": Decimal(3)}, approve=False)
    client.command("connect tegro")
    client.answer("Enter your Public Wallet Address >>> ", wallet.checksum_address)
    client.answer("Enter your Private Wallet Address >>> ", wallet.key, is_hidden=True)
    client.answer("Enter your preferred chain  >>> ", "base")
    client.wait_for_reply("You are now connected to tegro.")
    keys = home / "conf" / "connectors" / "tegro.yml"
    before, touched = keys.read_bytes(), keys.stat()

    client.command("connect tegro_paper_trade")
    client.wait_for_reply("You are now connected to tegro_paper_trade.")
    assert paper(home)["paper_trade_exchanges"] == ["tegro"]
    client.command("connect tegro_paper_trade")
    client.wait_for_reply("You are now connected to tegro_paper_trade.")
    assert not re.search("Enter your|Would you like to replace", client.reply())
    assert paper(home)["paper_trade_exchanges"] == ["tegro"]
    client.command("balance paper WETH 7")
    client.wait_for_reply("Paper balance for WETH token set to 7.0")
    assert paper(home)["paper_trade_account_balance"]["WETH"] == 7

    (home / "conf" / "tegro.toml").write_text('[mainnet]\nrest_url = "http://127.0.0.1:9"\n')
    client.command("connect tegro_paper_trade")
    client.wait_for_reply("Error: no connection to http://127.0.0.1:9")
    client.command("exit")
    assert client.exit_code() == 0

    now = keys.stat()
    assert keys.read_bytes() == before
    assert (now.st_mtime_ns, now.st_ino) == (touched.st_mtime_ns, touched.st_ino)
    assert [path.name for path in keys.parent.iterdir()] == ["tegro.yml"]


def paper(home: Path) -> dict:
    return yaml.safe_load((home / "conf" / "conf_client.yml").read_text())["paper_trade"]


def test_the_command_line_connects_it_too_and_still_says_what_it_does_not_know(installed_layout, home, base):
    def command(*arguments: str):
        return installed_layout.run("-m", "hummingbot.cli.main", *arguments, HUMMINGBOT_TEGRO_HOME=str(home))

    connected = command("connect", "tegro_paper_trade")
    assert connected.returncode == 0, connected.stderr
    assert connected.stdout.splitlines() == [
        "tegro is now one of paper_trade_exchanges in conf_client.yml.",
        "You are now connected to tegro_paper_trade.",
    ]
    assert paper(home)["paper_trade_exchanges"] == ["tegro"]
    assert list((home / "conf" / "connectors").iterdir()) == []
    (home / "conf" / "tegro.toml").write_text('[mainnet]\nrest_url = "http://127.0.0.1:9"\n')
    refused = command("connect", "tegro_paper_trade")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no connection to http://127.0.0.1:9" in refused.stderr
    unknown = command("connect", "binance_paper_trade")
    assert unknown.returncode == 4
    assert "unknown connector 'binance_paper_trade'" in unknown.stderr
    assert "--keys-stdin" in command("connect", "--help").stdout
