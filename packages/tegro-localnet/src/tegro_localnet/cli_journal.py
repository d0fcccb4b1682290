"""`tegro localnet replay`: run the journal of a data folder again and compare."""

from pathlib import Path
from typing import Annotated

import typer

from tegro_localnet.errors import LocalnetError
from tegro_localnet.terminal import failure, say


def replay(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The data folder, or its file of steps.")],
) -> None:
    """Run a journal again through the engine: 0 if every step gives what was written, 1 and the first that does not."""
    from tegro_localnet.journal.offline import rebuild

    try:
        venue, steps = rebuild(path.parent if path.is_file() else path)
    except LocalnetError as error:
        raise failure(str(error), 1) from error
    first = venue.steps.count - steps
    since = f" after the snapshot of step {first}" if first else ""
    open_orders, trades = sum(1 for _ in venue.orders.open_orders()), sum(1 for _ in venue.trades)
    say(f"{steps} steps{since} gave what was written: {open_orders} open orders, {trades} matches")
