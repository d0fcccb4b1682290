"""The question before anything is spent or signed away."""

import sys

import typer

from tegro.cli.output import printable
from tegro.errors import InvalidInput


def confirm(what: str, *, is_agreed: bool) -> None:
    """Let a person agree to what comes next, or end the command: 1 for no, 130 for Ctrl-C.

    Parameters
    ----------
    what
        What will be done, as a statement.
    is_agreed
        Whether `--yes` was given: then nobody is asked.

    Raises
    ------
    InvalidInput
        If nobody can be asked because standard input is no terminal.
    """
    if is_agreed:
        return
    statement = printable(what)
    if not sys.stdin.isatty():
        raise InvalidInput(f"{statement}; nobody can be asked here, so say --yes to agree")
    try:
        is_wanted = typer.confirm(f"{statement}. Go on?", err=True)
    except typer.Abort:
        typer.echo(err=True)
        raise typer.Exit(130) from None
    if not is_wanted:
        typer.echo("nothing was done", err=True)
        raise typer.Exit(1)


def ask_hidden(what: str, *, is_new: bool = False) -> str:
    """Ask for something that must not be seen; with `is_new` twice.

    Raises
    ------
    InvalidInput
        If nobody can be asked because standard input is no terminal.
    """
    if not sys.stdin.isatty():
        raise InvalidInput(f"nobody can be asked for {what} here: standard input is no terminal")
    try:
        return str(typer.prompt(what, hide_input=True, confirmation_prompt=is_new, err=True))
    except typer.Abort:
        typer.echo(err=True)
        raise typer.Exit(130) from None
