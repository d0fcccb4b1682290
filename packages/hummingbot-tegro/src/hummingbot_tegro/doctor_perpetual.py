"""What the check-up says of the perpetual connectors: their settings, the user's word for the host, its answer.

Only public data is asked for, so nothing here needs a key or a confirmed host.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import DOMAINS, perpetual_options
from hummingbot_tegro.finding import Finding, Level
from tegro.errors import InvalidInput, TegroError
from tegro.perpetual import AsyncPerpetual, PerpetualEnvironment, load_perpetual
from tegro.perpetual.settings import NOT_PROVEN
from tegro.settings import PERPETUAL_TABLE as TABLE
from tegro.settings_file import read_document, read_table

_VENUE_TIMEOUT_SECS: Final = 20.0
_MOST_AHEAD_MS: Final = 1_000
"""The dialect takes no request from more than a second ahead of the venue (dialect 1.5); the client corrects for it."""


def perpetual_findings(home: Path, path: Path, env: Mapping[str, str]) -> Iterator[Finding]:
    """Say what holds for each perpetual connector that has keys here, or that the settings speak of.

    Parameters
    ----------
    home
        The home folder.
    path
        The settings file, which can be read but need not be there.
    env
        Environment variables.
    """
    try:
        tables = read_table(read_document(path).get(TABLE, {}), f"{path}: [{TABLE}]")
    except InvalidInput as error:
        yield Finding(Level.ERROR, str(error), f"mend {path}")
        return
    for domain, name in DOMAINS.items():
        has_keys = (home / "conf" / "connectors" / f"{domain}.yml").is_file()
        if not has_keys and name not in tables:
            continue
        try:
            environment = load_perpetual(name, path, env)
            options = perpetual_options(environment, path)
        except InvalidInput as error:
            yield Finding(Level.ERROR, f"{domain}: {error}", f"mend [{TABLE}.{name}] in {path}")
            continue
        yield Finding(Level.OK, f"{domain}: orders_at_start {options.orders_at_start}")
        yield from _host_findings(domain, environment, path, has_keys=has_keys)
        if has_keys:
            yield asyncio.run(_venue_finding(domain, environment, path))


def _host_findings(domain: str, environment: PerpetualEnvironment, path: Path, *, has_keys: bool) -> Iterator[Finding]:
    if environment.needs_confirmation:
        yield Finding(
            Level.ERROR if has_keys else Level.NOTE,
            f"{domain}: nothing signed goes to {environment.host} before you confirm that host ({NOT_PROVEN})",
            f"TEGRO_SETTINGS={path} tegro perp confirm --env {environment.name}",
        )
    elif environment.name != "localnet":
        yield Finding(Level.NOTE, f"{domain}: signed requests go to {environment.host}; {NOT_PROVEN}")
    if environment.is_stream_guessed:
        text = f"{domain}: the WebSocket host {environment.stream_url} is a guess"
        yield Finding(Level.NOTE, text, f"set [{TABLE}.{environment.name}] stream_url in {path} when you know it")


async def _venue_finding(domain: str, environment: PerpetualEnvironment, path: Path) -> Finding:
    try:
        async with asyncio.timeout(_VENUE_TIMEOUT_SECS), AsyncPerpetual(environment) as client:
            await client.rest.synchronise()
            ahead_ms = client.rest.venue_ms() - time.time_ns() // 1_000_000
            contracts = await client.contracts()
    except (TegroError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_VENUE_TIMEOUT_SECS:.0f} s"
        text = f"{domain}: {environment.rest_url} is no perpetual venue at this moment: {reason}"
        mend = f"look at the network, or at [{TABLE}.{environment.name}] rest_url in {path}"
        return Finding(Level.ERROR, text, mend)
    trading = sum(contract.is_trading for contract in contracts)
    text = f"{domain}: {environment.rest_url} answers, with {trading} contracts"
    if abs(ahead_ms) > _MOST_AHEAD_MS:
        side = "ahead of" if ahead_ms > 0 else "behind"
        text = f"{text}; its clock is {abs(ahead_ms) / 1000:.1f} s {side} this machine's"
        return Finding(
            Level.WARNING, text, "set this machine's clock; orders are signed with the venue's time meanwhile"
        )
    return Finding(Level.OK, text)
