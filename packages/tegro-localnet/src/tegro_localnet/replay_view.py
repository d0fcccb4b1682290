"""How far a replay has come, as a bar on a terminal."""

import asyncio
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tegro_localnet.agents.replay import ReplayProgress

_REFRESH_SECS: Final = 0.2


async def show_bar(progress: ReplayProgress, console: Console) -> None:
    """Show a bar until the tape has ended; its last line stays."""
    columns = (TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("replay", total=progress.trades_in_tape)
        while not progress.is_finished:
            bar.update(task, completed=progress.trades_replayed)
            await asyncio.sleep(_REFRESH_SECS)
        bar.update(task, completed=progress.trades_replayed)
