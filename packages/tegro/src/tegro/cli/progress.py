"""A sign of life on standard error while something takes long; nothing where that is no terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape


@contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done for as long as the block runs; give what changes the words."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(escape(text)) as status:
        yield lambda words: status.update(escape(words))
