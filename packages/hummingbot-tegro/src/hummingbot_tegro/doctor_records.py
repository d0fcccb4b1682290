"""What the check-up says of the files that a bot writes: the journal of signed orders, pins, candles, reconciliation.

They lie in the data folder of the Hummingbot in use. They are only read, and none is made.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec.structs import asdict

from hummingbot_tegro.finding import Finding, Level
from hummingbot_tegro.host_settings import DOMAINS, host_options
from hummingbot_tegro.paper.naming import SUFFIX
from hummingbot_tegro.paper.realism import read_realism
from tegro.errors import InvalidInput, TegroError
from tegro.journal import UNRESOLVED, EntryState, read_entries
from tegro.pins import Pins, pin_book
from tegro.settings import Environment, Settings

JOURNALS: Final = "tegro_journal*.sqlite"
PINS: Final = "pins.json"
RECONCILIATION: Final = "tegro_reconciliation.jsonl"
CANDLE_STORES: Final = "tegro_candles*.sqlite"


def record_findings(home: Path, settings: Settings, settings_file: Path) -> Iterator[Finding]:
    """Say what the bots of a home folder have written down.

    Parameters
    ----------
    home
        The home folder.
    settings, settings_file
        What the settings file says, and where it is.
    """
    data = home / "data"
    yield from _journal_findings(data)
    if (data / PINS).is_file():
        yield from _pin_findings(data / PINS, settings, settings_file)
    if (data / RECONCILIATION).is_file():
        yield _reconciliation_finding(data / RECONCILIATION)
    for path in sorted(data.glob(CANDLE_STORES)):
        yield Finding(Level.OK, f"candles {path}: {_size(path)}")


def option_findings(settings: Settings, settings_file: Path) -> Iterator[Finding]:
    """Say what holds at each venue that the settings speak of. Values of headers are nobody's business."""
    for domain, name in DOMAINS.items():
        environment = settings.environment(name)
        try:
            if environment.hummingbot or environment.headers:
                yield from _host_option_findings(domain, environment, settings_file)
            if environment.paper:
                yield _paper_finding(domain, environment, settings_file)
        except InvalidInput as error:
            yield Finding(Level.ERROR, str(error), f"mend {settings_file}")


def _host_option_findings(domain: str, environment: Environment, settings_file: Path) -> Iterator[Finding]:
    options = host_options(domain, settings_file)
    yield Finding(Level.OK, f"{domain}: fills {options.fills}, orders_at_start {options.orders_at_start}")
    headers = [*environment.headers, *filter(None, [options.fee_share_header])]
    if headers:
        names = ", ".join(headers)
        yield Finding(Level.OK, f"{domain}: sent with each request to {environment.rest_url} alone: {names}")


def _paper_finding(domain: str, environment: Environment, settings_file: Path) -> Finding:
    realism = read_realism(environment.paper, f"{settings_file}: [{environment.name}.paper]")
    shown = ", ".join(f"{name} {value}" for name, value in asdict(realism).items())
    return Finding(Level.OK, f"{domain}{SUFFIX}: {shown}")


def _journal_findings(data: Path) -> Iterator[Finding]:
    for path in sorted(data.glob(JOURNALS)):
        try:
            states = [entry.state for entry in read_entries(path)]
        except TegroError as error:
            yield Finding(Level.ERROR, f"journal: {error}", f"no order is placed until {path} can be opened")
            continue
        counts = ", ".join(f"{states.count(state)} {state}" for state in EntryState if state in states) or "empty"
        if UNRESOLVED.isdisjoint(states):
            yield Finding(Level.OK, f"journal {path}: {counts}")
        else:
            text = f"journal {path}: {counts}; of some orders it is not known whether the venue has them"
            yield Finding(Level.NOTE, text, "start the bot again: it looks for them and says what became of each")


def _pin_findings(path: Path, settings: Settings, settings_file: Path) -> Iterator[Finding]:
    named = f" TEGRO_SETTINGS={settings_file}" if settings_file.is_file() else ""
    confirm = f"TEGRO_HOME={path.parent}{named} tegro pins confirm --env"
    for domain, name in DOMAINS.items():
        environment = settings.environment(name)
        try:
            pins = pin_book(environment, path).pinned(environment)
        except TegroError as error:
            yield Finding(Level.ERROR, f"pins: {error}", f"nothing is signed until {path} can be read")
            return
        if pins is not None:
            yield _pin_finding(f"{domain} on {environment.chain}", pins, path, f"{confirm} {name}")


def _pin_finding(venue: str, pins: Pins, path: Path, confirm: str) -> Finding:
    if not pins.questions:
        return Finding(Level.OK, f"pins {path}: the contract and {len(pins.tokens)} tokens of {venue}")
    changes = "; ".join(f"the {each.what} was {each.pinned}, then {each.offered}" for each in pins.questions)
    return Finding(Level.ERROR, f"{venue}: {changes}; nothing is signed there", f"find out why, then: {confirm}")


def _reconciliation_finding(path: Path) -> Finding:
    with path.open("rb") as lines:
        count = sum(1 for _ in lines)
    return Finding(
        Level.WARNING,
        f"{count} fills were booked when the venue matched them and then failed to settle: {path}",
        "compare them with your own books; Hummingbot's history still has them. Then remove the file",
    )


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 1_000_000:.1f} MB"
