"""Where the plug-in keeps its settings inside a Hummingbot, and which venue a connector's domain means.

The file is `conf/tegro.toml` of the Hummingbot in use, or the one that the environment variable TEGRO_SETTINGS names.
Its form is that of `tegro.settings`. Hummingbot gives connectors without keys an empty chain (market data, candles,
rates), so the chain that was answered at `connect` is remembered here.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tegro.errors import InvalidInput
from tegro.settings import Environment, Settings, normalise_chain, save_chain

SETTINGS_VARIABLE: Final = "TEGRO_SETTINGS"
SETTINGS_FILE: Final = "tegro.toml"

DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {"tegro": "mainnet", "tegro_testnet": "testnet", "tegro_localnet": "localnet"}
)
"""Hummingbot's names of the connector, and the environment of `tegro.settings` behind each."""


def settings_path(conf: Path | None = None, env: Mapping[str, str] = os.environ) -> Path:
    """Return the path of the settings file, which need not exist.

    Parameters
    ----------
    conf
        The conf folder; None asks the Hummingbot of this process for its own.
    env
        Environment variables; TEGRO_SETTINGS wins over the conf folder.
    """
    named = env.get(SETTINGS_VARIABLE)
    if named:
        return Path(named).expanduser()
    if conf is None:
        from hummingbot.client.settings import CONF_DIR_PATH

        conf = Path(CONF_DIR_PATH)
    return conf / SETTINGS_FILE


def environment_for(domain: str, chain: str | None = None) -> Environment:
    """Return the venue of a connector's domain. The file is read at every call.

    Parameters
    ----------
    domain
        `tegro`, `tegro_testnet` or `tegro_localnet`.
    chain
        The chain's name in any case; None or an empty text means the remembered one, else the environment's default.

    Raises
    ------
    InvalidInput
        If there is no such domain or chain, or the settings file has a mistake.
    """
    return Settings.load(settings_path()).environment(environment_name(domain), chain)


def remember_chain(domain: str, chain: str) -> None:
    """Save the chain answered at `connect`, so that connectors without keys use it too. May be repeated.

    Nothing is written when it is the chain in use already. A file that cannot be written is only a warning: the bot
    itself has its chain.

    Raises
    ------
    InvalidInput
        If there is no such domain or chain, or the settings file has a mistake.
    """
    environment = environment_name(domain)
    chosen = normalise_chain(environment, chain)
    path = settings_path()
    if Settings.load(path, env={}).environment(environment).chain == chosen:
        return
    try:
        save_chain(path, environment, chosen)
    except OSError as error:
        logging.getLogger(__name__).warning(
            "The chain %s could not be saved in %s (%s); connectors without keys use the default chain of %s.",
            chosen,
            path,
            error.strerror,
            environment,
        )


def environment_name(domain: str) -> str:
    """Return the name of the environment in `tegro.settings` behind a connector's domain.

    Raises
    ------
    InvalidInput
        If there is no such domain.
    """
    try:
        return DOMAINS[domain]
    except KeyError:
        raise InvalidInput(f"unknown connector {domain!r}; known are {', '.join(DOMAINS)}") from None
