"""A stock Hummingbot process, the test's own wallet on the other side, and readers of the venue and the chain."""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from hexbytes import HexBytes
from web3 import Web3

from hummingbot_tegro.demo.reconciliation import ChainFill
from tegro.model import Side
from tegro_localnet.background import BackgroundLocalnet
from tegro_localnet.wallet import LocalWallet

HERE: Final = Path(__file__).parent
BOT: Final = "conf_bot"
PASSWORD: Final = "e2e-password"
FIRST_BALANCES: Final = {"WETH": Decimal(5), "WBTC": Decimal("0.5"), "USDC": Decimal(50_000)}

_CLIENT_CONFIG: Final = """\
instance_id: e2e
anonymized_metrics_mode: {}
paper_trade:
  paper_trade_exchanges: []
"""


class Bot:
    """One stock Hummingbot, in whichever layout, with our strategy on localnet."""

    def __init__(self, layout, home: Path, localnet: BackgroundLocalnet, wallet: LocalWallet, script: str) -> None:
        self._layout = layout
        self._script = script
        self._process: subprocess.Popen[str] | None = None
        self.home = home
        self.wallet = wallet
        self.done_file = home / "data" / "bot_is_done"
        self.database = home / "data" / f"{BOT}.sqlite"
        self.output = home.parent / f"{home.name}.out"
        self._env = layout.env | {"HBOT_PASSWORD": PASSWORD}
        if home != layout.cwd:
            self._env["HUMMINGBOT_TEGRO_HOME"] = str(home)
        self._write_files(localnet)

    def connect(self) -> None:
        """Store the keys, as `connect tegro_localnet` does, and let Hummingbot test them."""
        keys = {
            "tegro_localnet_api_key": self.wallet.checksum_address,
            "tegro_localnet_api_secret": self.wallet.key,
            "chain_name": "localnet",
        }
        self._command("connect", "tegro_localnet", "--keys-stdin", given=json.dumps(keys))
        tested = self._command("connect", "--password-stdin", given=PASSWORD)
        row = next(line.split("|") for line in tested.splitlines() if "tegro_localnet" in line)
        assert [cell.strip() for cell in row[2:5]] == ["yes", "yes", ""], tested

    def start(self) -> None:
        """Start the engine that `start` spawns."""
        command = [self._layout.python, "-m", "hummingbot.cli.engine", "--name", BOT, "--script-config", f"{BOT}.yml"]
        with self.output.open("a") as output:
            self._process = subprocess.Popen(
                command, cwd=self.home, env=self._env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True
            )

    def stop(self) -> int:
        """Stop it as `stop` does, and return its exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(60)

    def kill(self) -> None:
        """End it whatever it is doing."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)

    def require_alive(self) -> None:
        """Fail with its log if the process has ended."""
        if self._process is not None and self._process.poll() is not None:
            pytest.fail(f"Hummingbot ended by itself:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """Return the end of its log, to show when something went wrong."""
        texts = [self.output, *sorted((self.home / "logs").glob("*.log"))]
        return "\n".join(path.read_text(errors="replace")[-6000:] for path in texts if path.exists())

    def files_with(self, secret: str) -> list[Path]:
        """Return every file it wrote that contains a text, in any case."""
        wanted = secret.lower().encode()
        folders = [self.home / name for name in ("conf", "data", "logs", "scripts")]
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return [path for path in (*files, self.output) if wanted in path.read_bytes().lower()]

    def _command(self, *arguments: str, given: str) -> str:
        done = subprocess.run(
            [self._layout.python, "-m", "hummingbot.cli.main", *arguments],
            cwd=self.home,
            env=self._env,
            input=given,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert self.wallet.key[2:] not in done.stdout + done.stderr
        return done.stdout

    def _write_files(self, localnet: BackgroundLocalnet) -> None:
        (self.home / "conf" / "conf_client.yml").write_text(_CLIENT_CONFIG)
        (self.home / "conf" / "tegro.toml").write_text(
            f'[localnet]\nrest_url = "{localnet.rest_url}"\nrpc_url = "{localnet.rpc_url}"\n'
        )
        shutil.copy(HERE / self._script, self.home / "scripts")
        (self.home / "conf" / "scripts" / f"{BOT}.yml").write_text(
            f"script_file_name: {self._script}\ndone_file: {self.done_file}\ncontrollers_config: []\n"
        )


class ChainReader:
    """The chain as web3.py sees it: balances and the settlement contract's log."""

    _TOKEN: Final = [
        {
            "name": "balanceOf",
            "type": "function",
            "stateMutability": "view",
            "inputs": [{"name": "owner", "type": "address"}],
            "outputs": [{"name": "", "type": "uint256"}],
        }
    ]
    _EVENT: Final = [
        {
            "name": "TradeSettled",
            "type": "event",
            "anonymous": False,
            "inputs": [
                *({"name": name, "type": "address", "indexed": False} for name in ("baseToken", "quoteToken")),
                *(
                    {"name": name, "type": "uint256", "indexed": False}
                    for name in ("price", "totalQuantity", "totalPrice")
                ),
                *({"name": name, "type": "bytes32", "indexed": True} for name in ("buyOrderHash", "sellOrderHash")),
            ],
        }
    ]

    def __init__(self, localnet: BackgroundLocalnet) -> None:
        self._web3 = Web3(Web3.HTTPProvider(localnet.rpc_url))
        self._tokens = localnet.deployment.tokens
        self._exchange = Web3.to_checksum_address(localnet.deployment.exchange)

    def balances_wei(self, wallet: LocalWallet) -> dict[str, int]:
        """Return what a wallet holds of every token, in smallest units."""
        return {
            symbol: self._web3.eth.contract(Web3.to_checksum_address(address), abi=self._TOKEN)
            .functions.balanceOf(wallet.checksum_address)
            .call()
            for symbol, address in self._tokens.items()
        }

    def settlements(self) -> list[dict[str, object]]:
        """Return every TradeSettled event, its arguments and its transaction hash."""
        contract = self._web3.eth.contract(self._exchange, abi=self._EVENT)
        logs = contract.events.TradeSettled().get_logs(from_block=0)
        return [dict(log["args"]) | {"tx_hash": HexBytes(log["transactionHash"]).to_0x_hex()} for log in logs]

    def symbol(self, address: str) -> str:
        """Return a token's symbol."""
        return {token.lower(): symbol for symbol, token in self._tokens.items()}[address.lower()]


@pytest.fixture
def start_bot(localnet: BackgroundLocalnet, tmp_path: Path) -> Iterator[Callable[[object, Path], Bot]]:
    """Return a function that sets up a bot in a layout and a home folder; it is ended after the test."""
    bots: list[Bot] = []

    def make(layout, home: Path, script: str = "bot_script.py", wallet: LocalWallet | None = None) -> Bot:
        owner = localnet.new_wallet(FIRST_BALANCES, approve=False) if wallet is None else wallet
        bots.append(Bot(layout, home, localnet, owner, script))
        return bots[-1]

    yield make
    for bot in bots:
        bot.kill()


@pytest.fixture
def chain(localnet: BackgroundLocalnet) -> ChainReader:
    """Return a reader of the chain that shares no code with us."""
    return ChainReader(localnet)


@pytest.fixture(scope="session")
def terminal() -> ModuleType:
    """Return what drives the host's client on a pseudo terminal."""
    return _helper("terminal")


@pytest.fixture(scope="session")
def v2_house() -> ModuleType:
    """Return what plays the other side in the tests of V2 strategies."""
    return _helper("v2_house")


@pytest.fixture(scope="session")
def perpetual_house() -> ModuleType:
    """Return what plays the other side in the tests of perpetual bots, and compares their books."""
    return _helper("perpetual_house")


@pytest.fixture(scope="session")
def chain_fills() -> Callable[..., Iterator[ChainFill]]:
    """Return what reads the contract's settlements of some orders, given by their hashes."""
    return _chain_fills


def _chain_fills(chain: ChainReader, ours: set[str]) -> Iterator[ChainFill]:
    for event in chain.settlements():
        for name, side in (("buyOrderHash", Side.BUY), ("sellOrderHash", Side.SELL)):
            order_hash = "0x" + event[name].hex()
            if order_hash in ours:
                yield ChainFill(
                    order_hash=order_hash,
                    tx_hash=event["tx_hash"],
                    pair=f"{chain.symbol(event['baseToken'])}-{chain.symbol(event['quoteToken'])}",
                    side=side,
                    price_e18=event["price"],
                    quantity_wei=event["totalQuantity"],
                    quote_wei=event["totalPrice"],
                )


def _helper(name: str) -> ModuleType:
    """Load a module of this folder; tests cannot import one another."""
    spec = importlib.util.spec_from_file_location(f"e2e_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
