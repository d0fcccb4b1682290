"""How the commands of localnet end and where they print."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import typer
from rich.console import Console

from tegro_localnet.chain.errors import ChainError
from tegro_localnet.errors import LocalnetError

OUT: Final = Console()
_ERR: Final = Console(stderr=True)


def complete(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; what stops it is one sentence and exit code 1, Ctrl-C is 130."""
    try:
        asyncio.run(work)
    except (LocalnetError, ChainError) as error:
        raise failure(str(error), 1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def failure(text: str, code: int) -> typer.Exit:
    """Print a sentence on the error output; returns the exit to raise."""
    _ERR.print(f"tegro localnet: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def say(text: str) -> None:
    """Print a line as it is."""
    OUT.print(text, markup=False, highlight=False, soft_wrap=True)
