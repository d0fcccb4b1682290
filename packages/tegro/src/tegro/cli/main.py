"""The program `tegro`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from tegro import __version__
from tegro.cli import reading, trading, verifying
from tegro.cli.plugins import add_commands
from tegro.errors import InvalidInput, TegroError


def build_app() -> typer.Typer:
    """Return the commands of this package, without those of the siblings."""
    app = typer.Typer(
        name="tegro",
        no_args_is_help=True,
        help="Tegro, a self-custodial order-book exchange, from the command line.",
        # A traceback with local variables could show a key.
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    for command in (reading.markets, reading.book, reading.balances, reading.orders, trading.allowance):
        app.command()(command)
    app.command()(verifying.verify)
    app.add_typer(trading.order_app, name="order")
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
    typer.echo(f"tegro: {sentence}", err=True)
    sys.exit(code)
