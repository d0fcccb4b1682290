"""A person at the stock client: `connect` with every mistake, then a bot from its start to its stop.

One client serves the whole session, as in life, and because its start takes seconds.
"""

import asyncio
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from eth_account import Account

from hummingbot_tegro.demo.readers import host_fills
from tegro.client import AsyncTegro
from tegro.model import Order, OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Environment, Settings
from tegro.signer import LocalSigner
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.config import LocalnetConfig
from tegro_localnet.wallet import LocalWallet

pytestmark = pytest.mark.timeout(240)

TEGRO = ("-c", "from tegro.cli.main import main; main()", "hummingbot")
PASSWORD = "terminal-password"

ADDRESS = "Enter your Public Wallet Address >>> "
KEY = "Enter your Private Wallet Address >>> "
CHAIN = "Enter your preferred chain  >>> "


class Session:
    """A client that was just started in a new home folder, and the two venues it may be pointed at."""

    def __init__(self, terminal, layout, bot, localnet: BackgroundLocalnet, base: BackgroundLocalnet) -> None:
        self.terminal = terminal
        self.bot = bot
        self.home: Path = bot.home
        self.localnet = localnet
        self.base = base
        self.base_wallet = base.new_wallet({"WETH": Decimal(3), "USDC": Decimal(7_000)}, approve=False)
        self.stranger = LocalWallet(os.urandom(32))
        self.hidden_keys: set[str] = set()
        self.misplaced_key = LocalWallet(os.urandom(32)).key
        self.point_at()
        command = [layout.python, *TEGRO, "tui", "--home", self.home]
        self.client = terminal.HostClient(command, layout.cwd, layout.env)

    def point_at(self, localnet_url: str | None = None) -> None:
        """Let the settings name a host for `tegro_localnet`, and the venue on chain 8453 for `tegro`."""
        (self.home / "conf" / "tegro.toml").write_text(
            f'[localnet]\nrest_url = "{localnet_url or self.localnet.rest_url}"\nrpc_url = "{self.localnet.rpc_url}"\n'
            f'[mainnet]\nrest_url = "{self.base.rest_url}"\nrpc_url = "{self.base.rpc_url}"\n'
        )

    def answer_address(self, text: str) -> None:
        """Answer the first question."""
        self.client.answer(ADDRESS, text)

    def answer_key(self, text: str) -> None:
        """Answer the second question, which shows stars."""
        self.hidden_keys.add(text)
        self.client.answer(KEY, text, is_hidden=True)

    def answer_chain(self, text: str) -> None:
        """Answer the third question."""
        self.client.answer(CHAIN, text)

    def answer_all(self, wallet: LocalWallet, chain: str) -> None:
        """Answer the three questions well."""
        self.answer_address(wallet.checksum_address)
        self.answer_key(wallet.key)
        self.answer_chain(chain)

    def key_file(self, domain: str) -> Path:
        """Return where Hummingbot keeps a connector's keys."""
        return self.home / "conf" / "connectors" / f"{domain}.yml"

    def key_files(self) -> list[str]:
        """Return the names of what is in that folder."""
        return sorted(path.name for path in (self.home / "conf" / "connectors").iterdir())


@pytest.fixture(scope="module")
def base() -> Iterator[BackgroundLocalnet]:
    """Yield a venue that stands in for the real one, on its chain id."""
    config = LocalnetConfig(port=0, rpc_port=0, agents=False, settlement_interval_ms=50, chain_id=8453)
    with BackgroundLocalnet(config) as running:
        yield running


@pytest.fixture
def session(terminal, installed_layout, tmp_path, start_bot, localnet, base) -> Iterator[Session]:
    """Yield a session whose client asks for its first password."""
    home = tmp_path / "home"
    made = installed_layout.run(*TEGRO, "init", home)
    assert made.returncode == 0, made.stderr
    session = Session(terminal, installed_layout, start_bot(installed_layout, home), localnet, base)
    yield session
    session.client.close()


def test_a_session_at_the_stock_client(session, tmp_path):
    session.client.set_first_password(PASSWORD)

    an_unusable_host_is_named_and_leaves_nothing(session)
    a_wrong_address_can_be_left(session)
    every_bad_answer_is_asked_again(session)
    a_failed_replacement_keeps_the_old_key(session)
    the_venue_on_chain_8453_connects_as_tegro(session)
    balances_are_shown(session)
    a_bot_runs_until_it_is_stopped(session)

    session.client.command("exit")
    assert session.client.exit_code() == 0
    no_key_was_shown_or_written(session, tmp_path)


def an_unusable_host_is_named_and_leaves_nothing(session: Session) -> None:
    cases: list[tuple[AbstractContextManager[str], str]] = [
        (closed_port(), "no connection to {host}: Connection refused; is {host} the right address?"),
        (answering(404, "text/html", "<html>none</html>"), "what answers there is no Tegro (HTTP 404 to the list"),
        (answering(200, "text/html", "<html>hello</html>"), "what answers there is no Tegro (GET v1/exchange/chain"),
        (answering(200, "application/json", '{"ok": true}'), "what answers there is no Tegro (GET v1/exchange/chain"),
        (answering(200, "application/json", "[1, 2]"), "does not list chain 31337 (localnet); it lists none"),
        (another_venue(session.base), "does not list chain 31337 (localnet); it lists base (8453)"),
        (silent(), "no whole answer within 20 seconds; is {host} the right address?"),
    ]
    for serving, sentence in cases:
        with serving as host:
            session.point_at(host)
            session.client.command("connect tegro_localnet")
            session.answer_all(session.bot.wallet, "localnet")
            session.client.wait_for_reply("Error: ")
            session.client.wait_for_reply(sentence.format(host=host))
            session.client.wait_for_reply(host)
        assert session.key_files() == []
    session.point_at()


def a_wrong_address_can_be_left(session: Session) -> None:
    session.client.command("connect tegro_localnet")
    session.answer_address(session.stranger.checksum_address)
    session.answer_key(session.bot.wallet.key)
    session.client.wait_for_reply(f"belongs to the wallet {session.bot.wallet.checksum_address}, not to")
    session.client.press(session.terminal.CTRL_X)
    session.client.wait_for_prompt(">>>")
    assert session.key_files() == []


def every_bad_answer_is_asked_again(session: Session) -> None:
    wallet = session.bot.wallet
    session.client.command("connect tegro_localnet")
    for address, sentence in (
        ("0x12", "an address is 0x and 40 hex digits, was '0x12'"),
        (session.misplaced_key, "this is too long for a wallet address (it is not shown here"),
        (wallet.checksum_address.swapcase().replace("0X", "0x"), "is not its checksum; check it for a typing error"),
    ):
        session.answer_address(address)
        session.client.wait_for_reply(sentence)
    session.answer_address(wallet.checksum_address)
    no_key = (
        "a private key is 64 hex digits, with or without 0x before them, and as a number above zero and below "
        "the order of the curve secp256k1; the given text is not (it is not shown here)"
    )
    for key, sentence, times in (
        (wallet.key[:-1], no_key, 1),
        (wallet.key[:-1] + "g", no_key, 2),
        (session.stranger.key, f"belongs to the wallet {session.stranger.checksum_address}, not to", 1),
    ):
        session.answer_key(key)
        session.client.wait_for_reply(sentence, times=times)
    session.answer_key(wallet.key)
    for chain in ("polygon", "local"):
        session.answer_chain(chain)
        session.client.wait_for_reply(f"localnet has no chain '{chain}'; choose one of localnet")
    assert session.key_files() == []
    session.answer_chain("LocalNet")
    session.client.wait_for_reply("You are now connected to tegro_localnet.")
    assert session.key_files() == ["tegro_localnet.yml"]
    assert stored_key(session.key_file("tegro_localnet"), "tegro_localnet_api_secret") == wallet.key


def a_failed_replacement_keeps_the_old_key(session: Session) -> None:
    with closed_port() as host:
        session.point_at(host)
        session.client.command("connect tegro_localnet")
        replace = (
            f"Would you like to replace your existing tegro_localnet API key {session.bot.wallet.checksum_address}"
        )
        session.client.answer(f"{replace} (Yes/No)? >>> ", "Yes")
        session.answer_all(session.stranger, "localnet")
        session.client.wait_for_reply(f"Error: no connection to {host}")
    session.point_at()
    kept = stored_key(session.key_file("tegro_localnet"), "tegro_localnet_api_secret")
    assert kept == session.bot.wallet.key


def the_venue_on_chain_8453_connects_as_tegro(session: Session) -> None:
    session.client.command("connect tegro")
    session.answer_all(session.base_wallet, "base")
    session.client.wait_for_reply("You are now connected to tegro.")
    assert stored_key(session.key_file("tegro"), "tegro_api_secret") == session.base_wallet.key


def balances_are_shown(session: Session) -> None:
    session.client.command("balance")
    session.client.wait_for_reply("Exchanges Total")
    shown = session.client.reply()
    tegro, localnet = shown[shown.index("tegro:") :].split("tegro_localnet:")
    assert "3.0000" in row_of(tegro, "WETH")
    assert "7000.0000" in row_of(tegro, "USDC")
    assert "5.0000" in row_of(localnet, "WETH")
    assert "0.5000" in row_of(localnet, "WBTC")
    assert "50000.0000" in row_of(localnet, "USDC")


def a_bot_runs_until_it_is_stopped(session: Session) -> None:
    client, bot = session.client, session.bot
    client.command("start --v2 conf_bot.yml")
    client.wait_for_reply("Strategy 'bot_script' started successfully.")
    until(lambda: len(asyncio.run(open_orders(session.localnet, bot.wallet))) == 2)
    asyncio.run(buy(session.localnet, Decimal(3030), Decimal("0.05")))
    until(lambda: bot.database.exists() and host_fills(bot.database))

    client.command("status")
    client.wait_for_reply("WETH-USDC")
    client.command("history")
    client.wait_for_reply("tegro_localnet / WETH-USDC")
    client.wait_for_reply("Number of trades 0 1 1")
    client.command("stop")
    client.wait_for_reply("Winding down...")
    client.wait_for_screen("Strategy: None")
    until(lambda: not asyncio.run(open_orders(session.localnet, bot.wallet)))


def no_key_was_shown_or_written(session: Session, folder: Path) -> None:
    wallets = (session.bot.wallet, session.stranger, session.base_wallet)
    assert {wallet.key for wallet in wallets} < session.hidden_keys
    screen = "\n".join(session.client.rows_seen).lower()
    # A row may break a key anywhere, so any stretch of it counts.
    shown = {part for key in session.hidden_keys for part in stretches(key) if part in screen}
    assert not shown
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}
    texts = {key.removeprefix("0x").lower().encode() for key in (*session.hidden_keys, session.misplaced_key)}
    numbers = {wallet.key_bytes for wallet in wallets}
    written = [path for path, content in files.items() if holds(content.lower(), texts) or holds(content, numbers)]
    assert not written

    address = session.bot.wallet.address
    assert any(part in screen for part in stretches(address)), "the search finds what was on the screen"
    assert any(holds(content.lower(), {address.encode()}) for content in files.values()), "and what is in a file"


def stretches(number: str) -> list[str]:
    digits = number.removeprefix("0x").lower()
    return [digits[begin : begin + 12] for begin in range(len(digits) - 11)]


def holds(content: bytes, secrets: set[bytes]) -> bool:
    return any(secret in content for secret in secrets)


def stored_key(path: Path, name: str) -> str:
    """Read a key from Hummingbot's file with the password alone, by eth-account."""
    stored = yaml.safe_load(path.read_text())[name]
    return Account.decrypt(json.loads(bytes.fromhex(stored)), PASSWORD).decode()


def row_of(table: str, asset: str) -> list[str]:
    return next(cells for cells in map(str.split, table.splitlines()) if cells[:1] == [asset])


def until(condition: Callable[[], object], secs: float = 60) -> None:
    """Wait until something is so that no event of this process tells."""
    deadline = time.monotonic() + secs
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


async def buy(localnet: BackgroundLocalnet, price: Decimal, quantity: Decimal) -> None:
    wallet = localnet.new_wallet({"USDC": Decimal(10_000)})
    async with AsyncTegro(environment_of(localnet), signer=LocalSigner(wallet.key)) as tegro:
        market = await tegro.market("WETH_USDC")
        request = OrderRequest(market=market, side=Side.BUY, price=price, quantity=quantity)
        assert isinstance(await tegro.place(request), Accepted)


async def open_orders(localnet: BackgroundLocalnet, wallet: LocalWallet) -> list[Order]:
    async with AsyncTegro(environment_of(localnet)) as tegro:
        return await tegro.orders(wallet.address, statuses=("active",))


def environment_of(localnet: BackgroundLocalnet) -> Environment:
    return Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")


@contextmanager
def answering(status: int, content_type: str, text: str) -> Iterator[str]:
    """Serve one answer to everything; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def another_venue(localnet: BackgroundLocalnet) -> Iterator[str]:
    """Yield the address of a venue on another chain."""
    yield localnet.rest_url


@contextmanager
def closed_port() -> Iterator[str]:
    """Yield an address at which nothing listens: the port is taken, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def silent() -> Iterator[str]:
    """Yield the address of a host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
