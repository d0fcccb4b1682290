"""`tegro localnet switch`: let a running localnet speak another dialect."""

import json
from typing import Annotated

import typer
from rich.table import Table

from tegro_localnet.cli_faults import Json, Url
from tegro_localnet.control_client import DEFAULT_URL, ask
from tegro_localnet.switches import pairs_of
from tegro_localnet.terminal import OUT, complete, failure, say


def switch(
    change: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="Switches to change; none only shows them.")
    ] = None,
    *,
    url: Url = DEFAULT_URL,
    as_json: Json = False,
) -> None:
    """Show or change the switches of a running localnet."""
    try:
        wanted = pairs_of(change or [])
    except ValueError as error:
        raise failure(str(error), 2) from error
    complete(_switch(wanted, url, as_json=as_json))


async def _switch(wanted: dict[str, str], url: str, *, as_json: bool) -> None:
    views = await ask(url, "PUT", "switches", wanted) if wanted else await ask(url, "GET", "switches")
    if as_json:
        say(json.dumps(views))
        return
    table = Table("switch", "is", "can be", "when")
    for view in views:
        when = "at the start" if view["fixed"] else "at any time"
        table.add_row(view["name"], view["value"], ", ".join(view["choices"]), when)
    OUT.print(table)
