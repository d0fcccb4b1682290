"""Which perpetual venue a connector's domain means, and what the settings file says for the plug-in alone."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from msgspec import Struct

from hummingbot_tegro.host_settings import settings_path
from tegro.errors import InvalidInput, SigningRefused
from tegro.perpetual import PerpetualEnvironment, load_perpetual
from tegro.settings_file import read_table

DOMAINS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tegro_perpetual": "mainnet",
        "tegro_perpetual_testnet": "testnet",
        "tegro_perpetual_localnet": "localnet",
    }
)
"""Hummingbot's names of the connector, and the environment of `tegro.perpetual` behind each."""


class PerpetualOptions(Struct, frozen=True, kw_only=True):
    """What the table `hummingbot` of a perpetual environment says."""

    orders_at_start: Literal["cancel", "adopt"] = "cancel"
    """What is done with open orders of an earlier run, after their fills were booked."""


def perpetual_environment(domain: str) -> PerpetualEnvironment:
    """Return the venue of a connector's domain. The file is read at every call.

    Raises
    ------
    InvalidInput
        If there is no such domain, its host is not known, or the settings file has a mistake.
    """
    return load_perpetual(DOMAINS[domain], settings_path())


def perpetual_options(environment: PerpetualEnvironment, path: Path | None = None) -> PerpetualOptions:
    """Return what the settings file says for the plug-in.

    Parameters
    ----------
    environment
        The venue.
    path
        The settings file it was read from, for messages; None means that of this Hummingbot.

    Raises
    ------
    InvalidInput
        If it has a mistake.
    """
    where = f"{path or settings_path()}: [perpetual.{environment.name}.hummingbot]"
    members = read_table(environment.hummingbot, where, PerpetualOptions.__struct_fields__)
    match members.get("orders_at_start", "cancel"):
        case "cancel":
            return PerpetualOptions(orders_at_start="cancel")
        case "adopt":
            return PerpetualOptions(orders_at_start="adopt")
        case other:
            raise InvalidInput(f"{where} orders_at_start must be one of cancel, adopt, was {other!r}")


def require_confirmed(environment: PerpetualEnvironment) -> None:
    """Let signed requests go to a host, or say how its user confirms it in this Hummingbot's own settings.

    Raises
    ------
    SigningRefused
        If the host is not this machine and was not confirmed.
    """
    try:
        environment.require_confirmed()
    except SigningRefused as error:
        raise SigningRefused(f"{error}; with TEGRO_SETTINGS={settings_path()} set") from None
