"""`tegro localnet replay`: run the journals of a data folder again and compare."""

from pathlib import Path
from typing import Annotated

import typer

from tegro_localnet.errors import LocalnetError
from tegro_localnet.terminal import failure, say


def replay(
    path: Annotated[Path, typer.Argument(metavar="DIR", help="The data folder, or one of its files of steps.")],
) -> None:
    """Run the journals again through the engines: 0 if every step gives what was written, 1 and the first otherwise."""
    from tegro_localnet.journal.offline import manifest_of

    folder = path.parent if path.is_file() else path
    try:
        manifest_of(folder)
    except LocalnetError as error:
        raise failure(str(error), 2) from error
    try:
        _run_spot_again(folder)
        _run_perpetual_again(folder)
    except LocalnetError as error:
        raise failure(str(error), 1) from error


def _run_spot_again(folder: Path) -> None:
    from tegro_localnet.journal.offline import rebuild

    venue, steps = rebuild(folder)
    open_orders, trades = sum(1 for _ in venue.orders.open_orders()), sum(1 for _ in venue.trades)
    say(f"{_counted(steps, venue.steps.count)}: {open_orders} open orders, {trades} matches")


def _run_perpetual_again(folder: Path) -> None:
    from tegro_localnet.journal.offline import rebuild_perpetual

    found = rebuild_perpetual(folder)
    if found is None:
        return
    venue, steps = found
    accounts = venue.state.accounts.values()
    open_orders = sum(len(account.orders()) for account in accounts)
    positions = sum(1 for account in accounts for _ in account.held())
    say(f"perpetual: {_counted(steps, venue.count)}: {open_orders} open orders, {positions} positions")


def _counted(steps: int, count: int) -> str:
    first = count - steps
    since = f" after the snapshot of step {first}" if first else ""
    return f"{steps} steps{since} gave what was written"
