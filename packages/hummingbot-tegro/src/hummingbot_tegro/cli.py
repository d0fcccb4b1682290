"""The command `tegro hummingbot`: make a home folder, start Hummingbot in it, look for mistakes.

The main program `tegro` turns errors of this project into one sentence and an exit code.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from hummingbot_tegro.doctor import Patient

app = typer.Typer(
    name="hummingbot", no_args_is_help=True, help="Tegro in an untouched Hummingbot: home folder, client, check-up."
)

_COLOURS: Final = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "red"}

_FILE_WIDTH: Final = 150
"""Characters in a line of a report that goes to a file or a pipe."""

_Home = Annotated[
    Path | None,
    typer.Option(help="Home folder. [default: $HUMMINGBOT_TEGRO_HOME, the source clone, or ~/.tegro/hummingbot]"),
]


@app.command()
def init(
    path: Annotated[Path | None, typer.Argument(help="Where; the default is that of the other commands.")] = None,
    named_home: Annotated[Path | None, typer.Option("--home", help="The same, as the other commands have it.")] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite controllers, scripts and their settings.")] = False,
) -> None:
    """Make a home folder for Hummingbot, with controllers, scripts and settings to start from.

    What is there already is left as it is.
    """
    from hummingbot_tegro.home import create_home, default_home
    from hummingbot_tegro.init_files import lay_out

    named = named_home or path
    home = (named or default_home()).expanduser().absolute()
    made = create_home(home)
    laid = lay_out(home, force=force)
    console = _console()
    for item in made:
        console.print(f"made {escape(str(item))}")
    for item in laid.written:
        console.print(f"wrote {escape(str(item))}")
    for item in laid.left:
        console.print(f"left as it is, though it differs: {escape(str(item))} (--force overwrites it)")
    console.print(f"The home folder {escape(str(home))} is ready. Next: tegro hummingbot tui{_option(named, home)}")


@app.command()
def tui(home: _Home = None) -> None:
    """Start Hummingbot's own client on this terminal."""
    from hummingbot_tegro.launcher import CLIENT, launch

    launch(CLIENT, home)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def cli(context: typer.Context, home: _Home = None) -> None:
    """Run one command of Hummingbot's own command line: tegro hummingbot cli -- balance --json."""
    from hummingbot_tegro.launcher import COMMAND_LINE, launch

    launch((*COMMAND_LINE, *context.args), home)


@app.command()
def doctor(
    home: _Home = None,
    *,
    clean: Annotated[bool, typer.Option("--clean", help="Remove what installations that are gone have left.")] = False,
    before_uninstall: Annotated[
        bool, typer.Option("--before-uninstall", help="As --clean, and take away what needs this plug-in.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer yes to every question of --clean.")] = False,
) -> None:
    """Find what is wrong with Tegro in Hummingbot and say how to mend it. The exit code is 1 when something is."""
    from hummingbot_tegro.doctor import examine, meet

    console = _console()
    patient = meet(home)
    if clean or before_uninstall:
        _clean(console, patient, is_leaving=before_uninstall, yes=yes)
    findings = examine(patient)
    for finding in findings:
        colour = _COLOURS[finding.level]
        console.print(f"[{colour}]{finding.level:>7}[/]  {escape(finding.text)}")
        if finding.mend:
            console.print(f"         mend: {escape(finding.mend)}")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def report(
    home: _Home = None,
    *,
    db: Annotated[Path | None, typer.Option(help="The database. [default: the only one in the home's data]")] = None,
    html: Annotated[Path | None, typer.Option(help="Write one HTML page with plots, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON instead of tables.")] = False,
) -> None:
    """Show what a bot traded and earned: PnL, fees, inventory, quotes against fills."""
    from hummingbot_tegro.report.command import report as show_report

    console = Console(highlight=False, soft_wrap=as_json)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    show_report(console, home, db, html, as_json=as_json)


def _clean(console: Console, patient: "Patient", *, is_leaving: bool, yes: bool) -> None:
    from hummingbot_tegro.cleaning import find_remains
    from hummingbot_tegro.mentions import find_mentions, take_away

    for remains in find_remains(patient.host, patient.home):
        remains.remove()
        console.print(f"removed {escape(str(remains.path))}, {remains.what}")
    connectors, sources = patient.registration.connectors, patient.registration.rate_sources
    known: tuple[list[str], list[str]] = ([], []) if is_leaving else (connectors, sources)
    for mention in list(find_mentions(patient.home, *known)):
        if mention.is_known:
            continue
        if not yes and not _agrees(mention.mend):
            console.print(f"left alone: {escape(mention.text)}")
            continue
        kept = take_away(mention)
        console.print(f"done; the file as it was is kept as {escape(str(kept))}")


def _agrees(mend: str) -> bool:
    # The user's keys and settings: without a person to ask, nothing is done.
    return sys.stdin.isatty() and typer.confirm(f"Shall I {mend}?")


def _console() -> Console:
    # Paths and commands are there to be copied, so no line is broken and nothing is coloured by guess.
    return Console(soft_wrap=True, highlight=False)


def _option(named: Path | None, home: Path) -> str:
    return f" --home {escape(str(home))}" if named else ""
