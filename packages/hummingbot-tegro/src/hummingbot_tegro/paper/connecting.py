"""The command `connect` for a paper exchange: nothing is asked, and no key file is read or written."""

import asyncio
from typing import Any

from hummingbot.client.config.config_helpers import load_client_config_map_from_file, save_to_yml
from hummingbot.client.settings import CLIENT_CONFIG_PATH, AllConnectorSettings

from hummingbot_tegro.paper.exchange import TegroPaperTradeExchange
from hummingbot_tegro.paper.naming import SUFFIX
from tegro.errors import TegroError


async def connect_paper(application: Any, domain: str) -> None:  # noqa: ANN401  (Hummingbot's application)
    """Connect in the client, and tell its user the outcome. May be repeated.

    Parameters
    ----------
    application
        Hummingbot's application; its client settings name the paper exchanges.
    domain
        `tegro`, `tegro_testnet` or `tegro_localnet`.
    """
    application.app.clear_input()
    try:
        told = await _connect(application.client_config_map, domain)
    except TegroError as error:
        application.notify(f"\nError: {error}")
        return
    for line in told:
        application.notify(f"\n{line}")


def connect_paper_at_command_line(domain: str) -> None:
    """Connect in Hummingbot's command line. May be repeated. Ends the program with an error's own exit code."""
    from hummingbot.cli.output import ExitCode, echo, fail

    try:
        told = asyncio.run(_connect(load_client_config_map_from_file(), domain))
    except TegroError as error:
        fail(str(error), ExitCode.ERROR)
    for line in told:
        echo(line)


async def _connect(client_settings: Any, domain: str) -> list[str]:  # noqa: ANN401  (Hummingbot's settings)
    """Look whether the venue is there, put the domain among the paper exchanges, and return what to tell.

    Raises
    ------
    TegroError
        If the venue is not there, or the settings of the plug-in have a mistake.
    """
    await TegroPaperTradeExchange(domain=domain, trading_required=False).check_venue()
    told = []
    names = client_settings.paper_trade.paper_trade_exchanges
    if domain not in names:
        names.append(domain)
        save_to_yml(CLIENT_CONFIG_PATH, client_settings)
        told.append(f"{domain} is now one of paper_trade_exchanges in {CLIENT_CONFIG_PATH.name}.")
    AllConnectorSettings.initialize_paper_trade_settings(names)
    return [*told, f"You are now connected to {domain}{SUFFIX}."]
