"""Where the plug-in keeps its settings inside a Hummingbot, and which venue a connector's domain means.

The file is `conf/tegro.toml` of the Hummingbot in use, or the one that the environment variable TEGRO_SETTINGS names.
Its form is that of `tegro.settings`, and one more table is ours::

    [mainnet.hummingbot]
    fills = "settled"            # when a fill is booked: "settled" on chain, or as soon as it is "matched"
    orders_at_start = "cancel"   # what an earlier run of the bot left open: "cancel", or "adopt" to go on tracking it
    fee_share_header = "X-Name"  # a header that tells Tegro of Hummingbot, sent to the venue's REST host alone
    fee_share_value = "value"

Hummingbot gives connectors without keys an empty chain (market data, candles, rates), so the chain that was answered
at `connect` is remembered here.
"""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from tegro.errors import InvalidInput
from tegro.settings import Environment, Settings, normalise_chain, save_chain
from tegro.settings_file import read_table

SETTINGS_VARIABLE: Final = "TEGRO_SETTINGS"
SETTINGS_FILE: Final = "tegro.toml"

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {"tegro": "mainnet", "tegro_testnet": "testnet", "tegro_localnet": "localnet"}
)
"""Hummingbot's names of the connector, and the environment of `tegro.settings` behind each."""


class HostOptions(Struct, frozen=True, kw_only=True):
    """What the table `hummingbot` of an environment says."""

    fills: Literal["settled", "matched"] = "settled"
    """When a fill is booked. Hummingbot cannot take one back, so what was only matched may turn out wrong."""
    orders_at_start: Literal["cancel", "adopt"] = "cancel"
    """What is done with open orders of an earlier run, after their fills were booked."""
    fee_share_header: str = ""
    """Name of the header that tells Tegro of Hummingbot; empty sends none."""
    fee_share_value: str = ""


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
    path = settings_path()
    environment = Settings.load(path).environment(environment_name(domain), chain)
    options = _options_of(environment, path)
    if not options.fee_share_header:
        return environment
    return replace(environment, headers={**environment.headers, options.fee_share_header: options.fee_share_value})


def host_options(domain: str, path: Path | None = None) -> HostOptions:
    """Return what the settings file says for the plug-in alone. The file is read at every call.

    Parameters
    ----------
    domain
        `tegro`, `tegro_testnet` or `tegro_localnet`.
    path
        The settings file; None means that of this Hummingbot.

    Raises
    ------
    InvalidInput
        If there is no such domain, or the settings file has a mistake.
    """
    path = path or settings_path()
    return _options_of(Settings.load(path).environment(environment_name(domain)), path)


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


def _options_of(environment: Environment, path: Path) -> HostOptions:
    where = f"{path}: [{environment.name}.hummingbot]"
    members = read_table(environment.hummingbot, where, HostOptions.__struct_fields__)
    options = HostOptions(
        fills=_chosen(members, "fills", ("settled", "matched"), where),
        orders_at_start=_chosen(members, "orders_at_start", ("cancel", "adopt"), where),
        fee_share_header=_one_line(members, "fee_share_header", where),
        fee_share_value=_one_line(members, "fee_share_value", where),
    )
    if not _HEADER_NAME.fullmatch(options.fee_share_header or "none"):
        raise InvalidInput(f"{where} fee_share_header is no name of a header: {options.fee_share_header!r}")
    if bool(options.fee_share_header) is not bool(options.fee_share_value):
        raise InvalidInput(f"{where} needs both fee_share_header and fee_share_value, or neither")
    return options


def _chosen[T: str](members: Mapping[str, object], key: str, choices: tuple[T, ...], where: str) -> T:
    chosen = members.get(key, choices[0])
    for choice in choices:
        if chosen == choice:
            return choice
    raise InvalidInput(f"{where} {key} must be one of {', '.join(choices)}, was {chosen!r}")


def _one_line(members: Mapping[str, object], key: str, where: str) -> str:
    text = members.get(key, "")
    if not isinstance(text, str) or not text.isprintable():
        raise InvalidInput(f"{where} {key} must be a text in quotes, on one line")
    return text.strip()
