"""Find what is wrong, or would go wrong, with Tegro in a Hummingbot, and say how to mend it.

Nothing is changed; `cleaning` and `mentions` do that. Hummingbot is looked at from outside, in a process of its own, so
that a broken one cannot break the report.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from hummingbot_tegro.boot import HOME_VARIABLE, HOST_VERSION, tested_hosts
from hummingbot_tegro.cleaning import find_remains
from hummingbot_tegro.connector.derivative.tegro_perpetual.perpetual_settings import DOMAINS as PERPETUAL_DOMAINS
from hummingbot_tegro.doctor_perpetual import perpetual_findings
from hummingbot_tegro.doctor_records import option_findings, record_findings
from hummingbot_tegro.finding import Finding, Level
from hummingbot_tegro.home import FOLDERS, default_home
from hummingbot_tegro.host_settings import DOMAINS, settings_path
from hummingbot_tegro.launcher import Host, find_host, home_of, host_environment
from hummingbot_tegro.mentions import find_mentions
from tegro.client import AsyncTegro
from tegro.errors import InvalidInput, TegroError
from tegro.settings import Environment, Settings

_PROBE_TIMEOUT_SECS: Final = 120.0
_VENUE_TIMEOUT_SECS: Final = 20.0

_PROBE: Final = """
import json, sys
from hummingbot.client.settings import AllConnectorSettings
connectors = sorted(name for name in AllConnectorSettings.get_connector_settings() if name.startswith("tegro"))
from hummingbot.core.rate_oracle.rate_oracle import RATE_ORACLE_SOURCES
print(json.dumps({
    "booted": "hummingbot_tegro.boot" in sys.modules,
    "connectors": connectors,
    "rate_sources": sorted(name for name in RATE_ORACLE_SOURCES if name.startswith("tegro")),
    "utils_file": getattr(sys.modules.get("hummingbot.connector.exchange.tegro.tegro_utils"), "__file__", None),
}))
"""

_REINSTALL: Final = "pip install --force-reinstall --no-deps hummingbot-tegro"


class Registration(Struct, frozen=True, kw_only=True):
    """What a fresh Hummingbot process knows of Tegro."""

    booted: bool = False
    """Whether the plug-in's start-up file was loaded."""
    connectors: list[str] = msgspec.field(default_factory=list)
    rate_sources: list[str] = msgspec.field(default_factory=list)
    utils_file: str | None = None
    """File of the connector `tegro` in use."""


class Patient(Struct, frozen=True, kw_only=True):
    """The Hummingbot and the home folder that are looked at."""

    host: Host | None
    """None where there is none."""
    home: Path
    registration: Registration
    findings: list[Finding]
    """What the look at the Hummingbot alone has shown."""


def meet(named_home: Path | None, env: Mapping[str, str] = os.environ) -> Patient:
    """Find the Hummingbot and the home folder to look at, and ask that Hummingbot what it knows.

    Takes some seconds, most of them Hummingbot's own start.

    Parameters
    ----------
    named_home
        The home folder; None chooses as `tegro hummingbot tui` does.
    env
        Environment variables.
    """
    try:
        host = find_host()
    except InvalidInput as error:
        home = named_home.expanduser().absolute() if named_home else default_home(env)
        findings = [Finding(Level.ERROR, str(error))]
        return Patient(host=None, home=home, registration=Registration(), findings=findings)
    registration, findings = probe(host, env)
    return Patient(host=host, home=home_of(host, named_home, env), registration=registration, findings=findings)


def examine(patient: Patient, env: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything and return what was found."""
    home = patient.home
    return [
        *patient.findings,
        *home_findings(home),
        *remains_findings(patient),
        *mention_findings(home, patient.registration),
        *settings_findings(home, env),
    ]


def probe(host: Host, env: Mapping[str, str] = os.environ) -> tuple[Registration, list[Finding]]:
    """Import Hummingbot in a fresh process. Return what it knows of Tegro, and what is to be said about it."""
    variables = host_environment(host, host.package, env)
    del variables[HOME_VARIABLE]  # the home folder is looked at by itself, and stays as it is
    command = [sys.executable, "-c", _PROBE]
    try:
        result = subprocess.run(  # noqa: S603  our own program text
            command, env=variables, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_SECS, check=False
        )
    except subprocess.TimeoutExpired:
        text = f"Hummingbot did not start within {_PROBE_TIMEOUT_SECS:.0f} s"
        return Registration(), [Finding(Level.ERROR, text, "try again when the machine is less busy")]
    lines = result.stderr.splitlines()
    findings = [
        *host_findings(host),
        *(Finding(Level.ERROR, line) for line in lines if line.startswith("hummingbot-tegro")),
    ]
    if result.returncode != 0:
        reason = lines[-1] if lines else f"exit code {result.returncode}"
        mend = f"pip install --force-reinstall 'hummingbot=={HOST_VERSION}'"
        return Registration(), [*findings, Finding(Level.ERROR, f"Hummingbot cannot be imported: {reason}", mend)]
    registration = msgspec.json.decode(result.stdout.splitlines()[-1], type=Registration)
    return registration, [*findings, *registration_findings(registration)]


def host_findings(host: Host) -> Iterator[Finding]:
    """Say which Hummingbot it is, and whether the plug-in was tested with it."""
    release = f", release {host.distribution}" if host.distribution else ""
    text = f"Hummingbot {host.version}{release} in {host.package}"
    if host.is_tested:
        yield Finding(Level.OK, f"{text}: tested")
    else:
        yield Finding(
            Level.WARNING,
            f"{text}: this plug-in was not tested with it, only with {tested_hosts()}",
            f"pip install 'hummingbot=={HOST_VERSION}', or try it out on tegro_localnet first",
        )


def registration_findings(registration: Registration) -> Iterator[Finding]:
    """Say whether Hummingbot knows the connectors, and whether they are ours."""
    if not registration.booted:
        yield Finding(Level.ERROR, "the plug-in's start-up file hummingbot_tegro.pth is not loaded", _REINSTALL)
    ours = (*DOMAINS, *PERPETUAL_DOMAINS)
    missing = [domain for domain in ours if domain not in registration.connectors]
    if registration.utils_file and not Path(registration.utils_file).resolve().is_relative_to(_our_folder()):
        yield Finding(
            Level.WARNING,
            f"this Hummingbot ships its own connector tegro ({registration.utils_file}), which is used instead of ours",
            f"pip uninstall hummingbot-tegro, or pip install 'hummingbot=={HOST_VERSION}'",
        )
    elif missing:
        yield Finding(Level.ERROR, f"Hummingbot does not know {', '.join(missing)}", _REINSTALL)
    else:
        yield Finding(Level.OK, f"Hummingbot knows {', '.join(ours)}")


def home_findings(home: Path) -> Iterator[Finding]:
    """Say whether the home folder has everything that Hummingbot needs."""
    missing = [name for name in FOLDERS if not (home / name).is_dir()]
    if missing:
        text = f"the home folder {home} lacks {', '.join(missing)}"
        yield Finding(Level.ERROR, text, f"tegro hummingbot init {home}")
    else:
        yield Finding(Level.OK, f"home folder {home}")


def remains_findings(patient: Patient) -> Iterator[Finding]:
    """Find what installations that are gone have left behind."""
    for remains in find_remains(patient.host, patient.home):
        yield Finding(Level.WARNING, f"{remains.path} is {remains.what}", "tegro hummingbot doctor --clean")


def mention_findings(home: Path, registration: Registration) -> Iterator[Finding]:
    """Find key files and settings that name something of ours. A name that is not registered stops Hummingbot."""
    try:
        for mention in find_mentions(home, registration.connectors, registration.rate_sources):
            if mention.is_known:
                text = f"{mention.text} is in use; without this plug-in Hummingbot stops at it"
                yield Finding(Level.NOTE, text, f"before an uninstall: {mention.mend}")
            else:
                text = f"{mention.text} names what this Hummingbot does not have, and stops it"
                yield Finding(Level.ERROR, text, f"{mention.mend}: tegro hummingbot doctor --clean")
    except InvalidInput as error:
        yield Finding(Level.ERROR, str(error), "mend or remove that file")


def settings_findings(home: Path, env: Mapping[str, str]) -> list[Finding]:
    """Say whether the settings can be read, what bots wrote down, and whether the venues that have keys here answer."""
    path = settings_path(home / "conf", env)
    try:
        settings = Settings.load(path, env)
    except InvalidInput as error:
        return [Finding(Level.ERROR, str(error), f"mend {path}")]
    findings = [
        Finding(Level.OK, f"settings {path}" if path.is_file() else f"no settings file {path}: the defaults"),
        *option_findings(settings, path),
        *record_findings(home, settings, path),
    ]
    for domain, name in DOMAINS.items():
        if (home / "conf" / "connectors" / f"{domain}.yml").is_file():
            findings.append(asyncio.run(_venue_finding(domain, settings.environment(name), path)))
    return [*findings, *perpetual_findings(home, path, env)]


async def _venue_finding(domain: str, environment: Environment, path: Path) -> Finding:
    try:
        async with asyncio.timeout(_VENUE_TIMEOUT_SECS), AsyncTegro(environment) as client:
            chains = await client.chains()
    except (TegroError, TimeoutError) as error:
        reason = str(error) or f"no answer within {_VENUE_TIMEOUT_SECS:.0f} s"
        mend = f"look at the network, or at [{environment.name}] rest_url in {path}"
        return Finding(Level.ERROR, f"{domain}: {environment.rest_url} is no Tegro at this moment: {reason}", mend)
    if environment.chain_id not in {chain.id for chain in chains}:
        listed = ", ".join(f"{chain.name} {chain.id}" for chain in chains) or "none"
        text = (
            f"{domain}: {environment.rest_url} has no chain {environment.chain_id} ({environment.chain}), only {listed}"
        )
        return Finding(Level.ERROR, text, f"set [{environment.name}] chain in {path}")
    return Finding(Level.OK, f"{domain}: {environment.rest_url} answers for {environment.chain} {environment.chain_id}")


def _our_folder() -> Path:
    return Path(__file__).resolve().parent
