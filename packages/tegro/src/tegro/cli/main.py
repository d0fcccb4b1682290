"""The program `tegro`."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Final

import typer

from tegro import __version__
from tegro.cli import (
    approving,
    charting,
    doctor,
    ordering,
    perpetual,
    pinning,
    reading,
    records,
    stopping,
    verifying,
    wallets,
)
from tegro.cli.output import tell
from tegro.cli.plugins import add_commands
from tegro.errors import InvalidInput, TegroError

_LOOKING: Final[Sequence[Callable[..., None]]] = (
    reading.markets,
    reading.book,
    reading.trades,
    charting.candles,
    reading.balances,
    records.orders,
    records.fills,
)
_GUARDING: Final[Sequence[Callable[..., None]]] = (stopping.panic, stopping.watchdog, doctor.doctor, verifying.verify)
_EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused, failed, or something is not as it should be (doctor, verify, panic, pins); "
    "2 wrong input; 3 the fate of an order or a cancel is not known; 130 interrupted."
)


def build_app() -> typer.Typer:
    """Return the commands of this package, without those of the siblings."""
    app = typer.Typer(
        name="tegro",
        no_args_is_help=True,
        help="Tegro, a self-custodial order-book exchange, from the command line.",
        epilog=_EXIT_CODES,
        # A traceback with local variables could show a key.
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for look in _LOOKING:
        app.command()(look)
    app.add_typer(ordering.app, name="order")
    app.add_typer(approving.app, name="allowance")
    app.add_typer(wallets.app, name="wallet")
    app.add_typer(pinning.app, name="pins")
    app.add_typer(perpetual.app, name="perp")
    for check in _GUARDING:
        app.command()(check)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 refused or failed, 2 wrong input, 3 fate unknown, 130 interrupted.

    Parameters
    ----------
    arguments
        The words after the program's name; None takes those of the process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    app = build_app()
    add_commands(app, words)
    try:
        app(words, prog_name="tegro")
    except InvalidInput as error:
        _fail(str(error), 2)
    except TegroError as error:
        _fail(str(error), 1)
    except OSError as error:
        # What is printed had no room; what the exit would try to print again has none either.
        with suppress(OSError):
            sys.stdout.close()
        _fail(error.strerror or str(error), 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(__version__)
        raise typer.Exit


def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    pass


def _fail(sentence: str, code: int) -> None:
    tell(f"tegro: {sentence}")
    sys.exit(code)
