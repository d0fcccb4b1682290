"""The demo's bot: a stock Hummingbot in a process of its own, with a home folder for this one run."""

import json
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Final

import tomlkit
from ruamel.yaml import YAML

from hummingbot_tegro.demo.market import clean_variables
from hummingbot_tegro.demo.options import DemoOptions
from hummingbot_tegro.demo.processes import Child, Children
from hummingbot_tegro.home import attach_host, create_home
from hummingbot_tegro.launcher import COMMAND_LINE, Host, host_environment
from tegro_localnet.info import LocalnetInfo
from tegro_localnet.wallet import LocalWallet

CONNECTOR: Final = "tegro_localnet"

_NAME: Final = "tegro_demo"
_STRATEGY: Final = "hummingbot_tegro.demo.strategy"
_STOP_SECS: Final = 60.0
_CLIENT_CONFIG: Final = {
    "instance_id": "tegro-demo",
    # Nothing of a demo is reported to anybody.
    "anonymized_metrics_mode": {},
}


class DemoBot:
    """The home folder of one bot, and the process in it.

    Parameters
    ----------
    children
        Where its processes belong.
    host
        The Hummingbot to run.
    folder
        Where the home folder is made.
    """

    def __init__(self, children: Children, host: Host, folder: Path) -> None:
        self._children = children
        self._folder = folder
        self.home: Final = folder / "hummingbot"
        self.database: Final = self.home / "data" / f"{_NAME}.sqlite"
        """Where Hummingbot records its orders and fills."""
        self.log: Final = self.home / "logs" / f"logs_{_NAME}.log"
        self._variables = host_environment(host, self.home, clean_variables())
        # Of this run alone: it encrypts the key file, and is written nowhere.
        self._variables["HBOT_PASSWORD"] = secrets.token_urlsafe(24)
        create_home(self.home)
        attach_host(self.home, host.package)

    async def connect(self, wallet: LocalWallet) -> None:
        """Let Hummingbot check and encrypt the wallet's key, as its own `connect` does.

        Raises
        ------
        DemoFailure
            If it refuses.
        """
        self._write_yaml(self.home / "conf" / "conf_client.yml", _CLIENT_CONFIG)
        keys = {
            f"{CONNECTOR}_api_key": wallet.checksum_address,
            f"{CONNECTOR}_api_secret": wallet.key,
            "chain_name": "localnet",
        }
        await self._children.run_once(
            "Hummingbot's connect",
            [*COMMAND_LINE, "connect", CONNECTOR, "--keys-stdin"],
            given=json.dumps(keys).encode(),
            folder=self.home,
            log=self._folder / "connect.log",
            variables=self._variables,
        )

    def configure(self, options: DemoOptions, info: LocalnetInfo, caps: Mapping[str, Decimal]) -> None:
        """Write the settings of plug-in, script and controller, and put the strategy where Hummingbot looks for it."""
        settings = {"rest_url": info.rest_url, "stream_url": info.stream_url, "rpc_url": info.rpc_url}
        approvals = {symbol: f"{cap:f}" for symbol, cap in caps.items()}
        text = tomlkit.dumps({"localnet": {**settings, "approvals": approvals}})
        (self.home / "conf" / "tegro.toml").write_text(text, encoding="utf-8")
        self._copy("tegro_demo.py", self.home / "scripts")
        self._copy("tegro_demo_maker.py", self.home / "controllers" / "market_making")
        controller = {
            "id": _NAME,
            "controller_name": "tegro_demo_maker",
            "controller_type": "market_making",
            "connector_name": CONNECTOR,
            "trading_pair": options.pair,
            "seed": options.seed,
        }
        self._write_yaml(self.home / "conf" / "controllers" / f"{_NAME}.yml", controller)
        script = {"script_file_name": "tegro_demo.py", "controllers_config": [f"{_NAME}.yml"]}
        self._write_yaml(self.home / "conf" / "scripts" / f"{_NAME}.yml", script)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Child]:
        """Run the engine that Hummingbot's `start` spawns; at the end of the block it is stopped as `stop` does."""
        with self._children.running(
            "Hummingbot",
            ["hummingbot.cli.engine", "--name", _NAME, "--script-config", f"{_NAME}.yml"],
            folder=self.home,
            log=self._folder / "hummingbot.log",
            variables=self._variables,
            own_log=self.log,
        ) as child:
            try:
                yield child
            finally:
                await child.stop(_STOP_SECS)

    def _copy(self, name: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with resources.as_file(resources.files(_STRATEGY) / name) as source:
            shutil.copyfile(source, folder / name)

    @staticmethod
    def _write_yaml(path: Path, content: Mapping[str, object]) -> None:
        with path.open("w", encoding="utf-8") as file:
            YAML().dump(dict(content), file)
