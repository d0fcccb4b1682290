"""What `tegro hummingbot report` does."""

from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from hummingbot_tegro.home import default_home
from hummingbot_tegro.launcher import find_host, home_of
from hummingbot_tegro.report.database import find_database, read_records
from hummingbot_tegro.report.exact import read_journals, with_exact_numbers
from hummingbot_tegro.report.figures import compute
from hummingbot_tegro.report.page import write_page
from hummingbot_tegro.report.sections import sections
from hummingbot_tegro.report.tables import show
from tegro.errors import InvalidInput


def report(console: Console, home: Path | None, named: Path | None, page: Path | None, *, as_json: bool) -> None:
    """Show the report of a bot, as tables or JSON, and write it as a page.

    Parameters
    ----------
    home
        The home folder, in whose `data` the database is looked for; None chooses as the other commands do.
    named
        The database; None takes the only one. Journals are read from the folder of the database.
    page
        Where the HTML page goes; None writes none.
    as_json
        Print the figures as JSON, amounts as texts, instead of tables.

    Raises
    ------
    InvalidInput
        If there is nothing to report on, or something cannot be read or written.
    """
    database = named or find_database(_home(home) / "data")
    records = with_exact_numbers(read_records(database), read_journals(database.parent))
    figures = compute(records)
    made = sections(figures, records.executors, records.held)
    if page is not None:
        write_page(page, f"Report of {database.stem}", figures, made)
    if as_json:
        console.print(msgspec.json.encode(figures).decode(), markup=False)
        return
    console.print(f"{escape(str(database))}")
    show(console, made)
    if page is not None:
        console.print(f"wrote {escape(str(page))}")


def _home(named: Path | None) -> Path:
    try:
        return home_of(find_host(), named)
    except InvalidInput:
        # A report needs no Hummingbot to run.
        return named.expanduser().absolute() if named else default_home()
