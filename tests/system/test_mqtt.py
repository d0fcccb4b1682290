"""A stock Hummingbot under command of a real broker (mosquitto), trading on our connector.

The program is the one that the official image starts, `hummingbot_quickstart.py`, with the variables that the image
takes. The broker has the settings of `docker/mosquitto`. Requests are made as hummingbot-api makes them.
"""

import asyncio
import itertools
import json
import shutil
import socket
import subprocess
import sysconfig
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from shutil import which

import aiomqtt
import pytest

from tegro.client import AsyncTegro
from tegro.model import OrderRequest, Side
from tegro.outcome import Accepted
from tegro.settings import Settings
from tegro.signer import LocalSigner

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

HERE = Path(__file__).parent
BROKER_SETTINGS = HERE.parents[1] / "docker" / "mosquitto" / "mosquitto.conf"
BOT = "mqttbot"
CONFIG = "conf_quoting.yml"
PASSWORD = "bot-password"
BROKER_USER, BROKER_PASSWORD = "hummingbot", "broker-password"

# What the image has beside its program and the package of PyPI lacks. Without a terminal only the last one is used.
IMAGE_FILES = {
    "hummingbot.py": "class UIStartListener: ...\ndef detect_available_port(first): return first\n",
    "ptpython/repl.py": "def embed(): ...\n",
    "path_util.py": "import sys, pathlib; sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))\n",
}


def program(name):
    found = which(name) or which(name, path="/usr/sbin:/usr/bin")
    assert found, f"{name} is missing: run scripts/system-tools"
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A mosquitto with the settings of the compose file, on a free port."""

    def __init__(self, folder):
        self.port = free_port()
        passwords = folder / "passwords"
        subprocess.run(
            [program("mosquitto_passwd"), "-c", "-b", passwords, BROKER_USER, BROKER_PASSWORD],
            check=True,
            capture_output=True,
        )
        text = BROKER_SETTINGS.read_text()
        for shipped, here in (
            ("listener 1883", f"listener {self.port} 127.0.0.1"),
            ("/mosquitto/config/passwords", str(passwords)),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        self._settings = folder / "mosquitto.conf"
        # Started by root, it would become a user who may not read this folder.
        self._settings.write_text(f"{text}user root\n")
        self._process = None

    def start(self):
        command = [program("mosquitto"), "-c", self._settings]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "mosquitto ended at its start"
                assert time.monotonic() < deadline, "mosquitto does not listen"
            else:
                return

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None


class Commander:
    """Sends commands to the bot, and keeps what it publishes."""

    def __init__(self, client):
        self._client = client
        self._numbers = itertools.count(1)
        self._replies = {}
        self._published = {}

    async def listen(self):
        async for message in self._client.messages:
            topic, payload = str(message.topic), json.loads(message.payload)
            if topic in self._replies:
                self._replies[topic].set_result(payload["data"])
            self._published.setdefault(topic, []).append(payload)

    async def command(self, name, **data):
        """Send a command and return the reply's data."""
        reply_to = f"hummingbot-api/response/{next(self._numbers)}"
        reply = self._replies[reply_to] = asyncio.get_running_loop().create_future()
        request = {"header": {"reply_to": reply_to, "agent": "hummingbot-api"}, "data": data}
        await self._client.publish(f"hbot/{BOT}/{name}", json.dumps(request), qos=1)
        async with asyncio.timeout(40):
            return await reply

    async def published_on(self, channel, kind=None):
        """Return the first thing that the bot has published on a channel, of one type; None if nothing."""
        payloads = self._published.get(f"hbot/{BOT}/{channel}", [])
        return next((payload for payload in payloads if kind in (None, payload.get("type"))), None)


@asynccontextmanager
async def commanding(broker):
    """Connect as hummingbot-api does."""
    client = aiomqtt.Client("127.0.0.1", broker.port, username=BROKER_USER, password=BROKER_PASSWORD)
    async with client:
        for topic in (f"hbot/{BOT}/#", "hummingbot-api/response/+"):
            await client.subscribe(topic, qos=1)
        commander = Commander(client)
        listening = asyncio.create_task(commander.listen())
        yield commander
        listening.cancel()


@pytest.fixture
def broker(tmp_path):
    folder = tmp_path / "broker"
    folder.mkdir()
    made = Broker(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def commander(broker):
    async with commanding(broker) as made:
        yield made


@pytest.fixture
async def other(localnet):
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    wallet = localnet.new_wallet({"WETH": Decimal(2), "USDC": Decimal(2_000)})
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        yield client


def write_files(clone, localnet, broker):
    (clone / "conf" / "conf_client.yml").write_text(
        f"instance_id: {BOT}\nanonymized_metrics_mode: {{}}\npaper_trade:\n  paper_trade_exchanges: []\n"
        f"mqtt_bridge:\n  mqtt_host: 127.0.0.1\n  mqtt_port: {broker.port}\n"
        f"  mqtt_username: {BROKER_USER}\n  mqtt_password: {BROKER_PASSWORD}\n"
    )
    (clone / "conf" / "tegro.toml").write_text(
        f'[localnet]\nrest_url = "{localnet.rest_url}"\nrpc_url = "{localnet.rpc_url}"\n'
    )
    (clone / "conf" / "scripts" / CONFIG).write_text("script_file_name: quoting_script.py\ncontrollers_config: []\n")
    shutil.copy(HERE / "quoting_script.py", clone / "scripts")
    (clone / "bin" / "ptpython").mkdir(parents=True)
    for name, text in IMAGE_FILES.items():
        (clone / "bin" / name).write_text(text)
    shutil.copy(Path(sysconfig.get_paths()["scripts"]) / "hummingbot_quickstart.py", clone / "bin")


class Bot:
    """The image's program, without a terminal."""

    def __init__(self, layout, wallet):
        self._layout = layout
        self.wallet = wallet
        self._output = layout.cwd / "logs" / "program.out"
        self._process = None

    def connect(self):
        keys = {
            "tegro_localnet_api_key": self.wallet.checksum_address,
            "tegro_localnet_api_secret": self.wallet.key,
            "chain_name": "localnet",
        }
        done = subprocess.run(
            [self._layout.python, "-m", "hummingbot.cli.main", "connect", "tegro_localnet", "--keys-stdin"],
            cwd=self._layout.cwd,
            env=self._layout.env | {"HBOT_PASSWORD": PASSWORD},
            input=json.dumps(keys),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        variables = {"CONFIG_PASSWORD": PASSWORD, "SCRIPT_CONFIG": CONFIG, "HEADLESS_MODE": "true"}
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [self._layout.python, "bin/hummingbot_quickstart.py"],
                cwd=self._layout.cwd,
                env=self._layout.env | variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def kill(self):
        self._process.kill()
        self._process.wait(20)

    async def until(self, condition, what, secs=90):
        """Wait until a coroutine function returns something true, and return that; else fail with the bot's log."""
        deadline = time.monotonic() + secs
        while not (found := await condition()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                logs = [self._output, *sorted((self._layout.cwd / "logs").glob("*.log"))]
                tails = "\n".join(path.read_text(errors="replace")[-4000:] for path in logs)
                pytest.fail(f"{what}: not so, and the bot has said:\n{tails}")
            await asyncio.sleep(0.1)
        return found


@pytest.fixture
async def bot(source_layout, localnet, broker):
    write_files(source_layout.cwd, localnet, broker)
    wallet = localnet.new_wallet({"WETH": Decimal(2), "USDC": Decimal(2_000)})
    made = Bot(source_layout, wallet)
    made.connect()
    made.start()
    yield made
    made.kill()
    # What it left resting would meet the next bot's taker.
    environment = Settings.load(env={"TEGRO_LOCALNET_REST_URL": localnet.rest_url}).environment("localnet")
    async with AsyncTegro(environment, signer=LocalSigner(wallet.key)) as client:
        await client.cancel_all()


async def resting(client, wallet):
    orders = await client.orders(wallet.address, statuses=("active",))
    return {order.side: order for order in orders}


async def until_resting(client, bot, *sides):
    async def found():
        orders = await resting(client, bot.wallet)
        return orders if set(orders) == set(sides) else None

    return await bot.until(found, f"resting: {', '.join(sides)}")


async def trades(commander):
    history = await commander.command("history", days=0, async_backend=False)
    assert history["status"] == 200, history
    return history["trades"]


async def take(client, order):
    """Take all of an order of the bot."""
    market = await client.market("WETH_USDC")
    side = Side.BUY if order.side is Side.SELL else Side.SELL
    outcome = await client.place(OrderRequest(market=market, side=side, price=order.price, quantity=order.quantity))
    assert isinstance(outcome, Accepted), outcome


async def test_a_bot_on_our_connector_is_watched_and_stopped_through_a_broker(bot, commander, other):
    await bot.until(lambda: commander.published_on("hb"), "a heartbeat")
    orders = await until_resting(other, bot, Side.BUY, Side.SELL)

    status = await commander.command("status", async_backend=False)
    assert status["status"] == 200, status
    assert "tegro_localnet" in status["msg"]
    assert "WETH" in status["msg"]

    await take(other, orders[Side.SELL])
    [trade] = await bot.until(lambda: trades(commander), "the fill in the history")
    assert (trade["market"], trade["trade_type"], Decimal(trade["price"])) == ("tegro_localnet", "SELL", 3100)

    start = await commander.command("start", script="quoting_script", conf=CONFIG, async_backend=False)
    assert (start["status"], start["msg"]) == (400, 'The bot is already running - please run "stop" first')
    stop = await commander.command("stop", async_backend=False)
    assert stop["status"] == 200, stop
    assert await resting(other, bot.wallet) == {}
    after = await commander.command("status", async_backend=False)
    assert (after["status"], after["msg"]) == (400, "No strategy is currently running!")
    again = await commander.command("start", script="quoting_script", conf=CONFIG, async_backend=False)
    assert again["status"] == 200, again
    orders = await until_resting(other, bot, Side.BUY, Side.SELL)
    await take(other, orders[Side.BUY])
    fill = await bot.until(lambda: commander.published_on("events", "OrderFilled"), "the event of the fill")
    assert (fill["data"]["trading_pair"], fill["data"]["amount"]) == ("WETH-USDC", 0.1)


async def test_the_bot_trades_on_while_its_broker_is_gone(bot, broker, other):
    orders = await until_resting(other, bot, Side.BUY, Side.SELL)
    broker.stop()
    await take(other, orders[Side.BUY])
    await until_resting(other, bot, Side.SELL)
    broker.start()
    async with commanding(broker) as commander:
        await bot.until(lambda: commander.published_on("hb"), "a heartbeat")
        [trade] = await bot.until(lambda: trades(commander), "the fill in the history")
        assert trade["trade_type"] == "BUY"


async def test_a_stranger_cannot_command_the_bot(broker):
    for user in ({}, {"username": BROKER_USER, "password": "guessed"}):
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", broker.port, **user):
                pass
