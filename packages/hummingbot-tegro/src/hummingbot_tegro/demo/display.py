"""Where the demo's scenes go: a live picture on a terminal, or a line now and then elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from rich.console import Console
from rich.live import Live

from hummingbot_tegro.demo.view import Scene, line, screen

_PICTURE_SECS: Final = 0.25
_LINE_SECS: Final = 5.0


@asynccontextmanager
async def shown(scene: Scene, console: Console) -> AsyncIterator[None]:
    """Show a scene, as it changes, for the time of the block."""
    is_live = console.is_terminal and not console.is_dumb_terminal
    task = asyncio.create_task(_pictures(scene, console) if is_live else _lines(scene, console))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _pictures(scene: Scene, console: Console) -> None:
    with Live(console=console, screen=True, auto_refresh=False, transient=True) as live:
        while True:
            live.update(screen(scene, *console.size), refresh=True)
            await asyncio.sleep(_PICTURE_SECS)


async def _lines(scene: Scene, console: Console) -> None:
    """Print each phase when it begins, and every few seconds how far it is."""
    console.print(scene.title, soft_wrap=True, highlight=False, markup=False)
    printed = 0
    loop = asyncio.get_running_loop()
    next_secs = loop.time() + _LINE_SECS
    try:
        while True:
            if printed < len(scene.phases):
                printed = _print_phases(scene, console, printed)
                next_secs = loop.time() + _LINE_SECS
            elif loop.time() >= next_secs:
                console.print(line(scene), soft_wrap=True, highlight=False, markup=False)
                next_secs += _LINE_SECS
            await asyncio.sleep(_PICTURE_SECS)
    finally:
        _print_phases(scene, console, printed)


def _print_phases(scene: Scene, console: Console, printed: int) -> int:
    for phase in scene.phases[printed:]:
        console.print(phase, soft_wrap=True, highlight=False, markup=False)
    return len(scene.phases)
